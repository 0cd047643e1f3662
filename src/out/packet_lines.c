/* SPDX-License-Identifier: MIT
 * The fields of a datagram, a line each, under the names that the RFCs give them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "diag/phrase.h"
#include "out/packet.h"

#define LINE_MAX_ (PACKET_VALUE_MAX + 80)
#define HEX_SHOWN 64 /* digits of a field without a form; -vv shows all */

struct lines {
	void (*line)(void *context, const char *text);
	void *context;
};

__attribute__((format(printf, 3, 4))) static void field(const struct lines *to, const char *name,
	const char *format, ...)
{
	char line[LINE_MAX_];
	int n = snprintf(line, sizeof(line), "%-30s ", name);
	va_list ap;

	va_start(ap, format);
	vsnprintf(line + n, sizeof(line) - (size_t)n, format, ap);
	va_end(ap);
	for (size_t end = strlen(line); end > 0 && line[end - 1] == ' '; end--)
		line[end - 1] = '\0';
	to->line(to->context, line);
}

static void field_seconds(const struct lines *to, const char *name, uint32_t seconds)
{
	char text[PHRASE_MAX];

	if (seconds < 60)
		field(to, name, "%u s", seconds);
	else
		field(to, name, "%u s (%s)", seconds, phrase_duration(seconds, text, sizeof(text)));
}

static void field_address(const struct lines *to, const char *name, const struct ip *ip)
{
	char text[IP_TEXT_MAX];

	ip_format(ip, text);
	if (ip_is_any(ip))
		field(to, name, "%s (any IPv%c)", text, ip_is_v4(ip) ? '4' : '6');
	else
		field(to, name, "%s", text);
}

static void field_hex(const struct lines *to, const char *name, const struct rd *rest)
{
	char text[HEX_SHOWN + 1];
	size_t n = rd_left(rest);

	if (n > 0)
		field(to, name, "%s%s (%zu octet%s)", packet_hex(rest->p, n, text, sizeof(text)),
			2 * n > HEX_SHOWN ? "..." : "", n, n == 1 ? "" : "s");
}

static void field_result(const struct lines *to, bool nat_pmp, unsigned result)
{
	const struct code_result *known =
		nat_pmp ? codes_natpmp_result(result) : codes_pcp_result(result);

	field(to, "Result Code", "%u (%s)", result, known ? known->name : "unknown");
}

static void opcode_line(const struct lines *to, const struct packet *p, const char *name)
{
	field(to, "Version", "%u", p->version);
	/* NAT-PMP counts the top bit into the opcode; in PCP it is the R bit */
	field(to, "Opcode", "%u (%s), %s",
		p->kind == PACKET_NAT_PMP && p->response ? p->opcode + 128u : p->opcode,
		name ? name : "unknown",
		p->response	      ? "response" :
			p->has_answer ? "the top bit of a response is missing" :
					"request");
}

/* --- PCP --- */

static void header_lines(const struct lines *to, const struct packet *p)
{
	const struct pcp_header *h = &p->header;

	opcode_line(to, p, codes_pcp_opcode(p->opcode));
	if (!p->has_header)
		return;
	if (h->response) {
		field_result(to, false, h->result);
		field_seconds(to, "Lifetime", h->lifetime);
		field_seconds(to, "Epoch Time", h->epoch);
	} else {
		field_seconds(to, "Requested Lifetime", h->lifetime);
		field_address(to, "PCP Client's IP Address", &h->client);
	}
	if (!h->reserved_zero)
		field(to, "Reserved", "not zero (to be ignored)");
}

static void mapping_lines(const struct lines *to, const struct packet *p)
{
	const struct pcp_mapping *m = &p->mapping;
	/* an error gives back what was suggested (RFC 6887, 11.1) */
	bool assigned = p->header.response && p->header.result == PCP_SUCCESS;
	const char *protocol = codes_protocol_name(m->protocol);
	char text[2 * PCP_NONCE + 1];

	field(to, "Mapping Nonce", "%s",
		packet_hex(m->nonce.octets, PCP_NONCE, text, sizeof(text)));
	if (m->protocol == PROTOCOL_ALL)
		field(to, "Protocol", "0 (all)");
	else if (protocol)
		field(to, "Protocol", "%u (%s)", m->protocol, protocol);
	else
		field(to, "Protocol", "%u", m->protocol);
	field(to, "Internal Port", m->internal_port ? "%u" : "%u (all)", m->internal_port);
	field(to, assigned ? "Assigned External Port" : "Suggested External Port",
		m->external_port || assigned ? "%u" : "%u (any)", m->external_port);
	field_address(to,
		assigned ? "Assigned External IP Address" : "Suggested External IP Address",
		&m->external_address);
	if (p->opcode == PCP_PEER) {
		field(to, "Remote Peer Port", "%u", m->remote_port);
		field_address(to, "Remote Peer IP Address", &m->remote_address);
	}
}

static void option_line(const struct lines *to, const struct pcp_option *option)
{
	const struct code_option *known = codes_option(option->code);
	char name[48], value[PACKET_VALUE_MAX];
	const char *quote = option->code == PCP_OPTION_DESCRIPTION ? "\"" : "";
	bool sound =
		known && option->length >= known->min_length && option->length <= known->max_length;

	if (known)
		snprintf(name, sizeof(name), "Option %s", known->name);
	else
		snprintf(name, sizeof(name), "Option %u (unknown, %s)", option->code,
			option->code & 0x80 ? "optional" : "mandatory");
	packet_option_value(option, value, sizeof(value));
	if (!known)
		field(to, name, "%s%s(%u octets)", value, value[0] ? " " : "", option->length);
	else if (!sound)
		field(to, name, "%s%s(%u octets: not a length of this option)", value,
			value[0] ? " " : "", option->length);
	else
		field(to, name, "%s%s%s", quote, value, quote);
}

static void option_lines(const struct lines *to, const struct packet *p)
{
	struct rd r = p->rest, before = r;
	struct pcp_option option;

	while (pcp_option_next(&r, &option)) {
		option_line(to, &option);
		before = r;
	}
	if (r.bad)
		field_hex(to, "Options, malformed from here", &before);
}

/* --- NAT-PMP --- */

static void request_lines(const struct lines *to, const struct natpmp_request *request)
{
	if (request->opcode == NATPMP_ADDRESS)
		return;
	field(to, "Internal Port", "%u", request->internal_port);
	field(to, "Suggested External Port", "%u", request->external_port);
	field_seconds(to, "Requested Lifetime", request->lifetime);
}

static void answer_lines(const struct lines *to, const struct natpmp_response *answer)
{
	field_result(to, true, answer->result);
	if (answer->has_epoch)
		field_seconds(to, "Seconds Since Start of Epoch", answer->epoch);
	if (!answer->has_body)
		return;
	if (answer->opcode == NATPMP_ADDRESS) {
		field_address(to, "External IPv4 Address", &answer->external_address);
		return;
	}
	field(to, "Internal Port", "%u", answer->internal_port);
	field(to, "Mapped External Port", "%u", answer->external_port);
	field_seconds(to, "Lifetime", answer->lifetime);
}

void packet_lines(const struct packet *p, void (*line)(void *context, const char *text),
	void *context)
{
	struct lines to = { line, context };

	if (p->kind == PACKET_PCP) {
		header_lines(&to, p);
		if (p->has_mapping)
			mapping_lines(&to, p);
		if (p->has_session) {
			field(&to, "Session ID", "0x%08x", p->session);
			field(&to, "Sequence Number", "%u", p->sequence);
		}
	} else if (p->kind == PACKET_NAT_PMP) {
		opcode_line(&to, p, codes_natpmp_opcode(p->opcode));
		if (p->has_request)
			request_lines(&to, &p->request);
		if (p->has_answer)
			answer_lines(&to, &p->answer);
	}
	if (p->rest_is_options)
		option_lines(&to, p);
	else
		field_hex(&to, p->kind == PACKET_UNKNOWN ? "Octets" : "Octets after that",
			&p->rest);
}

void packet_dump(const uint8_t *data, size_t n, void (*line)(void *context, const char *text),
	void *context)
{
	for (size_t at = 0; at < n; at += 16) {
		char text[96];
		size_t used = (size_t)snprintf(text, sizeof(text), "%04zx", at);

		for (size_t i = at; i < at + 16; i++)
			used += (size_t)(i < n ? snprintf(text + used, sizeof(text) - used,
							 "%s%02x", i % 8 ? " " : "  ", data[i]) :
						 snprintf(text + used, sizeof(text) - used, "%s",
							 i % 8 ? "   " : "    "));
		used += (size_t)snprintf(text + used, sizeof(text) - used, "  |");
		for (size_t i = at; i < n && i < at + 16; i++)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%c",
				data[i] >= 0x20 && data[i] < 0x7f ? data[i] : '.');
		snprintf(text + used, sizeof(text) - used, "|");
		line(context, text);
	}
}
