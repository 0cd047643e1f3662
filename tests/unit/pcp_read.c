/* SPDX-License-Identifier: MIT
 * See pcp_read.h.
 */
#include "pcp_read.h"

static bool read_filter(const struct pcp_option *option, struct pcp_read *out)
{
	struct pcp_options *options = &out->request.options;

	options->filters = out->filters;
	return options->filter_count < PCP_FILTERS_MAX &&
		pcp_option_filter(option, &out->filters[options->filter_count++]);
}

static bool read_description(const struct pcp_option *option, struct pcp_read *out)
{
	size_t length;

	if (out->request.options.description)
		return false;
	out->request.options.description = out->description;
	return pcp_option_description(option, out->description, sizeof(out->description),
		&length) && strlen(out->description) == length;
}

static bool read_prefix64(const struct pcp_option *option, struct pcp_read *out)
{
	struct pcp_prefix64 prefix;

	if (out->request.options.prefix64)
		return false;
	out->request.options.prefix64 = true;
	return option->length == 14 && pcp_option_prefix64(option, &prefix) &&
		prefix.length == 96 && ip_equal(&prefix.prefix, &ip_any6);
}

static bool first_time(bool *seen)
{
	bool first = !*seen;

	*seen = true;
	return first;
}

static bool read_option(const struct pcp_option *option, struct pcp_read *out)
{
	struct pcp_options *options = &out->request.options;

	switch (option->code) {
	case PCP_OPTION_THIRD_PARTY:
		return first_time(&options->has_third_party) &&
			pcp_option_third_party(option, &options->third_party);
	case PCP_OPTION_PREFER_FAILURE:
		return first_time(&options->prefer_failure) && option->length == 0;
	case PCP_OPTION_FILTER:
		return read_filter(option, out);
	case PCP_OPTION_DESCRIPTION:
		return read_description(option, out);
	case PCP_OPTION_PREFIX64:
		return read_prefix64(option, out);
	case PCP_OPTION_PORT_SET:
		return first_time(&options->has_port_set) &&
			pcp_option_port_set(option, &options->port_set);
	default:
		return false;
	}
}

bool pcp_read(const uint8_t *data, size_t n, struct pcp_read *out)
{
	struct rd r = rd_on(data, n);
	struct pcp_header header;
	struct pcp_option option;

	memset(out, 0, sizeof(*out));
	if (n > PCP_MAX || !pcp_header_decode(&r, &header) || header.version != PCP_VERSION ||
		header.response)
		return false;
	out->request.opcode = header.opcode;
	out->request.lifetime = header.lifetime;
	out->request.client = header.client;
	if (header.opcode != PCP_ANNOUNCE &&
		!pcp_mapping_decode(&r, header.opcode, &out->request.mapping))
		return false;
	while (pcp_option_next(&r, &option))
		if (!read_option(&option, out))
			return false;
	return !r.bad;
}
