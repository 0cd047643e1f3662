/* SPDX-License-Identifier: MIT
 * The options of map: their rows, and which do not go together.
 */
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "cmd/map.h"

static bool take_lifetime(struct parse *parse, void *settings, const char *word)
{
	struct map_settings *map = settings;
	int64_t ns;

	if (!words_time(word, &ns) || ns % SEC || ns / SEC > UINT32_MAX)
		return parse_error(parse, word,
			"lifetime must be whole seconds up to 4294967295, as 90, 2h or 1d");
	if (ns == 0)
		return parse_error(parse, word, "lifetime 0 deletes: that is map --delete");
	map->lifetime = (uint32_t)(ns / SEC);
	map->has_lifetime = true;
	return true;
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

	if (!ip_parse(word, &map->third_party) || ip_is_any(&map->third_party))
		return parse_error(parse, word, "not the IPv4 or IPv6 address of a host");
	map->has_third_party = true;
	return true;
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
	if (strlen(word) > PCP_DESCRIPTION_MAX)
		return parse_error(parse, "--description", "at most %d octets",
			PCP_DESCRIPTION_MAX);
	((struct map_settings *)settings)->description = word;
	return !parse->failed;
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

	if (!words_hex(word, map->nonce.octets, sizeof(map->nonce.octets)))
		return parse_error(parse, word, "nonce must be 24 hex digits");
	map->has_nonce = true;
	return true;
}

static bool take_prefer_failure(struct parse *parse, void *settings, const char *word)
{
	(void)parse;
	(void)word;
	((struct map_settings *)settings)->prefer_failure = true;
	return true;
}

static bool take_require_public(struct parse *parse, void *settings, const char *word)
{
	(void)parse;
	(void)word;
	((struct map_settings *)settings)->require_public = true;
	return true;
}

static bool take_delete(struct parse *parse, void *settings, const char *word)
{
	(void)parse;
	(void)word;
	((struct map_settings *)settings)->deletes = true;
	return true;
}

static bool take_dry_run(struct parse *parse, void *settings, const char *word)
{
	(void)parse;
	(void)word;
	((struct map_settings *)settings)->dry_run = true;
	return true;
}

static bool take_list(struct parse *parse, void *settings, const char *word)
{
	(void)parse;
	(void)word;
	((struct map_settings *)settings)->list = true;
	return true;
}

static bool take_all(struct parse *parse, void *settings, const char *word)
{
	(void)parse;
	(void)word;
	((struct map_settings *)settings)->all = true;
	return true;
}

static bool take_shell(struct parse *parse, void *settings, const char *word)
{
	(void)parse;
	(void)word;
	((struct map_settings *)settings)->shell = true;
	return true;
}

static const struct option_row rows[] = {
	{ "lifetime", 'l', "TIME", "asked lifetime (2h)", take_lifetime },
	{ "external-address", 'e', "ADDR", "suggested external address", take_external },
	{ "prefer-failure", 'P', NULL, "that external port or none", take_prefer_failure },
	{ "filter", 'F', "FILTER", "only from ADDR[/LEN] or [ADDR/LEN]:PORT; none", take_filter },
	{ "third-party", '3', "ADDR", "for another host (THIRD_PARTY)", take_third_party },
	{ "description", 0, "TEXT", "DESCRIPTION (RFC 7220)", take_description },
	{ "port-set", 0, "N", "N ports in a row (PORT_SET, RFC 7753)", take_port_set },
	{ "require-public", 0, NULL, "refuse a private or shared external address",
		take_require_public },
	{ "delete", 'd', NULL, "delete the mappings", take_delete },
	{ "all", 0, NULL, "with -d: every mapping recorded for this network", take_all },
	{ "list", 0, NULL, "the recorded mappings; asks nobody", take_list },
	{ "nonce", 0, "HEX", "24 hex digits in place of a new nonce", take_nonce },
	{ "shell", 0, NULL, "print the result as shell assignments (one spec)", take_shell },
	{ "dry-run", 0, NULL, "print the request, send nothing", take_dry_run },
};

struct option_set map_options(void *settings)
{
	return (struct option_set){ rows, sizeof(rows) / sizeof(*rows), settings };
}

/* --- what does not go together --- */

struct check {
	const struct common *common;
	const struct map_settings *map;
	const struct spec *spec;
	size_t count; /* of specs */
};

static bool delete_with_lifetime(const struct check *c)
{
	return c->map->deletes && c->map->has_lifetime;
}

static bool delete_with_external(const struct check *c)
{
	return c->map->deletes && c->map->has_external;
}

static bool delete_with_prefer_failure(const struct check *c)
{
	return c->map->deletes && c->map->prefer_failure;
}

static bool delete_with_filter(const struct check *c)
{
	return c->map->deletes && c->map->filter_count;
}

static bool delete_with_description(const struct check *c)
{
	return c->map->deletes && c->map->description;
}

static bool delete_with_public(const struct check *c)
{
	return c->map->deletes && c->map->require_public;
}

static bool failure_with_port_set(const struct check *c)
{
	return c->map->prefer_failure && c->map->port_set;
}

static bool two_forms(const struct check *c)
{
	return c->map->dry_run && c->common->quiet;
}

static bool shell_and_another_form(const struct check *c)
{
	return c->map->shell &&
		(c->common->json || c->common->quiet || c->map->dry_run || c->map->list);
}

static bool wrong_external_family(const struct check *c)
{
	bool only_v4 = c->common->ipv4 && !c->common->ipv6;

	for (size_t i = 0; i < c->common->server_count; i++)
		only_v4 = only_v4 ||
			(c->common->servers[i].is_address &&
				ip_is_v4(&c->common->servers[i].address.ip));
	if (c->common->has_bind)
		only_v4 = ip_is_v4(&c->common->bind);
	return only_v4 && c->map->has_external && !ip_is_v4(&c->map->external);
}

static bool all_without_delete(const struct check *c)
{
	return c->map->all && !c->map->deletes;
}

static bool all_without_records(const struct check *c)
{
	return c->map->all && (c->common->no_state || c->map->has_nonce);
}

static bool list_without_records(const struct check *c)
{
	return c->map->list && c->common->no_state;
}

static bool list_and_more(const struct check *c)
{
	return c->map->list && (c->map->deletes || c->map->dry_run || c->map->has_nonce);
}

static bool spec_of_list(const struct check *c)
{
	return c->map->list || c->map->all;
}

static bool shell_of_many(const struct check *c)
{
	return c->map->shell && (c->count > 1 || c->spec->pair || c->common->server_count > 1);
}

static bool failure_without_port(const struct check *c)
{
	return c->map->prefer_failure && c->spec->external_port == 0;
}

static bool port_set_of_pair(const struct check *c)
{
	return c->map->port_set && c->spec->pair;
}

static bool port_set_of_all(const struct check *c)
{
	return c->map->port_set && (c->spec->all_ports || c->spec->zero_port);
}

static bool port_set_too_far(const struct check *c)
{
	return c->map->port_set && c->spec->internal_port + (unsigned)c->map->port_set - 1 > 65535;
}

static bool zero_port_by_pcp(const struct check *c)
{
	return c->spec->zero_port && c->common->pcp;
}

static bool zero_port_deleted(const struct check *c)
{
	return c->spec->zero_port && c->map->deletes;
}

static bool wipe_of_all(const struct check *c)
{
	return c->map->deletes && c->common->nat_pmp && c->spec->all_ports &&
		c->spec->protocol != PROTOCOL_TCP && c->spec->protocol != PROTOCOL_UDP;
}

static const struct rule {
	bool (*holds)(const struct check *check);
	const char *word; /* NULL: that of the spec */
	const char *text;
} map_rules[] = {
	{ delete_with_lifetime, "--lifetime", "not together with --delete" },
	{ delete_with_external, "--external-address", "not together with --delete" },
	{ delete_with_prefer_failure, "--prefer-failure", "not together with --delete" },
	{ delete_with_filter, "--filter", "not together with --delete" },
	{ delete_with_description, "--description", "not together with --delete" },
	{ delete_with_public, "--require-public", "not together with --delete" },
	{ failure_with_port_set, "--prefer-failure", "not together with --port-set (RFC 7753)" },
	{ two_forms, "--dry-run", "not together with --quiet: one output form at a time" },
	{ shell_and_another_form, "--shell",
		"not with --json, --quiet, --dry-run or --list: one output form at a time" },
	{ wrong_external_family, "--external-address",
		"an IPv6 address for an IPv4 mapping would ask for NAT46; for no preference write "
		"0.0.0.0" },
	{ all_without_delete, "--all", "only with --delete" },
	{ all_without_records, "--all", "takes what is recorded: not with --no-state or --nonce" },
	{ list_without_records, "--list", "not together with --no-state" },
	{ list_and_more, "--list", "asks nobody: not with --delete, --dry-run or --nonce" },
}, spec_rules[] = {
	{ spec_of_list, NULL, "--list and --all take no spec" },
	{ shell_of_many, NULL, "--shell takes one spec of one protocol, and one server" },
	{ failure_without_port, NULL, "--prefer-failure needs a port, not any or all" },
	{ port_set_of_pair, NULL, "--port-set takes one protocol, not tcp+udp" },
	{ port_set_of_all, NULL, "--port-set needs an internal port" },
	{ port_set_too_far, NULL, "--port-set reaches past port 65535" },
	{ zero_port_by_pcp, NULL, "internal port 0 is NAT-PMP's convention: not with --pcp" },
	{ zero_port_deleted, NULL,
		"internal port 0 is never deleted: in NAT-PMP that would delete every mapping of "
		"this host; it expires by itself" },
	{ wipe_of_all, NULL, "NAT-PMP deletes all mappings of one protocol: all/tcp or all/udp" },
};

static bool check_rules(struct parse *parse, const struct check *check, const struct rule *list,
	size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].holds(check))
			return parse_error(parse, list[i].word ? list[i].word : check->spec->word,
				"%s", list[i].text);
	}
	return true;
}

bool map_check(struct parse *parse, const struct common *common, const struct map_settings *map,
	const struct spec *specs, size_t count)
{
	struct check check = { .common = common, .map = map, .count = count };

	if (!check_rules(parse, &check, map_rules, sizeof(map_rules) / sizeof(*map_rules)))
		return false;
	for (size_t i = 0; i < count; i++) {
		check.spec = &specs[i];
		if (!check_rules(parse, &check, spec_rules,
			    sizeof(spec_rules) / sizeof(*spec_rules)))
			return false;
	}
	return true;
}
