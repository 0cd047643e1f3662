/* SPDX-License-Identifier: MIT
 * The bodies of the PCP options that the client understands.
 */
#include "wire/pcp.h"

#define IPV4_BITS 96

/* The body, if the option is this one and of a length that it can have. */
static bool body_of(const struct pcp_option *option, enum pcp_option_code code, struct rd *body)
{
	const struct code_option *known = codes_option(code);

	*body = option->body;
	return option->code == code && option->length >= known->min_length &&
		option->length <= known->max_length;
}

bool pcp_option_third_party(const struct pcp_option *option, struct ip *out)
{
	struct rd r;

	if (!body_of(option, PCP_OPTION_THIRD_PARTY, &r))
		return false;
	*out = rd_ip(&r);
	return true;
}

int pcp_filter_length(const struct pcp_filter *filter)
{
	int base = ip_is_v4(&filter->address) ? IPV4_BITS : 0;

	if (filter->prefix_length == 0)
		return 0;
	if (filter->prefix_length < base || filter->prefix_length > 128)
		return -1;
	return filter->prefix_length - base;
}

bool pcp_option_filter(const struct pcp_option *option, struct pcp_filter *out)
{
	struct pcp_filter filter = { 0 };
	struct rd r;

	if (!body_of(option, PCP_OPTION_FILTER, &r))
		return false;
	rd_take(&r, 1); /* reserved */
	filter.prefix_length = rd_u8(&r);
	filter.port = rd_u16(&r);
	filter.address = rd_ip(&r);
	if (pcp_filter_length(&filter) < 0)
		return false;
	*out = filter;
	return true;
}

/* RFC 6052, 2.2. */
static bool is_prefix64_length(unsigned octets)
{
	return (octets >= 4 && octets <= 8) || octets == 12;
}

bool pcp_option_prefix64(const struct pcp_option *option, struct pcp_prefix64 *out)
{
	struct pcp_prefix64 found = { 0 };
	struct rd r;
	unsigned octets;

	if (!body_of(option, PCP_OPTION_PREFIX64, &r))
		return false;
	octets = rd_u16(&r);
	if (!is_prefix64_length(octets))
		return false;
	found.length = (uint8_t)(octets * 8);
	rd_copy(&r, found.prefix.octets, octets);
	rd_copy(&r, found.suffix, sizeof(found.suffix) - octets);
	if (rd_left(&r) > 0) { /* the list is optional, and so is its count */
		found.ipv4_count = rd_u16(&r);
		rd_take(&r, found.ipv4_count * (size_t)6);
	}
	if (r.bad || rd_left(&r) > 0)
		return false;
	*out = found;
	return true;
}

bool pcp_option_port_set(const struct pcp_option *option, struct pcp_port_set *out)
{
	struct pcp_port_set set = { 0 };
	struct rd r;

	if (!body_of(option, PCP_OPTION_PORT_SET, &r))
		return false;
	set.size = rd_u16(&r);
	set.first_internal_port = rd_u16(&r);
	set.parity = rd_u8(&r) & 1; /* the other bits are reserved */
	if (set.size == 0)
		return false;
	*out = set;
	return true;
}

bool pcp_option_description(const struct pcp_option *option, char *text, size_t size,
	size_t *length)
{
	size_t copied = option->length;
	struct rd r;

	if (size == 0 || !body_of(option, PCP_OPTION_DESCRIPTION, &r))
		return false;
	if (copied > size - 1)
		copied = size - 1;
	rd_copy(&r, text, copied);
	text[copied] = '\0';
	*length = option->length;
	return true;
}
