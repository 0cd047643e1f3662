/* SPDX-License-Identifier: MIT
 * The options that every command takes.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/words.h"
#include "cmd/options.h"
#include "engine/inventory.h"

static bool take_server(struct parse *parse, void *settings, const char *word)
{
	struct common *common = settings;
	struct discovery_named named = { .word = word };
	struct ip broadcast = ip_from_u32(0xffffffff);
	struct discovery_named *grown;

	named.is_address = words_looks_like_address(word);
	if (named.is_address && !words_address(word, &named.address))
		return parse_error(parse, word,
			"not an address; write 192.168.1.254, 192.168.1.254:5351, fe80::1%%eth0 or "
			"[fe80::1%%eth0]:5351");
	if (!*word || *word == '-')
		return parse_error(parse, word, "not an address or host name");
	if (named.is_address && named.address.scope[0] &&
		!inventory_has_interface(named.address.scope))
		return parse_error(parse, named.address.scope, "no such interface");
	if (named.is_address &&
		(ip_is_any(&named.address.ip) || ip_is_multicast(&named.address.ip) ||
			ip_equal(&named.address.ip, &broadcast)))
		return parse_error(parse, word, "not the address of one host");
	grown = realloc(common->servers, (common->server_count + 1) * sizeof(*grown));
	if (!grown)
		return parse_error(parse, word, "out of memory");
	common->servers = grown;
	grown[common->server_count++] = named;
	return true;
}

static bool take_interface(struct parse *parse, void *settings, const char *word)
{
	struct common *common = settings;

	if (!inventory_has_interface(word))
		return parse_error(parse, word, "no such interface");
	common->interface = word;
	return true;
}

static bool take_bind(struct parse *parse, void *settings, const char *word)
{
	struct common *common = settings;

	if (strchr(word, '%'))
		return parse_error(parse, word,
			"a link-local address opens nothing: give a global one");
	if (!ip_parse(word, &common->bind))
		return parse_error(parse, word, "not an address of this host (IPv4 or IPv6)");
	if (ip_is_any(&common->bind))
		return parse_error(parse, word,
			"names no address; without -b the kernel's choice is used");
	common->has_bind = true;
	return true;
}

static bool take_mark(struct parse *parse, void *settings, const char *word)
{
	struct common *common = settings;
	uint64_t mark;

	if (!words_number(word, 1, UINT32_MAX, &mark))
		return parse_error(parse, word, "mark must be 1-4294967295");
	common->mark = (uint32_t)mark;
	return true;
}

static bool take_timeout(struct parse *parse, void *settings, const char *word)
{
	struct common *common = settings;

	if (!words_time(word, &common->timeout) || common->timeout == 0)
		return parse_error(parse, word,
			"time must be a number above 0 and one unit: 500ms, 5, 5s, 2m, 1h, 1d");
	common->has_timeout = true;
	return true;
}

static bool take_color(struct parse *parse, void *settings, const char *word)
{
	static const char *const words[] = { "auto", "always", "never" };
	struct common *common = settings;

	for (int i = 0; i < 3; i++) {
		if (strcmp(word, words[i]) == 0) {
			common->color = (enum color)i;
			return true;
		}
	}
	return parse_error(parse, word, "color must be auto, always or never");
}

static bool take_verbose(struct parse *parse, void *settings, const char *word)
{
	(void)parse;
	(void)word;
	((struct common *)settings)->verbose++;
	return true;
}

#define FLAG(field) offsetof(struct common, field)

static const struct option_row rows[] = {
	{ "server", 's', "ADDR", "ask this server, no discovery (repeatable)", take_server, 0 },
	{ "interface", 'i', "IF", "only servers and addresses of this interface", take_interface,
		0 },
	{ "bind", 'b', "ADDR", "send from this local address: it is the one mapped", take_bind, 0 },
	{ "mark", 0, "N", "firewall mark on the sockets", take_mark, 0 },
	{ NULL, '4', NULL, "only IPv4", NULL, FLAG(ipv4) },
	{ NULL, '6', NULL, "only IPv6; both given: both", NULL, FLAG(ipv6) },
	{ "pcp", 0, NULL, "only PCP, version 2", NULL, FLAG(pcp) },
	{ "nat-pmp", 0, NULL, "only NAT-PMP, version 0", NULL, FLAG(nat_pmp) },
	{ "timeout", 't', "TIME", "give up after TIME in all (5s; discover 3s)", take_timeout, 0 },
	{ "patient", 0, NULL, "the RFC 6887 schedule, 3 s doubling to 1024 s", NULL,
		FLAG(patient) },
	{ "no-state", 0, NULL, "read and write no state directory", NULL, FLAG(no_state) },
	{ "json", 'j', NULL, "JSON Lines on stdout", NULL, FLAG(json) },
	{ "quiet", 'q', NULL, "only the answers, one line each, - where none", NULL, FLAG(quiet) },
	{ "verbose", 'v', NULL, "requests and responses decoded; -vv: hex", take_verbose, 0 },
	{ "color", 0, "WHEN", "auto, always, never", take_color, 0 },
	{ "help", 'h', NULL, "this help", NULL, FLAG(help) },
	{ "version", 'V', NULL, "the version", NULL, FLAG(version) },
};

struct option_set options_common(struct common *common)
{
	return (struct option_set){ rows, sizeof(rows) / sizeof(*rows), common, NULL };
}

unsigned options_families(const struct common *common)
{
	return (common->ipv4 ? IP_FAMILY_4 : 0u) | (common->ipv6 ? IP_FAMILY_6 : 0u);
}

bool options_wants_color(const struct common *common)
{
	const char *no_color = getenv("NO_COLOR");

	if (common->color != COLOR_AUTO)
		return common->color == COLOR_ALWAYS;
	return (!no_color || !*no_color) && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
}

static bool check_families(struct parse *parse, const struct common *common)
{
	unsigned families = options_families(common);

	if (common->has_bind && families && !(families & ip_family(&common->bind)))
		return parse_error(parse, "-b",
			"its address is of a family that -4 or -6 excludes");
	if (common->has_bind && common->nat_pmp && !ip_is_v4(&common->bind))
		return parse_error(parse, "-b",
			"an IPv6 address, not together with --nat-pmp: NAT-PMP is IPv4 only");
	for (size_t i = 0; i < common->server_count; i++) {
		const struct discovery_named *named = &common->servers[i];

		if (!named->is_address)
			continue;
		if (families && !(families & ip_family(&named->address.ip)))
			return parse_error(parse, named->word,
				"an address of a family that -4 or -6 excludes");
		if (common->nat_pmp && !ip_is_v4(&named->address.ip))
			return parse_error(parse, named->word,
				"an IPv6 address, not together with --nat-pmp: NAT-PMP is IPv4 "
				"only");
		if (common->has_bind && ip_family(&named->address.ip) != ip_family(&common->bind))
			return parse_error(parse, named->word,
				"of another family than the address of -b");
		if (ip_is_link_local(&named->address.ip) && !ip_is_v4(&named->address.ip) &&
			!named->address.scope[0] && !common->interface)
			return parse_error(parse, named->word,
				"a link-local address needs its interface: %s%%IF, or -i IF",
				named->word);
	}
	return true;
}

bool options_check(struct parse *parse, const struct common *common)
{
	if (common->json && common->quiet)
		return parse_error(parse, "--quiet",
			"not together with --json: one output form at a time");
	if (common->pcp && common->nat_pmp)
		return parse_error(parse, "--nat-pmp",
			"not together with --pcp: without both, either is used");
	if (common->nat_pmp && common->ipv6 && !common->ipv4)
		return parse_error(parse, "--nat-pmp",
			"not together with -6: NAT-PMP is IPv4 only");
	return check_families(parse, common);
}
