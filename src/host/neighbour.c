/* SPDX-License-Identifier: MIT
 * What ARP and neighbour discovery know of an address.
 */
#include "host/neighbour.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "host/netlink.h"

static int note_state(const struct nlmsghdr *message, void *rows)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	uint16_t *row = netlink_row(rows);

	if (!row)
		return MNL_CB_ERROR;
	*row = header->ndm_state;
	return MNL_CB_OK;
}

enum net_neighbour neighbour_state(const struct ip *address, uint32_t interface_index)
{
	struct netlink_rows rows = { .size = sizeof(uint16_t) };
	enum net_neighbour result = NET_NEIGHBOUR_UNKNOWN;
	bool v4 = ip_is_v4(address);
	union netlink_request request;
	struct ndmsg *header;

	header = netlink_begin(&request, RTM_GETNEIGH, 0, sizeof(*header));
	header->ndm_family = v4 ? AF_INET : AF_INET6;
	header->ndm_ifindex = (int)interface_index;
	mnl_attr_put(&request.head, NDA_DST, v4 ? 4 : 16, address->octets + (v4 ? 12 : 0));
	/* ENOENT: no entry. Before Linux 5.0 one entry could not be asked for. */
	if (netlink_ask(&request, note_state, &rows) == 0 && rows.count > 0) {
		uint16_t state = *(uint16_t *)rows.items;

		if (state & (NUD_INCOMPLETE | NUD_FAILED))
			result = NET_NEIGHBOUR_NOBODY;
		else if (state != NUD_NONE)
			result = NET_NEIGHBOUR_REACHABLE;
	}
	free(rows.items);
	return result;
}
