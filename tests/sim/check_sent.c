/* SPDX-License-Identifier: MIT
 * The checker: what the client sends.
 */
#include <string.h>

#include "check.h"
#include "octets.h"
#include "trace.h"

/* The shortest wait before a request is given up or sent again: until then it is
 * outstanding in anybody's book. */
#define OUTSTANDING (225 * MSEC)
/* A request of the other version so soon after is the same attempt. */
#define SAME_ATTEMPT (5 * SEC)
#define GAP	     (4 * SEC)
/* The question for the external address has NAT-PMP's line so long at most. */
#define ADDRESS (30 * SEC)

/* --- the datagram by itself --- */

static bool is_well_formed(const struct sim *sim, unsigned place, const uint8_t *octets,
	size_t length)
{
	static const uint8_t zeros[2];

	if (length == 2)
		return octets[0] == 0 && octets[1] == 0;
	if (length == 12)
		return octets[0] == 0 && (octets[1] == 1 || octets[1] == 2) &&
			memcmp(octets + 2, zeros, 2) == 0;
	return octets[0] == 2 && memcmp(octets + 2, zeros, 2) == 0 &&
		memcmp(octets + 8, sim->places[place].local.octets, 16) == 0 &&
		((length == 24 && octets[1] == 0) || (length == 60 && octets[1] == 1));
}

/* Of how many mappings is a request under way? */
static unsigned under_way(const struct sim *sim, unsigned server, unsigned version)
{
	unsigned count = 0;

	for (unsigned i = 0; i < sim->want_count; i++) {
		const struct wanted *wanted = &sim->wants[i];

		count += wanted->server == server && wanted->waits[version] &&
			mono_since(sim->now, wanted->sent[version]) < OUTSTANDING;
	}
	return count;
}

static void check_outstanding(struct sim *sim, unsigned server)
{
	if (under_way(sim, server, 1) > 64)
		check_fail(sim, "window", NULL, "%u requests under way", under_way(sim, server, 1));
	if (under_way(sim, server, 0) > 1)
		check_fail(sim, "serial", NULL, "%u NAT-PMP requests under way",
			under_way(sim, server, 0));
	if (client_outstanding(sim->client, server) > 65)
		check_fail(sim, "window", NULL, "the client counts %u outstanding",
			client_outstanding(sim->client, server));
}

/* --- the datagram and what was before --- */

static void check_nonce(struct sim *sim, struct wanted *wanted, unsigned place,
	const uint8_t *octets)
{
	if (memcmp(octets + 24, wanted->nonces[place].nonce.octets, 12) != 0 ||
		!wanted->nonces[place].known)
		check_fail(sim, "nonce", wanted, "another nonce than that of its server");
}

static void check_suggested(struct sim *sim, struct wanted *wanted, uint16_t suggested)
{
	if (!wanted->ever || wanted->moved || suggested == wanted->port)
		return;
	for (unsigned i = 0; i < 4; i++) { /* given, and not told yet */
		if (i < wanted->offers && wanted->offered[i] == suggested)
			return;
	}
	check_fail(sim, "suggested", wanted, "port %u is suggested, %u was assigned", suggested,
		wanted->port);
}

/* A request in NAT-PMP that follows one of version 2 goes on with it, however long it had
 * to wait for the line. */
static bool is_same_attempt(const struct sim *sim, const struct wanted *wanted, unsigned version)
{
	struct mono before = wanted->sent[!version];

	return before.ns > wanted->sent[version].ns && before.ns > wanted->granted.ns &&
		before.ns < sim->now.ns &&
		(version == 0 || mono_since(sim->now, before) < SAME_ATTEMPT);
}

/* RFC 6887, 11.2.1. */
static void check_renewal(struct sim *sim, struct wanted *wanted, unsigned version)
{
	int64_t life = mono_since(wanted->expires, wanted->granted);
	int64_t least;

	if (wanted->sent[version].ns != INT64_MIN &&
		mono_since(sim->now, wanted->sent[version]) < GAP)
		check_fail(sim, "renewal-gap", wanted, "asked again after %d ms",
			(int)(mono_since(sim->now, wanted->sent[version]) / MSEC));
	if (is_same_attempt(sim, wanted, version))
		return;
	wanted->attempts++;
	least = wanted->attempts < 60 ? life - (life >> wanted->attempts) : life;
	if (!wanted->erred && mono_since(sim->now, wanted->granted) < least)
		check_fail(sim, "renewal-time", wanted, "attempt %u after %d of %d s",
			wanted->attempts, (int)(mono_since(sim->now, wanted->granted) / SEC),
			(int)(life / SEC));
}

/* Does this send count on the way back to being held? */
static bool counts(const struct sim *sim, const struct wanted *wanted, const struct router *router,
	unsigned version)
{
	if (!router_grants(router) || sim->away || is_same_attempt(sim, wanted, version))
		return false;
	/* Silence on version 2 means nothing before the question in NAT-PMP beside it. */
	if (router->speaks == SPEAKS_NATPMP_SILENTLY)
		return version == 0;
	return version == 1 || router->speaks != SPEAKS_PCP;
}

static void count_send(struct sim *sim, struct wanted *wanted, unsigned version)
{
	const struct router *router = sim_router(sim, wanted->server);

	if (wanted->troubles != router->troubles) {
		wanted->troubles = router->troubles;
		wanted->sends = 0;
		wanted->due = MONO_NEVER;
		wanted->settled = wanted->announced = false;
	}
	if (wanted->settled || wanted->sends >= 2 || !counts(sim, wanted, router, version))
		return;
	if (++wanted->sends == 2)
		wanted->due =
			mono_after(sim->now, 5 * SEC + 4 * (router->delay_most + router->jitter));
}

static void busy(struct sim *sim, unsigned server, int64_t time)
{
	struct mono until = mono_after(sim->now, time);

	if (sim->line[server].ns < until.ns)
		sim->line[server] = until;
}

static void note_send(struct sim *sim, struct wanted *wanted, unsigned version)
{
	wanted->sent[version] = sim->now;
	wanted->waits[version] = true;
	wanted->act = wanted->poked = MONO_NEVER;
	wanted->quiet = mono_after(sim->now, check_gap(wanted) + 10 * SEC);
	if (wanted->held && wanted->alarmed.ns <= wanted->granted.ns &&
		(!wanted->provoked || wanted->expires.ns > wanted->quiet.ns))
		wanted->quiet = mono_after(wanted->expires, 10 * SEC);
	busy(sim, wanted->server, CHECK_BUSY);
}

static void check_mapping(struct sim *sim, unsigned place, const uint8_t *octets, size_t length)
{
	unsigned version = length == 60, server = place % SERVERS;
	uint8_t protocol = version ? octets[36] : octets[1] == 1 ? 17 : 6;
	const uint8_t *ports = octets + (version ? 40 : 4);
	uint32_t lifetime = get32(octets + (version ? 4 : 8));
	struct wanted *wanted = check_find(sim, server, protocol, get16(ports));

	if (!wanted) {
		check_fail(sim, "request", NULL, "about port %u, which is not wanted",
			get16(ports));
		return;
	}
	if (version)
		check_nonce(sim, wanted, place, octets);
	if (lifetime == 0 && (sim->closing || place != sim->here[server])) {
		if (wanted->want.leave)
			check_fail(sim, "closed", wanted, "deleted, it was to be left");
		return;
	}
	/* A pinhole that cannot be renewed is made anew. */
	if (lifetime == 0 && sim_router(sim, server)->firewall && wanted->erred) {
		wanted->provoked = true;
		return;
	}
	if (lifetime != wanted->want.lifetime || place != sim->here[server])
		check_fail(sim, "request", wanted, "lifetime %u%s", lifetime,
			place != sim->here[server] ? ", at a place that was left" : "");
	check_suggested(sim, wanted, get16(ports + 2));
	if (wanted->held && !wanted->provoked)
		check_renewal(sim, wanted, version);
	if (sim->now.ns < wanted->hold.ns && !wanted->provoked)
		check_fail(sim, "error-lifetime", wanted, "asked %d s before the refusal is over",
			(int)(mono_since(wanted->hold, sim->now) / SEC));
	if (sim->now.ns < sim->exhausted[server].ns && !wanted->held && !wanted->provoked &&
		!wanted->waits[0] && !wanted->waits[1])
		check_fail(sim, "error-lifetime", wanted, "new, and the server has no resources");
	count_send(sim, wanted, version);
	note_send(sim, wanted, version);
	check_outstanding(sim, server);
}

/* The question for the external address, which also asks whether NAT-PMP is spoken. */
static void check_address(struct sim *sim, unsigned server)
{
	busy(sim, server, ADDRESS);
	for (unsigned i = 0; i < sim->want_count; i++) {
		struct wanted *wanted = &sim->wants[i];

		if (wanted->server == server && !wanted->held && wanted->waits[1] &&
			wanted->sent[1].ns == sim->now.ns &&
			wanted->sent[0].ns < sim->now.ns - SAME_ATTEMPT)
			count_send(sim, wanted, 0);
	}
}

void check_sent(struct sim *sim, unsigned place, const uint8_t *octets, size_t length)
{
	sim->tally.sent++;
	trace_datagram(sim, TRACE_SENT, sim->places[place].router, octets, length);
	if (!is_well_formed(sim, place, octets, length))
		check_fail(sim, "request", NULL, "%zu octets that are no proper request", length);
	else if (length == 60 || length == 12)
		check_mapping(sim, place, octets, length);
	else if (length == 2)
		check_address(sim, place % SERVERS);
}
