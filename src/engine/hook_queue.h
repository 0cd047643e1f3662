/* SPDX-License-Identifier: MIT
 * When which hook runs: plain functions of events, ends and `now`, with no process in
 * them. Each mapping has a line of jobs; the hooks of one mapping run one at a time in
 * the order of its events, those of several beside each other up to a limit.
 */
#ifndef ENGINE_HOOK_QUEUE_H
#define ENGINE_HOOK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mono.h"

/* Events of one mapping that wait for a running hook: one more, and the oldest of them
 * is passed over. Those that remain keep their order. */
#define HOOK_QUEUE_WAITING 64

/* A hook that failed is run again this much later, twice as much each time. */
#define HOOK_QUEUE_RETRY_FIRST (1 * SEC)
#define HOOK_QUEUE_RETRY_MAX   (300 * SEC)

struct hook_queue;

/* At most `at_once` jobs run at the same time. NULL: no memory. */
struct hook_queue *hook_queue_new(unsigned at_once);
void hook_queue_free(struct hook_queue *queue);

enum hook_queued {
	HOOK_QUEUED,
	HOOK_PASSED_OVER, /* the oldest waiting one had to go, for the first time since this
			   * mapping's line was last empty */
	HOOK_NO_MEMORY,
};

/* A mapping's newest event: its job waits behind those of the same mapping. A retry of
 * an earlier one is given up. The strings ("NAME=value", NULL at the end) are copied. */
enum hook_queued hook_queue_event(struct hook_queue *queue, unsigned mapping,
	const char *const *environment);

/* The next job that may start now, which then counts as running: its environment, valid
 * until it ends. NULL: none. */
const char *const *hook_queue_start(struct hook_queue *queue, unsigned *mapping);

/* The mapping's running job has ended. How long until it is run again (ns): that is when
 * it failed and its event is still the newest; 0: it is not. */
int64_t hook_queue_ended(struct hook_queue *queue, unsigned mapping, bool good, struct mono now);

/* Retries that are due become startable. */
void hook_queue_tick(struct hook_queue *queue, struct mono now);

/* The job of each mapping's newest event once more, at once: also one that was good, and
 * one that is running (after its end), not one that still waits to run. */
void hook_queue_rerun(struct hook_queue *queue);

/* From now on nothing is retried. */
void hook_queue_close(struct hook_queue *queue);

/* Forgets all jobs that wait; how many they were. */
size_t hook_queue_drop(struct hook_queue *queue);

/* Is a job running or waiting to run? A retry that lies ahead does not count. */
bool hook_queue_busy(const struct hook_queue *queue);

/* The earliest instant at which hook_queue_tick() or hook_queue_start() has something to
 * do: long past when a job could start at once. */
struct mono hook_queue_deadline(const struct hook_queue *queue);

#endif
