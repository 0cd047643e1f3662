/* SPDX-License-Identifier: MIT
 * epoll over the sockets, one timerfd and one signalfd. Both of these are made
 * when first needed: a one-shot command that is answered at once makes neither.
 */
#include "host/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "host/clock.h"

/* A wait shorter than this is left to epoll's own time-out, which spares four
 * system calls in every one-shot command. That time-out stands still in suspend,
 * so at worst such a wait ends this much after the resume. */
#define SHORT_WAIT (1 * SEC)

struct loop {
	int epoll;
	int timer; /* -1: not made yet */
	int signals; /* the signalfd, -1: not caught */
	struct mono armed; /* what the timer is set to */
	sigset_t before; /* the signal mask as loop_catch_signals() found it */
	sigset_t caught;
	int first_signal, signal_count;
	bool user_signal;
};

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->timer = loop->signals = -1;
	loop->armed = MONO_NEVER;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		free(loop);
		return NULL;
	}
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->signals >= 0) {
		close(loop->signals);
		sigprocmask(SIG_SETMASK, &loop->before, NULL);
	}
	if (loop->timer >= 0)
		close(loop->timer);
	close(loop->epoll);
	free(loop);
}

static int watch(struct loop *loop, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event);
}

int loop_add(struct loop *loop, int fd)
{
	/* EPOLLERR, the error queue, is always reported. */
	return watch(loop, fd, EPOLLIN);
}

int loop_add_gone(struct loop *loop, int fd)
{
	/* EPOLLERR and EPOLLHUP come unasked. */
	return watch(loop, fd, 0);
}

void loop_remove(struct loop *loop, int fd)
{
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* What a parent had ignored for us stays ignored: SIGHUP under nohup, SIGINT in
 * a shell's background. A blocked signal would come through all the same. */
static void add_unless_ignored(sigset_t *set, int signal)
{
	struct sigaction action;

	if (sigaction(signal, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
		sigaddset(set, signal);
}

int loop_catch_signals(struct loop *loop)
{
	sigset_t caught;
	int fd;

	if (loop->signals >= 0)
		return 0;
	sigemptyset(&caught);
	add_unless_ignored(&caught, SIGINT);
	add_unless_ignored(&caught, SIGTERM);
	add_unless_ignored(&caught, SIGHUP);
	fd = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -1;
	if (watch(loop, fd, EPOLLIN) < 0 || sigprocmask(SIG_BLOCK, &caught, &loop->before) < 0) {
		close(fd);
		return -1;
	}
	loop->signals = fd;
	loop->caught = caught;
	return 0;
}

int loop_catch_user_signal(struct loop *loop)
{
	sigset_t more;

	sigemptyset(&more);
	sigaddset(&more, SIGUSR1);
	sigaddset(&loop->caught, SIGUSR1);
	if (signalfd(loop->signals, &loop->caught, 0) < 0)
		return -1;
	return sigprocmask(SIG_BLOCK, &more, NULL);
}

bool loop_user_signal(struct loop *loop)
{
	bool came = loop->user_signal;

	loop->user_signal = false;
	return came;
}

void loop_restore_signals(const struct loop *loop)
{
	if (loop->signals >= 0)
		sigprocmask(SIG_SETMASK, &loop->before, NULL);
}

int loop_signal(const struct loop *loop, int *count)
{
	if (count)
		*count = loop->signal_count;
	return loop->first_signal;
}

_Noreturn void loop_die_by(int signal_number)
{
	sigset_t set;

	signal(signal_number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	/* Raised while blocked, then let through: so it is delivered here. */
	raise(signal_number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + signal_number);
}

static void read_signals(struct loop *loop)
{
	struct signalfd_siginfo info;

	while (read(loop->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGUSR1)
			loop->user_signal = true;
		else if (loop->signal_count++ == 0)
			loop->first_signal = (int)info.ssi_signo;
	}
}

/* Edge-triggered: it reports each expiry once and need not be read. */
static int make_timer(struct loop *loop)
{
	int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -1;
	if (watch(loop, fd, EPOLLIN | EPOLLET) < 0) {
		close(fd);
		return -1;
	}
	loop->timer = fd;
	return 0;
}

/* Sets the timer, when it is not set to that already; MONO_NEVER stops it. */
static int arm(struct loop *loop, struct mono deadline)
{
	struct itimerspec when = { .it_interval = { 0, 0 }, .it_value = { 0, 0 } };

	if (deadline.ns == loop->armed.ns)
		return 0;
	if (loop->timer < 0 && make_timer(loop) < 0)
		return -1;
	if (!mono_is_never(deadline)) {
		when.it_value.tv_sec = (time_t)(deadline.ns / SEC);
		when.it_value.tv_nsec = (long)(deadline.ns % SEC);
	}
	if (timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &when, NULL) < 0)
		return -1;
	loop->armed = deadline;
	return 0;
}

/* The time-out for epoll_wait(): 0, up to SHORT_WAIT, or -1 with the timer set.
 * -2 with errno when that cannot be done. A timer left at an instant that is no
 * longer wanted may end a later wait early; loop_wait() then waits again. */
static int time_out(struct loop *loop, struct mono deadline)
{
	int64_t left = mono_since(deadline, clock_now());

	if (mono_is_never(deadline))
		return arm(loop, deadline) < 0 ? -2 : -1;
	if (left <= 0)
		return 0;
	if (left < SHORT_WAIT)
		return (int)((left + MSEC - 1) / MSEC);
	return arm(loop, deadline) < 0 ? -2 : -1;
}

/* Is there something for the caller in it? */
static bool sort_out(struct loop *loop, const struct epoll_event *events, int n,
	struct loop_ready *ready)
{
	int before = loop->signal_count;

	for (int i = 0; i < n; i++) {
		int fd = events[i].data.fd;

		if (fd == loop->signals)
			read_signals(loop);
		else if (fd != loop->timer && ready->count < LOOP_MAX)
			ready->fds[ready->count++] = fd;
	}
	return ready->count > 0 || loop->signal_count > before || loop->user_signal;
}

int loop_wait(struct loop *loop, struct mono deadline, struct loop_ready *ready)
{
	struct epoll_event events[LOOP_MAX];

	ready->count = 0;
	for (;;) {
		int timeout = time_out(loop, deadline);
		int n;

		if (timeout == -2)
			return -1;
		n = epoll_wait(loop->epoll, events, LOOP_MAX, timeout);
		/* EINTR: a signal with a handler of its own (SIGWINCH), or a stop and
		 * continue; the caller's turn. */
		if (n < 0)
			return errno == EINTR ? 0 : -1;
		if (sort_out(loop, events, n, ready) || timeout == 0 ||
			mono_due(deadline, clock_now()))
			return 0;
	}
}
