/* SPDX-License-Identifier: MIT
 * The life of a mapping: what it needs, when it is renewed, how long a refusal holds.
 */
#include "proto/mapping.h"

static const char *option_beyond_natpmp(const struct pcp_options *options)
{
	if (options->has_third_party)
		return "THIRD_PARTY (-3)";
	if (options->filter_count)
		return "FILTER (-F)";
	if (options->description)
		return "DESCRIPTION (--description)";
	if (options->has_port_set)
		return "PORT_SET (--port-set)";
	if (options->prefix64)
		return "PREFIX64";
	return NULL;
}

const char *want_beyond_natpmp(const struct want *want, const struct ip *local)
{
	if (!ip_is_v4(local))
		return "IPv6";
	if (!ip_is_v4(&want->external_address))
		return "an external IPv6 address";
	if (want->opcode != PCP_MAP)
		return "PEER";
	if (want->protocol != PROTOCOL_TCP && want->protocol != PROTOCOL_UDP)
		return "protocols other than TCP and UDP";
	/* A delete of port 0 is the wipe, if it is NAT-PMP that was chosen (3.4). */
	if (want->internal_port == 0 && !want->zero_port && !(want->nat_pmp && want->lifetime == 0))
		return "a mapping of all ports";
	if (want->options.prefer_failure && !ip_is_any(&want->external_address))
		return "an external address (-e) with -P";
	return option_beyond_natpmp(&want->options);
}

bool want_is_met(const struct want *want, uint16_t port, const struct ip *address)
{
	if (!want->options.prefer_failure)
		return true;
	if (port != want->external_port)
		return false;
	return ip_is_any(&want->external_address) || ip_equal(address, &want->external_address);
}

void mapping_granted(struct mapping *mapping, uint16_t external_port,
	const struct ip *external_address, uint32_t lifetime, struct mono now)
{
	uint32_t taken = lifetime < MAPPING_LIFETIME_MAX ? lifetime : MAPPING_LIFETIME_MAX;

	mapping->grant = (struct grant){
		.held = true,
		.external_port = external_port,
		.external_address = *external_address,
		.lifetime = lifetime,
		.at = now,
		.expires = mono_after(now, taken * SEC),
	};
	mapping->renewals = 0;
	mapping->without_address = mapping->anew = mapping->bare = false;
}

struct mono mapping_renewal(const struct grant *grant, unsigned attempt, struct mono last,
	struct prng *prng)
{
	int64_t life = mono_since(grant->expires, grant->at);
	int64_t low, width;
	struct mono due, earliest = mono_after(last, MAPPING_RENEWAL_GAP);

	if (attempt > 60)
		return MONO_NEVER;
	low = life - (life >> attempt);
	width = life >> (attempt + 2);
	due = mono_after(grant->at, prng_between(prng, low, low + width));
	if (due.ns < earliest.ns)
		due = earliest;
	return due.ns < grant->expires.ns ? due : MONO_NEVER;
}

bool mapping_refused_openly(const struct mapping *mapping)
{
	return mapping->refusal == REFUSAL_RESULT && mapping->answer.error_lifetime == 0;
}

bool mapping_is_pinhole(const struct mapping *mapping, const struct ip *internal)
{
	const struct grant *grant = &mapping->grant;

	return grant->held && mapping->want.opcode == PCP_MAP && !ip_is_v4(internal) &&
		ip_equal(&grant->external_address, internal) &&
		grant->external_port == mapping->want.internal_port;
}

int64_t mapping_refused_for(const struct mapping *mapping)
{
	const struct code_result *code = codes_pcp_result(mapping->answer.result);
	int64_t seconds = mapping->answer.error_lifetime;
	bool is_long = mapping->refusal == REFUSAL_RESULT && (!code || code->class != CODE_SHORT);

	if (mapping->refusal != REFUSAL_RESULT && mapping->refusal != REFUSAL_EMPTY)
		return 300 * SEC;
	if (mapping->via == VIA_NAT_PMP) /* it has no error lifetimes */
		return REFUSED_LEAST;
	if (seconds == 0 && is_long)
		seconds = 1800;
	if (seconds < 30)
		seconds = 30;
	if (seconds > MAPPING_LIFETIME_MAX)
		seconds = MAPPING_LIFETIME_MAX;
	return seconds * SEC;
}
