/* SPDX-License-Identifier: MIT
 * A session's life: what is asked, what is due, what is told.
 */
#include "proto/session.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "proto/session_state.h"

struct session *session_new(const struct session_config *config)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->config = *config;
	session->prng.state = config->seed;
	session->external = ip_any4;
	session->recover_at = session->close_by = session->close_soon = MONO_NEVER;
	session->no_resources = session->heard_at = session->asked_aside =
		(struct mono){ INT64_MIN };
	session->announce.deadline = session->address.deadline = MONO_NEVER;
	version_init(&session->version, config->policy);
	window_init(&session->window);
	if (config->unlimited)
		session->window.size = UINT32_MAX;
	return session;
}

void session_free(struct session *session)
{
	struct entry *entry, *next;

	if (!session)
		return;
	HASH_ITER(hh, session->by_key, entry, next) {
		HASH_DEL(session->by_key, entry);
		free(entry);
	}
	LL_FOREACH_SAFE(session->retired, entry, next)
	{
		free(entry);
	}
	heap_free(&session->timers);
	free(session->events.events);
	free(session);
}

void session_know_network(struct session *session, uint64_t network)
{
	session->config.id.network = network;
}

const struct server_id *session_id(const struct session *session)
{
	return &session->config.id;
}

static struct mapping_key key_of(const struct want *want)
{
	return (struct mapping_key){
		.nonce = want->nonce,
		.opcode = want->opcode,
		.protocol = want->protocol,
		.internal_port = want->internal_port,
		.remote_port = want->remote_port,
		.remote = want->remote_address,
	};
}

static bool settled(enum mapping_state state)
{
	return state == MAPPING_HELD || state == MAPPING_REFUSED || state == MAPPING_ENDED;
}

bool session_settled(const struct mapping *mapping)
{
	return settled(mapping->state);
}

bool session_deletes(const struct mapping *mapping)
{
	return mapping->purpose == PURPOSE_DELETE || mapping->purpose == PURPOSE_ROLLBACK ||
		mapping->purpose == PURPOSE_ANEW;
}

bool session_keeps(const struct session *session, const struct mapping *mapping)
{
	return mapping->want.keep && mapping->purpose != PURPOSE_DELETE &&
		mapping->purpose != PURPOSE_ROLLBACK && mapping->state != MAPPING_ENDED &&
		!session->given_up && !session->cancelled;
}

bool session_expires(const struct mapping *mapping)
{
	return mapping->want.keep && mapping->grant.held && !session_deletes(mapping) &&
		mapping->state != MAPPING_ENDED && mapping->state != MAPPING_ADDRESS;
}

void session_set(struct session *session, struct mapping *mapping, enum mapping_state state,
	struct mono due)
{
	if (settled(mapping->state) && !settled(state))
		session->unsettled++;
	else if (!settled(mapping->state) && settled(state))
		session->unsettled--;
	if (mapping->want.keep && mapping->state == MAPPING_ENDED && state != MAPPING_ENDED)
		session->kept++;
	else if (mapping->want.keep && mapping->state != MAPPING_ENDED && state == MAPPING_ENDED)
		session->kept--;
	mapping->state = state;
	mapping->due = due;
	heap_set(&session->timers, &mapping->timer,
		session_expires(mapping) ? mono_min(due, mapping->grant.expires) : due);
}

void session_queue(struct session *session, struct mapping *mapping, int queue)
{
	if (mapping->queue >= 0)
		DL_DELETE(session->queues[mapping->queue], mapping);
	mapping->queue = queue;
	if (queue >= 0)
		DL_APPEND(session->queues[queue], mapping);
}

void session_release(struct session *session, struct mapping *mapping, bool answered)
{
	if (mapping->outstanding)
		window_give(&session->window, answered);
	mapping->outstanding = false;
	if (session->natpmp_asking == mapping)
		session->natpmp_asking = NULL;
	if (session->natpmp_waiting != mapping)
		return;
	session->natpmp_waiting = NULL; /* nobody asks for the address any more */
	session->address.under_way = session->address.ready =
		session->probing && session->address.under_way;
}

void session_end(struct session *session, struct mapping *mapping)
{
	session_release(session, mapping, false);
	session_queue(session, mapping, -1);
	mapping->awaiting = false;
	session_set(session, mapping, MAPPING_ENDED, MONO_NEVER);
}

void session_unanswered(struct session *session, struct mapping *mapping, struct mono now)
{
	session_end(session, mapping);
	session_report(session, mapping, OUTCOME_UNANSWERED, now);
}

void session_unreachable(struct session *session, struct mapping *mapping, struct mono now)
{
	struct retry *retry = &mapping->retry;

	if (!session_keeps(session, mapping)) {
		session_end(session, mapping);
		session_report(session, mapping, OUTCOME_UNREACHABLE, now);
		return;
	}
	session_release(session, mapping, false);
	session_queue(session, mapping, -1);
	if (retry->wait < SESSION_AFTER_ERROR)
		retry->wait = SESSION_AFTER_ERROR;
	mapping->again = mono_after(now, retry->wait);
	session_set(session, mapping, MAPPING_ASKING, mapping->again);
	session_report(session, mapping, OUTCOME_UNREACHABLE, now);
}

/* What is kept is never given up; all else ends. */
void session_refuse(struct session *session, struct mapping *mapping, enum refusal refusal,
	const char *feature, struct mono now)
{
	session_tell_gap(session, mapping, now);
	mapping->refusal = refusal;
	mapping->feature = feature;
	if (session_keeps(session, mapping)) {
		session_release(session, mapping, false);
		session_queue(session, mapping, -1);
		session_set(session, mapping, MAPPING_REFUSED,
			session_refused_until(session, mapping, now));
	} else {
		session_end(session, mapping);
	}
	session_report(session, mapping, OUTCOME_REFUSED, now);
}

/* --- asking --- */

void session_ask_natpmp(struct session *session, struct mapping *mapping, struct mono now)
{
	const char *beyond = want_beyond_natpmp(&mapping->want, &session->config.id.local);

	if (beyond) {
		session_refuse(session, mapping, REFUSAL_NAT_PMP, beyond, now);
		return;
	}
	mapping->via = VIA_NAT_PMP;
	session_queue(session, mapping, QUEUE_NAT_PMP);
}

void session_ask(struct session *session, struct mapping *mapping, enum mapping_purpose purpose,
	struct mono now)
{
	bool natpmp = version_is_natpmp(&session->version) || mapping->want.zero_port ||
		mapping->want.nat_pmp;

	session_release(session, mapping, false);
	session_queue(session, mapping, -1);
	mapping->purpose = purpose;
	mapping->stale = session_deletes(mapping) ? mapping->attempts : 0;
	mapping->attempts = 0;
	mapping->retry = (struct retry){ 0 };
	mapping->answer = (struct answer){ 0 };
	session_set(session, mapping, MAPPING_QUEUED, MONO_NEVER);
	mapping->awaiting = false;
	if (session_deletes(mapping) && mapping->via)
		natpmp = mapping->via == VIA_NAT_PMP; /* as it was made */
	if (session_deletes(mapping) && (session->given_up || session->cancelled))
		session_close(session, now);
	if (session_hold_back(session, mapping, now))
		return;
	if (natpmp) {
		if (session_keeps(session, mapping))
			session_ask_aside(session, now);
		session_ask_natpmp(session, mapping, now);
		return;
	}
	mapping->via = VIA_PCP;
	session_queue(session, mapping, QUEUE_PCP);
}

/* An answer is for the mapping that is asked now, not for one of the same key that
 * has ended. */
static void retire(struct session *session, const struct mapping_key *key)
{
	struct entry *entry;

	HASH_FIND(hh, session->by_key, key, sizeof(*key), entry);
	if (!entry || entry->mapping.state != MAPPING_ENDED)
		return;
	HASH_DEL(session->by_key, entry);
	LL_PREPEND(session->retired, entry);
}

/* Among the session's mappings, and nothing is asked yet. */
static struct mapping *enter(struct session *session, const struct want *want)
{
	struct entry *entry = calloc(1, sizeof(*entry));
	struct mapping *mapping = &entry->mapping;

	if (!entry)
		return NULL;
	if (!heap_reserve(&session->timers, session->mappings + 1)) {
		free(entry);
		return NULL;
	}
	mapping->want = *want;
	mapping->queue = -1;
	mapping->due = mapping->timer.deadline = MONO_NEVER;
	mapping->state = MAPPING_ENDED;
	mapping->grant.external_address = ip_any4;
	entry->key = key_of(want);
	retire(session, &entry->key);
	HASH_ADD(hh, session->by_key, key, sizeof(entry->key), entry);
	if (!entry->hh.tbl) { /* HASH_NONFATAL_OOM */
		free(entry);
		return NULL;
	}
	session->mappings++;
	return mapping;
}

static struct mapping *add(struct session *session, const struct want *want,
	const struct grant *previous, struct mono now)
{
	struct mapping *mapping = enter(session, want);

	if (!mapping)
		return NULL;
	if (previous) {
		mapping->grant = *previous;
		mapping->grant.held = false;
		mapping->lost = true;
		/* Another server has other addresses: only the port is asked for again. A
		 * flow lives with both of them or not at all. */
		mapping->without_address = want->opcode == PCP_MAP;
	}
	session_ask(session, mapping, want->lifetime ? PURPOSE_CREATE : PURPOSE_DELETE, now);
	if (session_settled(mapping))
		return mapping;
	if (session->ended)
		session_end_all(session, now);
	else if (session->given_up)
		session_unanswered(session, mapping, now);
	else if (session->cancelled)
		session_end(session, mapping);
	return mapping;
}

struct mapping *session_add(struct session *session, const struct want *want, struct mono now)
{
	return add(session, want, NULL, now);
}

struct mapping *session_adopt(struct session *session, const struct want *want,
	const struct grant *previous, struct mono now)
{
	return add(session, want, previous, now);
}

struct mapping *session_add_part(struct session *session, const struct mapping *whole,
	uint16_t internal_port)
{
	struct want want = whole->want;
	struct mapping *mapping;

	want.internal_port = internal_port;
	mapping = enter(session, &want);
	if (!mapping) {
		session->failed = true;
		return NULL;
	}
	mapping->via = VIA_PCP;
	mapping->answer = whole->answer;
	return mapping;
}

void session_delete(struct session *session, struct mapping *mapping, struct mono now)
{
	if (mapping->want.opcode != PCP_MAP) {
		session_let_go(session, mapping, now);
		return;
	}
	if (!mapping->want.zero_port || mapping->want.lifetime == 0) {
		session_ask(session, mapping, PURPOSE_DELETE, now);
		return;
	}
	/* A delete of internal port 0 is NAT-PMP's wipe of them all (RFC 6886, 3.4). */
	mapping->purpose = PURPOSE_DELETE;
	mapping->unwanted = UNWANTED_LEFT;
	session_refuse(session, mapping, REFUSAL_CANCELLED, NULL, now);
}

void session_probe(struct session *session, struct mono now)
{
	session->announce = session->address = (struct exchange){ .deadline = MONO_NEVER };
	session->probing = true;
	session->announce.under_way = session->announce.ready =
		session->config.policy != VERSION_NAT_PMP_ONLY;
	session->address.under_way = session->address.ready =
		session->config.policy != VERSION_PCP_ONLY && ip_is_v4(&session->config.id.local);
	if (!session->given_up && !session->ended)
		return;
	session->announce.under_way = session->announce.ready = false;
	session->address.under_way = session->address.ready = false;
	session_probe_report(session, now);
}

/* --- asked from outside --- */

bool session_idle(const struct session *session)
{
	return session->unsettled == 0 && session->kept == 0 && !session->probing;
}

bool session_waits(const struct session *session)
{
	return session->unsettled > 0 || session->probing;
}

bool session_failed(const struct session *session)
{
	return session->failed;
}

bool session_heard(const struct session *session)
{
	return session->heard;
}

unsigned session_outstanding(const struct session *session)
{
	return session->window.used + (session->natpmp_asking || session->address.out ? 1 : 0);
}

bool session_pcp_ok(const struct session *session, struct mono *since)
{
	const struct exchange *announce = &session->announce;

	*since = mono_after(announce->retry.first, announce->heard.rtt);
	return announce->heard.status == PROBE_OK;
}
