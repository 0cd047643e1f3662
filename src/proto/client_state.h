/* SPDX-License-Identifier: MIT
 * The inside of a client, shared by its files: client.c (what is asked, what is sent and
 * received), client_network.c (what is kept follows the network), client_event.c (what is
 * made of the sessions' events).
 */
#ifndef PROTO_CLIENT_STATE_H
#define PROTO_CLIENT_STATE_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "proto/client.h"

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
	bool absent; /* it could not be reached: there was no route to it */
};

/* Whose event is it? The caller's numbers are his own for each server. */
struct number_key {
	size_t server, number;
};

/* `second` waits for the result of `first`. */
struct pair {
	struct number_key first_key, second_key;
	struct want second;
	bool asked, settled; /* the second: asked, and its first result known */
	UT_hash_handle by_first, by_second;
};

/* What was wanted of which server, and what has become of it. */
struct wanted {
	struct number_key key;
	struct want want; /* as the caller gave it; the nonce is that of the server */
	struct mapping *mapping; /* the session's; NULL: it could not be asked there */
	bool granted; /* once */
	bool gone; /* deleted by the caller */
	UT_hash_handle hh;
};

/* A session that is over but for what it still deletes and tells. */
struct leaving {
	struct session *session;
	struct leaving *next;
};

struct client {
	struct client_config config;
	struct server *servers;
	size_t server_count;
	struct wanted *wanted;
	struct leaving *leaving;
	uint64_t sessions; /* so far: each has its own jitter */
	struct pair *firsts, *seconds; /* the same pairs by either number */
	size_t next_output; /* servers take turns */
	struct event held; /* the event of a second half that was never asked */
	bool has_held;
	bool cancelled, gave_up, failed;
};

/* NULL: there is none. */
struct wanted *client_wanted(const struct client *client, size_t server, unsigned number);
/* NULL: no memory. */
struct session *client_open_session(struct client *client, const struct server_id *id);
/* Its events are told; drops those that have nothing more to say. */
void client_sweep(struct client *client);

/* NAT-PMP has been silent for a while beside PCP: when PCP is asked for the external
 * address, while the probe goes on, else -t would end before it came. */
struct mono client_learn_due(const struct server *server);
/* Asks for the mapping by which the address is learned. */
void client_start_learning(struct client *client, struct server *server, struct mono now);

#endif
