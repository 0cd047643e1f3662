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
	bool keep; /* give_up ends it only as long as not everything was granted once */
	/* A want that is kept goes to another server than it was made for: gives it the
	 * nonce that is remembered for that one, or a new one (RFC 6887, 11.2: a different
	 * one for each server), and records it before the first send. False: it cannot
	 * (memory, randomness), and the client has failed. Wanted where wants are kept and
	 * client_network() is called. */
	bool (*prepare)(void *context, const struct server_id *id, struct want *want);
	void *context;
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

/* Wants a mapping of a server; a want of the same number takes the place of the one
 * before. False: no memory. */
bool client_want(struct client *client, size_t server, const struct want *want, struct mono now);

/* The same port in two protocols: `first` is asked, then `second` suggests the
 * external port that `first` got. With PREFER_FAILURE it is both or neither. */
bool client_want_pair(struct client *client, size_t server, const struct want *first,
	const struct want *second, struct mono now);

/* The run is over before its end: takes back what is new, see session_cancel(). */
void client_cancel(struct client *client, struct mono now);

/* --- what is kept --- */

/* Deletes one want, kept or not, by the caller's number; asks for it anew at once, as
 * the renewal that is due next. False: there is none of that number. */
bool client_delete(struct client *client, size_t server, unsigned number, struct mono now);
bool client_renew(struct client *client, size_t server, unsigned number, struct mono now);
/* The same, with another lifetime (s) from now on. */
bool client_lifetime(struct client *client, size_t server, unsigned number, uint32_t lifetime,
	struct mono now);
/* Is anything asked and not answered? */
bool client_waits(const struct client *client);

/* The end of what is kept: every mapping that this run created (want.leave is not set)
 * is deleted, told as DELETED, or REFUSED or UNANSWERED with `deleting`; nothing is
 * asked any more. Bounded in time as client_cancel(): 2 s after the last answer, 10 s
 * at most. client_idle() then tells when it is over. `leave`: nothing is deleted. */
void client_close(struct client *client, bool leave, struct mono now);

/* Has a want been dropped because not all were granted until give_up? Then the client
 * has closed itself as client_close() does. */
bool client_gave_up(const struct client *client);

/* Where a server of the client is to be asked from now on, in the order of their
 * numbers, one for each. */
struct client_place {
	bool found; /* there is a way to it; else nothing changes */
	bool old_is_ours; /* what was made from the address so far can be deleted, there */
	struct server_id id; /* if found */
};

/* Routes, addresses or links have changed. Where the server, our address or the network
 * is another one than before, what is kept is asked for there at once, and reported as
 * LOST where it was held; what was made from an address that is still ours is deleted
 * there. So is a network that is known only now, while nothing is held there. Where it is
 * the same, what has no answer is asked for at once. */
void client_network(struct client *client, const struct client_place *places, struct mono now);

/* A datagram on a multicast group, from `from` on port 5350. An announcement of a server
 * that is asked is told (EVENT_ANNOUNCE, not verified) when its Epoch is news, confirmed
 * by a question and acted upon (proto/announce.h). */
void client_announced(struct client *client, const struct endpoint *from, const void *data,
	size_t length, struct mono now);

/* Asks a server for its Epoch, in the version it speaks; the answer is an EVENT_EPOCH
 * with has_rtt, whether it is in range or not. */
void client_sample(struct client *client, size_t server);

/* --- */

/* A datagram that came to our address `local`. Why it was not used, or DROP_NONE. */
enum drop_reason client_input(struct client *client, const struct ip *local,
	const struct endpoint *from, const void *data, size_t length, struct mono now);

/* An error about a datagram from `local` to error->to. */
void client_error(struct client *client, const struct ip *local, const struct net_error *error,
	struct mono now);

void client_tick(struct client *client, struct mono now);
struct mono client_deadline(const struct client *client);

/* The next datagram, and where from and to it goes: valid until the next call of
 * anything. False: none. */
bool client_output(struct client *client, struct mono now, struct datagram *out,
	const struct server_id **to);

/* Is something asked or waited for from that address? Its socket may be closed if not. */
bool client_uses(const struct client *client, const struct ip *local);

/* The next event; false: none. */
bool client_event(struct client *client, struct event *event, struct mono now);

/* Servers from which nothing at all was heard, though asked, get this fact before
 * the time is over: ARP or neighbour discovery found nobody at the address. */
bool client_is_silent(const struct client *client, size_t server);

bool client_idle(const struct client *client);
bool client_failed(const struct client *client);
unsigned client_outstanding(const struct client *client, size_t server);

#endif
