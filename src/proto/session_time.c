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
	if (mapping->purpose == PURPOSE_ROLLBACK) {
		session_rolled_back(session, mapping, UNWANTED_LEFT, now);
		return;
	}
	session_end(session, mapping);
	session_report(session, mapping,
		session->has_error ? OUTCOME_UNREACHABLE : OUTCOME_UNANSWERED, now);
}

static bool gave_up(const struct session *session, const struct mapping *mapping)
{
	const struct schedule *schedule = mapping->via == VIA_PCP ? session->config.pcp :
								    session->config.natpmp;

	if (mapping->purpose == PURPOSE_ROLLBACK)
		return mapping->retry.sends >= SESSION_SHORT_TRIES;
	return retry_exhausted(&mapping->retry, schedule);
}

static void asking_due(struct session *session, struct mapping *mapping, struct mono now)
{
	if (mapping->purpose == PURPOSE_RENEW) { /* single packets, 11.2.1: wait for the next */
		session_release(session, mapping, false);
		session_set(session, mapping, MAPPING_HELD,
			mono_min(mapping->grant.expires,
				mapping_renewal(&mapping->grant, ++mapping->renewals + 1,
					mapping->retry.last, &session->prng)));
		return;
	}
	if (gave_up(session, mapping)) {
		silence(session, mapping, now);
		return;
	}
	if (mapping->via == VIA_PCP) {
		window_lost(&session->window, mapping->retry.last, now);
		probes_beside(session, mapping->retry.sends);
		session_queue(session, mapping, QUEUE_RESEND);
	}
	/* A NAT-PMP request stays the one that is asked: output sends it again. */
	session_set(session, mapping, MAPPING_ASKING, MONO_NEVER);
}

static void held_due(struct session *session, struct mapping *mapping, struct mono now)
{
	if (mapping->grant.expires.ns <= now.ns) {
		mapping->grant.held = false;
		mapping->lost = true;
		session_report(session, mapping, OUTCOME_LOST, now);
		session_ask(session, mapping, PURPOSE_RECOVER, now);
		return;
	}
	session_ask(session, mapping, PURPOSE_RENEW, now);
}

static void mapping_due(struct session *session, struct mapping *mapping, struct mono now)
{
	switch (mapping->state) {
	case MAPPING_ASKING:
		asking_due(session, mapping, now);
		break;
	case MAPPING_ASIDE:
		session_rollback(session, mapping, REFUSAL_OTHER_EXTERNAL, now);
		break;
	case MAPPING_HELD:
		held_due(session, mapping, now);
		break;
	case MAPPING_REFUSED:
		session_ask(session, mapping,
			mapping->lost ? PURPOSE_RECOVER : PURPOSE_CREATE, now);
		break;
	case MAPPING_QUEUED:
	case MAPPING_ADDRESS:
	case MAPPING_ENDED:
		heap_set(&session->timers, &mapping->timer, MONO_NEVER);
		break;
	}
}

static void exchange_due(struct exchange *exchange, struct mono now)
{
	if (!mono_due(exchange->deadline, now))
		return;
	exchange->deadline = MONO_NEVER;
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

static void recover(struct session *session, struct mono now)
{
	struct entry *entry, *next;

	session->recover_at = MONO_NEVER;
	HASH_ITER(hh, session->by_key, entry, next) {
		struct mapping *mapping = &entry->mapping;

		if (mapping->want.keep && mapping->state == MAPPING_HELD &&
			mapping->grant.at.ns < session->reset_at.ns) {
			mapping->lost = true;
			session_ask(session, mapping, PURPOSE_RECOVER, now);
		}
	}
}

/* -t is over: what has no result gets its last one. */
static void out_of_time(struct session *session, struct mono now)
{
	struct entry *entry, *next;

	HASH_ITER(hh, session->by_key, entry, next) {
		struct mapping *mapping = &entry->mapping;

		if (mapping->state == MAPPING_ADDRESS) {
			session_hold(session, mapping, now);
		} else if (mapping->state == MAPPING_ASIDE) {
			session_rollback(session, mapping, REFUSAL_OTHER_EXTERNAL, now);
		} else if (!session_settled(mapping) && mapping->purpose != PURPOSE_ROLLBACK) {
			session_end(session, mapping);
			session_report(session, mapping,
				session->has_error ? OUTCOME_UNREACHABLE : OUTCOME_UNANSWERED,
				now);
		}
	}
	session->natpmp_waiting = NULL;
	session->announce.under_way = session->announce.ready = false;
	session->address.under_way = session->address.ready = false;
	session_probe_report(session, now);
}

void session_tick(struct session *session, struct mono now)
{
	struct timer *timer;

	if (mono_due(session->config.give_up, now)) {
		session->config.give_up = MONO_NEVER;
		out_of_time(session, now);
	}
	if (version_decide(&session->version, now)) {
		struct event *event = session_push(session, EVENT_VERSION, now);

		if (event) {
			event->version.change = session->version.state == VERSION_SILENT ?
				VERSION_FELL_BACK : VERSION_SAID_NAT_PMP;
			event->version.attempts = session->pcp_sends;
			event->version.waited = mono_since(now, session->pcp_first);
		}
		session_fall_back(session, now);
	}
	if (mono_due(session->recover_at, now))
		recover(session, now);
	exchange_due(&session->announce, now);
	address_due(session, now);
	while ((timer = heap_first(&session->timers)) && mono_due(timer->deadline, now) &&
		session->events.count < EVENTS_ENOUGH)
		mapping_due(session,
			(struct mapping *)(void *)((char *)timer - offsetof(struct mapping, timer)), now);
}

struct mono session_deadline(const struct session *session)
{
	const struct timer *timer = heap_first(&session->timers);
	struct mono deadline = mono_min(session->version.decide, session->recover_at);

	if (timer)
		deadline = mono_min(deadline, timer->deadline);
	deadline = mono_min(deadline, session->announce.deadline);
	deadline = mono_min(deadline, session->address.deadline);
	if (session->unsettled || session->probing)
		deadline = mono_min(deadline, session->config.give_up);
	return deadline;
}
