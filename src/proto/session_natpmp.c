/* SPDX-License-Identifier: MIT
 * Answers of NAT-PMP: whose they are (RFC 6886, 3.2, 3.3 and 3.5).
 */
#include "proto/session_state.h"

/* Whose answer it is has been found: only now the Epoch counts, and before anything
 * that depends on it. */
static void heard_natpmp(struct session *session, const struct natpmp_response *response,
	struct mono sent, struct mono now)
{
	struct epoch_check check;

	session->heard = true;
	session->heard_at = now;
	version_heard_natpmp(&session->version, mono_since(now, sent), now);
	if (!response->has_epoch)
		return;
	check = session_check_epoch(session, VIA_NAT_PMP, response->epoch, now);
	if (response->opcode == NATPMP_ADDRESS)
		session_sampled(session, VIA_NAT_PMP, &check, mono_since(now, sent), now);
}

/* Is it another address than before? Without a mapping to be renewed nobody would notice,
 * and not every server starts its Epoch anew then (users.md Q19). */
static bool is_moved(const struct session *session, const struct natpmp_response *response)
{
	return response->result == NATPMP_SUCCESS && !ip_is_any(&session->external) &&
		!ip_equal(&session->external, &response->external_address) &&
		!session->natpmp_waiting && !session->probing;
}

static enum drop_reason input_address(struct session *session,
	const struct natpmp_response *response, struct mono now)
{
	struct exchange *address = &session->address;
	bool again = address->heard.answered && !address->under_way;

	if (address->retry.sends == 0) { /* it answers nothing, but tells of a restart */
		if (response->has_epoch)
			session_check_epoch(session, VIA_NAT_PMP, response->epoch, now);
		return DROP_UNEXPECTED;
	}
	session->moved = is_moved(session, response);
	heard_natpmp(session, response, address->retry.last, now);
	address->heard = (struct event_probe){
		.status = response->result == NATPMP_SUCCESS ? PROBE_OK : PROBE_ERROR,
		.answered = true,
		.version = NATPMP_VERSION,
		.has_epoch = response->has_epoch,
		.epoch = response->epoch,
		.result = response->result,
		.rtt = mono_since(now, address->retry.first),
	};
	if (address->retry.sends == 1 && address->out)
		session->rtt_natpmp = rtt_smooth(session->rtt_natpmp, address->heard.rtt);
	if (session->moved)
		session->reset_at = session->recover_at = now;
	session->external = response->external_address;
	session->external_refused = response->result != NATPMP_SUCCESS;
	session->external_wildcard = !session->external_refused && ip_is_any(&session->external);
	if (ip_is_any(&session->external))
		session->external = ip_any4;
	session->external_result = response->result;
	address->under_way = address->ready = address->out = false;
	address->deadline = MONO_NEVER;
	if (session->natpmp_waiting)
		session_address_settled(session, now);
	session_probe_settled(session, now);
	return again ? DROP_DUPLICATE : DROP_NONE;
}

/* A renewal is one packet and soon leaves the line, but its answer may be slow. */
static struct mapping *late(struct session *session, const struct natpmp_response *response,
	uint8_t protocol)
{
	struct entry *entry, *next;

	if (!response->has_body || session->natpmp_waiting)
		return NULL;
	HASH_ITER(hh, session->by_key, entry, next) {
		struct mapping *mapping = &entry->mapping;

		if (mapping->via == VIA_NAT_PMP && mapping->state == MAPPING_HELD &&
			mapping->awaiting && mapping->want.protocol == protocol &&
			mapping->want.internal_port == response->internal_port)
			return mapping;
	}
	return NULL;
}

static enum drop_reason input_natpmp_map(struct session *session,
	const struct natpmp_response *response, struct mono now)
{
	struct mapping *asking = session->natpmp_asking;
	uint8_t protocol = response->opcode == NATPMP_MAP_TCP ? PROTOCOL_TCP : PROTOCOL_UDP;

	if (!asking)
		asking = late(session, response, protocol);
	if (!asking || !asking->awaiting)
		return DROP_UNEXPECTED;
	if (protocol != asking->want.protocol)
		return session_drop(session, DROP_PROTOCOL, protocol, asking->want.protocol);
	/* There is no nonce: the port is all that tells whose answer this is. An error
	 * may come without it (RFC 6886, 3.5), and is then for the one that is asked. */
	if (response->has_body && response->internal_port != asking->want.internal_port)
		return session_drop(session, DROP_INTERNAL_PORT, response->internal_port,
			asking->want.internal_port);
	heard_natpmp(session, response, asking->retry.last, now);
	return session_natpmp_answer(session, asking, response, now);
}

enum drop_reason session_input_natpmp(struct session *session, const uint8_t *data, size_t length,
	struct mono now)
{
	struct natpmp_response response;

	switch (natpmp_response_decode(data, length, &response)) {
	case NATPMP_DECODE_SHORT:
		return DROP_SHORT;
	case NATPMP_DECODE_VERSION:
		return DROP_VERSION;
	case NATPMP_DECODE_REQUEST:
		return DROP_REQUEST;
	case NATPMP_DECODE_OK:
		break;
	}
	if (response.opcode > NATPMP_MAP_TCP)
		return session_drop(session, DROP_OPCODE, response.opcode, NATPMP_ADDRESS);
	if (response.opcode == NATPMP_ADDRESS)
		return input_address(session, &response, now);
	return input_natpmp_map(session, &response, now);
}
