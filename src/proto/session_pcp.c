/* SPDX-License-Identifier: MIT
 * Answers of PCP version 2: whose they are (RFC 6887, 8.3 and 11.4).
 */
#include "proto/session_state.h"

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
			return session_drop(session, DROP_NONCE, 0, 0);
		if (!nonce)
			continue;
		if (mine->opcode != key->opcode)
			reason = session_drop(session, DROP_OPCODE, key->opcode, mine->opcode);
		else if (mine->protocol != key->protocol)
			reason =
				session_drop(session, DROP_PROTOCOL, key->protocol, mine->protocol);
		else if (mine->internal_port != key->internal_port)
			reason = session_drop(session, DROP_INTERNAL_PORT, key->internal_port,
				mine->internal_port);
		else
			reason = session_drop(session, DROP_REMOTE, key->remote_port,
				mine->remote_port);
	}
	return reason;
}

static enum drop_reason input_announce(struct session *session, const struct pcp_header *header,
	struct mono now)
{
	struct exchange *announce = &session->announce;
	bool first = !announce->heard.answered, timed = announce->out;
	struct epoch_check check;

	/* Unsolicited ones count as well for the Epoch, but answer nothing. */
	check = session_check_epoch(session, VIA_PCP, header->epoch, now);
	if (announce->retry.sends == 0)
		return DROP_UNEXPECTED;
	session_sampled(session, VIA_PCP, &check, mono_since(now, announce->retry.last), now);
	heard_pcp(session, NULL, now);
	announce->under_way = announce->ready = announce->out = false;
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
	if (announce->retry.sends == 1 && timed)
		session->rtt_pcp = rtt_smooth(session->rtt_pcp, announce->heard.rtt);
	session_probe_settled(session, now);
	return DROP_NONE;
}

/* What of a port set was granted: a smaller one, or one port only when the option does
 * not come back (RFC 7753, 4). An echo of the request looks the same as a grant. */
static void note_port_set(struct mapping *mapping, struct rd options,
	const struct pcp_mapping *data)
{
	struct pcp_option option;

	mapping->port_set = (struct pcp_port_set){ 1, data->internal_port, false };
	while (pcp_option_next(&options, &option))
		pcp_option_port_set(&option, &mapping->port_set);
}

/* The port set that asked for these ports among others. */
static struct mapping *whole_of(struct session *session, const struct mapping_key *key)
{
	struct entry *entry, *next;

	HASH_ITER(hh, session->by_key, entry, next) {
		const struct want *want = &entry->mapping.want;
		unsigned first = want->internal_port;

		if (want->options.has_port_set && want->opcode == key->opcode &&
			want->protocol == key->protocol && entry->mapping.state != MAPPING_ENDED &&
			!session_deletes(&entry->mapping) && key->internal_port > first &&
			key->internal_port < first + want->options.port_set.size &&
			memcmp(&want->nonce, &key->nonce, sizeof(key->nonce)) == 0)
			return &entry->mapping;
	}
	return NULL;
}

/* The set overlaps what was mapped before: each part is answered apart (RFC 7753, 4.4.1),
 * and has a life of its own. A part of one port has no option. */
static enum drop_reason input_part(struct session *session, struct mapping *whole,
	struct rd options, const struct pcp_header *header, const struct pcp_mapping *data,
	struct mono now)
{
	struct mapping *part = session_add_part(session, whole, data->internal_port);

	if (!part)
		return DROP_NONE;
	note_port_set(part, options, data);
	part->want.options.port_set = part->port_set;
	part->want.options.has_port_set = part->port_set.size > 1;
	part->want.external_port = data->external_port;
	session_check_epoch(session, VIA_PCP, header->epoch, now);
	heard_pcp(session, data, now);
	return session_part_granted(session, part, header, data, now);
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
	if (!entry) {
		struct mapping *whole =
			header->result == PCP_SUCCESS ? whole_of(session, &key) : NULL;

		return whole ? input_part(session, whole, *r, header, &data, now) :
			       mismatch(session, &key);
	}
	/* Our own request sent back with the R bit set: it names no address, and where an
	 * answer that was understood has zeros it has the end of ours (RFC 6887, 7.2). */
	if (header->result == PCP_SUCCESS && !header->reserved_zero &&
		ip_is_any(&data.external_address))
		return DROP_REQUEST;
	session->moved = header->result == PCP_SUCCESS && entry->mapping.grant.held &&
		!session_deletes(&entry->mapping) &&
		!ip_equal(&entry->mapping.grant.external_address, &data.external_address);
	if (entry->mapping.want.options.has_port_set && header->result == PCP_SUCCESS)
		note_port_set(&entry->mapping, *r, &data);
	session_check_epoch(session, VIA_PCP, header->epoch, now);
	heard_pcp(session, header->result == PCP_SUCCESS ? &data : NULL, now);
	return session_pcp_answer(session, &entry->mapping, header, &data, now);
}

enum drop_reason session_input_pcp(struct session *session, const uint8_t *data, size_t length,
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
		return session_drop(session, DROP_OPCODE, header.opcode, PCP_MAP);
	}
}
