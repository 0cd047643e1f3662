/* SPDX-License-Identifier: MIT
 * The families: who is there at the start of a run.
 */
#include <string.h>

#include "octets.h"
#include "scenario.h"

#define FEW  5
#define CALM (20 * HOUR)

/* --- parts --- */

static struct router *add_router(struct sim *sim, const struct ip *address)
{
	struct router *router = &sim->routers[sim->router_count++];

	*router = (struct router){
		.endpoint = { .address = *address, .port = 5351 },
		.prng = { .state = (uint64_t)sim_between(sim, 0, INT64_MAX - 1) },
		.up = true,
		.boot = { sim->now.ns - sim_between(sim, 0, 100 * DAY) },
		.drift = sim_between(sim, -30000, 30000),
		.external = ip_from_u32(0xcb007107),
		.firewall = !ip_is_v4(address),
		.lifetime_max = sim_chance(sim, 20) ? 1800 : 86400,
		.twice = sim_chance(sim, 50) ? (unsigned)sim_between(sim, 0, 10) : 0,
		.jitter = 5 * MSEC,
		.taken = 10,
		.next_port = 40000,
	};
	router->troubles = 1; /* no want has seen that */
	return router;
}

static void add_place(struct sim *sim, unsigned server, unsigned router, const struct ip *local,
	uint64_t network)
{
	unsigned place = server;

	while (sim->places[place].network)
		place += SERVERS;
	sim->places[place] = (struct place){ router, *local, network };
	if (place >= sim->place_count)
		sim->place_count = place + 1;
	if (place == server) {
		sim->here[server] = server;
		sim->server_count = server + 1;
	}
}

static struct want *add_want(struct sim *sim, unsigned server, uint32_t lifetime)
{
	unsigned i = sim->want_count++;
	bool v4 = ip_is_v4(sim_local(sim, server));
	struct wanted *wanted = &sim->wants[i];

	*wanted = (struct wanted){
		.server = server,
		.want = {
			.number = i,
			.opcode = 1,
			.protocol = sim_chance(sim, 50) ? 6 : 17,
			.internal_port = (uint16_t)(2000 + i),
			.external_port = (uint16_t)(sim_chance(sim, 50) ? 2000 + i : 0),
			.external_address = v4 ? ip_any4 : ip_any6,
			.remote_address = ip_any6,
			.lifetime = lifetime,
			.nonce_is_new = true,
			.keep = true,
			.leave = sim_chance(sim, 10),
		},
		.sent = { { INT64_MIN }, { INT64_MIN } },
		.hold = { INT64_MIN },
		.alarmed = { INT64_MIN },
		.provoked_at = { INT64_MIN },
		.quiet = mono_after(sim->now, 30 * SEC),
		.act = MONO_NEVER,
		.poked = MONO_NEVER,
		.due = MONO_NEVER,
		.address = ip_any4,
	};
	return &wanted->want;
}

static void add_wants(struct sim *sim, unsigned server, unsigned count)
{
	static const uint32_t lifetimes[] = { 7200, 7200, 7200, 3600, 43200, 86400 };

	while (count-- > 0)
		add_want(sim, server, lifetimes[sim_between(sim, 0, 5)]);
}

static struct router *add_home(struct sim *sim)
{
	struct ip server = ip_from_u32(0xc0a801fe), local = ip_from_u32(0xc0a8010a);
	struct router *router = add_router(sim, &server);

	add_place(sim, 0, sim->router_count - 1, &local, 1);
	return router;
}

/* --- the families --- */

static void home(struct sim *sim)
{
	add_home(sim);
	add_wants(sim, 0, (unsigned)sim_between(sim, 2, FEW));
}

static void strangers(struct sim *sim)
{
	home(sim);
	sim->forges = sim->pokes = true;
}

static void natpmp(struct sim *sim)
{
	struct router *router = add_home(sim);

	router->speaks = sim_chance(sim, 50) ? SPEAKS_NATPMP : SPEAKS_NATPMP_SILENTLY;
	router->denial = (enum denial)sim_between(sim, 0, DENIALS - 1);
	router->needs_port = sim_chance(sim, 20);
	add_wants(sim, 0, (unsigned)sim_between(sim, 2, FEW));
	sim->pokes = true;
}

static void two(struct sim *sim)
{
	struct ip server, local;

	add_home(sim);
	ip_parse("fe80::1", &server);
	ip_parse("2001:db8::10", &local);
	add_router(sim, &server)->endpoint.scope = 2;
	add_place(sim, 1, 1, &local, 1);
	add_wants(sim, 0, (unsigned)sim_between(sim, 1, 3));
	add_wants(sim, 1, (unsigned)sim_between(sim, 1, 3));
}

static void announcing(struct sim *sim)
{
	if (sim_chance(sim, 50))
		natpmp(sim);
	else
		home(sim);
	sim->announces = true;
}

/* Two addresses at home, and another home that has the same ones. */
static void roaming(struct sim *sim)
{
	struct ip other = ip_from_u32(0xc0a8014d), server, local;

	add_home(sim);
	add_place(sim, 0, 0, &other, 1);
	server = sim->routers[0].endpoint.address;
	local = sim->places[0].local;
	if (sim_chance(sim, 50)) {
		server = ip_from_u32(0x0a000001);
		local = ip_from_u32(0x0a000017);
	}
	add_router(sim, &server)->speaks =
		(enum speaks)sim_between(sim, SPEAKS_BOTH, SPEAKS_NATPMP_SILENTLY);
	add_place(sim, 0, 1, &local, 2);
	add_wants(sim, 0, (unsigned)sim_between(sim, 2, FEW));
}

static void all(struct sim *sim)
{
	struct ip server, local = ip_from_u32(0xc0a8014d);

	roaming(sim);
	ip_parse("fe80::1", &server);
	ip_parse("2001:db8::10", &local);
	add_router(sim, &server)->endpoint.scope = 2;
	add_place(sim, 1, 2, &local, 1);
	add_wants(sim, 1, (unsigned)sim_between(sim, 1, 3));
	sim->forges = sim_chance(sim, 50);
	sim->pokes = true;
	sim->announces = sim_chance(sim, 50);
}

/* Enough to fill the window. */
static void many(struct sim *sim)
{
	add_home(sim);
	while (sim->want_count < WANTS)
		add_want(sim, 0, 7200);
}

/* As ProtonVPN has it (pcpctl's users have about 25 scripts for that): leases of a
 * minute whatever is asked, one port for both protocols, datagrams refused now and then. */
static void vpn(struct sim *sim)
{
	struct ip server = ip_from_u32(0x0a020001), local = ip_from_u32(0x0a020002);
	struct router *router = add_router(sim, &server);
	struct want *tcp, *udp;

	add_place(sim, 0, 0, &local, 1);
	router->speaks = sim_chance(sim, 50) ? SPEAKS_NATPMP : SPEAKS_NATPMP_SILENTLY;
	router->denial = (enum denial)sim_between(sim, 0, DENIALS - 1);
	router->lifetime_max = 60;
	router->one_lifetime = router->same_port = true;
	router->unreachable = (unsigned)sim_between(sim, 0, 10);
	router->refuses = (unsigned)sim_between(sim, 0, 5);
	router->natpmp_result = 3;
	tcp = add_want(sim, 0, 7200);
	udp = add_want(sim, 0, 7200);
	tcp->protocol = 6;
	udp->protocol = 17;
	tcp->internal_port = udp->internal_port = 1;
	tcp->external_port = udp->external_port = 0;
	sim->pair = true;
}

#define LINK  (TROUBLE_LOSS | TROUBLE_DOWN)
#define STATE (TROUBLE_REBOOT | TROUBLE_FLUSH | TROUBLE_RENUMBER)

const struct family scenario_families[] = {
	{ "drift", 0, 30 * DAY, CALM, home, false },
	{ "loss", TROUBLE_LOSS, 30 * DAY, CALM, home, false },
	{ "reboot", TROUBLE_REBOOT | TROUBLE_DOWN, 30 * DAY, CALM, home, false },
	{ "forget", TROUBLE_FLUSH, 30 * DAY, CALM, home, false },
	{ "renumber", TROUBLE_RENUMBER, 30 * DAY, CALM, home, false },
	{ "errors", TROUBLE_ERRORS | TROUBLE_REBOOT, 30 * DAY, CALM, home, false },
	{ "nat-pmp", LINK | STATE | TROUBLE_ERRORS, 30 * DAY, CALM, natpmp, false },
	{ "versions", TROUBLE_VERSION, 30 * DAY, CALM, home, false },
	{ "slow", TROUBLE_SLOW | TROUBLE_REBOOT, 30 * DAY, CALM, home, false },
	{ "strangers", LINK | STATE, 30 * DAY, CALM, strangers, false },
	{ "two", LINK | STATE | TROUBLE_ERRORS, 30 * DAY, CALM, two, false },
	{ "many", LINK | STATE, 2 * DAY, CALM, many, false },
	{ "roam", TROUBLE_ROAM, 30 * DAY, CALM, roaming, false },
	{ "announce", TROUBLE_REBOOT, 30 * DAY, CALM, announcing, false },
	{ "all", 511, 30 * DAY, CALM, all, false },
	{ "vpn", 0, HOUR + 5 * MINUTE, 5 * MINUTE, vpn, true },
};

const unsigned scenario_count = sizeof(scenario_families) / sizeof(*scenario_families);

const struct family *scenario_find(const char *name)
{
	for (unsigned i = 0; i < scenario_count; i++) {
		if (strcmp(scenario_families[i].name, name) == 0)
			return &scenario_families[i];
	}
	return NULL;
}
