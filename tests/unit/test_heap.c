/* SPDX-License-Identifier: MIT
 * The heap of deadlines against a plain search, over random sets, changes and
 * removals.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "proto/heap.h"

#define TIMERS 300

static void check(const struct heap *heap, const struct timer timers[])
{
	struct mono first = MONO_NEVER;
	size_t in = 0;

	for (size_t i = 0; i < TIMERS; i++) {
		assert_int_equal(timers[i].place != 0, !mono_is_never(timers[i].deadline));
		if (timers[i].place) {
			in++;
			assert_ptr_equal(heap->timers[timers[i].place - 1], &timers[i]);
			first = mono_min(first, timers[i].deadline);
		}
	}
	assert_int_equal(heap->count, in);
	if (in == 0)
		assert_null(heap_first(heap));
	else
		assert_int_equal(heap_first(heap)->deadline.ns, first.ns);
}

static void random_changes(void **state)
{
	struct timer timers[TIMERS];
	struct heap heap = { 0 };
	struct prng prng = { 42 };

	(void)state;
	for (size_t i = 0; i < TIMERS; i++) {
		timers[i] = (struct timer){ .deadline = MONO_NEVER };
		assert_true(heap_reserve(&heap, i + 1));
	}
	check(&heap, timers);
	for (int i = 0; i < 20000; i++) {
		struct timer *timer = &timers[prng_between(&prng, 0, TIMERS - 1)];
		int64_t what = prng_between(&prng, 0, 9);

		if (what < 3)
			heap_set(&heap, timer, MONO_NEVER);
		else /* few values: many are equal */
			heap_set(&heap, timer, (struct mono){ prng_between(&prng, 0, 50) });
		if (i % 16 == 0)
			check(&heap, timers);
	}
	heap_free(&heap);
}

static void comes_out_sorted(void **state)
{
	struct timer timers[TIMERS];
	struct heap heap = { 0 };
	struct prng prng = { 7 };
	int64_t last = -1;

	(void)state;
	assert_true(heap_reserve(&heap, TIMERS));
	for (size_t i = 0; i < TIMERS; i++) {
		timers[i] = (struct timer){ .deadline = MONO_NEVER };
		heap_set(&heap, &timers[i], (struct mono){ prng_between(&prng, 0, 1000000) });
	}
	for (size_t i = 0; i < TIMERS; i++) {
		struct timer *first = heap_first(&heap);

		assert_true(first->deadline.ns >= last);
		last = first->deadline.ns;
		heap_set(&heap, first, MONO_NEVER);
	}
	assert_null(heap_first(&heap));
	heap_free(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes),
		cmocka_unit_test(comes_out_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
