/* SPDX-License-Identifier: MIT
 * Facts of this host handed out: which address to ask from, which interfaces there
 * are, whether somebody is at an address, who listens, which connections there are.
 */
#ifndef ENGINE_INVENTORY_H
#define ENGINE_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/mono.h"
#include "base/net.h"

struct inventory_source {
	struct endpoint server;
	uint32_t interface_index; /* 0: any */
	uint32_t mark;
	const struct ip *bind; /* -b, NULL: none */
};

/* The address to ask the server from, and the interface that has it ("" if unknown).
 * IPv4: what the kernel would use (RFC 6887, 16.4). IPv6: a global address of the
 * interface that is not temporary, deprecated or tentative, the longest preferred
 * lifetime first; an ULA only without one (RFC 6887, 8.4): towards a link-local
 * router the kernel would pick the link-local source, which opens nothing. 0, or -1
 * with errno. */
int inventory_source(const struct inventory_source *wanted, struct ip *local,
	char interface[static NET_NAME_MAX]);

/* Is it an address of this host right now? */
bool inventory_is_ours(const struct ip *address);

/* Is the interface there? */
bool inventory_has_interface(const char *name);

/* The number of a protocol by its name in /etc/protocols, -1: none. */
int inventory_protocol(const char *name);

/* The addresses of a host name; *count of them, of `room`. 0; 1 when it has none, with a
 * phrase in `reason`; -1 on failure, with one as well. */
int inventory_resolve(const char *name, unsigned families, struct mono deadline, struct ip *out,
	size_t room, size_t *count, char *reason, size_t size);

/* Who is next on the way from `from` (a wildcard: any) to an address; the address itself
 * where it is on the link, *on_link then, or at the end of a tunnel. False: no way. */
bool inventory_next_hop(const struct endpoint *to, const struct ip *from, struct ip *hop,
	bool *on_link);

/* The names of all interfaces, NULL-terminated, freed by one free(); NULL on failure. */
char **inventory_interfaces(void);

/* Did ARP or neighbour discovery find nobody at the address? */
bool inventory_nobody_at(const struct endpoint *address, const char *interface);

/* A port of this host, and what listens there for what arrives at the address. */
struct inventory_port {
	uint8_t protocol;
	uint16_t port;
	struct ip address;
	struct net_listening listening; /* the answer */
};

/* Answers all of them: of each protocol the one port is asked for, or where there are
 * several, all ports at once. */
void inventory_listening(struct inventory_port *ports, size_t count);

/* Who listens where others can reach it (not on the loopback only), by port, then
 * protocol, each of these once. *listeners is the caller's to free(), NULL when there
 * are none. Returns the number, or -1 with errno. */
int inventory_listeners(struct net_listener **listeners);

/* Who holds a UDP port: "avahi-daemon, process 412", "another program" where that cannot
 * be told. */
void inventory_udp_holder(uint16_t port, char *text, size_t size);

/* The established TCP connections with `remote` (NULL: anybody) at `port` (0: any), as
 * sockdiag_flows() and sockdiag_process_flows() have them. */
int inventory_flows(const struct ip *remote, uint16_t port, struct net_flow **flows);
/* -1 with errno: ESRCH there is no such process, EACCES it is not ours to look at. */
int inventory_process_flows(int pid, struct net_flow **flows);
/* Is there such a connection, or connected socket? 1, 0, or -1 with errno: not known. */
int inventory_flow_lives(const struct net_flow *flow);

#endif
