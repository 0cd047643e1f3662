/* SPDX-License-Identifier: MIT
 * What goes wrong, and when.
 */
#include "scenario.h"

#include <string.h>

#include "check.h"
#include "link.h"
#include "trace.h"

#define LONGEST (16 * HOUR) /* of the calm between two troubles */

/* Between `least` and `most`, each order of magnitude as likely as another. */
static int64_t draw(struct sim *sim, int64_t least, int64_t most)
{
	unsigned doublings = 0;

	while (least << doublings < most)
		doublings++;
	least <<= sim_between(sim, 0, doublings ? doublings - 1 : 0);
	return sim_between(sim, least, 2 * least < most ? 2 * least : most);
}

/* --- each of them --- */

static void renumber(struct sim *sim, struct router *router)
{
	uint8_t v4[4] = { 203, 0, 113, (uint8_t)sim_between(sim, 1, 254) };

	router->external = ip_from_v4(v4);
}

/* RFC 6887, 14.2: three times, 250 ms and 500 ms apart. */
static void send_updates(struct sim *sim, unsigned number)
{
	struct router *router = &sim->routers[number];
	uint8_t octets[ROUTER_ANSWER_MAX];

	for (unsigned i = 0; i < ROUTER_LEASES; i++) {
		const struct lease *lease = &router->leases[i];
		size_t length = lease->there && lease->expires.ns > sim->now.ns ?
			router_update(router, lease, sim->now, octets) :
			0;

		for (int64_t wait = 0; length && wait <= 750; wait = wait ? 750 : 250) {
			link_answer(sim, number, &lease->local, octets, length, wait * MSEC);
			if (wait == 750)
				break;
		}
	}
}

/* With an Epoch reset, as RFC 6887, 8.5, wants it, or without, as some have it. */
static void renumbered(struct sim *sim, unsigned number)
{
	struct router *router = &sim->routers[number];

	renumber(sim, router);
	if (sim_chance(sim, 50) || router->speaks >= SPEAKS_NATPMP)
		router_restart(router, sim->now);
	else if (sim_chance(sim, 50))
		send_updates(sim, number);
}

static void booted(struct sim *sim, struct router *router)
{
	router->up = true;
	router_flush(router);
	router_restart(router, sim->now);
	if (sim_chance(sim, 30))
		renumber(sim, router);
}

static void set_errors(struct sim *sim, struct router *router)
{
	static const uint8_t results[] = { 2, 7, 8, 8, 9, 10, 11 };
	static const uint32_t lifetimes[] = { 0, 0, 30, 60, 600, 1800 };

	router->result = results[sim_between(sim, 0, sizeof(results) - 1)];
	router->natpmp_result = (unsigned)sim_between(sim, 2, 4);
	router->error_lifetime = lifetimes[sim_between(sim, 0, 5)];
	router->refuses = sim_chance(sim, 30) ? (unsigned)sim_between(sim, 5, 60) : 0;
}

static void set_version(struct sim *sim, struct router *router)
{
	router->speaks = (enum speaks)sim_between(sim, SPEAKS_PCP, SPEAKS_NATPMP_SILENTLY);
	router->denial = (enum denial)sim_between(sim, 0, DENIALS - 1);
	if (router->firewall) /* NAT-PMP knows no IPv6 */
		router->speaks = SPEAKS_PCP;
	booted(sim, router);
}

/* RFC 6887, 14.1.3: ten times, the first 250 ms apart, then twice as long each; in both
 * protocols, as many do. */
static void announce(struct sim *sim, struct router *router)
{
	unsigned number = (unsigned)(router - sim->routers);
	uint8_t octets[ROUTER_ANSWER_MAX];
	int64_t wait = 0;

	for (unsigned i = 0; i < 10; i++, wait += 250 * MSEC << (i - 1)) {
		struct mono then = mono_after(sim->now, wait);
		size_t length;

		if (router->speaks <= SPEAKS_PCP) {
			length = router_announce(router, true, then, octets);
			link_multicast(sim, number, octets, length, wait);
		}
		if (router->speaks != SPEAKS_PCP && !router->firewall) {
			length = router_announce(router, false, then, octets);
			link_multicast(sim, number, octets, length, wait);
		}
	}
}

static void troubled_all(struct sim *sim)
{
	for (unsigned i = 0; i < sim->router_count; i++)
		sim->routers[i].troubles++;
}

static void roam(struct sim *sim)
{
	unsigned here[SERVERS], old = sim->here[0];

	memcpy(here, sim->here, sizeof(here));
	do {
		here[0] = (unsigned)sim_between(sim, 0, PLACES / SERVERS - 1) * SERVERS;
	} while (!sim->places[here[0]].network);
	sim->away = false;
	troubled_all(sim);
	trace_change(sim, "is where we are, at place", sim->places[here[0]].router, here[0]);
	sim_move(sim, here,
		sim->places[here[0]].network == sim->places[old].network && sim_chance(sim, 50));
}

static int64_t begin(struct sim *sim, unsigned number, enum trouble trouble)
{
	struct router *router = &sim->routers[number];

	switch (trouble) {
	case TROUBLE_LOSS:
		router->loss = (unsigned)sim_between(sim, 1, 50);
		router->jitter = sim_chance(sim, 50) ? 600 * MSEC : 5 * MSEC;
		return draw(sim, MINUTE, DAY);
	case TROUBLE_DOWN:
		router->up = false;
		return draw(sim, SEC, 4 * HOUR);
	case TROUBLE_REBOOT:
		router->up = false;
		return draw(sim, SEC, 10 * MINUTE);
	case TROUBLE_FLUSH:
		router_flush(router);
		return 0;
	case TROUBLE_RENUMBER:
		renumbered(sim, number);
		return 0;
	case TROUBLE_ERRORS:
		set_errors(sim, router);
		return draw(sim, SEC, 2 * HOUR);
	case TROUBLE_VERSION:
		set_version(sim, router);
		return draw(sim, MINUTE, DAY);
	case TROUBLE_ROAM:
		sim->away = true;
		troubled_all(sim);
		return sim_chance(sim, 50) ? 0 : draw(sim, SEC, HOUR);
	case TROUBLE_SLOW:
		router->delay_most = sim_between(sim, 10 * MSEC, 3 * SEC);
		router->delay_least = sim_between(sim, 0, router->delay_most);
		return draw(sim, MINUTE, 6 * HOUR);
	}
	return 0;
}

static void end(struct sim *sim, struct router *router, enum trouble trouble)
{
	switch (trouble) {
	case TROUBLE_LOSS:
		router->loss = 0;
		router->jitter = 5 * MSEC;
		break;
	case TROUBLE_DOWN:
		router->up = true;
		break;
	case TROUBLE_REBOOT:
		booted(sim, router);
		if (sim->announces)
			announce(sim, router);
		break;
	case TROUBLE_ROAM:
		roam(sim);
		break;
	case TROUBLE_ERRORS:
		router->result = router->natpmp_result = router->refuses = 0;
		break;
	case TROUBLE_VERSION:
		router->speaks = SPEAKS_BOTH;
		booted(sim, router);
		break;
	case TROUBLE_SLOW:
		router->delay_least = router->delay_most = 0;
		break;
	case TROUBLE_FLUSH:
	case TROUBLE_RENUMBER:
		break;
	}
}

/* --- taking turns --- */

static const char *const names[] = { "loses datagrams", "is silent", "reboots",
	"forgets its mappings", "has another external address", "refuses", "speaks other versions",
	"is slow", "is out of reach" };

static unsigned index_of(unsigned trouble)
{
	unsigned i = 0;

	while (trouble >> (i + 1))
		i++;
	return i;
}

static unsigned choose(struct sim *sim)
{
	unsigned trouble;

	do {
		trouble = 1U << sim_between(sim, 0, sizeof(names) / sizeof(*names) - 1);
	} while (!(trouble & sim->family->troubles));
	return trouble;
}

static void calm_down(struct sim *sim)
{
	struct router *router = &sim->routers[sim->troubled];

	if (sim->trouble) {
		trace_change(sim, "is as before", sim->troubled, 0);
		end(sim, router, (enum trouble)sim->trouble);
		router->troubles++;
		if (sim->trouble == TROUBLE_REBOOT)
			router->restarted = router->troubles;
	}
	sim->trouble = 0;
	sim->change = mono_after(sim->now, draw(sim, 10 * SEC, LONGEST));
}

/* It refuses all the time, but at the end. */
static void calm_vpn(struct sim *sim)
{
	sim->routers[0].refuses = sim->routers[0].unreachable = 0;
	sim->routers[0].result = sim->routers[0].natpmp_result = 0;
	sim->routers[0].troubles++;
}

static void poke(struct sim *sim)
{
	struct wanted *wanted = &sim->wants[sim_between(sim, 0, sim->want_count - 1)];

	trace_change(sim, "is sampled, and the user renews want",
		sim->places[sim->here[wanted->server]].router, wanted->want.number);
	check_poked(sim, wanted);
	client_sample(sim->client, wanted->server);
	if (!client_renew(sim->client, wanted->server, wanted->want.number, sim->now))
		check_fail(sim, "poked", wanted, "is not known");
}

void scenario_change(struct sim *sim)
{
	int64_t length;

	if (!sim->trouble && sim->client && sim->pokes && sim_chance(sim, 50)) {
		poke(sim);
		sim->change = mono_after(sim->now, draw(sim, 10 * SEC, LONGEST));
	} else if (sim->trouble || !sim->family->troubles) {
		calm_down(sim);
	} else if (sim->now.ns < sim->calm.ns) {
		sim->troubled =
			sim->places[sim->here[sim_between(sim, 0, sim->server_count - 1)]].router;
		sim->trouble = choose(sim);
		length = begin(sim, sim->troubled, (enum trouble)sim->trouble);
		trace_change(sim, names[index_of(sim->trouble)], sim->troubled, length / SEC);
		sim->routers[sim->troubled].troubles++;
		sim->change = mono_after(sim->now, length);
	}
	if (sim->now.ns >= sim->calm.ns && sim->pair)
		calm_vpn(sim);
	if (sim->now.ns >= sim->calm.ns && !sim->trouble)
		sim->change = MONO_NEVER;
	else
		sim->change =
			mono_min(sim->change, sim->now.ns < sim->calm.ns ? sim->calm : MONO_NEVER);
}
