/* SPDX-License-Identifier: MIT
 * The next hop: RTM_GETROUTE, RTM_GETNEIGH, RTM_GETLINK.
 */
#include "host/next_hop.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "host/netlink.h"

/* One answer's worth of what is looked for. */
struct found {
	struct ip ip;
	uint32_t index;
	uint8_t link[NEXT_HOP_LINK_MAX];
	size_t link_length;
	bool no_link_layer;
};

static int note_route(const struct nlmsghdr *message, void *rows)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attributes[RTA_MAX + 1];
	struct found *found = netlink_row(rows);

	if (!found)
		return MNL_CB_ERROR;
	netlink_attributes(message, sizeof(*header), RTA_MAX, attributes);
	found->index = netlink_u32(attributes[RTA_OIF], 0);
	netlink_ip(attributes[RTA_GATEWAY], header->rtm_family, &found->ip);
	return MNL_CB_OK;
}

static int note_neighbour(const struct nlmsghdr *message, void *rows)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attributes[NDA_MAX + 1];
	const struct nlattr *link;
	struct found *found = netlink_row(rows);

	if (!found)
		return MNL_CB_ERROR;
	netlink_attributes(message, sizeof(*header), NDA_MAX, attributes);
	link = attributes[NDA_LLADDR];
	if (header->ndm_state & (NUD_INCOMPLETE | NUD_FAILED))
		link = NULL;
	found->no_link_layer = (header->ndm_state & NUD_NOARP) != 0;
	if (link && mnl_attr_get_payload_len(link) <= sizeof(found->link)) {
		found->link_length = mnl_attr_get_payload_len(link);
		memcpy(found->link, mnl_attr_get_payload(link), found->link_length);
	}
	return MNL_CB_OK;
}

static int note_interface(const struct nlmsghdr *message, void *rows)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct found *found = netlink_row(rows);

	if (!found)
		return MNL_CB_ERROR;
	found->no_link_layer = (header->ifi_flags & (IFF_NOARP | IFF_LOOPBACK)) != 0;
	return MNL_CB_OK;
}

/* Asks, and leaves the first answer in *found. False: none. */
static bool ask(union netlink_request *request, mnl_cb_t note, struct found *found)
{
	struct netlink_rows rows = { .size = sizeof(*found) };
	bool any = netlink_ask(request, note, &rows) == 0 && rows.count > 0;

	if (any)
		memcpy(found, rows.items, sizeof(*found));
	free(rows.items);
	return any;
}

static void put_ip(union netlink_request *request, uint16_t type, const struct ip *ip)
{
	bool v4 = ip_is_v4(ip);

	mnl_attr_put(&request->head, type, v4 ? 4 : 16, ip->octets + (v4 ? 12 : 0));
}

static bool ask_route(const struct endpoint *to, const struct ip *from, struct found *found)
{
	union netlink_request request;
	struct rtmsg *header = netlink_begin(&request, RTM_GETROUTE, 0, sizeof(*header));

	header->rtm_family = ip_is_v4(&to->address) ? AF_INET : AF_INET6;
	header->rtm_dst_len = ip_is_v4(&to->address) ? 32 : 128;
	put_ip(&request, RTA_DST, &to->address);
	if (!ip_is_any(from) && ip_is_v4(from) == ip_is_v4(&to->address)) {
		header->rtm_src_len = header->rtm_dst_len;
		put_ip(&request, RTA_SRC, from);
	}
	if (to->scope)
		mnl_attr_put_u32(&request.head, RTA_OIF, to->scope);
	return ask(&request, note_route, found);
}

static bool ask_neighbour(const struct ip *ip, uint32_t index, struct found *found)
{
	union netlink_request request;
	struct ndmsg *header = netlink_begin(&request, RTM_GETNEIGH, 0, sizeof(*header));

	header->ndm_family = ip_is_v4(ip) ? AF_INET : AF_INET6;
	header->ndm_ifindex = (int)index;
	put_ip(&request, NDA_DST, ip);
	return ask(&request, note_neighbour, found);
}

static bool has_no_link_layer(uint32_t index)
{
	union netlink_request request;
	struct ifinfomsg *header = netlink_begin(&request, RTM_GETLINK, 0, sizeof(*header));
	struct found found = { 0 };

	header->ifi_family = AF_UNSPEC;
	header->ifi_index = (int)index;
	return ask(&request, note_interface, &found) && found.no_link_layer;
}

int next_hop_find(const struct endpoint *to, const struct ip *from, struct next_hop *hop)
{
	struct found route = { 0 }, neighbour = { 0 };
	struct ip none = { { 0 } };

	if (!ask_route(to, from, &route)) {
		if (errno == 0)
			errno = ENETUNREACH;
		return -1;
	}
	memset(hop, 0, sizeof(*hop));
	hop->ip = ip_equal(&route.ip, &none) ? to->address : route.ip;
	hop->interface_index = route.index;
	if (ask_neighbour(&hop->ip, route.index, &neighbour) && !neighbour.no_link_layer) {
		hop->link_length = neighbour.link_length;
		memcpy(hop->link, neighbour.link, neighbour.link_length);
	}
	hop->has_link_layer = hop->link_length > 0 || !has_no_link_layer(route.index);
	return 0;
}
