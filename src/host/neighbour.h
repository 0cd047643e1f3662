/* SPDX-License-Identifier: MIT
 * What ARP and neighbour discovery know of an address (RTM_GETNEIGH, libmnl).
 */
#ifndef HOST_NEIGHBOUR_H
#define HOST_NEIGHBOUR_H

#include <stdint.h>

#include "base/ip.h"
#include "base/net.h"

/* NET_NEIGHBOUR_NOBODY when the entry is INCOMPLETE or FAILED: nobody answered
 * at that address. NET_NEIGHBOUR_UNKNOWN when there is no entry (not on-link). */
enum net_neighbour neighbour_state(const struct ip *address, uint32_t interface_index);

#endif
