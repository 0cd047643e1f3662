/* SPDX-License-Identifier: MIT
 * What is made of the events of the sessions: the second half of a pair, the external
 * address that discover learns; the rest goes to the caller as it is.
 */
#include <stdlib.h>

#include "proto/client_state.h"

#define LEARN_LIFETIME 30
/* How long NAT-PMP may be silent beside PCP before PCP is asked for the address. */
#define LEARN_PATIENCE (1 * SEC)

/* The number of the mapping by which discover learns the external address: no
 * caller's number, as it is never told. */
#define LEARN_NUMBER UINT32_MAX

/* --- pairs --- */

/* -P of what is kept: both or neither, but neither is given up. */
static bool is_bound(const struct pair *pair)
{
	return pair->second.keep && pair->second.options.prefer_failure;
}

static struct wanted *wanted_second(const struct client *client, const struct pair *pair)
{
	return client_wanted(client, pair->second_key.server, (unsigned)pair->second_key.number);
}

static void ask_second(struct client *client, struct pair *pair, const struct event *event)
{
	const struct event_mapping *first = &event->mapping;
	struct wanted *wanted = wanted_second(client, pair);

	if (is_bound(pair) && !event_is_grant(first->outcome))
		return;
	pair->asked = true;
	if (wanted && wanted->mapping) { /* which rests since the first was taken back */
		client_renew(client, pair->second_key.server, (unsigned)pair->second_key.number,
			event->at);
		return;
	}
	if (event_is_grant(first->outcome)) {
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
		client->held.mapping.unwanted_port = 0;
		client->held.mapping.unwanted_lifetime = 0;
		client->has_held = true;
		return;
	}
	if (!client_want(client, pair->first_key.server, &pair->second, event->at))
		client->failed = true;
}

static void second_settled(struct client *client, struct pair *pair, const struct event *event)
{
	struct session *session = client->servers[pair->first_key.server].session;
	struct wanted *wanted =
		client_wanted(client, pair->first_key.server, (unsigned)pair->first_key.number);
	struct mapping *first = wanted ? wanted->mapping : NULL;

	if (is_bound(pair) && !event_is_grant(event->mapping.outcome) &&
		event->mapping.outcome != OUTCOME_REFUSED)
		return; /* silence is no result of what is kept */
	pair->settled = true;
	if (event_is_grant(event->mapping.outcome) || !pair->second.options.prefer_failure ||
		!first || !first->grant.held)
		return;
	if (is_bound(pair)) { /* and once more when the first is there again */
		pair->asked = pair->settled = false;
		wanted = wanted_second(client, pair);
		if (wanted && wanted->mapping)
			session_rest(session, wanted->mapping);
	}
	first->unwanted_port = first->grant.external_port;
	first->unwanted_lifetime = first->grant.lifetime;
	session_rollback(session, first, REFUSAL_PAIR, event->at);
}

/* The first result of each half counts; what becomes of it later is its own. */
static void follow_pairs(struct client *client, size_t server, const struct event *event)
{
	struct number_key key;
	struct pair *pair;

	if (client->cancelled)
		return;
	memset(&key, 0, sizeof(key)); /* it is hashed as octets */
	key.server = server;
	key.number = event->mapping.want;
	HASH_FIND(by_first, client->firsts, &key, sizeof(key), pair);
	if (pair && !pair->asked)
		ask_second(client, pair, event);
	HASH_FIND(by_second, client->seconds, &key, sizeof(key), pair);
	if (pair && pair->asked && !pair->settled)
		second_settled(client, pair, event);
}

/* --- the external address that discover learns --- */

void client_start_learning(struct client *client, struct server *server, struct mono now)
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

struct mono client_learn_due(const struct server *server)
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
		client_start_learning(client, server, event->at);
	if (server->learning == LEARN_ASKING && !told->has_external) {
		server->told = *event;
		server->holds_told = true;
		return true;
	}
	if (server->learning == LEARN_READY)
		server->learning = LEARN_NO;
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

static void note(struct client *client, size_t server, const struct event_mapping *mapping)
{
	struct wanted *wanted;

	if (mapping->outcome != OUTCOME_GRANTED && mapping->outcome != OUTCOME_CHANGED &&
		mapping->outcome != OUTCOME_RECOVERED)
		return;
	wanted = client_wanted(client, server, mapping->want);
	if (wanted)
		wanted->granted = true;
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
	note(client, i, &event->mapping);
	follow_pairs(client, i, event);
	return true;
}

/* What was made at the old place is deleted there: not the caller's mapping any more. */
static bool tell_leaving(struct client *client, struct event *event)
{
	for (struct leaving *leaving = client->leaving; leaving; leaving = leaving->next) {
		if (!session_event(leaving->session, event))
			continue;
		if (event->kind == EVENT_MAPPING && event->mapping.deleting)
			event->mapping.elsewhere = true;
		return true;
	}
	client_sweep(client);
	return false;
}

bool client_event(struct client *client, struct event *event, struct mono now)
{
	(void)now;
	if (client->has_held) {
		client->has_held = false;
		*event = client->held;
		return true;
	}
	if (client->leaving && tell_leaving(client, event))
		return true;
	for (size_t i = 0; i < client->server_count; i++) {
		while (session_event(client->servers[i].session, event)) {
			if (tell(client, i, event))
				return true;
		}
	}
	return false;
}
