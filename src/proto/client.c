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

static void free_wanted(struct client *client)
{
	struct wanted *wanted, *next;

	HASH_ITER(hh, client->wanted, wanted, next) {
		HASH_DEL(client->wanted, wanted);
		free(wanted);
	}
}

void client_free(struct client *client)
{
	struct pair *pair, *next;
	struct leaving *leaving;

	if (!client)
		return;
	pair = client->firsts;
	HASH_CLEAR(by_second, client->seconds);
	HASH_CLEAR(by_first, client->firsts);
	for (; pair; pair = next) {
		next = pair->by_first.next;
		free(pair);
	}
	free_wanted(client);
	while ((leaving = client->leaving)) {
		client->leaving = leaving->next;
		session_free(leaving->session);
		free(leaving);
	}
	for (size_t i = 0; i < client->server_count; i++)
		session_free(client->servers[i].session);
	free(client->servers);
	free(client);
}

struct session *client_open_session(struct client *client, const struct server_id *id)
{
	struct session_config config = {
		.id = *id,
		.policy = client->config.policy,
		.pcp = client->config.pcp,
		.natpmp = client->config.natpmp,
		.give_up = client->config.keep ? MONO_NEVER : client->config.give_up,
		.seed = client->config.seed + client->sessions++,
		.unlimited = client->config.unlimited,
	};

	return session_new(&config);
}

int client_server(struct client *client, const struct server_id *id)
{
	struct server *servers =
		realloc(client->servers, (client->server_count + 1) * sizeof(*servers));
	struct session *session;

	if (!servers)
		return -1;
	client->servers = servers;
	session = client_open_session(client, id);
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

struct wanted *client_wanted(const struct client *client, size_t server, unsigned number)
{
	struct number_key key;
	struct wanted *wanted;

	memset(&key, 0, sizeof(key)); /* it is hashed as octets */
	key.server = server;
	key.number = number;
	HASH_FIND(hh, client->wanted, &key, sizeof(key), wanted);
	return wanted;
}

static struct wanted *add_wanted(struct client *client, size_t server, unsigned number)
{
	struct wanted *wanted = calloc(1, sizeof(*wanted));

	if (!wanted)
		return NULL;
	wanted->key.server = server;
	wanted->key.number = number;
	HASH_ADD(hh, client->wanted, key, sizeof(wanted->key), wanted);
	if (wanted->hh.tbl) /* HASH_NONFATAL_OOM */
		return wanted;
	free(wanted);
	return NULL;
}

bool client_want(struct client *client, size_t server, const struct want *want, struct mono now)
{
	struct wanted *wanted = client_wanted(client, server, want->number);

	if (!wanted)
		wanted = add_wanted(client, server, want->number);
	if (!wanted)
		return false;
	wanted->want = *want;
	wanted->granted = wanted->gone = false;
	wanted->mapping = session_add(client->servers[server].session, want, now);
	return wanted->mapping != NULL;
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
	return pair->by_second.tbl && client_want(client, server, first, now);
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

/* NULL: it is not there any more. */
static struct wanted *living(const struct client *client, size_t server, unsigned number)
{
	struct wanted *wanted = client_wanted(client, server, number);

	return wanted && !wanted->gone && wanted->mapping ? wanted : NULL;
}

bool client_delete(struct client *client, size_t server, unsigned number, struct mono now)
{
	struct wanted *wanted = living(client, server, number);

	if (!wanted)
		return false;
	wanted->gone = true;
	session_delete(client->servers[server].session, wanted->mapping, now);
	return true;
}

bool client_renew(struct client *client, size_t server, unsigned number, struct mono now)
{
	struct wanted *wanted = living(client, server, number);

	if (!wanted)
		return false;
	session_renew(client->servers[server].session, wanted->mapping, now);
	return true;
}

bool client_lifetime(struct client *client, size_t server, unsigned number, uint32_t lifetime,
	struct mono now)
{
	struct wanted *wanted = living(client, server, number);

	if (!wanted)
		return false;
	wanted->want.lifetime = lifetime;
	session_lifetime(client->servers[server].session, wanted->mapping, lifetime, now);
	return true;
}

bool client_waits(const struct client *client)
{
	for (size_t i = 0; i < client->server_count; i++) {
		if (session_waits(client->servers[i].session))
			return true;
	}
	return false;
}

void client_close(struct client *client, bool leave, struct mono now)
{
	client->cancelled = true;
	for (size_t i = 0; i < client->server_count; i++)
		session_finish(client->servers[i].session, leave, now);
}

bool client_gave_up(const struct client *client)
{
	return client->gave_up;
}

void client_sample(struct client *client, size_t server)
{
	session_sample(client->servers[server].session);
}

static bool all_granted(const struct client *client)
{
	const struct wanted *wanted;
	const struct pair *pair;

	for (wanted = client->wanted; wanted; wanted = wanted->hh.next) {
		if (!wanted->granted && !wanted->gone)
			return false;
	}
	for (pair = client->firsts; pair; pair = pair->by_first.next) {
		if (!pair->asked)
			return false;
	}
	return true;
}

/* -t of what is kept: once all was granted it has no meaning any more. */
static void give_up_due(struct client *client, struct mono now)
{
	if (!client->config.keep || !mono_due(client->config.give_up, now))
		return;
	client->config.give_up = MONO_NEVER;
	if (client->cancelled || all_granted(client))
		return;
	client->gave_up = true;
	for (size_t i = 0; i < client->server_count; i++)
		session_give_up(client->servers[i].session, now);
	client_close(client, false, now);
}

/* --- the network --- */

static bool is_from(const struct session *session, const struct ip *local,
	const struct endpoint *from)
{
	const struct server_id *id = session_id(session);

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
		if (is_from(client->servers[i].session, local, from))
			return session_input(client->servers[i].session, data, length, from, now);
	}
	for (struct leaving *leaving = client->leaving; leaving; leaving = leaving->next) {
		if (is_from(leaving->session, local, from))
			return session_input(leaving->session, data, length, from, now);
	}
	server = suspect(client, local, from, data, length);
	return server ? session_input(server->session, data, length, from, now) : DROP_STRANGER;
}

void client_error(struct client *client, const struct ip *local, const struct net_error *error,
	struct mono now)
{
	for (size_t i = 0; i < client->server_count; i++) {
		if (is_from(client->servers[i].session, local, &error->to))
			session_error(client->servers[i].session, error, now);
	}
	for (struct leaving *leaving = client->leaving; leaving; leaving = leaving->next) {
		if (is_from(leaving->session, local, &error->to))
			session_error(leaving->session, error, now);
	}
}

void client_tick(struct client *client, struct mono now)
{
	give_up_due(client, now);
	for (struct leaving *leaving = client->leaving; leaving; leaving = leaving->next)
		session_tick(leaving->session, now);
	for (size_t i = 0; i < client->server_count; i++) {
		struct server *server = &client->servers[i];

		if (mono_due(client_learn_due(server), now) && !client->cancelled)
			client_start_learning(client, server, now);
		session_tick(server->session, now);
	}
}

struct mono client_deadline(const struct client *client)
{
	struct mono deadline = client->config.keep ? client->config.give_up : MONO_NEVER;

	for (const struct leaving *leaving = client->leaving; leaving; leaving = leaving->next)
		deadline = mono_min(deadline, session_deadline(leaving->session));
	for (size_t i = 0; i < client->server_count; i++) {
		deadline = mono_min(deadline, session_deadline(client->servers[i].session));
		deadline = mono_min(deadline, client_learn_due(&client->servers[i]));
	}
	return deadline;
}

bool client_output(struct client *client, struct mono now, struct datagram *out,
	const struct server_id **to)
{
	for (struct leaving *leaving = client->leaving; leaving; leaving = leaving->next) {
		if (session_output(leaving->session, now, out)) {
			*to = session_id(leaving->session);
			return true;
		}
	}
	for (size_t i = 0; i < client->server_count; i++) {
		size_t turn = (client->next_output + i) % client->server_count;

		if (session_output(client->servers[turn].session, now, out)) {
			client->next_output = turn + 1;
			*to = session_id(client->servers[turn].session);
			return true;
		}
	}
	return false;
}

bool client_uses(const struct client *client, const struct ip *local)
{
	for (size_t i = 0; i < client->server_count; i++) {
		if (ip_equal(&session_id(client->servers[i].session)->local, local))
			return true;
	}
	for (const struct leaving *leaving = client->leaving; leaving; leaving = leaving->next) {
		if (ip_equal(&session_id(leaving->session)->local, local))
			return true;
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
	if (client->has_held || client->leaving)
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
