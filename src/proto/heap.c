/* SPDX-License-Identifier: MIT
 * A binary heap of timers, the earliest on top.
 */
#include "proto/heap.h"

#include <stdlib.h>

bool heap_reserve(struct heap *heap, size_t timers)
{
	size_t room = heap->room ? heap->room : 16;
	struct timer **grown;

	if (timers <= heap->room)
		return true;
	while (room < timers)
		room *= 2;
	grown = realloc(heap->timers, room * sizeof(*grown));
	if (!grown)
		return false;
	heap->timers = grown;
	heap->room = room;
	return true;
}

void heap_free(struct heap *heap)
{
	free(heap->timers);
	*heap = (struct heap){ 0 };
}

static void put(struct heap *heap, size_t place, struct timer *timer)
{
	heap->timers[place - 1] = timer;
	timer->place = place;
}

static bool before(const struct heap *heap, size_t a, size_t b)
{
	return heap->timers[a - 1]->deadline.ns < heap->timers[b - 1]->deadline.ns;
}

static void swap(struct heap *heap, size_t a, size_t b)
{
	struct timer *timer = heap->timers[a - 1];

	put(heap, a, heap->timers[b - 1]);
	put(heap, b, timer);
}

static void sift(struct heap *heap, size_t place)
{
	while (place > 1 && before(heap, place, place / 2)) {
		swap(heap, place, place / 2);
		place /= 2;
	}
	for (;;) {
		size_t child = 2 * place;

		if (child > heap->count)
			return;
		if (child < heap->count && before(heap, child + 1, child))
			child++;
		if (!before(heap, child, place))
			return;
		swap(heap, child, place);
		place = child;
	}
}

static void take_out(struct heap *heap, struct timer *timer)
{
	size_t place = timer->place;
	struct timer *last = heap->timers[--heap->count];

	timer->place = 0;
	if (last == timer)
		return;
	put(heap, place, last);
	sift(heap, place);
}

void heap_set(struct heap *heap, struct timer *timer, struct mono deadline)
{
	timer->deadline = deadline;
	if (mono_is_never(deadline)) {
		if (timer->place)
			take_out(heap, timer);
		return;
	}
	if (!timer->place)
		put(heap, ++heap->count, timer);
	sift(heap, timer->place);
}

struct timer *heap_first(const struct heap *heap)
{
	return heap->count ? heap->timers[0] : NULL;
}
