/* SPDX-License-Identifier: MIT
 * Default routes of both families, from the kernel by rtnetlink (libmnl).
 */
#ifndef HOST_ROUTE_H
#define HOST_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/net.h"

/* The default routes of `family`, the kernel's preference first: main before other
 * tables, then by metric, then by router preference (RFC 4191), then as the kernel
 * lists them. Every next hop of a multipath route is a row of its own. An IPv4
 * route by an IPv6 router (RTA_VIA) counts as on-link: no IPv4 router to ask.
 * `interface_index` 0: all, else only that one.
 * Also the route that the kernel itself picks for a public address (RTM_GETROUTE:
 * policy rules, or halves that stand for a default), if it has a gateway: first
 * when it is not among the others, or is of a table that the rules ask before.
 * *routes is the caller's to free(). Returns the number, 0 when there is none,
 * -1 with errno. */
int route_defaults(enum ip_family family, uint32_t interface_index, struct net_route **routes);

#endif
