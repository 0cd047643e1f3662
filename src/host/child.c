/* SPDX-License-Identifier: MIT
 * fork, exec, pidfd.
 */
#include "host/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/loop.h"

/* --- the environment --- */

/* How many strings, and the octets of all of them. */
static size_t count_of(const char *const *strings, size_t *octets)
{
	size_t n = 0;

	for (*octets = 0; strings[n]; n++)
		*octets += strlen(strings[n]) + 1;
	return n;
}

/* Is `string` NAME=... for a NAME that is in `others`? */
static bool is_replaced(const char *string, const char *const *others)
{
	size_t n = strcspn(string, "=");

	for (; *others; others++)
		if (strncmp(string, *others, n) == 0 && (*others)[n] == '=')
			return true;
	return false;
}

/* One block, the caller's to free: the array, and the new strings behind it. */
static char **merge(const char *const *environment)
{
	size_t octets, ours = 0, n = 0;
	size_t pointers = count_of(environment, &octets) + 1;
	char **merged, *text;

	while (environ && environ[ours])
		ours++;
	pointers += ours;
	merged = malloc(pointers * sizeof(*merged) + octets);
	if (!merged)
		return NULL;
	text = (char *)(merged + pointers);
	for (size_t i = 0; i < ours; i++)
		if (!is_replaced(environ[i], environment))
			merged[n++] = environ[i];
	for (; *environment; environment++) {
		merged[n++] = text;
		text = stpcpy(text, *environment) + 1;
	}
	merged[n] = NULL;
	return merged;
}

/* --- in the child: nothing but system calls --- */

/* We may have been started without a 2: then it is closed, or some descriptor of ours,
 * which would be gone after exec(). */
static void set_streams(void)
{
	int null = open("/dev/null", O_RDWR);
	int flags = fcntl(2, F_GETFD);

	if (null != 2 && (flags < 0 || flags & FD_CLOEXEC))
		dup2(null, 2);
	if (null != 0)
		dup2(null, 0);
	dup2(2, 1);
	if (null > 2)
		close(null);
}

_Noreturn static void become(const char *command, char **environment, const struct loop *loop)
{
	setpgid(0, 0);
	set_streams();
	signal(SIGPIPE, SIG_DFL);
	if (loop)
		loop_restore_signals(loop);
	execle("/bin/sh", "sh", "-c", command, (char *)NULL, environment);
	_exit(127);
}

/* --- in the parent --- */

/* A parent may have left us SIGCHLD ignored: then no child's status could be had. */
static void expect_children(void)
{
	struct sigaction action;

	if (sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
		signal(SIGCHLD, SIG_DFL);
}

int child_start(const char *command, const char *const *environment, const struct loop *loop,
	struct child *child)
{
	char **merged = merge(environment);
	pid_t pid;
	int error;

	if (!merged)
		return -1;
	expect_children();
	pid = fork();
	if (pid == 0)
		become(command, merged, loop);
	error = errno;
	free(merged);
	errno = error;
	if (pid < 0)
		return -1;
	setpgid(pid, pid); /* whoever comes first: child_kill() may be next */
	child->pid = pid;
	/* It is close-on-exec by itself. By number, as not every libc has the function. */
	child->fd = (int)syscall(SYS_pidfd_open, pid, 0);
	return 0;
}

int child_reap(struct child *child, bool wait, int *status)
{
	pid_t got;

	do
		got = waitpid(child->pid, status, wait ? 0 : WNOHANG);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return 0;
	/* Not ours any more: it has ended, and how is not known. */
	if (got < 0)
		*status = 0;
	child->pid = -1;
	return 1;
}

void child_kill(const struct child *child, int signal_number)
{
	if (child->pid > 0)
		kill(-child->pid, signal_number);
}

void child_close(struct child *child)
{
	if (child->fd >= 0)
		close(child->fd);
	child->fd = -1;
}
