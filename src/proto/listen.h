/* SPDX-License-Identifier: MIT
 * What a listener makes of announcements (RFC 6887, 14.1.3; RFC 6886, 3.2.1): the
 * repeats of one are folded into it, and each is compared with the last Epoch known
 * of its source. Memory is bounded, whatever comes in: a source that is not trusted
 * never displaces one that is.
 */
#ifndef PROTO_LISTEN_H
#define PROTO_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mono.h"
#include "proto/announce.h"
#include "proto/epoch.h"
#include "proto/event.h"

#define LISTEN_SOURCES 32 /* remembered of the trusted ones, and as many of the others */
#define LISTEN_REPEATS 10 /* of one announcement, the first included */

/* What is known of one source: an address, port, interface and protocol. */
struct listen_source {
	bool used;
	bool open; /* a series is under way: more repeats may come */
	struct event_announce announce; /* the last one, as it was told; count goes on */
	struct epoch last; /* the last Epoch known; `at` may lie before the announcement */
	struct mono heard; /* the last datagram */
};

/* Zero-initialised: nothing heard. */
struct listen {
	struct listen_source trusted[LISTEN_SOURCES], others[LISTEN_SOURCES];
};

/* What one datagram was. */
struct listen_result {
	bool repeat; /* of the announcement before; announce.count says the how many-eth */
	struct event_announce announce;
	bool ended; /* it began a new series, and this is the end of the one before: */
	struct event_announce before;
	struct mono before_heard; /* its last repeat */
};

/* Takes an announcement. `heard` says the source, the interface, by which protocol, what
 * it says, and whether the source is trusted; its other fields are not read. */
struct listen_result listen_heard(struct listen *listen, const struct event_announce *heard,
	struct mono now);

/* Is there an Epoch to compare its next announcement with? */
bool listen_knows(struct listen *listen, const struct event_announce *source);

/* An Epoch of that source, known otherwise: from an earlier run, or asked for. */
void listen_learn(struct listen *listen, const struct event_announce *source, uint32_t epoch,
	struct mono at);

/* What came of the question about that announcement: its repeats and its end say so too. */
void listen_verified(struct listen *listen, const struct event_announce *announce);

/* The next series that is over, of those that had repeats: its announcement with the
 * final count, and when the last one was heard. False: none. */
bool listen_ended(struct listen *listen, struct mono now, struct event_announce *announce,
	struct mono *heard);

/* When listen_ended() has something to tell; MONO_NEVER: nothing. */
struct mono listen_deadline(const struct listen *listen);

/* Does the answer, come at `now`, confirm the announcement that was heard at `heard`: does
 * the same clock go on, or say itself that it began anew just then; and is the external
 * address the same? */
bool listen_confirms(const struct event_announce *announce, struct mono heard,
	const struct announcement *answer, struct mono now);

#endif
