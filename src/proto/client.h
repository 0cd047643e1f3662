/* SPDX-License-Identifier: MIT
 * Above the sessions: what is wanted of which server, pairs of mappings, the
 * external address that discover learns by a short mapping. Pure; the engine
 * adds sockets and the loop, as for a session.
 */
#ifndef PROTO_CLIENT_H
#define PROTO_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/session.h"

struct client_config {
	enum version_policy policy;
	const struct schedule *pcp, *natpmp;
	struct mono give_up; /* MONO_NEVER: not before all is answered */
	uint64_t seed;
	bool unlimited; /* --dry-run */
};

struct client;

/* NULL when there is no memory. */
struct client *client_new(const struct client_config *config);
void client_free(struct client *client);

/* A server to ask, from one local address. Its number, counted from 0, or -1 when
 * there is no memory. */
int client_server(struct client *client, const struct server_id *id);
size_t client_server_count(const struct client *client);
const struct server_id *client_server_id(const struct client *client, size_t server);

/* Asks what discover asks. With `learn`, a PCP server that gave no NAT-PMP address
 * is asked for one UDP mapping of `port` (which the caller has bound) for 30 s, to
 * learn the external address, and the mapping is deleted again (RFC 6887, 11.6);
 * the EVENT_SERVER then comes after that. */
struct client_learn {
	bool learn;
	uint16_t port;
	struct pcp_nonce nonce;
};
void client_probe(struct client *client, size_t server, const struct client_learn *learn,
	struct mono now);

/* Wants a mapping of a server. False: no memory. */
bool client_want(struct client *client, size_t server, const struct want *want, struct mono now);

/* The same port in two protocols: `first` is asked, then `second` suggests the
 * external port that `first` got. With PREFER_FAILURE it is both or neither. */
bool client_want_pair(struct client *client, size_t server, const struct want *first,
	const struct want *second, struct mono now);

/* The run is over before its end: takes back what is new, see session_cancel(). */
void client_cancel(struct client *client, struct mono now);

/* A datagram that came to our address `local`. Why it was not used, or DROP_NONE. */
enum drop_reason client_input(struct client *client, const struct ip *local,
	const struct endpoint *from, const void *data, size_t length, struct mono now);

/* An error about a datagram from `local` to error->to. */
void client_error(struct client *client, const struct ip *local, const struct net_error *error,
	struct mono now);

void client_tick(struct client *client, struct mono now);
struct mono client_deadline(const struct client *client);

/* The next datagram and the server it goes to. False: none. */
bool client_output(struct client *client, struct mono now, struct datagram *out, size_t *server);

/* The next event; false: none. */
bool client_event(struct client *client, struct event *event, struct mono now);

/* Servers from which nothing at all was heard, though asked, get this fact before
 * the time is over: ARP or neighbour discovery found nobody at the address. */
bool client_is_silent(const struct client *client, size_t server);

bool client_idle(const struct client *client);
bool client_failed(const struct client *client);
unsigned client_outstanding(const struct client *client, size_t server);

#endif
