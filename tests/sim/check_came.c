/* SPDX-License-Identifier: MIT
 * The checker: what comes to the client, and what it must make of it.
 */
#include <string.h>

#include "check.h"
#include "octets.h"
#include "trace.h"

/* A sample that was longer on its way may look like a clock that went back. */
#define PROMPT (900 * MSEC)

static bool is_ours(const struct sim *sim, const struct flight *flight, unsigned *server)
{
	if (flight->multicast || flight->forged)
		return false;
	for (*server = 0; *server < sim->server_count; ++*server) {
		const struct place *place = &sim->places[sim->here[*server]];

		if (place->router == flight->router && ip_equal(&place->local, &flight->local))
			return !sim->away;
	}
	return false;
}

static void offer(struct sim *sim, struct wanted *wanted, uint16_t port, struct came *came)
{
	came->before = wanted->answered;
	wanted->offered[wanted->offers++ % 4] = port;
	wanted->answered = sim->now;
}

static void read_version2(struct sim *sim, const uint8_t *octets, size_t length, struct came *came)
{
	struct wanted *wanted;

	came->version = 1;
	came->result = octets[3];
	came->has_epoch = came->opcode == 0;
	came->epoch = get32(octets + 8);
	came->error_lifetime = get32(octets + 4);
	if (came->opcode != 1 || length < 60)
		return;
	wanted = check_find(sim, came->server, octets[36], get16(octets + 40));
	if (!wanted ||
		memcmp(wanted->nonces[sim->here[came->server]].nonce.octets, octets + 24, 12) != 0)
		return;
	came->has_epoch = true;
	came->wanted = wanted;
	if (came->result == 0)
		offer(sim, wanted, get16(octets + 42), came);
}

static void read_version0(struct sim *sim, const uint8_t *octets, size_t length, struct came *came)
{
	struct wanted *wanted;

	if (length < 12 || came->opcode > 2)
		return;
	came->result = get16(octets + 2);
	came->epoch = get32(octets + 4);
	came->has_epoch = true;
	if (came->opcode == 0) {
		came->address = ip_from_v4(octets + 8);
		return;
	}
	wanted = check_find(sim, came->server, came->opcode == 1 ? 17 : 6, get16(octets + 8));
	came->wanted = wanted;
	if (wanted && came->result == 0)
		offer(sim, wanted, get16(octets + 10), came);
}

/* Version 2 is refused by a NAT-PMP server. Its clock is in there too, and it may be
 * taken or not (RFC 6886, 3.6, has every packet of it). */
static void read_denial(const uint8_t *octets, size_t length, struct came *came)
{
	came->vague = length >= 8;
	came->epoch = length >= 8 ? get32(octets + 4) : 0;
}

void check_coming(struct sim *sim, const struct flight *flight, struct came *came)
{
	const uint8_t *octets = flight->octets;

	*came = (struct came){ .ours = is_ours(sim, flight, &came->server) };
	sim->tally.came++;
	trace_datagram(sim, TRACE_CAME, flight->router, octets, flight->length);
	if (!came->ours)
		return;
	is_ours(sim, flight, &came->server);
	came->opcode = octets[1] & 0x7f;
	if (octets[0] == 2 && flight->length >= 24)
		read_version2(sim, octets, flight->length, came);
	else if (octets[0] == 0 && get16(octets + 2) == 1)
		read_denial(octets, flight->length, came);
	else if (octets[0] == 0)
		read_version0(sim, octets, flight->length, came);
	if (came->wanted)
		came->wanted->waits[came->version] = false;
	/* A refusal of version 2 that was repeated on its way may be taken for one of version 0. */
	for (unsigned i = 0; i < sim->want_count && octets[0] == 0 && get16(octets + 2) == 1; i++)
		sim->wants[i].waits[0] = sim->wants[i].waits[1] = false;
}

/* --- the Epoch --- */

/* RFC 6887, 8.5: true when the server lost its state. */
static bool rule_pcp(const struct rule *rule, uint32_t epoch, int64_t elapsed)
{
	int64_t passed = (int64_t)epoch - rule->server;

	if (passed < -1)
		return true;
	if (passed < 0)
		passed = 0;
	return elapsed + 2 < passed - passed / 16 || passed + 2 < elapsed - elapsed / 16;
}

/* RFC 6886, 3.6. */
static bool rule_natpmp(const struct rule *rule, uint32_t epoch, int64_t elapsed)
{
	return 8 * ((int64_t)epoch + 2) < 8 * (int64_t)rule->server + 7 * elapsed;
}

static void check_epoch(struct sim *sim, const struct flight *flight, const struct came *came)
{
	struct rule *rule = &sim->rules[came->server][came->version];
	int64_t elapsed = sim->now.ns / SEC - rule->at.ns / SEC;
	unsigned seen = sim->alarms_seen;
	bool alarm = rule->known &&
		(came->version ? rule_pcp(rule, came->epoch, elapsed) :
				 rule_natpmp(rule, came->epoch, elapsed));

	sim->alarms_seen = 0;
	if (seen != alarm && !rule->vague)
		check_fail(sim, "alarm-told", NULL,
			"%u alarms told, the rule has %d: from %u to %u in %d s", seen, alarm,
			rule->server, came->epoch, (int)elapsed);
	if (alarm && rule->boots == flight->boots && mono_since(sim->now, flight->left) < PROMPT &&
		mono_since(rule->at, rule->left) < PROMPT)
		check_fail(sim, "alarm-false", NULL,
			"an alarm without a restart: from %u to %u in %d s", rule->server,
			came->epoch, (int)elapsed);
	*rule = (struct rule){ true, came->vague, came->epoch, sim->now, flight->left,
		flight->boots };
}

/* --- refusals --- */

static bool is_long(unsigned result)
{
	return result != 7 && result != 8 && result != 10; /* RFC 6887, 7.4 */
}

/* The least and the most time until it is asked for again. */
static void note_refusal(struct sim *sim, struct wanted *wanted, const struct came *came)
{
	int64_t seconds = came->version ? came->error_lifetime : 0;
	bool openly = came->version && seconds == 0;
	bool pinhole = sim_router(sim, came->server)->firewall && wanted->held;

	if (openly && is_long(came->result) && !wanted->held)
		seconds = 1800;
	/* Servers on pf cannot renew a pinhole: asked at the renewals' instants. */
	if (seconds < 30 || (pinhole && came->result == 8))
		seconds = 30;
	if (seconds > 86400)
		seconds = 86400;
	wanted->erred = true;
	wanted->hold = mono_after(sim->now, seconds * SEC);
	wanted->quiet = mono_after(sim->now, seconds * SEC + 10 * SEC);
	if (wanted->held && wanted->expires.ns > wanted->quiet.ns)
		wanted->quiet = mono_after(wanted->expires, 10 * SEC);
	/* NAT-PMP has no time to wait: what is held has its renewals. */
	if (!came->version && wanted->held)
		wanted->hold = mono_after(sim->now, 4 * SEC);
	/* Some NAT-PMP servers want a port to be suggested: two are tried at once. */
	if (!came->version && came->result == 4 && !wanted->ever &&
		wanted->want.external_port == 0 && wanted->suggested++ < 2)
		wanted->hold = sim->now;
	if (came->version && came->result == 8 && !wanted->held)
		sim->exhausted[came->server] = wanted->hold;
}

/* Another address than before is as good as an alarm. */
static void note_address(struct sim *sim, const struct came *came)
{
	struct ip *last = &sim->external[came->server];

	if (came->result)
		return;
	for (unsigned i = 0; i < sim->want_count; i++) {
		if (sim->wants[i].server == came->server && !ip_is_any(last) &&
			!ip_equal(last, &came->address))
			sim->wants[i].provoked = true;
	}
	*last = came->address;
}

/* An answer lets the next go. */
static void relieve(struct sim *sim, const struct came *came)
{
	struct mono *line = &sim->line[came->server];
	struct mono busy = mono_after(sim->now, came->version ? SEC : 5 * SEC);

	for (unsigned i = 0; i < sim->want_count; i++) {
		const struct wanted *wanted = &sim->wants[i];

		for (unsigned version = 0; version < 2; version++) {
			int64_t until = wanted->sent[version].ns + CHECK_BUSY;

			if (wanted->server == came->server && wanted->waits[version] &&
				until > busy.ns)
				busy.ns = until;
		}
	}
	*line = mono_min(*line, busy);
}

void check_came(struct sim *sim, const struct flight *flight, const struct came *came,
	enum drop_reason reason)
{
	bool taken = reason == DROP_NONE || reason == DROP_DUPLICATE;

	/* Of two versions' answers about mappings NAT-PMP's has nothing to be known by
	 * but that it was waited for. */
	if (came->ours && came->vague) {
		if (sim->alarms_seen)
			check_epoch(sim, flight, came);
		sim->rules[came->server][0].vague = true;
	} else if (came->ours && came->has_epoch && (came->version || came->opcode == 0 || taken))
		check_epoch(sim, flight, came);
	else if (sim->alarms_seen)
		check_fail(sim, "alarm-told", NULL, "an alarm by what is no answer");
	if (came->ours && came->has_epoch && !came->version && came->opcode == 0 &&
		reason != DROP_UNEXPECTED)
		note_address(sim, came);
	if (!came->ours || !came->wanted)
		return;
	relieve(sim, came);
	if (reason != DROP_NONE && came->result == 0)
		came->wanted->answered = came->before;
	if (reason == DROP_NONE && came->result)
		note_refusal(sim, came->wanted, came);
}
