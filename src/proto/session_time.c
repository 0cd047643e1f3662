/* SPDX-License-Identifier: MIT
 * A session in time: retransmission, renewal, expiry, recovery, giving up.
 */
#include "proto/session_state.h"

/* One call of session_tick() leaves the rest for the next when so many wait. */
#define EVENTS_ENOUGH 256

static void probes_beside(struct session *session, unsigned round)
{
	if (!version_probe(&session->version, round))
		return;
	session->announce.ready = true;
	session->address.ready = ip_is_v4(&session->config.id.local);
}

/* An exchange of a mapping ran out of its schedule. */
static void silence(struct session *session, struct mapping *mapping, struct mono now)
{
	if (mapping->purpose == PURPOSE_ROLLBACK)
		session_rolled_back(session, mapping, UNWANTED_LEFT, now);
	else if (mapping->purpose == PURPOSE_ANEW)
		session_made_room(session, mapping, now);
	else if (session->has_error && !session->heard)
		session_unreachable(session, mapping, now);
	else
		session_unanswered(session, mapping, now);
}

static bool is_short(const struct mapping *mapping)
{
	return mapping->purpose == PURPOSE_ROLLBACK || mapping->purpose == PURPOSE_ANEW;
}

/* A rollback is short, also when the user has patience with the request itself. */
struct schedule session_schedule(const struct session *session, const struct mapping *mapping)
{
	const struct schedule *base =
		mapping->via == VIA_PCP ? session->config.pcp : session->config.natpmp;
	uint32_t lifetime = mapping->grant.lifetime;

	if (is_short(mapping))
		return schedule_quick;
	if (!session_keeps(session, mapping))
		return *base;
	return schedule_kept(base, lifetime ? lifetime : mapping->want.lifetime);
}

static bool gave_up(const struct session *session, const struct mapping *mapping)
{
	struct schedule schedule = session_schedule(session, mapping);

	if (is_short(mapping))
		return mapping->retry.sends >= SESSION_SHORT_TRIES;
	return retry_exhausted(&mapping->retry, &schedule);
}

bool session_is_long(const struct session *session, const struct mapping *mapping)
{
	struct schedule schedule = session_schedule(session, mapping);

	return session_keeps(session, mapping) && !is_short(mapping) &&
		mapping->retry.sends >= schedule.quick;
}

/* Others may be asked while this one waits for its next send. */
static void give_up_place(struct session *session, struct mapping *mapping)
{
	session_release(session, mapping, false);
	session_set(session, mapping, MAPPING_ASKING, mapping->again);
}

static void asking_due(struct session *session, struct mapping *mapping, struct mono now)
{
	if (mapping->purpose == PURPOSE_RENEW) { /* single packets, 11.2.1: wait for the next */
		session_release(session, mapping, false);
		session_set(session, mapping, MAPPING_HELD,
			mapping_renewal(&mapping->grant, ++mapping->renewals + 1,
				mapping->retry.last, &session->prng));
		return;
	}
	if (mapping->again.ns > now.ns) {
		give_up_place(session, mapping);
		return;
	}
	if (gave_up(session, mapping)) {
		silence(session, mapping, now);
		return;
	}
	if (session_is_long(session, mapping)) {
		session_ask_on(session, mapping, now);
		return;
	}
	if (mapping->via == VIA_PCP) {
		window_lost(&session->window, mapping->retry.last, now);
		probes_beside(session, mapping->retry.sends);
		session_queue(session, mapping, mapping->outstanding ? QUEUE_RESEND : QUEUE_PCP);
	} else if (session->natpmp_asking != mapping) {
		session_queue(session, mapping, QUEUE_NAT_PMP);
	}
	/* A NAT-PMP request stays the one that is asked: output sends it again. */
	session_set(session, mapping, MAPPING_ASKING, MONO_NEVER);
}

/* Its lifetime is over. Asked for anew at once, but for a server that grants seconds:
 * no mapping is asked for more often than RFC 6887, 11.2.1, lets it be renewed. */
static void expired(struct session *session, struct mapping *mapping, struct mono now)
{
	struct mono again = mono_after(mapping->retry.last, MAPPING_RENEWAL_GAP);

	session_report(session, mapping, OUTCOME_LOST, now);
	mapping->grant.held = false;
	mapping->lost = true;
	if (mapping->purpose == PURPOSE_RENEW)
		mapping->purpose = PURPOSE_RECOVER;
	if (mapping->state == MAPPING_HELD && again.ns <= now.ns)
		session_ask(session, mapping, PURPOSE_RECOVER, now);
	else if (mapping->state == MAPPING_HELD)
		session_set(session, mapping, MAPPING_REFUSED, again);
	else
		session_set(session, mapping, mapping->state, mapping->due);
}

static enum mapping_purpose next_purpose(const struct mapping *mapping)
{
	if (mapping->lost) /* told so, or known by an Epoch reset */
		return PURPOSE_RECOVER;
	return mapping->grant.held ? PURPOSE_RENEW : PURPOSE_CREATE;
}

static void mapping_due(struct session *session, struct mapping *mapping, struct mono now)
{
	if (session_expires(mapping) && mapping->grant.expires.ns <= now.ns) {
		expired(session, mapping, now);
		return;
	}
	switch (mapping->state) {
	case MAPPING_ASKING:
		asking_due(session, mapping, now);
		break;
	case MAPPING_ASIDE:
		session_rollback(session, mapping, REFUSAL_OTHER_EXTERNAL, now);
		break;
	case MAPPING_HELD:
	case MAPPING_REFUSED:
		if (!session_make_anew(session, mapping, now))
			session_ask(session, mapping, next_purpose(mapping), now);
		break;
	case MAPPING_QUEUED:
	case MAPPING_ADDRESS:
	case MAPPING_ENDED:
		session_set(session, mapping, mapping->state, MONO_NEVER);
		break;
	}
}

static void exchange_due(struct exchange *exchange, struct mono now)
{
	if (!mono_due(exchange->deadline, now))
		return;
	exchange->deadline = MONO_NEVER;
	exchange->out = false;
	exchange->ready = exchange->under_way;
}

static void address_due(struct session *session, struct mono now)
{
	bool over = mono_due(session->address.deadline, now) && !session->probing &&
		session->address.retry.sends >= SESSION_SHORT_TRIES;

	exchange_due(&session->address, now);
	if (!over || !session->address.under_way)
		return;
	session->address.ready = session->address.under_way = false;
	session->external = ip_any4;
	session->external_refused = false;
	session_address_settled(session, now);
}

static void epoch_event(struct session *session, enum via via, const struct epoch_check *check,
	struct mono now)
{
	struct event *event = session_push(session, EVENT_EPOCH, now);

	if (!event)
		return;
	event->epoch.via = via;
	event->epoch.regressed = true;
	event->epoch.previous = check->previous;
	event->epoch.current = check->current;
	event->epoch.expected = check->expected;
	event->epoch.elapsed = check->elapsed;
	event->epoch.kind = session->moved ? EPOCH_EXTERNAL : EPOCH_RESTART;
}

/* RFC 6887, 8.5: mappings are re-made promptly; RFC 6886, 3.7: after 0 to 5 s, which are
 * over where an announcement has been looked into. */
struct epoch_check session_check_epoch(struct session *session, enum via via, uint32_t epoch,
	struct mono now)
{
	struct epoch_check check = via == VIA_PCP ?
		epoch_pcp(&session->epoch_pcp, epoch, now) :
		epoch_natpmp(&session->epoch_natpmp, epoch, now);
	bool announced = session_rumour_answered(session, via, epoch, now);

	session->heard_at = now;
	if (check.valid)
		return check;
	epoch_event(session, via, &check, now);
	session->external_known = false;
	session->reset_at = now;
	if (via == VIA_PCP || announced)
		session->recover_at = now;
	else if (mono_is_never(session->recover_at))
		session->recover_at =
			mono_after(now, prng_between(&session->prng, 0, SESSION_RECOVERY_DELAY));
	return check;
}

static struct mapping *mapping_of(struct timer *timer)
{
	return (struct mapping *)(void *)((char *)timer - offsetof(struct mapping, timer));
}

void session_tick(struct session *session, struct mono now)
{
	struct timer *timer;

	if (mono_due(session->config.give_up, now))
		session_give_up(session, now);
	session_close_due(session, now);
	session_version_due(session, now);
	session_rumour_due(session, now);
	if (mono_due(session->recover_at, now))
		session_recover(session, now);
	exchange_due(&session->announce, now);
	address_due(session, now);
	while ((timer = heap_first(&session->timers)) && mono_due(timer->deadline, now) &&
		session->events.count < EVENTS_ENOUGH)
		mapping_due(session, mapping_of(timer), now);
}

struct mono session_deadline(const struct session *session)
{
	const struct timer *timer = heap_first(&session->timers);
	struct mono deadline = mono_min(session->version.decide, session->recover_at);

	if (timer)
		deadline = mono_min(deadline, timer->deadline);
	deadline = mono_min(deadline, announce_deadline(&session->rumour));
	deadline = mono_min(deadline, session->announce.deadline);
	deadline = mono_min(deadline, session->address.deadline);
	if (session->unsettled || session->probing)
		deadline = mono_min(deadline, session->config.give_up);
	if (session->unsettled)
		deadline = mono_min(deadline, mono_min(session->close_by, session->close_soon));
	return deadline;
}
