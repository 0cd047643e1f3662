/* SPDX-License-Identifier: MIT
 * The inside of a model router: what its two protocols share.
 */
#ifndef TESTS_SIM_ROUTER_NATPMP_H
#define TESTS_SIM_ROUTER_NATPMP_H

#include "router.h"

struct router_request {
	const struct ip *local;
	uint8_t protocol;
	uint16_t internal, suggested;
	uint32_t lifetime;
};

/* Its clock, in whole seconds. */
uint32_t router_epoch(const struct router *router, struct mono now);
/* Makes or extends; NULL: its table is full. */
struct lease *router_grant(struct router *router, const struct router_request *asked,
	struct mono now);
/* What is left of a lease, by its own clock. */
uint32_t router_left(const struct router *router, const struct lease *lease, struct mono now);
/* Is this request for a mapping refused? */
bool router_refuses(struct router *router);

size_t router_serve_natpmp(struct router *router, const struct ip *local, const uint8_t *in,
	size_t length, struct mono now, uint8_t out[]);
size_t router_natpmp_address(const struct router *router, struct mono now, uint8_t out[]);

#endif
