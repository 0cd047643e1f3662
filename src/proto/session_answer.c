/* SPDX-License-Identifier: MIT
 * What an answer means for the mapping it belongs to: granted, refused, kept
 * aside, deleted, changed.
 */
#include "proto/session_state.h"

/* The last grant, before another takes its place. */
static void remember(struct mapping *mapping)
{
	mapping->was_held = mapping->grant.held;
	mapping->has_previous = mapping->grant.held || mapping->lost;
	mapping->previous_address = mapping->grant.external_address;
	mapping->previous_port = mapping->grant.external_port;
}

static bool differs(const struct mapping *mapping)
{
	const struct grant *grant = &mapping->grant;

	return mapping->has_previous &&
		(grant->external_port != mapping->previous_port ||
			(!ip_is_any(&grant->external_address) &&
				!ip_equal(&grant->external_address, &mapping->previous_address)));
}

static enum mapping_outcome outcome_of(const struct mapping *mapping)
{
	if (!mapping->has_previous)
		return OUTCOME_GRANTED;
	if (differs(mapping))
		return OUTCOME_CHANGED;
	return mapping->lost ? OUTCOME_RECOVERED : OUTCOME_RENEWED;
}

/* Of the family that was asked, too: another one is reached by nobody who was told. */
static bool is_public(const struct mapping *mapping)
{
	const struct ip *address = &mapping->grant.external_address;

	return ip_is_v4(address) == ip_is_v4(&mapping->want.external_address) &&
		ip_classify(address, NULL) == IP_PUBLIC;
}

/* A grant that is not taken: what was before it is what was told. */
static void forget_grant(struct mapping *mapping)
{
	mapping->unwanted_port = mapping->grant.external_port;
	mapping->unwanted_lifetime = mapping->grant.lifetime;
	mapping->unwanted_address = mapping->grant.external_address;
	mapping->grant.held = mapping->was_held;
	if (!mapping->has_previous)
		return;
	mapping->grant.external_port = mapping->previous_port;
	mapping->grant.external_address = mapping->previous_address;
}

void session_hold(struct session *session, struct mapping *mapping, struct mono now)
{
	struct mono next = MONO_NEVER;
	enum mapping_outcome outcome = outcome_of(mapping);

	mapping->refusal = REFUSAL_RESULT;
	mapping->feature = NULL;
	mapping->unwanted_address = ip_any6;
	mapping->unwanted_port = 0;
	mapping->unwanted_lifetime = 0;

	if (mapping->want.require_public && !is_public(mapping)) {
		forget_grant(mapping);
		session_rollback(session, mapping, REFUSAL_NOT_PUBLIC, now);
		return;
	}
	if (mapping->want.keep)
		next = mapping_renewal(&mapping->grant, 1, now, &session->prng);
	session_set(session, mapping, MAPPING_HELD, next);
	session_report(session, mapping, outcome, now);
	mapping->lost = false;
}

/* -P and another port or address: perhaps a late answer about an older mapping
 * (RFC 6887, 13.2); the right one has a second to come. */
static void keep_aside(struct session *session, struct mapping *mapping,
	const struct pcp_mapping *data, uint32_t lifetime, struct mono now)
{
	mapping->unwanted_port = data->external_port;
	mapping->unwanted_address = data->external_address;
	mapping->unwanted_lifetime = lifetime;
	if (mapping->state != MAPPING_ASIDE)
		session_set(session, mapping, MAPPING_ASIDE, mono_after(now, SESSION_ASIDE));
}

static bool is_empty(const struct mapping *mapping, const struct pcp_mapping *data,
	uint32_t lifetime)
{
	bool needs_port = mapping->want.internal_port != 0 &&
		codes_protocol_has_ports(mapping->want.protocol);

	return lifetime == 0 || (needs_port && data->external_port == 0);
}

static void pcp_success(struct session *session, struct mapping *mapping,
	const struct pcp_mapping *data, uint32_t lifetime, struct mono now)
{
	session_release(session, mapping, true);
	session_queue(session, mapping, -1);
	if (is_empty(mapping, data, lifetime)) {
		session_refuse(session, mapping, REFUSAL_EMPTY, NULL, now);
		return;
	}
	if (!want_is_met(&mapping->want, data->external_port, &data->external_address)) {
		keep_aside(session, mapping, data, lifetime, now);
		return;
	}
	remember(mapping);
	mapping->external_wildcard = ip_is_any(&data->external_address);
	mapping_granted(mapping, data->external_port, &data->external_address, lifetime, now);
	session_hold(session, mapping, now);
}

static void deleted(struct session *session, struct mapping *mapping, uint32_t lifetime,
	struct mono now)
{
	session_release(session, mapping, true);
	session_queue(session, mapping, -1);
	mapping->unwanted_lifetime = lifetime;
	if (mapping->answer.result != 0) {
		session_refuse(session, mapping, REFUSAL_RESULT, NULL, now);
		return;
	}
	session_end(session, mapping);
	session_report(session, mapping, OUTCOME_DELETED, now);
	mapping->grant.held = false;
}

/* May this be the answer to a request before the delete: late, or twice on the way?
 * A delete is answered with lifetime 0 and without a port, or with the rest of a life
 * (RFC 6887, 15 and 15.1; RFC 6886, 3.4), and an error repeats its request. Never more
 * are taken for it than were sent. */
static bool is_stale(struct mapping *mapping, unsigned result, uint32_t lifetime,
	uint16_t external_port)
{
	if (mapping->anew && result == 0 && lifetime == 0)
		return true; /* of the delete that made room, sent several times */
	if (mapping->stale == 0 || (result == 0 ? lifetime == 0 : external_port == 0))
		return false;
	mapping->stale--;
	if (result == 0 && mapping->purpose == PURPOSE_ROLLBACK) {
		mapping->unwanted_port = external_port;
		mapping->unwanted_lifetime = lifetime;
	}
	return true;
}

static void rollback_answered(struct session *session, struct mapping *mapping, unsigned result,
	uint32_t lifetime, struct mono now)
{
	if (result == 0)
		mapping->unwanted_lifetime = lifetime;
	session_rolled_back(session, mapping, result == 0 ? UNWANTED_DELETED : UNWANTED_LEFT, now);
}

static void refused(struct session *session, struct mapping *mapping, struct mono now)
{
	if (session_without_address(session, mapping, now) ||
		session_flow_moved(session, mapping, now))
		return;
	if (mapping->state == MAPPING_ASIDE) {
		session_rollback(session, mapping, REFUSAL_RESULT, now);
		return;
	}
	session_refuse(session, mapping, REFUSAL_RESULT, NULL, now);
}

static void note_answer(struct session *session, struct mapping *mapping,
	const struct pcp_header *header, struct mono now)
{
	mapping->awaiting = false;
	mapping->answer = (struct answer){
		.heard = true,
		.result = header->result,
		.error_lifetime = header->result ? header->lifetime : 0,
		.has_epoch = true,
		.epoch = header->epoch,
		.rtt = mono_since(now, mapping->retry.first),
	};
	/* Karn's rule; and who waited no longer says nothing of the round trip. */
	if (mapping->retry.sends == 1 && mapping->state == MAPPING_ASKING)
		session->rtt_pcp = rtt_smooth(session->rtt_pcp, mapping->answer.rtt);
}

/* A mapping update that says of a flow: not with that port any more (RFC 6887, 14.2). It
 * may be a late answer to what was asked before the grant: not a reason to ask quickly. */
static bool flow_moved(struct session *session, struct mapping *mapping,
	const struct pcp_header *header, struct mono now)
{
	if (header->result != PCP_CANNOT_PROVIDE_EXTERNAL || mapping->want.opcode != PCP_PEER ||
		mapping->state != MAPPING_HELD || !session_keeps(session, mapping) ||
		mono_since(now, mapping->grant.at) < MAPPING_RENEWAL_GAP)
		return false;
	note_answer(session, mapping, header, now);
	return session_flow_moved(session, mapping, now);
}

/* Nothing is awaited from this mapping: a repetition, or a mapping update (RFC
 * 6887, 14.2), which alone is news. */
static enum drop_reason unasked(struct session *session, struct mapping *mapping,
	const struct pcp_header *header, const struct pcp_mapping *data, struct mono now)
{
	const struct grant *grant = &mapping->grant;

	if (flow_moved(session, mapping, header, now))
		return DROP_NONE;
	if (mapping->state != MAPPING_HELD || header->result != PCP_SUCCESS ||
		is_empty(mapping, data, header->lifetime) ||
		(data->external_port == grant->external_port &&
			ip_equal(&data->external_address, &grant->external_address)))
		return DROP_DUPLICATE;
	pcp_success(session, mapping, data, header->lifetime, now);
	return DROP_NONE;
}

enum drop_reason session_pcp_answer(struct session *session, struct mapping *mapping,
	const struct pcp_header *header, const struct pcp_mapping *data, struct mono now)
{
	if (mapping->via == VIA_NAT_PMP && mapping->state != MAPPING_ASIDE)
		return DROP_UNEXPECTED; /* fallen back; the caller has reported it */
	if (mapping->state == MAPPING_ENDED)
		return mapping->answer.heard ? DROP_DUPLICATE : DROP_UNEXPECTED;
	if (!mapping->awaiting && mapping->state != MAPPING_ASIDE)
		return unasked(session, mapping, header, data, now);
	if (is_stale(mapping, header->result, header->lifetime, data->external_port))
		return DROP_DUPLICATE;
	if (mapping->purpose == PURPOSE_ROLLBACK) {
		rollback_answered(session, mapping, header->result, header->lifetime, now);
		return DROP_NONE;
	}
	note_answer(session, mapping, header, now);
	if (mapping->purpose == PURPOSE_DELETE)
		deleted(session, mapping, header->lifetime, now);
	else if (mapping->purpose == PURPOSE_ANEW)
		session_made_room(session, mapping, now);
	else if (header->result == PCP_SUCCESS)
		pcp_success(session, mapping, data, header->lifetime, now);
	else
		refused(session, mapping, now);
	return DROP_NONE;
}

enum drop_reason session_part_granted(struct session *session, struct mapping *part,
	const struct pcp_header *header, const struct pcp_mapping *data, struct mono now)
{
	note_answer(session, part, header, now);
	pcp_success(session, part, data, header->lifetime, now);
	return DROP_NONE;
}

/* --- NAT-PMP --- */

static void note_natpmp(struct session *session, struct mapping *mapping,
	const struct natpmp_response *response, struct mono now)
{
	mapping->awaiting = false;
	mapping->answer = (struct answer){
		.heard = true,
		.result = response->result,
		.has_epoch = response->has_epoch,
		.epoch = response->epoch,
		.rtt = mono_since(now, mapping->retry.first),
	};
	if (mapping->retry.sends == 1)
		session->rtt_natpmp = rtt_smooth(session->rtt_natpmp, mapping->answer.rtt);
}

static void natpmp_success(struct session *session, struct mapping *mapping,
	const struct natpmp_response *response, struct mono now)
{
	if (response->lifetime == 0 || response->external_port == 0) {
		session_refuse(session, mapping, REFUSAL_EMPTY, NULL, now);
		return;
	}
	if (!want_is_met(&mapping->want, response->external_port, &ip_any4)) {
		mapping->unwanted_port = response->external_port;
		mapping->unwanted_lifetime = response->lifetime;
		session_rollback(session, mapping, REFUSAL_OTHER_EXTERNAL, now);
		return;
	}
	remember(mapping);
	mapping_granted(mapping, response->external_port,
		session->external_known ? &session->external : &ip_any4, response->lifetime, now);
	if (session->external_known) {
		mapping->external_wildcard = session->external_wildcard;
		session_hold(session, mapping, now);
		return;
	}
	session_set(session, mapping, MAPPING_ADDRESS, MONO_NEVER);
	session->natpmp_waiting = mapping;
	session->address.retry = (struct retry){ 0 };
	session->address.under_way = session->address.ready = true;
}

/* "No resources" is what RouterOS says when no external port is suggested (users.md Q7):
 * the internal one is, then any. NAT-PMP has no time to wait that forbids it. */
static bool suggests(struct session *session, struct mapping *mapping, struct mono now)
{
	const struct want *want = &mapping->want;

	if (want->external_port || !want->internal_port || mapping->grant.held || mapping->lost ||
		mapping->answer.result != NATPMP_NO_RESOURCES || mapping->suggestions == 2)
		return false;
	mapping->suggestion = mapping->suggestions++ == 0 ?
		want->internal_port :
		(uint16_t)prng_between(&session->prng, 1024, 65535);
	session_ask(session, mapping, mapping->purpose, now);
	return true;
}

enum drop_reason session_natpmp_answer(struct session *session, struct mapping *mapping,
	const struct natpmp_response *response, struct mono now)
{
	if (is_stale(mapping, response->result, response->lifetime, response->external_port))
		return DROP_DUPLICATE;
	if (mapping->purpose == PURPOSE_ROLLBACK) {
		rollback_answered(session, mapping, response->result, response->lifetime, now);
		return DROP_NONE;
	}
	note_natpmp(session, mapping, response, now);
	session_release(session, mapping, true);
	if (mapping->purpose == PURPOSE_DELETE)
		deleted(session, mapping, response->lifetime, now);
	else if (response->result == NATPMP_SUCCESS)
		natpmp_success(session, mapping, response, now);
	else if (!suggests(session, mapping, now))
		session_refuse(session, mapping, REFUSAL_RESULT, NULL, now);
	return DROP_NONE;
}

void session_address_settled(struct session *session, struct mono now)
{
	struct mapping *mapping = session->natpmp_waiting;

	session->external_known = true;
	if (!mapping)
		return;
	session->natpmp_waiting = NULL;
	mapping->grant.external_address = session->external;
	mapping->external_wildcard = session->external_wildcard;
	session_hold(session, mapping, now);
}
