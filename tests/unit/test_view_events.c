/* SPDX-License-Identifier: MIT
 * What events make of the screen, in virtual time: states, clocks, the log, and what it
 * all costs. Regressions: test_view_regressions.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "view_play.h"

#define W      132
#define H      40
#define ROUTER "192.168.1.254"

/* --- mappings --- */

static void test_outcomes(void **state)
{
	static const struct {
		enum mapping_outcome outcome;
		const char *word;
		enum look look;
	} rows[] = {
		{ OUTCOME_GRANTED, "granted", LOOK_GOOD },
		{ OUTCOME_RENEWED, "renewed", LOOK_GOOD },
		{ OUTCOME_CHANGED, "changed", LOOK_WARN },
		{ OUTCOME_REFUSED, "refused: NO_RESOURCES", LOOK_BAD },
		{ OUTCOME_LOST, "lost", LOOK_BAD },
		{ OUTCOME_RECOVERED, "recovered", LOOK_GOOD },
		{ OUTCOME_UNANSWERED, "unanswered", LOOK_WARN },
		{ OUTCOME_UNREACHABLE, "unreachable", LOOK_BAD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct view_settings settings = play_settings(true);
		struct event event = play_grant(1, PROTOCOL_TCP, 8080, 8080, 7200);
		struct play play;

		settings.still = true; /* no row is selected */
		play_begin_with(&play, &settings);
		event.mapping.outcome = rows[i].outcome;
		event.mapping.result = rows[i].outcome == OUTCOME_REFUSED ? 8 : 0;
		play_event(&play, &event);
		play_shows(&play, W, 6, rows[i].word);
		assert_int_equal(play_look(&play, rows[i].word), rows[i].look);
		play_end(&play);
	}
}

/* A refused renewal ends nothing: what was granted holds until its end. */
static void test_held_through_refusal(void **state)
{
	struct event refused = sample_refusal(ROUTER, VIA_PCP, 8);
	struct play play;

	(void)state;
	play_begin(&play, true);
	play_mapping(&play, 1, OUTCOME_GRANTED);
	play_wait(&play, 3600 * SEC);
	refused.mapping.want = 1;
	play_event(&play, &refused);
	play_shows(&play, W, H, "203.0.113.7:9001");
	play_shows(&play, W, H, "     1h");
	play_shows(&play, W, H, "refused: NO_RESOURCES");
	play_shows(&play, W, H, "1 mapping: 0 held, 1 refused");
	play_wait(&play, 3599 * SEC);
	play_shows(&play, W, H, "  1s ");
	play_wait(&play, 2 * SEC);
	play_shows(&play, W, H, "over");
	play_mapping(&play, 1, OUTCOME_LOST);
	play_hides(&play, W, 10, "203.0.113.7:9001  ");
	play_shows(&play, W, H, "tcp 8001: lost");
	play_end(&play);
}

static void test_deleted(void **state)
{
	struct event granted = play_grant(3, PROTOCOL_UDP, 5060, 5060, 600);
	struct event gone = granted;
	struct play play;

	(void)state;
	play_begin(&play, true);
	play_event(&play, &granted);
	play_shows(&play, W, H, "1 mapping: 1 held ");
	gone.mapping.outcome = OUTCOME_DELETED;
	gone.mapping.deleting = true;
	gone.mapping.lifetime = 120;
	play_event(&play, &gone);
	play_shows(&play, W, H, "0 mappings");
	play_shows(&play, W, H, "udp 5060: deleted, lives on for 2m");
	play_event(&play, &gone); /* of what is not there any more: no harm */
	play_shows(&play, W, H, "0 mappings");
	play_end(&play);
}

/* What the event points to is gone after the call. */
static void test_nothing_is_kept(void **state)
{
	struct event event = play_grant(0, PROTOCOL_TCP, 8080, 8080, 7200);
	struct pcp_options *options = calloc(1, sizeof(*options));
	struct pcp_filter *filter = calloc(1, sizeof(*filter));
	char *description = strdup("a web\033 server");
	struct play play;

	(void)state;
	play_begin(&play, true);
	filter->address = sample_ip("198.51.100.0");
	filter->prefix_length = 120;
	options->filters = filter;
	options->filter_count = 1;
	options->description = description;
	options->prefer_failure = true;
	event.mapping.options = options;
	play_event(&play, &event);
	memset(filter, 0xff, sizeof(*filter));
	memset(description, 'X', strlen(description));
	memset(options, 0xff, sizeof(*options));
	free(filter);
	free(description);
	free(options);
	play_key(&play, PRESS_ENTER);
	play_shows(&play, W, H, "FILTER 198.51.100.0/24 port 0");
	play_shows(&play, W, H, "DESCRIPTION a web\\x1b server");
	play_shows(&play, W, H, "PREFER_FAILURE");
	play_end(&play);
}

/* --- responses --- */

#define MAP_RESPONSE                                                                               \
	"028100000000000000029bed000000000000000000000000"                                         \
	"112233445566778899aabbcc1100000013c4ef10"                                                 \
	"00000000000000000000ffffcb007107"

/* The datagram comes before the first event of its mapping, or after. */
static void test_response(void **state)
{
	struct event event = play_grant(9, PROTOCOL_UDP, 5060, 61200, 7200);
	struct event other = play_grant(8, PROTOCOL_UDP, 5061, 61201, 7200);
	struct event packet = sample_packet(ROUTER, false, MAP_RESPONSE);
	struct play play;

	(void)state;
	for (int before = 0; before < 2; before++) {
		play_begin(&play, true);
		play_event(&play, &other);
		packet.packet.server.interface[0] = '\0'; /* as the engine may have it */
		if (before)
			play_event(&play, &packet);
		play_event(&play, &event);
		if (!before)
			play_event(&play, &packet);
		play_key(&play, PRESS_END);
		play_key(&play, PRESS_ENTER);
		play_shows(&play, W, H, "60 octets at 13:03:10");
		play_shows(&play, W, H, "Internal Port");
		play_shows(&play, W, H, "5060");
		play_key(&play, PRESS_ENTER);
		play_key(&play, PRESS_HOME);
		play_key(&play, PRESS_ENTER);
		play_shows(&play, W, H, "none was kept");
		play_end(&play);
	}
}

static void test_detail_golden(void **state)
{
	struct event event = play_grant(9, PROTOCOL_UDP, 5060, 61200, 7200);
	struct event packet = sample_packet(ROUTER, false, MAP_RESPONSE);
	struct play play;

	(void)state;
	play_begin(&play, true);
	event.mapping.next.ns = play.now.ns + 3700 * SEC;
	assert_true(view_server(play.view, &event.mapping.server));
	play_event(&play, &packet);
	play_event(&play, &event);
	play_wait(&play, 100 * SEC);
	play_key(&play, PRESS_ENTER);
	play_golden(&play, 80, 24, "detail-80x24");
	play_golden(&play, 132, 50, "detail-132x50");
	play_end(&play);
}

/* Datagrams that are no response to a mapping, or broken, or from nobody. */
static void test_odd_packets(void **state)
{
	static const char *const octets[] = { "", "00", "0080000000000001cb007107", "0281", "ffff",
		"028000000000000000029bed000000000000000000000000",
		"028100000000000000029bed000000000000000000000000112233" };
	struct play play;

	(void)state;
	play_begin(&play, true);
	play_mapping(&play, 1, OUTCOME_GRANTED);
	for (size_t i = 0; i < sizeof(octets) / sizeof(*octets); i++) {
		struct event packet = sample_packet(ROUTER, false, octets[i]);

		play_event(&play, &packet);
		packet.packet.server = sample_server("192.168.1.66");
		play_event(&play, &packet);
	}
	play_hides(&play, W, H, "192.168.1.66");
	play_end(&play);
}

/* --- clocks --- */

static void test_drift(void **state)
{
	static const struct {
		uint32_t epoch; /* after 1000 s more */
		const char *shown;
	} rows[] = {
		{ 2000, "+0 s 0.00%" },
		{ 2001, "+1 s 0.10%" },
		{ 1998, "-2 s 0.20%" },
		{ 2050, "+50 s 5.00%" },
		{ 1950, "-50 s 5.00%" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct play play;

		play_begin(&play, true);
		play_sample(&play, 1000);
		play_shows(&play, W, H, "2026-11-22 12:46"); /* 1000 s ago */
		play_shows(&play, W, H, "1000 s (16m 40s)");
		play_wait(&play, 500 * SEC);
		play_shows(&play, W, H, "1500 s (25m)"); /* it runs on */
		play_wait(&play, 500 * SEC);
		play_sample(&play, rows[i].epoch);
		play_shows(&play, W, H, rows[i].shown);
		play_shows(&play, W, H, "2026-11-22 12:46"); /* and does not wander */
		play_shows(&play, W, H, "2.0 ms");
		play_wait(&play, 77 * SEC);
		play_shows(&play, W, H, "1m 17s ago");
		play_end(&play);
	}
}

/* The drift is not told in % before it means something; the clocks of the two
 * protocols are never compared. */
static void test_two_clocks(void **state)
{
	struct event nat_pmp = play_grant(1, PROTOCOL_TCP, 80, 80, 600);
	struct play play;

	(void)state;
	play_begin(&play, true);
	play_sample(&play, 1000);
	play_wait(&play, 10 * SEC);
	play_sample(&play, 1011);
	play_shows(&play, W, H, "+1 s ");
	play_hides(&play, W, H, "%");
	nat_pmp.mapping.via = VIA_NAT_PMP;
	nat_pmp.mapping.epoch = 77;
	play_event(&play, &nat_pmp);
	play_shows(&play, W, H, "NAT-PMP");
	play_shows(&play, W, H, "77 s");
	play_hides(&play, W, H, "+1 s");
	play_end(&play);
}

/* --- other events --- */

static void test_other_events(void **state)
{
	struct event version = sample_event(EVENT_VERSION);
	struct event error = sample_error(ROUTER, NET_ERROR_PORT_UNREACHABLE, 3, 3);
	struct event drop = sample_drop(ROUTER, DROP_NONCE);
	struct event announce = sample_event(EVENT_ANNOUNCE);
	struct play play;

	(void)state;
	play_begin(&play, true);
	version.version.server = sample_server(ROUTER);
	version.version.change = VERSION_FELL_BACK;
	play_event(&play, &version);
	play_shows(&play, W, H, "is silent on PCP and answered NAT-PMP: NAT-PMP is used");
	play_event(&play, &error);
	play_event(&play, &error);
	play_shows(&play, W, H, "! ICMP port unreachable from 192.168.1.254");
	play_sample(&play, 5); /* it is heard again */
	play_hides(&play, W, H, "! ICMP");
	for (int i = 0; i < 3; i++)
		play_event(&play, &drop);
	play_shows(&play, W, H, "3 datagrams ignored");
	play_shows(&play, W, H,
		"ignored an answer of 60 octets from 192.168.1.254:5351: with another nonce");
	announce.announce.source = sample_server("192.168.1.66").server;
	memcpy(announce.announce.interface, "e\033th", 5);
	announce.announce.via = VIA_PCP;
	announce.announce.count = 1;
	play_event(&play, &announce);
	announce.announce.count = 2;
	play_event(&play, &announce);
	play_shows(&play, W, H,
		"192.168.1.66%e\\x1bth announces by multicast (PCP): epoch 0 s, not a router");
	announce.announce.count = 1;
	announce.announce.trusted = announce.announce.has_expected = true;
	announce.announce.restarted = true;
	announce.announce.previous = 700;
	announce.announce.expected = 730;
	play_event(&play, &announce);
	play_shows(&play, W, H, "restarted: was 700 s, expected 730 s");
	play_key(&play, 'l');
	play_golden(&play, 80, 24, "events-80x24");
	play_end(&play);
}

/* More servers than fit: those that are set off come first, the rest can be reached. */
static void test_many_servers(void **state)
{
	struct play play;

	(void)state;
	play_begin(&play, true);
	for (int i = 1; i <= 30; i++) {
		struct event event = play_epoch(EPOCH_RESTART, 0, 1000, 0);
		char address[20];

		snprintf(address, sizeof(address), "10.0.0.%d", i);
		event.epoch.server = sample_server(address);
		event.epoch.regressed = i == 30;
		play_event(&play, &event);
	}
	play_shows(&play, 80, 24, "1 of 30 servers, < >");
	play_shows(&play, 80, 24, "10.0.0.30 ");
	play_shows(&play, 80, 24, "10.0.0.4 ");
	play_hides(&play, 80, 24, "10.0.0.5 ");
	for (int i = 0; i < 40; i++)
		play_key(&play, '>');
	play_shows(&play, 80, 24, "30 of 30 servers");
	play_shows(&play, 80, 24, "10.0.0.29 ");
	for (int i = 0; i < 40; i++)
		play_key(&play, '<');
	play_golden(&play, 80, 24, "many-servers-80x24");
	play_end(&play);
}

/* --- the log --- */

static void test_log_is_bounded(void **state)
{
	struct play play;

	(void)state;
	play_begin(&play, true);
	play_regress(&play);
	for (int i = 0; i < 3 * VIEW_LOG_MAX; i++) {
		char text[30];

		snprintf(text, sizeof(text), "line %d.", i);
		assert_true(view_log(play.view, play.wall_ms, LOOK_NORMAL, text));
	}
	play_key(&play, 'l');
	play_key(&play, PRESS_HOME);
	play_shows(&play, W, H, "REGRESSION of 192.168.1.254: restarted");
	play_shows(&play, W, H, "line 2001.");
	play_hides(&play, W, H, "line 2000.");
	/* were there nothing else, the oldest regression would go */
	for (int i = 0; i < VIEW_LOG_MAX + 5; i++)
		play_regress(&play);
	play_key(&play, PRESS_END);
	play_hides(&play, W, H, "line");
	play_end(&play);
}

static void test_renewals(void **state)
{
	struct view_settings settings = play_settings(true);
	struct play play;

	(void)state;
	for (int verbose = 0; verbose < 2; verbose++) {
		settings.verbose = verbose != 0;
		play_begin_with(&play, &settings);
		play_mapping(&play, 0, OUTCOME_RENEWED);
		(verbose ? play_shows : play_hides)(&play, W, H, "tcp 8000: renewed as");
		play_end(&play);
	}
}

/* --- what it costs --- */

/* Of 10,000 mappings those that are seen are formatted, and no others. */
static void test_only_visible_rows(void **state)
{
	uint64_t before;
	struct play play;

	(void)state;
	play_begin(&play, true);
	for (unsigned i = 0; i < 10000; i++)
		play_mapping(&play, i, OUTCOME_GRANTED);
	before = view_formatted(play.view);
	assert_int_equal(before, 0);
	for (int i = 0; i < 10; i++) {
		play_wait(&play, SEC);
		play_screen(&play, 80, 24);
		play_key(&play, PRESS_PAGE_DOWN);
	}
	assert_int_equal(view_formatted(play.view), 10 * 13);
	play_key(&play, '?');
	play_screen(&play, 80, 24);
	assert_int_equal(view_formatted(play.view), 10 * 13);
	play_end(&play);
}

/* At once after a key, soon after an event, else once a second. */
static void test_deadline(void **state)
{
	struct play play;

	(void)state;
	play_begin(&play, true);
	play_screen(&play, 80, 24);
	assert_int_equal(mono_since(view_deadline(play.view), play.now), SEC);
	play_mapping(&play, 0, OUTCOME_GRANTED);
	assert_int_equal(mono_since(view_deadline(play.view), play.now), 50 * MSEC);
	play_key(&play, PRESS_NONE);
	assert_int_equal(mono_since(view_deadline(play.view), play.now), 50 * MSEC);
	play_key(&play, 'j');
	assert_true(mono_due(view_deadline(play.view), play.now));
	play_screen(&play, 80, 24);
	assert_int_equal(mono_since(view_deadline(play.view), play.now), SEC);
	play_end(&play);
}

/* The height that view_height() tells shows everything, and no line more. */
static void test_height(void **state)
{
	struct view_settings settings = play_settings(true);

	(void)state;
	settings.still = true;
	for (unsigned n = 0; n < 40; n += 13) {
		struct play play;
		const char *text;
		size_t lines = 0;
		int height;

		play_begin_with(&play, &settings);
		for (unsigned i = 0; i < n; i++)
			play_mapping(&play, i, OUTCOME_GRANTED);
		play_sample(&play, 3553200);
		height = view_height(play.view, play.now, 5);
		text = play_screen(&play, 80, height);
		for (const char *p = text; *p; p++)
			lines += p[0] == '\n' && p[1] != '\n';
		assert_int_equal(lines + 2, height); /* two gaps */
		if (n) {
			char last[40];

			snprintf(last, sizeof(last), "192.168.1.10:%u ", 8000 + n - 1);
			play_shows(&play, 80, height, last);
		}
		if (n == 13)
			play_golden(&play, 80, height, "once-80");
		play_end(&play);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_held_through_refusal),
		cmocka_unit_test(test_deleted),
		cmocka_unit_test(test_nothing_is_kept),
		cmocka_unit_test(test_response),
		cmocka_unit_test(test_detail_golden),
		cmocka_unit_test(test_odd_packets),
		cmocka_unit_test(test_drift),
		cmocka_unit_test(test_two_clocks),
		cmocka_unit_test(test_other_events),
		cmocka_unit_test(test_many_servers),
		cmocka_unit_test(test_log_is_bounded),
		cmocka_unit_test(test_renewals),
		cmocka_unit_test(test_only_visible_rows),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_height),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
