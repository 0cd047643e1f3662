/* SPDX-License-Identifier: MIT
 * The options and words of peer, and which of them go together.
 */
#include <limits.h>
#include <string.h>

#include "base/words.h"
#include "cmd/peer.h"
#include "cmd/spec.h"
#include "cmd/values.h"
#include "wire/codes.h"

/* --- ADDR:PORT --- */

/* The host and the port of a word, cut apart. False: it has no port. */
static bool cut(const char *word, char host[static PEER_HOST_MAX], const char **port)
{
	const char *colon = strrchr(word, ':');
	size_t length;

	if (!colon || strchr(colon, ']'))
		return false;
	length = (size_t)(colon - word);
	if (word[0] == '[' && length > 1 && colon[-1] == ']') {
		word++;
		length -= 2;
	}
	if (length >= PEER_HOST_MAX)
		return false;
	memcpy(host, word, length);
	host[length] = '\0';
	*port = colon + 1;
	return true;
}

static bool take_port(struct parse *parse, const char *word, const char *port, uint16_t *out)
{
	uint64_t number;

	if (!words_number(port, 0, 65535, &number))
		return parse_error(parse, word, "port must be 1-65535");
	if (number == 0)
		return parse_error(parse, word,
			"PEER is about one flow: its ports cannot be 0 (RFC 6887, 12.1)");
	*out = (uint16_t)number;
	return true;
}

/* `grammar` ends the message about what is none. */
static bool take_place(struct parse *parse, const char *word, const char *grammar,
	struct peer_place *out)
{
	struct peer_place place = { .address = ip_any6 };
	const char *port;
	bool bare;

	if (!cut(word, place.host, &port))
		return parse_error(parse, word, "%s", grammar);
	bare = strchr(place.host, ':') && word[0] != '[';
	if (bare)
		return parse_error(parse, word,
			"an IPv6 address with a port is written in brackets, [ADDR]:PORT");
	if (strchr(place.host, '%'))
		return parse_error(parse, word,
			"what has a link-local address stays on its link: no router translates it");
	place.is_address = place.host[0] && words_looks_like_address(place.host);
	if (place.is_address && !ip_parse(place.host, &place.address))
		return parse_error(parse, word, "not an address; %s", grammar);
	if (!take_port(parse, word, port, &place.port))
		return false;
	*out = place;
	return true;
}

/* --- the words --- */

#define LOCAL_GRAMMAR  "LOCAL is [ADDR:]PORT, as 50000 or 192.168.1.10:50000"
#define REMOTE_GRAMMAR "REMOTE is ADDR:PORT[/PROTO], as 203.0.113.7:443 or [2001:db8::7]:443/tcp"

static bool take_local(struct parse *parse, const char *word, struct peer_place *local)
{
	if (!strchr(word, ':')) {
		*local = (struct peer_place){ .address = ip_any6 };
		return take_port(parse, word, word, &local->port);
	}
	if (!take_place(parse, word, LOCAL_GRAMMAR, local))
		return false;
	if (local->host[0] && !local->is_address)
		return parse_error(parse, word,
			"the local address is an address of this host; " LOCAL_GRAMMAR);
	if (local->is_address && ip_is_any(&local->address))
		return parse_error(parse, word, "names no address: give the port alone");
	return true;
}

static bool take_protocol(struct parse *parse, const char *word, const char *name,
	uint8_t *protocol)
{
	if (!spec_protocol(name, protocol))
		return parse_error(parse, word,
			"%s: protocol must be tcp, udp, sctp, dccp, udplite, a name of "
			"/etc/protocols or 1-255",
			*name ? name : "''");
	if (*protocol == PROTOCOL_ALL)
		return parse_error(parse, word,
			"PEER is about one flow: its protocol cannot be 0 (RFC 6887, 12.1)");
	return true;
}

static bool take_remote(struct parse *parse, const char *word, struct peer_words *out)
{
	char place[PEER_HOST_MAX + 16];
	const char *slash = strchr(word, '/');
	size_t length = slash ? (size_t)(slash - word) : strlen(word);

	out->protocol = PROTOCOL_TCP;
	if (length >= sizeof(place))
		return parse_error(parse, word, "too long; " REMOTE_GRAMMAR);
	memcpy(place, word, length);
	place[length] = '\0';
	if (slash && !take_protocol(parse, word, slash + 1, &out->protocol))
		return false;
	if (!take_place(parse, place, REMOTE_GRAMMAR, &out->remote))
		return false;
	if (!out->remote.host[0])
		return parse_error(parse, word,
			"PEER needs the remote's address: " REMOTE_GRAMMAR
			"; for every connection with that port write --established %s",
			word);
	if (out->remote.is_address &&
		(ip_is_any(&out->remote.address) || ip_is_multicast(&out->remote.address)))
		return parse_error(parse, word, "not the address of one host");
	return true;
}

bool peer_words(struct parse *parse, char *const *words, struct peer_words *out)
{
	*out = (struct peer_words){ .local_word = words[0], .remote_word = words[1] };
	if (!take_local(parse, words[0], &out->local) || !take_remote(parse, words[1], out))
		return false;
	if (out->local.is_address && out->remote.is_address &&
		ip_family(&out->local.address) != ip_family(&out->remote.address))
		return parse_error(parse, words[1],
			"of another family than the local address (RFC 6887, 12.1)");
	return true;
}

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

	if (!take_place(parse, word, grammar, &place))
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
	return take_place(parse, word,
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
	return (struct option_set){ rows, sizeof(rows) / sizeof(*rows), settings };
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
		return parse_error(parse, NULL, "no remote: " REMOTE_GRAMMAR);
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
