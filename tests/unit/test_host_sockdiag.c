/* SPDX-License-Identifier: MIT
 * host/sockdiag and host/process with real sockets on the loopback. The kernel tells
 * of a socket as soon as it has one; of its end a little later, so that is waited for.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/process.h"
#include "host/sockaddr.h"
#include "host/sockdiag.h"

#define MANY 400 /* connections: more than one part of a dump holds */

/* --- sockets --- */

static struct ip ip_of(const char *text)
{
	struct ip ip = { { 0 } };

	assert_true(ip_parse(text, &ip));
	return ip;
}

enum flavour { PLAIN = 0, SHARED = 1, V6_ONLY = 2, DUAL = 4 };

/* An IPv6 socket where the flavour says so, whatever the address. */
static int bound(int type, const char *address, uint16_t port, unsigned flavour)
{
	int yes = 1, v6_only = (flavour & V6_ONLY) != 0;
	struct endpoint e = { .address = ip_of(address), .port = port };
	union sockaddr_any any;
	socklen_t length = sockaddr_from(&e, &any);
	int fd;

	if (ip_is_v4(&e.address) && (flavour & DUAL)) {
		memset(&any, 0, sizeof(any));
		any.v6.sin6_family = AF_INET6;
		any.v6.sin6_port = htons(port);
		memcpy(&any.v6.sin6_addr, e.address.octets, 16);
		length = sizeof(any.v6);
	}
	fd = socket(any.any.sa_family, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (any.any.sa_family == AF_INET6)
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only,
					 sizeof(v6_only)),
			0);
	if (flavour & SHARED)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)), 0);
	if (bind(fd, &any.any, length) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, MANY), 0);
	return fd;
}

static struct endpoint name_of(int fd, int (*ask)(int, struct sockaddr *, socklen_t *))
{
	union sockaddr_any any;
	socklen_t length = sizeof(any);
	struct endpoint e = { .port = 0 };

	assert_int_equal(ask(fd, &any.any, &length), 0);
	assert_true(sockaddr_to(&any, length, &e));
	return e;
}

static uint16_t port_of(int fd)
{
	return name_of(fd, getsockname).port;
}

/* Some hosts have no IPv6 at all, not even ::1. */
static void need_v6(void)
{
	int fd = bound(SOCK_DGRAM, "::1", 0, V6_ONLY);

	if (fd < 0) {
		fprintf(stderr, "skipped: ::1 cannot be bound: %s\n", strerror(errno));
		skip();
	}
	close(fd);
}

/* A connection to a listener of ours. */
struct pair {
	int here, there; /* who connected, who accepted */
	struct net_flow flow; /* as `here` has it */
};

static struct pair connected(int listener, const char *address, bool v6_socket)
{
	struct endpoint to = { .address = ip_of(address), .port = port_of(listener) };
	union sockaddr_any any;
	socklen_t length = sockaddr_from(&to, &any);
	struct pair pair = { .here = -1 };

	if (v6_socket && ip_is_v4(&to.address)) {
		memset(&any, 0, sizeof(any));
		any.v6.sin6_family = AF_INET6;
		any.v6.sin6_port = htons(to.port);
		memcpy(&any.v6.sin6_addr, to.address.octets, 16);
		length = sizeof(any.v6);
	}
	pair.here = socket(any.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(pair.here >= 0);
	assert_int_equal(connect(pair.here, &any.any, length), 0);
	pair.there = accept(listener, NULL, NULL);
	assert_true(pair.there >= 0);
	pair.flow = (struct net_flow){ .protocol = IPPROTO_TCP, .remote = to };
	pair.flow.local = name_of(pair.here, getsockname);
	return pair;
}

static void disconnect(struct pair *pair)
{
	close(pair->here);
	close(pair->there);
}

/* --- listeners --- */

/* How many of the listeners of that port would get what arrives at the address? */
static int receivers(uint8_t protocol, uint16_t port, const char *address)
{
	struct ip ip = ip_of(address);
	struct net_listener *all;
	int n = sockdiag_listeners(protocol, port, &all), count = 0;

	assert_true(n >= 0);
	assert_int_equal(n == 0, all == NULL);
	for (int i = 0; i < n; i++) {
		assert_int_equal(all[i].port, port);
		assert_int_equal(all[i].protocol, protocol);
		assert_int_equal(all[i].uid, geteuid());
		assert_int_not_equal(all[i].inode, 0);
		count += sockdiag_receives(&all[i], &ip);
	}
	free(all);
	return count;
}

static void forms(int type, uint8_t protocol)
{
	static const struct {
		const char *bound, *address;
		unsigned flavour;
		int receives;
	} rows[] = {
		{ "0.0.0.0", "127.0.0.1", PLAIN, 1 },
		{ "0.0.0.0", "192.0.2.1", PLAIN, 1 },
		{ "0.0.0.0", "2001:db8::1", PLAIN, 0 },
		{ "127.0.0.1", "127.0.0.1", PLAIN, 1 },
		{ "127.0.0.1", "127.0.0.2", PLAIN, 0 },
		{ "::", "127.0.0.1", DUAL, 1 },
		{ "::", "2001:db8::1", DUAL, 1 },
		{ "::", "127.0.0.1", V6_ONLY, 0 },
		{ "::", "2001:db8::1", V6_ONLY, 1 },
		{ "::1", "::1", V6_ONLY, 1 },
		{ "::1", "2001:db8::1", V6_ONLY, 0 },
		{ "::1", "127.0.0.1", V6_ONLY, 0 },
		{ "127.0.0.1", "127.0.0.1", DUAL, 1 }, /* bound to ::ffff:127.0.0.1 */
		{ "127.0.0.1", "127.0.0.2", DUAL, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd = bound(type, rows[i].bound, 0, rows[i].flavour);
		uint16_t port;

		assert_true(fd >= 0);
		port = port_of(fd);
		if (receivers(protocol, port, rows[i].address) != rows[i].receives)
			fail_msg("%s, asked about %s", rows[i].bound, rows[i].address);
		close(fd);
		assert_int_equal(receivers(protocol, port, rows[i].address), 0);
	}
}

static void listeners_tcp(void **state)
{
	(void)state;
	need_v6();
	forms(SOCK_STREAM, IPPROTO_TCP);
}

static void listeners_udp(void **state)
{
	(void)state;
	need_v6();
	forms(SOCK_DGRAM, IPPROTO_UDP);
}

static void listeners_shared(void **state)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int a = bound(types[i], "127.0.0.1", 0, SHARED);
		uint16_t port = port_of(a);
		int b = bound(types[i], "127.0.0.1", port, SHARED);

		assert_true(a >= 0 && b >= 0);
		assert_int_equal(receivers(protocols[i], port, "127.0.0.1"), 2);
		close(a);
		assert_int_equal(receivers(protocols[i], port, "127.0.0.1"), 1);
		close(b);
	}
}

/* What is connected takes from one peer only; what only is bound takes no connection. */
static void not_listening(void **state)
{
	int server = bound(SOCK_STREAM, "127.0.0.1", 0, PLAIN);
	int udp = bound(SOCK_DGRAM, "127.0.0.1", 0, PLAIN);
	struct endpoint to = { .address = ip_of("127.0.0.1"), .port = port_of(server) };
	struct pair pair = connected(server, "127.0.0.1", false);
	union sockaddr_any any;
	socklen_t length = sockaddr_from(&to, &any);
	int closed = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(receivers(IPPROTO_UDP, port_of(udp), "127.0.0.1"), 1);
	assert_int_equal(connect(udp, &any.any, length), 0);
	assert_int_equal(receivers(IPPROTO_UDP, port_of(udp), "127.0.0.1"), 0);
	assert_int_equal(receivers(IPPROTO_TCP, pair.flow.local.port, "127.0.0.1"), 0);
	assert_int_equal(receivers(IPPROTO_TCP, port_of(server), "127.0.0.1"), 1);
	any.v4.sin_port = 0;
	assert_int_equal(bind(closed, &any.any, length), 0);
	assert_int_equal(receivers(IPPROTO_TCP, port_of(closed), "127.0.0.1"), 0);
	close(closed);
	disconnect(&pair);
	close(udp);
	close(server);
}

static void all_listeners(void **state)
{
	int fds[3];
	struct net_listener *all;
	int n, seen = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		fds[i] = bound(SOCK_STREAM, "127.0.0.1", 0, PLAIN);
	n = sockdiag_listeners(IPPROTO_TCP, 0, &all);
	assert_true(n >= 3);
	for (int i = 0; i < n; i++) {
		assert_true(i == 0 || all[i - 1].port <= all[i].port);
		for (int j = 0; j < 3; j++)
			seen += all[i].port == port_of(fds[j]);
	}
	assert_int_equal(seen, 3);
	free(all);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

/* Of a protocol that the kernel has no list of, an empty list would be a lie. */
static void unknown_protocol(void **state)
{
	struct net_listener *all = (void *)&all;

	(void)state;
	errno = 0;
	assert_int_equal(sockdiag_listeners(IPPROTO_GRE, 4711, &all), -1);
	assert_int_equal(errno, ENOENT);
	assert_null(all);
}

/* --- connections --- */

/* The connections with that remote, of which `pair` must be one. */
static void assert_listed(const struct pair *pair, const struct ip *remote, int count)
{
	struct net_flow *flows;
	int n = sockdiag_flows(remote, pair->flow.remote.port, &flows), seen = 0;

	assert_int_equal(n, count);
	for (int i = 0; i < n; i++) {
		assert_int_equal(flows[i].protocol, IPPROTO_TCP);
		assert_int_not_equal(flows[i].inode, 0);
		seen += endpoint_equal(&flows[i].local, &pair->flow.local) &&
			endpoint_equal(&flows[i].remote, &pair->flow.remote);
	}
	assert_int_equal(seen, 1);
	free(flows);
}

static void established(const char *at, const char *address, unsigned flavour, bool v6_socket)
{
	int server = bound(SOCK_STREAM, at, 0, flavour);
	struct pair pair = connected(server, address, v6_socket);
	struct ip remote = ip_of(address), other = ip_of("192.0.2.1");
	struct net_flow *flows;

	assert_int_equal(ip_is_v4(&pair.flow.remote.address), ip_is_v4(&remote));
	assert_listed(&pair, &remote, 1);
	assert_listed(&pair, NULL, 1);
	assert_int_equal(sockdiag_flows(&other, pair.flow.remote.port, &flows), 0);
	assert_null(flows);
	assert_int_equal(sockdiag_flow_lives(&pair.flow), 1);
	disconnect(&pair);
	assert_int_equal(sockdiag_flow_lives(&pair.flow), 0);
	assert_int_equal(sockdiag_flows(NULL, pair.flow.remote.port, &flows), 0);
	close(server);
}

static void established_v4(void **state)
{
	(void)state;
	established("127.0.0.1", "127.0.0.1", PLAIN, false);
}

static void established_v6(void **state)
{
	(void)state;
	need_v6();
	established("::1", "::1", V6_ONLY, false);
}

/* IPv6 sockets at either end that speak IPv4: it is an IPv4 connection. */
static void established_mapped(void **state)
{
	(void)state;
	need_v6();
	established("::", "127.0.0.1", DUAL, false);
	established("127.0.0.1", "127.0.0.1", PLAIN, true);
	established("::", "127.0.0.1", DUAL, true);
}

/* One direction closed: the other one still carries data. */
static void half_closed(void **state)
{
	int server = bound(SOCK_STREAM, "127.0.0.1", 0, PLAIN);
	struct pair pair = connected(server, "127.0.0.1", false);
	struct net_flow back = pair.flow;

	(void)state;
	back.local = pair.flow.remote;
	back.remote = pair.flow.local;
	assert_int_equal(shutdown(pair.here, SHUT_WR), 0);
	assert_int_equal(sockdiag_flow_lives(&pair.flow), 1);
	assert_int_equal(sockdiag_flow_lives(&back), 1);
	/* What only the kernel still has is not in use. */
	close(pair.here);
	assert_int_equal(sockdiag_flow_lives(&pair.flow), 0);
	assert_int_equal(sockdiag_flow_lives(&back), 1);
	close(pair.there);
	assert_int_equal(sockdiag_flow_lives(&back), 0);
	close(server);
}

/* The listener of the port is not taken for the connection. */
static void never_was(void **state)
{
	int server = bound(SOCK_STREAM, "127.0.0.1", 0, PLAIN);
	struct pair pair = connected(server, "127.0.0.1", false);
	struct net_flow other = pair.flow;

	(void)state;
	other.local = pair.flow.remote;
	other.remote.address = ip_of("127.0.0.9");
	assert_int_equal(sockdiag_flow_lives(&other), 0);
	other = pair.flow;
	other.remote.port ^= 1;
	assert_int_equal(sockdiag_flow_lives(&other), 0);
	other = pair.flow;
	other.protocol = IPPROTO_GRE;
	assert_int_equal(sockdiag_flow_lives(&other), -1);
	disconnect(&pair);
	close(server);
}

/* Bound to an interface, it is found all the same by who does not know of that. */
static void bound_to_interface(void **state)
{
	int server = bound(SOCK_STREAM, "127.0.0.1", 0, PLAIN);
	struct pair pair;

	(void)state;
	if (setsockopt(server, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) < 0) {
		fprintf(stderr, "skipped: SO_BINDTODEVICE: %s\n", strerror(errno));
		close(server);
		skip();
	}
	pair = connected(server, "127.0.0.1", false);
	pair.flow.local = name_of(pair.there, getsockname);
	pair.flow.remote = name_of(pair.there, getpeername);
	assert_int_equal(sockdiag_flow_lives(&pair.flow), 1);
	pair.flow.interface_index = 1;
	assert_int_equal(sockdiag_flow_lives(&pair.flow), 1);
	disconnect(&pair);
	close(server);
}

static void many(void **state)
{
	static struct pair pairs[MANY];
	int server = bound(SOCK_STREAM, "127.0.0.1", 0, PLAIN);
	struct net_flow *flows;

	(void)state;
	for (int i = 0; i < MANY; i++)
		pairs[i] = connected(server, "127.0.0.1", false);
	assert_listed(&pairs[0], NULL, MANY);
	assert_listed(&pairs[MANY - 1], NULL, MANY);
	assert_true(sockdiag_process_flows(getpid(), &flows) >= 2 * MANY);
	free(flows);
	for (int i = 0; i < MANY; i++)
		disconnect(&pairs[i]);
	assert_int_equal(sockdiag_flows(NULL, port_of(server), &flows), 0);
	close(server);
}

/* --- processes --- */

static void own_process(void **state)
{
	int server = bound(SOCK_STREAM, "127.0.0.1", 0, PLAIN);
	struct net_flow *flows;
	struct pair pair;

	(void)state;
	assert_int_equal(sockdiag_process_flows(getpid(), &flows), 0);
	assert_null(flows);
	pair = connected(server, "127.0.0.1", false);
	assert_int_equal(sockdiag_process_flows(getpid(), &flows), 2); /* both ends are ours */
	assert_int_equal(flows[0].local.port ^ flows[1].local.port,
		pair.flow.local.port ^ pair.flow.remote.port);
	free(flows);
	close(pair.there);
	assert_int_equal(sockdiag_process_flows(getpid(), &flows), 0);
	close(pair.here);
	close(server);
}

/* A child that holds what it inherited, until its end of the pipe is closed. */
static pid_t start_child(int *hold)
{
	int ends[2];
	pid_t child;
	char octet;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[1]);
		_exit(read(ends[0], &octet, 1) != 0);
	}
	close(ends[0]);
	*hold = ends[1];
	return child;
}

static void end_child(pid_t child, int hold)
{
	int status = -1;

	close(hold);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void other_process(void **state)
{
	int server = bound(SOCK_STREAM, "127.0.0.1", 0, PLAIN), hold, mine = 0, its = 0;
	struct pair pair = connected(server, "127.0.0.1", false);
	pid_t child = start_child(&hold);
	struct process_socket *held;
	struct net_flow *flows;
	int n;

	(void)state;
	assert_int_equal(sockdiag_process_flows(child, &flows), 2);
	n = process_sockets(0, &held);
	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		assert_true(i == 0 || held[i - 1].inode <= held[i].inode);
		if (held[i].inode != flows[0].inode)
			continue;
		assert_int_equal(held[i].group, getpgrp());
		mine += held[i].pid == getpid();
		its += held[i].pid == child;
	}
	assert_int_equal(mine, 1);
	assert_int_equal(its, 1);
	free(held);
	free(flows);
	disconnect(&pair);
	end_child(child, hold);
	/* It is gone now. */
	errno = 0;
	assert_int_equal(sockdiag_process_flows(child, &flows), -1);
	assert_int_equal(errno, ESRCH);
	assert_null(flows);
	close(server);
}

static void forbidden_process(void **state)
{
	struct net_flow *flows;

	(void)state;
	errno = 0;
	if (sockdiag_process_flows(1, &flows) >= 0) {
		pid_t child;
		int status = -1;

		free(flows);
		/* We may see all: a child that may not tells. */
		child = fork();
		if (child == 0) {
			if (setgid(65534) < 0 || setuid(65534) < 0)
				_exit(77);
			_exit(sockdiag_process_flows(1, &flows) < 0 && errno == EACCES ? 0 : 1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
			fprintf(stderr, "skipped: no other user to be here\n");
			skip();
		}
		assert_int_equal(status, 0);
		return;
	}
	assert_int_equal(errno, EACCES);
}

/* --- the end of connections --- */

struct gone {
	struct net_flow wanted;
	unsigned seen;
};

static void take_gone(void *context, const struct net_flow *flow)
{
	struct gone *gone = context;

	assert_int_not_equal(flow->remote.port, 0);
	gone->seen += endpoint_equal(&flow->local, &gone->wanted.local) &&
		endpoint_equal(&flow->remote, &gone->wanted.remote);
}

static void watch_family(const char *address)
{
	int server = bound(SOCK_STREAM, address, 0, PLAIN), fd = sockdiag_watch_open();
	struct pair pair = connected(server, address, false), other;
	struct gone gone = { .wanted = pair.flow };
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	if (fd < 0) {
		fprintf(stderr, "skipped: sockdiag_watch_open: %s\n", strerror(errno));
		skip();
	}
	other = connected(server, address, false);
	disconnect(&other);
	assert_true(sockdiag_watch_take(fd, take_gone, &gone));
	assert_int_equal(gone.seen, 0);
	disconnect(&pair);
	while (gone.seen == 0) {
		assert_int_equal(poll(&poll_fd, 1, 10000), 1);
		assert_true(sockdiag_watch_take(fd, take_gone, &gone));
	}
	assert_int_equal(gone.seen, 1);
	sockdiag_watch_close(fd);
	close(server);
}

static void watch_v4(void **state)
{
	(void)state;
	watch_family("127.0.0.1");
}

static void watch_v6(void **state)
{
	(void)state;
	need_v6();
	watch_family("::1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listeners_tcp),
		cmocka_unit_test(listeners_udp),
		cmocka_unit_test(listeners_shared),
		cmocka_unit_test(not_listening),
		cmocka_unit_test(all_listeners),
		cmocka_unit_test(unknown_protocol),
		cmocka_unit_test(established_v4),
		cmocka_unit_test(established_v6),
		cmocka_unit_test(established_mapped),
		cmocka_unit_test(half_closed),
		cmocka_unit_test(never_was),
		cmocka_unit_test(bound_to_interface),
		cmocka_unit_test(many),
		cmocka_unit_test(own_process),
		cmocka_unit_test(other_process),
		cmocka_unit_test(forbidden_process),
		cmocka_unit_test(watch_v4),
		cmocka_unit_test(watch_v6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
