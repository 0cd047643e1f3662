/* SPDX-License-Identifier: MIT
 * The checker: what must be true as time passes, and at the end.
 */
#include "check.h"

static void sweep_back(struct sim *sim, struct wanted *wanted)
{
	if (wanted->troubles != sim_router(sim, wanted->server)->troubles)
		return;
	if (mono_due(wanted->due, sim->now)) {
		wanted->due = MONO_NEVER;
		wanted->settled = check_is_fine(sim, wanted);
		sim->tally.settled += wanted->settled;
		if (!wanted->settled)
			check_fail(sim, wanted->announced ? "announced" : "held-again", wanted,
				"its router grants, it was asked twice, and it is %s",
				wanted->held ? "held otherwise" : "not held");
	} else if (wanted->settled && !check_is_fine(sim, wanted)) {
		check_fail(sim, "settled", wanted, "nothing went wrong, and it is %s",
			wanted->held ? "told as held, but is not" : "not held any more");
	}
}

static void sweep(struct sim *sim, struct wanted *wanted)
{
	bool line_free = sim->now.ns > sim->line[wanted->server].ns;

	/* NAT-PMP: granted anew, and its address is still asked for. */
	if (wanted->held && sim->now.ns > mono_after(wanted->expires, SEC).ns &&
		mono_since(sim->now, wanted->answered) > MINUTE)
		check_fail(sim, "lifetime", wanted, "told as held, and its lifetime is over");
	if (sim->now.ns > wanted->quiet.ns && line_free &&
		sim->now.ns > mono_after(sim->exhausted[wanted->server], 10 * SEC).ns)
		check_fail(sim, "asked", wanted, "not asked for any more");
	if (mono_due(wanted->act, sim->now) && line_free)
		check_fail(sim, "alarm-acted", wanted, "an alarm, and it is not asked for");
	if (mono_due(wanted->poked, sim->now) && line_free)
		check_fail(sim, "poked", wanted, "not renewed");
	sweep_back(sim, wanted);
}

static void check_pair(struct sim *sim)
{
	const struct wanted *tcp = &sim->wants[0], *udp = &sim->wants[1];

	if (sim->pair && check_is_fine(sim, tcp) && check_is_fine(sim, udp) &&
		tcp->port != udp->port)
		check_fail(sim, "pair", udp, "port %u, tcp has port %u", udp->port, tcp->port);
}

static void check_samples(struct sim *sim)
{
	for (unsigned server = 0; server < sim->server_count; server++) {
		if (!mono_due(sim->samples[server].due, sim->now))
			continue;
		sim->samples[server].due = MONO_NEVER;
		if (sim->samples[server].troubles == sim_router(sim, server)->troubles)
			check_fail(sim, "poked", NULL, "no sample");
	}
}

void check_sweep(struct sim *sim)
{
	if (sim->alarms_seen)
		check_fail(sim, "alarm-told", NULL, "an alarm, and no answer that raises it");
	for (unsigned i = 0; i < sim->want_count && !sim->closing; i++)
		sweep(sim, &sim->wants[i]);
	check_pair(sim);
	check_samples(sim);
}

void check_end(struct sim *sim)
{
	for (unsigned i = 0; i < sim->want_count; i++) {
		if (!check_is_fine(sim, &sim->wants[i]))
			check_fail(sim, "held-again", &sim->wants[i],
				"not held at the end of %d calm minutes",
				(int)(mono_since(sim->now, sim->calm) / MINUTE));
	}
}

void check_closed(struct sim *sim, bool leave)
{
	if (!client_idle(sim->client))
		check_fail(sim, "closed", NULL, "not at its end after 10 s");
	for (unsigned i = 0; i < sim->want_count; i++) {
		struct wanted *wanted = &sim->wants[i];
		bool left = router_lease(sim_router(sim, wanted->server),
				    sim_local(sim, wanted->server), wanted->want.protocol,
				    wanted->want.internal_port, sim->now) != NULL;

		if (left != (leave || wanted->want.leave))
			check_fail(sim, "closed", wanted, left ? "left" : "deleted");
	}
}
