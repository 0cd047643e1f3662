/* SPDX-License-Identifier: MIT
 * Who may announce: the routers of this host, and servers named by the user. Anybody
 * on the link can send an announcement, so only theirs count (RFC 6887, 14.1.3; RFC
 * 6886, 3.2.1).
 */
#ifndef ENGINE_ROUTERS_H
#define ENGINE_ROUTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "proto/event.h"

struct routers;

/* `named` (copied) are trusted beside the default routers. NULL: no memory. */
struct routers *routers_new(const struct server_id *named, size_t count);
void routers_free(struct routers *routers);

/* Asks the kernel which default routers there are now. False with errno: what was known
 * stays. */
bool routers_refresh(struct routers *routers);

/* Does this come from a server that counts: from the address and port of a named one, or
 * from port 5351 of a router of that interface? A router announces over IPv6 by its
 * link-local address, which need not be the one in the route: then its link-layer address
 * tells that it is the same host. */
bool routers_trust(const struct routers *routers, const struct endpoint *source,
	uint32_t interface_index);

#endif
