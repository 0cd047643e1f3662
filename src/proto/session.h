/* SPDX-License-Identifier: MIT
 * One server seen from one local address: the version spoken, the Epoch clocks,
 * all mappings on that server. Pure: datagrams and instants in, datagrams,
 * deadlines and events out. The caller's loop is
 *
 *	session_tick(s, now);
 *	while (session_output(s, now, &datagram)) send it;
 *	while (session_event(s, &event)) show it;
 *	wait for a datagram or session_deadline(s);
 */
#ifndef PROTO_SESSION_H
#define PROTO_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/announce.h"
#include "proto/event.h"
#include "proto/mapping.h"
#include "proto/schedule.h"
#include "proto/version.h"

struct session_config {
	struct server_id id;
	enum version_policy policy;
	const struct schedule *pcp; /* schedule_quick or schedule_pcp */
	const struct schedule *natpmp; /* schedule_quick or schedule_natpmp */
	struct mono give_up; /* what is unanswered then is reported as such */
	uint64_t seed; /* of the jitter */
	bool unlimited; /* no window: --dry-run shows every request at once */
};

struct datagram {
	size_t length;
	uint8_t octets[PCP_MAX];
};

struct session;

/* NULL when there is no memory. */
struct session *session_new(const struct session_config *config);
void session_free(struct session *session);
const struct server_id *session_id(const struct session *session);

/* Asks what discover asks: an ANNOUNCE and a NAT-PMP external address, as the policy
 * allows, neither of which changes state. One EVENT_SERVER tells the result. */
void session_probe(struct session *session, struct mono now);

/* Wants a mapping (lifetime 0: its deletion). The first result is an EVENT_MAPPING
 * granted, refused, deleted, unanswered or unreachable. NULL when there is no
 * memory. The mapping is the session's. */
struct mapping *session_add(struct session *session, const struct want *want, struct mono now);

/* Deletes a mapping that was asked for here (RFC 6887, 15.1; RFC 6886, 3.4): at the
 * end a DELETED event, or REFUSED or UNANSWERED with `deleting` set. Of a flow (PEER)
 * nothing can be deleted (12.1): it is let go, told as DELETED at once. */
void session_delete(struct session *session, struct mapping *mapping, struct mono now);

/* Takes back what was granted or may have been made, with the refusal as the reason;
 * ends in a REFUSED event whose `unwanted` says whether it is gone. */
void session_rollback(struct session *session, struct mapping *mapping, enum refusal refusal,
	struct mono now);

/* Everything that was asked in this run and is new is taken back, with one short
 * schedule; what was never sent is dropped without an event. */
void session_cancel(struct session *session, struct mono now);

/* A mapping that was held elsewhere (another of our addresses, another server) and is
 * wanted here: as session_add(), and `previous`, the grant that is lost, is suggested
 * and told. */
struct mapping *session_adopt(struct session *session, const struct want *want,
	const struct grant *previous, struct mono now);

/* -t is over: what has no answer is reported as such, and nothing is asked any more. What
 * is kept and was granted stays. */
void session_give_up(struct session *session, struct mono now);

/* What is kept is asked elsewhere from now on: reported as LOST where it was held. With
 * `deletes`, what this run created is deleted here, as session_finish() does. */
void session_abandon(struct session *session, bool deletes, struct mono now);

/* The same server and network, which was not known to be that. */
void session_know_network(struct session *session, uint64_t network);

/* The end of what is kept: what this run created (want.leave is not set) is deleted, each
 * with a DELETED event, or REFUSED or UNANSWERED with `deleting`; what was never sent is
 * dropped without an event. Bounded as session_cancel(). `leave`: nothing is deleted. */
void session_finish(struct session *session, bool leave, struct mono now);

/* The way to the server has changed, or is there again: what is kept and has no answer
 * is asked for at once. */
void session_again(struct session *session, struct mono now);

/* There was no way to the server for a while, so an announcement may have been missed: it
 * is asked, as if one had been heard. */
void session_missed(struct session *session, struct mono now);

/* The renewal, or whatever is due next, of a mapping that is kept: at once. */
void session_renew(struct session *session, struct mapping *mapping, struct mono now);

/* What was refused is not asked for again before session_renew(). */
void session_rest(struct session *session, struct mapping *mapping);

/* As session_renew(), and from now on another lifetime (s) is asked for. */
void session_lifetime(struct session *session, struct mapping *mapping, uint32_t lifetime,
	struct mono now);

/* Is an answer waited for, or still to be asked for? What was refused is not, although it
 * will be asked for again. */
bool session_waits(const struct session *session);

/* An announcement that came from the server's address and port. If its Epoch is news,
 * the server is asked after a random delay of up to 5 s (proto/announce.h). */
void session_announced(struct session *session, const struct announcement *announcement,
	struct mono now);

/* Asks for the Epoch, in the version that is spoken: one EVENT_EPOCH with has_rtt comes
 * of it, if it is answered. */
void session_sample(struct session *session);

/* A datagram that came from `from` to our address. Returns why it was not used,
 * DROP_NONCE etc. (an EVENT_DROPPED tells the same), or DROP_NONE. RFC 6887, 8.3:
 * what does not match is dropped and never ends an exchange. */
enum drop_reason session_input(struct session *session, const void *data, size_t length,
	const struct endpoint *from, struct mono now);

/* Does the datagram carry a nonce of this session: an answer, from wherever? */
bool session_recognises(const struct session *session, const void *data, size_t length);

/* An ICMP error about a datagram to this server, or a failure to send one. Port
 * unreachable from the server itself, or a send that this host refuses, ends what
 * is under way; anything else is kept for the verdict. */
void session_error(struct session *session, const struct net_error *error, struct mono now);

/* What is due. Emits at most a few hundred events a call: then session_deadline()
 * lies in the past. */
void session_tick(struct session *session, struct mono now);

/* When session_tick() wants to be called next. Asking changes nothing. */
struct mono session_deadline(const struct session *session);

/* The next datagram to send now. False: none. It counts as sent. */
bool session_output(struct session *session, struct mono now, struct datagram *out);

/* The next event, in the order they happened. False: none. */
bool session_event(struct session *session, struct event *event);

/* Is nothing under way: every probe and mapping has its result (and is not kept)? */
bool session_idle(const struct session *session);

/* Was an event lost because there was no memory? Then no result can be trusted. */
bool session_failed(const struct session *session);

/* Has this session heard anything from the server that is an answer? */
bool session_heard(const struct session *session);

/* Has the probe's ANNOUNCE been answered with SUCCESS? *since says when. */
bool session_pcp_ok(const struct session *session, struct mono *since);

/* How many requests are outstanding (never more than 64; NAT-PMP: 1). */
unsigned session_outstanding(const struct session *session);

#endif
