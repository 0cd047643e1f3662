/* SPDX-License-Identifier: MIT
 * The `packet` record: every field of a datagram under a key of its own.
 */
#include "diag/phrase.h"
#include "out/packet.h"
#include "out/record.h"

static void put_pcp(const struct json *r, const struct packet *p)
{
	const struct pcp_header *h = &p->header;

	if (!p->has_header)
		return;
	if (h->response)
		record_put_result(r, false, h->result);
	json_put_number(r, "lifetime", h->lifetime);
	if (h->response)
		json_put_number(r, "epoch", h->epoch);
	else
		json_put_ip(r, "client_address", &h->client);
}

static void put_pcp_mapping(const struct json *r, const struct packet *p)
{
	const struct pcp_mapping *m = &p->mapping;
	bool assigned = p->header.response && p->header.result == PCP_SUCCESS;

	if (!p->has_mapping)
		return;
	json_put_hex(r, "nonce", m->nonce.octets, PCP_NONCE);
	record_put_protocol(r, "mapping_protocol", m->protocol);
	json_put_number(r, "internal_port", m->internal_port);
	json_put_number(r, assigned ? "external_port" : "suggested_port", m->external_port);
	json_put_ip(r, assigned ? "external_address" : "suggested_address", &m->external_address);
	if (p->opcode != PCP_PEER)
		return;
	json_put_number(r, "remote_port", m->remote_port);
	json_put_ip(r, "remote_address", &m->remote_address);
}

static void put_packet_options(const struct json *r, const struct packet *p)
{
	struct json list = json_put_list(r, "options");
	struct pcp_option option;
	struct rd rest = p->rest;

	while (p->rest_is_options && pcp_option_next(&rest, &option)) {
		struct json one = json_add_object(&list);
		const struct code_option *known = codes_option(option.code);
		char value[PACKET_VALUE_MAX];

		json_put_number(&one, "code", option.code);
		if (known)
			json_put_string(&one, "name", known->name);
		json_put_number(&one, "length", option.length);
		packet_option_value(&option, value, sizeof(value));
		json_put_shown(&one, "value", value);
	}
	if (p->rest_is_options && rest.bad)
		json_put_bool(r, "options_malformed", true);
}

static void put_natpmp_request(const struct json *r, const struct natpmp_request *request)
{
	if (request->opcode == NATPMP_ADDRESS)
		return;
	json_put_number(r, "lifetime", request->lifetime);
	json_put_number(r, "internal_port", request->internal_port);
	json_put_number(r, "suggested_port", request->external_port);
}

static void put_natpmp_answer(const struct json *r, const struct natpmp_response *answer)
{
	record_put_result(r, true, answer->result);
	if (answer->has_body && answer->opcode != NATPMP_ADDRESS)
		json_put_number(r, "lifetime", answer->lifetime);
	if (answer->has_epoch)
		json_put_number(r, "epoch", answer->epoch);
	if (!answer->has_body)
		return;
	if (answer->opcode == NATPMP_ADDRESS) {
		json_put_ip(r, "external_address", &answer->external_address);
		return;
	}
	json_put_number(r, "internal_port", answer->internal_port);
	json_put_number(r, "external_port", answer->external_port);
}

static void put_head(const struct json *r, const struct event_packet *e, const struct packet *p)
{
	char peer[PHRASE_MAX];

	json_put_string(r, "direction", e->sent ? "sent" : "received");
	json_put_string(r, "peer", phrase_server(&e->server, peer, sizeof(peer)));
	json_put_number(r, "length", (int64_t)e->whole);
	if (p->kind != PACKET_UNKNOWN)
		json_put_string(r, "protocol", p->kind == PACKET_PCP ? "pcp" : "nat-pmp");
	if (e->length < 2)
		return;
	json_put_number(r, "version", p->version);
	json_put_number(r, "opcode", p->opcode);
	json_put_bool(r, "response", p->response);
}

void record_packet(struct output *output, const struct event *event)
{
	const struct event_packet *e = &event->packet;
	struct json r = json_begin(output, "packet", event->wall_ms);
	struct packet p;

	packet_decode(e->octets, e->length, &p);
	put_head(&r, e, &p);
	put_pcp(&r, &p);
	put_pcp_mapping(&r, &p);
	if (p.has_request)
		put_natpmp_request(&r, &p.request);
	if (p.has_answer)
		put_natpmp_answer(&r, &p.answer);
	put_packet_options(&r, &p);
	json_put_hex(&r, "hex", e->octets, e->length);
	if (!e->sent && e->drop != DROP_NONE)
		json_put_string(&r, "dropped", event_drop_name(e->drop));
	if (e->dry)
		json_put_bool(&r, "dry_run", true);
	json_end(&r);
}
