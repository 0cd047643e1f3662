/* SPDX-License-Identifier: MIT
 * Sockets that hear restart announcements: UDP 5350 of 224.0.0.1 and ff02::1
 * (RFC 6887, 14.1.3; RFC 6886, 3.2.1), beside other listeners. Read them with
 * udp_receive(): its interface_index says on which link a datagram came.
 */
#ifndef HOST_MULTICAST_H
#define HOST_MULTICAST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"

/* A socket for one family that has joined on `interface_index` (0: on every interface
 * that is up and can multicast). -1 with errno: EADDRINUSE when another program
 * holds the port without sharing it. */
int multicast_open(enum ip_family family, uint16_t port, uint32_t interface_index);

/* Joins on interfaces that have come since. Already joined is no error. */
void multicast_join(int fd, enum ip_family family, uint32_t interface_index);

/* Was a datagram with this destination sent to the group? What was sent to an address of
 * this host may come in as well. */
bool multicast_is_for(enum ip_family family, const struct ip *to);

/* How many datagrams the kernel had to drop so far, as they came in faster than they
 * were read. */
uint32_t multicast_dropped(int fd);

void multicast_close(int fd);

#endif
