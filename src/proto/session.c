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
	session->recover_at = MONO_NEVER;
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
	heap_free(&session->timers);
	free(session->events.events);
	free(session);
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

void session_set(struct session *session, struct mapping *mapping, enum mapping_state state,
	struct mono deadline)
{
	if (settled(mapping->state) && !settled(state))
		session->unsettled++;
	else if (!settled(mapping->state) && settled(state))
		session->unsettled--;
	mapping->state = state;
	heap_set(&session->timers, &mapping->timer, deadline);
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
}

void session_end(struct session *session, struct mapping *mapping)
{
	session_release(session, mapping, false);
	session_queue(session, mapping, -1);
	session_set(session, mapping, MAPPING_ENDED, MONO_NEVER);
}

void session_refuse(struct session *session, struct mapping *mapping, enum refusal refusal,
	const char *feature, struct mono now)
{
	struct mono again = MONO_NEVER;
	bool keep = mapping->want.keep && mapping->purpose != PURPOSE_DELETE;

	session_release(session, mapping, false);
	session_queue(session, mapping, -1);
	if (keep)
		again = mono_after(now, mapping_refused_for(mapping));
	session_set(session, mapping, keep ? MAPPING_REFUSED : MAPPING_ENDED, again);
	mapping->refusal = refusal;
	mapping->feature = feature;
	session_report(session, mapping, OUTCOME_REFUSED, now);
}

/* --- asking --- */

/* False when NAT-PMP cannot say it and the mapping was refused for that. */
static bool ask_natpmp(struct session *session, struct mapping *mapping, struct mono now)
{
	const char *beyond = want_beyond_natpmp(&mapping->want, &session->config.id.local);

	if (beyond) {
		session_refuse(session, mapping, REFUSAL_NAT_PMP, beyond, now);
		return false;
	}
	mapping->via = VIA_NAT_PMP;
	session_queue(session, mapping, QUEUE_NAT_PMP);
	return true;
}

void session_ask(struct session *session, struct mapping *mapping, enum mapping_purpose purpose,
	struct mono now)
{
	bool natpmp = version_is_natpmp(&session->version) || mapping->want.zero_port;

	mapping->purpose = purpose;
	mapping->attempts = 0;
	mapping->retry = (struct retry){ 0 };
	mapping->answer = (struct answer){ 0 };
	session_set(session, mapping, MAPPING_QUEUED, MONO_NEVER);
	if (purpose == PURPOSE_ROLLBACK || (purpose == PURPOSE_DELETE && mapping->via))
		natpmp = mapping->via == VIA_NAT_PMP; /* as it was made */
	if (natpmp) {
		ask_natpmp(session, mapping, now);
		return;
	}
	mapping->via = VIA_PCP;
	session_queue(session, mapping, QUEUE_PCP);
}

struct mapping *session_add(struct session *session, const struct want *want, struct mono now)
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
	mapping->timer.deadline = MONO_NEVER;
	mapping->state = MAPPING_ENDED;
	mapping->grant.external_address = ip_any4;
	entry->key = key_of(want);
	HASH_ADD(hh, session->by_key, key, sizeof(entry->key), entry);
	if (!entry->hh.tbl) { /* HASH_NONFATAL_OOM */
		free(entry);
		return NULL;
	}
	session->mappings++;
	session_ask(session, mapping, want->lifetime ? PURPOSE_CREATE : PURPOSE_DELETE, now);
	if (session->ended)
		session_error(session, &session->error, now);
	return mapping;
}

void session_delete(struct session *session, struct mapping *mapping, struct mono now)
{
	session_release(session, mapping, false);
	session_queue(session, mapping, -1);
	session_ask(session, mapping, PURPOSE_DELETE, now);
}

void session_rollback(struct session *session, struct mapping *mapping, enum refusal refusal,
	struct mono now)
{
	struct answer answer = mapping->answer;

	session_release(session, mapping, false);
	session_queue(session, mapping, -1);
	mapping->refusal = refusal;
	/* Another program's mapping is not ours to delete (cli.md, -P), and internal
	 * port 0 would delete every mapping of this host (RFC 6886, 3.4). */
	if (!mapping->want.nonce_is_new || mapping->want.zero_port || session->ended) {
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
}

/* Was anything sent that may have made a mapping which nobody wants now? */
static bool may_exist(const struct mapping *mapping)
{
	if (mapping->purpose == PURPOSE_DELETE || mapping->purpose == PURPOSE_ROLLBACK)
		return false;
	return mapping->grant.held || mapping->state == MAPPING_ASIDE || mapping->attempts > 0;
}

void session_cancel(struct session *session, struct mono now)
{
	struct entry *entry, *next;

	session->announce.under_way = session->announce.ready = false;
	session->address.under_way = session->address.ready = false;
	session->probing = false;
	HASH_ITER(hh, session->by_key, entry, next) {
		struct mapping *mapping = &entry->mapping;

		if (may_exist(mapping) && mapping->state != MAPPING_ENDED)
			session_rollback(session, mapping, REFUSAL_CANCELLED, now);
		else if (mapping->purpose != PURPOSE_ROLLBACK && mapping->state != MAPPING_ENDED)
			session_end(session, mapping);
	}
}

void session_probe(struct session *session, struct mono now)
{
	(void)now;
	session->probing = true;
	session->announce.under_way = session->announce.ready =
		session->config.policy != VERSION_NAT_PMP_ONLY;
	session->address.under_way = session->address.ready =
		session->config.policy != VERSION_PCP_ONLY && ip_is_v4(&session->config.id.local);
}

/* --- versions --- */

static void go_over(struct session *session, struct mapping *mapping, struct mono now)
{
	const char *beyond = want_beyond_natpmp(&mapping->want, &session->config.id.local);
	bool said_no = session->version.state == VERSION_SAID_NO;

	if (beyond && !said_no)
		return; /* cli.md: PCP goes on until -t */
	session_release(session, mapping, false);
	mapping->retry = (struct retry){ 0 };
	session_set(session, mapping, MAPPING_QUEUED, MONO_NEVER);
	if (session->config.policy == VERSION_PCP_ONLY) {
		mapping->answer.heard = true;
		mapping->answer.result = PCP_UNSUPP_VERSION;
		session_refuse(session, mapping, REFUSAL_RESULT, NULL, now);
		return;
	}
	ask_natpmp(session, mapping, now);
}

void session_fall_back(struct session *session, struct mono now)
{
	struct entry *entry, *next;

	HASH_ITER(hh, session->by_key, entry, next) {
		struct mapping *mapping = &entry->mapping;

		if (mapping->via == VIA_PCP && !session_settled(mapping) &&
			mapping->purpose != PURPOSE_ROLLBACK)
			go_over(session, mapping, now);
	}
}
