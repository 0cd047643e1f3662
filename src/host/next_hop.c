/* SPDX-License-Identifier: MIT
 * The next hop: RTM_GETROUTE, RTM_GETNEIGH, and the interface between by ioctl, which
 * spares the kernel the statistics that RTM_GETLINK comes with.
 */
#include "host/next_hop.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

/* Asks, and leaves the first answer in *found. False: none. */
static bool ask(struct netlink *netlink, union netlink_request *request, mnl_cb_t note,
	struct found *found)
{
	struct netlink_rows rows = { .size = sizeof(*found) };
	bool any = netlink_ask_at(netlink, request, note, &rows) == 0 && rows.count > 0;

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

static bool ask_route(struct netlink *netlink, const struct endpoint *to, const struct ip *from,
	struct found *found)
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
	return ask(netlink, &request, note_route, found);
}

static bool ask_neighbour(struct netlink *netlink, const struct ip *ip, uint32_t index,
	struct found *found)
{
	union netlink_request request;
	struct ndmsg *header = netlink_begin(&request, RTM_GETNEIGH, 0, sizeof(*header));

	header->ndm_family = ip_is_v4(ip) ? AF_INET : AF_INET6;
	header->ndm_ifindex = (int)index;
	put_ip(&request, NDA_DST, ip);
	return ask(netlink, &request, note_neighbour, found);
}

/* Any socket will do. */
static void ask_interface(struct netlink *netlink, struct next_hop *hop)
{
	int fd = mnl_socket_get_fd(netlink->socket);
	struct ifreq request = { .ifr_ifindex = (int)hop->interface_index };

	hop->has_link_layer = true;
	if (ioctl(fd, SIOCGIFNAME, &request) < 0)
		return;
	memcpy(hop->interface, request.ifr_name, sizeof(hop->interface));
	hop->interface[sizeof(hop->interface) - 1] = '\0';
	if (ioctl(fd, SIOCGIFFLAGS, &request) == 0)
		hop->has_link_layer = !(request.ifr_flags & (IFF_NOARP | IFF_LOOPBACK));
}

static bool find(struct netlink *netlink, const struct endpoint *to, const struct ip *from,
	struct next_hop *hop)
{
	struct found route = { 0 }, neighbour = { 0 };
	struct ip none = { { 0 } };

	if (!ask_route(netlink, to, from, &route)) {
		if (errno == 0)
			errno = ENETUNREACH;
		return false;
	}
	memset(hop, 0, sizeof(*hop));
	hop->ip = ip_equal(&route.ip, &none) ? to->address : route.ip;
	hop->interface_index = route.index;
	ask_interface(netlink, hop);
	if (hop->has_link_layer && ask_neighbour(netlink, &hop->ip, route.index, &neighbour) &&
		!neighbour.no_link_layer) {
		hop->link_length = neighbour.link_length;
		memcpy(hop->link, neighbour.link, neighbour.link_length);
	}
	return true;
}

int next_hop_find(const struct endpoint *to, const struct ip *from, struct next_hop *hop)
{
	struct netlink netlink;
	bool found;

	if (!netlink_open(&netlink))
		return -1;
	found = find(&netlink, to, from, hop);
	netlink_close(&netlink);
	return found ? 0 : -1;
}
