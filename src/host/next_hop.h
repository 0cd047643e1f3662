/* SPDX-License-Identifier: MIT
 * Who is next on the way to an address, and by which link-layer address it is known:
 * what tells one network from another that uses the same IP addresses.
 */
#ifndef HOST_NEXT_HOP_H
#define HOST_NEXT_HOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/net.h"

#define NEXT_HOP_LINK_MAX 32

struct next_hop {
	struct ip ip; /* the gateway, or the address itself where it is on-link */
	uint32_t interface_index;
	char interface[NET_NAME_MAX]; /* its name, "" if it has just gone */
	uint8_t link[NEXT_HOP_LINK_MAX]; /* its link-layer address */
	size_t link_length; /* 0: it has none, or none is known yet */
	bool has_link_layer; /* there will be one once somebody has been asked (ARP, ND) */
};

/* What the kernel knows of the way from `from` (a wildcard: any) to `to`. 0, or -1
 * with errno (no route). */
int next_hop_find(const struct endpoint *to, const struct ip *from, struct next_hop *hop);

#endif
