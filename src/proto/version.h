/* SPDX-License-Identifier: MIT
 * Which protocol a server speaks, and how sure we are (RFC 6887, 9; RFC 6886,
 * 1.1; pcpctl(1), How a server is asked). Knowledge of one round: PCP is tried
 * first again in the next.
 */
#ifndef PROTO_VERSION_H
#define PROTO_VERSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mono.h"
#include "wire/pcp.h"

enum version_policy { VERSION_PCP_FIRST, VERSION_PCP_ONLY, VERSION_NAT_PMP_ONLY };

enum version_state {
	VERSION_ASKING, /* nothing heard: version 2 is asked */
	VERSION_PCP, /* it answered in version 2 */
	VERSION_SAID_NO, /* it said that it does not speak version 2 */
	VERSION_SILENT, /* silent on version 2, answers version 0: fallen back */
};

struct version {
	enum version_policy policy;
	enum version_state state;
	bool natpmp_heard; /* a proper version-0 answer came */
	bool v2_refusal; /* a version-2 UNSUPP_VERSION came whose cause is not yet plain */
	bool natpmp_unsupported; /* it refused version 0 */
	bool retrying; /* version 2 is asked beside NAT-PMP: an answer brings it back */
	unsigned round; /* of retransmission, in which the probes last went out */
	struct mono decide; /* fall back then, unless version 2 is heard */
};

/* Shortest time given to version 2 once NAT-PMP has answered. */
#define VERSION_PATIENCE (250 * MSEC)

void version_init(struct version *version, enum version_policy policy);

/* A proper answer of version 2 came. True when it came after a fallback. */
bool version_heard_pcp(struct version *version);

/* A proper answer of version 0 came after `rtt` ns. While version 2 is still
 * silent this starts the wait that may end in version_decide(). */
void version_heard_natpmp(struct version *version, int64_t rtt, struct mono now);

/* Nothing is known any more: version 2 is asked first again. */
void version_again(struct version *version);

/* Version 2 is asked beside NAT-PMP, which goes on meanwhile (RFC 6886, 1.1): if it is
 * answered, version_heard_pcp() brings it back, and is not `later`. */
void version_retry(struct version *version);

/* An UNSUPP_VERSION answer; what was asked so far, in either version. One of version
 * 2 may refuse version 0 or version 2 itself: when both were asked, the rest of what
 * is heard decides it (the opcode octets are alike). True when version 2 is thereby
 * found to be unsupported now: also when it was spoken before (RFC 6887, 9, step 5). */
struct version_asked {
	bool pcp, natpmp;
};
bool version_refused(struct version *version, const struct pcp_version_answer *answer,
	struct version_asked asked);

/* Version 0 was refused in a datagram of version 2 that is no PCP answer. */
void version_refused_natpmp(struct version *version);

/* The wait is over: fall back, if there is something that is `wanted`; discover asks
 * both versions anyway. True when the state changed. */
bool version_decide(struct version *version, bool wanted, struct mono now);

/* Is NAT-PMP to be spoken? */
bool version_is_natpmp(const struct version *version);

/* May probes go beside the retransmission `round` (1, 2, ...)? Once per round and
 * only while nothing of version 2 was heard. */
bool version_probe(struct version *version, unsigned round);

#endif
