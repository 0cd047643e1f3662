/* SPDX-License-Identifier: MIT
 * What must hold in every run. The checker sees what a bystander on the wire sees, what
 * the client tells, and the routers' tables; it knows nothing of the inside of src/.
 *
 *	held-again      two sends after its router grants again, and 5 s: a want is held
 *	settled         what was so held stays held while nothing is wrong
 *	asked           no want is forgotten: each is asked for again in bounded time
 *	renewal-gap     two renewals of a mapping are 4 s apart or more (RFC 6887, 11.2.1)
 *	renewal-time    the k-th not before 1-2^-k of the lifetime, so one packet each; this
 *	                is also why one alarm is acted upon only once
 *	error-lifetime  a refusal holds as long as the server said
 *	alarm-told      each alarm of the rule (RFC 6887, 8.5; RFC 6886, 3.6) is told, once
 *	alarm-false     none comes while the clock only drifts within the tolerance
 *	alarm-acted     PCP: at once, NAT-PMP: within 5 s and serially
 *	nonce           one for each mapping and server
 *	suggested       a request suggests what was assigned
 *	request         well formed, our own address in it, at the right place
 *	window          at most 64 outstanding
 *	serial          NAT-PMP: at most 1
 *	event-order     instants do not go back
 *	event-state     granted, renewed, lost, recovered ... follow each other
 *	port            what is told was granted
 *	lifetime        nothing is told as held beyond its lifetime
 *	poked           what the user wants renewed or sampled is, at once
 *	announced       a restart that is announced is over within 5 s and the asking
 *	closed          at the end what was made is deleted, in 10 s at most
 *	pair            one external port for both protocols, where the router has that
 *	spin            the machine does not turn on the spot
 */
#ifndef TESTS_SIM_CHECK_H
#define TESTS_SIM_CHECK_H

#include "sim.h"

/* Ends the run. */
void check_fail(struct sim *sim, const char *invariant, const struct wanted *wanted,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A request goes out to a place. */
void check_sent(struct sim *sim, unsigned place, const uint8_t *octets, size_t length);

/* A datagram comes in. What of it is to be compared when the client has had it: */
struct came {
	bool ours; /* from the server's address and port, to where the client is */
	unsigned server;
	unsigned version, opcode, result;
	struct wanted *wanted; /* of a mapping, and the nonce is right */
	bool has_epoch;
	bool vague; /* it has one, which may be taken or not */
	uint32_t epoch, error_lifetime;
	struct ip address; /* NAT-PMP's answer with the external one */
	struct mono before; /* the last success before this one */
};
void check_coming(struct sim *sim, const struct flight *flight, struct came *came);
void check_came(struct sim *sim, const struct flight *flight, const struct came *came,
	enum drop_reason reason);

void check_event(struct sim *sim, const struct event *event);

/* A want is renewed and its server sampled, as the user wished. */
void check_poked(struct sim *sim, struct wanted *wanted);
/* The place of a server is another one. */
void check_moved(struct sim *sim, unsigned server);

/* Time has passed. To be called before anything else happens at that instant. */
void check_sweep(struct sim *sim);
/* The end of a run whose last hours were calm. */
void check_end(struct sim *sim);
/* The client has closed: within its time, and leaves what was to be left. */
void check_closed(struct sim *sim, bool leave);

/* --- the inside, shared by the files check*.c --- */

/* So long one unanswered request of version 2 may keep others waiting for a place. */
#define CHECK_BUSY (10 * SEC)

/* The longest wait between two sends of what is not held: half its lifetime, at least 30
 * and at most 1024 s, each 10 % more (RFC 6887, 8.1.1). */
int64_t check_gap(const struct wanted *wanted);

struct wanted *check_find(struct sim *sim, unsigned server, uint8_t protocol, uint16_t port);
/* Is it held, as the client has told and as its router has it? */
bool check_is_fine(struct sim *sim, const struct wanted *wanted);

#endif
