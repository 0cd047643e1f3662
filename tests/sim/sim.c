/* SPDX-License-Identifier: MIT
 * A run in virtual time: the clock jumps from deadline to deadline.
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "link.h"
#include "plant.h"
#include "scenario.h"
#include "trace.h"

/* A tick may leave some of what is due to the next; so many are a busy loop. */
#define TURNS 1000

/* --- places --- */

struct server_id sim_place_id(const struct sim *sim, unsigned place)
{
	const struct place *here = &sim->places[place];

	return (struct server_id){
		.server = sim->routers[here->router].endpoint,
		.local = here->local,
		.interface = "eth0",
		.found_by = FOUND_ROUTE,
		.network = here->network,
	};
}

static unsigned place_of(const struct sim *sim, const struct server_id *id)
{
	for (unsigned i = 0; i < sim->place_count; i++) {
		struct server_id place = sim_place_id(sim, i);

		if (sim->places[i].network == id->network && ip_equal(&place.local, &id->local) &&
			endpoint_equal(&place.server, &id->server))
			return i;
	}
	return PLACES;
}

/* Is it on a network that we are on? */
static bool is_near(const struct sim *sim, unsigned router)
{
	for (unsigned server = 0; server < sim->server_count; server++) {
		if (sim->places[sim->here[server]].router == router)
			return !sim->away;
	}
	return false;
}

/* The nonce that is remembered for a server, or a new one. */
static bool prepare(void *context, const struct server_id *id, struct want *want)
{
	struct sim *sim = context;
	struct wanted *wanted = &sim->wants[want->number];
	unsigned place = place_of(sim, id);
	struct pcp_nonce *nonce = &wanted->nonces[place % PLACES].nonce;

	if (place == PLACES) {
		check_fail(sim, "nonce", wanted, "asked for a server that is nowhere");
		return false;
	}

	for (size_t i = 0; i < sizeof(nonce->octets) && !wanted->nonces[place].known; i++)
		nonce->octets[i] = (uint8_t)sim_between(sim, 0, 255);
	wanted->nonces[place].known = true;
	want->nonce = *nonce;
	return true;
}

static void prepare_first(struct sim *sim, struct wanted *wanted)
{
	struct server_id id = sim_place_id(sim, sim->here[wanted->server]);

	prepare(sim, &id, &wanted->want);
}

/* --- the client --- */

static void read_events(struct sim *sim)
{
	struct event event;

	while (client_event(sim->client, &event, sim->now)) {
		if (sim->fault == FAULT_NONE || plant_event(sim, &event))
			check_event(sim, &event);
	}
}

static void send_request(struct sim *sim, unsigned place, struct datagram *datagram)
{
	unsigned router = sim->places[place].router;
	bool again = false;

	if (sim->fault != FAULT_NONE &&
		!plant_request(sim, datagram->octets, datagram->length, &again))
		return;
	check_sent(sim, place, datagram->octets, datagram->length);
	if (again)
		check_sent(sim, place, datagram->octets, datagram->length);
	if (is_near(sim, router))
		link_request(sim, router, &sim->places[place].local, datagram->octets,
			datagram->length);
}

static void output(struct sim *sim)
{
	struct datagram datagram;
	const struct server_id *to;

	while (client_output(sim->client, sim->now, &datagram, &to)) {
		unsigned place = place_of(sim, to);

		if (place == PLACES)
			check_fail(sim, "request", NULL, "to nobody we know");
		else
			send_request(sim, place, &datagram);
	}
}

static void step(struct sim *sim)
{
	unsigned turns = 0;

	if (sim->fault != FAULT_NONE)
		plant_step(sim);
	do {
		client_tick(sim->client, sim->now);
		read_events(sim);
		output(sim);
		read_events(sim);
		if (++turns == TURNS)
			check_fail(sim, "spin", NULL, "the deadline stays in the past");
	} while ((client_deadline(sim->client).ns <= sim->now.ns || plant_spins(sim)) &&
		!sim->failed);
}

/* --- the routers --- */

static void send_error(struct sim *sim, const struct flight *flight)
{
	struct net_error error = {
		.kind = NET_ERROR_PORT_UNREACHABLE,
		.type = 3,
		.code = 3,
		.has_offender = true,
		.offender = flight->from.address,
		.to = flight->from,
	};

	sim->routers[flight->router].troubles++;
	client_error(sim->client, &flight->local, &error, sim->now);
	read_events(sim);
}

static void arrive_at_router(struct sim *sim, const struct flight *flight)
{
	struct router *router = &sim->routers[flight->router];
	uint8_t octets[ROUTER_ANSWER_MAX];
	size_t length;

	if (!router->up || !plant_arrives(sim))
		return;
	if (sim_chance(sim, router->unreachable)) {
		send_error(sim, flight);
		return;
	}
	length = router_serve(router, &flight->local, flight->octets, flight->length, sim->now,
		octets);
	if (length)
		link_answer(sim, flight->router, &flight->local, octets, length,
			sim_between(sim, router->delay_least, router->delay_most));
}

static void arrive_at_client(struct sim *sim, struct flight *flight)
{
	struct came came;
	enum drop_reason reason;

	if (!is_near(sim, flight->router))
		return;
	if (flight->multicast && flight->boots != sim->routers[flight->router].boots)
		return; /* it has something else to announce by now */
	if (flight->multicast) {
		trace_datagram(sim, TRACE_CAME, flight->router, flight->octets, flight->length);
		client_announced(sim->client, &flight->from, flight->octets, flight->length,
			sim->now);
		read_events(sim);
		return;
	}
	if (sim->forges && sim_chance(sim, 5))
		link_forge(sim, flight);
	check_coming(sim, flight, &came);
	if (sim->fault != FAULT_NONE && !plant_answer(sim, flight->octets, flight->length))
		return;
	reason = client_input(sim->client, &flight->local, &flight->from, flight->octets,
		flight->length, sim->now);
	read_events(sim);
	check_came(sim, flight, &came, reason);
}

static void deliver(struct sim *sim)
{
	struct flight flight;

	while (!sim->failed && link_take(sim, &flight)) {
		if (flight.to_router)
			arrive_at_router(sim, &flight);
		else
			arrive_at_client(sim, &flight);
	}
}

/* --- moving --- */

void sim_move(struct sim *sim, const unsigned here[SERVERS], bool old_is_ours)
{
	struct client_place places[SERVERS] = { { .found = false } };
	bool moved[SERVERS] = { false };

	for (unsigned server = 0; server < sim->server_count; server++) {
		moved[server] = here[server] != sim->here[server];
		sim->here[server] = here[server];
		places[server] = (struct client_place){
			.found = !sim->away,
			.old_is_ours = old_is_ours,
			.id = sim_place_id(sim, here[server]),
		};
		if (moved[server])
			check_moved(sim, server);
	}
	client_network(sim->client, places, sim->now);
	read_events(sim);
}

/* --- a run --- */

static bool start(struct sim *sim)
{
	struct client_config config = {
		.policy = VERSION_PCP_FIRST,
		.pcp = &schedule_quick,
		.natpmp = &schedule_quick,
		.give_up = MONO_NEVER,
		.keep = true,
		.seed = sim->seed,
		.prepare = prepare,
		.context = sim,
	};

	plant_setup(sim, &config);
	sim->client = client_new(&config);
	if (!sim->client)
		return false;
	for (unsigned server = 0; server < sim->server_count; server++) {
		struct server_id id = sim_place_id(sim, sim->here[server]);

		if (client_server(sim->client, &id) != (int)server)
			return false;
	}
	for (unsigned i = 0; i < sim->want_count; i++)
		prepare_first(sim, &sim->wants[i]);
	if (sim->pair)
		return client_want_pair(sim->client, 0, &sim->wants[0].want, &sim->wants[1].want,
			sim->now);
	for (unsigned i = 0; i < sim->want_count; i++) {
		const struct wanted *wanted = &sim->wants[i];

		if (!plant_hides(sim, i) &&
			!client_want(sim->client, wanted->server, &wanted->want, sim->now))
			return false;
	}
	return true;
}

/* 10 s at most (pcpctl(1), --keep), and every lease is gone that was not to be left. */
static void finish(struct sim *sim)
{
	struct mono until = mono_after(sim->now, 10 * SEC);
	bool leave = sim_chance(sim, 10);

	sim->closing = true;
	trace_change(sim, leave ? "all is left" : "all is deleted", 0, 0);
	client_close(sim->client, leave, sim->now);
	while (!sim->failed) {
		step(sim);
		if (client_idle(sim->client) || sim->now.ns >= until.ns)
			break;
		sim->now =
			mono_min(mono_min(client_deadline(sim->client), link_deadline(sim)), until);
		deliver(sim);
	}
	check_closed(sim, leave);
}

static void run(struct sim *sim)
{
	while (!sim->failed) {
		step(sim);
		sim->now = mono_min(mono_min(client_deadline(sim->client), link_deadline(sim)),
			mono_min(sim->change, sim->end));
		check_sweep(sim);
		if (sim->now.ns >= sim->end.ns)
			break;
		deliver(sim);
		if (mono_due(sim->change, sim->now))
			scenario_change(sim);
	}
	if (!sim->failed)
		check_end(sim);
	if (!sim->failed)
		finish(sim);
	if (client_failed(sim->client))
		check_fail(sim, "spin", NULL, "the client has failed");
}

struct sim *sim_run(const struct sim_options *options)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	int64_t length = options->days ? options->days * DAY : options->family->length;

	if (!sim)
		return NULL;
	sim->family = options->family;
	sim->seed = options->seed;
	sim->verbose = options->verbose;
	sim->fault = options->fault;
	sim->prng.state = options->seed ^ UINT64_C(0x51a4c0de);
	sim->now = sim->told = SIM_START;
	sim->end = mono_after(sim->now, length);
	sim->calm.ns = sim->end.ns - options->family->calm;
	sim->external[0] = sim->external[1] = ip_any4;
	sim->samples[0].due = sim->samples[1].due = MONO_NEVER;
	sim->exhausted[0] = sim->exhausted[1] = (struct mono){ INT64_MIN };
	sim->family->setup(sim);
	sim->change = sim->now;
	scenario_change(sim);
	if (start(sim))
		run(sim);
	else
		check_fail(sim, "spin", NULL, "no memory");
	return sim;
}

void sim_free(struct sim *sim)
{
	if (!sim)
		return;
	client_free(sim->client);
	free(sim->flights);
	free(sim);
}
