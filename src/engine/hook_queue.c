/* SPDX-License-Identifier: MIT
 * Lines of jobs, and the order in which the lines get their turn.
 */
#include "engine/hook_queue.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "proto/heap.h"

struct job {
	struct job *next;
	const char *environment[]; /* the strings stand behind it, in the same block */
};

/* The job of the newest event is the last waiting one; when none waits, the running
 * one; when none runs either, it is kept. */
struct line {
	unsigned mapping;
	struct job *first, **end; /* waiting, oldest first */
	size_t waiting;
	struct job *running, *kept;
	bool again; /* run the running one once more */
	bool passed_over; /* told */
	bool ready; /* in the list of lines that could start one */
	struct line *next_ready;
	int64_t back_off; /* the last one, ns */
	struct timer retry; /* of the kept one */
	UT_hash_handle hh;
};

struct hook_queue {
	struct line *lines; /* by mapping */
	struct line *ready, **ready_end; /* whose turn it is, in order */
	struct heap retries;
	unsigned running, at_once;
	bool closed;
};

struct hook_queue *hook_queue_new(unsigned at_once)
{
	struct hook_queue *queue = calloc(1, sizeof(*queue));

	if (!queue)
		return NULL;
	queue->ready_end = &queue->ready;
	queue->at_once = at_once;
	return queue;
}

static void drop_waiting(struct line *line)
{
	while (line->first) {
		struct job *job = line->first;

		line->first = job->next;
		free(job);
	}
	line->end = &line->first;
	line->waiting = 0;
}

void hook_queue_free(struct hook_queue *queue)
{
	struct line *line, *next;

	if (!queue)
		return;
	HASH_ITER(hh, queue->lines, line, next) {
		HASH_DEL(queue->lines, line);
		drop_waiting(line);
		free(line->running);
		free(line->kept);
		free(line);
	}
	heap_free(&queue->retries);
	free(queue);
}

/* --- jobs and lines --- */

static struct job *new_job(const char *const *environment)
{
	size_t n = 0, octets = 0;
	struct job *job;
	char *text;

	for (; environment[n]; n++)
		octets += strlen(environment[n]) + 1;
	job = malloc(sizeof(*job) + (n + 1) * sizeof(*job->environment) + octets);
	if (!job)
		return NULL;
	job->next = NULL;
	text = (char *)(job->environment + n + 1);
	for (size_t i = 0; i < n; i++) {
		job->environment[i] = text;
		text = stpcpy(text, environment[i]) + 1;
	}
	job->environment[n] = NULL;
	return job;
}

static struct line *find(const struct hook_queue *queue, unsigned mapping)
{
	struct line *line;

	HASH_FIND(hh, queue->lines, &mapping, sizeof(mapping), line);
	return line;
}

static struct line *line_of(struct hook_queue *queue, unsigned mapping)
{
	struct line *line = find(queue, mapping);

	if (line)
		return line;
	if (!heap_reserve(&queue->retries, HASH_COUNT(queue->lines) + 1))
		return NULL;
	line = calloc(1, sizeof(*line));
	if (!line)
		return NULL;
	line->mapping = mapping;
	line->end = &line->first;
	line->retry.deadline = MONO_NEVER;
	HASH_ADD(hh, queue->lines, mapping, sizeof(line->mapping), line);
	if (!line->hh.tbl) { /* HASH_NONFATAL_OOM */
		free(line);
		return NULL;
	}
	return line;
}

/* Its turn comes after that of all who wait already. */
static void make_ready(struct hook_queue *queue, struct line *line)
{
	if (line->ready || line->running || !line->first)
		return;
	line->ready = true;
	line->next_ready = NULL;
	*queue->ready_end = line;
	queue->ready_end = &line->next_ready;
}

static void append(struct line *line, struct job *job)
{
	job->next = NULL;
	*line->end = job;
	line->end = &job->next;
	line->waiting++;
}

static struct job *take_first(struct line *line)
{
	struct job *job = line->first;

	line->first = job->next;
	if (!line->first)
		line->end = &line->first;
	line->waiting--;
	return job;
}

/* The kept job is to run now. */
static void revive(struct hook_queue *queue, struct line *line)
{
	append(line, line->kept);
	line->kept = NULL;
	heap_set(&queue->retries, &line->retry, MONO_NEVER);
	make_ready(queue, line);
}

/* --- what happens --- */

enum hook_queued hook_queue_event(struct hook_queue *queue, unsigned mapping,
	const char *const *environment)
{
	struct line *line = line_of(queue, mapping);
	struct job *job = line ? new_job(environment) : NULL;
	bool told;

	if (!job)
		return HOOK_NO_MEMORY;
	free(line->kept);
	line->kept = NULL;
	heap_set(&queue->retries, &line->retry, MONO_NEVER);
	line->back_off = 0;
	line->again = false;
	append(line, job);
	make_ready(queue, line);
	if (line->waiting <= HOOK_QUEUE_WAITING)
		return HOOK_QUEUED;
	free(take_first(line));
	told = line->passed_over;
	line->passed_over = true;
	return told ? HOOK_QUEUED : HOOK_PASSED_OVER;
}

const char *const *hook_queue_start(struct hook_queue *queue, unsigned *mapping)
{
	struct line *line = queue->ready;

	if (!line || queue->running >= queue->at_once)
		return NULL;
	queue->ready = line->next_ready;
	if (!queue->ready)
		queue->ready_end = &queue->ready;
	line->ready = false;
	line->running = take_first(line);
	if (line->waiting == 0)
		line->passed_over = false;
	queue->running++;
	*mapping = line->mapping;
	return line->running->environment;
}

/* Sets the time of the kept job's next run; how long that is from now. */
static int64_t set_retry(struct hook_queue *queue, struct line *line, struct mono now)
{
	line->back_off = line->back_off ? 2 * line->back_off : HOOK_QUEUE_RETRY_FIRST;
	if (line->back_off > HOOK_QUEUE_RETRY_MAX)
		line->back_off = HOOK_QUEUE_RETRY_MAX;
	heap_set(&queue->retries, &line->retry, mono_after(now, line->back_off));
	return line->back_off;
}

int64_t hook_queue_ended(struct hook_queue *queue, unsigned mapping, bool good, struct mono now)
{
	struct line *line = find(queue, mapping);

	queue->running--;
	if (line->first) { /* there is a newer event */
		free(line->running);
		line->running = NULL;
		make_ready(queue, line);
		return 0;
	}
	line->kept = line->running;
	line->running = NULL;
	if (line->again && !queue->closed) {
		line->again = false;
		line->back_off = 0;
		revive(queue, line);
		return 0;
	}
	if (!good && !queue->closed)
		return set_retry(queue, line, now);
	line->back_off = 0;
	return 0;
}

void hook_queue_tick(struct hook_queue *queue, struct mono now)
{
	struct timer *timer;

	while ((timer = heap_first(&queue->retries)) != NULL && mono_due(timer->deadline, now)) {
		void *line = (char *)timer - offsetof(struct line, retry);

		revive(queue, line);
	}
}

void hook_queue_rerun(struct hook_queue *queue)
{
	if (queue->closed)
		return;
	for (struct line *line = queue->lines; line; line = line->hh.next) {
		if (line->kept) {
			line->back_off = 0;
			revive(queue, line);
		} else if (!line->first) {
			line->again = true;
		}
	}
}

void hook_queue_close(struct hook_queue *queue)
{
	struct timer *timer;

	queue->closed = true;
	while ((timer = heap_first(&queue->retries)) != NULL)
		heap_set(&queue->retries, timer, MONO_NEVER);
}

size_t hook_queue_drop(struct hook_queue *queue)
{
	size_t dropped = 0;

	for (struct line *line = queue->ready; line; line = line->next_ready)
		line->ready = false;
	queue->ready = NULL;
	queue->ready_end = &queue->ready;
	for (struct line *line = queue->lines; line; line = line->hh.next) {
		dropped += line->waiting;
		drop_waiting(line);
	}
	return dropped;
}

bool hook_queue_busy(const struct hook_queue *queue)
{
	/* a line with jobs that wait is ready, or one of its jobs runs */
	return queue->running > 0 || queue->ready;
}

struct mono hook_queue_deadline(const struct hook_queue *queue)
{
	const struct timer *timer = heap_first(&queue->retries);

	if (queue->ready && queue->running < queue->at_once)
		return (struct mono){ 0 };
	return timer ? timer->deadline : MONO_NEVER;
}
