/* SPDX-License-Identifier: MIT
 * What came from the network, in the order of RFC 6887, 8.3: what does not match
 * is dropped with its reason, and never ends an exchange.
 */
#include <errno.h>

#include "proto/session_state.h"

static enum drop_reason drop(struct session *session, enum drop_reason reason, unsigned got,
	unsigned expected)
{
	session->drop_got = got;
	session->drop_expected = expected;
	return reason;
}

/* --- the Epoch --- */

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
}

/* RFC 6887, 8.5: mappings are re-made promptly; RFC 6886, 3.7: after 0 to 5 s. */
static void check_epoch(struct session *session, enum via via, uint32_t epoch, struct mono now)
{
	struct epoch_check check = via == VIA_PCP ? epoch_pcp(&session->epoch_pcp, epoch, now) :
						    epoch_natpmp(&session->epoch_natpmp, epoch, now);

	if (check.valid)
		return;
	epoch_event(session, via, &check, now);
	session->external_known = false;
	session->reset_at = now;
	if (mono_is_never(session->recover_at))
		session->recover_at = via == VIA_PCP ? now :
			mono_after(now, prng_between(&session->prng, 0, SESSION_RECOVERY_DELAY));
}

/* --- version 2 --- */

static void heard_pcp(struct session *session, const struct pcp_mapping *granted, struct mono now)
{
	struct event *event;

	session->heard = true;
	if (!version_heard_pcp(&session->version) || session->pcp_later)
		return;
	session->pcp_later = true;
	event = session_push(session, EVENT_VERSION, now);
	if (!event)
		return;
	event->version.change = VERSION_PCP_LATER;
	event->version.external_port = granted ? granted->external_port : 0;
}

/* Which part of an answer that belongs to no mapping is wrong? Looked for among
 * those that are awaited; only to tell the user. */
static enum drop_reason mismatch(struct session *session, const struct mapping_key *key)
{
	enum drop_reason reason = DROP_UNEXPECTED;
	struct entry *entry, *next;

	HASH_ITER(hh, session->by_key, entry, next) {
		const struct mapping_key *mine = &entry->key;
		bool nonce = memcmp(&mine->nonce, &key->nonce, sizeof(key->nonce)) == 0;

		if (!nonce && mine->protocol == key->protocol && mine->opcode == key->opcode &&
			mine->internal_port == key->internal_port)
			return drop(session, DROP_NONCE, 0, 0);
		if (!nonce)
			continue;
		if (mine->opcode != key->opcode)
			reason = drop(session, DROP_OPCODE, key->opcode, mine->opcode);
		else if (mine->protocol != key->protocol)
			reason = drop(session, DROP_PROTOCOL, key->protocol, mine->protocol);
		else if (mine->internal_port != key->internal_port)
			reason = drop(session, DROP_INTERNAL_PORT, key->internal_port,
				mine->internal_port);
		else
			reason = drop(session, DROP_REMOTE, key->remote_port, mine->remote_port);
	}
	return reason;
}

static enum drop_reason input_announce(struct session *session, const struct pcp_header *header,
	struct mono now)
{
	struct exchange *announce = &session->announce;
	bool first = !announce->heard.answered;

	/* Unsolicited ones count as well for the Epoch, but answer nothing. */
	check_epoch(session, VIA_PCP, header->epoch, now);
	if (announce->retry.sends == 0)
		return DROP_UNEXPECTED;
	heard_pcp(session, NULL, now);
	announce->under_way = announce->ready = false;
	announce->deadline = MONO_NEVER;
	if (!first)
		return DROP_DUPLICATE;
	announce->heard = (struct event_probe){
		.status = header->result == PCP_SUCCESS ? PROBE_OK : PROBE_ERROR,
		.answered = true,
		.version = PCP_VERSION,
		.has_epoch = true,
		.epoch = header->epoch,
		.result = header->result,
		.rtt = mono_since(now, announce->retry.first),
	};
	if (announce->retry.sends == 1)
		session->rtt_pcp = rtt_smooth(session->rtt_pcp, announce->heard.rtt);
	session_probe_settled(session, now);
	return DROP_NONE;
}

static enum drop_reason input_mapping(struct session *session, struct rd *r,
	const struct pcp_header *header, struct mono now)
{
	struct pcp_mapping data;
	struct mapping_key key;
	struct entry *entry;

	if (!pcp_mapping_decode(r, header->opcode, &data))
		return DROP_SHORT;
	key = (struct mapping_key){
		.nonce = data.nonce,
		.opcode = header->opcode,
		.protocol = data.protocol,
		.internal_port = data.internal_port,
		.remote_port = data.remote_port,
		.remote = data.remote_address,
	};
	HASH_FIND(hh, session->by_key, &key, sizeof(key), entry);
	if (!entry)
		return mismatch(session, &key);
	check_epoch(session, VIA_PCP, header->epoch, now);
	heard_pcp(session, header->result == PCP_SUCCESS ? &data : NULL, now);
	return session_pcp_answer(session, &entry->mapping, header, &data, now);
}

static enum drop_reason input_pcp(struct session *session, const uint8_t *data, size_t length,
	struct mono now)
{
	struct rd r = rd_on(data, length);
	struct pcp_header header;

	if (!(data[1] & 0x80))
		return DROP_REQUEST;
	if (length > PCP_MAX)
		return DROP_LONG;
	if (!pcp_header_decode(&r, &header))
		return DROP_SHORT;
	if (length % 4)
		return DROP_NOT_MULTIPLE;
	switch (header.opcode) {
	case PCP_ANNOUNCE:
		return input_announce(session, &header, now);
	case PCP_MAP:
	case PCP_PEER:
		return input_mapping(session, &r, &header, now);
	default:
		return drop(session, DROP_OPCODE, header.opcode, PCP_MAP);
	}
}

/* --- version 0 --- */

static void heard_natpmp(struct session *session, int64_t rtt, struct mono now)
{
	session->heard = true;
	version_heard_natpmp(&session->version, rtt, now);
}

static enum drop_reason input_address(struct session *session,
	const struct natpmp_response *response, struct mono now)
{
	struct exchange *address = &session->address;
	bool again = address->heard.answered && !address->under_way;

	if (address->retry.sends == 0)
		return DROP_UNEXPECTED;
	heard_natpmp(session, mono_since(now, address->retry.last), now);
	address->heard = (struct event_probe){
		.status = response->result == NATPMP_SUCCESS ? PROBE_OK : PROBE_ERROR,
		.answered = true,
		.version = NATPMP_VERSION,
		.has_epoch = response->has_epoch,
		.epoch = response->epoch,
		.result = response->result,
		.rtt = mono_since(now, address->retry.first),
	};
	if (address->retry.sends == 1)
		session->rtt_natpmp = rtt_smooth(session->rtt_natpmp, address->heard.rtt);
	session->external = response->external_address;
	session->external_refused = response->result != NATPMP_SUCCESS;
	session->external_wildcard = !session->external_refused && ip_is_any(&session->external);
	if (ip_is_any(&session->external))
		session->external = ip_any4;
	session->external_result = response->result;
	address->under_way = address->ready = false;
	address->deadline = MONO_NEVER;
	if (session->natpmp_waiting)
		session_address_settled(session, now);
	session_probe_settled(session, now);
	return again ? DROP_DUPLICATE : DROP_NONE;
}

static enum drop_reason input_natpmp_map(struct session *session,
	const struct natpmp_response *response, struct mono now)
{
	struct mapping *asking = session->natpmp_asking;
	uint8_t protocol = response->opcode == NATPMP_MAP_TCP ? PROTOCOL_TCP : PROTOCOL_UDP;

	if (!asking || !asking->awaiting)
		return DROP_UNEXPECTED;
	if (protocol != asking->want.protocol)
		return drop(session, DROP_PROTOCOL, protocol, asking->want.protocol);
	/* There is no nonce: the port is all that tells whose answer this is. An error
	 * may come without it (RFC 6886, 3.5), and is then for the one that is asked. */
	if (response->has_body && response->internal_port != asking->want.internal_port)
		return drop(session, DROP_INTERNAL_PORT, response->internal_port,
			asking->want.internal_port);
	heard_natpmp(session, mono_since(now, asking->retry.last), now);
	session_natpmp_answer(session, asking, response, now);
	return DROP_NONE;
}

static enum drop_reason input_natpmp(struct session *session, const uint8_t *data, size_t length,
	struct mono now)
{
	struct natpmp_response response;
	enum drop_reason reason;

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
		return drop(session, DROP_OPCODE, response.opcode, NATPMP_ADDRESS);
	reason = response.opcode == NATPMP_ADDRESS ? input_address(session, &response, now) :
						     input_natpmp_map(session, &response, now);
	if (response.has_epoch && (reason == DROP_NONE || response.opcode == NATPMP_ADDRESS))
		check_epoch(session, VIA_NAT_PMP, response.epoch, now);
	return reason;
}

/* --- which version --- */

static bool natpmp_asked(const struct session *session)
{
	return session->address.retry.sends > 0 || session->natpmp_asking;
}

static enum drop_reason input_version(struct session *session,
	const struct pcp_version_answer *answer, const uint8_t *data, size_t length,
	struct mono now)
{
	struct event *event;

	if (session->pcp_sends == 0 && answer->version != PCP_VERSION)
		return input_natpmp(session, data, length, now); /* it refuses its own version */
	session->heard = true;
	memcpy(session->version_octets, data, sizeof(session->version_octets));
	session->version_length = length;
	if (version_refused(&session->version, answer, natpmp_asked(session))) {
		event = session_push(session, EVENT_VERSION, now);
		if (event) {
			event->version.change = VERSION_SAID_NAT_PMP;
			memcpy(event->version.octets, data, sizeof(event->version.octets));
			event->version.length = length;
		}
		session_fall_back(session, now);
	}
	session_probe_settled(session, now);
	return DROP_NONE;
}

/* Our port is random and told to nobody else: an answer from another host is most
 * likely the server's, sent from another of its addresses (finding 6). */
static bool looks_like_answer(const uint8_t *data, size_t length)
{
	return length >= 4 && (data[0] == PCP_VERSION || data[0] == NATPMP_VERSION) &&
		(data[1] & 0x80);
}

static enum drop_reason input(struct session *session, const uint8_t *data, size_t length,
	const struct endpoint *from, struct mono now)
{
	const struct endpoint *server = &session->config.id.server;
	struct pcp_version_answer answer;

	if (!ip_equal(&from->address, &server->address) || from->scope != server->scope)
		return looks_like_answer(data, length) ? DROP_WRONG_ADDRESS : DROP_STRANGER;
	if (from->port != server->port)
		return drop(session, DROP_WRONG_PORT, from->port, server->port);
	if (length < 4)
		return DROP_SHORT;
	if (pcp_version_answer(data, length, &answer))
		return input_version(session, &answer, data, length, now);
	if (data[0] == PCP_VERSION)
		return input_pcp(session, data, length, now);
	if (data[0] == NATPMP_VERSION)
		return input_natpmp(session, data, length, now);
	return drop(session, DROP_VERSION, data[0], PCP_VERSION);
}

static void tell_drop(struct session *session, enum drop_reason reason, const uint8_t *data,
	size_t length, const struct endpoint *from, struct mono now)
{
	struct event *event = session_push(session, EVENT_DROPPED, now);

	if (!event)
		return;
	event->dropped.from = *from;
	event->dropped.reason = reason;
	event->dropped.length = length;
	event->dropped.got = session->drop_got;
	event->dropped.expected = session->drop_expected;
	memcpy(event->dropped.octets, data, length < 4 ? length : 4);
}

/* Is it an answer of the server that was asked, and not one to be understood? */
static bool is_malformed(enum drop_reason reason)
{
	return reason >= DROP_SHORT && reason <= DROP_REMOTE;
}

enum drop_reason session_input(struct session *session, const void *data, size_t length,
	const struct endpoint *from, struct mono now)
{
	const uint8_t *octets = data;
	enum drop_reason reason;

	session->drop_got = session->drop_expected = 0;
	reason = input(session, octets, length, from, now);
	if (reason == DROP_NONE)
		return reason;
	if (is_malformed(reason)) {
		if (length > 0 && octets[0] == NATPMP_VERSION)
			session->malformed_v0++;
		else
			session->malformed_v2++;
	}
	tell_drop(session, reason, octets, length, from, now);
	return reason;
}

bool session_recognises(const struct session *session, const void *data, size_t length)
{
	struct rd r = rd_on(data, length);
	struct pcp_header header;
	struct pcp_mapping mapping;
	struct entry *entry, *next;

	if (!pcp_header_decode(&r, &header) || !header.response ||
		!pcp_mapping_decode(&r, PCP_MAP, &mapping))
		return false;
	HASH_ITER(hh, session->by_key, entry, next) {
		if (memcmp(&entry->key.nonce, &mapping.nonce, sizeof(mapping.nonce)) == 0)
			return true;
	}
	return false;
}

/* --- ICMP --- */

/* Worse news for the verdict replaces better. */
static bool is_worse(const struct net_error *error, const struct net_error *than)
{
	return error->kind < than->kind;
}

/* Port unreachable from a middle box says nothing about the server. */
static bool is_final(const struct session *session, const struct net_error *error)
{
	if (error->kind == NET_ERROR_DENIED || error->kind == NET_ERROR_LOCAL)
		return true;
	if (error->kind == NET_ERROR_UNREACHABLE && error->local && error->error == ENETUNREACH)
		return true;
	return error->kind == NET_ERROR_PORT_UNREACHABLE &&
		(!error->has_offender ||
			ip_equal(&error->offender, &session->config.id.server.address));
}

static void end_all(struct session *session, struct mono now)
{
	struct entry *entry, *next;

	session->ended = true;
	HASH_ITER(hh, session->by_key, entry, next) {
		struct mapping *mapping = &entry->mapping;

		if (session_settled(mapping))
			continue;
		session_end(session, mapping);
		session_report(session, mapping, OUTCOME_UNREACHABLE, now);
	}
	session->natpmp_waiting = NULL;
	session_probe_report(session, now);
}

void session_error(struct session *session, const struct net_error *error, struct mono now)
{
	struct event *event;

	if (!session->has_error || is_worse(error, &session->error)) {
		session->has_error = true;
		session->error = *error;
		event = session_push(session, EVENT_ERROR, now);
		if (event)
			event->error.error = *error;
	}
	if (is_final(session, error) && !session->heard)
		end_all(session, now);
}

bool session_idle(const struct session *session)
{
	return session->unsettled == 0 && !session->probing;
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
	return session->window.used + (session->natpmp_asking ? 1 : 0);
}

bool session_pcp_ok(const struct session *session, struct mono *since)
{
	const struct exchange *announce = &session->announce;

	*since = mono_after(announce->retry.first, announce->heard.rtt);
	return announce->heard.status == PROBE_OK;
}
