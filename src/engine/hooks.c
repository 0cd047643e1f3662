/* SPDX-License-Identifier: MIT
 * The hooks that run: processes, their ends, and what is said about them.
 */
#include "engine/hooks.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "engine/hook_queue.h"
#include "host/child.h"
#include "host/loop.h"

/* Between SIGTERM and SIGKILL. */
#define GRACE (1 * SEC)
/* How often a child is asked for that has no descriptor. */
#define POLL (100 * MSEC)

struct running {
	bool used;
	unsigned mapping;
	struct child child;
};

enum phase { OPEN, CLOSING, TERMINATED, KILLED };

struct hooks {
	struct hooks_config config;
	struct hook_queue *queue;
	struct running running[HOOKS_AT_ONCE];
	enum phase phase;
	struct mono next_phase;
	struct mono next_poll; /* MONO_NEVER: all children have descriptors */
};

struct hooks *hooks_new(const struct hooks_config *config)
{
	struct hooks *hooks = calloc(1, sizeof(*hooks));

	if (!hooks)
		return NULL;
	hooks->config = *config;
	hooks->next_phase = hooks->next_poll = MONO_NEVER;
	hooks->queue = hook_queue_new(HOOKS_AT_ONCE);
	if (!hooks->queue) {
		free(hooks);
		return NULL;
	}
	return hooks;
}

static void let_go(struct hooks *hooks, struct running *running)
{
	if (running->child.fd >= 0)
		loop_remove(hooks->config.loop, running->child.fd);
	child_close(&running->child);
	running->used = false;
}

static void kill_all(const struct hooks *hooks, int signal_number)
{
	for (size_t i = 0; i < HOOKS_AT_ONCE; i++)
		if (hooks->running[i].used)
			child_kill(&hooks->running[i].child, signal_number);
}

void hooks_free(struct hooks *hooks)
{
	int status;

	if (!hooks)
		return;
	kill_all(hooks, SIGKILL);
	for (size_t i = 0; i < HOOKS_AT_ONCE; i++) {
		if (!hooks->running[i].used)
			continue;
		child_reap(&hooks->running[i].child, true, &status);
		let_go(hooks, &hooks->running[i]);
	}
	hook_queue_free(hooks->queue);
	free(hooks);
}

/* --- what is said --- */

static void warn(const struct hooks *hooks, unsigned mapping, const char *text)
{
	hooks->config.warning(hooks->config.context, mapping, text);
}

/* `what` is what went wrong, `retry` when it is run again, 0: it is not. */
static void warn_failed(const struct hooks *hooks, unsigned mapping, const char *what,
	int64_t retry)
{
	char text[160];

	if (retry)
		snprintf(text, sizeof(text), "the hook %s; it is run again in %lld s", what,
			(long long)(retry / SEC));
	else
		snprintf(text, sizeof(text), "the hook %s", what);
	warn(hooks, mapping, text);
}

static const char *describe(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "was ended by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 127)
		snprintf(text, size, "failed with exit status 127 (command not found)");
	else
		snprintf(text, size, "failed with exit status %d", WEXITSTATUS(status));
	return text;
}

/* --- starting and ending --- */

static struct running *free_place(struct hooks *hooks)
{
	struct running *running = hooks->running;

	while (running->used)
		running++;
	return running;
}

/* Watches for its end: by its descriptor, else by asking. */
static void watch(struct hooks *hooks, struct child *child, struct mono now)
{
	if (child->fd >= 0 && loop_add(hooks->config.loop, child->fd) == 0)
		return;
	child_close(child);
	hooks->next_poll = mono_min(hooks->next_poll, mono_after(now, POLL));
}

static void start(struct hooks *hooks, unsigned mapping, const char *const *environment,
	struct mono now)
{
	struct running *running = free_place(hooks);
	char what[96];

	if (child_start(hooks->config.command, environment, hooks->config.loop, &running->child) <
		0) {
		snprintf(what, sizeof(what), "could not be started: %s", strerror(errno));
		warn_failed(hooks, mapping, what,
			hook_queue_ended(hooks->queue, mapping, false, now));
		return;
	}
	running->used = true;
	running->mapping = mapping;
	watch(hooks, &running->child, now);
}

/* Has it ended? Then its mapping's next one may run. */
static void look_after(struct hooks *hooks, struct running *running, struct mono now)
{
	char what[96];
	int64_t retry;
	int status;

	if (!child_reap(&running->child, false, &status))
		return;
	let_go(hooks, running);
	retry = hook_queue_ended(hooks->queue, running->mapping, status == 0, now);
	if (status != 0)
		warn_failed(hooks, running->mapping, describe(status, what, sizeof(what)), retry);
}

/* --- the face --- */

bool hooks_event(struct hooks *hooks, unsigned mapping, const char *const *environment)
{
	char text[96];

	if (hooks->phase >= TERMINATED)
		return false;
	switch (hook_queue_event(hooks->queue, mapping, environment)) {
	case HOOK_QUEUED:
		return true;
	case HOOK_PASSED_OVER:
		snprintf(text, sizeof(text),
			"the hook is too slow: more than %d events wait, the oldest are passed "
			"over",
			HOOK_QUEUE_WAITING);
		warn(hooks, mapping, text);
		return true;
	default:
		return false;
	}
}

void hooks_rerun(struct hooks *hooks)
{
	hook_queue_rerun(hooks->queue);
}

bool hooks_ready(struct hooks *hooks, int fd, struct mono now)
{
	for (size_t i = 0; i < HOOKS_AT_ONCE; i++) {
		struct running *running = &hooks->running[i];

		if (!running->used || running->child.fd != fd)
			continue;
		look_after(hooks, running, now);
		return true;
	}
	return false;
}

static void poll_children(struct hooks *hooks, struct mono now)
{
	if (!mono_due(hooks->next_poll, now))
		return;
	hooks->next_poll = MONO_NEVER;
	for (size_t i = 0; i < HOOKS_AT_ONCE; i++) {
		struct running *running = &hooks->running[i];

		if (!running->used || running->child.fd >= 0)
			continue;
		look_after(hooks, running, now);
		if (running->used)
			hooks->next_poll = mono_after(now, POLL);
	}
}

static void terminate(struct hooks *hooks)
{
	size_t dropped = hook_queue_drop(hooks->queue);
	char text[96];

	kill_all(hooks, SIGTERM);
	if (!dropped)
		return;
	snprintf(text, sizeof(text), "no time was left for the hooks of %zu event%s", dropped,
		dropped == 1 ? "" : "s");
	warn(hooks, HOOKS_NO_MAPPING, text);
}

static void next_phase(struct hooks *hooks, struct mono now)
{
	if (!mono_due(hooks->next_phase, now))
		return;
	if (hooks->phase == CLOSING) {
		hooks->phase = TERMINATED;
		hooks->next_phase = mono_after(now, GRACE);
		terminate(hooks);
	} else {
		hooks->phase = KILLED;
		hooks->next_phase = MONO_NEVER;
		kill_all(hooks, SIGKILL);
	}
}

void hooks_tick(struct hooks *hooks, struct mono now)
{
	const char *const *environment;
	unsigned mapping;

	poll_children(hooks, now);
	next_phase(hooks, now);
	hook_queue_tick(hooks->queue, now);
	while ((environment = hook_queue_start(hooks->queue, &mapping)) != NULL)
		start(hooks, mapping, environment, now);
}

struct mono hooks_deadline(const struct hooks *hooks)
{
	return mono_min(hook_queue_deadline(hooks->queue),
		mono_min(hooks->next_phase, hooks->next_poll));
}

void hooks_close(struct hooks *hooks, int64_t limit, struct mono now)
{
	struct mono end = mono_after(now, limit);

	if (hooks->phase > CLOSING)
		return;
	hooks->phase = CLOSING;
	hooks->next_phase = mono_min(hooks->next_phase, end);
	hook_queue_close(hooks->queue);
}

bool hooks_busy(const struct hooks *hooks)
{
	return hook_queue_busy(hooks->queue);
}
