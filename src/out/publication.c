/* SPDX-License-Identifier: MIT
 * Names, and the records of one mapping as text. The text comes back from a file that
 * anything may have happened to, and goes to nsupdate: it is taken only if it is, to
 * the last octet, what we would have written.
 */
#include "out/publication.h"

#include <string.h>

#include "base/words.h"

#define LABEL_MAX   63
#define NAME_OCTETS 253 /* octets of text; 255 in a message (RFC 1035, 2.3.4) */

/* --- names --- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *bad_octet(enum nsupdate_name kind, char c)
{
	if (is_letter(c) || is_digit(c) || c == '-' || (c == '_' && kind != NSUPDATE_TARGET))
		return NULL;
	if ((unsigned char)c >= 0x80)
		return "has letters outside of ASCII: write its xn-- form";
	if (c == '*')
		return "is a wildcard";
	if (c == '_')
		return "has an underscore, which no host name has";
	return "may hold letters, digits and hyphens only";
}

static const char *bad_label(enum nsupdate_name kind, const char *label, size_t n)
{
	const char *why = NULL;

	if (n == 0)
		return "has an empty label";
	for (size_t i = 0; i < n && !why; i++)
		why = bad_octet(kind, label[i]);
	if (why)
		return why;
	if (n > LABEL_MAX)
		return "has a label of more than 63 octets";
	if (label[0] == '-' || label[n - 1] == '-')
		return "has a label with a hyphen at its edge";
	return NULL;
}

static bool all_digits(const char *text, size_t n)
{
	size_t digits = 0;

	while (digits < n && is_digit(text[digits]))
		digits++;
	return digits == n;
}

const char *nsupdate_name_check(enum nsupdate_name kind, const char *word)
{
	size_t length = strlen(word), labels = 0, n = 0;
	struct ip ip;

	if (length == 0)
		return "is empty";
	if (ip_parse(word, &ip))
		return "is an address: a name is needed";
	if (word[length - 1] == '.')
		length--;
	if (length > NAME_OCTETS)
		return "is longer than 253 octets";
	for (size_t start = 0; start <= length; start += n + 1, labels++) {
		const char *dot = memchr(word + start, '.', length - start);
		const char *why;

		n = dot ? (size_t)(dot - word) - start : length - start;
		why = bad_label(kind, word + start, n);
		if (why)
			return why;
	}
	/* Else it could be read as an address (RFC 1123, 2.1). */
	if (all_digits(word + length - n, n))
		return "ends with a number";
	if (labels < 2 && kind != NSUPDATE_ZONE)
		return "is not complete: write it with its domain";
	return NULL;
}

void publication_name(const char *word, char name[static PUBLICATION_NAME_MAX])
{
	size_t n = strlen(word);

	if (n > 0 && word[n - 1] == '.')
		n--;
	if (n > NAME_OCTETS)
		n = NAME_OCTETS;
	for (size_t i = 0; i < n; i++)
		name[i] = word[i] >= 'A' && word[i] <= 'Z' ? (char)(word[i] - 'A' + 'a') : word[i];
	name[n] = '.';
	name[n + 1] = '\0';
}

bool publication_in_zone(const char *name, const char *zone)
{
	size_t n = strlen(name), length = strlen(zone);

	if (n < length || strcmp(name + n - length, zone) != 0)
		return false;
	return n == length || name[n - length - 1] == '.';
}

/* --- records --- */

const char *publication_type(const struct ip *address)
{
	return ip_is_v4(address) ? "A" : "AAAA";
}

bool publication_same_srv(const struct publication *a, const struct publication *b)
{
	return a->has_srv && b->has_srv && a->port == b->port && a->priority == b->priority &&
		a->weight == b->weight && strcmp(a->owner, b->owner) == 0 &&
		strcmp(a->target, b->target) == 0;
}

bool publication_same_address(const struct publication *a, const struct publication *b)
{
	return a->has_address && b->has_address && ip_equal(&a->address, &b->address) &&
		strcmp(a->target, b->target) == 0;
}

/* --- as text --- */

void publication_format(const struct publication *p, char *text, size_t size)
{
	char zone[PUBLICATION_NAME_MAX + 8] = "";
	char address[PUBLICATION_NAME_MAX + IP_TEXT_MAX + 8] = "";
	char ip[IP_TEXT_MAX];

	text[0] = '\0';
	if (!p->has_srv)
		return;
	if (p->zone[0])
		snprintf(zone, sizeof(zone), "zone %s\n", p->zone);
	if (p->has_address)
		snprintf(address, sizeof(address), "%s %s %s\n", p->target,
			publication_type(&p->address), ip_format(&p->address, ip));
	snprintf(text, size, "%s%s SRV %u %u %u %s\n%s", zone, p->owner, p->priority, p->weight,
		p->port, p->target, address);
}

#define FIELDS_MAX 6

/* Cuts `line`, which is overwritten, at its blanks. How many fields it has. */
static size_t fields_of(char *line, char *fields[static FIELDS_MAX])
{
	size_t n = 0;

	while (line && n < FIELDS_MAX) {
		char *blank = strchr(line, ' ');

		fields[n++] = line;
		if (blank)
			*blank++ = '\0';
		line = blank;
	}
	return line ? 0 : n;
}

static bool parse_name(enum nsupdate_name kind, const char *word, char *name)
{
	if (nsupdate_name_check(kind, word) != NULL)
		return false;
	publication_name(word, name);
	return true;
}

static bool parse_u16(const char *word, uint64_t min, uint16_t *out)
{
	uint64_t value;

	if (!words_number(word, min, UINT16_MAX, &value))
		return false;
	*out = (uint16_t)value;
	return true;
}

static bool parse_line(char *line, struct publication *p)
{
	char *f[FIELDS_MAX];
	size_t n = fields_of(line, f);

	if (n == 2 && strcmp(f[0], "zone") == 0)
		return parse_name(NSUPDATE_ZONE, f[1], p->zone);
	if (n == 6 && strcmp(f[1], "SRV") == 0 && !p->has_srv) {
		p->has_srv = true;
		return parse_name(NSUPDATE_OWNER, f[0], p->owner) &&
			parse_u16(f[2], 0, &p->priority) && parse_u16(f[3], 0, &p->weight) &&
			parse_u16(f[4], 1, &p->port) &&
			parse_name(NSUPDATE_TARGET, f[5], p->target);
	}
	if (n != 3 || !p->has_srv || p->has_address || strcmp(f[0], p->target) != 0)
		return false;
	p->has_address = true;
	return ip_parse(f[2], &p->address) && strcmp(f[1], publication_type(&p->address)) == 0;
}

bool publication_parse(const char *text, struct publication *p)
{
	struct publication got = { .has_srv = false };
	char copy[NSUPDATE_PUBLISHED_MAX], again[NSUPDATE_PUBLISHED_MAX];

	if (strlen(text) >= sizeof(copy))
		return false;
	memcpy(copy, text, strlen(text) + 1);
	for (char *line = copy, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		if (!parse_line(line, &got))
			return false;
	}
	publication_format(&got, again, sizeof(again));
	if (strcmp(text, again) != 0)
		return false;
	*p = got;
	return true;
}
