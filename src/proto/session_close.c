/* SPDX-License-Identifier: MIT
 * The end of a session, or of a mapping that is not wanted: what was made is taken
 * back, and what has no result gets its last one. However silent the server, that
 * takes no longer than SESSION_CLOSE_BY.
 */
#include "proto/session_state.h"

void session_close(struct session *session, struct mono now)
{
	if (!mono_is_never(session->close_by))
		return;
	session->close_by = mono_after(now, SESSION_CLOSE_BY);
	session->close_soon = mono_after(now, SESSION_CLOSE_SOON);
}

void session_let_go(struct session *session, struct mapping *mapping, struct mono now)
{
	int64_t left = mono_since(mapping->grant.expires, now) / SEC;

	mapping->unwanted_lifetime = mapping->grant.held && left > 0 ? (uint32_t)left : 0;
	mapping->purpose = PURPOSE_DELETE;
	session_end(session, mapping);
	session_report(session, mapping, OUTCOME_DELETED, now);
	mapping->grant.held = false;
}

void session_rollback(struct session *session, struct mapping *mapping, enum refusal refusal,
	struct mono now)
{
	struct answer answer = mapping->answer;

	if (mapping->grant.held && session_keeps(session, mapping))
		session_report(session, mapping, OUTCOME_LOST, now); /* as it was told */
	mapping->refusal = refusal;
	/* Another program's mapping is not ours to delete (pcpctl(1), -P), internal port 0
	 * would delete every mapping of this host (RFC 6886, 3.4), and PEER deletes nothing
	 * (RFC 6887, 12.1). */
	if (!mapping->want.nonce_is_new || mapping->want.zero_port || session->ended ||
		mapping->want.opcode != PCP_MAP) {
		mapping->purpose = PURPOSE_ROLLBACK;
		session_rolled_back(session, mapping, UNWANTED_LEFT, now);
		return;
	}
	session_ask(session, mapping, PURPOSE_ROLLBACK, now);
	mapping->answer = answer; /* what was granted, for the report */
}

void session_rolled_back(struct session *session, struct mapping *mapping, enum unwanted unwanted,
	struct mono now)
{
	session_end(session, mapping);
	mapping->grant.held = false;
	mapping->unwanted = unwanted;
	session_report(session, mapping, OUTCOME_REFUSED, now);
	/* An address may become public, a port free: what is kept asks again. */
	if (mapping->want.keep && !session->given_up && !session->cancelled) {
		mapping->purpose = PURPOSE_CREATE;
		session_set(session, mapping, MAPPING_REFUSED,
			mono_after(now, mapping_refused_for(mapping)));
	}
}

/* Was anything sent that may have made a mapping which nobody wants now? */
static bool may_exist(const struct mapping *mapping)
{
	if (mapping->grant.held || mapping->state == MAPPING_ASIDE)
		return true;
	return mapping->state != MAPPING_REFUSED && mapping->attempts > 0;
}

static void cancel(struct session *session, struct mapping *mapping, struct mono now)
{
	if (mapping->state == MAPPING_ENDED || mapping->purpose == PURPOSE_ROLLBACK)
		return;
	/* What was made here and is being deleted already still has to go. */
	if (mapping->purpose == PURPOSE_DELETE && mapping->want.lifetime != 0)
		return;
	if (mapping->purpose != PURPOSE_DELETE && may_exist(mapping))
		session_rollback(session, mapping, REFUSAL_CANCELLED, now);
	else
		session_end(session, mapping);
}

/* Nobody waits for these any more. */
static void stop_probes(struct session *session)
{
	struct exchange *probes[] = { &session->announce, &session->address };

	for (size_t i = 0; i < sizeof(probes) / sizeof(*probes); i++) {
		probes[i]->under_way = probes[i]->ready = probes[i]->out = false;
		probes[i]->deadline = MONO_NEVER;
	}
}

void session_cancel(struct session *session, struct mono now)
{
	struct entry *entry, *next;

	session->cancelled = true;
	session->config.give_up = MONO_NEVER;
	session->probing = false;
	stop_probes(session);
	session_close(session, now);
	HASH_ITER(hh, session->by_key, entry, next) {
		cancel(session, &entry->mapping, now);
	}
}

/* What of it is to be deleted? Nothing of a flow (RFC 6887, 12.1), and nothing that
 * nobody was asked for. */
static void finish(struct session *session, struct mapping *mapping, bool leave, struct mono now)
{
	bool made = may_exist(mapping) || mapping->purpose == PURPOSE_ANEW;

	if (mapping->state == MAPPING_ENDED || mapping->purpose == PURPOSE_DELETE ||
		mapping->purpose == PURPOSE_ROLLBACK)
		return;
	if (leave || mapping->want.leave || mapping->want.opcode != PCP_MAP || !made)
		session_end(session, mapping);
	else
		session_delete(session, mapping, now);
}

void session_finish(struct session *session, bool leave, struct mono now)
{
	struct entry *entry, *next;

	session->cancelled = true;
	session->config.give_up = MONO_NEVER;
	session->probing = session->sampling = false;
	session->rumour = (struct announce){ 0 };
	session->recover_at = MONO_NEVER;
	stop_probes(session);
	session_close(session, now);
	HASH_ITER(hh, session->by_key, entry, next) {
		finish(session, &entry->mapping, leave, now);
	}
}

void session_abandon(struct session *session, bool deletes, struct mono now)
{
	struct entry *entry, *next;

	HASH_ITER(hh, session->by_key, entry, next) {
		struct mapping *mapping = &entry->mapping;

		if (session_keeps(session, mapping) && mapping->grant.held)
			session_report(session, mapping, OUTCOME_LOST, now);
	}
	session_finish(session, !deletes, now);
}

/* Was it granted, and is it renewed from now on? Then no time is over for it. */
static bool is_kept(const struct mapping *mapping)
{
	return mapping->want.keep && mapping->grant.held && mapping->state != MAPPING_ADDRESS;
}

/* -t is over: what has no result gets its last one. */
static void give_up(struct session *session, struct mapping *mapping, struct mono now)
{
	if (session_settled(mapping) || mapping->purpose == PURPOSE_ROLLBACK ||
		(is_kept(mapping) && mapping->purpose != PURPOSE_DELETE))
		return;
	if (mapping->state == MAPPING_ADDRESS) {
		session_release(session, mapping, false);
		session_hold(session, mapping, now);
	} else if (mapping->state == MAPPING_ASIDE)
		session_rollback(session, mapping, REFUSAL_OTHER_EXTERNAL, now);
	else if (session->has_error && !session->heard)
		session_unreachable(session, mapping, now);
	else
		session_unanswered(session, mapping, now);
}

void session_give_up(struct session *session, struct mono now)
{
	struct entry *entry, *next;
	bool all_kept = session->by_key != NULL;

	session->config.give_up = MONO_NEVER;
	HASH_ITER(hh, session->by_key, entry, next) {
		all_kept = all_kept && is_kept(&entry->mapping);
	}
	if (all_kept && !session->probing)
		return;
	session->given_up = true;
	stop_probes(session);
	session_close(session, now);
	HASH_ITER(hh, session->by_key, entry, next) {
		give_up(session, &entry->mapping, now);
	}
	session_probe_report(session, now);
}

void session_keep_open(struct session *session, struct mono now)
{
	if (!mono_is_never(session->close_by))
		session->close_soon = mono_after(now, SESSION_CLOSE_SOON);
}

void session_close_due(struct session *session, struct mono now)
{
	struct entry *entry, *next;

	if (!mono_due(mono_min(session->close_by, session->close_soon), now))
		return;
	session->close_by = session->close_soon = MONO_NEVER;
	HASH_ITER(hh, session->by_key, entry, next) {
		struct mapping *mapping = &entry->mapping;

		if (session_settled(mapping) || !session_deletes(mapping))
			continue;
		if (mapping->purpose == PURPOSE_ROLLBACK)
			session_rolled_back(session, mapping, UNWANTED_LEFT, now);
		else
			session_unanswered(session, mapping, now);
	}
}
