/* SPDX-License-Identifier: MIT
 * Flights in a heap, by the instant of their arrival.
 */
#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "octets.h"
#include "trace.h"

static bool before(const struct flight *a, const struct flight *b)
{
	return a->at.ns != b->at.ns ? a->at.ns < b->at.ns : a->number < b->number;
}

static void swap(struct flight *a, struct flight *b)
{
	struct flight c = *a;

	*a = *b;
	*b = c;
}

static void put(struct sim *sim, const struct flight *flight)
{
	size_t i = sim->flight_count, up;

	if (i == sim->flight_room) {
		sim->flight_room = i ? 2 * i : 64;
		sim->flights = realloc(sim->flights, sim->flight_room * sizeof(*sim->flights));
		if (!sim->flights)
			abort();
	}
	sim->flights[sim->flight_count++] = *flight;
	for (; i > 0; i = up) {
		up = (i - 1) / 2;
		if (!before(&sim->flights[i], &sim->flights[up]))
			return;
		swap(&sim->flights[i], &sim->flights[up]);
	}
}

struct mono link_deadline(const struct sim *sim)
{
	return sim->flight_count ? sim->flights[0].at : MONO_NEVER;
}

bool link_take(struct sim *sim, struct flight *flight)
{
	size_t i = 0;

	if (!mono_due(link_deadline(sim), sim->now))
		return false;
	*flight = sim->flights[0];
	sim->flights[0] = sim->flights[--sim->flight_count];
	for (;;) {
		size_t first = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++) {
			if (child < sim->flight_count &&
				before(&sim->flights[child], &sim->flights[first]))
				first = child;
		}
		if (first == i)
			return true;
		swap(&sim->flights[first], &sim->flights[i]);
		i = first;
	}
}

/* A datagram that is lost excuses a mapping that is not held: it counts as trouble. */
static void fly(struct sim *sim, struct flight *flight, int64_t delay)
{
	struct router *router = &sim->routers[flight->router];
	unsigned copies = 1;

	if (sim_chance(sim, router->loss)) {
		trace_datagram(sim, TRACE_LOST, flight->router, flight->octets, flight->length);
		router->troubles++;
		return;
	}
	if (sim_chance(sim, router->twice))
		copies = 2;
	while (copies-- > 0) {
		flight->at =
			mono_after(sim->now, MSEC + delay + sim_between(sim, 0, router->jitter));
		flight->number = sim->flown++;
		put(sim, flight);
	}
}

static struct flight flight_of(const struct sim *sim, unsigned router, const uint8_t *octets,
	size_t length)
{
	struct flight flight = {
		.left = sim->now,
		.router = router,
		.boots = sim->routers[router].boots,
		.from = sim->routers[router].endpoint,
		.length = length < ROUTER_ANSWER_MAX ? length : ROUTER_ANSWER_MAX,
	};

	memcpy(flight.octets, octets, flight.length);
	return flight;
}

void link_request(struct sim *sim, unsigned router, const struct ip *local, const uint8_t *octets,
	size_t length)
{
	struct flight flight = flight_of(sim, router, octets, length);

	flight.to_router = true;
	flight.local = *local;
	fly(sim, &flight, 0);
}

void link_answer(struct sim *sim, unsigned router, const struct ip *local, const uint8_t *octets,
	size_t length, int64_t delay)
{
	struct flight flight = flight_of(sim, router, octets, length);

	flight.local = *local;
	fly(sim, &flight, delay);
}

void link_multicast(struct sim *sim, unsigned router, const uint8_t *octets, size_t length,
	int64_t delay)
{
	struct flight flight = flight_of(sim, router, octets, length);

	flight.multicast = true;
	fly(sim, &flight, delay);
}

void link_forge(struct sim *sim, const struct flight *flight)
{
	struct flight forged = *flight;

	if (flight->length < 60 || flight->forged)
		return;
	forged.forged = true;
	put32(forged.octets + 8, 3);
	if (sim_chance(sim, 50))
		forged.octets[24 + sim_between(sim, 0, 11)] ^= 0x55;
	else
		forged.from.address.octets[15] ^= 1;
	forged.at = mono_after(sim->now, sim_between(sim, 0, 50 * MSEC));
	forged.number = sim->flown++;
	put(sim, &forged);
}
