/* SPDX-License-Identifier: MIT
 * Deadlines in a binary heap: 10,000 mappings cost O(log n) a step. A timer
 * lives inside the thing it belongs to.
 */
#ifndef PROTO_HEAP_H
#define PROTO_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mono.h"

struct timer {
	struct mono deadline;
	size_t place; /* in the heap, counted from 1; 0: not in it */
};

/* Zero-initialised: empty. */
struct heap {
	struct timer **timers;
	size_t count, room;
};

/* Makes room for one timer more, so that heap_set() cannot fail. False: no memory. */
bool heap_reserve(struct heap *heap, size_t timers);
void heap_free(struct heap *heap);

/* Sets a timer's deadline; MONO_NEVER takes it out. */
void heap_set(struct heap *heap, struct timer *timer, struct mono deadline);

/* The timer that is due first, NULL when there is none. */
struct timer *heap_first(const struct heap *heap);

#endif
