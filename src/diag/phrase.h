/* SPDX-License-Identifier: MIT
 * The phrases that findings and renderers share: a server, a mapping, a span of
 * time, an ICMP error in words. All write into `text` and return it.
 */
#ifndef DIAG_PHRASE_H
#define DIAG_PHRASE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/event.h"

#define PHRASE_MAX 160 /* room for any of them */

/* "192.168.1.254", "fe80::1%eth0"; with the port where it is not 5351. It can be
 * given back with -s. */
const char *phrase_server(const struct server_id *server, char *text, size_t size);

/* The same without any port. */
const char *phrase_host(const struct server_id *server, char *text, size_t size);

/* 203.0.113.7:8080, [2001:db8::1]:8080 */
const char *phrase_endpoint(const struct ip *ip, uint16_t port, char *text, size_t size);

/* The same of one side of a mapping: "203.0.113.7:*" for every port, "?:8080" for an address
 * that is not known (NULL), "?" where the port is not known either (0). */
const char *phrase_side(const struct ip *ip, uint16_t port, bool all_ports, char *text,
	size_t size);

/* Is the mapping one of every port? In PCP internal port 0 says so; in NAT-PMP it is some
 * VPN's convention for one port. */
bool phrase_is_all_ports(const struct event_mapping *mapping);

/* Its protocol's word: "tcp", "132", "all" (RFC 6887, 11.1). */
const char *phrase_protocol(const struct event_mapping *mapping, char *text, size_t size);

/* 7200 -> "2h", 5400 -> "1h 30m", 45 -> "45s", 3553200 -> "41d 3h": two units at most. */
const char *phrase_duration(uint64_t seconds, char *text, size_t size);

/* "0.04 ms", "1.2 ms", "812 ms" */
const char *phrase_rtt(int64_t ns, char *text, size_t size);

/* "tcp 8080", "tcp 40000 to 198.51.100.5:22", "all ports of udp", "everything" */
const char *phrase_mapping(const struct event_mapping *mapping, char *text, size_t size);

/* As the command line has it, internal port only: 8080, 8080/udp, all/tcp, all */
const char *phrase_spec(const struct event_mapping *mapping, char *text, size_t size);

/* "PCP", "NAT-PMP", "neither protocol" */
const char *phrase_via(enum via via);

/* "restarted", "restarted with another external address", "its clock stands still" */
const char *phrase_epoch_kind(enum epoch_kind kind);

/* "ICMP port unreachable", "ICMP host unreachable", "Operation not permitted" */
const char *phrase_error_kind(const struct net_error *error, char *text, size_t size);

/* The same and who says so: "... from 192.168.1.1" */
const char *phrase_error(const struct net_error *error, char *text, size_t size);

#endif
