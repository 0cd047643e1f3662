/* SPDX-License-Identifier: MIT
 * One unconnected UDP socket of one family, bound to one local address. A
 * connected socket would hide a reply from the wrong address (finding 6), so
 * the source is checked above, and ICMP errors are read from the error queue.
 */
#ifndef HOST_UDP_H
#define HOST_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/ip.h"
#include "base/net.h"

struct udp_options {
	struct endpoint local; /* port 0: a random one; the address may be a wildcard */
	uint32_t interface_index; /* 0, or the sockets stay on it */
	uint32_t mark; /* 0: none (--mark) */
};

struct udp_datagram {
	struct endpoint from;
	struct ip to; /* the destination address (IP_PKTINFO), a wildcard if unknown */
	uint32_t interface_index; /* it arrived on, 0 if unknown */
	size_t length; /* at most `size`; larger datagrams: see truncated */
	bool truncated;
};

/* A bound socket, close-on-exec and non-blocking, or -1 with errno (EADDRNOTAVAIL:
 * not an address of this host; EPERM: mark or interface not permitted). An
 * interface that may not be bound by SO_BINDTODEVICE (EPERM) is still honoured
 * by IP_UNICAST_IF / IPV6_UNICAST_IF. */
int udp_open(const struct udp_options *options);
void udp_close(int fd);

/* The port that the socket has. */
uint16_t udp_port(int fd);

/* Sends one datagram. 0, or -1 with errno. A pending ICMP error of an earlier
 * datagram makes Linux refuse the next send without sending: that send is
 * repeated, so such an error never reaches the caller; the error itself stays to
 * be read by udp_error(). What does come back is this host's own refusal:
 * ENETUNREACH, EHOSTUNREACH no route, EPERM a drop of its firewall, EACCES a
 * prohibit route, EMSGSIZE, EADDRNOTAVAIL or EINVAL a link-local address without
 * its scope (EINVAL also a blackhole route). */
int udp_send(int fd, const struct endpoint *to, const void *data, size_t n);

/* The next datagram waiting: 1 with *got filled, 0 when there is none, -1 with
 * errno. Errors of earlier sends are passed over (udp_error() tells them). */
int udp_receive(int fd, void *data, size_t size, struct udp_datagram *got);

/* The next entry of the error queue: 1 with *error filled, 0 when it is empty.
 * `sent` gets the first octets of our datagram as it is quoted, *length how many
 * (a router may quote none). An ICMP message from this host itself about another
 * one is error->local: NET_ERROR_NOBODY when ARP or neighbour discovery failed
 * (after some 3 s), NET_ERROR_DENIED from a `reject` of its own firewall. */
int udp_error(int fd, struct net_error *error, void *sent, size_t size, size_t *length);

/* The source address that the kernel would use towards `to` (RFC 6887, 16.4: a
 * throw-away connected socket and getsockname). 0, or -1 with errno (ENETUNREACH:
 * no route). */
int udp_source_for(const struct endpoint *to, const struct udp_options *options, struct ip *source);

/* An ephemeral UDP port of `local`, ours (and with no one listening behind it) until
 * the descriptor is closed. The descriptor, or -1 with errno. */
int udp_reserve(const struct ip *local, uint16_t *port);

#endif
