/* SPDX-License-Identifier: MIT
 * A listener's view of announcements: what is one, what repeats it, what it says about
 * a restart. In virtual time.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proto/listen.h"
#include "wire/pcp.h"

static struct mono at(int64_t ms)
{
	return (struct mono){ 1000 * SEC + ms * MSEC };
}

static struct event_announce from(uint32_t address, enum via via, uint32_t epoch)
{
	return (struct event_announce){
		.source = { .address = ip_from_u32(address), .port = PCP_PORT },
		.interface = "eth0",
		.via = via,
		.epoch = epoch,
		.trusted = true,
	};
}

static struct listen_result hear(struct listen *listen, uint32_t epoch, int64_t ms)
{
	struct event_announce heard = from(0xc0a801fe, VIA_PCP, epoch);

	return listen_heard(listen, &heard, at(ms));
}

/* Takes the ends that are due: how many; *count is that of the last. */
static int ends(struct listen *listen, int64_t ms, unsigned *count)
{
	struct event_announce announce;
	struct mono heard;
	int n = 0;

	for (; listen_ended(listen, at(ms), &announce, &heard); n++)
		*count = announce.count;
	return n;
}

/* RFC 6887, 14.1.3: ten times, the gaps doubling from 250 ms. With the Epoch of each
 * moment, and with the same octets again and again. */
static void series(bool frozen)
{
	struct listen listen = { 0 };
	int64_t ms = 0, gap = 250;
	unsigned count = 0;

	for (unsigned n = 1; n <= LISTEN_REPEATS; n++) {
		struct listen_result result =
			hear(&listen, 3 + (frozen ? 0 : (uint32_t)(ms / 1000)), ms);

		assert_int_equal(result.repeat, n > 1);
		assert_int_equal(result.announce.count, n);
		assert_false(result.announce.restarted);
		assert_false(result.ended);
		if (n < LISTEN_REPEATS) {
			assert_int_equal(ends(&listen, ms, &count), 0);
			assert_true(listen_deadline(&listen).ns > at(ms).ns + gap * MSEC);
			ms += gap;
			gap *= 2;
		}
	}
	/* the tenth is the last: nothing is waited for */
	assert_true(mono_due(listen_deadline(&listen), at(ms)));
	assert_int_equal(ends(&listen, ms, &count), 1);
	assert_int_equal(count, LISTEN_REPEATS);
	assert_true(mono_is_never(listen_deadline(&listen)));
	assert_int_equal(ends(&listen, ms + 1000000, &count), 0);
	/* an eleventh is another announcement; a clock that stood still has been reset */
	struct listen_result result =
		hear(&listen, 3 + (frozen ? 0 : (uint32_t)(ms + 100) / 1000), ms + 100);
	assert_false(result.repeat);
	assert_false(result.announce.restarted);
}

static void test_series(void **state)
{
	(void)state;
	series(false);
	series(true);
}

/* Some of them get lost. */
static void test_lost_repeats(void **state)
{
	struct listen listen = { 0 };
	unsigned count = 0;

	(void)state;
	hear(&listen, 0, 0);
	assert_true(hear(&listen, 3, 3750).repeat); /* the fifth; three were lost */
	assert_true(hear(&listen, 7, 7750).repeat);
	assert_int_equal(ends(&listen, 12000, &count), 0);
	assert_int_equal(ends(&listen, 12750, &count), 1);
	assert_int_equal(count, 3);
	assert_false(hear(&listen, 63, 63750).repeat);
}

/* One that is never repeated has no end to tell. */
static void test_alone(void **state)
{
	struct listen listen = { 0 };
	unsigned count = 0;

	(void)state;
	hear(&listen, 0, 0);
	assert_int_equal(ends(&listen, 60000, &count), 0);
	assert_true(mono_is_never(listen_deadline(&listen)));
}

static void test_restart(void **state)
{
	struct listen listen = { 0 };
	struct listen_result result = hear(&listen, 3553200, 0);

	(void)state;
	assert_false(result.announce.has_expected);
	assert_false(result.announce.restarted);
	result = hear(&listen, 3, 30000);
	assert_false(result.repeat);
	assert_true(result.announce.has_expected);
	assert_true(result.announce.restarted);
	assert_int_equal(result.announce.previous, 3553200);
	assert_int_equal(result.announce.expected, 3553230);
	assert_int_equal(result.announce.count, 1);
	/* its repeats compare with itself, not with what was before */
	result = hear(&listen, 3, 30250);
	assert_true(result.repeat);
	assert_true(result.announce.restarted);
	/* much later, with a clock that went on: an announcement, no restart */
	result = hear(&listen, 603, 630000);
	assert_false(result.repeat);
	assert_false(result.announce.restarted);
	assert_int_equal(result.announce.expected, 603);
}

/* A server that dies again and again: each life is an announcement of its own. */
static void test_crashes(void **state)
{
	struct listen listen = { 0 };

	(void)state;
	hear(&listen, 0, 0);
	for (int64_t ms = 5000; ms < 60000; ms += 5000) {
		struct listen_result result = hear(&listen, 0, ms);

		assert_false(result.repeat);
		assert_true(result.announce.restarted);
		assert_int_equal(result.announce.expected, 5);
		assert_false(result.ended); /* the one before had no repeats */
	}
	/* a repeated one that is cut short by the next life ends with its count */
	hear(&listen, 0, 100000);
	hear(&listen, 0, 100250);
	hear(&listen, 0, 100750);
	struct listen_result result = hear(&listen, 0, 110000);
	assert_true(result.ended);
	assert_int_equal(result.before.count, 3);
	assert_int_equal(result.before_heard.ns, at(100750).ns);
}

/* Address, port, interface, protocol, trust: another one is another source. */
static void test_sources(void **state)
{
	struct listen listen = { 0 };
	struct event_announce heard[6];

	(void)state;
	for (size_t i = 0; i < 6; i++)
		heard[i] = from(0xc0a801fe, VIA_PCP, 3);
	heard[1].source.address = ip_from_u32(0xc0a801fd);
	heard[2].source.port = 40000;
	strcpy(heard[3].interface, "eth1");
	heard[4].via = VIA_NAT_PMP;
	heard[5].trusted = false;
	for (size_t i = 0; i < 6; i++)
		assert_false(listen_heard(&listen, &heard[i], at(0)).repeat);
	for (size_t i = 0; i < 6; i++)
		assert_true(listen_heard(&listen, &heard[i], at(250)).repeat);
}

/* NAT-PMP: its rule is one-sided, and another address is another announcement. */
static void test_natpmp(void **state)
{
	struct listen listen = { 0 };
	struct event_announce heard = from(0xc0a801fe, VIA_NAT_PMP, 100);
	struct listen_result result;

	(void)state;
	heard.has_external = true;
	heard.external_address = ip_from_u32(0xcb007109);
	listen_heard(&listen, &heard, at(0));
	/* the same again at once: old servers send to 5350 and 5351 */
	assert_true(listen_heard(&listen, &heard, at(1)).repeat);
	heard.external_address = ip_from_u32(0xcb00710a);
	result = listen_heard(&listen, &heard, at(2));
	assert_false(result.repeat);
	assert_false(result.announce.restarted);
	assert_true(result.ended);
	/* ahead: no repeat, but no restart by its rule either */
	heard.epoch = 9000;
	result = listen_heard(&listen, &heard, at(1000));
	assert_false(result.repeat);
	assert_false(result.announce.restarted);
	heard.epoch = 8990;
	assert_true(listen_heard(&listen, &heard, at(61000)).announce.restarted);
}

/* What an earlier run or the server itself said. */
static void test_learn(void **state)
{
	struct listen listen = { 0 };
	struct event_announce heard = from(0xc0a801fe, VIA_PCP, 3);
	struct listen_result result;

	(void)state;
	assert_false(listen_knows(&listen, &heard));
	listen_learn(&listen, &heard, 3553200, at(-30000));
	assert_true(listen_knows(&listen, &heard));
	assert_true(mono_is_never(listen_deadline(&listen)));
	result = listen_heard(&listen, &heard, at(0));
	assert_false(result.repeat);
	assert_true(result.announce.restarted);
	assert_int_equal(result.announce.expected, 3553230);
	/* it was forged: the server says so, and the next one is compared with that */
	listen_learn(&listen, &heard, 3553231, at(1000));
	heard.epoch = 3553240;
	result = listen_heard(&listen, &heard, at(10000));
	assert_false(result.announce.restarted);
	assert_int_equal(result.announce.expected, 3553240);
}

/* The repeats and the end of what was asked about say so; another announcement does not. */
static void test_verified(void **state)
{
	struct listen listen = { 0 };
	struct event_announce announce = hear(&listen, 3, 0).announce;
	struct listen_result result;

	(void)state;
	announce.asked = announce.verified = announce.answered = true;
	announce.answer_epoch = 3;
	listen_verified(&listen, &announce);
	result = hear(&listen, 3, 250);
	assert_true(result.repeat);
	assert_true(result.announce.asked);
	assert_true(result.announce.verified);
	result = hear(&listen, 700, 500);
	assert_false(result.repeat);
	assert_false(result.announce.asked);
	assert_false(result.announce.verified);
	listen_verified(&listen, &announce); /* too late: it is about the one before */
	assert_false(hear(&listen, 700, 750).announce.asked);
}

/* What became of a question displaces nobody: its source was forgotten meanwhile. */
static void test_verified_late(void **state)
{
	struct listen listen = { 0 };
	struct event_announce gone = hear(&listen, 3, 0).announce, heard;
	unsigned count;

	(void)state;
	for (uint32_t i = 0; i < LISTEN_SOURCES; i++) {
		heard = from(0x0a000000 + i, VIA_PCP, 3);
		listen_heard(&listen, &heard, at(10));
		listen_heard(&listen, &heard, at(260));
	}
	assert_false(listen_knows(&listen, &gone));
	listen_verified(&listen, &gone);
	assert_false(listen_knows(&listen, &gone));
	assert_int_equal(ends(&listen, 3600 * 1000, &count), LISTEN_SOURCES);
	assert_int_equal(count, 2);
}

/* A flood of strangers displaces strangers only. */
static void test_flood(void **state)
{
	struct listen listen = { 0 };

	(void)state;
	hear(&listen, 3553200, 0);
	for (uint32_t i = 0; i < 10000; i++) {
		struct event_announce heard = from(0x0a000000 + i, VIA_PCP, i);

		heard.trusted = false;
		assert_false(listen_heard(&listen, &heard, at(i / 10)).repeat);
	}
	assert_true(hear(&listen, 3, 5000).announce.restarted);
	/* of the strangers the last ones are still known */
	struct event_announce last = from(0x0a000000 + 9999, VIA_PCP, 9999);
	struct event_announce first = from(0x0a000000, VIA_PCP, 0);

	last.trusted = first.trusted = false;
	assert_true(listen_knows(&listen, &last));
	assert_false(listen_knows(&listen, &first));
}

static void test_answers(void **state)
{
	static const uint8_t refused[24] = { 2, 0x80, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9 };
	static const uint8_t request[24] = { 2, 0 };
	static const uint8_t map[24] = { 2, 0x81 };
	static const uint8_t natpmp[12] = { 0, 128, 0, 0, 0, 0, 0, 7, 203, 0, 113, 9 };
	struct announcement out = { 0 };

	(void)state;
	assert_true(announcement_decode_answer(VIA_PCP, refused, sizeof(refused), &out));
	assert_int_equal(out.epoch, 9);
	assert_false(announcement_decode(refused, sizeof(refused), &out));
	for (size_t n = 0; n < sizeof(refused); n++)
		assert_false(announcement_decode_answer(VIA_PCP, refused, n, &out));
	assert_false(announcement_decode_answer(VIA_PCP, request, sizeof(request), &out));
	assert_false(announcement_decode_answer(VIA_PCP, map, sizeof(map), &out));
	assert_false(announcement_decode_answer(VIA_PCP, natpmp, sizeof(natpmp), &out));
	assert_true(announcement_decode_answer(VIA_NAT_PMP, natpmp, sizeof(natpmp), &out));
	assert_int_equal(out.epoch, 7);
	assert_true(out.has_external);
	assert_false(announcement_decode_answer(VIA_NAT_PMP, refused, sizeof(refused), &out));
	assert_int_equal(out.epoch, 7); /* left alone */
}

static void test_confirms(void **state)
{
	struct event_announce announce = from(0xc0a801fe, VIA_PCP, 100);
	struct announcement answer = { .via = VIA_PCP, .epoch = 101 };

	(void)state;
	assert_true(listen_confirms(&announce, at(0), &answer, at(1500)));
	answer.epoch = 3553200;
	assert_false(listen_confirms(&announce, at(0), &answer, at(1500)));
	answer.epoch = 90;
	assert_false(listen_confirms(&announce, at(0), &answer, at(1500)));
	answer.epoch = 3; /* it began with the announcement, or a little later */
	assert_true(listen_confirms(&announce, at(0), &answer, at(1500)));
	answer.epoch = 4;
	assert_false(listen_confirms(&announce, at(0), &answer, at(1500)));
	answer.epoch = UINT32_MAX;
	assert_false(listen_confirms(&announce, at(0), &answer, at(1500)));
	/* another external address than was announced */
	answer.epoch = 101;
	announce.has_external = answer.has_external = true;
	announce.external_address = ip_from_u32(0xcb007109);
	answer.external = ip_from_u32(0xcb00710a);
	assert_false(listen_confirms(&announce, at(0), &answer, at(1500)));
	answer.external = announce.external_address;
	assert_true(listen_confirms(&announce, at(0), &answer, at(1500)));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_series),
		cmocka_unit_test(test_lost_repeats),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_crashes),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_natpmp),
		cmocka_unit_test(test_learn),
		cmocka_unit_test(test_verified),
		cmocka_unit_test(test_verified_late),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_confirms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
