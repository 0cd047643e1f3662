/* SPDX-License-Identifier: MIT
 * A shell command as a child process that nobody waits for.
 */
#ifndef HOST_CHILD_H
#define HOST_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct loop;

struct child {
	pid_t pid;
	int fd; /* readable when it has ended; -1: none to be had (no pidfd_open), ask
		 * child_reap() now and then */
};

/* Starts `/bin/sh -c command` and returns at once. The child has
 *  - our environment, with the strings of `environment` ("NAME=value", NULL at the end)
 *    in place of those of the same names;
 *  - /dev/null as its standard input; its standard output goes to our standard error,
 *    as ours carries results that must not be mixed with anything;
 *  - none of our own descriptors, which are all close-on-exec (those that we were
 *    started with ourselves, `3>file`, are passed on);
 *  - the signal mask as it was before `loop` (may be NULL) caught signals, and SIGPIPE
 *    with its default action;
 *  - a process group of its own, so that child_kill() reaches what it has started, and
 *    Ctrl-C only us: we then give it the time to end.
 * 0, or -1 with errno. A shell that cannot be run ends with status 127. */
int child_start(const char *command, const char *const *environment, const struct loop *loop,
	struct child *child);

/* Has it ended? 1: yes, *status is that of waitpid(), and `pid` is gone from here on;
 * 0: not yet. Does not wait, or waits when told to. Its descriptor stays open. */
int child_reap(struct child *child, bool wait, int *status);

/* Sends a signal to it and to what it has started in its group. Only before it has
 * been reaped: until then the pid cannot be anybody else's. */
void child_kill(const struct child *child, int signal_number);

/* Closes the descriptor (take it out of the loop first). */
void child_close(struct child *child);

#endif
