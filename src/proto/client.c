/* SPDX-License-Identifier: MIT
 * Wanted mappings x servers -> sessions.
 */
#include "proto/client.h"

#include <stdlib.h>

#include "proto/client_state.h"

struct client *client_new(const struct client_config *config)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client)
		client->config = *config;
	return client;
}

void client_free(struct client *client)
{
	struct pair *pair, *next;

	if (!client)
		return;
	pair = client->firsts;
	HASH_CLEAR(by_second, client->seconds);
	HASH_CLEAR(by_first, client->firsts);
	for (; pair; pair = next) {
		next = pair->by_first.next;
		free(pair);
	}
	for (size_t i = 0; i < client->server_count; i++)
		session_free(client->servers[i].session);
	free(client->servers);
	free(client);
}

int client_server(struct client *client, const struct server_id *id)
{
	struct session_config config = {
		.id = *id,
		.policy = client->config.policy,
		.pcp = client->config.pcp,
		.natpmp = client->config.natpmp,
		.give_up = client->config.give_up,
		.seed = client->config.seed + client->server_count,
		.unlimited = client->config.unlimited,
	};
	struct server *servers =
		realloc(client->servers, (client->server_count + 1) * sizeof(*servers));
	struct session *session;

	if (!servers)
		return -1;
	client->servers = servers;
	session = session_new(&config);
	if (!session)
		return -1;
	servers[client->server_count] = (struct server){ .session = session };
	return (int)client->server_count++;
}

size_t client_server_count(const struct client *client)
{
	return client->server_count;
}

const struct server_id *client_server_id(const struct client *client, size_t server)
{
	return session_id(client->servers[server].session);
}

void client_probe(struct client *client, size_t server, const struct client_learn *learn,
	struct mono now)
{
	client->servers[server].learn = *learn;
	if (learn->learn && ip_is_v4(&session_id(client->servers[server].session)->local))
		client->servers[server].learning = LEARN_READY;
	session_probe(client->servers[server].session, now);
}

bool client_want(struct client *client, size_t server, const struct want *want, struct mono now)
{
	return session_add(client->servers[server].session, want, now) != NULL;
}

bool client_want_pair(struct client *client, size_t server, const struct want *first,
	const struct want *second, struct mono now)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	if (!pair)
		return false;
	*pair = (struct pair){
		.first_key = { server, first->number },
		.second_key = { server, second->number },
		.second = *second,
	};
	HASH_ADD(by_first, client->firsts, first_key, sizeof(pair->first_key), pair);
	if (!pair->by_first.tbl) { /* HASH_NONFATAL_OOM */
		free(pair);
		return false;
	}
	HASH_ADD(by_second, client->seconds, second_key, sizeof(pair->second_key), pair);
	if (pair->by_second.tbl)
		pair->first = session_add(client->servers[server].session, first, now);
	return pair->first != NULL;
}

void client_cancel(struct client *client, struct mono now)
{
	client->cancelled = true;
	for (size_t i = 0; i < client->server_count; i++) {
		struct server *server = &client->servers[i];

		session_cancel(server->session, now);
		if (server->learning == LEARN_READY)
			server->learning = LEARN_NO;
	}
}

/* --- the network --- */

static bool is_from(const struct server *server, const struct ip *local,
	const struct endpoint *from)
{
	const struct server_id *id = session_id(server->session);

	return ip_equal(&id->local, local) && endpoint_equal(&id->server, from);
}

/* Whose answer may this be, if from none of those that were asked: he whose nonce
 * it bears, or who was asked at that address, or who is silent so far. */
static struct server *suspect(struct client *client, const struct ip *local,
	const struct endpoint *from, const void *data, size_t length)
{
	struct server *best = NULL;

	for (size_t i = 0; i < client->server_count; i++) {
		struct server *server = &client->servers[i];
		const struct server_id *id = session_id(server->session);

		if (!ip_equal(&id->local, local))
			continue;
		if (session_recognises(server->session, data, length) ||
			ip_equal(&id->server.address, &from->address))
			return server;
		if (!best || !session_heard(server->session))
			best = server;
	}
	return best;
}

enum drop_reason client_input(struct client *client, const struct ip *local,
	const struct endpoint *from, const void *data, size_t length, struct mono now)
{
	struct server *server;

	for (size_t i = 0; i < client->server_count; i++) {
		if (is_from(&client->servers[i], local, from))
			return session_input(client->servers[i].session, data, length, from, now);
	}
	server = suspect(client, local, from, data, length);
	return server ? session_input(server->session, data, length, from, now) : DROP_STRANGER;
}

void client_error(struct client *client, const struct ip *local, const struct net_error *error,
	struct mono now)
{
	for (size_t i = 0; i < client->server_count; i++) {
		if (is_from(&client->servers[i], local, &error->to))
			session_error(client->servers[i].session, error, now);
	}
}

void client_tick(struct client *client, struct mono now)
{
	for (size_t i = 0; i < client->server_count; i++) {
		struct server *server = &client->servers[i];

		if (mono_due(client_learn_due(server), now) && !client->cancelled)
			client_start_learning(client, server, now);
		session_tick(server->session, now);
	}
}

struct mono client_deadline(const struct client *client)
{
	struct mono deadline = MONO_NEVER;

	for (size_t i = 0; i < client->server_count; i++) {
		deadline = mono_min(deadline, session_deadline(client->servers[i].session));
		deadline = mono_min(deadline, client_learn_due(&client->servers[i]));
	}
	return deadline;
}

bool client_output(struct client *client, struct mono now, struct datagram *out, size_t *server)
{
	for (size_t i = 0; i < client->server_count; i++) {
		size_t turn = (client->next_output + i) % client->server_count;

		if (session_output(client->servers[turn].session, now, out)) {
			client->next_output = turn + 1;
			*server = turn;
			return true;
		}
	}
	return false;
}

bool client_is_silent(const struct client *client, size_t server)
{
	const struct session *session = client->servers[server].session;

	return !session_heard(session) && !session_idle(session);
}

bool client_idle(const struct client *client)
{
	if (client->has_held)
		return false;
	for (size_t i = 0; i < client->server_count; i++) {
		if (!session_idle(client->servers[i].session))
			return false;
	}
	return true;
}

bool client_failed(const struct client *client)
{
	bool failed = client->failed;

	for (size_t i = 0; i < client->server_count; i++)
		failed = failed || session_failed(client->servers[i].session);
	return failed;
}

unsigned client_outstanding(const struct client *client, size_t server)
{
	return session_outstanding(client->servers[server].session);
}
