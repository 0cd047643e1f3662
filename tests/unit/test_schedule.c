/* SPDX-License-Identifier: MIT
 * Schedules against the tables of RFC 6887, 8.1.1, RFC 6886, 3.1, and pcpctl(1); the
 * smoothed round trip; the window.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/schedule.h"

#define SENDS_MAX 16

/* The instants of the first `count` sends in ms, with jitter or at its middle. */
static void run(const struct schedule *schedule, int64_t rtt, uint64_t seed, size_t count,
	int64_t at[])
{
	struct prng prng = { seed };
	struct retry retry = { 0 };
	struct mono now = { 0 };

	for (size_t i = 0; i < count; i++) {
		at[i] = now.ns / MSEC;
		now = retry_sent(&retry, schedule, rtt, now, &prng);
	}
}

static void natpmp_table(void **state)
{
	static const int64_t table[] = { 0, 250, 750, 1750, 3750, 7750, 15750, 31750, 63750 };
	struct prng prng = { 1 };
	struct retry retry = { 0 };
	struct mono now = { 0 };

	(void)state;
	for (size_t i = 0; i < 9; i++) {
		assert_false(retry_exhausted(&retry, &schedule_natpmp));
		assert_int_equal(now.ns / MSEC, table[i]);
		now = retry_sent(&retry, &schedule_natpmp, 0, now, &prng);
	}
	assert_true(retry_exhausted(&retry, &schedule_natpmp));
	assert_int_equal(now.ns / MSEC, 127750); /* and no NAT-PMP is what it means */
}

/* 3 s doubling to 1024 s, with the jitter out: sends at these seconds. */
static void pcp_table(void **state)
{
	static const int64_t table[] = { 0, 3, 9, 21, 45, 93, 189, 381, 765, 1533, 2557, 3581 };
	struct schedule plain = schedule_pcp;
	int64_t at[12];

	(void)state;
	assert_int_equal(schedule_pcp.jitter_percent, 10);
	assert_int_equal(schedule_pcp.tries, 0); /* MRC 0: no limit */
	plain.jitter_percent = 0;
	run(&plain, 0, 1, 12, at);
	for (size_t i = 0; i < 12; i++)
		assert_int_equal(at[i], 1000 * table[i]);
}

static void quick_table(void **state)
{
	static const int64_t table[] = { 0, 250, 750, 1750, 3750, 7750 };
	struct schedule plain = schedule_quick;
	int64_t at[6];

	(void)state;
	plain.jitter_percent = 0;
	run(&plain, 0, 1, 6, at);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(at[i], table[i]);
}

/* RT = (1 + RAND) * MIN(2 * RTprev, MRT): RTprev holds its jitter. Each wait is within
 * 10 % of what it comes from, uses the whole range, and differs between seeds. */
static void jitter_is_ten_percent_of_each_wait(void **state)
{
	double least = 2, most = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 1000; seed++) {
		struct prng prng = { seed };
		struct retry retry = { 0 };
		struct mono now = { 0 };
		int64_t before = schedule_pcp.first / 2;

		for (int i = 0; i < 14; i++) {
			int64_t base = 2 * before < schedule_pcp.max ? 2 * before : schedule_pcp.max;
			double ratio;

			now = retry_sent(&retry, &schedule_pcp, 0, now, &prng);
			ratio = (double)retry.wait / (double)base;
			assert_true(ratio >= 0.9 - 1e-6 && ratio <= 1.1 + 1e-6);
			assert_int_equal(mono_since(now, retry.last), retry.wait);
			least = ratio < least ? ratio : least;
			most = ratio > most ? ratio : most;
			before = retry.wait;
		}
		assert_in_range(retry.wait, 921600 * MSEC, 1126400 * MSEC); /* at the cap */
	}
	assert_true(least < 0.901 && most > 1.099);
}

static void the_first_wait_is_four_round_trips(void **state)
{
	struct schedule plain = schedule_quick;
	int64_t at[4];

	(void)state;
	plain.jitter_percent = 0;
	run(&plain, 62 * MSEC, 1, 2, at);
	assert_int_equal(at[1], 250); /* 4 x 62 is less */
	run(&plain, 100 * MSEC, 1, 2, at);
	assert_int_equal(at[1], 400);
	run(&plain, 500 * MSEC, 1, 4, at);
	assert_int_equal(at[1], 2000);
	assert_int_equal(at[2], 6000);
	run(&schedule_natpmp, 500 * MSEC, 1, 2, at);
	assert_int_equal(at[1], 250); /* RFC 6886 knows no round trips */
}

static void round_trips_are_smoothed_by_eighths(void **state)
{
	(void)state;
	assert_int_equal(rtt_smooth(0, 80), 80);
	assert_int_equal(rtt_smooth(80, 160), 90);
	assert_int_equal(rtt_smooth(160, 80), 150);
}

static void the_window_opens_by_answers(void **state)
{
	struct window window;

	(void)state;
	window_init(&window);
	for (unsigned i = 0; i < 8; i++) {
		assert_true(window_has_room(&window));
		window_take(&window);
	}
	assert_false(window_has_room(&window));
	window_give(&window, false);
	assert_int_equal(window.size, 8); /* a place that was given up proves nothing */
	window_take(&window);
	for (unsigned i = 0; i < 200; i++) {
		window_give(&window, true);
		window_take(&window);
	}
	assert_int_equal(window.size, 64);
	assert_int_equal(window.used, 8);
}

static void one_loss_event_halves_once(void **state)
{
	struct window window;

	(void)state;
	window_init(&window);
	/* eight requests of one burst, seen lost one after the other */
	for (int64_t i = 0; i < 8; i++)
		window_lost(&window, (struct mono){ 1000 }, (struct mono){ 2000 + i });
	assert_int_equal(window.size, 4);
	window_lost(&window, (struct mono){ 2000 }, (struct mono){ 3000 });
	assert_int_equal(window.size, 4); /* sent at the instant of the halving */
	window_lost(&window, (struct mono){ 2001 }, (struct mono){ 4000 });
	assert_int_equal(window.size, 2);
	for (int64_t i = 0; i < 5; i++)
		window_lost(&window, (struct mono){ 5000 + 10 * i }, (struct mono){ 5005 + 10 * i });
	assert_int_equal(window.size, 1); /* and never closes */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(natpmp_table),
		cmocka_unit_test(pcp_table),
		cmocka_unit_test(quick_table),
		cmocka_unit_test(jitter_is_ten_percent_of_each_wait),
		cmocka_unit_test(the_first_wait_is_four_round_trips),
		cmocka_unit_test(round_trips_are_smoothed_by_eighths),
		cmocka_unit_test(the_window_opens_by_answers),
		cmocka_unit_test(one_loss_event_halves_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
