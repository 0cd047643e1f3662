/* SPDX-License-Identifier: MIT
 * Routers of this host, compared with who sends.
 */
#include "engine/routers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/next_hop.h"
#include "host/route.h"
#include "wire/pcp.h"

#define MAC_LENGTH 6

struct routers {
	struct server_id *named;
	size_t named_count;
	struct net_route *routes[2]; /* of IPv4, of IPv6 */
	int counts[2];
};

struct routers *routers_new(const struct server_id *named, size_t count)
{
	struct routers *routers = calloc(1, sizeof(*routers));

	if (!routers)
		return NULL;
	routers->named = calloc(count + 1, sizeof(*named));
	if (!routers->named) {
		free(routers);
		return NULL;
	}
	if (count)
		memcpy(routers->named, named, count * sizeof(*named));
	routers->named_count = count;
	return routers;
}

void routers_free(struct routers *routers)
{
	if (!routers)
		return;
	free(routers->routes[0]);
	free(routers->routes[1]);
	free(routers->named);
	free(routers);
}

bool routers_refresh(struct routers *routers)
{
	static const enum ip_family families[] = { IP_FAMILY_4, IP_FAMILY_6 };
	bool good = true;

	for (size_t i = 0; i < 2; i++) {
		struct net_route *routes = NULL;
		int n = route_defaults(families[i], 0, &routes);

		/* A kernel without IPv6 has no routers there. */
		if (n < 0 && errno != EAFNOSUPPORT && errno != EOPNOTSUPP) {
			good = false;
			continue;
		}
		free(routers->routes[i]);
		routers->routes[i] = routes;
		routers->counts[i] = n < 0 ? 0 : n;
	}
	return good;
}

/* The link-layer address of a neighbour, where the kernel knows it. */
static bool find_link(const struct ip *ip, uint32_t interface_index, struct next_hop *hop)
{
	struct endpoint to = { .address = *ip, .scope = interface_index, .port = PCP_PORT };
	struct ip any = ip_any(ip_family(ip));

	return next_hop_find(&to, &any, hop) == 0 && ip_equal(&hop->ip, ip) &&
		hop->interface_index == interface_index && hop->link_length > 0;
}

/* The link-local address that most routers make of it (RFC 4291, appendix A). */
static struct ip address_of_link(const uint8_t mac[static MAC_LENGTH])
{
	return (struct ip){ { 0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3],
		mac[4], mac[5] } };
}

/* Is it the same host as the router? Not asked of the network: who hears one
 * announcement has long talked to its router. */
static bool is_same_host(const struct ip *source, const struct net_route *route)
{
	struct next_hop router, sender;
	struct ip made;

	if (!find_link(&route->gateway, route->interface_index, &router))
		return false;
	if (find_link(source, route->interface_index, &sender))
		return sender.link_length == router.link_length &&
			memcmp(sender.link, router.link, router.link_length) == 0;
	if (router.link_length != MAC_LENGTH)
		return false;
	made = address_of_link(router.link);
	return ip_equal(source, &made);
}

static bool is_router(const struct net_route *route, const struct ip *source,
	uint32_t interface_index)
{
	if (ip_is_any(&route->gateway) || route->interface_index != interface_index)
		return false;
	return ip_equal(&route->gateway, source) ||
		(!ip_is_v4(source) && ip_is_link_local(source) && is_same_host(source, route));
}

static bool is_named(const struct server_id *named, const struct endpoint *source,
	uint32_t interface_index)
{
	return ip_equal(&named->server.address, &source->address) &&
		named->server.port == source->port &&
		(!named->server.scope || named->server.scope == interface_index);
}

bool routers_trust(const struct routers *routers, const struct endpoint *source,
	uint32_t interface_index)
{
	for (size_t i = 0; i < routers->named_count; i++)
		if (is_named(&routers->named[i], source, interface_index))
			return true;
	if (source->port != PCP_PORT)
		return false;
	for (size_t family = 0; family < 2; family++)
		for (int i = 0; i < routers->counts[family]; i++)
			if (is_router(&routers->routes[family][i], &source->address,
				    interface_index))
				return true;
	return false;
}
