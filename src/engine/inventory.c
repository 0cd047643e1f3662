/* SPDX-License-Identifier: MIT
 * Facts of this host.
 */
#include "engine/inventory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/iface.h"
#include "host/neighbour.h"
#include "host/next_hop.h"
#include "host/resolve.h"
#include "host/udp.h"

/* Which of two IPv6 addresses is the better one to be mapped? */
static int rank(const struct net_address *address)
{
	if (address->temporary || address->deprecated || address->tentative ||
		ip_is_link_local(&address->ip) || ip_is_loopback(&address->ip))
		return 0;
	return ip_is_ula(&address->ip) ? 1 : 2;
}

static bool is_better(const struct net_address *a, const struct net_address *than)
{
	if (rank(a) != rank(than))
		return rank(a) > rank(than);
	return a->preferred_lifetime > than->preferred_lifetime;
}

static const struct net_address *find(const struct net_address *addresses, int n,
	const struct ip *ip)
{
	for (int i = 0; i < n; i++) {
		if (ip_equal(&addresses[i].ip, ip))
			return &addresses[i];
	}
	return NULL;
}

/* RFC 6887, 8.4, and pcpctl(1). Leaves *local when there is nothing better. */
static void prefer_global(const struct net_address *addresses, int n, uint32_t interface_index,
	struct ip *local)
{
	const struct net_address *best = NULL;

	for (int i = 0; i < n; i++) {
		const struct net_address *address = &addresses[i];

		if (ip_is_v4(&address->ip) || address->interface_index != interface_index ||
			rank(address) == 0)
			continue;
		if (!best || is_better(address, best))
			best = address;
	}
	if (best)
		*local = best->ip;
}

int inventory_source(const struct inventory_source *wanted, struct ip *local,
	char interface[static NET_NAME_MAX])
{
	struct udp_options options = {
		.interface_index = wanted->interface_index,
		.mark = wanted->mark,
	};
	struct net_address *addresses = NULL;
	const struct net_address *held;
	uint32_t index = wanted->interface_index;
	int n;

	options.local.address =
		wanted->bind ? *wanted->bind : ip_any(ip_family(&wanted->server.address));
	if (wanted->bind && ip_is_link_local(wanted->bind))
		options.local.scope = wanted->server.scope;
	if (udp_source_for(&wanted->server, &options, local) < 0)
		return -1;
	interface[0] = '\0';
	if (ip_is_v4(local)) { /* the kernel's choice stands: nothing more need be asked */
		if (index)
			iface_name(index, interface);
		return 0;
	}
	n = iface_addresses(0, IP_FAMILY_6, &addresses);
	if (n < 0)
		return -1;
	held = find(addresses, n, local);
	if (!index && held)
		index = held->interface_index;
	if (!wanted->bind && !ip_is_loopback(local))
		prefer_global(addresses, n, index, local);
	free(addresses);
	iface_name(index, interface);
	return 0;
}

bool inventory_is_ours(const struct ip *address)
{
	struct net_address *addresses = NULL;
	int n = iface_addresses(0, ip_family(address), &addresses);
	bool ours = n > 0 && find(addresses, n, address);

	free(addresses);
	return ours;
}

bool inventory_has_interface(const char *name)
{
	return iface_index(name) != 0;
}

int inventory_protocol(const char *name)
{
	return resolve_protocol(name);
}

int inventory_resolve(const char *name, unsigned families, struct mono deadline, struct ip *out,
	size_t room, size_t *count, char *reason, size_t size)
{
	struct endpoint found[RESOLVE_MAX];
	enum resolve_result result = resolve_names(name, families, deadline, found,
		room < RESOLVE_MAX ? room : RESOLVE_MAX, count, reason, size);

	if (result != RESOLVE_OK)
		return result == RESOLVE_FAILED ? -1 : 1;
	for (size_t i = 0; i < *count; i++)
		out[i] = found[i].address;
	return 0;
}

bool inventory_next_hop(const struct endpoint *to, const struct ip *from, struct ip *hop,
	bool *on_link)
{
	struct next_hop next;

	if (next_hop_find(to, from, &next) < 0)
		return false;
	*hop = next.ip;
	*on_link = next.has_link_layer && ip_equal(&next.ip, &to->address);
	return true;
}

char **inventory_interfaces(void)
{
	char **names;

	return iface_names(&names) < 0 ? NULL : names;
}

bool inventory_nobody_at(const struct endpoint *address, const char *interface)
{
	uint32_t index = address->scope;
	struct next_hop hop;

	if (!index && interface[0])
		index = iface_index(interface);
	if (!index && next_hop_find(address, &ip_any6, &hop) == 0)
		index = hop.interface_index;
	return index && neighbour_state(&address->address, index) == NET_NEIGHBOUR_NOBODY;
}
