/* SPDX-License-Identifier: MIT
 * [EXTERNAL:]INTERNAL[/PROTO] -> struct spec.
 */
#include "cmd/spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "engine/inventory.h"
#include "wire/codes.h"

#define WORD_MAX 64
#define GRAMMAR	 "a spec is [EXTERNAL:]INTERNAL[/PROTO], as 8080, 80:8080/tcp or any:8080/udp"

/* The three parts of the word, cut apart. */
struct parts {
	char text[WORD_MAX];
	const char *external, *internal, *protocol; /* NULL: not given */
};

static bool cut(struct parse *parse, const char *word, struct parts *parts)
{
	char *slash, *colon;

	*parts = (struct parts){ 0 };
	if (!*word)
		return parse_error(parse, word, "empty; " GRAMMAR);
	if (strlen(word) >= sizeof(parts->text))
		return parse_error(parse, word, "too long; " GRAMMAR);
	strcpy(parts->text, word);
	parts->internal = parts->text;
	slash = strchr(parts->text, '/');
	if (slash) {
		*slash = '\0';
		parts->protocol = slash + 1;
	}
	colon = strchr(parts->text, ':');
	if (colon) {
		*colon = '\0';
		parts->external = parts->text;
		parts->internal = colon + 1;
		if (strchr(parts->internal, ':'))
			return parse_error(parse, word, "more than one colon; " GRAMMAR);
	}
	return true;
}

bool spec_protocol(const char *word, uint8_t *protocol)
{
	uint64_t number;
	int known = codes_protocol_number(word);

	if (known >= 0) {
		*protocol = (uint8_t)known;
		return true;
	}
	if (words_number(word, 0, 255, &number)) {
		*protocol = (uint8_t)number;
		return true;
	}
	if (word[0] >= '0' && word[0] <= '9')
		return false;
	known = inventory_protocol(word);
	if (known < 0)
		return false;
	*protocol = (uint8_t)known;
	return true;
}

static bool take_protocol(struct parse *parse, const struct parts *parts, struct spec *spec)
{
	const char *word = parts->protocol;

	spec->protocol = PROTOCOL_TCP;
	if (!word) {
		if (spec->all_ports)
			spec->protocol = PROTOCOL_ALL;
		return true;
	}
	if (strcmp(word, "tcp+udp") == 0) {
		spec->pair = true;
		if (spec->all_ports)
			return parse_error(parse, spec->word,
				"write all/tcp all/udp for all ports of both");
		return true;
	}
	if (!spec_protocol(word, &spec->protocol))
		return parse_error(parse, spec->word,
			"%s: protocol must be tcp, udp, tcp+udp, sctp, dccp, udplite, a name of "
			"/etc/protocols or 0-255",
			*word ? word : "''");
	if (spec->protocol == PROTOCOL_ALL && !spec->all_ports)
		return parse_error(parse, spec->word,
			"protocol 0 means all protocols, and those are mapped with all their "
			"ports: "
			"write all");
	return true;
}

/* `allowed` ends the message about a part that is no number of the range. */
static bool take_port(struct parse *parse, const struct spec *spec, const char *part, unsigned min,
	const char *allowed, uint16_t *port)
{
	uint64_t number;

	if (!words_number(part, min, 65535, &number)) {
		if (strcmp(part, spec->word) == 0)
			return parse_error(parse, spec->word, "%s", allowed);
		return parse_error(parse, spec->word, "%s: %s", *part ? part : "''", allowed);
	}
	*port = (uint16_t)number;
	return true;
}

static bool take_internal(struct parse *parse, const struct parts *parts, struct spec *spec)
{
	if (strcmp(parts->internal, "all") == 0) {
		spec->all_ports = true;
		if (parts->external)
			return parse_error(parse, spec->word,
				"all takes no external port: every port maps to its own");
		return true;
	}
	if (!take_port(parse, spec, parts->internal, 0, "port must be 0-65535",
		    &spec->internal_port))
		return false;
	spec->zero_port = spec->internal_port == 0;
	return true;
}

static bool take_external(struct parse *parse, const struct parts *parts, struct spec *spec)
{
	if (!parts->external) {
		/* SCTP cannot be given another port than its own (RFC 6887, 16.3.3). */
		if (!spec->all_ports && spec->protocol != PROTOCOL_SCTP)
			spec->external_port = spec->internal_port;
		return true;
	}
	if (strcmp(parts->external, "any") == 0)
		return true;
	spec->names_external = true;
	return take_port(parse, spec, parts->external, 1,
		"external port must be 1-65535, or any to let the server choose",
		&spec->external_port);
}

static bool check_zero_port(struct parse *parse, const struct spec *spec)
{
	if (spec->zero_port && spec->protocol != PROTOCOL_TCP && spec->protocol != PROTOCOL_UDP)
		return parse_error(parse, spec->word,
			"internal port 0 is NAT-PMP's, for tcp and udp; for all ports write all");
	return true;
}

static bool parse_spec(struct parse *parse, const char *word, struct spec *spec)
{
	struct parts parts;

	*spec = (struct spec){ .word = word };
	return cut(parse, word, &parts) && take_internal(parse, &parts, spec) &&
		take_protocol(parse, &parts, spec) && take_external(parse, &parts, spec) &&
		check_zero_port(parse, spec);
}

static bool has_protocol(const struct spec *spec, uint8_t protocol)
{
	return spec->protocol == protocol || (spec->pair && protocol == PROTOCOL_UDP);
}

/* PCP knows one mapping for an internal port and protocol (RFC 6887, 11.3). */
static bool collide(const struct spec *a, const struct spec *b)
{
	if (a->internal_port != b->internal_port || a->all_ports != b->all_ports)
		return false;
	return has_protocol(a, b->protocol) || (b->pair && has_protocol(a, PROTOCOL_UDP));
}

/* By internal port, so that only neighbours can collide: thousands of specs stay
 * cheap. */
static int by_port(const void *a, const void *b)
{
	const struct spec *const *left = a, *const *right = b;

	if ((*left)->internal_port != (*right)->internal_port)
		return (*left)->internal_port < (*right)->internal_port ? -1 : 1;
	return *left < *right ? -1 : 1;
}

static bool check_twice(struct parse *parse, const struct spec *specs, size_t count)
{
	const struct spec **sorted = calloc(count, sizeof(*sorted));

	if (!sorted)
		return parse_error(parse, NULL, "out of memory");
	for (size_t i = 0; i < count; i++)
		sorted[i] = &specs[i];
	qsort(sorted, count, sizeof(*sorted), by_port);
	for (size_t i = 1; i < count && !parse->failed; i++) {
		for (size_t j = i;
			j-- > 0 && sorted[j]->internal_port == sorted[i]->internal_port;) {
			if (collide(sorted[i], sorted[j])) {
				parse_error(parse, sorted[i]->word,
					"asks again for the internal port of %s", sorted[j]->word);
				break;
			}
		}
	}
	free(sorted);
	return !parse->failed;
}

bool spec_parse_all(struct parse *parse, char *const *words, size_t count, struct spec *specs)
{
	for (size_t i = 0; i < count; i++) {
		if (!parse_spec(parse, words[i], &specs[i]))
			return false;
	}
	return check_twice(parse, specs, count);
}
