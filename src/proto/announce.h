/* SPDX-License-Identifier: MIT
 * Restart announcements (RFC 6887, 14.1.3; RFC 6886, 3.2.1 and 3.7). They bear no
 * nonce, anybody on the link can forge one: so none is believed before the server
 * itself, asked by unicast, shows an Epoch that is out of range of what it was
 * before (RFC 7652, 3.2 does the same with signatures).
 */
#ifndef PROTO_ANNOUNCE_H
#define PROTO_ANNOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mono.h"
#include "base/prng.h"
#include "proto/epoch.h"
#include "proto/event.h"

/* One announcement, as its octets say. */
struct announcement {
	enum via via;
	uint32_t epoch;
	bool has_external; /* NAT-PMP, with an address that is none of the wildcards */
	struct ip external;
};

/* Is it one: an ANNOUNCE response of version 2 with SUCCESS, or a NAT-PMP response with
 * the external address, successful or not? False leaves *out alone. */
bool announcement_decode(const void *data, size_t length, struct announcement *out);
/* Is it the answer of a server of that kind that was asked about its announcement? Of PCP
 * with any result: one that refuses ANNOUNCE tells its Epoch all the same. */
bool announcement_decode_answer(enum via via, const void *data, size_t length,
	struct announcement *out);

/* The delay before the server is asked: all its clients heard the same packet. */
#define ANNOUNCE_DELAY (5 * SEC)
/* Without an answer for so long, the server is taken to have restarted. */
#define ANNOUNCE_PATIENCE (2 * SEC)

enum announce_state {
	ANNOUNCE_NONE,
	ANNOUNCE_HEARD, /* waits for its delay, then the server is asked */
	ANNOUNCE_ASKED, /* waits for the answer */
};

/* What is under way at one server. Zero-initialised: nothing. */
struct announce {
	enum announce_state state;
	enum via via; /* the protocol of the announcement, and of the question */
	struct epoch before; /* the last sample that was believed */
	struct mono heard; /* what was granted since is not lost */
	struct mono due; /* of the question, or of the end of patience */
};

/* Is an announcement with this Epoch worth asking about? Not when the clock goes on
 * as it should: then nothing was lost. `last` is not changed. */
bool announce_is_news(const struct epoch *last, enum via via, uint32_t epoch, struct mono now);

/* An announcement that is news. Several announcements make one question: false when
 * one is under way already. */
bool announce_heard(struct announce *announce, enum via via, const struct epoch *last,
	struct mono now, struct prng *prng);

/* Is the question to be asked now? Then it counts as asked. */
bool announce_asks(struct announce *announce, struct mono now);

/* An answer by unicast with this Epoch. True: the state was lost. It is over then. */
bool announce_answered(struct announce *announce, uint32_t epoch, struct mono now);

/* Has the question found no answer in time? True: the state is taken as lost. */
bool announce_unanswered(struct announce *announce, struct mono now);

/* MONO_NEVER when nothing is under way. */
struct mono announce_deadline(const struct announce *announce);

#endif
