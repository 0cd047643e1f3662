/* SPDX-License-Identifier: MIT
 * The model router: leases, and the answers of PCP.
 */
#include "router.h"

#include <string.h>

#include "octets.h"
#include "router_natpmp.h"

#define PARTS 1000000 /* drift counts in millionths */

uint32_t router_epoch(const struct router *router, struct mono now)
{
	int64_t elapsed = mono_since(now, router->boot);

	return (uint32_t)((elapsed + elapsed / PARTS * router->drift) / SEC);
}

/* Its seconds in ours. */
static struct mono expiry(const struct router *router, uint32_t lifetime, struct mono now)
{
	int64_t life = (int64_t)lifetime * SEC;

	return mono_after(now, life - life / (PARTS + router->drift) * router->drift);
}

/* --- leases --- */

static struct lease *slot(struct router *router, const struct ip *local, uint8_t protocol,
	uint16_t internal)
{
	unsigned first = (internal * 2U + (protocol == 17) + local->octets[15] * 31U);

	for (unsigned i = 0; i < ROUTER_LEASES; i++) {
		struct lease *lease = &router->leases[(first + i) % ROUTER_LEASES];

		if (!lease->used ||
			(lease->protocol == protocol && lease->internal == internal &&
				ip_equal(&lease->local, local)))
			return lease;
	}
	return NULL;
}

struct lease *router_lease(struct router *router, const struct ip *local, uint8_t protocol,
	uint16_t internal, struct mono now)
{
	struct lease *lease = slot(router, local, protocol, internal);

	return lease && lease->used && lease->there && lease->expires.ns > now.ns ? lease : NULL;
}

void router_flush(struct router *router)
{
	for (size_t i = 0; i < ROUTER_LEASES; i++)
		router->leases[i].there = false;
}

void router_restart(struct router *router, struct mono now)
{
	router->boot = now;
	router->boots++;
}

bool router_grants(const struct router *router)
{
	return router->up && router->result == 0 && router->refuses == 0 &&
		router->unreachable == 0;
}

/* Somebody else has it, until the next restart. */
static bool is_taken(const struct router *router, uint16_t port)
{
	return (port * 2654435761U + router->boots * 40503U) % 100 < router->taken;
}

static bool in_use(const struct router *router, uint8_t protocol, uint16_t port, struct mono now)
{
	for (size_t i = 0; i < ROUTER_LEASES; i++) {
		const struct lease *lease = &router->leases[i];

		if (lease->there && lease->protocol == protocol && lease->external == port &&
			lease->expires.ns > now.ns)
			return true;
	}
	return is_taken(router, port);
}

static uint16_t choose_port(struct router *router, const struct lease *lease, uint16_t suggested,
	struct mono now)
{
	const struct lease *companion = router_lease(router, &lease->local,
		lease->protocol == 6 ? 17 : 6, lease->internal, now);

	if (router->firewall)
		return lease->internal;
	if (router->same_port && companion &&
		!in_use(router, lease->protocol, companion->external, now))
		return companion->external;
	while (suggested == 0 || in_use(router, lease->protocol, suggested, now)) {
		suggested = router->next_port++;
		if (router->next_port < 40000)
			router->next_port = 40000;
	}
	return suggested;
}

struct lease *router_grant(struct router *router, const struct router_request *asked,
	struct mono now)
{
	struct lease *lease = slot(router, asked->local, asked->protocol, asked->internal);
	uint32_t lifetime = asked->lifetime;

	if (!lease)
		return NULL;
	if (!lease->there || lease->expires.ns <= now.ns) {
		lease->used = true;
		lease->there = false;
		lease->local = *asked->local;
		lease->protocol = asked->protocol;
		lease->internal = asked->internal;
		lease->has_nonce = false;
		lease->external = choose_port(router, lease, asked->suggested, now);
	}
	if (lifetime > router->lifetime_max || router->one_lifetime)
		lifetime = router->lifetime_max;
	lease->there = true;
	lease->expires = expiry(router, lifetime, now);
	return lease;
}

uint32_t router_left(const struct router *router, const struct lease *lease, struct mono now)
{
	int64_t left = mono_since(lease->expires, now);

	return (uint32_t)((left + left / PARTS * router->drift + SEC / 2) / SEC);
}

bool router_refuses(struct router *router)
{
	if (router->refuses)
		return prng_between(&router->prng, 0, 99) < router->refuses;
	return router->result != 0;
}

/* --- PCP --- */

static size_t header(const struct router *router, uint8_t opcode, uint32_t lifetime,
	struct mono now, uint8_t out[])
{
	memset(out, 0, 24);
	out[0] = 2;
	out[1] = 0x80 | opcode;
	put32(out + 4, lifetime);
	put32(out + 8, router_epoch(router, now));
	return 24;
}

static void put_lease(const struct router *router, const struct lease *lease, uint8_t out[])
{
	const struct ip *external = router->firewall ? &lease->local : &router->external;

	put16(out + 42, lease->external);
	memcpy(out + 44, external->octets, 16);
}

/* RFC 6887, 8.2: an error has the request's own data behind its header. */
static size_t refuse(uint8_t out[], unsigned result, uint32_t lifetime)
{
	out[3] = (uint8_t)result;
	put32(out + 4, lifetime);
	return 60;
}

static size_t serve_map(struct router *router, const struct ip *local, const uint8_t *in,
	struct mono now, uint8_t out[])
{
	uint32_t lifetime = get32(in + 4);
	struct router_request asked = { local, in[36], get16(in + 40), get16(in + 42), lifetime };
	struct lease *lease = router_lease(router, local, asked.protocol, asked.internal, now);

	header(router, 1, 0, now, out);
	memcpy(out + 24, in + 24, 36);
	if (memcmp(in + 8, local->octets, 16) != 0)
		return refuse(out, 12, 1800); /* ADDRESS_MISMATCH */
	/* RFC 6887, 11.3: another nonce is somebody else. */
	if (lease && lease->has_nonce && memcmp(lease->nonce, in + 24, 12) != 0)
		return refuse(out, 2, router_left(router, lease, now));
	if (lifetime == 0) {
		if (lease)
			lease->there = false;
		put16(out + 42, 0);
		memset(out + 44, 0, 16);
		return 60;
	}
	if (router_refuses(router))
		return refuse(out, router->result, router->error_lifetime);
	lease = router_grant(router, &asked, now);
	if (!lease)
		return refuse(out, 8, 30);
	lease->has_nonce = true;
	memcpy(lease->nonce, in + 24, 12);
	put32(out + 4, router_left(router, lease, now));
	put_lease(router, lease, out);
	return 60;
}

static size_t deny_version2(const struct router *router, const uint8_t *in, struct mono now,
	uint8_t out[])
{
	size_t length = 8;

	if (router->speaks == SPEAKS_NATPMP_SILENTLY)
		return 0;
	memset(out, 0, 16);
	out[1] = router->denial == DENIAL_BARE ? 0 : 0x80;
	out[3] = 1;
	if (router->denial == DENIAL_OPCODE)
		out[1] |= in[1];
	if (router->denial == DENIAL_SHORT)
		return 4;
	if (router->denial == DENIAL_LONG)
		length = 16;
	put32(out + 4, router_epoch(router, now));
	return length;
}

size_t router_serve(struct router *router, const struct ip *local, const uint8_t *in, size_t length,
	struct mono now, uint8_t out[ROUTER_ANSWER_MAX])
{
	bool natpmp_only =
		router->speaks == SPEAKS_NATPMP || router->speaks == SPEAKS_NATPMP_SILENTLY;

	if (in[0] == 2 && natpmp_only)
		return deny_version2(router, in, now, out);
	if (in[0] == 2 && in[1] == 0 && length >= 24)
		return header(router, 0, 0, now, out);
	if (in[0] == 2 && in[1] == 1 && length >= 60)
		return serve_map(router, local, in, now, out);
	if (in[0] == 0 && router->speaks != SPEAKS_PCP && !router->firewall)
		return router_serve_natpmp(router, local, in, length, now, out);
	return 0;
}

size_t router_update(const struct router *router, const struct lease *lease, struct mono now,
	uint8_t out[ROUTER_ANSWER_MAX])
{
	if (!lease->has_nonce || router->speaks > SPEAKS_PCP)
		return 0;
	header(router, 1, router_left(router, lease, now), now, out);
	memset(out + 24, 0, 36);
	memcpy(out + 24, lease->nonce, 12);
	out[36] = lease->protocol;
	put16(out + 40, lease->internal);
	put_lease(router, lease, out);
	return 60;
}

size_t router_announce(const struct router *router, bool pcp, struct mono now,
	uint8_t out[ROUTER_ANSWER_MAX])
{
	return pcp ? header(router, 0, 0, now, out) : router_natpmp_address(router, now, out);
}
