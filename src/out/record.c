/* SPDX-License-Identifier: MIT
 * The JSON form: one record on a line, the keys in the order of the manual. What
 * is not known has no key.
 */
#include <stdio.h>
#include <string.h>

#include "diag/phrase.h"
#include "out/form.h"
#include "out/json.h"
#include "out/outcome.h"
#include "out/record.h"
#include "out/when.h"
#include "wire/natpmp.h"

#define FOR_EVER UINT32_MAX /* a static mapping (RFC 6887, 15) */

/* --- parts of several records --- */

void record_put_server(const struct json *r, const struct server_id *id)
{
	char server[PHRASE_MAX];

	json_put_string(r, "server", phrase_server(id, server, sizeof(server)));
}

static void put_interface(const struct json *r, const struct server_id *id)
{
	if (id->interface[0])
		json_put_string(r, "interface", id->interface);
}

void record_put_result(const struct json *r, bool nat_pmp, unsigned result)
{
	char name[24];

	json_put_string(r, "result", codes_result_name(nat_pmp, result, name, sizeof(name)));
	json_put_number(r, "result_code", result);
}

void record_put_protocol(const struct json *r, const char *key, uint8_t protocol)
{
	char text[16];

	json_put_string(r, key,
		protocol == PROTOCOL_ALL ? "all" :
					   codes_protocol_text(protocol, text, sizeof(text)));
}

/* --- mapping --- */

static void put_filters(const struct json *r, const struct pcp_options *options)
{
	struct json list;

	if (options->filter_count == 0)
		return;
	list = json_put_list(r, "filters");
	for (size_t i = 0; i < options->filter_count; i++) {
		const struct pcp_filter *filter = &options->filters[i];
		char address[IP_TEXT_MAX], text[PHRASE_MAX];
		int length = pcp_filter_length(filter);

		ip_format(&filter->address, address);
		if (filter->prefix_length == 0)
			snprintf(text, sizeof(text), "none");
		else if (filter->port)
			snprintf(text, sizeof(text), "[%s/%d]:%u", address, length, filter->port);
		else
			snprintf(text, sizeof(text), "%s/%d", address, length);
		json_add_string(&list, text);
	}
}

static void put_sides(const struct json *r, const struct event_mapping *m)
{
	record_put_protocol(r, "protocol", m->protocol);
	json_put_ip(r, "internal_address", &m->internal_address);
	json_put_number(r, "internal_port", m->internal_port);
	if (m->has_external_address)
		json_put_ip(r, "external_address", &m->external_address);
	if (m->has_external_port)
		json_put_number(r, "external_port", m->external_port);
}

static void put_lifetimes(const struct json *r, const struct event_mapping *m, int64_t wall_ms)
{
	char time[WHEN_MAX];
	bool answer = outcome_is_answer(m) && m->outcome != OUTCOME_LOST;

	if (!m->deleting && !m->recorded)
		json_put_number(r, "requested_lifetime", m->requested_lifetime);
	if (answer)
		json_put_number(r, "lifetime", m->lifetime);
	if (answer && m->lifetime && m->lifetime != FOR_EVER)
		json_put_string(r, "expires_at",
			when_utc(wall_ms + (int64_t)m->lifetime * 1000, time, sizeof(time)));
}

/* What the server said; -P makes of another port what a server should have said
 * itself (RFC 6887, 13.2), which NAT-PMP has no number for. */
static void put_verdict(const struct json *r, const struct event_mapping *m)
{
	bool other = m->outcome == OUTCOME_REFUSED && m->refusal == REFUSAL_OTHER_EXTERNAL;

	if (other && m->via == VIA_NAT_PMP)
		json_put_string(r, "result", codes_pcp_result(PCP_CANNOT_PROVIDE_EXTERNAL)->name);
	else if (other)
		record_put_result(r, false, PCP_CANNOT_PROVIDE_EXTERNAL);
	else if (m->answered)
		record_put_result(r, m->via == VIA_NAT_PMP, m->result);
}

static void put_answer(const struct json *r, const struct event_mapping *m)
{
	bool nat_pmp = m->via == VIA_NAT_PMP;

	if (m->via != VIA_NONE) {
		json_put_string(r, "via", event_via_name(m->via));
		json_put_number(r, "version", nat_pmp ? NATPMP_VERSION : PCP_VERSION);
	}
	if (!nat_pmp && m->asked != VIA_NAT_PMP)
		json_put_hex(r, "nonce", m->nonce.octets, PCP_NONCE);
	if (m->answered && m->has_epoch)
		json_put_number(r, "epoch", m->epoch);
	put_verdict(r, m);
	if (m->answered && m->rtt > 0)
		json_put_ms(r, "rtt_ms", m->rtt);
	if (!m->recorded)
		json_put_number(r, "attempts", m->attempts);
}

static void put_asked(const struct json *r, const struct event_mapping *m)
{
	const struct pcp_options *options = m->options;

	if (!ip_is_any(&m->suggested_address))
		json_put_ip(r, "suggested_address", &m->suggested_address);
	if (m->suggested_port)
		json_put_number(r, "suggested_port", m->suggested_port);
	if (m->opcode == PCP_PEER) {
		json_put_ip(r, "remote_address", &m->remote_address);
		json_put_number(r, "remote_port", m->remote_port);
	}
	if (m->elsewhere)
		json_put_bool(r, "elsewhere", true);
	if (options->has_third_party)
		json_put_ip(r, "third_party", &options->third_party);
	put_filters(r, options);
	if (options->description)
		json_put_string(r, "description", options->description);
	if (options->has_port_set)
		json_put_number(r, "port_set",
			m->has_port_set ? m->port_set.size : options->port_set.size);
}

static void record_mapping(struct output *output, const struct event *event)
{
	const struct event_mapping *m = &event->mapping;
	struct json r = json_begin(output, "mapping", event->wall_ms);
	char reason[FORM_LINE_MAX];

	json_put_string(&r, "event", event_outcome_name(m->outcome));
	put_sides(&r, m);
	put_lifetimes(&r, m, event->wall_ms);
	record_put_server(&r, &m->server);
	put_interface(&r, &m->server);
	put_answer(&r, m);
	put_asked(&r, m);
	if (m->outcome == OUTCOME_REFUSED && m->error_lifetime)
		json_put_number(&r, "error_lifetime", m->error_lifetime);
	if (outcome_problem(m, event->wall_ms, reason, sizeof(reason)))
		json_put_string(&r, "reason", reason);
	json_end(&r);
}

/* --- server --- */

static void put_found_by(const struct json *r, unsigned bits)
{
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = {
		{ FOUND_ROUTE, "route" },
		{ FOUND_DHCP, "dhcp" },
		{ FOUND_ANYCAST, "anycast" },
		{ FOUND_OPTION, "option" },
	};
	struct json list = json_put_list(r, "found_by");

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (bits & names[i].bit)
			json_add_string(&list, names[i].name);
}

static void put_probe(const struct json *r, const struct event_probe *p, bool nat_pmp,
	const struct ip *external)
{
	struct json probe = json_put_object(r, nat_pmp ? "nat_pmp" : "pcp");

	json_put_string(&probe, "status", event_status_name(p->status));
	if (p->answered)
		json_put_number(&probe, "version", p->version);
	if (p->answered && p->has_epoch)
		json_put_number(&probe, "epoch", p->epoch);
	if (p->answered)
		record_put_result(&probe, nat_pmp, p->result);
	if (p->rtt > 0)
		json_put_ms(&probe, "rtt_ms", p->rtt);
	json_put_number(&probe, "attempts", p->attempts);
	if (external)
		json_put_ip(&probe, "external_address", external);
}

static void record_server(struct output *output, const struct event *event)
{
	const struct event_server *s = &event->server;
	struct json r = json_begin(output, "server", event->wall_ms);
	bool by_nat_pmp = s->has_external && s->nat_pmp.status == PROBE_OK;
	char host[PHRASE_MAX];

	json_put_string(&r, "server", phrase_host(&s->server, host, sizeof(host)));
	json_put_number(&r, "port", s->server.server.port);
	put_interface(&r, &s->server);
	put_found_by(&r, s->server.found_by);
	json_put_ip(&r, "client_address", &s->server.local);
	json_put_string(&r, "verdict", event_via_name(form_verdict(s)));
	if (s->has_external)
		json_put_ip(&r, "external_address", &s->external_address);
	put_probe(&r, &s->pcp, false, NULL);
	put_probe(&r, &s->nat_pmp, true, by_nat_pmp ? &s->external_address : NULL);
	json_end(&r);
}

static void record_servers(struct output *output, const struct event *events, size_t n)
{
	for (size_t i = 0; i < n; i++)
		record_server(output, &events[i]);
}

/* --- the rest --- */

static void record_epoch(struct output *output, const struct event *event)
{
	const struct event_epoch *e = &event->epoch;
	struct json r = json_begin(output, "epoch", event->wall_ms);

	record_put_server(&r, &e->server);
	json_put_string(&r, "via", event_via_name(e->via));
	json_put_string(&r, "event", e->regressed ? "regressed" : "ok");
	if (e->regressed && e->kind != EPOCH_UNKNOWN)
		json_put_string(&r, "kind", event_epoch_kind_name(e->kind));
	json_put_number(&r, "epoch", e->current);
	json_put_number(&r, "previous_epoch", e->previous);
	json_put_number(&r, "expected_epoch", e->expected);
	json_put_number(&r, "elapsed", e->elapsed);
	json_end(&r);
}

static void record_event(struct output *output, const struct event *event)
{
	if (event->kind == EVENT_EPOCH)
		record_epoch(output, event);
	else if (event->kind == EVENT_ANNOUNCE)
		announce_record(output, event);
	else if (event->kind != EVENT_PACKET)
		text_event(output, event); /* no record of its own: a line on stderr */
	else if (output->settings.verbose > 0)
		record_packet(output, event);
}

static void record_finding(struct output *output, const struct finding *finding,
	const struct event *when)
{
	struct json r = json_begin(output, "finding", when ? when->wall_ms : 0);
	char text[FORM_LINE_MAX], since[WHEN_MAX];

	json_put_string(&r, "id", finding->id);
	json_put_string(&r, "severity", findings_severity_name(finding->severity));
	record_put_server(&r, &finding->server);
	form_finding_text(finding, when_utc(finding->since_ms, since, sizeof(since)), text,
		sizeof(text));
	json_put_string(&r, "text", text);
	if (finding->advice[0])
		json_put_string(&r, "advice", finding->advice);
	json_end(&r);
}

static void record_error(struct output *output, int64_t wall_ms, int exit_status, const char *text)
{
	struct json r = json_begin(output, "error", wall_ms);

	json_put_string(&r, "text", text);
	json_put_number(&r, "exit", exit_status);
	json_end(&r);
	form_err(output, text, NULL);
}

const struct form form_json = {
	.mapping = record_mapping,
	.servers = record_servers,
	.event = record_event,
	.dry = record_packet,
	.finding = record_finding,
	.error = record_error,
	.note = text_note,
};
