/* SPDX-License-Identifier: MIT
 * What is kept follows the network: other routers, other addresses of ours, the restarts
 * that servers announce.
 */
#include <stdlib.h>

#include "proto/client_state.h"

static bool is_same(const struct server_id *a, const struct server_id *b)
{
	return endpoint_equal(&a->server, &b->server) && ip_equal(&a->local, &b->local) &&
		strcmp(a->interface, b->interface) == 0 &&
		(a->network == b->network || !a->network || !b->network);
}

/* Asks for a want at the new place, as the continuation of what it was. */
static void move_wanted(struct client *client, struct session *session, struct wanted *wanted,
	struct mono now)
{
	struct grant previous = { 0 };
	struct want want = wanted->want;

	if (wanted->mapping)
		previous = wanted->mapping->grant;
	wanted->mapping = NULL;
	if (!client->config.prepare(client->config.context, session_id(session), &want)) {
		client->failed = true;
		return;
	}
	wanted->want = want;
	wanted->mapping = previous.external_port ? session_adopt(session, &want, &previous, now) :
						   session_add(session, &want, now);
	if (!wanted->mapping)
		client->failed = true;
}

static void move(struct client *client, size_t server, const struct client_place *place,
	struct mono now)
{
	struct session *session = client_open_session(client, &place->id);
	struct leaving *leaving = calloc(1, sizeof(*leaving)), **end = &client->leaving;
	struct wanted *wanted;

	if (!session || !leaving) {
		client->failed = true;
		session_free(session);
		free(leaving);
		return;
	}
	leaving->session = client->servers[server].session;
	while (*end)
		end = &(*end)->next;
	*end = leaving;
	client->servers[server].session = session;
	for (wanted = client->wanted; wanted; wanted = wanted->hh.next) {
		if (wanted->key.server == server && wanted->want.keep && !wanted->gone)
			move_wanted(client, session, wanted, now);
	}
	session_abandon(leaving->session, place->old_is_ours, now);
}

static bool holds(const struct client *client, size_t server)
{
	for (const struct wanted *wanted = client->wanted; wanted; wanted = wanted->hh.next) {
		if (wanted->key.server == server && wanted->mapping && wanted->mapping->grant.held)
			return true;
	}
	return false;
}

/* Asked before its network was known: nothing remembered was used, and the mappings may be
 * there with the nonces of an earlier run. */
static bool is_found_out(const struct client *client, size_t server,
	const struct client_place *place)
{
	return place->id.network && !client_server_id(client, server)->network &&
		!holds(client, server);
}

void client_network(struct client *client, const struct client_place *places, struct mono now)
{
	if (client->cancelled)
		return;
	for (size_t i = 0; i < client->server_count; i++) {
		const struct client_place *place = &places[i];
		struct session *session = client->servers[i].session;

		bool absent = client->servers[i].absent;

		client->servers[i].absent = !place->found;
		if (!place->found)
			continue;
		if (!is_same(session_id(session), &place->id) || is_found_out(client, i, place)) {
			move(client, i, place, now);
			continue;
		}
		if (place->id.network)
			session_know_network(session, place->id.network);
		session_again(session, now);
		if (absent)
			session_missed(session, now);
	}
}

void client_sweep(struct client *client)
{
	struct leaving **at = &client->leaving, *leaving;

	while ((leaving = *at)) {
		if (!session_idle(leaving->session)) {
			at = &leaving->next;
			continue;
		}
		*at = leaving->next;
		client->failed = client->failed || session_failed(leaving->session);
		session_free(leaving->session);
		free(leaving);
	}
}

void client_announced(struct client *client, const struct endpoint *from, const void *data,
	size_t length, struct mono now)
{
	struct announcement announcement;

	if (!announcement_decode(data, length, &announcement))
		return;
	for (size_t i = 0; i < client->server_count; i++) {
		struct session *session = client->servers[i].session;

		if (endpoint_equal(&session_id(session)->server, from))
			session_announced(session, &announcement, now);
	}
}
