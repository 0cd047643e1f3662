/* SPDX-License-Identifier: MIT
 * Which hook runs when: in virtual time, without a process.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/hook_queue.h"

static enum hook_queued event(struct hook_queue *queue, unsigned mapping, const char *name)
{
	const char *const environment[] = { name, "SECOND=2", NULL };

	return hook_queue_event(queue, mapping, environment);
}

/* The next job to start is this one. */
static void starts(struct hook_queue *queue, unsigned mapping, const char *name)
{
	unsigned got = 99;
	const char *const *environment = hook_queue_start(queue, &got);

	assert_non_null(environment);
	assert_int_equal(got, mapping);
	assert_string_equal(environment[0], name);
	assert_string_equal(environment[1], "SECOND=2");
	assert_null(environment[2]);
}

static void nothing_starts(struct hook_queue *queue)
{
	unsigned mapping;

	assert_null(hook_queue_start(queue, &mapping));
}

static struct mono at(int64_t seconds)
{
	return (struct mono){ 1000 * SEC + seconds * SEC };
}

static void ends(struct hook_queue *queue, unsigned mapping, bool good, int64_t now, int64_t retry)
{
	assert_int_equal(hook_queue_ended(queue, mapping, good, at(now)), retry * SEC);
}

static void test_order(void **state)
{
	struct hook_queue *queue = hook_queue_new(8);

	(void)state;
	assert_false(hook_queue_busy(queue));
	assert_true(mono_is_never(hook_queue_deadline(queue)));
	assert_int_equal(event(queue, 0, "A"), HOOK_QUEUED);
	assert_true(mono_due(hook_queue_deadline(queue), at(0)));
	assert_true(hook_queue_busy(queue));
	event(queue, 0, "B");
	event(queue, 0, "C");
	starts(queue, 0, "A");
	nothing_starts(queue);
	assert_true(mono_is_never(hook_queue_deadline(queue)));
	ends(queue, 0, true, 1, 0);
	starts(queue, 0, "B");
	event(queue, 0, "D");
	ends(queue, 0, true, 2, 0);
	starts(queue, 0, "C");
	ends(queue, 0, true, 3, 0);
	starts(queue, 0, "D");
	assert_true(hook_queue_busy(queue));
	ends(queue, 0, true, 4, 0);
	nothing_starts(queue);
	assert_false(hook_queue_busy(queue));
	hook_queue_free(queue);
}

/* Several mappings beside each other, up to the limit, in turn. */
static void test_at_once(void **state)
{
	struct hook_queue *queue = hook_queue_new(2);

	(void)state;
	event(queue, 7, "A");
	event(queue, 7, "B");
	event(queue, 4000000000u, "C");
	event(queue, 5, "D");
	starts(queue, 7, "A");
	starts(queue, 4000000000u, "C");
	nothing_starts(queue);
	assert_true(mono_is_never(hook_queue_deadline(queue)));
	ends(queue, 7, true, 0, 0);
	assert_true(mono_due(hook_queue_deadline(queue), at(0)));
	starts(queue, 5, "D"); /* it waited longer than B, whose line had its turn */
	nothing_starts(queue);
	ends(queue, 4000000000u, true, 0, 0);
	starts(queue, 7, "B");
	nothing_starts(queue);
	hook_queue_free(queue);
}

static void test_back_off(void **state)
{
	static const int64_t waits[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300 };
	struct hook_queue *queue = hook_queue_new(8);
	int64_t now = 0;

	(void)state;
	event(queue, 3, "A");
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		starts(queue, 3, "A");
		ends(queue, 3, false, now, waits[i]);
		now += waits[i];
		assert_int_equal(hook_queue_deadline(queue).ns, at(now).ns);
		hook_queue_tick(queue, (struct mono){ at(now).ns - 1 });
		nothing_starts(queue);
		assert_false(hook_queue_busy(queue));
		hook_queue_tick(queue, at(now));
	}
	starts(queue, 3, "A");
	ends(queue, 3, true, now, 0);
	assert_true(mono_is_never(hook_queue_deadline(queue)));
	/* a new event starts from the shortest wait */
	event(queue, 3, "B");
	starts(queue, 3, "B");
	ends(queue, 3, false, now, 1);
	hook_queue_free(queue);
}

/* Only the newest event is retried. */
static void test_superseded(void **state)
{
	struct hook_queue *queue = hook_queue_new(8);

	(void)state;
	event(queue, 0, "A");
	starts(queue, 0, "A");
	event(queue, 0, "B");
	ends(queue, 0, false, 0, 0);
	starts(queue, 0, "B");
	ends(queue, 0, false, 0, 1);
	/* a newer event ends the retry of an older one */
	event(queue, 0, "C");
	hook_queue_tick(queue, at(100));
	starts(queue, 0, "C");
	nothing_starts(queue);
	ends(queue, 0, false, 100, 1);
	hook_queue_tick(queue, at(101));
	starts(queue, 0, "C");
	ends(queue, 0, true, 101, 0);
	hook_queue_tick(queue, at(1000));
	nothing_starts(queue);
	hook_queue_free(queue);
}

static void test_bound(void **state)
{
	struct hook_queue *queue = hook_queue_new(8);
	char name[16];

	(void)state;
	event(queue, 0, "running");
	starts(queue, 0, "running");
	for (int i = 0; i < HOOK_QUEUE_WAITING + 3; i++) {
		snprintf(name, sizeof(name), "N%d", i);
		/* told once */
		assert_int_equal(event(queue, 0, name),
			i == HOOK_QUEUE_WAITING ? HOOK_PASSED_OVER : HOOK_QUEUED);
	}
	/* the newest are left, in order */
	for (int i = 3; i < HOOK_QUEUE_WAITING + 3; i++) {
		ends(queue, 0, true, 0, 0);
		snprintf(name, sizeof(name), "N%d", i);
		starts(queue, 0, name);
	}
	ends(queue, 0, true, 0, 0);
	nothing_starts(queue);
	/* and once again, after the line was empty */
	event(queue, 0, "running");
	starts(queue, 0, "running");
	for (int i = 0; i < HOOK_QUEUE_WAITING; i++)
		event(queue, 0, "N");
	assert_int_equal(event(queue, 0, "N"), HOOK_PASSED_OVER);
	hook_queue_free(queue);
}

static void test_rerun(void **state)
{
	struct hook_queue *queue = hook_queue_new(8);

	(void)state;
	hook_queue_rerun(queue);
	for (unsigned i = 0; i < 4; i++)
		event(queue, i, "A");
	for (unsigned i = 0; i < 4; i++)
		starts(queue, i, "A");
	ends(queue, 0, true, 0, 0); /* good: again */
	ends(queue, 1, false, 0, 1); /* to be retried: at once */
	event(queue, 3, "B"); /* the newest waits anyway */
	hook_queue_rerun(queue); /* 2 runs: once more after its end */
	hook_queue_rerun(queue);
	starts(queue, 0, "A");
	starts(queue, 1, "A");
	nothing_starts(queue);
	ends(queue, 2, false, 0, 0);
	starts(queue, 2, "A");
	ends(queue, 2, true, 0, 0);
	ends(queue, 3, true, 0, 0);
	starts(queue, 3, "B");
	ends(queue, 3, true, 0, 0);
	ends(queue, 0, true, 0, 0);
	ends(queue, 1, false, 0, 1); /* from the shortest wait */
	nothing_starts(queue);
	hook_queue_free(queue);
}

/* A rerun that was asked for while an older event's hook ran is the newer event's. */
static void test_rerun_superseded(void **state)
{
	struct hook_queue *queue = hook_queue_new(8);

	(void)state;
	event(queue, 0, "A");
	starts(queue, 0, "A");
	hook_queue_rerun(queue);
	event(queue, 0, "B");
	ends(queue, 0, true, 0, 0);
	starts(queue, 0, "B");
	ends(queue, 0, true, 0, 0);
	nothing_starts(queue);
	hook_queue_free(queue);
}

static void test_close(void **state)
{
	struct hook_queue *queue = hook_queue_new(1);

	(void)state;
	event(queue, 0, "A");
	starts(queue, 0, "A");
	ends(queue, 0, false, 0, 1);
	event(queue, 1, "B");
	event(queue, 2, "C");
	event(queue, 2, "D");
	starts(queue, 1, "B");
	hook_queue_rerun(queue); /* 0 and 1 again */
	hook_queue_close(queue);
	hook_queue_rerun(queue); /* nothing any more */
	ends(queue, 1, false, 0, 0);
	starts(queue, 2, "C");
	assert_int_equal(hook_queue_drop(queue), 2); /* 0's A and 2's D */
	assert_true(hook_queue_busy(queue));
	ends(queue, 2, false, 0, 0);
	nothing_starts(queue);
	assert_false(hook_queue_busy(queue));
	assert_true(mono_is_never(hook_queue_deadline(queue)));
	event(queue, 2, "E");
	starts(queue, 2, "E");
	hook_queue_free(queue);
}

static void test_close_ends_retries(void **state)
{
	struct hook_queue *queue = hook_queue_new(8);

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		event(queue, i, "A");
		starts(queue, i, "A");
		ends(queue, i, false, i, 1);
	}
	hook_queue_close(queue);
	assert_true(mono_is_never(hook_queue_deadline(queue)));
	hook_queue_tick(queue, at(1000));
	hook_queue_rerun(queue);
	nothing_starts(queue);
	hook_queue_free(queue);
}

/* Random events, ends and ticks: never two of one mapping, never more than the limit,
 * never an older event after a newer one, and the newest one is what runs last. */
static void test_random(void **state)
{
	enum { MAPPINGS = 5, LIMIT = 3 };
	struct hook_queue *queue = hook_queue_new(LIMIT);
	int newest[MAPPINGS] = { 0 }, started[MAPPINGS] = { 0 }, count = 0;
	bool runs[MAPPINGS] = { false };
	char name[16];

	(void)state;
	srandom(42);
	for (int step = 0; step < 100000; step++) {
		unsigned m = (unsigned)random() % MAPPINGS;
		const char *const *environment;
		int choice = (int)(random() % 8);

		if (choice == 0) {
			snprintf(name, sizeof(name), "%d", ++newest[m]);
			event(queue, m, name);
		} else if (choice < 4 && runs[m]) {
			hook_queue_ended(queue, m, choice == 1, at(step));
			runs[m] = false;
			count--;
		} else if (choice < 7) {
			hook_queue_tick(queue, at(step));
			environment = hook_queue_start(queue, &m);
			if (!environment)
				continue;
			assert_false(runs[m]);
			assert_true(atoi(environment[0]) >= started[m]);
			started[m] = atoi(environment[0]);
			runs[m] = true;
			assert_true(++count <= LIMIT);
		} else if (random() % 100 == 0) {
			hook_queue_rerun(queue);
		}
	}
	for (int round = 0; round < 10 * MAPPINGS * HOOK_QUEUE_WAITING; round++) {
		unsigned m;
		const char *const *environment;

		for (m = 0; m < MAPPINGS; m++)
			if (runs[m])
				hook_queue_ended(queue, m, true, at(0));
		memset(runs, 0, sizeof(runs));
		while ((environment = hook_queue_start(queue, &m)) != NULL) {
			started[m] = atoi(environment[0]);
			runs[m] = true;
		}
	}
	for (unsigned m = 0; m < MAPPINGS; m++)
		assert_int_equal(started[m], newest[m]);
	hook_queue_free(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_back_off),
		cmocka_unit_test(test_superseded),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_rerun),
		cmocka_unit_test(test_rerun_superseded),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_close_ends_retries),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
