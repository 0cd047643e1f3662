/* SPDX-License-Identifier: MIT
 * The checker: what the client tells.
 */
#include "check.h"

#include <stdarg.h>

#include "trace.h"

/* The two clocks of a router tell of one restart one after the other. */
#define SAME_RESTART (2 * SEC)
#define ACT_PCP	     (1 * SEC)
#define ACT_NATPMP   (6 * SEC)
#define ANNOUNCED    (13 * SEC)
#define ACT_EACH     (20 * MSEC) /* more, for each mapping */

void check_fail(struct sim *sim, const char *invariant, const struct wanted *wanted,
	const char *format, ...)
{
	char what[120], who[64] = "";
	va_list arguments;

	if (sim->failed)
		return;
	sim->failed = true;
	sim->failed_at = sim->now;
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	if (wanted)
		snprintf(who, sizeof(who), "want %u (%s %u): ", wanted->want.number,
			wanted->want.protocol == 6 ? "tcp" : "udp", wanted->want.internal_port);
	snprintf(sim->failure, sizeof(sim->failure), "%s: %s%s", invariant, who, what);
}

struct wanted *check_find(struct sim *sim, unsigned server, uint8_t protocol, uint16_t port)
{
	for (unsigned i = 0; i < sim->want_count; i++) {
		/* Ports are handed out in the order of the wants: found at once. */
		struct wanted *wanted = &sim->wants[(port % WANTS + i) % sim->want_count];

		if (wanted->server == server && wanted->want.protocol == protocol &&
			wanted->want.internal_port == port)
			return wanted;
	}
	return NULL;
}

int64_t check_gap(const struct wanted *wanted)
{
	int64_t gap = (wanted->ever ? wanted->lifetime : wanted->want.lifetime) * SEC / 2;

	if (gap < 30 * SEC)
		gap = 30 * SEC;
	if (gap > 1024 * SEC)
		gap = 1024 * SEC;
	return gap / 10 * 11;
}

bool check_is_fine(struct sim *sim, const struct wanted *wanted)
{
	struct router *router = sim_router(sim, wanted->server);
	const struct ip *local = sim_local(sim, wanted->server);
	const struct lease *lease = router_lease(router, local, wanted->want.protocol,
		wanted->want.internal_port, sim->now);

	if (!wanted->held || !lease || lease->external != wanted->port)
		return false;
	return ip_is_any(&wanted->address) ||
		ip_equal(&wanted->address, router->firewall ? local : &router->external);
}

/* --- what is told --- */

static bool was_offered(const struct wanted *wanted, uint16_t port)
{
	for (unsigned i = 0; i < 4; i++) {
		if (i < wanted->offers && wanted->offered[i] == port)
			return true;
	}
	return false;
}

/* Which outcome of a mapping that is (again) held may come now? */
static bool may_follow(const struct wanted *wanted, const struct event_mapping *told)
{
	bool same = told->external_port == wanted->port &&
		(!told->has_external_address ||
			ip_equal(&told->external_address, &wanted->address));

	switch (told->outcome) {
	case OUTCOME_GRANTED:
		return !wanted->ever || wanted->moved;
	case OUTCOME_RENEWED:
		return wanted->held && same;
	case OUTCOME_RECOVERED:
		return wanted->ever && (!wanted->held || wanted->provoked) && same;
	default:
		return wanted->ever && !same;
	}
}

static void now_held(struct sim *sim, struct wanted *wanted, const struct event_mapping *told)
{
	uint32_t lifetime = told->lifetime < 86400 ? told->lifetime : 86400;
	int64_t life = lifetime * SEC;

	if (!may_follow(wanted, told))
		check_fail(sim, "event-state", wanted, "%s, port %u, after port %u %s",
			event_outcome_name(told->outcome), told->external_port, wanted->port,
			wanted->held	     ? "held" :
				wanted->ever ? "lost" :
					       "not granted yet");
	if (!was_offered(wanted, told->external_port))
		check_fail(sim, "port", wanted, "told port %u, which no router gave",
			told->external_port);
	if (told->outcome == OUTCOME_CHANGED)
		sim->tally.changes++;
	if (told->outcome == OUTCOME_RENEWED)
		sim->tally.renewals++;
	wanted->held = wanted->ever = true;
	wanted->moved = wanted->erred = false;
	wanted->hold = (struct mono){ INT64_MIN };
	wanted->port = told->external_port;
	wanted->lifetime = told->lifetime;
	wanted->address = told->external_address;
	wanted->attempts = 0;
	/* NAT-PMP's address is asked for between the grant and its telling. */
	wanted->granted = told->via == VIA_NAT_PMP ? wanted->answered : sim->now;
	wanted->expires = mono_after(wanted->granted, life);
	wanted->quiet = mono_after(wanted->granted, life / 8 * 5 + 10 * SEC);
	if (wanted->granted.ns >= wanted->provoked_at.ns)
		wanted->provoked = false;
	if (wanted->granted.ns >= wanted->alarmed.ns)
		wanted->act = MONO_NEVER;
}

static bool is_server(const struct sim *sim, unsigned server, const struct server_id *id)
{
	struct server_id here = sim_place_id(sim, sim->here[server]);

	return endpoint_equal(&here.server, &id->server) && ip_equal(&here.local, &id->local) &&
		here.network == id->network;
}

static void told_mapping(struct sim *sim, const struct event_mapping *told)
{
	struct wanted *wanted = &sim->wants[told->want];

	if (told->want >= sim->want_count) {
		check_fail(sim, "event-state", NULL, "want %u is none of ours", told->want);
		return;
	}
	if (!is_server(sim, wanted->server, &told->server)) { /* a place that was left */
		if (told->outcome != OUTCOME_LOST && !told->deleting)
			check_fail(sim, "event-state", wanted, "%s, at a place that was left",
				event_outcome_name(told->outcome));
		wanted->held = wanted->held && told->outcome != OUTCOME_LOST;
		return;
	}
	switch (told->outcome) {
	case OUTCOME_GRANTED:
	case OUTCOME_RENEWED:
	case OUTCOME_RECOVERED:
	case OUTCOME_CHANGED:
		now_held(sim, wanted, told);
		break;
	case OUTCOME_LOST:
		if (!wanted->held)
			check_fail(sim, "event-state", wanted, "lost, but it was not held");
		sim->tally.losses++;
		wanted->held = false;
		if (!wanted->moved)
			wanted->act = MONO_NEVER;
		break;
	case OUTCOME_DELETED:
		if (!sim->closing)
			check_fail(sim, "event-state", wanted, "deleted, but it is wanted");
		wanted->held = false;
		break;
	case OUTCOME_REFUSED:
		wanted->act = MONO_NEVER;
		if (told->refusal == REFUSAL_NAT_PMP) { /* nothing is sent, for so long */
			wanted->erred = true;
			wanted->quiet = mono_after(sim->now, 310 * SEC);
		}
		break;
	default: /* never ends what is kept */
		break;
	}
}

/* May, or (an alarm) must all of it be asked for at once? */
static void provoke(struct sim *sim, unsigned server, bool must)
{
	for (unsigned i = 0; i < sim->want_count; i++) {
		if (sim->wants[i].server != server)
			continue;
		sim->wants[i].provoked = true;
		if (must)
			sim->wants[i].provoked_at = sim->now;
		if (must && mono_since(sim->now, sim->wants[i].answered) > SAME_RESTART)
			sim->wants[i].alarmed = sim->now;
	}
}

static void told_epoch(struct sim *sim, const struct event_epoch *told)
{
	for (unsigned server = 0; server < sim->server_count; server++) {
		if (is_server(sim, server, &told->server))
			sim->samples[server].due = MONO_NEVER;
	}
	if (!told->regressed)
		return;
	for (unsigned server = 0; server < sim->server_count; server++) {
		if (!is_server(sim, server, &told->server))
			continue; /* one that was left */
		sim->alarms_seen++;
		sim->tally.alarms++;
		provoke(sim, server, true);
		for (unsigned i = 0; i < sim->want_count; i++) {
			struct wanted *wanted = &sim->wants[i];

			if (wanted->server == server && wanted->held && !wanted->erred &&
				mono_since(sim->now, wanted->answered) > SAME_RESTART)
				wanted->act = mono_after(sim->now,
					(told->via == VIA_PCP ? ACT_PCP : ACT_NATPMP) +
						sim->want_count * ACT_EACH);
		}
	}
}

/* Promised where all is well: else something else may be under way. */
void check_poked(struct sim *sim, struct wanted *wanted)
{
	const struct router *router = sim_router(sim, wanted->server);

	if (wanted->settled && wanted->troubles == router->troubles && !wanted->provoked &&
		!wanted->erred && !wanted->attempts) {
		wanted->poked = mono_after(sim->now, SEC + 4 * router->delay_most);
		sim->samples[wanted->server].due = mono_after(sim->now, 5 * SEC);
		sim->samples[wanted->server].troubles = router->troubles;
	}
	wanted->provoked = true;
	wanted->provoked_at = sim->now;
}

void check_moved(struct sim *sim, unsigned server)
{
	sim->rules[server][0].known = sim->rules[server][1].known = false;
	sim->exhausted[server] = (struct mono){ INT64_MIN };
	sim->line[server] = sim->now;
	sim->external[server] = ip_any4;
	sim_router(sim, server)->troubles++;
	provoke(sim, server, true);
	for (unsigned i = 0; i < sim->want_count; i++) {
		struct wanted *wanted = &sim->wants[i];

		if (wanted->server != server)
			continue;
		wanted->moved = true;
		wanted->settled = wanted->announced = false;
		wanted->due = MONO_NEVER;
		wanted->sends = 0;
		wanted->hold = (struct mono){ INT64_MIN };
		wanted->waits[0] = wanted->waits[1] = false;
		wanted->act = mono_after(sim->now, ACT_PCP + sim->want_count * ACT_EACH);
	}
}

/* The router is asked after 0 to 5 s, has 2 s for its answer, then the usual applies. */
static void told_announce(struct sim *sim, const struct event_announce *told)
{
	for (unsigned server = 0; server < sim->server_count; server++) {
		const struct router *router = sim_router(sim, server);

		if (!endpoint_equal(&router->endpoint, &told->source))
			continue;
		sim->tally.announced++;
		provoke(sim, server, false);
		for (unsigned i = 0; i < sim->want_count; i++) {
			struct wanted *wanted = &sim->wants[i];

			if (wanted->server != server || !router_grants(router) ||
				router->troubles != router->restarted ||
				wanted->troubles == router->troubles)
				continue;
			wanted->troubles = router->troubles;
			wanted->settled = false;
			wanted->sends = 2;
			wanted->announced = true;
			wanted->due = mono_after(sim->now, ANNOUNCED + sim->want_count * ACT_EACH);
		}
	}
}

void check_event(struct sim *sim, const struct event *event)
{
	sim->tally.events++;
	trace_event(sim, event);
	/* Events are read as soon as they can be: none is of another instant. */
	if (event->at.ns < sim->told.ns || event->at.ns != sim->now.ns)
		check_fail(sim, "event-order", NULL, "an event of another instant than now");
	sim->told = event->at;
	if (event->kind == EVENT_MAPPING)
		told_mapping(sim, &event->mapping);
	else if (event->kind == EVENT_EPOCH)
		told_epoch(sim, &event->epoch);
	else if (event->kind == EVENT_ANNOUNCE)
		told_announce(sim, &event->announce);
}
