/* SPDX-License-Identifier: MIT
 * The screen as a whole: scenes, as text, at every size that is common and some that
 * are not. GOLDEN_UPDATE=1 writes the golden files anew; look at what differs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "view_play.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	int width, height;
} sizes[] = { { 60, 15 }, { 80, 24 }, { 132, 50 }, { 200, 60 } };

static void golden_at_all_sizes(struct play *play, const char *scene)
{
	char name[100];

	for (size_t i = 0; i < COUNT(sizes); i++) {
		snprintf(name, sizeof(name), "%s-%dx%d", scene, sizes[i].width, sizes[i].height);
		play_golden(play, sizes[i].width, sizes[i].height, name);
	}
}

/* --- scenes --- */

/* Three mappings of a home network, one of them refused; an hour has passed. */
static void home(struct play *play)
{
	struct event web = play_grant(0, PROTOCOL_TCP, 8080, 8080, 7200);
	struct event sip = play_grant(1, PROTOCOL_UDP, 5060, 61200, 7200);
	struct event dns = sample_refusal("192.168.1.254", VIA_PCP, 2);
	struct event probe = sample_probe("192.168.1.254");

	dns.mapping.want = 2;
	dns.mapping.protocol = PROTOCOL_UDP;
	dns.mapping.internal_port = 53;
	probe.server.external_address = sample_ip("203.0.113.7");
	play_event(play, &probe);
	web.mapping.next.ns = play->now.ns + 3600 * SEC;
	play_event(play, &web);
	play_wait(play, 300 * MSEC);
	sip.mapping.next.ns = play->now.ns + 3700 * SEC;
	play_event(play, &sip);
	dns.mapping.next.ns = play->now.ns + 1800 * SEC;
	play_event(play, &dns);
	play_wait(play, 3500 * SEC);
	web.mapping.outcome = OUTCOME_RENEWED;
	web.mapping.epoch = 3553200 + 3501;
	web.mapping.next.ns = play->now.ns + 3650 * SEC;
	play_event(play, &web);
	play_wait(play, 60 * SEC);
}

/* The same, and the router has just restarted. */
static void reboot(struct play *play)
{
	struct event epoch = play_epoch(EPOCH_RESTART, 3556761, 3, 3556823);

	home(play);
	play_wait(play, 61 * SEC);
	play_event(play, &epoch);
	play_wait(play, 200 * MSEC);
}

static void recover(struct play *play)
{
	struct event web = play_grant(0, PROTOCOL_TCP, 8080, 8080, 7200);
	struct event sip = play_grant(1, PROTOCOL_UDP, 5060, 61234, 7200);

	web.mapping.outcome = OUTCOME_RECOVERED;
	web.mapping.epoch = 5;
	sip.mapping.outcome = OUTCOME_CHANGED;
	sip.mapping.has_previous = true;
	sip.mapping.previous_address = sample_ip("203.0.113.7");
	sip.mapping.previous_port = 61200;
	sip.mapping.epoch = 7;
	play_wait(play, 1800 * MSEC);
	web.mapping.next.ns = play->now.ns + 3600 * SEC;
	play_event(play, &web);
	play_wait(play, 2200 * MSEC);
	sip.mapping.next.ns = play->now.ns + 3600 * SEC;
	play_event(play, &sip);
	play_wait(play, SEC);
}

/* A second server of the other family, and mappings of other kinds on it. */
static void two_servers(struct play *play)
{
	struct event pinhole = sample_grant("fe80::1"), peer = sample_grant("192.168.1.254");
	struct event silent = sample_silence("fe80::1");

	home(play);
	pinhole.mapping.want = 10;
	pinhole.mapping.internal_port = pinhole.mapping.external_port = 22;
	pinhole.mapping.next.ns = play->now.ns + 3333 * SEC;
	play_event(play, &pinhole);
	peer.mapping.want = 11;
	peer.mapping.opcode = PCP_PEER;
	peer.mapping.internal_port = 51234;
	peer.mapping.external_port = 40001;
	peer.mapping.external_address = sample_ip("203.0.113.7");
	peer.mapping.remote_address = sample_ip("198.51.100.5");
	peer.mapping.remote_port = 22;
	peer.mapping.lifetime = 600;
	peer.mapping.epoch = 3556761;
	peer.mapping.next.ns = play->now.ns + 310 * SEC;
	play_event(play, &peer);
	silent.mapping.want = 12;
	silent.mapping.internal_port = 443;
	silent.mapping.next = MONO_NEVER;
	play_event(play, &silent);
	play_wait(play, 530 * SEC);
}

static void many(struct play *play, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct event event = play_grant(i, i % 3 ? PROTOCOL_TCP : PROTOCOL_UDP,
			(uint16_t)(1000 + i), (uint16_t)(50000 - i), 120 + i % 7200);

		event.mapping.next.ns = play->now.ns + (60 + i % 3600) * SEC;
		play_event(play, &event);
	}
	play_wait(play, 30 * SEC);
}

/* --- as text --- */

static void test_scenes(void **state)
{
	static const struct {
		const char *name;
		void (*act)(struct play *);
	} scenes[] = { { "home", home }, { "reboot", reboot }, { "servers", two_servers } };

	(void)state;
	for (size_t i = 0; i < COUNT(scenes); i++) {
		struct play play;

		play_begin(&play, true);
		scenes[i].act(&play);
		golden_at_all_sizes(&play, scenes[i].name);
		play_end(&play);
	}
}

static void test_recovery(void **state)
{
	struct play play;

	(void)state;
	play_begin(&play, true);
	reboot(&play);
	recover(&play);
	golden_at_all_sizes(&play, "recovered");
	play_end(&play);
}

static void test_other_screens(void **state)
{
	struct play play;

	(void)state;
	play_begin(&play, false);
	golden_at_all_sizes(&play, "empty");
	home(&play);
	golden_at_all_sizes(&play, "ascii");
	play_key(&play, '?');
	golden_at_all_sizes(&play, "help");
	play_key(&play, 'l');
	golden_at_all_sizes(&play, "log");
	play_end(&play);
}

static void test_many(void **state)
{
	struct play play;

	(void)state;
	play_begin(&play, true);
	many(&play, 10000);
	play_key(&play, PRESS_PAGE_DOWN);
	golden_at_all_sizes(&play, "many");
	play_end(&play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenes),
		cmocka_unit_test(test_recovery),
		cmocka_unit_test(test_other_screens),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
