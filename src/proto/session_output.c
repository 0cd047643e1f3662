/* SPDX-License-Identifier: MIT
 * What a session sends next: probes, then what is due again, then what waits.
 */
#include "proto/session_state.h"
#include "wire/natpmp.h"

static struct mono exchange_sent(struct session *session, struct exchange *exchange,
	const struct schedule *schedule, int64_t rtt, struct mono now)
{
	struct mono next = retry_sent(&exchange->retry, schedule, rtt, now, &session->prng);

	exchange->ready = false;
	exchange->out = true;
	return next;
}

static void count_pcp(struct session *session, struct mono now)
{
	if (session->pcp_sends++ == 0)
		session->pcp_first = now;
}

static bool send_announce(struct session *session, struct mono now, struct datagram *out)
{
	struct pcp_request request = {
		.opcode = PCP_ANNOUNCE,
		.client = session->config.id.local,
	};

	session->announce.deadline = exchange_sent(session, &session->announce, session->config.pcp,
		session->rtt_pcp, now);
	session_rumour_asked(session, VIA_PCP, now);
	count_pcp(session, now);
	return pcp_encode(&request, out->octets, &out->length) == PCP_ENCODE_OK;
}

static bool send_address(struct session *session, struct mono now, struct datagram *out)
{
	struct natpmp_request request = { .opcode = NATPMP_ADDRESS };

	session->address.deadline = exchange_sent(session, &session->address,
		session->config.natpmp, session->rtt_natpmp, now);
	session_rumour_asked(session, VIA_NAT_PMP, now);
	session->natpmp_sends++;
	return natpmp_encode(&request, out->octets, &out->length);
}

/* RFC 6887, 15.1 and erratum 3621: a delete suggests port 0 and the wildcard of
 * the mapping's own external family, and carries only the options that are part
 * of the mapping's identity. */
static void delete_fields(const struct mapping *mapping, struct pcp_request *request)
{
	const struct pcp_options *options = &mapping->want.options;
	const struct ip *external = mapping->grant.held ? &mapping->grant.external_address :
							  &mapping->want.external_address;

	request->lifetime = 0;
	request->mapping.external_port = 0;
	request->mapping.external_address = ip_any(ip_family(external));
	request->options = (struct pcp_options){
		.has_third_party = options->has_third_party,
		.third_party = options->third_party,
		.has_port_set = options->has_port_set,
		.port_set = options->port_set,
	};
}

/* RFC 6887, 11.2.1: a renewal suggests what was assigned. */
static void suggest(const struct mapping *mapping, struct pcp_mapping *data)
{
	const struct grant *grant = &mapping->grant;
	bool again = grant->held || mapping->lost;

	data->external_port = again ? grant->external_port : mapping->want.external_port;
	data->external_address = mapping->want.external_address;
	if (again && !mapping->without_address && !ip_is_any(&grant->external_address))
		data->external_address = grant->external_address;
	if (!mapping->bare)
		return;
	data->external_port = 0;
	data->external_address = ip_any(ip_family(&mapping->want.external_address));
}

static enum pcp_encode encode_pcp(const struct session *session, const struct mapping *mapping,
	struct datagram *out)
{
	const struct want *want = &mapping->want;
	struct pcp_request request = {
		.opcode = want->opcode,
		.lifetime = want->lifetime,
		.client = session->config.id.local,
		.mapping = {
			.nonce = want->nonce,
			.protocol = want->protocol,
			.internal_port = want->internal_port,
			.remote_port = want->remote_port,
			.remote_address = want->remote_address,
		},
		.options = want->options,
	};

	suggest(mapping, &request.mapping);
	if (session_deletes(mapping))
		delete_fields(mapping, &request);
	return pcp_encode(&request, out->octets, &out->length);
}

static bool encode_natpmp(const struct mapping *mapping, struct datagram *out)
{
	const struct want *want = &mapping->want;
	bool again = mapping->grant.held || mapping->lost;
	struct natpmp_request request = {
		.opcode = want->protocol == PROTOCOL_TCP ? NATPMP_MAP_TCP : NATPMP_MAP_UDP,
		.internal_port = want->internal_port,
		.external_port = again	    ? mapping->grant.external_port :
			mapping->suggestion ? mapping->suggestion :
					      want->external_port,
		.lifetime = want->lifetime,
	};

	if (session_deletes(mapping))
		request.external_port = 0, request.lifetime = 0;
	return natpmp_encode(&request, out->octets, &out->length);
}

static struct mono mapping_sent(struct session *session, struct mapping *mapping, struct mono now)
{
	bool pcp = mapping->via == VIA_PCP;
	struct schedule schedule = session_schedule(session, mapping);
	struct mono place = mono_after(now, SESSION_PLACE);

	mapping->again = retry_sent(&mapping->retry, &schedule,
		pcp ? session->rtt_pcp : session->rtt_natpmp, now, &session->prng);
	mapping->attempts++;
	mapping->awaiting = true;
	if (pcp)
		count_pcp(session, now);
	else
		session->natpmp_sends++;
	return session_keeps(session, mapping) ? mono_min(mapping->again, place) : mapping->again;
}

/* False when the encoder refused it: the mapping is refused with its reason. */
static bool send_pcp(struct session *session, struct mapping *mapping, struct mono now,
	struct datagram *out)
{
	enum pcp_encode reason = encode_pcp(session, mapping, out);

	session_queue(session, mapping, -1);
	if (reason != PCP_ENCODE_OK) {
		session_refuse(session, mapping, REFUSAL_ENCODE, pcp_encode_reason(reason), now);
		return false;
	}
	if (!mapping->outstanding)
		window_take(&session->window);
	mapping->outstanding = true;
	session_set(session, mapping, MAPPING_ASKING, mapping_sent(session, mapping, now));
	return true;
}

static bool send_natpmp(struct session *session, struct mapping *mapping, struct mono now,
	struct datagram *out)
{
	session_queue(session, mapping, -1);
	if (!encode_natpmp(mapping, out)) {
		session_refuse(session, mapping, REFUSAL_ENCODE, "not a NAT-PMP request", now);
		return false;
	}
	session->natpmp_asking = mapping;
	session_set(session, mapping, MAPPING_ASKING, mapping_sent(session, mapping, now));
	return true;
}

/* RFC 6886, 3.1: one request at a time. A mapping that waits for the external
 * address has the line as well. */
static bool natpmp_output(struct session *session, struct mono now, struct datagram *out)
{
	struct mapping *asking = session->natpmp_asking;

	if (session->address.out && !session->config.unlimited)
		return false;
	if (asking) {
		if (asking->state == MAPPING_ASKING && mono_is_never(asking->due))
			return send_natpmp(session, asking, now, out);
		return false;
	}
	if (session->address.ready)
		return send_address(session, now, out);
	if (session->natpmp_waiting && !session->config.unlimited)
		return false;
	while (session->queues[QUEUE_NAT_PMP]) {
		if (send_natpmp(session, session->queues[QUEUE_NAT_PMP], now, out)) {
			if (session->config.unlimited)
				session->natpmp_asking = NULL;
			return true;
		}
	}
	return false;
}

/* The next that waits for a place, but for what has become pointless while it waited. */
static bool send_waiting(struct session *session, struct mono now, struct datagram *out)
{
	while (session->queues[QUEUE_PCP] && window_has_room(&session->window)) {
		struct mapping *mapping = session->queues[QUEUE_PCP];

		if (!session_hold_back(session, mapping, now) &&
			send_pcp(session, mapping, now, out))
			return true;
	}
	return false;
}

static bool pcp_output(struct session *session, struct mono now, struct datagram *out)
{
	if (session->announce.ready)
		return send_announce(session, now, out);
	while (session->queues[QUEUE_RESEND]) {
		if (send_pcp(session, session->queues[QUEUE_RESEND], now, out))
			return true;
	}
	return send_waiting(session, now, out);
}

bool session_output(struct session *session, struct mono now, struct datagram *out)
{
	if (session->ended)
		return false;
	return pcp_output(session, now, out) || natpmp_output(session, now, out);
}
