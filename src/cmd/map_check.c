/* SPDX-License-Identifier: MIT
 * Which options and specs of map do not go together.
 */
#include "cmd/map.h"

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

/* Of what stays there is no end, and of what is deleted nothing to stay for. */
static bool delete_with_keep(const struct check *c)
{
	return c->map->deletes && c->map->keep;
}

static bool force_without_delete(const struct check *c)
{
	return c->map->force && !c->map->deletes;
}

static bool leave_without_keep(const struct check *c)
{
	return c->map->leave && !c->map->keep;
}

static bool keep_and_dry(const struct check *c)
{
	return c->map->keep && (c->map->dry_run || c->map->list);
}

static bool keep_and_shell(const struct check *c)
{
	return c->map->keep && c->map->shell;
}

static bool exec_of_nothing(const struct check *c)
{
	return c->map->exec && (c->map->dry_run || c->map->list);
}

static bool srv_and_another_form(const struct check *c)
{
	return c->map->owner &&
		(c->common->json || c->common->quiet || c->map->dry_run || c->map->list ||
			c->map->shell);
}

static bool srv_without_target(const struct check *c)
{
	return c->map->owner && !c->map->srv.target;
}

static bool target_without_srv(const struct check *c)
{
	const struct nsupdate_settings *srv = &c->map->srv;

	return !c->map->owner &&
		(srv->target || srv->zone || srv->ttl || srv->priority || srv->weight ||
			srv->no_address || srv->replace || srv->publish_any);
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
	{ delete_with_keep, "--keep", "not together with --delete" },
	{ force_without_delete, "--force", "only with --delete" },
	{ leave_without_keep, "--leave", "only with --keep: else nothing is deleted at the end" },
	{ keep_and_dry, "--keep", "not together with --dry-run or --list" },
	{ keep_and_shell, "--shell", "prints one result: with --keep take --exec or --json" },
	{ exec_of_nothing, "--exec", "there are no events with --dry-run or --list" },
	{ srv_and_another_form, "--srv",
		"not with --json, --quiet, --shell, --dry-run or --list: one output form at a "
		"time" },
	{ srv_without_target, "--srv", "needs --target, the host that the record points to" },
	{ target_without_srv, "--target, --zone, --ttl and the like", "only with --srv" },
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
	const char *why;

	if (!check_rules(parse, &check, map_rules, sizeof(map_rules) / sizeof(*map_rules)))
		return false;
	why = map->owner ? nsupdate_check(&map->srv, map->owner) : NULL;
	if (why)
		return parse_error(parse, map->owner, "%s", why);
	for (size_t i = 0; i < count; i++) {
		check.spec = &specs[i];
		if (!check_rules(parse, &check, spec_rules,
			    sizeof(spec_rules) / sizeof(*spec_rules)))
			return false;
	}
	return true;
}
