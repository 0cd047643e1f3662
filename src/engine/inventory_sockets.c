/* SPDX-License-Identifier: MIT
 * What listens on the ports of this host, and its connections.
 */
#include "engine/inventory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/process.h"
#include "host/sockdiag.h"
#include "wire/codes.h"

/* The listeners of one protocol, by port. */
struct census {
	const struct net_listener *listeners;
	size_t count;
	bool has_holders; /* asked for only where they matter: that reads all of /proc */
	struct process_socket *holders; /* by inode */
	size_t holder_count;
};

/* --- are several sockets one program's? --- */

static void find_holders(struct census *census)
{
	int n;

	if (census->has_holders)
		return;
	n = process_sockets(0, &census->holders);
	census->holder_count = n > 0 ? (size_t)n : 0;
	census->has_holders = true;
}

/* The first holder of the socket, or where it would stand. */
static size_t first_holder(const struct census *census, uint32_t inode)
{
	size_t low = 0, high = census->holder_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (census->holders[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_holder(const struct census *census, size_t i, uint32_t inode)
{
	return i < census->holder_count && census->holders[i].inode == inode;
}

/* Workers that share a port (SO_REUSEPORT) are of one process group. Where it cannot
 * be told who holds a socket, that is no reason to warn. */
static bool may_be_one_program(const struct census *census, uint32_t a, uint32_t b)
{
	size_t of_a = first_holder(census, a), of_b = first_holder(census, b);

	if (!is_holder(census, of_a, a) || !is_holder(census, of_b, b))
		return true;
	for (size_t i = of_a; is_holder(census, i, a); i++) {
		for (size_t j = of_b; is_holder(census, j, b); j++) {
			if (census->holders[i].group == census->holders[j].group)
				return true;
		}
	}
	return false;
}

static bool may_be_one(struct census *census, const struct net_listener *a,
	const struct net_listener *b)
{
	if (a->uid != b->uid)
		return false;
	find_holders(census);
	return may_be_one_program(census, a->inode, b->inode);
}

/* --- one port --- */

/* The kernel gives what arrives to the socket that names the address, and of wildcards
 * to that of the address's own family first. */
static int rank(const struct net_listener *listener, const struct ip *address)
{
	return (ip_equal(&listener->address, address) ? 2 : 0) +
		(ip_is_v4(&listener->address) == ip_is_v4(address));
}

static bool is_first(const struct net_listener *listener, const struct ip *address, int best)
{
	return sockdiag_receives(listener, address) && rank(listener, address) == best;
}

/* How many sockets of this rank are there, if they are of several programs? */
static unsigned sharing(struct census *census, const struct net_listener *all, size_t count,
	const struct ip *address, int best)
{
	const struct net_listener *first = NULL;
	unsigned sockets = 0;
	bool several = false;

	for (size_t i = 0; i < count; i++) {
		if (!is_first(&all[i], address, best))
			continue;
		sockets++;
		if (!first)
			first = &all[i];
		else
			several = several || !may_be_one(census, first, &all[i]);
	}
	return several ? sockets : 0;
}

static struct net_listening judge(struct census *census, const struct net_listener *all,
	size_t count, const struct ip *address)
{
	struct net_listening listening = { .kind = NET_LISTENING_NOBODY };
	bool on_interface = false;
	int best = -1;

	for (size_t i = 0; i < count; i++) {
		if (!sockdiag_receives(&all[i], address)) {
			listening.elsewhere = all[i].address;
			listening.kind = NET_LISTENING_ELSEWHERE;
			continue;
		}
		on_interface = on_interface || all[i].interface_index;
		if (rank(&all[i], address) > best)
			best = rank(&all[i], address);
	}
	if (best < 0)
		return listening;
	listening = (struct net_listening){ .kind = NET_LISTENING_ONE };
	/* Of sockets on interfaces of their own, or with many addresses, each may have its
	 * share. */
	if (on_interface || all->protocol == PROTOCOL_SCTP)
		return listening;
	listening.sockets = sharing(census, all, count, address, best);
	if (listening.sockets)
		listening.kind = NET_LISTENING_SHARED;
	return listening;
}

static void answer(struct census *census, struct inventory_port *port)
{
	size_t from = 0, high = census->count, to;

	while (from < high) {
		size_t middle = from + (high - from) / 2;

		if (census->listeners[middle].port < port->port)
			from = middle + 1;
		else
			high = middle;
	}
	for (to = from; to < census->count && census->listeners[to].port == port->port;)
		to++;
	port->listening = judge(census, census->listeners + from, to - from, &port->address);
}

/* --- all that are asked --- */

/* The one port of the protocol that is asked for; 0: there are several. */
static uint16_t only_port(const struct inventory_port *ports, size_t count, uint8_t protocol)
{
	uint16_t port = 0;

	for (size_t i = 0; i < count; i++) {
		if (ports[i].protocol != protocol)
			continue;
		if (port && ports[i].port != port)
			return 0;
		port = ports[i].port;
	}
	return port;
}

static void answer_protocol(struct inventory_port *ports, size_t count, uint8_t protocol)
{
	struct net_listener *listeners;
	int n = sockdiag_listeners(protocol, only_port(ports, count, protocol), &listeners);
	struct census census = { .listeners = listeners, .count = n > 0 ? (size_t)n : 0 };

	for (size_t i = 0; n >= 0 && i < count; i++) {
		if (ports[i].protocol == protocol)
			answer(&census, &ports[i]);
	}
	free(census.holders);
	free(listeners);
}

void inventory_listening(struct inventory_port *ports, size_t count)
{
	bool asked[UINT8_MAX + 1] = { false };

	for (size_t i = 0; i < count; i++)
		ports[i].listening = (struct net_listening){ .kind = NET_LISTENING_UNKNOWN };
	for (size_t i = 0; i < count; i++) {
		if (asked[ports[i].protocol])
			continue;
		asked[ports[i].protocol] = true;
		answer_protocol(ports, count, ports[i].protocol);
	}
}

/* --- lists --- */

static int by_port(const void *a, const void *b)
{
	const struct net_listener *left = a, *right = b;

	if (left->port != right->port)
		return left->port < right->port ? -1 : 1;
	return (left->protocol > right->protocol) - (left->protocol < right->protocol);
}

/* Takes out what is on the loopback, and what is there already. */
static int thin_out(struct net_listener *all, int count)
{
	int kept = 0;

	qsort(all, (size_t)count, sizeof(*all), by_port);
	for (int i = 0; i < count; i++) {
		if (ip_is_loopback(&all[i].address) ||
			(kept && by_port(&all[kept - 1], &all[i]) == 0))
			continue;
		all[kept++] = all[i];
	}
	return kept;
}

static int append(struct net_listener **all, int count, const struct net_listener *more, int n)
{
	struct net_listener *grown = realloc(*all, (size_t)(count + n) * sizeof(*grown));

	if (!grown)
		return -1;
	memcpy(grown + count, more, (size_t)n * sizeof(*grown));
	*all = grown;
	return count + n;
}

int inventory_listeners(struct net_listener **listeners)
{
	static const uint8_t protocols[] = { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_DCCP,
		PROTOCOL_SCTP, PROTOCOL_UDPLITE };
	struct net_listener *all = NULL;
	int count = 0;

	*listeners = NULL;
	for (size_t i = 0; i < sizeof(protocols) && count >= 0; i++) {
		struct net_listener *some;
		int n = sockdiag_listeners(protocols[i], 0, &some);

		if (n < 0 && errno != ENOENT) /* that protocol is not there */
			count = -1;
		else if (n > 0)
			count = append(&all, count, some, n);
		free(some);
	}
	if (count > 0)
		count = thin_out(all, count);
	if (count > 0)
		*listeners = all;
	else
		free(all);
	return count;
}

int inventory_flows(const struct ip *remote, uint16_t port, struct net_flow **flows)
{
	return sockdiag_flows(remote, port, flows);
}

int inventory_flow_lives(const struct net_flow *flow)
{
	return sockdiag_flow_lives(flow);
}

int inventory_process_flows(int pid, struct net_flow **flows)
{
	return sockdiag_process_flows(pid, flows);
}

void inventory_udp_holder(uint16_t port, char *text, size_t size)
{
	struct net_listener *listeners = NULL;
	int n = sockdiag_listeners(PROTOCOL_UDP, port, &listeners);
	struct census census = { .listeners = listeners };
	char name[PROCESS_NAME_MAX];
	bool found = false;

	snprintf(text, size, "another program");
	for (int i = 0; i < n && !found; i++) {
		uint32_t inode = listeners[i].inode;
		size_t at;

		find_holders(&census);
		at = first_holder(&census, inode);
		if (!inode || !is_holder(&census, at, inode))
			continue;
		process_name(census.holders[at].pid, name);
		snprintf(text, size, "%s%sprocess %ld", name, name[0] ? ", " : "",
			(long)census.holders[at].pid);
		found = true;
	}
	free(census.holders);
	free(listeners);
}
