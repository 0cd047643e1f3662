/* SPDX-License-Identifier: MIT
 * The options of peer, and what does not go together.
 */
#include <limits.h>

#include "base/words.h"
#include "cmd/peer.h"
#include "cmd/values.h"

/* --- options --- */

static bool take_lifetime(struct parse *parse, void *settings, const char *word)
{
	struct peer_settings *peer = settings;

	peer->has_lifetime = values_lifetime(parse, word,
		"PEER cannot delete or shorten, so a lifetime of 0 is none (RFC 6887, 12.1)",
		&peer->lifetime);
	return peer->has_lifetime;
}

static bool take_external(struct parse *parse, void *settings, const char *word)
{
	static const char grammar[] = "the address and port to restore are ADDR:PORT, as "
				      "203.0.113.7:50000";
	struct peer_settings *peer = settings;
	struct peer_place place;

	if (!peer_place(parse, word, grammar, &place))
		return false;
	if (!place.is_address)
		return parse_error(parse, word, "%s", grammar);
	peer->has_external = true;
	peer->external = place.address;
	peer->external_port = place.port;
	return true;
}

static bool take_third_party(struct parse *parse, void *settings, const char *word)
{
	struct peer_settings *peer = settings;

	peer->has_third_party = values_third_party(parse, word, &peer->third_party);
	return peer->has_third_party;
}

static bool take_description(struct parse *parse, void *settings, const char *word)
{
	return values_description(parse, word, &((struct peer_settings *)settings)->description);
}

static bool take_nonce(struct parse *parse, void *settings, const char *word)
{
	struct peer_settings *peer = settings;

	peer->has_nonce = values_nonce(parse, word, &peer->nonce);
	return peer->has_nonce;
}

static bool take_exec(struct parse *parse, void *settings, const char *word)
{
	return values_exec(parse, word, &((struct peer_settings *)settings)->exec);
}

bool peer_take_established(struct parse *parse, void *settings, const char *word)
{
	struct peer_settings *peer = settings;

	peer->established = word;
	return peer_place(parse, word,
		"the remote of connections is [ADDR]:PORT, as :22, 203.0.113.7:22 or "
		"host.example.org:22",
		&peer->established_with);
}

static bool take_pid(struct parse *parse, void *settings, const char *word)
{
	struct peer_settings *peer = settings;
	uint64_t number;

	if (!words_number(word, 1, INT_MAX, &number))
		return parse_error(parse, word, "a process id is a number from 1 on");
	peer->has_pid = true;
	peer->pid = (int)number;
	return true;
}

#define FLAG(field) offsetof(struct peer_settings, field)

static const struct option_row rows[] = {
	{ "established", 0, "REMOTE", "the TCP connections with [ADDR]:PORT", peer_take_established,
		0 },
	{ "pid", 0, "PID", "the TCP connections of a process", take_pid, 0 },
	{ "lifetime", 'l', "TIME", "asked lifetime (10s; with -k 2h)", take_lifetime, 0 },
	{ "external-address", 'e', "EXTERNAL", "restore it: ADDR:PORT that the flow had",
		take_external, 0 },
	{ "third-party", '3', "ADDR", "of another host (THIRD_PARTY)", take_third_party, 0 },
	{ "description", 0, "TEXT", "DESCRIPTION (RFC 7220)", take_description, 0 },
	{ "nonce", 0, "HEX", "24 hex digits in place of a new nonce", take_nonce, 0 },
	{ "keep", 'k', NULL, "stay: renew and restore, while the connection is there", NULL,
		FLAG(keep) },
	{ "exec", 'x', "COMMAND", "run it with sh at every event, see the variables", take_exec,
		0 },
	{ "shell", 0, NULL, "print the result as shell assignments (one flow)", NULL, FLAG(shell) },
	{ "dry-run", 0, NULL, "print the request, send nothing", NULL, FLAG(dry_run) },
};

struct option_set peer_options(void *settings)
{
	return (struct option_set){ rows, sizeof(rows) / sizeof(*rows), settings, NULL };
}

/* --- what goes together --- */

struct check {
	const struct common *common;
	const struct peer_settings *peer;
	const struct peer_words *words;
	size_t count;
};

static bool lists(const struct check *c)
{
	return c->peer->established || c->peer->has_pid;
}

static bool nothing_named(const struct check *c)
{
	return !lists(c) && c->count == 0;
}

static bool remote_missing(const struct check *c)
{
	return !lists(c) && c->count == 1;
}

static bool too_many(const struct check *c)
{
	return !lists(c) && c->count > 2;
}

static bool words_and_list(const struct check *c)
{
	return lists(c) && c->count > 0;
}

static bool external_of_list(const struct check *c)
{
	return lists(c) && c->peer->has_external;
}

static bool third_party_of_list(const struct check *c)
{
	return lists(c) && c->peer->has_third_party;
}

static bool third_party_and_local(const struct check *c)
{
	return c->peer->has_third_party && c->words->local.is_address;
}

static bool third_party_family(const struct check *c)
{
	return c->peer->has_third_party && c->words->remote.is_address &&
		ip_family(&c->peer->third_party) != ip_family(&c->words->remote.address);
}

static bool bind_and_local(const struct check *c)
{
	return c->common->has_bind && c->words->local.is_address &&
		!ip_equal(&c->common->bind, &c->words->local.address);
}

static bool bind_family(const struct check *c)
{
	return c->common->has_bind && !c->peer->has_third_party && c->words->remote.is_address &&
		ip_family(&c->common->bind) != ip_family(&c->words->remote.address);
}

static bool excluded_family(const struct check *c)
{
	unsigned families = options_families(c->common);

	return families && !c->peer->has_third_party && c->words->remote.is_address &&
		!(families & ip_family(&c->words->remote.address));
}

/* From IPv4 to IPv6 no flow is translated (NAT46); the other way it may be (NAT64). */
static bool external_family(const struct check *c)
{
	return c->peer->has_external && c->words->remote.is_address &&
		ip_is_v4(&c->words->remote.address) && !ip_is_v4(&c->peer->external);
}

static bool keep_and_dry(const struct check *c)
{
	return c->peer->keep && c->peer->dry_run;
}

static bool keep_and_shell(const struct check *c)
{
	return c->peer->keep && c->peer->shell;
}

static bool exec_of_nothing(const struct check *c)
{
	return c->peer->exec && c->peer->dry_run;
}

static bool two_forms(const struct check *c)
{
	return c->peer->dry_run && c->common->quiet;
}

static bool shell_and_another_form(const struct check *c)
{
	return c->peer->shell && (c->common->json || c->common->quiet || c->peer->dry_run);
}

static bool shell_of_many(const struct check *c)
{
	return c->peer->shell && c->common->server_count > 1;
}

static const struct rule {
	bool (*holds)(const struct check *check);
	const char *word; /* NULL: the remote as typed */
	const char *text;
} rules[] = {
	{ words_and_list, "--established and --pid", "name the connections: no LOCAL or REMOTE" },
	{ external_of_list, "--external-address",
		"restores one flow: name it by LOCAL and REMOTE" },
	{ third_party_of_list, "--third-party",
		"the connections of another host are not known here: name one by LOCAL and "
		"REMOTE" },
	{ third_party_and_local, "--third-party",
		"is the local address of the flow: LOCAL is its port alone" },
	{ third_party_family, NULL,
		"of another family than the address of --third-party (RFC 6887, 12.1)" },
	{ bind_and_local, "--bind", "another address than that of LOCAL" },
	{ bind_family, NULL, "of another family than the address of -b (RFC 6887, 12.1)" },
	{ excluded_family, NULL, "an address of a family that -4 or -6 excludes" },
	{ external_family, "--external-address",
		"an IPv6 address for an IPv4 flow would ask for NAT46" },
	{ keep_and_dry, "--keep", "not together with --dry-run" },
	{ keep_and_shell, "--shell", "prints one result: with --keep take --exec or --json" },
	{ exec_of_nothing, "--exec", "there are no events with --dry-run" },
	{ two_forms, "--dry-run", "not together with --quiet: one output form at a time" },
	{ shell_and_another_form, "--shell",
		"not with --json, --quiet or --dry-run: one output form at a time" },
	{ shell_of_many, "--shell", "takes one flow, and one server" },
};

bool peer_check(struct parse *parse, const struct common *common,
	const struct peer_settings *settings, const struct peer_words *words, size_t count)
{
	struct check check = { common, settings, words, count };

	if (nothing_named(&check))
		return parse_error(parse, NULL,
			"no flow: name it, as 50000 203.0.113.7:443, or --established :443");
	if (remote_missing(&check))
		return parse_error(parse, NULL, "no remote: " PEER_REMOTE_GRAMMAR);
	if (too_many(&check))
		return parse_error(parse, NULL, "one flow at a time: LOCAL and REMOTE");
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		if (rules[i].holds(&check))
			return parse_error(parse,
				rules[i].word ? rules[i].word : words->remote_word, "%s",
				rules[i].text);
	}
	return true;
}
