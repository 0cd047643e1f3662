/* SPDX-License-Identifier: MIT
 * The faults.
 */
#include "plant.h"

#include <string.h>

#include "check.h"
#include "octets.h"

/* When most of them strike: all is granted by then. */
#define WHEN (2 * DAY)

const struct plant plant_table[] = {
	{ FAULT_DEAF, "deaf", "drift", "settled" },
	{ FAULT_UNASKED, "unasked", "drift", "asked" },
	{ FAULT_ALARM_DROPPED, "alarm-dropped", "reboot", "alarm-told" },
	{ FAULT_ALARM_INVENTED, "alarm-invented", "drift", "alarm-told" },
	{ FAULT_ALARM_IGNORED, "alarm-ignored", "reboot", "alarm-acted" },
	{ FAULT_CLOCK, "clock", "drift", "alarm-false" },
	{ FAULT_TWICE, "twice", "drift", "renewal-gap" },
	{ FAULT_EARLY, "early", "drift", "renewal-time" },
	{ FAULT_NONCE, "nonce", "drift", "nonce" },
	{ FAULT_SUGGESTED, "suggested", "drift", "suggested" },
	{ FAULT_REQUEST, "request", "drift", "request" },
	{ FAULT_IMPATIENT, "impatient", "errors", "error-lifetime" },
	{ FAULT_CROWD, "crowd", "many", "window" },
	{ FAULT_SERIAL, "serial", "nat-pmp", "serial" },
	{ FAULT_ORDER, "order", "drift", "event-order" },
	{ FAULT_STATE, "state", "drift", "event-state" },
	{ FAULT_LOST_DROPPED, "lost-dropped", "reboot", "lifetime" },
	{ FAULT_WRONG_PORT, "wrong-port", "forget", "port" },
	{ FAULT_FORGETFUL, "forgetful", "drift", "settled" },
	{ FAULT_STUBBORN, "stubborn", "forget", "held-again" },
	{ FAULT_NEWS_IGNORED, "news-ignored", "announce", "announced" },
	{ FAULT_PAIR, "pair", "vpn", "pair" },
	{ FAULT_UNDELETED, "undeleted", "drift", "closed" },
	{ FAULT_SPIN, "spin", "drift", "spin" },
	{ FAULT_POKE_IGNORED, "poke-ignored", "strangers", "poked" },
};

const unsigned plant_count = sizeof(plant_table) / sizeof(*plant_table);

const struct plant *plant_find(const char *name)
{
	for (unsigned i = 0; i < plant_count; i++) {
		if (strcmp(plant_table[i].name, name) == 0)
			return &plant_table[i];
	}
	return NULL;
}

void plant_setup(struct sim *sim, struct client_config *config)
{
	if (sim->fault == FAULT_CROWD || sim->fault == FAULT_SERIAL)
		config->unlimited = true;
	if (sim->fault == FAULT_CLOCK)
		sim->routers[0].drift = 100000; /* 10 %, the RFC bears 1/16 */
}

bool plant_hides(const struct sim *sim, unsigned want)
{
	return sim->fault == FAULT_UNASKED && want == 0;
}

static bool is_time(const struct sim *sim)
{
	return mono_since(sim->now, SIM_START) > WHEN;
}

/* Once, when it is time. */
static bool strikes(struct sim *sim, enum fault fault)
{
	return sim->fault == fault && is_time(sim) && sim->planted++ == 0;
}

static bool is_mapping(const struct event *event, enum mapping_outcome outcome)
{
	return event->kind == EVENT_MAPPING && event->mapping.outcome == outcome;
}

bool plant_event(struct sim *sim, struct event *event)
{
	bool alarm = event->kind == EVENT_EPOCH && event->epoch.regressed;

	if ((alarm && sim->fault == FAULT_ALARM_IGNORED) ||
		(event->kind == EVENT_ANNOUNCE && sim->fault == FAULT_NEWS_IGNORED))
		sim->planted_at = sim->now;
	if (strikes(sim, FAULT_ORDER))
		event->at.ns -= SEC;
	if (is_mapping(event, OUTCOME_RENEWED) && strikes(sim, FAULT_STATE))
		event->mapping.outcome = OUTCOME_RECOVERED;
	if (is_mapping(event, OUTCOME_RENEWED) && strikes(sim, FAULT_WRONG_PORT)) {
		event->mapping.outcome = OUTCOME_CHANGED;
		event->mapping.external_port ^= 1;
	}
	if (is_mapping(event, OUTCOME_LOST) && sim->fault == FAULT_LOST_DROPPED)
		return false;
	return !alarm || sim->fault != FAULT_ALARM_DROPPED;
}

static bool is_poked(const struct sim *sim)
{
	for (unsigned i = 0; i < sim->want_count; i++) {
		if (!mono_is_never(sim->wants[i].poked))
			return true;
	}
	return false;
}

bool plant_request(struct sim *sim, uint8_t *octets, size_t length, bool *again)
{
	if (sim->fault == FAULT_POKE_IGNORED && is_poked(sim))
		return false;
	if (sim->planted_at.ns && mono_since(sim->now, sim->planted_at) < MINUTE)
		return false;
	if (length != 60)
		return true;
	*again = strikes(sim, FAULT_TWICE);
	if (strikes(sim, FAULT_NONCE))
		octets[30] ^= 1;
	if (strikes(sim, FAULT_SUGGESTED))
		octets[42] ^= 0x80;
	if (strikes(sim, FAULT_REQUEST))
		octets[20] ^= 1;
	return true;
}

/* The client is told of less patience than the checker has seen asked for. */
bool plant_answer(struct sim *sim, uint8_t *octets, size_t length)
{
	if (length == 60 && sim->fault == FAULT_IMPATIENT && octets[3] && get32(octets + 4) > 60)
		put32(octets + 4, 30);
	return sim->fault != FAULT_DEAF || !is_time(sim);
}

bool plant_arrives(const struct sim *sim)
{
	return sim->fault != FAULT_STUBBORN && (sim->fault != FAULT_UNDELETED || !sim->closing);
}

bool plant_spins(const struct sim *sim)
{
	return sim->fault == FAULT_SPIN && is_time(sim);
}

/* Both protocols are held, and one of them gets another port, as all but the other can see. */
static void part(struct sim *sim)
{
	struct wanted *udp = &sim->wants[1];
	struct lease *lease = router_lease(&sim->routers[0], sim_local(sim, 0), 17, 1, sim->now);

	if (!sim->wants[0].held || !udp->held || !lease)
		return;
	sim->planted++;
	udp->port ^= 1;
	lease->external = udp->port;
}

void plant_step(struct sim *sim)
{
	struct wanted *wanted = &sim->wants[0];

	if (strikes(sim, FAULT_ALARM_INVENTED))
		sim->alarms_seen++;
	/* A renewal that ran a little ahead: the checker is told of a later grant. */
	if (wanted->held && strikes(sim, FAULT_EARLY)) {
		wanted->granted = mono_after(wanted->granted, 4 * HOUR);
		wanted->expires = mono_after(wanted->expires, 8 * HOUR);
	}
	if (sim->fault == FAULT_PAIR && sim->planted == 0)
		part(sim);
	if (strikes(sim, FAULT_FORGETFUL))
		router_flush(&sim->routers[0]);
}
