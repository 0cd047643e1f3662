/* SPDX-License-Identifier: MIT
 * Waits for datagrams, signals and one deadline on CLOCK_BOOTTIME: a timerfd,
 * as the time-out of poll() itself stops in suspend.
 */
#ifndef HOST_LOOP_H
#define HOST_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mono.h"

struct loop;

#define LOOP_MAX 64 /* descriptors reported by one wait */

/* What one wait saw. */
struct loop_ready {
	int fds[LOOP_MAX]; /* readable, or with an error pending */
	int count;
};

/* NULL with errno on failure. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Watch a descriptor for reading and for its error queue; the same one may not be
 * added twice. Remove it before it is closed. 0, or -1 with errno (EPERM: a plain
 * file, which is always ready). */
int loop_add(struct loop *loop, int fd);
void loop_remove(struct loop *loop, int fd);

/* Watch a descriptor only for its other end being gone (the reader of a pipe, the
 * terminal): it is then reported, again and again until it is removed. 0, or -1 with
 * errno (EPERM: a plain file, whose reader never goes). */
int loop_add_gone(struct loop *loop, int fd);

/* From now on SIGINT, SIGTERM and SIGHUP no longer end the process at once: they
 * end a wait and are kept for loop_signal(). One that the process was started
 * with as ignored (nohup) stays ignored. 0, or -1 with errno. */
int loop_catch_signals(struct loop *loop);

/* SIGUSR1 as well, behind loop_catch_signals(); it counts for nothing but
 * loop_user_signal(). 0, or -1 with errno. */
int loop_catch_user_signal(struct loop *loop);
/* Has a SIGUSR1 come since the last call? */
bool loop_user_signal(struct loop *loop);

/* In a child, between fork() and exec(): the signal mask as it was before
 * loop_catch_signals(). A mask is inherited, and a hook must die of Ctrl-C. */
void loop_restore_signals(const struct loop *loop);

/* The first signal caught, 0 when none; *count (may be NULL) says how many came. */
int loop_signal(const struct loop *loop, int *count);

/* Ends the process by that signal with its default action, as a program that did
 * not catch it would have ended. Does not return. */
_Noreturn void loop_die_by(int signal_number);

/* Returns when a descriptor is ready, a signal has come since the last wait, or
 * the deadline is due (MONO_NEVER: no deadline). A deadline that lies behind does
 * not wait at all, but what is ready is reported. A signal with a handler of its
 * own (SIGWINCH) also ends the wait, with nothing to report. 0, or -1 with errno. */
int loop_wait(struct loop *loop, struct mono deadline, struct loop_ready *ready);

#endif
