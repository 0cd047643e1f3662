/* SPDX-License-Identifier: MIT
 * What is kept: it is asked for until it is there, whatever is refused, lost or silent,
 * and asked for anew when the server has lost its state.
 */
#include "proto/session_state.h"

/* --- asking on and on --- */

/* Once more from the start: who waits for it waits for a short time only. */
static void question(struct exchange *exchange)
{
	if (exchange->under_way)
		return; /* asked already, and not answered */
	exchange->retry = (struct retry){ 0 };
	exchange->heard = (struct event_probe){ 0 };
	exchange->ready = true;
}

/* Asks in version 2 first, whatever was found before: it may be another server by now.
 * The probes beside it find out. */
static void version_first(struct session *session, struct mapping *mapping)
{
	bool natpmp = session->config.policy == VERSION_NAT_PMP_ONLY || mapping->want.zero_port ||
		mapping->want.nat_pmp || mapping->purpose == PURPOSE_ANEW;

	if (natpmp) {
		session_queue(session, mapping,
			mapping->via == VIA_NAT_PMP ? QUEUE_NAT_PMP : QUEUE_PCP);
		return;
	}
	version_again(&session->version);
	mapping->via = VIA_PCP;
	session_queue(session, mapping, QUEUE_PCP);
	if (session->config.policy != VERSION_PCP_FIRST)
		return;
	question(&session->announce);
	if (ip_is_v4(&session->config.id.local))
		question(&session->address);
}

void session_ask_on(struct session *session, struct mapping *mapping, struct mono now)
{
	if (session->heard_at.ns < mapping->retry.first.ns)
		session->silent = true;
	session_tell_gap(session, mapping, now);
	session_report(session, mapping, OUTCOME_UNANSWERED, now);
	session_release(session, mapping, false);
	session_queue(session, mapping, -1);
	session_set(session, mapping, MAPPING_QUEUED, MONO_NEVER);
	version_first(session, mapping);
}

void session_rewind(struct session *session, struct mapping *mapping)
{
	struct schedule schedule = session_schedule(session, mapping);

	if (schedule.quick && mapping->retry.sends > schedule.quick)
		mapping->retry.wait /= 2; /* both sends are one attempt */
	else
		mapping->retry = (struct retry){ 0 };
}

/* It has given up its place, and waits for its next send. */
static bool is_resting(const struct session *session, const struct mapping *mapping)
{
	return !mapping->outstanding && session->natpmp_asking != mapping;
}

/* Its request is out and may well be answered, and in NAT-PMP it has the line: only what
 * follows it comes soon. */
static void hasten(struct session *session, struct mapping *mapping, struct mono now)
{
	if (mono_is_never(mapping->due))
		return; /* it goes out again now */
	mapping->retry.sends = 0;
	mapping->again = mono_after(now, SESSION_HASTE);
	session_set(session, mapping, MAPPING_ASKING, mapping->again);
}

static void wake(struct session *session, struct mapping *mapping, struct mono now)
{
	if (!session_keeps(session, mapping) || mapping->state != MAPPING_ASKING ||
		mapping->purpose == PURPOSE_RENEW || mapping->purpose == PURPOSE_ANEW)
		return;
	if (is_resting(session, mapping))
		session_ask(session, mapping, mapping->purpose, now);
	else if (session_is_long(session, mapping))
		hasten(session, mapping, now);
}

void session_wake(struct session *session, struct mono now)
{
	struct entry *entry, *next;

	session->silent = false;
	session->version.round = 0; /* what is asked again has its probes beside it again */
	HASH_ITER(hh, session->by_key, entry, next) {
		wake(session, &entry->mapping, now);
	}
}

void session_again(struct session *session, struct mono now)
{
	session->ended = false;
	session_wake(session, now);
}

void session_renew(struct session *session, struct mapping *mapping, struct mono now)
{
	if (session_keeps(session, mapping) &&
		(mapping->state == MAPPING_HELD || mapping->state == MAPPING_REFUSED))
		session_set(session, mapping, mapping->state, now);
}

void session_rest(struct session *session, struct mapping *mapping)
{
	mapping->told = (struct told){ 0 };
	if (session_keeps(session, mapping) && mapping->state == MAPPING_REFUSED)
		session_set(session, mapping, MAPPING_REFUSED, MONO_NEVER);
}

void session_lifetime(struct session *session, struct mapping *mapping, uint32_t lifetime,
	struct mono now)
{
	mapping->want.lifetime = lifetime;
	session_renew(session, mapping, now);
}

/* --- refusals --- */

struct mono session_refused_until(struct session *session, struct mapping *mapping, struct mono now)
{
	struct mono until = mono_after(now, mapping_refused_for(mapping)), next;
	bool exhausted = mapping->refusal == REFUSAL_RESULT && mapping->via == VIA_PCP &&
		mapping->answer.result == PCP_NO_RESOURCES;

	if (!mapping->grant.held) {
		/* RFC 6887, 11.4: no other new mapping is asked for either. */
		if (exhausted && until.ns > session->no_resources.ns)
			session->no_resources = until;
		return until;
	}
	if (!mapping_refused_openly(mapping) &&
		!(exhausted && mapping_is_pinhole(mapping, &session->config.id.local)))
		return until;
	/* It stands until its end, and the renewals have their instants (11.2.1). */
	next = mapping_renewal(&mapping->grant, ++mapping->renewals + 1, now, &session->prng);
	until = mono_after(now, REFUSED_LEAST);
	if (mapping->via == VIA_NAT_PMP && !mono_is_never(next))
		return next; /* which has no time to wait: leases may be shorter than ours */
	return mono_is_never(next) || next.ns < until.ns ? until : next;
}

bool session_without_address(struct session *session, struct mapping *mapping, struct mono now)
{
	const struct want *want = &mapping->want;
	bool again = mapping->grant.held || mapping->lost;

	if (!session_keeps(session, mapping) || !want->options.prefer_failure || !again ||
		mapping->answer.result != PCP_CANNOT_PROVIDE_EXTERNAL || mapping->without_address ||
		ip_is_any(&mapping->grant.external_address) || !ip_is_any(&want->external_address))
		return false;
	mapping->without_address = true;
	session_ask(session, mapping, mapping->purpose, now);
	return true;
}

bool session_hold_back(struct session *session, struct mapping *mapping, struct mono now)
{
	if (!session_keeps(session, mapping) || mapping->grant.held ||
		session->no_resources.ns <= now.ns)
		return false;
	session_release(session, mapping, false);
	session_queue(session, mapping, -1);
	session_set(session, mapping, MAPPING_REFUSED, session->no_resources);
	return true;
}

/* The port that was suggested last, 0: none. */
static uint16_t suggested_port(const struct mapping *mapping)
{
	bool again = mapping->grant.held || mapping->lost;

	if (mapping->bare)
		return 0;
	return again ? mapping->grant.external_port : mapping->want.external_port;
}

/* PEER takes a suggestion as PREFER_FAILURE does (RFC 6887, 12.1). The answer to the
 * question is told as CHANGED, from what was to be brought back. */
bool session_flow_moved(struct session *session, struct mapping *mapping, struct mono now)
{
	struct grant *grant = &mapping->grant;

	if (!(session_keeps(session, mapping) || mapping->want.hint) ||
		mapping->want.opcode != PCP_PEER || session->cancelled ||
		mapping->answer.result != PCP_CANNOT_PROVIDE_EXTERNAL ||
		suggested_port(mapping) == 0)
		return false;
	if (!grant->held && !mapping->lost) {
		grant->external_port = mapping->want.external_port;
		grant->external_address = mapping->want.external_address;
	}
	grant->held = false;
	mapping->lost = mapping->bare = true;
	session_ask(session, mapping, PURPOSE_RECOVER, now);
	return true;
}

/* Servers on pf cannot renew a pinhole and answer NO_RESOURCES (users.md Q17). IPv4 never:
 * there the port would be free for somebody else. */
bool session_make_anew(struct session *session, struct mapping *mapping, struct mono now)
{
	if (!session_keeps(session, mapping) || mapping->renewals + 1 < SESSION_ANEW ||
		!mapping->answer.heard || mapping->answer.result != PCP_NO_RESOURCES ||
		!mapping_is_pinhole(mapping, &session->config.id.local))
		return false;
	session_ask(session, mapping, PURPOSE_ANEW, now);
	mapping->lost = true;
	return true;
}

void session_made_room(struct session *session, struct mapping *mapping, struct mono now)
{
	mapping->anew = true;
	session_ask(session, mapping, PURPOSE_RECOVER, now);
}

void session_tell_gap(struct session *session, struct mapping *mapping, struct mono now)
{
	if (mapping->anew && mapping->grant.held)
		session_report(session, mapping, OUTCOME_LOST, now);
	if (mapping->anew)
		mapping->grant.held = false;
	mapping->anew = false;
}

/* --- NAT-PMP --- */

void session_ask_aside(struct session *session, struct mono now)
{
	if (session->asked_aside.ns != INT64_MIN &&
		mono_since(now, session->asked_aside) < SESSION_ASIDE_AGAIN)
		return;
	session->asked_aside = now;
	session->external_known = false;
	if (session->config.policy != VERSION_PCP_FIRST)
		return;
	version_retry(&session->version);
	question(&session->announce);
}

/* --- announcements --- */

static enum via spoken(const struct session *session)
{
	return version_is_natpmp(&session->version) ? VIA_NAT_PMP : VIA_PCP;
}

static struct epoch *clock_of(struct session *session, enum via via)
{
	return via == VIA_NAT_PMP ? &session->epoch_natpmp : &session->epoch_pcp;
}

static void tell_rumour(struct session *session, const struct announcement *announcement,
	struct mono now)
{
	const struct epoch *last = clock_of(session, announcement->via);
	struct event *event = session_push(session, EVENT_ANNOUNCE, now);
	struct event_announce *told;

	if (!event)
		return;
	told = &event->announce;
	told->source = session->config.id.server;
	memcpy(told->interface, session->config.id.interface, sizeof(told->interface));
	told->via = announcement->via;
	told->epoch = announcement->epoch;
	told->has_external = announcement->has_external;
	told->external_address = announcement->external;
	told->trusted = true;
	told->count = 1;
	told->has_expected = last->known;
	told->previous = last->server;
	told->expected = last->server + mono_since(now, last->at) / SEC;
	told->restarted =
		last->known && announce_is_news(last, announcement->via, announcement->epoch, now);
}

/* Is there something to be looked into? A server that announces in one protocol and is
 * asked in the other has two clocks: either may show the restart. */
static bool is_news(struct session *session, const struct announcement *announcement,
	struct mono now)
{
	const struct epoch *clock = clock_of(session, announcement->via);
	struct epoch *told = &session->announced[announcement->via == VIA_NAT_PMP];
	bool news = announce_is_news(clock->known ? clock : told, announcement->via,
		announcement->epoch, now);
	bool moved = announcement->has_external && session->external_known &&
		!ip_is_any(&session->external) &&
		!ip_equal(&announcement->external, &session->external);

	/* Of a clock that no answer has shown, the repeats are no news (RFC 6887, 14.1.3). */
	*told = (struct epoch){ true, announcement->epoch, now };
	return news || moved;
}

void session_announced(struct session *session, const struct announcement *announcement,
	struct mono now)
{
	enum via via = spoken(session);

	if (session->cancelled || session->given_up || !is_news(session, announcement, now) ||
		!announce_heard(&session->rumour, via, clock_of(session, via), now, &session->prng))
		return;
	session_again(session, now);
	tell_rumour(session, announcement, now);
}

void session_missed(struct session *session, struct mono now)
{
	enum via via = spoken(session);

	if (!session->cancelled && !session->given_up)
		announce_heard(&session->rumour, via, clock_of(session, via), now, &session->prng);
}

void session_rumour_due(struct session *session, struct mono now)
{
	if (announce_asks(&session->rumour, now)) {
		question(session->rumour.via == VIA_NAT_PMP ? &session->address :
							      &session->announce);
	} else if (announce_unanswered(&session->rumour, now)) {
		session->reset_at = session->rumour.heard;
		session->recover_at = now;
		session->external_known = false;
	}
}

/* The patience begins when the question leaves: in NAT-PMP it may have to wait. */
void session_rumour_asked(struct session *session, enum via via, struct mono now)
{
	if (session->rumour.state == ANNOUNCE_ASKED && session->rumour.via == via)
		session->rumour.due = mono_after(now, ANNOUNCE_PATIENCE);
}

bool session_rumour_answered(struct session *session, enum via via, uint32_t epoch, struct mono now)
{
	return session->rumour.state != ANNOUNCE_NONE && session->rumour.via == via &&
		announce_answered(&session->rumour, epoch, now);
}

/* --- recovery --- */

static void ask_anew(struct session *session, struct mapping *mapping, struct mono now)
{
	enum mapping_purpose purpose = mapping->lost ? PURPOSE_RECOVER : PURPOSE_CREATE;

	if (mapping->state == MAPPING_ASKING && !is_resting(session, mapping)) {
		mapping->purpose = purpose;
		hasten(session, mapping, now);
	} else {
		session_ask(session, mapping, purpose, now);
	}
}

void session_recover(struct session *session, struct mono now)
{
	struct entry *entry, *next;

	session->recover_at = MONO_NEVER;
	session->no_resources = (struct mono){ INT64_MIN };
	HASH_ITER(hh, session->by_key, entry, next) {
		struct mapping *mapping = &entry->mapping;
		bool waits = mapping->state == MAPPING_HELD || mapping->state == MAPPING_REFUSED ||
			mapping->purpose == PURPOSE_RENEW;

		if (!session_keeps(session, mapping) || mapping->state == MAPPING_ADDRESS)
			continue;
		if (mapping->grant.held && mapping->grant.at.ns >= session->reset_at.ns)
			continue; /* granted since */
		if (mapping->grant.held)
			mapping->lost = true;
		mapping->bare = false; /* who had its old port may be gone */
		if (waits)
			ask_anew(session, mapping, now);
	}
	session_wake(session, now);
}

/* --- samples --- */

void session_sample(struct session *session)
{
	session->sampling = true;
	question(spoken(session) == VIA_NAT_PMP ? &session->address : &session->announce);
}

void session_sampled(struct session *session, enum via via, const struct epoch_check *check,
	int64_t rtt, struct mono now)
{
	struct event *event;

	if (!session->sampling)
		return;
	session->sampling = false;
	if (!check->valid)
		return; /* told already */
	event = session_push(session, EVENT_EPOCH, now);
	if (!event)
		return;
	event->epoch.via = via;
	event->epoch.previous = check->previous;
	event->epoch.current = check->current;
	event->epoch.expected = check->expected;
	event->epoch.elapsed = check->elapsed;
	event->epoch.has_rtt = true;
	event->epoch.rtt = rtt;
}
