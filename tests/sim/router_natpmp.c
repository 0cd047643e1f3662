/* SPDX-License-Identifier: MIT
 * The model router: the answers of NAT-PMP (RFC 6886, 3.2 to 3.5).
 */
#include "router_natpmp.h"

#include <string.h>

#include "octets.h"

static void header(const struct router *router, uint8_t opcode, struct mono now, uint8_t out[])
{
	memset(out, 0, 16);
	out[1] = 0x80 | opcode;
	put32(out + 4, router_epoch(router, now));
}

size_t router_natpmp_address(const struct router *router, struct mono now, uint8_t out[])
{
	header(router, 0, now, out);
	memcpy(out + 8, router->external.octets + 12, 4);
	return 12;
}

static size_t map(struct router *router, const struct ip *local, const uint8_t *in, struct mono now,
	uint8_t out[])
{
	struct router_request asked = { local, in[1] == 1 ? 17 : 6, get16(in + 4), get16(in + 6),
		get32(in + 8) };
	struct lease *lease = router_lease(router, local, asked.protocol, asked.internal, now);

	header(router, in[1], now, out);
	memcpy(out + 8, in + 4, 2);
	if (asked.lifetime == 0) {
		if (lease)
			lease->there = false;
		return 16;
	}
	if (router_refuses(router) || (router->needs_port && !lease && asked.suggested == 0))
		lease = NULL;
	else
		lease = router_grant(router, &asked, now);
	if (!lease) {
		put16(out + 2, router->natpmp_result ? router->natpmp_result : 4);
		return 16;
	}
	put16(out + 10, lease->external);
	put32(out + 12, router_left(router, lease, now));
	return 16;
}

size_t router_serve_natpmp(struct router *router, const struct ip *local, const uint8_t *in,
	size_t length, struct mono now, uint8_t out[])
{
	if (in[1] == 0 && length == 2)
		return router_natpmp_address(router, now, out);
	if ((in[1] == 1 || in[1] == 2) && length == 12)
		return map(router, local, in, now, out);
	return 0;
}
