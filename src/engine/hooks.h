/* SPDX-License-Identifier: MIT
 * -x: a shell command at every event of a mapping. Hooks never hold up anything: they
 * are started, watched and ended from the loop, like a session. What runs when is
 * hook_queue.h's; here are the processes.
 */
#ifndef ENGINE_HOOKS_H
#define ENGINE_HOOKS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/mono.h"

#define HOOKS_AT_ONCE	 8 /* of different mappings */
#define HOOKS_NO_MAPPING UINT_MAX /* not to be used as a number */

struct loop;

struct hooks_config {
	const char *command; /* for /bin/sh -c; the caller's, as long as the hooks live */
	struct loop *loop; /* children's descriptors are added to it */
	/* One line without a full stop, for the user: a hook that failed, and when it is
	 * run again; events that were passed over. HOOKS_NO_MAPPING: of several. */
	void (*warning)(void *context, unsigned mapping, const char *text);
	void *context;
};

struct hooks;

/* NULL: no memory. */
struct hooks *hooks_new(const struct hooks_config *config);
/* What still runs is killed. Before loop_free(). */
void hooks_free(struct hooks *hooks);

/* An event of that mapping (any number the caller likes): its hook is to run with these
 * variables ("NAME=value", NULL at the end; copied), in hooks_tick(). False: no memory,
 * or hooks_close() is over. */
bool hooks_event(struct hooks *hooks, unsigned mapping, const char *const *environment);

/* SIGUSR1: the hook of each mapping's newest event once more. */
void hooks_rerun(struct hooks *hooks);

/* A descriptor of the loop is ready: false when it is none of ours. */
bool hooks_ready(struct hooks *hooks, int fd, struct mono now);

/* Starts what may start, and does what is due. Call it in every turn of the loop. */
void hooks_tick(struct hooks *hooks, struct mono now);

/* When hooks_tick() has something to do next; asking changes nothing. */
struct mono hooks_deadline(const struct hooks *hooks);

/* The end is near: nothing is retried any more; events still come in and run. `limit` (ns)
 * from now what has not run is passed over with a warning and what runs gets SIGTERM, a
 * second later SIGKILL. Go on with the loop until hooks_busy() is false. A second call
 * can only shorten the time: with 0 for a user who does not want to wait. */
void hooks_close(struct hooks *hooks, int64_t limit, struct mono now);

/* Is a hook running, or one to be run at once? Not one that waits for its retry. */
bool hooks_busy(const struct hooks *hooks);

#endif
