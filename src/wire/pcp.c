/* SPDX-License-Identifier: MIT
 * PCP requests -> octets. First a table of everything that the RFCs forbid a
 * client to send, then the writing, which cannot fail but for room.
 */
#include "wire/pcp.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_delete(const struct pcp_request *request)
{
	return request->opcode == PCP_MAP && request->lifetime == 0;
}

/* A given option that has no place in this opcode. */
static bool misplaced(const struct pcp_request *request, bool given, enum pcp_option_code code)
{
	return given && !(codes_option(code)->opcodes >> request->opcode & 1);
}

/* RFC 3629, 4: the well-formed sequences, by their first two octets. */
static size_t utf8_sequence(const uint8_t *s)
{
	static const struct {
		uint8_t first_low, first_high, second_low, second_high, length;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, /* no overlong forms */
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, /* no surrogates */
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 }, /* up to U+10FFFF */
	};

	if (s[0] < 0x80)
		return 1;
	for (size_t i = 0; i < COUNT(forms); i++)
		if (s[0] >= forms[i].first_low && s[0] <= forms[i].first_high &&
			s[1] >= forms[i].second_low && s[1] <= forms[i].second_high)
			return forms[i].length;
	return 0;
}

/* The final NUL stops a sequence that is cut short. */
static bool is_utf8(const char *text)
{
	const uint8_t *s = (const uint8_t *)text;
	size_t length;

	for (; *s; s += length) {
		length = utf8_sequence(s);
		if (length == 0)
			return false;
		for (size_t i = 2; i < length; i++)
			if ((s[i] & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static bool bad_opcode(const struct pcp_request *request)
{
	return request->opcode > PCP_PEER;
}

static bool bad_lifetime(const struct pcp_request *request)
{
	return (request->opcode == PCP_ANNOUNCE && request->lifetime != 0) ||
		(request->opcode == PCP_PEER && request->lifetime == 0);
}

static bool bad_protocol_port(const struct pcp_request *request)
{
	const struct pcp_mapping *m = &request->mapping;

	if (request->opcode == PCP_PEER)
		return m->protocol == PROTOCOL_ALL || m->internal_port == 0;
	return request->opcode == PCP_MAP && m->protocol == PROTOCOL_ALL && m->internal_port != 0;
}

static bool bad_remote(const struct pcp_request *request)
{
	const struct pcp_mapping *m = &request->mapping;

	return request->opcode == PCP_PEER &&
		(m->remote_port == 0 || ip_is_any(&m->remote_address));
}

static bool bad_family(const struct pcp_request *request)
{
	const struct pcp_options *options = &request->options;
	const struct ip *internal =
		options->has_third_party ? &options->third_party : &request->client;

	return request->opcode == PCP_PEER &&
		ip_family(&request->mapping.remote_address) != ip_family(internal);
}

/* RFC 6887, 15.1; erratum 3621: the wildcard is that of the mapping's family,
 * which only the caller knows. */
static bool bad_delete(const struct pcp_request *request)
{
	return is_delete(request) &&
		(request->mapping.external_port != 0 ||
			!ip_is_any(&request->mapping.external_address) ||
			request->options.prefer_failure || request->options.filter_count > 0);
}

static bool bad_prefer_failure(const struct pcp_request *request)
{
	const struct pcp_options *options = &request->options;

	return misplaced(request, options->prefer_failure, PCP_OPTION_PREFER_FAILURE) ||
		(options->prefer_failure &&
			(request->mapping.external_port == 0 || options->has_port_set));
}

static bool bad_third_party(const struct pcp_request *request)
{
	const struct pcp_options *options = &request->options;

	return misplaced(request, options->has_third_party, PCP_OPTION_THIRD_PARTY) ||
		(options->has_third_party && ip_equal(&options->third_party, &request->client));
}

/* The RFC allows IPv4 96 to 128 and IPv6 0 to 128, erratum 3891 gives 0 to the
 * removal alone: what both allow is sent. */
static bool bad_one_filter(const struct pcp_filter *filter)
{
	if (filter->prefix_length == 0)
		return filter->port != 0 || !ip_equal(&filter->address, &ip_any6);
	return pcp_filter_length(filter) < 1;
}

static bool bad_filter(const struct pcp_request *request)
{
	const struct pcp_options *options = &request->options;

	if (misplaced(request, options->filter_count > 0, PCP_OPTION_FILTER))
		return true;
	for (size_t i = 0; i < options->filter_count; i++)
		if (bad_one_filter(&options->filters[i]))
			return true;
	return false;
}

static bool bad_description(const struct pcp_request *request)
{
	const char *text = request->options.description;

	return misplaced(request, text != NULL, PCP_OPTION_DESCRIPTION) ||
		(text && (strlen(text) > PCP_DESCRIPTION_MAX || !is_utf8(text)));
}

static bool bad_prefix64(const struct pcp_request *request)
{
	return misplaced(request, request->options.prefix64, PCP_OPTION_PREFIX64);
}

static bool bad_port_set(const struct pcp_request *request)
{
	const struct pcp_options *options = &request->options;

	return misplaced(request, options->has_port_set, PCP_OPTION_PORT_SET) ||
		(options->has_port_set &&
			(options->port_set.size == 0 ||
				options->port_set.first_internal_port !=
					request->mapping.internal_port));
}

/* The first that refuses names the reason. */
static const struct rule {
	enum pcp_encode reason;
	bool (*refuses)(const struct pcp_request *request);
	const char *words;
} rules[] = {
	{ PCP_ENCODE_OPCODE, bad_opcode, "a client sends no such operation (RFC 6887, 19.2)" },
	{ PCP_ENCODE_LIFETIME, bad_lifetime,
		"ANNOUNCE has no lifetime (RFC 6887, 14.1.1), PEER cannot do without (12.1)" },
	{ PCP_ENCODE_PROTOCOL_PORT, bad_protocol_port,
		"all protocols means all ports (RFC 6887, 11.1), PEER needs one of each (12.1)" },
	{ PCP_ENCODE_REMOTE, bad_remote,
		"PEER needs the remote peer's address and port (RFC 6887, 12.1)" },
	{ PCP_ENCODE_FAMILY, bad_family,
		"the remote peer must be of the internal address's family (RFC 6887, 12.1)" },
	{ PCP_ENCODE_DELETE, bad_delete,
		"a delete suggests nothing (RFC 6887, 15.1), prefers nothing and filters nothing "
		"(13.2, 13.3)" },
	{ PCP_ENCODE_PREFER_FAILURE, bad_prefer_failure,
		"PREFER_FAILURE is for MAP with a suggested port (RFC 6887, 13.2) and without a "
		"port set (RFC 7753, 4.1)" },
	{ PCP_ENCODE_THIRD_PARTY, bad_third_party,
		"THIRD_PARTY is for MAP and PEER, with an address not our own (RFC 6887, 13.1)" },
	{ PCP_ENCODE_FILTER, bad_filter,
		"FILTER is for MAP, with a prefix of at least 1 bit, or none and no port "
		"(RFC 6887, 13.3)" },
	{ PCP_ENCODE_DESCRIPTION, bad_description,
		"DESCRIPTION is for MAP and PEER, UTF-8 of at most 1016 octets (RFC 7220, 2)" },
	{ PCP_ENCODE_PREFIX64, bad_prefix64, "PREFIX64 is for MAP and ANNOUNCE (RFC 7225, 4.1)" },
	{ PCP_ENCODE_PORT_SET, bad_port_set,
		"PORT_SET is for MAP, 1 port or more from the internal port on (RFC 7753, 4)" },
	{ PCP_ENCODE_TOO_LONG, NULL, "a request has at most 1100 octets (RFC 6887, 7)" },
};

const char *pcp_encode_reason(enum pcp_encode reason)
{
	for (size_t i = 0; i < COUNT(rules); i++)
		if (rules[i].reason == reason)
			return rules[i].words;
	return "";
}

static enum pcp_encode check(const struct pcp_request *request)
{
	for (size_t i = 0; i < COUNT(rules); i++)
		if (rules[i].refuses && rules[i].refuses(request))
			return rules[i].reason;
	return PCP_ENCODE_OK;
}

static void put_header(struct wr *w, const struct pcp_request *request)
{
	wr_u8(w, PCP_VERSION);
	wr_u8(w, request->opcode);
	wr_u16(w, 0); /* reserved */
	wr_u32(w, request->lifetime);
	wr_ip(w, &request->client);
}

static void put_mapping(struct wr *w, uint8_t opcode, const struct pcp_mapping *m)
{
	if (opcode == PCP_ANNOUNCE)
		return;
	wr_copy(w, m->nonce.octets, sizeof(m->nonce.octets));
	wr_u8(w, m->protocol);
	wr_room(w, 3); /* reserved */
	wr_u16(w, m->internal_port);
	wr_u16(w, m->external_port);
	wr_ip(w, &m->external_address);
	if (opcode != PCP_PEER)
		return;
	wr_u16(w, m->remote_port);
	wr_u16(w, 0); /* reserved */
	wr_ip(w, &m->remote_address);
}

static void put_option(struct wr *w, enum pcp_option_code code, size_t length)
{
	wr_u8(w, (uint8_t)code);
	wr_u8(w, 0); /* reserved */
	wr_u16(w, (uint16_t)length);
}

static void put_filter(struct wr *w, const struct pcp_filter *filter)
{
	put_option(w, PCP_OPTION_FILTER, 20);
	wr_u8(w, 0); /* reserved */
	wr_u8(w, filter->prefix_length);
	wr_u16(w, filter->port);
	wr_ip(w, &filter->address);
}

static void put_description(struct wr *w, const char *text)
{
	size_t length = strlen(text);

	put_option(w, PCP_OPTION_DESCRIPTION, length);
	wr_copy(w, text, length); /* without the NUL: RFC 7220, 2 */
	wr_room(w, -length & 3);
}

/* RFC 7225, 4.3: a client asks with ::/96 and an empty list. */
static void put_prefix64(struct wr *w)
{
	put_option(w, PCP_OPTION_PREFIX64, 14);
	wr_u16(w, 12);
	wr_room(w, 12 + 2);
}

static void put_port_set(struct wr *w, const struct pcp_port_set *set)
{
	put_option(w, PCP_OPTION_PORT_SET, 5);
	wr_u16(w, set->size);
	wr_u16(w, set->first_internal_port);
	wr_u8(w, set->parity ? 1 : 0);
	wr_room(w, 3);
}

static void put_options(struct wr *w, const struct pcp_options *options)
{
	if (options->has_third_party) {
		put_option(w, PCP_OPTION_THIRD_PARTY, 16);
		wr_ip(w, &options->third_party);
	}
	if (options->prefer_failure)
		put_option(w, PCP_OPTION_PREFER_FAILURE, 0);
	for (size_t i = 0; i < options->filter_count; i++)
		put_filter(w, &options->filters[i]);
	if (options->description)
		put_description(w, options->description);
	if (options->prefix64)
		put_prefix64(w);
	if (options->has_port_set)
		put_port_set(w, &options->port_set);
}

enum pcp_encode pcp_encode(const struct pcp_request *request, uint8_t out[static PCP_MAX],
	size_t *length)
{
	enum pcp_encode reason = check(request);
	struct wr w = wr_on(out, PCP_MAX);

	*length = 0;
	if (reason != PCP_ENCODE_OK)
		return reason;
	put_header(&w, request);
	put_mapping(&w, request->opcode, &request->mapping);
	put_options(&w, &request->options);
	if (w.bad)
		return PCP_ENCODE_TOO_LONG;
	*length = wr_length(&w);
	return PCP_ENCODE_OK;
}
