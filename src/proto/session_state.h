/* SPDX-License-Identifier: MIT
 * The inside of a session, shared by its files: session.c (what is asked),
 * session_input.c, session_version.c, session_pcp.c, session_natpmp.c and
 * session_error.c (what came),
 * session_answer.c (what that means for a mapping), session_time.c (what is due),
 * session_keep.c (what is never given up), session_close.c (the end),
 * session_output.c (what goes out), session_report.c (what is told).
 */
#ifndef PROTO_SESSION_STATE_H
#define PROTO_SESSION_STATE_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "proto/announce.h"
#include "proto/epoch.h"
#include "proto/session.h"
#include "wire/natpmp.h"

/* What tells one mapping of a server from another. The nonce is part of it, so an
 * answer with another nonce finds nothing. No padding: it is hashed as octets. */
struct mapping_key {
	struct pcp_nonce nonce;
	uint8_t opcode, protocol;
	uint16_t internal_port, remote_port;
	struct ip remote;
};

_Static_assert(sizeof(struct mapping_key) == 12 + 2 + 4 + 16, "no padding");

/* A mapping as the session keeps it: what mapping.h shows, and its place. */
struct entry {
	struct mapping mapping; /* first: a struct mapping * is its entry */
	struct mapping_key key;
	UT_hash_handle hh;
	struct entry *next; /* of the retired */
};

/* An ANNOUNCE or a NAT-PMP external-address exchange. */
struct exchange {
	bool under_way; /* repeats on its schedule until answered */
	bool ready; /* to be sent at the next output */
	bool out; /* sent, and its wait is not over: NAT-PMP asks nothing else then */
	struct retry retry;
	struct mono deadline;
	struct event_probe heard;
};

enum queue { QUEUE_RESEND, QUEUE_PCP, QUEUE_NAT_PMP, QUEUES };

struct event_queue {
	struct event *events;
	size_t head, count, room;
};

struct session {
	struct session_config config;
	struct prng prng;
	struct version version;
	struct epoch epoch_pcp, epoch_natpmp;
	int64_t rtt_pcp, rtt_natpmp; /* smoothed, ns; 0: none yet */
	struct window window;

	struct entry *by_key;
	struct entry *retired; /* ended, and their key asked for anew */
	struct heap timers;
	size_t mappings; /* all that were added and not ended by their owner */
	size_t unsettled; /* those without a result yet */
	size_t kept; /* those that are kept and have not ended */
	struct mapping *queues[QUEUES];
	struct mapping *natpmp_asking; /* RFC 6886, 3.1: one request at a time */
	struct mapping *natpmp_waiting; /* in MAPPING_ADDRESS */

	struct exchange announce, address;
	struct epoch announced[2]; /* PCP, NAT-PMP: as they were announced last */
	struct announce rumour; /* a restart that was announced and is not confirmed */
	bool probing; /* an EVENT_SERVER is owed */
	bool sampling; /* an EVENT_EPOCH is owed */
	bool external_known; /* the NAT-PMP address was asked since the last mapping or reset */
	struct ip external; /* NAT-PMP; a wildcard: it could not be had */
	bool external_refused, external_wildcard;
	unsigned external_result;

	struct mono recover_at; /* after an Epoch reset; MONO_NEVER */
	struct mono reset_at; /* when it was noticed */
	bool moved; /* the answer in hand shows another external address than before */
	struct mono no_resources; /* until then nothing new is asked for (RFC 6887, 11.4) */
	struct mono asked_aside; /* what session_ask_aside() asks, when last */
	bool silent; /* something kept is asked for in vain: the first answer wakes it */
	struct mono heard_at; /* the last answer of any kind */
	bool has_error;
	struct net_error error; /* the hint for the verdict */
	struct mono error_at;
	bool ended; /* no server there: nothing more is sent */
	bool given_up; /* -t is over: only what was made is still taken back, */
	bool cancelled; /* as after a signal, */
	struct mono close_by; /* until then at the latest, */
	struct mono close_soon; /* and so long after the last answer */
	unsigned malformed_v2, malformed_v0;
	uint8_t version_octets[4];
	size_t version_length;
	struct event_queue events;
	bool failed;
	unsigned version_refusals; /* UNSUPP_VERSION answers so far */
	bool pcp_later; /* reported: version 2 was heard after the fallback */
	unsigned drop_got, drop_expected; /* of the datagram in hand */
	bool heard; /* a proper answer of any version came */
	struct mono pcp_first; /* the first version-2 send */
	unsigned pcp_sends; /* version-2 requests sent */
	unsigned natpmp_sends; /* version-0 requests sent */
};

/* How long a grant that -P did not ask for is kept aside (pcpctl(1), -P). */
#define SESSION_ASIDE (1 * SEC)
/* Sends of a rollback, and of a question for the NAT-PMP address after a mapping. */
#define SESSION_SHORT_TRIES 3
/* RFC 6887, 14.1.3 and RFC 6886, 3.7: recovery starts 0 to 5 s after the notice. */
#define SESSION_RECOVERY_DELAY (5 * SEC)
/* The next send of what is out, where others are asked anew. */
#define SESSION_HASTE (250 * MSEC)
/* Taking back at the end: 2 s after the last answer, 10 s at most. */
#define SESSION_CLOSE_SOON (2 * SEC)
#define SESSION_CLOSE_BY   (10 * SEC)
/* Port unreachable and the like end nothing that is kept: 1, 2, 4 ... s (U5). */
#define SESSION_AFTER_ERROR (1 * SEC)
/* Beside the renewals of NAT-PMP, and not more often than that: see session_ask_aside(). */
#define SESSION_ASIDE_AGAIN (30 * SEC)
/* A kept request that nobody answers gives up its place, for others to be asked. */
#define SESSION_PLACE (4 * SEC)
/* The attempt of a renewal (at 7/8) at which a pinhole is made anew instead. */
#define SESSION_ANEW 3

/* --- session.c --- */

/* One of several answers to a request for a port set is about ports of their own (RFC 7753,
 * 4.4.1): a mapping beside `whole`, of which nothing was asked and nothing granted yet.
 * NULL: no memory. */
struct mapping *session_add_part(struct session *session, const struct mapping *whole,
	uint16_t internal_port);
/* Moves a mapping to a queue, or out of its queue with -1. */
void session_queue(struct session *session, struct mapping *mapping, int queue);
/* Sets the state and what it waits for; keeps the count of the unsettled. */
void session_set(struct session *session, struct mapping *mapping, enum mapping_state state,
	struct mono due);
bool session_settled(const struct mapping *mapping);
/* Is the end of its lifetime waited for: is it kept, held and reported? */
bool session_expires(const struct mapping *mapping);
/* Is a delete of it what is asked? */
bool session_deletes(const struct mapping *mapping);
/* Gives back its place in the window, or the NAT-PMP line. */
void session_release(struct session *session, struct mapping *mapping, bool answered);
/* Is it kept, and not about to go? Then nothing ends it. */
bool session_keeps(const struct session *session, const struct mapping *mapping);
/* Nothing more will happen to it; says nothing. */
void session_end(struct session *session, struct mapping *mapping);
/* Asks (anew) for `purpose`, in the version the server is thought to speak. */
void session_ask(struct session *session, struct mapping *mapping, enum mapping_purpose purpose,
	struct mono now);
/* Asks in NAT-PMP; what that cannot say is refused. */
void session_ask_natpmp(struct session *session, struct mapping *mapping, struct mono now);
/* No answer, its last result: reported, and over. */
void session_unanswered(struct session *session, struct mapping *mapping, struct mono now);
/* Nobody is there (session->error says why): the same, but what is kept is asked for
 * again soon. */
void session_unreachable(struct session *session, struct mapping *mapping, struct mono now);
/* Refused: reported, and asked again later when it is kept. */
void session_refuse(struct session *session, struct mapping *mapping, enum refusal refusal,
	const char *feature, struct mono now);

/* --- session_keep.c: what is kept --- */

/* Has it been asked for quickly, and in vain? */
bool session_is_long(const struct session *session, const struct mapping *mapping);
/* It was asked for quickly and in vain: told once, and asked for on and on, PCP first. */
void session_ask_on(struct session *session, struct mapping *mapping, struct mono now);
/* The same is asked in another version: quickly again, but for what was asked so already. */
void session_rewind(struct session *session, struct mapping *mapping);
/* All that is kept and has no answer is asked for at once. */
void session_wake(struct session *session, struct mono now);
/* When is what was refused asked for again? */
struct mono session_refused_until(struct session *session, struct mapping *mapping,
	struct mono now);
/* A renewal was refused with CANNOT_PROVIDE_EXTERNAL: is it asked again at once, without
 * the address that it had? */
bool session_without_address(struct session *session, struct mapping *mapping, struct mono now);
/* CANNOT_PROVIDE_EXTERNAL for a flow: the NAT has given it another port. Is that asked for,
 * once and without a suggestion? It is where it is kept, or the suggestion was a hint. */
bool session_flow_moved(struct session *session, struct mapping *mapping, struct mono now);
/* The delete before a renewal anew is over: it is asked for again. */
void session_made_room(struct session *session, struct mapping *mapping, struct mono now);
/* A new mapping while the server has said that it has no resources: waits for the end of
 * that. */
bool session_hold_back(struct session *session, struct mapping *mapping, struct mono now);
/* It was not made anew at once: so it is lost. */
void session_tell_gap(struct session *session, struct mapping *mapping, struct mono now);
/* A renewal is due: is the pinhole, whose renewal was refused, made anew instead? */
bool session_make_anew(struct session *session, struct mapping *mapping, struct mono now);
/* Beside what is kept in NAT-PMP, now and then: is PCP spoken by now (RFC 6886, 1.1), and
 * is the external address, which comes apart from the mapping, still the same? */
void session_ask_aside(struct session *session, struct mono now);
/* The question that an announcement has raised, and what comes of it. */
void session_rumour_due(struct session *session, struct mono now);
void session_rumour_asked(struct session *session, enum via via, struct mono now);
/* An Epoch by unicast. True: the state was lost. */
bool session_rumour_answered(struct session *session, enum via via, uint32_t epoch,
	struct mono now);
/* What is kept and was granted before the state was lost is asked for anew. */
void session_recover(struct session *session, struct mono now);
/* An answer to session_sample(). */
void session_sampled(struct session *session, enum via via, const struct epoch_check *check,
	int64_t rtt, struct mono now);

/* --- session_close.c --- */

/* A flow that is kept no longer: nothing is sent, and it is told as DELETED. */
void session_let_go(struct session *session, struct mapping *mapping, struct mono now);
/* A rollback is over. */
void session_rolled_back(struct session *session, struct mapping *mapping, enum unwanted unwanted,
	struct mono now);
/* The run is over but for what is taken back: bounds the time for that. */
void session_close(struct session *session, struct mono now);
/* An answer came: there is time for the next. */
void session_keep_open(struct session *session, struct mono now);
/* That time is over: what is not taken back by now is left. */
void session_close_due(struct session *session, struct mono now);

/* --- session_time.c --- */

/* When the request of a mapping is sent again. */
struct schedule session_schedule(const struct session *session, const struct mapping *mapping);
/* Compares the Epoch of an answer with those before it, and acts on a reset. */
struct epoch_check session_check_epoch(struct session *session, enum via via, uint32_t epoch,
	struct mono now);

/* --- session_input.c --- */

/* Notes what was got and what was expected, for the EVENT_DROPPED. */
enum drop_reason session_drop(struct session *session, enum drop_reason reason, unsigned got,
	unsigned expected);

/* --- session_version.c --- */

/* An UNSUPP_VERSION answer from the server. */
enum drop_reason session_input_version(struct session *session,
	const struct pcp_version_answer *answer, const uint8_t *data, size_t length,
	struct mono now);
/* Falls back when the time for that has come. */
void session_version_due(struct session *session, struct mono now);
/* Is this a NAT-PMP request refused in version 2, in fewer octets than PCP has (seen in
 * the field)? Notes it. */
bool session_refused_short(struct session *session, const uint8_t *data, size_t length,
	struct mono now);

/* --- session_pcp.c, session_natpmp.c --- */

/* A datagram of version 2 or 0 from the server, no UNSUPP_VERSION, 4 octets or more. */
enum drop_reason session_input_pcp(struct session *session, const uint8_t *data, size_t length,
	struct mono now);
enum drop_reason session_input_natpmp(struct session *session, const uint8_t *data, size_t length,
	struct mono now);

/* --- session_error.c --- */

/* No server there, as session->error says: ends what waits for an answer. */
void session_end_all(struct session *session, struct mono now);

/* --- session_report.c --- */

/* Appends an event of `kind`, stamped; NULL when there is no memory. */
struct event *session_push(struct session *session, enum event_kind kind, struct mono now);
/* Reports the state of a mapping. */
void session_report(struct session *session, struct mapping *mapping, enum mapping_outcome outcome,
	struct mono now);
/* Emits the EVENT_SERVER that is owed: when both probes have their result, or
 * whatever they have, at the end. */
void session_probe_settled(struct session *session, struct mono now);
void session_probe_report(struct session *session, struct mono now);

/* --- session_answer.c --- */

/* An answer whose nonce, protocol and ports are those of the mapping. */
enum drop_reason session_pcp_answer(struct session *session, struct mapping *mapping,
	const struct pcp_header *header, const struct pcp_mapping *data, struct mono now);
/* An answer to the NAT-PMP request that is being asked. */
enum drop_reason session_natpmp_answer(struct session *session, struct mapping *mapping,
	const struct natpmp_response *response, struct mono now);

/* A grant of ports that a port set asked for, and the server maps apart: `part` is new. */
enum drop_reason session_part_granted(struct session *session, struct mapping *part,
	const struct pcp_header *header, const struct pcp_mapping *data, struct mono now);

/* The NAT-PMP external address is known, or cannot be had: who waited goes on. */
void session_address_settled(struct session *session, struct mono now);
/* A grant that is what was wanted, its external address known as far as it can be:
 * held and reported, or taken back when it must be public and is not. */
void session_hold(struct session *session, struct mapping *mapping, struct mono now);

#endif
