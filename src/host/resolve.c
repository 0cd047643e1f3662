/* SPDX-License-Identifier: MIT
 * Host names -> addresses. getaddrinfo() takes as long as it likes and cannot be
 * stopped, so a child process calls it, and is killed when time is up.
 */
#include "host/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/clock.h"
#include "host/sockaddr.h"

/* What the child writes: one piece, less than PIPE_BUF. */
struct answer {
	int error; /* EAI_*, 0: `found` holds the addresses */
	int system_error;
	size_t count;
	struct endpoint found[RESOLVE_MAX];
};

_Static_assert(sizeof(struct answer) <= PIPE_BUF, "written in one piece");

static void look_up(const char *name, int family, struct answer *answer)
{
	struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_DGRAM };
	struct addrinfo *list;

	memset(answer, 0, sizeof(*answer));
	answer->error = getaddrinfo(name, NULL, &hints, &list);
	answer->system_error = errno;
	if (answer->error != 0)
		return;
	for (const struct addrinfo *a = list; a && answer->count < RESOLVE_MAX; a = a->ai_next)
		answer->count +=
			sockaddr_to(a->ai_addr, a->ai_addrlen, &answer->found[answer->count]);
	if (answer->count == 0)
		answer->error = EAI_NONAME;
	freeaddrinfo(list);
}

/* Ends by _exit(): the parent's stdio and atexit handlers are not the child's. */
static _Noreturn void child(int out, const char *name, int family)
{
	struct answer answer;
	sigset_t none;

	/* Signals that the parent keeps for its loop end the child, and so the
	 * parent's wait for it: Ctrl-C need not wait for the resolver. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	look_up(name, family, &answer);
	_exit(write(out, &answer, sizeof(answer)) == (ssize_t)sizeof(answer) ? 0 : 1);
}

/* 1 when the pipe has something or its end, 0 at the deadline, -1 with errno. In
 * slices, as the time-out of poll() stands still in suspend. */
static int wait_for(int fd, struct mono deadline)
{
	struct pollfd wanted = { .fd = fd, .events = POLLIN };

	for (;;) {
		int64_t left = mono_since(deadline, clock_now());
		int64_t slice = left < 0 ? 0 : left < SEC ? left : SEC;
		int n = poll(&wanted, 1, (int)((slice + MSEC - 1) / MSEC));

		if (n > 0)
			return 1;
		if (n < 0 && errno != EINTR)
			return -1;
		if (n == 0 && left <= 0)
			return 0;
	}
}

static enum resolve_result judge(const struct answer *answer, char *reason, size_t size)
{
	switch (answer->error) {
	case 0:
		return RESOLVE_OK;
	case EAI_SYSTEM:
		snprintf(reason, size, "%s", strerror(answer->system_error));
		return RESOLVE_FAILED;
	case EAI_MEMORY:
		snprintf(reason, size, "%s", gai_strerror(answer->error));
		return RESOLVE_FAILED;
	}
	/* Unknown, or its name server does not answer: either way it has no address. */
	snprintf(reason, size, "%s", gai_strerror(answer->error));
	return RESOLVE_NO_NAME;
}

static enum resolve_result await(int in, struct mono deadline, struct answer *answer, char *reason,
	size_t size)
{
	int ready = wait_for(in, deadline);

	if (ready == 0) {
		snprintf(reason, size, "the resolver did not answer in time");
		return RESOLVE_TIMEOUT;
	}
	if (ready < 0 || read(in, answer, sizeof(*answer)) != (ssize_t)sizeof(*answer)) {
		snprintf(reason, size, "the resolver ended without an answer");
		return RESOLVE_FAILED;
	}
	return judge(answer, reason, size);
}

static int family_of(unsigned families)
{
	return families == IP_FAMILY_4 ? AF_INET : families == IP_FAMILY_6 ? AF_INET6 : AF_UNSPEC;
}

static enum resolve_result ask(const char *name, unsigned families, struct mono deadline,
	struct answer *answer, char *reason, size_t size)
{
	enum resolve_result result = RESOLVE_FAILED;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		snprintf(reason, size, "%s", strerror(errno));
		return RESOLVE_FAILED;
	}
	pid = fork();
	if (pid == 0)
		child(ends[1], name, family_of(families));
	if (pid < 0)
		snprintf(reason, size, "%s", strerror(errno));
	close(ends[1]);
	if (pid > 0) {
		result = await(ends[0], deadline, answer, reason, size);
		/* Nothing it could still do is wanted; it may be gone already. */
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close(ends[0]);
	return result;
}

enum resolve_result resolve_names(const char *name, unsigned families, struct mono deadline,
	struct endpoint *out, size_t room, size_t *count, char *reason, size_t size)
{
	struct answer answer;
	enum resolve_result result = ask(name, families, deadline, &answer, reason, size);

	if (result != RESOLVE_OK)
		return result;
	*count = answer.count < room ? answer.count : room;
	memcpy(out, answer.found, *count * sizeof(*out));
	return RESOLVE_OK;
}

enum resolve_result resolve_name(const char *name, unsigned families, struct mono deadline,
	struct endpoint *out, char *reason, size_t size)
{
	size_t count;

	return resolve_names(name, families, deadline, out, 1, &count, reason, size);
}

int resolve_protocol(const char *name)
{
	const struct protoent *entry = getprotobyname(name);

	return entry && entry->p_proto >= 0 && entry->p_proto <= 255 ? entry->p_proto : -1;
}
