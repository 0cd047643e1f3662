/* SPDX-License-Identifier: MIT
 * Events as a home network would give them, for the tests of findings and output.
 */
#ifndef UNIT_SAMPLE_EVENTS_H
#define UNIT_SAMPLE_EVENTS_H

#include <assert.h>
#include <string.h>

#include "base/words.h"
#include "proto/event.h"

/* 2026-11-22 12:03:10.123 UTC */
#define SAMPLE_NOW INT64_C(1795348990123)

static const struct pcp_options sample_no_options;

static inline struct ip sample_ip(const char *text)
{
	struct ip ip = { { 0 } };
	bool ok = ip_parse(text, &ip);

	assert(ok);
	(void)ok;
	return ip;
}

static inline struct server_id sample_server(const char *address)
{
	struct server_id id = { .found_by = FOUND_ROUTE };

	id.server.address = sample_ip(address);
	id.server.port = PCP_PORT;
	if (ip_is_link_local(&id.server.address))
		id.server.scope = 2;
	id.local = ip_is_v4(&id.server.address) ? sample_ip("192.168.1.10")
						: sample_ip("2a01:e0a:1:2::10");
	memcpy(id.interface, "eth0", 5);
	return id;
}

static inline struct event sample_event(enum event_kind kind)
{
	struct event event;

	memset(&event, 0, sizeof(event));
	event.kind = kind;
	event.at.ns = 1000 * SEC;
	event.wall_ms = SAMPLE_NOW;
	return event;
}

/* tcp 8080, asked with all that was wished granted. */
static inline struct event sample_grant(const char *server)
{
	struct event event = sample_event(EVENT_MAPPING);
	struct event_mapping *m = &event.mapping;

	m->outcome = OUTCOME_GRANTED;
	m->server = sample_server(server);
	m->via = VIA_PCP;
	m->opcode = PCP_MAP;
	m->protocol = PROTOCOL_TCP;
	m->internal_address = m->server.local;
	m->internal_port = m->suggested_port = m->external_port = 8080;
	m->suggested_address = ip_any(ip_family(&m->server.local));
	for (unsigned i = 0; i < PCP_NONCE; i++)
		m->nonce.octets[i] = (uint8_t)(0x11 * (i + 1));
	m->options = &sample_no_options;
	m->has_external_port = m->has_external_address = true;
	m->external_address =
		ip_is_v4(&m->server.local) ? sample_ip("82.64.12.7") : m->server.local;
	m->requested_lifetime = m->lifetime = 7200;
	m->answered = m->has_epoch = true;
	m->epoch = 3553200;
	m->rtt = 1234567;
	m->attempts = 1;
	return event;
}

static inline struct event sample_refusal(const char *server, enum via via, unsigned result)
{
	struct event event = sample_grant(server);
	struct event_mapping *m = &event.mapping;

	m->outcome = OUTCOME_REFUSED;
	m->via = via;
	m->result = result;
	m->error_lifetime = via == VIA_PCP ? 1800 : 0;
	m->lifetime = 0;
	m->has_external_port = m->has_external_address = false;
	return event;
}

static inline struct event sample_silence(const char *server)
{
	struct event event = sample_refusal(server, VIA_NONE, 0);

	event.mapping.outcome = OUTCOME_UNANSWERED;
	event.mapping.answered = event.mapping.has_epoch = false;
	event.mapping.attempts = 5;
	return event;
}

/* A router that speaks both protocols. */
static inline struct event sample_probe(const char *server)
{
	struct event event = sample_event(EVENT_SERVER);
	struct event_server *s = &event.server;

	s->server = sample_server(server);
	s->pcp = (struct event_probe){ .status = PROBE_OK,
		.answered = true,
		.version = 2,
		.has_epoch = true,
		.epoch = 3553200,
		.rtt = 1234567,
		.attempts = 1 };
	if (!ip_is_v4(&s->server.local))
		return event;
	s->nat_pmp = s->pcp;
	s->nat_pmp.version = 0;
	s->has_external = true;
	s->external_address = sample_ip("82.64.12.7");
	return event;
}

static inline struct event sample_error(
	const char *server, enum net_error_kind kind, uint8_t type, uint8_t code)
{
	struct event event = sample_event(EVENT_ERROR);
	struct net_error *error = &event.error.error;

	event.error.server = sample_server(server);
	error->kind = kind;
	error->type = type;
	error->code = code;
	error->has_offender = true;
	error->offender = event.error.server.server.address;
	error->to = event.error.server.server;
	return event;
}

static inline struct event sample_drop(const char *server, enum drop_reason reason)
{
	struct event event = sample_event(EVENT_DROPPED);
	struct event_dropped *d = &event.dropped;

	d->server = sample_server(server);
	d->from = d->server.server;
	d->reason = reason;
	d->length = 60;
	memcpy(d->octets, "\x02\x81\x00\x00", 4);
	return event;
}

static inline struct event sample_packet(const char *server, bool sent, const char *hex)
{
	struct event event = sample_event(EVENT_PACKET);
	struct event_packet *p = &event.packet;

	p->server = sample_server(server);
	p->sent = sent;
	p->length = p->whole = strlen(hex) / 2;
	assert(p->length <= PCP_MAX);
	for (size_t i = 0; i < p->length; i++) {
		char two[3] = { hex[2 * i], hex[2 * i + 1], 0 };
		bool ok = words_hex(two, &p->octets[i], 1);

		assert(ok);
		(void)ok;
	}
	return event;
}

#endif
