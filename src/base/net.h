/* SPDX-License-Identifier: MIT
 * Plain facts of the host, as host/ reads them and proto/ and engine/ use them.
 */
#ifndef BASE_NET_H
#define BASE_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"

#define NET_NAME_MAX 16 /* an interface name with its NUL */

/* A default route. */
struct net_route {
	struct ip gateway; /* the wildcard of its family: on-link, no router to ask */
	uint32_t interface_index;
	char interface[NET_NAME_MAX];
	uint32_t metric; /* the lowest is preferred */
	uint32_t table;
};

/* An address of an interface. */
struct net_address {
	struct ip ip;
	uint8_t prefix_length; /* of its own family */
	uint32_t interface_index;
	bool temporary, deprecated, tentative, link_scope;
	uint32_t preferred_lifetime; /* seconds; UINT32_MAX: for ever */
};

/* A socket that takes what nobody else has asked to be sent: TCP in LISTEN, UDP bound
 * and not connected. */
struct net_listener {
	uint8_t protocol;
	uint16_t port;
	bool v6_only; /* of an IPv6 wildcard: it does not take IPv4 */
	struct ip address; /* a wildcard: at every address */
	uint32_t interface_index; /* it is bound to, 0: none */
	uint32_t uid; /* of its owner */
	uint32_t inode; /* 0: of no process (the kernel's own, as WireGuard's) */
};

/* A connection. That of an IPv6 socket with an IPv4 remote is an IPv4 one. */
struct net_flow {
	uint8_t protocol;
	struct endpoint local, remote; /* scope: of link-local addresses, as far as known */
	uint32_t interface_index; /* the socket is bound to, 0: none */
	uint32_t inode; /* 0: of no process, as one that has not been accepted yet */
};

/* What listens on a port of this host, for what arrives at one of its addresses. */
enum net_listening_kind {
	NET_LISTENING_UNKNOWN, /* the kernel does not tell of that protocol */
	NET_LISTENING_NOBODY,
	NET_LISTENING_ELSEWHERE, /* at other addresses of this host only */
	NET_LISTENING_ONE, /* one socket, or several of one program */
	NET_LISTENING_SHARED, /* several programs, none of them before the others */
};

struct net_listening {
	enum net_listening_kind kind;
	unsigned sockets; /* SHARED: how many */
	struct ip elsewhere; /* ELSEWHERE: one of these addresses */
};

enum net_neighbour { NET_NEIGHBOUR_UNKNOWN, NET_NEIGHBOUR_REACHABLE, NET_NEIGHBOUR_NOBODY };

/* An ICMP error, or a local failure to send, about a datagram of ours. */
enum net_error_kind {
	NET_ERROR_PORT_UNREACHABLE, /* 3/3; ICMPv6 1/4 */
	NET_ERROR_PROHIBITED, /* 3/9 3/10 3/13; ICMPv6 1/1 1/5 1/6 */
	NET_ERROR_UNREACHABLE, /* host, net, no route, address unreachable */
	NET_ERROR_NOBODY, /* nobody has that address: ARP or neighbour discovery failed */
	NET_ERROR_TTL, /* time exceeded */
	NET_ERROR_TOO_BIG,
	NET_ERROR_DENIED, /* EPERM, EACCES on send: this host's own firewall */
	NET_ERROR_LOCAL, /* any other failure to send; `error` says which */
};

struct net_error {
	enum net_error_kind kind;
	bool local; /* found by this host, no ICMP message came */
	uint8_t type, code; /* of the ICMP message, when not local */
	int error; /* errno value */
	bool has_offender;
	struct ip offender; /* who sent the ICMP message */
	struct endpoint to; /* where our datagram was going */
};

#endif
