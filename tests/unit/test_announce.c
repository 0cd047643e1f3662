/* SPDX-License-Identifier: MIT
 * Announcements: none is believed before the server, asked by unicast, shows it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/announce.h"

static struct mono at(int64_t seconds)
{
	return (struct mono){ seconds * SEC };
}

static struct epoch sample(uint32_t server, int64_t seconds)
{
	return (struct epoch){ true, server, at(seconds) };
}

static void test_news(void **state)
{
	struct epoch last = sample(1000, 100), none = { 0 };

	(void)state;
	assert_false(announce_is_news(&last, VIA_PCP, 1060, at(160)));
	assert_false(announce_is_news(&last, VIA_PCP, 999, at(100))); /* back by 1 s is allowed */
	assert_true(announce_is_news(&last, VIA_PCP, 998, at(100)));
	assert_true(announce_is_news(&last, VIA_PCP, 3, at(160)));
	assert_true(announce_is_news(&none, VIA_PCP, 1060, at(160)));
	/* NAT-PMP's rule is one-sided: a fast clock is no news, for PCP it is */
	assert_false(announce_is_news(&last, VIA_NAT_PMP, 9000, at(160)));
	assert_true(announce_is_news(&last, VIA_PCP, 9000, at(160)));
	assert_int_equal(last.server, 1000); /* nothing is learned from it */
}

/* The delay is uniform in 0 to 5 s, and there is one question for many announcements. */
static void test_one_question(void **state)
{
	struct epoch last = sample(1000, 100);
	int64_t least = INT64_MAX, most = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 2000; seed++) {
		struct announce announce = { 0 };
		struct prng prng = { seed };
		struct mono due;

		assert_true(mono_is_never(announce_deadline(&announce)));
		assert_true(announce_heard(&announce, VIA_PCP, &last, at(200), &prng));
		due = announce_deadline(&announce);
		assert_false(announce_heard(&announce, VIA_PCP, &last, at(201), &prng));
		assert_int_equal(announce_deadline(&announce).ns, due.ns);
		assert_false(announce_asks(&announce, (struct mono){ due.ns - 1 }));
		assert_true(announce_asks(&announce, due));
		assert_false(announce_asks(&announce, due));
		if (mono_since(due, at(200)) < least)
			least = mono_since(due, at(200));
		if (mono_since(due, at(200)) > most)
			most = mono_since(due, at(200));
	}
	assert_in_range(least, 0, 100 * MSEC);
	assert_in_range(most, ANNOUNCE_DELAY - 100 * MSEC, ANNOUNCE_DELAY);
}

static struct announce asked(const struct epoch *last)
{
	struct announce announce = { 0 };
	struct prng prng = { 7 };

	announce_heard(&announce, VIA_PCP, last, at(200), &prng);
	assert_true(announce_asks(&announce, at(205)));
	return announce;
}

static void test_answer(void **state)
{
	struct epoch last = sample(1000, 100), none = { 0 };
	struct announce announce = asked(&last);

	(void)state;
	assert_false(announce_answered(&announce, 1105, at(205))); /* in range: it was forged */
	assert_true(mono_is_never(announce_deadline(&announce)));
	assert_false(announce_answered(&announce, 5, at(206))); /* nothing is asked any more */
	announce = asked(&last);
	assert_true(announce_answered(&announce, 5, at(205)));
	/* compared with what was known before, not with what the announcement claimed */
	announce = asked(&none);
	assert_false(announce_answered(&announce, 5, at(205)));
}

static void test_silence(void **state)
{
	struct epoch last = sample(1000, 100);
	struct announce announce = asked(&last);
	struct mono end = mono_after(at(205), ANNOUNCE_PATIENCE);

	(void)state;
	assert_int_equal(announce_deadline(&announce).ns, end.ns);
	assert_false(announce_unanswered(&announce, (struct mono){ end.ns - 1 }));
	assert_true(announce_unanswered(&announce, end));
	assert_false(announce_unanswered(&announce, end));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_news),
		cmocka_unit_test(test_one_question),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
