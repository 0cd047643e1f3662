/* SPDX-License-Identifier: MIT
 * The Epoch: every boundary of RFC 6887, 8.5, and of RFC 6886, 3.6, one second on
 * both sides; and an exhaustive comparison with the inequalities as the RFC has them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/epoch.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct row {
	uint32_t previous, current;
	int64_t elapsed; /* s */
	bool valid;
};

static bool check(struct epoch_check (*rule)(struct epoch *, uint32_t, struct mono),
	const struct row *row)
{
	struct epoch epoch = { true, row->previous, { 1000 * SEC } };
	struct mono now = { (1000 + row->elapsed) * SEC };
	struct epoch_check told = rule(&epoch, row->current, now);

	assert_false(told.first);
	assert_int_equal(told.previous, row->previous);
	assert_int_equal(told.current, row->current);
	assert_int_equal(told.elapsed, row->elapsed);
	assert_int_equal(told.expected, (int64_t)row->previous + row->elapsed);
	/* always afterwards, valid or not */
	assert_true(epoch.known);
	assert_int_equal(epoch.server, row->current);
	assert_int_equal(epoch.at.ns, now.ns);
	return told.valid;
}

static void pcp_boundaries(void **state)
{
	static const struct row rows[] = {
		{ 100, 100, 0, true },
		/* going back: by 1 is no reset, by 2 is */
		{ 100, 99, 0, true },
		{ 100, 98, 0, false },
		{ 100, 99, 2, true },
		{ 1, 0, 0, true },
		{ 2, 0, 0, false },
		{ 0, 0, 0, true },	 /* previous 0: nothing to underflow */
		{ 0, 0, 2, true },
		{ 0, UINT32_MAX, 0, false },
		{ UINT32_MAX, UINT32_MAX, 0, true },
		{ UINT32_MAX, UINT32_MAX - 1, 0, true },
		{ UINT32_MAX, UINT32_MAX - 2, 0, false },
		{ UINT32_MAX, 0, 1, false }, /* no clock of 136 years wraps */
		/* 2 s of slack: the server slower */
		{ 100, 100, 2, true },
		{ 100, 100, 3, false },
		{ 100, 110, 12, true },
		{ 100, 110, 13, false },
		/* the server faster */
		{ 100, 102, 0, true },
		{ 100, 103, 0, false },
		{ 100, 112, 10, true },
		{ 100, 113, 10, false },
		/* 1/16 and 2 s: 1600 s of ours are 1500 of its, at least 1498 */
		{ 0, 1498, 1600, true },
		{ 0, 1497, 1600, false },
		{ 0, 1708, 1600, true },  /* 1708 - 106 = 1602 */
		{ 0, 1709, 1600, false }, /* 1709 - 106 = 1603 */
		/* the division rounds down: 31/16 is 1 */
		{ 0, 28, 31, true },
		{ 0, 27, 31, false },
		{ 0, 4294967295u, 4026531838, true },
		{ 0, 4294967295u, 4026531837, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (check(epoch_pcp, &rows[i]) != rows[i].valid)
			fail_msg("row %zu: %u -> %u in %ld s", i, rows[i].previous,
				rows[i].current, (long)rows[i].elapsed);
	}
}

/* The inequalities of 8.5, with int64_t for every delta, written otherwise. */
static bool as_the_rfc_says(int64_t previous, int64_t current, int64_t elapsed)
{
	int64_t server = current - previous;

	if (server < -1)
		return false;
	if (server < 0)
		server = 0;
	return !(elapsed + 2 < server - server / 16) && !(server + 2 < elapsed - elapsed / 16);
}

static void pcp_exhaustive(void **state)
{
	(void)state;
	for (uint32_t previous = 0; previous < 3; previous++) {
		for (uint32_t current = 0; current < 120; current++) {
			for (int64_t elapsed = 0; elapsed < 120; elapsed++) {
				struct row row = { previous, current, elapsed, false };

				assert_int_equal(check(epoch_pcp, &row),
					as_the_rfc_says(previous, current, elapsed));
			}
		}
	}
}

static void natpmp_boundaries(void **state)
{
	static const struct row rows[] = {
		/* new + 2 < previous + 7/8 elapsed */
		{ 100, 98, 0, true },
		{ 100, 97, 0, false },
		{ 100, 105, 8, true },
		{ 100, 104, 8, false },
		{ 100, 169, 80, true }, /* 100 + 70 - 2 = 168 */
		{ 100, 168, 80, true },
		{ 100, 167, 80, false },
		{ 100, 100, 2, true },	/* 102 >= 101.75 */
		{ 100, 100, 3, false }, /* 102 < 102.625 */
		{ 0, 0, 0, true },
		{ 0, 0, 2, true },
		{ 0, 0, 3, false },
		/* one-sided: a fast clock of the server is fine */
		{ 100, 4000000000u, 1, true },
		{ UINT32_MAX, UINT32_MAX, 2, true },
		{ UINT32_MAX, 0, 1, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (check(epoch_natpmp, &rows[i]) != rows[i].valid)
			fail_msg("row %zu: %u -> %u in %ld s", i, rows[i].previous,
				rows[i].current, (long)rows[i].elapsed);
	}
}

static void the_first_sample_is_valid(void **state)
{
	struct epoch pcp = { 0 }, natpmp = { 0 };
	struct epoch_check told = epoch_pcp(&pcp, UINT32_MAX, (struct mono){ 5 * SEC });

	(void)state;
	assert_true(told.valid && told.first);
	assert_int_equal(told.expected, UINT32_MAX);
	told = epoch_natpmp(&natpmp, 0, (struct mono){ 5 * SEC });
	assert_true(told.valid && told.first);
	assert_true(natpmp.known);
}

/* After a reset the new clock is the one to compare with. */
static void one_reset_is_one_alarm(void **state)
{
	struct epoch epoch = { true, 5000, { 0 } };

	(void)state;
	assert_false(epoch_pcp(&epoch, 3, (struct mono){ 10 * SEC }).valid);
	assert_true(epoch_pcp(&epoch, 3, (struct mono){ 10 * SEC }).valid);
	assert_true(epoch_pcp(&epoch, 13, (struct mono){ 20 * SEC }).valid);
}

/* Whole seconds of our clock: 0.999 s and 1.000 s are one apart. */
static void parts_of_seconds_do_not_count(void **state)
{
	struct epoch epoch = { true, 100, { SEC - 1 } };

	(void)state;
	assert_int_equal(epoch_pcp(&epoch, 101, (struct mono){ SEC }).elapsed, 1);
}

/* --- what kind --- */

#define WALL	 1795348990 /* 2026-11-22 12:03:10 UTC */
#define WEEK	 (7 * 86400)
#define HALF     (UINT32_MAX / 2)

struct kind_row {
	uint32_t previous, current;
	int64_t elapsed;
	enum epoch_kind kind;
};

static enum epoch_kind kind_of(const struct kind_row *row, bool nat_pmp, bool external_changed)
{
	struct epoch epoch = { true, row->previous, { 1000 * SEC } };
	struct mono now = { (1000 + row->elapsed) * SEC };
	struct epoch_check told = nat_pmp ? epoch_natpmp(&epoch, row->current, now) :
					    epoch_pcp(&epoch, row->current, now);

	return epoch_kind_of(&told, WALL, external_changed);
}

static const struct kind_row kind_rows[] = {
	/* in range there is no kind: the boundaries of 8.5, both sides */
	{ 100, 99, 0, EPOCH_UNKNOWN },
	{ 100, 98, 0, EPOCH_RESTART },
	{ 2, 0, 0, EPOCH_RESTART },
	{ 1, 0, 0, EPOCH_UNKNOWN },
	{ 0, 0, 2, EPOCH_UNKNOWN },
	{ 0, 0, 3, EPOCH_FROZEN }, /* previous 0 */
	{ 100, 100, 2, EPOCH_UNKNOWN },
	{ 100, 100, 3, EPOCH_FROZEN },
	{ 100, 101, 4, EPOCH_RATE },
	{ 100, 101, 3, EPOCH_UNKNOWN },
	{ 100, 102, 0, EPOCH_UNKNOWN },
	{ 100, 103, 0, EPOCH_RATE },
	{ 5000, 6498, 1600, EPOCH_UNKNOWN },
	{ 5000, 6497, 1600, EPOCH_RATE },
	{ 5000, 6708, 1600, EPOCH_UNKNOWN },
	{ 5000, 6709, 1600, EPOCH_RATE },
	/* a start since the last sample, or only slow: by one second */
	{ 3553200, 3, 30, EPOCH_RESTART },
	{ 100, 1001, 1000, EPOCH_RESTART },
	{ 100, 1002, 1000, EPOCH_RATE },
	{ 0, 4000, 5000, EPOCH_RESTART },
	{ UINT32_MAX, UINT32_MAX - 2, 0, EPOCH_RESTART },
	/* tenths, ticks, milliseconds, microseconds */
	{ 1000, 1269, 30, EPOCH_RATE },
	{ 1000, 1270, 30, EPOCH_NOT_SECONDS },
	{ 1000, 1330, 30, EPOCH_NOT_SECONDS },
	{ 1000, 1331, 30, EPOCH_RATE },
	{ 1000, 2499, 30, EPOCH_RATE },
	{ 1000, 2500, 30, EPOCH_NOT_SECONDS },
	{ 1000, 31000, 30, EPOCH_NOT_SECONDS },
	{ 1000, 61000, 30, EPOCH_NOT_SECONDS },
	{ 1000, 61001, 30, EPOCH_RATE },
	{ 1000, 30001000, 30, EPOCH_NOT_SECONDS },
	{ 1000, 1900, 0, EPOCH_NOT_SECONDS }, /* within a second */
	/* they wrap at 32 bits, seconds do not */
	{ UINT32_MAX - 5000, 4999, 10, EPOCH_NOT_SECONDS },
	{ UINT32_MAX, 0, 1, EPOCH_RESTART }, /* 1 tick in 1 s: not faster */
	{ UINT32_MAX, 999, 1, EPOCH_NOT_SECONDS },
	{ HALF + 1, 3, 1500000, EPOCH_NOT_SECONDS },
	{ HALF, 3, 1500000, EPOCH_RESTART },
	{ 3553200, 3, 30 * 86400, EPOCH_RESTART }, /* a month between two runs */
	/* the time of day, within a week */
	{ 5, WALL, 30, EPOCH_WALL_CLOCK },
	{ 5, WALL - WEEK, 30, EPOCH_WALL_CLOCK },
	{ 5, WALL - WEEK - 1, 30, EPOCH_RATE },
	{ 5, WALL + WEEK, 30, EPOCH_WALL_CLOCK },
	{ 5, WALL + WEEK + 1, 30, EPOCH_RATE },
	{ WALL + 3600, WALL, 1, EPOCH_WALL_CLOCK }, /* set back by an hour */
	{ WALL, 3, 30, EPOCH_RESTART },
};

static void kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kind_rows); i++) {
		const struct kind_row *row = &kind_rows[i];
		enum epoch_kind kind = kind_of(row, false, false);

		if (kind != row->kind)
			fail_msg("row %zu: %u -> %u in %ld s is %s", i, row->previous, row->current,
				(long)row->elapsed, event_epoch_kind_name(kind));
		/* another address matters with a restart alone */
		kind = kind_of(row, false, true);
		assert_int_equal(
			kind, row->kind == EPOCH_RESTART ? EPOCH_EXTERNAL : row->kind);
	}
}

static void kinds_of_natpmp(void **state)
{
	static const struct kind_row rows[] = {
		{ 100, 98, 0, EPOCH_UNKNOWN },
		{ 100, 97, 0, EPOCH_RESTART },
		{ 5000, 5068, 80, EPOCH_UNKNOWN },
		{ 5000, 5067, 80, EPOCH_RATE },
		{ 5000, 5000, 2, EPOCH_UNKNOWN },
		{ 5000, 5000, 3, EPOCH_FROZEN },
		{ 5000, 35000, 30, EPOCH_UNKNOWN }, /* a fast clock is in range there */
		{ 5, WALL, 30, EPOCH_UNKNOWN },
		{ WALL, 3, 30, EPOCH_RESTART },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(kind_of(&rows[i], true, false), rows[i].kind);
}

/* Nothing to compare with: valid, whatever it says. */
static void the_first_has_no_kind(void **state)
{
	struct epoch pcp = { 0 };
	struct epoch_check told = epoch_pcp(&pcp, WALL, (struct mono){ 5 * SEC });

	(void)state;
	assert_int_equal(epoch_kind_of(&told, WALL, true), EPOCH_UNKNOWN);
	/* without a time of day of our own nothing is near it */
	told = epoch_pcp(&pcp, 3, (struct mono){ 6 * SEC });
	assert_int_equal(epoch_kind_of(&told, 0, false), EPOCH_RESTART);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pcp_boundaries),
		cmocka_unit_test(pcp_exhaustive),
		cmocka_unit_test(natpmp_boundaries),
		cmocka_unit_test(the_first_sample_is_valid),
		cmocka_unit_test(one_reset_is_one_alarm),
		cmocka_unit_test(parts_of_seconds_do_not_count),
		cmocka_unit_test(kinds),
		cmocka_unit_test(kinds_of_natpmp),
		cmocka_unit_test(the_first_has_no_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
