/* SPDX-License-Identifier: MIT
 * The inside of a client, shared by its two files: client.c (what is asked, the
 * network) and client_event.c (what is made of the sessions' events).
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
};

/* Whose event is it? The caller's numbers are his own for each server. */
struct number_key {
	size_t server, number;
};

/* `second` waits for the result of `first`. */
struct pair {
	struct number_key first_key, second_key;
	struct mapping *first;
	struct want second;
	bool asked, settled; /* the second: asked, and its first result known */
	UT_hash_handle by_first, by_second;
};

struct client {
	struct client_config config;
	struct server *servers;
	size_t server_count;
	struct pair *firsts, *seconds; /* the same pairs by either number */
	size_t next_output; /* servers take turns */
	struct event held; /* the event of a second half that was never asked */
	bool has_held;
	bool cancelled, failed;
};

/* NAT-PMP has been silent for a while beside PCP: when PCP is asked for the external
 * address, while the probe goes on, else -t would end before it came. */
struct mono client_learn_due(const struct server *server);
/* Asks for the mapping by which the address is learned. */
void client_start_learning(struct client *client, struct server *server, struct mono now);

#endif
