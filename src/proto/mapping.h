/* SPDX-License-Identifier: MIT
 * One mapping: what is wanted, what the server granted, and its life in time
 * (RFC 6887, 11.2.1 and 11.4; RFC 6886, 3.3). Owned by a session.
 */
#ifndef PROTO_MAPPING_H
#define PROTO_MAPPING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mono.h"
#include "base/prng.h"
#include "proto/event.h"
#include "proto/heap.h"
#include "proto/schedule.h"
#include "wire/pcp.h"

/* What is asked of a server. What options point to outlives the session. */
struct want {
	unsigned number; /* the caller's name for it, copied into events */
	uint8_t opcode; /* PCP_MAP or PCP_PEER */
	uint8_t protocol;
	uint16_t internal_port;
	uint16_t external_port; /* suggested, 0: no preference */
	struct ip external_address; /* suggested; the wildcard of its family: none */
	uint16_t remote_port; /* PEER */
	struct ip remote_address;
	uint32_t lifetime; /* seconds; 0: delete */
	struct pcp_nonce nonce;
	bool nonce_is_new; /* made in this run: an unwanted mapping is ours to delete */
	struct pcp_options options;
	bool keep; /* renew and recover until deleted */
	bool hint; /* PEER: suggested is what is remembered; it need not be that */
	bool leave; /* it stood before this run, or is to stay: client_close() leaves it */
	bool require_public; /* refuse a private, shared or bogus external address */
	bool nat_pmp; /* it was made in NAT-PMP: version 2 is not asked */
	bool zero_port; /* the NAT-PMP convention of VPN providers: internal port 0 */
};

/* What of a want NAT-PMP cannot say, as a static phrase; NULL when it can say all.
 * `local` is our address. */
const char *want_beyond_natpmp(const struct want *want, const struct ip *local);

/* Is a grant of this external port and address what -P asked for? (RFC 6887, 13.2) */
bool want_is_met(const struct want *want, uint16_t port, const struct ip *address);

enum mapping_state {
	MAPPING_QUEUED, /* waits for a place in the window */
	MAPPING_ASKING, /* sent, unanswered; the timer sends again */
	MAPPING_ASIDE, /* -P: granted another port; the timer ends the wait for the right one */
	MAPPING_ADDRESS, /* NAT-PMP granted a port; the external address is being asked */
	MAPPING_HELD, /* granted; the timer renews or ends it */
	MAPPING_REFUSED, /* or lost; the timer asks again, if it is kept */
	MAPPING_ENDED, /* nothing more will happen */
};

enum mapping_purpose {
	PURPOSE_CREATE,
	PURPOSE_RENEW,
	PURPOSE_RECOVER,
	PURPOSE_DELETE,
	PURPOSE_ROLLBACK, /* delete what was granted but is not wanted */
	PURPOSE_ANEW, /* delete what cannot be renewed, to create it again */
};

/* The last grant. */
struct grant {
	bool held;
	uint16_t external_port;
	struct ip external_address; /* a wildcard: not known */
	uint32_t lifetime; /* as the server said it */
	struct mono at, expires; /* expires: by the lifetime as we take it */
};

/* What the server last said to it. */
struct answer {
	bool heard;
	unsigned result;
	uint32_t error_lifetime;
	bool has_epoch;
	uint32_t epoch;
	int64_t rtt;
};

/* What was told last of a mapping that is kept, so that it is not told again and again. */
struct told {
	enum mapping_outcome outcome;
	enum refusal refusal;
	unsigned result;
};

struct mapping {
	struct want want;
	enum mapping_state state;
	enum mapping_purpose purpose;
	enum via via; /* the protocol it is asked in */
	bool outstanding; /* holds a place in the window */
	struct mono due; /* what the state waits for */
	struct mono again; /* ASKING: its next send; `due` may be earlier, to give up its place */
	struct timer timer; /* at `due`, or at the expiry of what is kept and held */
	struct retry retry;
	unsigned attempts; /* sends for this purpose, in both versions */
	unsigned renewals; /* attempts since the grant */
	struct grant grant;
	struct answer answer;
	enum refusal refusal; /* why, of the last refusal or ROLLBACK */
	const char *feature; /* of the last refusal, static or NULL */
	enum unwanted unwanted;
	bool external_wildcard; /* granted, but with 0.0.0.0 or :: as the address */
	bool has_previous; /* the external address and port before the last grant */
	bool was_held; /* until this grant, and not told as lost */
	struct ip previous_address;
	uint16_t previous_port;
	struct ip unwanted_address;
	struct pcp_port_set port_set; /* granted, where one was asked */
	uint16_t unwanted_port; /* ROLLBACK and ASIDE: of the grant that is not wanted */
	uint32_t unwanted_lifetime;
	struct mapping *next, *prev; /* in a queue of the session */
	int queue; /* which one, -1: none */
	bool awaiting; /* a request is out that no answer has come to */
	unsigned stale; /* a delete is asked: so many requests before it may yet be answered */
	bool lost; /* reported lost, or known to be, not yet back */
	bool without_address; /* -P: the old external address is not to be had any more */
	unsigned suggestions; /* NAT-PMP: external ports tried where none was to be suggested */
	uint16_t suggestion; /* the last of them, 0: none */
	bool anew; /* deleted, to be made anew: reported lost only if that fails */
	bool bare; /* PEER: nothing is suggested, as the flow has another port by now */
	struct told told;
};

/* Longest lifetime acted upon (RFC 6887, 8.3: "an upper limit such as 24 hours"). */
#define MAPPING_LIFETIME_MAX 86400
/* Two renewals of a mapping are at least this far apart (RFC 6887, 11.2.1). */
#define MAPPING_RENEWAL_GAP (4 * SEC)

/* Keeps a grant; `now` is the arrival of the answer. */
void mapping_granted(struct mapping *mapping, uint16_t external_port,
	const struct ip *external_address, uint32_t lifetime, struct mono now);

/* When is renewal attempt `attempt` (1, 2, ...) due: uniform in [1-2^-k, 1-2^-k +
 * 2^-(k+2)] of the lifetime (RFC 6887, 11.2.1), never less than 4 s after `last`
 * (the last packet about it). MONO_NEVER when that is not before the expiry. */
struct mono mapping_renewal(const struct grant *grant, unsigned attempt, struct mono last,
	struct prng *prng);

#define REFUSED_LEAST (30 * SEC)

/* How long a refusal holds, in ns: what the server said, at least 30 s, at most 24 h
 * (RFC 6887, 8.3). Of an error of long life many servers say 0: that is 30 min. 5 min when
 * it was we who refused what it granted. */
int64_t mapping_refused_for(const struct mapping *mapping);

/* Does the refusal name no time of its own (see above)? */
bool mapping_refused_openly(const struct mapping *mapping);

/* Is it an IPv6 pinhole: granted with the internal address and port as the external
 * ones? `internal` is the internal address. */
bool mapping_is_pinhole(const struct mapping *mapping, const struct ip *internal);

#endif
