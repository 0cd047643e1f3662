/* SPDX-License-Identifier: MIT
 * Interfaces and their addresses.
 */
#include "host/iface.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "host/netlink.h"

_Static_assert(NET_NAME_MAX == IF_NAMESIZE, "an interface name has its NUL in it");

uint32_t iface_index(const char *name)
{
	return if_nametoindex(name);
}

const char *iface_name(uint32_t index, char name[static NET_NAME_MAX])
{
	if (!if_indextoname(index, name))
		name[0] = '\0';
	return name;
}

struct name {
	char text[NET_NAME_MAX];
};

static int note_name(const struct nlmsghdr *message, void *rows)
{
	const struct nlattr *attributes[IFLA_IFNAME + 1];
	struct name *row;

	netlink_attributes(message, sizeof(struct ifinfomsg), IFLA_IFNAME, attributes);
	if (!attributes[IFLA_IFNAME])
		return MNL_CB_OK;
	row = netlink_row(rows);
	if (!row)
		return MNL_CB_ERROR;
	strncpy(row->text, mnl_attr_get_str(attributes[IFLA_IFNAME]), sizeof(row->text) - 1);
	return MNL_CB_OK;
}

/* The pointers and behind them the names, in one piece. */
static char **pack(const struct name *from, size_t count)
{
	char **names = malloc((count + 1) * sizeof(*names) + count * sizeof(*from));
	char *text;

	if (!names)
		return NULL;
	text = (char *)(names + count + 1);
	for (size_t i = 0; i < count; i++) {
		names[i] = text + i * sizeof(*from);
		memcpy(names[i], from[i].text, sizeof(*from));
	}
	names[count] = NULL;
	return names;
}

int iface_names(char ***names)
{
	struct netlink_rows rows = { .size = sizeof(struct name) };
	union netlink_request request;
	struct ifinfomsg *header;
	char **packed = NULL;

	header = netlink_begin(&request, RTM_GETLINK, NLM_F_DUMP, sizeof(*header));
	header->ifi_family = AF_UNSPEC;
	if (netlink_ask(&request, note_name, &rows) == 0)
		packed = pack(rows.items, rows.count);
	free(rows.items);
	if (!packed)
		return -1;
	*names = packed;
	return (int)rows.count;
}

/* Who asks for the addresses of one interface gets no others. */
struct addresses {
	struct netlink_rows rows; /* the first member: netlink_ask() hands out its address */
	uint32_t interface_index;
};

static uint32_t preferred_lifetime(const struct nlattr *attribute)
{
	struct ifa_cacheinfo info;

	if (!attribute || mnl_attr_get_payload_len(attribute) < sizeof(info))
		return UINT32_MAX;
	memcpy(&info, mnl_attr_get_payload(attribute), sizeof(info));
	return info.ifa_prefered;
}

/* IFA_ADDRESS is the peer's on a point-to-point link; IFA_LOCAL is ours. */
static bool address_of(const struct nlattr **attributes, int family, struct ip *ip)
{
	return netlink_ip(attributes[IFA_LOCAL], family, ip) ||
		netlink_ip(attributes[IFA_ADDRESS], family, ip);
}

static int note_address(const struct nlmsghdr *message, void *data)
{
	struct addresses *wanted = data;
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attributes[IFA_FLAGS + 1];
	struct net_address *row;
	struct ip ip;
	uint32_t flags;

	netlink_attributes(message, sizeof(*header), IFA_FLAGS, attributes);
	if ((wanted->interface_index && header->ifa_index != wanted->interface_index) ||
		!address_of(attributes, header->ifa_family, &ip))
		return MNL_CB_OK;
	row = netlink_row(&wanted->rows);
	if (!row)
		return MNL_CB_ERROR;
	/* The header has room for eight of the flags only. */
	flags = netlink_u32(attributes[IFA_FLAGS], header->ifa_flags);
	row->ip = ip;
	row->prefix_length = header->ifa_prefixlen;
	row->interface_index = header->ifa_index;
	/* For IPv4 the same bit says "secondary". */
	row->temporary = header->ifa_family == AF_INET6 && (flags & IFA_F_TEMPORARY);
	row->deprecated = (flags & IFA_F_DEPRECATED) != 0;
	/* An optimistic address may be used before the duplicate check is through
	 * (RFC 4429); one that failed it may not be used at all. */
	row->tentative = (flags & IFA_F_DADFAILED) ||
		((flags & IFA_F_TENTATIVE) && !(flags & IFA_F_OPTIMISTIC));
	row->link_scope = header->ifa_scope == RT_SCOPE_LINK;
	row->preferred_lifetime = preferred_lifetime(attributes[IFA_CACHEINFO]);
	return MNL_CB_OK;
}

static uint8_t family_of(enum ip_family family)
{
	switch (family) {
	case IP_FAMILY_4:
		return AF_INET;
	case IP_FAMILY_6:
		return AF_INET6;
	case IP_FAMILY_NONE:
		break;
	}
	return AF_UNSPEC;
}

int iface_addresses(uint32_t index, enum ip_family family, struct net_address **addresses)
{
	struct addresses found = { { .size = sizeof(struct net_address) }, index };
	union netlink_request request;
	struct ifaddrmsg *header;

	header = netlink_begin(&request, RTM_GETADDR, NLM_F_DUMP, sizeof(*header));
	header->ifa_family = family_of(family);
	if (netlink_ask(&request, note_address, &found.rows) < 0) {
		free(found.rows.items);
		return -1;
	}
	*addresses = found.rows.items;
	return (int)found.rows.count;
}
