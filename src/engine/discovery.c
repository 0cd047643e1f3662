/* SPDX-License-Identifier: MIT
 * Default routers or named servers -> whom to ask, from where.
 */
#include "engine/discovery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/inventory.h"
#include "host/iface.h"
#include "host/resolve.h"
#include "host/route.h"
#include "host/udp.h"
#include "wire/pcp.h"

/* What is being found. */
struct search {
	const struct discovery_request *request;
	uint32_t interface_index; /* of -i, 0: any */
	struct server_id *servers;
	size_t count;
	struct discovery_note note; /* why the last one failed */
	struct discovery_note *also;
};

static enum discovery_result fail(struct search *search, enum discovery_result result,
	const char *format, const char *word, const char *why)
{
	snprintf(search->note.text, sizeof(search->note.text), format, word, why);
	return result;
}

/* Two routes to one router are one server. But two routers may have one address, each
 * on an interface of its own (192.168.1.1 is on every network): then each is asked, and
 * its socket stays on that interface. True: it is listed already. */
static bool is_listed(struct search *search, struct server_id *id)
{
	for (size_t i = 0; i < search->count; i++) {
		struct server_id *other = &search->servers[i];

		if (!endpoint_equal(&other->server, &id->server))
			continue;
		if (ip_equal(&other->local, &id->local))
			return true;
		if (other->found_by == FOUND_ROUTE && id->found_by == FOUND_ROUTE)
			other->pinned = id->pinned = true;
	}
	return false;
}

static enum discovery_result no_source(struct search *search, const char *word, int error)
{
	char bind[IP_TEXT_MAX];

	if (search->request->of_flow && error == EADDRNOTAVAIL)
		return fail(search, DISCOVERY_NOT_OURS, "%s: no address of this host%s",
			ip_format(&search->request->bind, bind), "");
	if (search->request->of_flow)
		return fail(search, DISCOVERY_NO_ROUTE,
			"%s: not reachable from the local address of the flow: %s", word,
			strerror(error));
	if (search->request->has_bind && error == EADDRNOTAVAIL)
		return fail(search, DISCOVERY_NOT_OURS, "%s: no address of this host (-b)%s",
			ip_format(&search->request->bind, bind), "");
	if (search->request->has_bind)
		return fail(search, DISCOVERY_NO_ROUTE,
			"%s: not reachable from the address of -b: %s", word, strerror(error));
	if (error == ENETUNREACH || error == EHOSTUNREACH || error == EADDRNOTAVAIL)
		return fail(search, DISCOVERY_NO_ROUTE, "%s: no route to this address%s", word, "");
	return fail(search, DISCOVERY_LOCAL, "%s: %s", word, strerror(error));
}

/* Adds a server with the address to ask it from. A router that is reached twice is
 * asked once. */
static enum discovery_result add(struct search *search, const struct endpoint *server,
	uint32_t interface_index, unsigned found_by, const char *word)
{
	struct server_id id = { .server = *server, .found_by = found_by };
	struct inventory_source wanted = {
		.server = *server,
		.interface_index = interface_index ? interface_index : search->interface_index,
		.mark = search->request->mark,
		.bind = search->request->has_bind ? &search->request->bind : NULL,
	};
	struct server_id *grown;

	if (inventory_source(&wanted, &id.local, id.interface) < 0)
		return no_source(search, word, errno);
	if (is_listed(search, &id))
		return DISCOVERY_OK;
	grown = realloc(search->servers, (search->count + 1) * sizeof(*grown));
	if (!grown)
		return fail(search, DISCOVERY_LOCAL, "%s%s", strerror(ENOMEM), "");
	search->servers = grown;
	grown[search->count++] = id;
	return DISCOVERY_OK;
}

/* --- named servers --- */

static enum discovery_result resolve(struct search *search, const char *name,
	struct endpoint *server)
{
	unsigned families = search->request->families;
	char reason[128] = "";

	if (search->request->has_bind)
		families = ip_family(&search->request->bind);
	if (!families)
		families = IP_FAMILY_4 | IP_FAMILY_6;
	switch (resolve_name(name, families, search->request->deadline, server, reason,
		sizeof(reason))) {
	case RESOLVE_OK:
		return DISCOVERY_OK;
	case RESOLVE_FAILED:
		return fail(search, DISCOVERY_LOCAL, "%s: %s", name, reason);
	default:
		return fail(search, DISCOVERY_NO_NAME, "%s: %s", name, reason);
	}
}

static enum discovery_result add_named(struct search *search, const struct discovery_named *named)
{
	struct endpoint server = { .port = PCP_PORT };
	enum discovery_result result;

	if (named->is_address) {
		server.address = named->address.ip;
		if (named->address.port)
			server.port = named->address.port;
		if (named->address.scope[0])
			server.scope = iface_index(named->address.scope);
		else if (ip_is_link_local(&server.address) && !ip_is_v4(&server.address))
			server.scope = search->interface_index;
	} else {
		result = resolve(search, named->word, &server);
		if (result != DISCOVERY_OK)
			return result;
		if (!server.port)
			server.port = PCP_PORT;
	}
	return add(search, &server, server.scope, FOUND_OPTION, named->word);
}

/* --- default routers --- */

static bool has_router(const struct net_route *route)
{
	return !ip_is_any(&route->gateway);
}

/* The others are named with -v: nobody is passed over in silence. */
static void pass_over(struct search *search, const struct net_route *route)
{
	char text[IP_TEXT_MAX];
	size_t used = strlen(search->also->text);

	snprintf(search->also->text + used, sizeof(search->also->text) - used,
		"%s%s on %s (metric %u)", used ? ", " : "", ip_format(&route->gateway, text),
		route->interface, route->metric);
}

static enum discovery_result add_router(struct search *search, const struct net_route *route)
{
	struct endpoint server = { .address = route->gateway, .port = PCP_PORT };
	char text[IP_TEXT_MAX];

	if (ip_is_link_local(&server.address) && !ip_is_v4(&server.address))
		server.scope = route->interface_index;
	return add(search, &server, route->interface_index, FOUND_ROUTE,
		ip_format(&server.address, text));
}

/* The routers of one family: all of them, or the one that the kernel prefers. */
static enum discovery_result add_routers(struct search *search, enum ip_family family)
{
	struct net_route *routes = NULL;
	int n = route_defaults(family, search->interface_index, &routes);
	enum discovery_result result = DISCOVERY_OK, first = DISCOVERY_OK;
	size_t before = search->count;

	if (n < 0)
		return fail(search, DISCOVERY_LOCAL, "%s%s", strerror(errno), " (rtnetlink)");
	for (int i = 0; i < n; i++) {
		if (!has_router(&routes[i]))
			continue;
		if (search->count > before && !search->request->all) {
			pass_over(search, &routes[i]);
			continue;
		}
		result = add_router(search, &routes[i]);
		if (result != DISCOVERY_OK && first == DISCOVERY_OK)
			first = result;
	}
	free(routes);
	/* One router that cannot be reached does not hide another. */
	return search->count > before ? DISCOVERY_OK : first;
}

static enum discovery_result default_routers(struct search *search)
{
	unsigned families = search->request->families;
	enum discovery_result first = DISCOVERY_OK, result;
	bool both;

	if (search->request->has_bind)
		families = ip_family(&search->request->bind);
	/* Without a word from the user: IPv4 if it has a router, else IPv6. */
	both = search->request->all || families == (IP_FAMILY_4 | IP_FAMILY_6);
	for (unsigned family = IP_FAMILY_4; family <= IP_FAMILY_6; family <<= 1) {
		if (families && !(families & family))
			continue;
		if (search->count && !both)
			continue;
		result = add_routers(search, (enum ip_family)family);
		if (result != DISCOVERY_OK && first == DISCOVERY_OK)
			first = result;
	}
	if (search->count)
		return DISCOVERY_OK;
	if (first != DISCOVERY_OK)
		return first;
	return fail(search, DISCOVERY_NO_ROUTER,
		"no default route with a router to ask%s%s; name a server with -s",
		search->request->interface ? " on " : "",
		search->request->interface ? search->request->interface : "");
}

static void tell(const struct search *search, enum discovery_result result)
{
	const struct discovery_request *request = search->request;

	if (result != DISCOVERY_OK && request->failed)
		request->failed(request->context, result, search->note.text);
}

void discovery_servers(const struct discovery_request *request, struct server_id **servers,
	size_t *count, struct discovery_note *also)
{
	struct search search = { .request = request, .also = also };

	also->text[0] = '\0';
	if (request->interface)
		search.interface_index = iface_index(request->interface);
	if (request->named_count == 0)
		tell(&search, default_routers(&search));
	for (size_t i = 0; i < request->named_count; i++)
		tell(&search, add_named(&search, &request->named[i]));
	*servers = search.servers;
	*count = search.count;
}
