/* SPDX-License-Identifier: MIT
 * What came from the network, in the order of RFC 6887, 8.3: what does not match
 * is dropped with its reason, and never ends an exchange.
 */
#include "proto/session_state.h"

enum drop_reason session_drop(struct session *session, enum drop_reason reason, unsigned got,
	unsigned expected)
{
	session->drop_got = got;
	session->drop_expected = expected;
	return reason;
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
		return session_drop(session, DROP_WRONG_PORT, from->port, server->port);
	if (length >= 2 && session_refused_short(session, data, length, now))
		return session_drop(session, DROP_VERSION, data[0], NATPMP_VERSION);
	if (length < 4)
		return DROP_SHORT;
	if (pcp_version_answer(data, length, &answer))
		return session_input_version(session, &answer, data, length, now);
	if (data[0] == PCP_VERSION)
		return session_input_pcp(session, data, length, now);
	if (data[0] == NATPMP_VERSION)
		return session_input_natpmp(session, data, length, now);
	return session_drop(session, DROP_VERSION, data[0], PCP_VERSION);
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
static bool is_malformed(enum drop_reason reason, const uint8_t *data)
{
	return reason >= DROP_SHORT && reason <= DROP_OPCODE &&
		(reason != DROP_VERSION || data[0] != PCP_VERSION);
}

enum drop_reason session_input(struct session *session, const void *data, size_t length,
	const struct endpoint *from, struct mono now)
{
	const uint8_t *octets = data;
	enum drop_reason reason;

	session->drop_got = session->drop_expected = 0;
	session->moved = false;
	reason = input(session, octets, length, from, now);
	if (reason == DROP_NONE) {
		session_keep_open(session, now);
		if (session->silent)
			session_wake(session, now);
		return reason;
	}
	if (is_malformed(reason, octets)) {
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
