/* SPDX-License-Identifier: MIT
 * What a session tells: mappings and probes as events.
 */
#include <stdlib.h>

#include "proto/session_state.h"

static bool make_room(struct event_queue *queue)
{
	size_t room = queue->room ? 2 * queue->room : 4;
	struct event *events;

	if (queue->head + queue->count < queue->room)
		return true;
	if (queue->head > 0) {
		memmove(queue->events, queue->events + queue->head,
			queue->count * sizeof(*queue->events));
		queue->head = 0;
		return true;
	}
	events = realloc(queue->events, room * sizeof(*events));
	if (!events)
		return false;
	queue->events = events;
	queue->room = room;
	return true;
}

struct event *session_push(struct session *session, enum event_kind kind, struct mono now)
{
	struct event_queue *queue = &session->events;
	struct event *event;

	if (!make_room(queue)) {
		session->failed = true;
		return NULL;
	}
	event = &queue->events[queue->head + queue->count++];
	memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->at = now;
	switch (kind) {
	case EVENT_VERSION:
		event->version.server = session->config.id;
		break;
	case EVENT_EPOCH:
		event->epoch.server = session->config.id;
		break;
	case EVENT_DROPPED:
		event->dropped.server = session->config.id;
		break;
	case EVENT_ERROR:
		event->error.server = session->config.id;
		break;
	default:
		break;
	}
	return event;
}

bool session_event(struct session *session, struct event *event)
{
	struct event_queue *queue = &session->events;

	if (queue->count == 0)
		return false;
	*event = queue->events[queue->head++];
	if (--queue->count == 0)
		queue->head = 0;
	return true;
}

static void report_want(const struct session *session, const struct mapping *mapping,
	struct event_mapping *event)
{
	const struct want *want = &mapping->want;

	event->server = session->config.id;
	event->want = want->number;
	event->opcode = want->opcode;
	event->protocol = want->protocol;
	event->internal_address = want->options.has_third_party ? want->options.third_party :
								  session->config.id.local;
	event->internal_port = want->internal_port;
	event->suggested_address = want->external_address;
	event->suggested_port = want->external_port;
	event->remote_address = want->remote_address;
	event->remote_port = want->remote_port;
	event->nonce = want->nonce;
	event->nonce_is_new = want->nonce_is_new;
	event->options = &want->options;
	event->requested_lifetime = want->lifetime;
	event->deleting = mapping->purpose == PURPOSE_DELETE;
	event->zero_port = want->zero_port;
}

static void report_answer(const struct mapping *mapping, struct event_mapping *event)
{
	const struct answer *answer = &mapping->answer;

	event->via = answer->heard ? mapping->via : VIA_NONE;
	event->asked = mapping->via;
	event->answered = answer->heard;
	event->result = answer->result;
	event->error_lifetime = answer->error_lifetime;
	event->has_epoch = answer->has_epoch;
	event->epoch = answer->epoch;
	event->rtt = answer->rtt;
	event->attempts = mapping->attempts;
	event->refusal = mapping->refusal;
	event->feature = mapping->feature;
	event->unwanted = mapping->unwanted;
	event->unwanted_address = mapping->unwanted_address;
	event->unwanted_port = mapping->unwanted_port;
	event->unwanted_lifetime = mapping->unwanted_lifetime;
}

static void report_grant(const struct mapping *mapping, struct event_mapping *event)
{
	const struct grant *grant = &mapping->grant;

	event->lifetime = grant->lifetime;
	event->has_external_port = true;
	event->external_port = grant->external_port;
	event->external_address = grant->external_address;
	event->has_external_address = !ip_is_any(&grant->external_address);
	event->has_port_set = mapping->want.options.has_port_set && mapping->via == VIA_PCP;
	event->port_set = mapping->port_set;
}

/* Of what is asked for on and on the same is told once. */
static bool is_repeated(const struct session *session, struct mapping *mapping,
	enum mapping_outcome outcome)
{
	struct told now = { outcome, mapping->refusal, mapping->answer.result },
		    last = mapping->told;
	bool problem = outcome == OUTCOME_REFUSED || outcome == OUTCOME_UNANSWERED ||
		outcome == OUTCOME_UNREACHABLE;

	if (!session_keeps(session, mapping))
		return false;
	mapping->told = now;
	return problem && last.outcome == outcome &&
		(outcome != OUTCOME_REFUSED ||
			(last.refusal == now.refusal && last.result == now.result));
}

void session_report(struct session *session, struct mapping *mapping, enum mapping_outcome outcome,
	struct mono now)
{
	struct event *event;
	struct event_mapping *told;

	if (is_repeated(session, mapping, outcome))
		return;
	event = session_push(session, EVENT_MAPPING, now);
	if (!event)
		return;
	told = &event->mapping;
	told->outcome = outcome;
	report_want(session, mapping, told);
	report_answer(mapping, told);
	if (outcome == OUTCOME_LOST) /* a renewal may be out that nobody has answered */
		told->via = mapping->via;
	if (mapping->grant.held && outcome != OUTCOME_REFUSED)
		report_grant(mapping, told);
	if (outcome == OUTCOME_DELETED)
		told->lifetime = mapping->unwanted_lifetime; /* what is left of it */
	else if (told->deleting && mapping->grant.held && mapping->grant.expires.ns > now.ns)
		told->unwanted_lifetime = (uint32_t)(mono_since(mapping->grant.expires, now) / SEC);
	told->external_wildcard = mapping->grant.held && mapping->external_wildcard;
	if (mapping->via == VIA_NAT_PMP && session->external_refused) {
		told->has_address_result = true;
		told->address_result = session->external_result;
	}
	if (outcome == OUTCOME_UNANSWERED && mapping->via == VIA_PCP &&
		session->version.natpmp_heard)
		told->feature = want_beyond_natpmp(&mapping->want, &session->config.id.local);
	told->nat_pmp_answered = outcome == OUTCOME_UNANSWERED && told->feature;
	told->next = mapping->state == MAPPING_HELD || mapping->state == MAPPING_REFUSED ?
		mapping->due :
		MONO_NEVER;
	told->has_previous = mapping->has_previous && outcome != OUTCOME_GRANTED;
	told->previous_address = mapping->previous_address;
	told->previous_port = mapping->previous_port;
	told->has_error = session->has_error &&
		(outcome == OUTCOME_UNREACHABLE || outcome == OUTCOME_UNANSWERED);
	told->error = session->error;
}

/* --- probes --- */

static enum probe_status status_of_error(const struct session *session)
{
	if (!session->has_error)
		return PROBE_SILENT;
	switch (session->error.kind) {
	case NET_ERROR_PORT_UNREACHABLE:
		return PROBE_REFUSED;
	case NET_ERROR_PROHIBITED:
	case NET_ERROR_DENIED:
		return PROBE_PROHIBITED;
	default:
		return PROBE_UNREACHABLE;
	}
}

static void tell_probe(const struct session *session, const struct exchange *exchange,
	unsigned malformed, bool asked, struct event_probe *told)
{
	*told = exchange->heard;
	if (told->status == PROBE_UNSUPPORTED) {
		told->answered = true;
		told->result = PCP_UNSUPP_VERSION; /* NAT-PMP has the same number */
	}
	told->attempts = exchange->retry.sends;
	if (told->status != PROBE_SKIPPED || !asked)
		return;
	told->status = malformed ? PROBE_MALFORMED : status_of_error(session);
	if (told->status == PROBE_REFUSED && told->attempts)
		told->rtt = mono_since(session->error_at, exchange->retry.first);
}

void session_probe_report(struct session *session, struct mono now)
{
	struct event *event;
	struct event_server *told;
	bool pcp_heard = session->announce.heard.answered;

	if (!session->probing)
		return;
	session->probing = false;
	event = session_push(session, EVENT_SERVER, now);
	if (!event)
		return;
	told = &event->server;
	told->server = session->config.id;
	tell_probe(session, &session->announce, session->malformed_v2 * !pcp_heard,
		session->config.policy != VERSION_NAT_PMP_ONLY, &told->pcp);
	tell_probe(session, &session->address,
		session->malformed_v0 + session->malformed_v2 * pcp_heard,
		session->config.policy != VERSION_PCP_ONLY && ip_is_v4(&session->config.id.local),
		&told->nat_pmp);
	told->has_external = told->nat_pmp.status == PROBE_OK && !ip_is_any(&session->external);
	told->external_address = session->external;
	told->external_wildcard = session->external_wildcard;
	told->has_error = session->has_error;
	told->error = session->error;
	told->version_octet1 = session->version_octets[1];
	told->version_length = session->version_length;
}

/* Results that need no answer of their own: what the version answers said. */
static void infer(struct session *session)
{
	if (session->version.state == VERSION_SAID_NO && !session->announce.heard.answered) {
		session->announce.heard.status = PROBE_UNSUPPORTED;
		session->announce.heard.version = session->version_octets[0];
		session->announce.under_way = session->announce.ready = false;
	}
	if (session->version.natpmp_unsupported && !session->address.heard.answered) {
		session->address.heard.status = PROBE_UNSUPPORTED;
		session->address.under_way = session->address.ready = false;
	}
}

void session_probe_settled(struct session *session, struct mono now)
{
	if (!session->probing)
		return;
	infer(session);
	if (!session->announce.under_way && !session->address.under_way)
		session_probe_report(session, now);
}
