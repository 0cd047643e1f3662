/* SPDX-License-Identifier: MIT
 * A datagram -> what is in it.
 */
#include "out/packet.h"

#include <stdio.h>
#include <string.h>

#include "diag/phrase.h"
#include "out/visible.h"

/* --- octets -> fields --- */

static void decode_pcp(struct packet *p)
{
	struct rd r = rd_on(p->data, p->length);

	p->has_header = pcp_header_decode(&r, &p->header);
	if (!p->has_header) {
		rd_take(&p->rest, 2);
		return;
	}
	p->rest = r;
	p->rest_is_options = p->opcode == PCP_ANNOUNCE;
	if (p->opcode == PCP_MAP || p->opcode == PCP_PEER)
		p->has_mapping = pcp_mapping_decode(&r, p->opcode, &p->mapping);
	if (p->opcode == PCP_AUTHENTICATION) {
		p->session = rd_u32(&r);
		p->sequence = rd_u32(&r);
		p->has_session = !r.bad;
	}
	if (p->has_mapping || p->has_session) {
		p->rest = r;
		p->rest_is_options = true;
	}
}

static size_t natpmp_length(const struct packet *p)
{
	const struct natpmp_response *a = &p->answer;

	if (!a->has_epoch)
		return 4;
	if (!a->has_body)
		return NATPMP_ERROR_MIN;
	return a->opcode == NATPMP_ADDRESS ? NATPMP_ADDRESS_RESPONSE : NATPMP_MAP_RESPONSE;
}

/* "Version not supported" may be as short as 4 octets, and without the top bit, as
 * RFC 6886, 3.5, prints it (erratum 3618). No request looks like this. */
static bool decode_refusal(struct packet *p)
{
	struct rd r = rd_on(p->data, p->length);
	struct pcp_version_answer answer;

	if (!pcp_version_answer(p->data, p->length, &answer))
		return false;
	p->answer =
		(struct natpmp_response){ .opcode = p->opcode, .result = NATPMP_UNSUPP_VERSION };
	rd_take(&r, 4);
	p->answer.epoch = rd_u32(&r);
	p->answer.has_epoch = !r.bad;
	return true;
}

static void decode_natpmp(struct packet *p)
{
	size_t length = 2;

	if (p->response)
		p->has_answer =
			natpmp_response_decode(p->data, p->length, &p->answer) == NATPMP_DECODE_OK;
	else
		p->has_request = natpmp_request_decode(p->data, p->length, &p->request);
	if (!p->has_answer && !p->has_request)
		p->has_answer = decode_refusal(p);
	if (p->has_answer)
		length = natpmp_length(p);
	else if (p->has_request)
		length = p->length;
	rd_take(&p->rest, length);
}

void packet_decode(const uint8_t *data, size_t n, struct packet *out)
{
	struct packet p = { .data = data, .length = n, .rest = rd_on(data, n) };

	if (n >= 2) {
		p.version = data[0];
		p.response = data[1] & 0x80;
		p.opcode = data[1] & 0x7f;
		p.kind = p.version == PCP_VERSION   ? PACKET_PCP :
			p.version == NATPMP_VERSION ? PACKET_NAT_PMP :
						      PACKET_UNKNOWN;
	}
	if (p.kind == PACKET_PCP)
		decode_pcp(&p);
	else if (p.kind == PACKET_NAT_PMP)
		decode_natpmp(&p);
	*out = p;
}

static const char *opcode_name(const struct packet *p)
{
	return p->kind == PACKET_PCP ? codes_pcp_opcode(p->opcode) : codes_natpmp_opcode(p->opcode);
}

const char *packet_title(const struct packet *p, char *text, size_t size)
{
	const char *protocol = p->kind == PACKET_PCP ? "PCP" : "NAT-PMP";
	const char *way = p->response || p->has_answer ? "response" : "request";

	if (p->length < 2)
		snprintf(text, size, "datagram without a header");
	else if (p->kind == PACKET_UNKNOWN)
		snprintf(text, size, "datagram of version %u", p->version);
	else if (opcode_name(p))
		snprintf(text, size, "%s %s %s", protocol, opcode_name(p), way);
	else
		snprintf(text, size, "%s opcode %u %s", protocol, p->opcode, way);
	return text;
}

const char *packet_hex(const uint8_t *data, size_t n, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < n && 2 * i + 2 < size; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	return text;
}

/* --- options --- */

static bool third_party_value(const struct pcp_option *option, char *text, size_t size)
{
	char address[IP_TEXT_MAX];
	struct ip ip;

	if (!pcp_option_third_party(option, &ip))
		return false;
	snprintf(text, size, "%s", ip_format(&ip, address));
	return true;
}

static bool filter_value(const struct pcp_option *option, char *text, size_t size)
{
	char address[IP_TEXT_MAX], port[16] = "any port";
	struct pcp_filter filter;

	if (!pcp_option_filter(option, &filter))
		return false;
	if (filter.port)
		snprintf(port, sizeof(port), "port %u", filter.port);
	if (filter.prefix_length == 0)
		snprintf(text, size, "none (removes all filters)");
	else
		snprintf(text, size, "%s/%d %s", ip_format(&filter.address, address),
			pcp_filter_length(&filter), port);
	return true;
}

static bool prefix64_value(const struct pcp_option *option, char *text, size_t size)
{
	char address[IP_TEXT_MAX], list[40] = "";
	struct pcp_prefix64 prefix;

	if (!pcp_option_prefix64(option, &prefix))
		return false;
	if (prefix.ipv4_count)
		snprintf(list, sizeof(list), " for %u IPv4 prefixes", prefix.ipv4_count);
	snprintf(text, size, "%s/%u%s", ip_format(&prefix.prefix, address), prefix.length, list);
	return true;
}

static bool port_set_value(const struct pcp_option *option, char *text, size_t size)
{
	struct pcp_port_set set;

	if (!pcp_option_port_set(option, &set))
		return false;
	snprintf(text, size, "%u ports from internal port %u%s", set.size, set.first_internal_port,
		set.parity ? ", parity kept" : "");
	return true;
}

static bool description_value(const struct pcp_option *option, char *text, size_t size)
{
	char raw[PCP_MAX];
	size_t length;

	if (!pcp_option_description(option, raw, sizeof(raw), &length))
		return false;
	visible(raw, length < sizeof(raw) ? length : sizeof(raw) - 1, text, size);
	return true;
}

static const struct {
	enum pcp_option_code code;
	bool (*value)(const struct pcp_option *option, char *text, size_t size);
} option_values[] = {
	{ PCP_OPTION_THIRD_PARTY, third_party_value },
	{ PCP_OPTION_FILTER, filter_value },
	{ PCP_OPTION_PREFIX64, prefix64_value },
	{ PCP_OPTION_PORT_SET, port_set_value },
	{ PCP_OPTION_DESCRIPTION, description_value },
};

const char *packet_option_value(const struct pcp_option *option, char *text, size_t size)
{
	for (size_t i = 0; i < sizeof(option_values) / sizeof(*option_values); i++)
		if (option_values[i].code == option->code &&
			option_values[i].value(option, text, size))
			return text;
	return packet_hex(option->body.p, rd_left(&option->body), text, size);
}
