/* SPDX-License-Identifier: MIT
 * A model router: a PCP server (RFC 6887) and a NAT-PMP server (RFC 6886) over one
 * table of leases, written from the RFCs and sharing no line with src/. Its clock may
 * drift; it may refuse, forget, be slow or speak one protocol only: all of that are
 * fields, which the scenario sets while the run goes on.
 */
#ifndef TESTS_SIM_ROUTER_H
#define TESTS_SIM_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/mono.h"
#include "base/prng.h"

#define ROUTER_ANSWER_MAX 96
#define ROUTER_LEASES	  512

enum speaks { SPEAKS_BOTH, SPEAKS_PCP, SPEAKS_NATPMP, SPEAKS_NATPMP_SILENTLY };

/* How a server that does not speak version 2 says so. */
enum denial { DENIAL_R, DENIAL_BARE, DENIAL_OPCODE, DENIAL_SHORT, DENIAL_LONG, DENIALS };

struct lease {
	bool used; /* a slot once taken stays that mapping's */
	bool there;
	bool has_nonce; /* false: it was made in NAT-PMP */
	struct ip local;
	uint8_t protocol, nonce[12];
	uint16_t internal, external;
	struct mono expires;
};

struct router {
	struct endpoint endpoint;
	struct prng prng;
	bool up;
	enum speaks speaks;
	enum denial denial;
	struct mono boot;
	unsigned boots; /* how often its Epoch began anew */
	int64_t drift; /* its seconds in a million of ours, less a million */
	struct ip external;
	bool firewall; /* IPv6: external is internal */
	uint32_t lifetime_max;
	bool one_lifetime; /* grants lifetime_max whatever is asked */
	bool same_port; /* one external port for both protocols of an internal one */
	unsigned result; /* of every MAP, 0: granted; NAT-PMP has a number of its own */
	unsigned natpmp_result;
	uint32_t error_lifetime;
	bool needs_port; /* NAT-PMP: refuses a new mapping without a suggested one */
	unsigned refuses; /* percent of the mapping requests, by the results above */
	unsigned unreachable; /* percent of the requests that an ICMP error answers */
	unsigned taken; /* percent of all external ports that somebody else has */
	int64_t delay_least, delay_most; /* before it answers */
	unsigned loss, twice; /* percent, of the link to it, each way */
	int64_t jitter; /* of the link, each way */
	unsigned troubles; /* counts whatever may excuse that a mapping is not held */
	unsigned restarted; /* what that was when it last restarted */
	uint16_t next_port;
	struct lease leases[ROUTER_LEASES];
};

/* Answers a request from `local` into `out`: the length, 0: no answer. */
size_t router_serve(struct router *router, const struct ip *local, const uint8_t *in, size_t length,
	struct mono now, uint8_t out[ROUTER_ANSWER_MAX]);

/* A mapping update about a lease (RFC 6887, 14.2); 0: none of version 2. */
size_t router_update(const struct router *router, const struct lease *lease, struct mono now,
	uint8_t out[ROUTER_ANSWER_MAX]);

/* A restart announcement of version 2 or 0. */
size_t router_announce(const struct router *router, bool pcp, struct mono now,
	uint8_t out[ROUTER_ANSWER_MAX]);

/* The lease of a mapping that lives now, NULL: none. */
struct lease *router_lease(struct router *router, const struct ip *local, uint8_t protocol,
	uint16_t internal, struct mono now);

/* It forgets every lease. */
void router_flush(struct router *router);

/* It begins its Epoch anew. */
void router_restart(struct router *router, struct mono now);

/* Would it grant a mapping that it is asked for in the right version? */
bool router_grants(const struct router *router);

#endif
