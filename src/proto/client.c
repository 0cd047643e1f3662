/* SPDX-License-Identifier: MIT
 * Wanted mappings x servers -> sessions.
 */
#include "proto/client.h"

#include <stdlib.h>
#include <string.h>

#define LEARN_LIFETIME 30
/* How long NAT-PMP may be silent beside PCP before PCP is asked for the address. */
#define LEARN_PATIENCE (1 * SEC)

/* discover's question for the external address. */
enum learn_state { LEARN_NO, LEARN_READY, LEARN_ASKING, LEARN_DONE };

struct server {
	struct session *session;
	struct client_learn learn;
	enum learn_state learning;
	struct mapping *learned; /* the session's */
	bool has_learned_address;
	struct ip learned_address;
	bool holds_told; /* the EVENT_SERVER is held back until the address is known */
	struct event told;
};

/* `second` waits for the result of `first`. */
struct pair {
	size_t server;
	struct mapping *first;
	unsigned first_number;
	struct want second;
	bool asked; /* the second */
};

struct client {
	struct client_config config;
	struct server *servers;
	size_t server_count;
	struct pair *pairs;
	size_t pair_count;
	size_t next_output; /* servers take turns */
	struct event held;  /* the event of a second half that was never asked */
	bool has_held;
	bool cancelled, failed;
};

/* The number of the mapping by which discover learns the external address: no
 * caller's number, as it is never told. */
#define LEARN_NUMBER UINT32_MAX

struct client *client_new(const struct client_config *config)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client)
		client->config = *config;
	return client;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	for (size_t i = 0; i < client->server_count; i++)
		session_free(client->servers[i].session);
	free(client->servers);
	free(client->pairs);
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
	struct pair *pairs = realloc(client->pairs, (client->pair_count + 1) * sizeof(*pairs));
	struct mapping *mapping;

	if (!pairs)
		return false;
	client->pairs = pairs;
	mapping = session_add(client->servers[server].session, first, now);
	if (!mapping)
		return false;
	pairs[client->pair_count++] = (struct pair){
		.server = server,
		.first = mapping,
		.first_number = first->number,
		.second = *second,
	};
	return true;
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

/* --- pairs --- */

static void ask_second(struct client *client, struct pair *pair, const struct event *event)
{
	const struct event_mapping *first = &event->mapping;
	struct session *session = client->servers[pair->server].session;

	pair->asked = true;
	if (first->has_external_port && first->outcome != OUTCOME_REFUSED) {
		pair->second.external_port = first->external_port;
	} else if (pair->second.options.prefer_failure) {
		client->held = *event;
		client->held.mapping.want = pair->second.number;
		client->held.mapping.protocol = pair->second.protocol;
		client->held.mapping.nonce = pair->second.nonce;
		client->held.mapping.outcome = OUTCOME_REFUSED;
		client->held.mapping.refusal = REFUSAL_PAIR;
		client->held.mapping.unwanted = UNWANTED_NONE;
		client->held.mapping.attempts = 0;
		client->has_held = true;
		return;
	}
	if (!session_add(session, &pair->second, event->at))
		client->failed = true;
}

static void second_failed(struct client *client, struct pair *pair, struct mono now)
{
	struct session *session = client->servers[pair->server].session;

	if (pair->second.options.prefer_failure && pair->first->state == MAPPING_HELD) {
		pair->first->unwanted_port = pair->first->grant.external_port;
		pair->first->unwanted_lifetime = pair->first->grant.lifetime;
		session_rollback(session, pair->first, REFUSAL_PAIR, now);
	}
}

static void follow_pairs(struct client *client, size_t server, const struct event *event)
{
	const struct event_mapping *mapping = &event->mapping;

	if (client->cancelled)
		return;
	for (size_t i = 0; i < client->pair_count; i++) {
		struct pair *pair = &client->pairs[i];

		if (pair->server != server)
			continue;
		if (!pair->asked && mapping->want == pair->first_number)
			ask_second(client, pair, event);
		else if (pair->asked && mapping->want == pair->second.number &&
			!mapping->has_external_port)
			second_failed(client, pair, event->at);
	}
}

/* --- the external address that discover learns --- */

static void start_learning(struct client *client, struct server *server, struct mono now)
{
	struct want want = {
		.number = LEARN_NUMBER,
		.opcode = PCP_MAP,
		.protocol = PROTOCOL_UDP,
		.internal_port = server->learn.port,
		.external_address = ip_any4,
		.lifetime = LEARN_LIFETIME,
		.nonce = server->learn.nonce,
		.nonce_is_new = true,
	};

	server->learned = session_add(server->session, &want, now);
	server->learning = server->learned ? LEARN_ASKING : LEARN_DONE;
	client->failed = client->failed || !server->learned;
}

/* NAT-PMP has been silent for a while beside PCP: the address is asked by PCP
 * already while the probe goes on, else -t would end before it came. */
static struct mono learn_due(const struct server *server)
{
	struct mono since;

	if (server->learning != LEARN_READY || !session_pcp_ok(server->session, &since))
		return MONO_NEVER;
	return mono_after(since, LEARN_PATIENCE);
}

/* The EVENT_SERVER has come. True: it waits for the external address. */
static bool hold_back(struct client *client, struct server *server, struct event *event)
{
	struct event_server *told = &event->server;

	if (server->learning == LEARN_READY && told->pcp.status == PROBE_OK &&
		!told->has_external && !client->cancelled &&
		!mono_due(client->config.give_up, event->at))
		start_learning(client, server, event->at);
	if (server->learning == LEARN_ASKING && !told->has_external) {
		server->told = *event;
		server->holds_told = true;
		return true;
	}
	if (server->has_learned_address && !told->has_external) {
		told->has_external = true;
		told->external_address = server->learned_address;
	}
	return false;
}

/* The learning mapping's own events end here; the server's event comes out. */
static bool learn(struct server *server, struct event *event)
{
	const struct event_mapping *mapping = &event->mapping;

	if (server->learning != LEARN_ASKING)
		return false;
	server->learning = LEARN_DONE;
	if (mapping->outcome == OUTCOME_GRANTED) {
		server->has_learned_address = mapping->has_external_address;
		server->learned_address = mapping->external_address;
		session_delete(server->session, server->learned, event->at);
	}
	if (!server->holds_told)
		return false;
	server->holds_told = false;
	*event = server->told;
	event->server.has_external = server->has_learned_address;
	event->server.external_address = server->learned_address;
	return true;
}

/* Is this event for the caller? May put another in its place. */
static bool tell(struct client *client, size_t i, struct event *event)
{
	struct server *server = &client->servers[i];

	if (event->kind == EVENT_SERVER)
		return !hold_back(client, server, event);
	if (event->kind != EVENT_MAPPING)
		return true;
	if (event->mapping.want == LEARN_NUMBER)
		return learn(server, event);
	follow_pairs(client, i, event);
	return true;
}

bool client_event(struct client *client, struct event *event, struct mono now)
{
	(void)now;
	if (client->has_held) {
		client->has_held = false;
		*event = client->held;
		return true;
	}
	for (size_t i = 0; i < client->server_count; i++) {
		while (session_event(client->servers[i].session, event)) {
			if (tell(client, i, event))
				return true;
		}
	}
	return false;
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

		if (mono_due(learn_due(server), now) && !client->cancelled)
			start_learning(client, server, now);
		session_tick(server->session, now);
	}
}

struct mono client_deadline(const struct client *client)
{
	struct mono deadline = MONO_NEVER;

	for (size_t i = 0; i < client->server_count; i++) {
		deadline = mono_min(deadline, session_deadline(client->servers[i].session));
		deadline = mono_min(deadline, learn_due(&client->servers[i]));
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
