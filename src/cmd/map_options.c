/* SPDX-License-Identifier: MIT
 * The options of map: their rows. Which go together is map_check.c's.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "cmd/map.h"
#include "cmd/values.h"

static bool take_lifetime(struct parse *parse, void *settings, const char *word)
{
	struct map_settings *map = settings;

	map->has_lifetime = values_lifetime(parse, word, "lifetime 0 deletes: that is map --delete",
		&map->lifetime);
	return map->has_lifetime;
}

static bool take_external(struct parse *parse, void *settings, const char *word)
{
	struct map_settings *map = settings;

	if (!ip_parse(word, &map->external))
		return parse_error(parse, word, "not an IPv4 or IPv6 address");
	map->has_external = true;
	return true;
}

static bool take_third_party(struct parse *parse, void *settings, const char *word)
{
	struct map_settings *map = settings;

	map->has_third_party = values_third_party(parse, word, &map->third_party);
	return map->has_third_party;
}

/* --- FILTER --- */

#define FILTER_GRAMMAR "a filter is ADDR, ADDR/LEN, [ADDR/LEN]:PORT or none"

/* ADDR[/LEN] with the length in the family's own counting -> the wire's. */
static bool parse_prefix(struct parse *parse, const char *word, char *text,
	struct pcp_filter *filter)
{
	char *slash = strchr(text, '/');
	uint64_t length, bits;
	char shown[IP_TEXT_MAX];

	if (slash)
		*slash++ = '\0';
	if (!ip_parse(text, &filter->address))
		return parse_error(parse, word, FILTER_GRAMMAR);
	bits = ip_is_v4(&filter->address) ? 32 : 128;
	length = bits;
	if (slash && !words_number(slash, 0, bits, &length))
		return parse_error(parse, word, "prefix length must be 1-%u", (unsigned)bits);
	if (length == 0)
		return parse_error(parse, word,
			"/0 would remove every filter (RFC 6887, 13.3): if that is meant, write -F "
			"none");
	for (unsigned bit = (unsigned)length; bit < bits; bit++) {
		unsigned at = bit + 128 - (unsigned)bits;

		if (filter->address.octets[at / 8] & (0x80 >> at % 8))
			return parse_error(parse, word, "%s has bits set behind its first %u",
				ip_format(&filter->address, shown), (unsigned)length);
	}
	filter->prefix_length = (uint8_t)(length + 128 - bits);
	return true;
}

static bool parse_filter(struct parse *parse, const char *word, struct pcp_filter *filter)
{
	char text[80], *inner = text, *end;
	uint64_t port = 0;

	*filter = (struct pcp_filter){ .address = ip_any6 };
	if (strcmp(word, "none") == 0)
		return true;
	if (strlen(word) >= sizeof(text))
		return parse_error(parse, word, FILTER_GRAMMAR);
	strcpy(text, word);
	if (*inner == '[') {
		end = strchr(++inner, ']');
		if (!end || end[1] != ':')
			return parse_error(parse, word, FILTER_GRAMMAR);
		*end = '\0';
		if (!words_number(end + 2, 1, 65535, &port))
			return parse_error(parse, word, "port must be 1-65535");
	}
	filter->port = (uint16_t)port;
	return parse_prefix(parse, word, inner, filter);
}

static bool take_filter(struct parse *parse, void *settings, const char *word)
{
	struct map_settings *map = settings;
	struct pcp_filter filter;

	if (!parse_filter(parse, word, &filter))
		return false;
	if (map->filter_count == PCP_FILTERS_MAX)
		return parse_error(parse, word, "too many filters: %d fit into a request",
			PCP_FILTERS_MAX);
	if (filter.prefix_length == 0 && map->filter_count)
		return parse_error(parse, word,
			"would remove the filters given before it: it comes first");
	map->filters[map->filter_count++] = filter;
	return true;
}

/* --- the rest --- */

static bool take_description(struct parse *parse, void *settings, const char *word)
{
	return values_description(parse, word, &((struct map_settings *)settings)->description);
}

static bool take_port_set(struct parse *parse, void *settings, const char *word)
{
	uint64_t size;

	if (!words_number(word, 2, 65535, &size))
		return parse_error(parse, word, "port set size must be 2-65535");
	((struct map_settings *)settings)->port_set = (uint16_t)size;
	return true;
}

static bool take_nonce(struct parse *parse, void *settings, const char *word)
{
	struct map_settings *map = settings;

	map->has_nonce = values_nonce(parse, word, &map->nonce);
	return map->has_nonce;
}

static bool take_exec(struct parse *parse, void *settings, const char *word)
{
	return values_exec(parse, word, &((struct map_settings *)settings)->exec);
}

/* --- DNS --- */

static bool take_name(struct parse *parse, enum nsupdate_name kind, const char *word,
	const char **out)
{
	const char *why = nsupdate_name_check(kind, word);

	if (why)
		return parse_error(parse, word, "%s", why);
	*out = word;
	return true;
}

static bool take_srv(struct parse *parse, void *settings, const char *word)
{
	return take_name(parse, NSUPDATE_OWNER, word, &((struct map_settings *)settings)->owner);
}

static bool take_target(struct parse *parse, void *settings, const char *word)
{
	return take_name(parse, NSUPDATE_TARGET, word,
		&((struct map_settings *)settings)->srv.target);
}

static bool take_zone(struct parse *parse, void *settings, const char *word)
{
	return take_name(parse, NSUPDATE_ZONE, word, &((struct map_settings *)settings)->srv.zone);
}

static bool take_ttl(struct parse *parse, void *settings, const char *word)
{
	int64_t ns;

	if (!words_time(word, &ns) || ns % SEC || ns == 0 || ns / SEC > INT32_MAX)
		return parse_error(parse, word, "TTL must be whole seconds from 1 to 2147483647");
	((struct map_settings *)settings)->srv.ttl = (uint32_t)(ns / SEC);
	return true;
}

static bool take_number(struct parse *parse, const char *word, const char *what, uint16_t *out)
{
	uint64_t number;

	if (!words_number(word, 0, 65535, &number))
		return parse_error(parse, word, "%s must be 0-65535", what);
	*out = (uint16_t)number;
	return true;
}

static bool take_priority(struct parse *parse, void *settings, const char *word)
{
	return take_number(parse, word, "priority",
		&((struct map_settings *)settings)->srv.priority);
}

static bool take_weight(struct parse *parse, void *settings, const char *word)
{
	return take_number(parse, word, "weight", &((struct map_settings *)settings)->srv.weight);
}

#define FLAG(field) offsetof(struct map_settings, field)

static const struct option_row rows[] = {
	{ "lifetime", 'l', "TIME", "asked lifetime (2h)", take_lifetime, 0 },
	{ "external-address", 'e', "ADDR", "suggested external address", take_external, 0 },
	{ "prefer-failure", 'P', NULL, "that external port or none", NULL, FLAG(prefer_failure) },
	{ "filter", 'F', "FILTER", "only from ADDR[/LEN] or [ADDR/LEN]:PORT; none", take_filter,
		0 },
	{ "third-party", '3', "ADDR", "for another host (THIRD_PARTY)", take_third_party, 0 },
	{ "description", 0, "TEXT", "DESCRIPTION (RFC 7220)", take_description, 0 },
	{ "port-set", 0, "N", "N ports in a row (PORT_SET, RFC 7753)", take_port_set, 0 },
	{ "require-public", 0, NULL, "refuse a private or shared external address", NULL,
		FLAG(require_public) },
	{ "delete", 'd', NULL, "delete the mappings", NULL, FLAG(deletes) },
	{ "all", 0, NULL, "with -d: every mapping recorded for this network", NULL, FLAG(all) },
	{ "force", 0, NULL, "with -d: also what a running --keep keeps alive", NULL, FLAG(force) },
	{ "list", 0, NULL, "the recorded mappings; asks nobody", NULL, FLAG(list) },
	{ "nonce", 0, "HEX", "24 hex digits in place of a new nonce", take_nonce, 0 },
	{ "keep", 'k', NULL, "stay: renew, recover, until interrupted", NULL, FLAG(keep) },
	{ "leave", 0, NULL, "with -k: do not delete at the end", NULL, FLAG(leave) },
	{ "exec", 'x', "COMMAND", "run it with sh at every event, see the variables", take_exec,
		0 },
	{ "shell", 0, NULL, "print the result as shell assignments (one spec)", NULL, FLAG(shell) },
	{ "srv", 0, "NAME", "print nsupdate commands for this SRV record", take_srv, 0 },
	{ "target", 0, "HOST", "with --srv: the host that it points to", take_target, 0 },
	{ "ttl", 0, "TIME", "of the records (a quarter of the lifetime, 120 s at most)", take_ttl,
		0 },
	{ "priority", 0, "N", "of the SRV record (0)", take_priority, 0 },
	{ "weight", 0, "N", "of the SRV record (0)", take_weight, 0 },
	{ "zone", 0, "NAME", "tell nsupdate the zone", take_zone, 0 },
	{ "no-address", 0, NULL, "publish no A or AAAA record for the target", NULL,
		FLAG(srv.no_address) },
	{ "replace", 0, NULL, "delete whole record sets first", NULL, FLAG(srv.replace) },
	{ "publish-any", 0, NULL, "publish a private or shared address, too", NULL,
		FLAG(srv.publish_any) },
	{ "dry-run", 0, NULL, "print the request, send nothing", NULL, FLAG(dry_run) },
};

struct option_set map_options(void *settings)
{
	return (struct option_set){ rows, sizeof(rows) / sizeof(*rows), settings, NULL };
}
