/* SPDX-License-Identifier: MIT
 * The loop of announce-listen.
 */
#include "engine/listener_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/clock.h"
#include "host/iface.h"
#include "host/loop.h"
#include "host/monitor.h"
#include "host/multicast.h"
#include "wire/pcp.h"

#define HOOKS_PATIENCE (10 * SEC)

static const enum ip_family families[2] = { IP_FAMILY_4, IP_FAMILY_6 };

static void warn_hook(void *context, unsigned mapping, const char *text)
{
	struct listener *listener = context;

	(void)mapping;
	listener->config.warning(listener->config.context, text);
}

/* The parts that only some runs have. */
static bool open_parts(struct listener *listener)
{
	const struct listener_config *config = &listener->config;
	struct questions_config questions = { listener->loop, config->mark, config->bind };
	struct hooks_config hooks = { config->hook, listener->loop, warn_hook, listener };

	if (config->verify)
		listener->questions = questions_new(&questions);
	if (config->hook)
		listener->hooks = hooks_new(&hooks);
	return (listener->questions || !config->verify) && (listener->hooks || !config->hook);
}

struct listener *listener_new(const struct listener_config *config)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	listener->config = *config;
	listener->monitor = listener->sockets[0] = listener->sockets[1] = -1;
	listener->give_up = config->timeout ? mono_after(clock_now(), config->timeout) : MONO_NEVER;
	for (size_t i = 0; i < 2; i++)
		listener->wanted[i] = !config->families || (config->families & families[i]);
	listener->routers = routers_new(config->named, config->named_count);
	if (listener->routers)
		listener->loop = loop_new();
	if (listener->loop && loop_catch_signals(listener->loop) == 0 && open_parts(listener))
		return listener;
	listener_free(listener);
	return NULL;
}

void listener_free(struct listener *listener)
{
	if (!listener)
		return;
	hooks_free(listener->hooks);
	questions_free(listener->questions);
	for (size_t i = 0; i < 2; i++)
		if (listener->sockets[i] >= 0)
			multicast_close(listener->sockets[i]);
	monitor_close(listener->monitor);
	routers_free(listener->routers);
	loop_free(listener->loop);
	free(listener);
}

/* --- sockets --- */

static int open_socket(struct listener *listener, size_t i)
{
	int fd = multicast_open(families[i], PCP_MULTICAST_PORT, listener->interface_index);

	if (fd < 0)
		return -1;
	if (loop_add(listener->loop, fd) < 0) {
		int error = errno;

		multicast_close(fd);
		errno = error;
		return -1;
	}
	listener->sockets[i] = fd;
	return 0;
}

static void close_sockets(struct listener *listener)
{
	for (size_t i = 0; i < 2; i++) {
		int fd = listener->sockets[i];

		if (fd < 0)
			continue;
		listener->dropped_before += multicast_dropped(fd);
		loop_remove(listener->loop, fd);
		multicast_close(fd);
		listener->sockets[i] = -1;
	}
}

static void warn_socket(struct listener *listener, enum ip_family family, int error)
{
	char text[160];

	snprintf(text, sizeof(text), "%s is not heard: UDP port %d: %s",
		family == IP_FAMILY_4 ? "IPv4" : "IPv6", PCP_MULTICAST_PORT,
		error == EADDRINUSE ? "held by another program that does not share it" :
				      strerror(error));
	listener->config.warning(listener->config.context, text);
}

/* False with the errno of the first: none could be opened. */
static bool open_sockets(struct listener *listener)
{
	int errors[2] = { 0, 0 };
	bool any = false;

	for (size_t i = 0; i < 2; i++) {
		if (!listener->wanted[i])
			continue;
		if (open_socket(listener, i) == 0)
			any = true;
		else
			errors[i] = errno;
	}
	/* A kernel without IPv6 hears nothing there, and nothing is missed. */
	for (size_t i = 0; any && i < 2; i++)
		if (errors[i] && errors[i] != EAFNOSUPPORT)
			warn_socket(listener, families[i], errors[i]);
	errno = errors[0] ? errors[0] : errors[1];
	return any;
}

enum listener_open listener_start(struct listener *listener)
{
	if (listener->config.interface)
		listener->interface_index = iface_index(listener->config.interface);
	if (!open_sockets(listener))
		return errno == EADDRINUSE ? LISTENER_PORT_HELD : LISTENER_FAILED;
	listener->monitor = monitor_open();
	if (listener->monitor < 0 || loop_add(listener->loop, listener->monitor) < 0)
		listener->config.warning(listener->config.context,
			"interfaces that come and routers that change are not noticed (rtnetlink)");
	if (!routers_refresh(listener->routers))
		listener->config.warning(listener->config.context,
			"the routers of this host cannot be told (rtnetlink)");
	return LISTENER_OPEN;
}

/* The network is another than it was. An interface that went and came back (-i) has
 * another index, and a socket bound to the old one is deaf. */
static void follow_network(struct listener *listener)
{
	const char *name = listener->config.interface;
	uint32_t index = name ? iface_index(name) : 0;

	if (listener->phase != HEARING)
		return;
	if (name && index != listener->interface_index) {
		close_sockets(listener);
		listener->interface_index = index;
		if (index && !open_sockets(listener))
			warn_socket(listener, families[listener->wanted[0] ? 0 : 1], errno);
	}
	for (size_t i = 0; i < 2; i++)
		if (listener->sockets[i] >= 0)
			multicast_join(listener->sockets[i], families[i], index);
	routers_refresh(listener->routers);
}

/* --- the end --- */

void listener_stop(struct listener *listener, bool at_once)
{
	listener->phase = at_once || listener->phase == CLOSED ? CLOSED : CLOSING;
}

/* True: there is nothing left to do. */
static bool is_over(struct listener *listener)
{
	if (listener->phase == HEARING)
		return false;
	if (listener->phase == CLOSED)
		return true;
	close_sockets(listener);
	return !(listener->questions && questions_busy(listener->questions)) &&
		!(listener->hooks && hooks_busy(listener->hooks));
}

static void heed_end(struct listener *listener, struct mono now)
{
	int count = 0;

	if (loop_signal(listener->loop, &count) || mono_due(listener->give_up, now))
		listener_stop(listener, count > 1);
	if (listener->phase == HEARING || listener->hooks_closing || !listener->hooks)
		return;
	listener->hooks_closing = true;
	hooks_close(listener->hooks, HOOKS_PATIENCE, now);
}

/* --- the loop --- */

static void take(struct listener *listener, int fd, struct mono now)
{
	if (fd == listener->sockets[0] || fd == listener->sockets[1])
		listener_take(listener, fd, now);
	else if (fd == listener->monitor && monitor_changed(fd))
		follow_network(listener);
	else if (listener->hooks && hooks_ready(listener->hooks, fd, now))
		return;
	else if (listener->questions)
		questions_ready(listener->questions, fd, now);
}

static struct mono next(const struct listener *listener)
{
	struct mono deadline = listen_deadline(&listener->listen);

	if (listener->phase == HEARING)
		deadline = mono_min(deadline, listener->give_up);
	if (listener->questions)
		deadline = mono_min(deadline, questions_deadline(listener->questions));
	if (listener->hooks)
		deadline = mono_min(deadline, hooks_deadline(listener->hooks));
	return deadline;
}

bool listener_run(struct listener *listener)
{
	struct mono now = clock_now();
	struct loop_ready ready;

	for (;;) {
		if (listener->questions)
			questions_tick(listener->questions, now);
		listener_tell_results(listener, now);
		heed_end(listener, now);
		if (listener->hooks)
			hooks_tick(listener->hooks, now);
		if (is_over(listener))
			break;
		if (loop_wait(listener->loop, next(listener), &ready) < 0)
			return false;
		now = clock_now();
		for (int i = 0; i < ready.count; i++)
			take(listener, ready.fds[i], now);
	}
	if (listener->phase != CLOSED)
		listener_tell_open(listener);
	close_sockets(listener);
	return true;
}

void listener_hook(struct listener *listener, const char *const *environment)
{
	if (listener->hooks && !hooks_event(listener->hooks, 0, environment))
		listener->config.warning(listener->config.context, "out of memory: no hook is run");
}

struct listener_counts listener_counts(const struct listener *listener)
{
	struct listener_counts counted = listener->counts;

	counted.dropped = listener->dropped_before;
	for (size_t i = 0; i < 2; i++)
		if (listener->sockets[i] >= 0)
			counted.dropped += multicast_dropped(listener->sockets[i]);
	return counted;
}
