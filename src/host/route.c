/* SPDX-License-Identifier: MIT
 * Default routes: a dump of all tables, put into the kernel's order, and the
 * route that the kernel itself picks for an address far away.
 */
#include "host/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "host/iface.h"
#include "host/netlink.h"

#define PICK_PREFIX_MAX 8

/* A route and what ranks it. */
struct candidate {
	struct net_route route;
	unsigned preference; /* RFC 4191: 3 high, 2 medium, 1 low */
};

/* What a route message is read into, and which routes are wanted. */
struct search {
	struct netlink_rows rows; /* the first member: netlink_ask() hands out its address */
	uint32_t interface_index;
};

/* Addresses of the documentation: no host's own, and nothing is sent there. */
static const uint8_t far_v4[4] = { 198, 51, 100, 1 };
static const uint8_t far_v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };

static unsigned preference_of(const struct nlattr *attribute)
{
	uint8_t pref = attribute && mnl_attr_get_payload_len(attribute) == 1 ?
		mnl_attr_get_u8(attribute) :
		0;

	/* Two bits, signed: 01 high, 00 medium, 11 low (RFC 4191, 2.1). */
	return pref == 1 ? 3 : pref == 3 ? 1 : 2;
}

/* One next hop. Without RTA_GATEWAY it is on-link and the gateway the wildcard. So
 * is an IPv4 route by an IPv6 router (RTA_VIA): that router has no IPv4 address to
 * be asked at, and its IPv6 one cannot map for our IPv4. */
static int add_hop(struct search *search, struct candidate c, int family,
	const struct nlattr **attributes)
{
	struct candidate *row;

	if (search->interface_index && c.route.interface_index != search->interface_index)
		return MNL_CB_OK;
	c.route.gateway = ip_any(family == AF_INET ? IP_FAMILY_4 : IP_FAMILY_6);
	netlink_ip(attributes[RTA_GATEWAY], family, &c.route.gateway);
	row = netlink_row(&search->rows);
	if (!row)
		return MNL_CB_ERROR;
	*row = c;
	return MNL_CB_OK;
}

/* Every next hop of a multipath route. Copied out, as struct rtnexthop may lie
 * anywhere. */
static int add_hops(struct search *search, struct candidate c, int family,
	const struct nlattr *multipath)
{
	const unsigned char *p = mnl_attr_get_payload(multipath);
	size_t left = mnl_attr_get_payload_len(multipath);
	struct rtnexthop hop;

	while (left >= sizeof(hop)) {
		const struct nlattr *attributes[RTA_GATEWAY + 1];
		size_t step;

		memcpy(&hop, p, sizeof(hop));
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > left)
			break;
		netlink_nested(p + sizeof(hop), hop.rtnh_len - sizeof(hop), RTA_GATEWAY,
			attributes);
		c.route.interface_index = (uint32_t)hop.rtnh_ifindex;
		if (!(hop.rtnh_flags & RTNH_F_DEAD) &&
			add_hop(search, c, family, attributes) != MNL_CB_OK)
			return MNL_CB_ERROR;
		step = RTNH_ALIGN(hop.rtnh_len);
		p += step < left ? step : left;
		left -= step < left ? step : left;
	}
	return MNL_CB_OK;
}

/* Any route of the message, default or not. */
static int add_route(const struct nlmsghdr *message, struct search *search)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attributes[RTA_PREF + 1];
	struct candidate c;

	/* Leaves out unreachable, blackhole, prohibit, local, multicast. */
	if (header->rtm_type != RTN_UNICAST || (header->rtm_flags & RTNH_F_DEAD))
		return MNL_CB_OK;
	memset(&c, 0, sizeof(c));
	netlink_attributes(message, sizeof(*header), RTA_PREF, attributes);
	c.route.table = netlink_u32(attributes[RTA_TABLE], header->rtm_table);
	c.route.metric = netlink_u32(attributes[RTA_PRIORITY], 0);
	c.route.interface_index = netlink_u32(attributes[RTA_OIF], 0);
	c.preference = preference_of(attributes[RTA_PREF]);
	if (attributes[RTA_MULTIPATH])
		return add_hops(search, c, header->rtm_family, attributes[RTA_MULTIPATH]);
	return add_hop(search, c, header->rtm_family, attributes);
}

/* One message of the dump. A default for some sources only (IPv6 `from`) counts. */
static int note_default(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);

	if (header->rtm_dst_len != 0 || header->rtm_table == RT_TABLE_LOCAL ||
		(header->rtm_flags & RTM_F_CLONED))
		return MNL_CB_OK;
	return add_route(message, data);
}

/* The route that the kernel found (RTM_F_FIB_MATCH), if it stands for a default:
 * 0.0.0.0/1 and 128.0.0.0/1, 2000::/3, the pieces of "all but the private ones". A
 * longer prefix is about the documentation network itself, as in a lab. */
static int note_pick(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);

	return header->rtm_dst_len > PICK_PREFIX_MAX ? MNL_CB_OK : add_route(message, data);
}

static int dump_defaults(int family, struct search *search)
{
	union netlink_request request;
	struct rtmsg *header = netlink_begin(&request, RTM_GETROUTE, NLM_F_DUMP, sizeof(*header));

	header->rtm_family = (unsigned char)family;
	return netlink_ask(&request, note_default, &search->rows);
}

/* What the kernel picks for an address far away, policy rules and all. False when
 * it has no route, or an on-link one, where there is no router to ask. */
static bool kernel_pick(int family, uint32_t interface_index, struct candidate *pick)
{
	struct search search = { { .size = sizeof(*pick) }, interface_index };
	union netlink_request request;
	struct rtmsg *header = netlink_begin(&request, RTM_GETROUTE, 0, sizeof(*header));
	bool found;

	header->rtm_family = (unsigned char)family;
	header->rtm_dst_len = family == AF_INET ? 32 : 128;
	/* Without the first flag IPv4 says "main" of every table. */
	header->rtm_flags = RTM_F_LOOKUP_TABLE | RTM_F_FIB_MATCH;
	if (family == AF_INET)
		mnl_attr_put(&request.head, RTA_DST, sizeof(far_v4), far_v4);
	else
		mnl_attr_put(&request.head, RTA_DST, sizeof(far_v6), far_v6);
	if (interface_index)
		mnl_attr_put_u32(&request.head, RTA_OIF, interface_index);
	found = netlink_ask(&request, note_pick, &search.rows) == 0 && search.rows.count > 0;
	if (found)
		memcpy(pick, search.rows.items, sizeof(*pick));
	free(search.rows.items);
	return found && !ip_is_any(&pick->route.gateway);
}

static bool before(const struct candidate *a, const struct candidate *b)
{
	bool main_a = a->route.table == RT_TABLE_MAIN, main_b = b->route.table == RT_TABLE_MAIN;

	if (main_a != main_b)
		return main_a;
	if (a->route.table != b->route.table)
		return a->route.table < b->route.table;
	if (a->route.metric != b->route.metric)
		return a->route.metric < b->route.metric;
	return a->preference > b->preference;
}

/* By insertion: equals stay as the kernel listed them, and there are few. */
static void sort(struct candidate *all, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct candidate c = all[i];
		size_t j = i;

		for (; j > 0 && before(&c, &all[j - 1]); j--)
			all[j] = all[j - 1];
		all[j] = c;
	}
}

static void move_to_front(struct candidate *all, size_t at)
{
	struct candidate c = all[at];

	memmove(all + 1, all, at * sizeof(*all));
	all[0] = c;
}

/* The rules' order is told by what the kernel picked. Within one table the sorted
 * order stands: of equal next hops the kernel picks by a hash. */
static int put_pick(struct netlink_rows *rows, const struct candidate *pick)
{
	struct candidate *all = rows->items, *row;

	for (size_t i = 0; i < rows->count; i++) {
		if (!ip_equal(&all[i].route.gateway, &pick->route.gateway) ||
			all[i].route.interface_index != pick->route.interface_index)
			continue;
		if (all[i].route.table != all[0].route.table)
			move_to_front(all, i);
		return 0;
	}
	row = netlink_row(rows);
	if (!row)
		return -1;
	*row = *pick;
	move_to_front(rows->items, rows->count - 1);
	return 0;
}

/* The rows without their ranks, and with the names of the interfaces. */
static int hand_out(const struct netlink_rows *rows, struct net_route **routes)
{
	const struct candidate *all = rows->items;
	struct net_route *out;

	*routes = NULL;
	if (rows->count == 0)
		return 0;
	out = calloc(rows->count, sizeof(*out));
	if (!out)
		return -1;
	for (size_t i = 0; i < rows->count; i++) {
		out[i] = all[i].route;
		/* To ask for a name costs three system calls. */
		if (i > 0 && out[i].interface_index == out[i - 1].interface_index)
			memcpy(out[i].interface, out[i - 1].interface, sizeof(out[i].interface));
		else
			iface_name(out[i].interface_index, out[i].interface);
	}
	*routes = out;
	return (int)rows->count;
}

int route_defaults(enum ip_family family, uint32_t interface_index, struct net_route **routes)
{
	struct search search = { { .size = sizeof(struct candidate) }, interface_index };
	int af = family == IP_FAMILY_4 ? AF_INET : AF_INET6;
	struct candidate pick;
	int count = -1;

	if (dump_defaults(af, &search) == 0) {
		sort(search.rows.items, search.rows.count);
		if (!kernel_pick(af, interface_index, &pick) || put_pick(&search.rows, &pick) == 0)
			count = hand_out(&search.rows, routes);
	}
	free(search.rows.items);
	return count;
}
