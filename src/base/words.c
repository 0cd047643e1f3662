/* SPDX-License-Identifier: MIT
 * One word of a command line -> a value. Bytes are compared as bytes: no
 * ctype.h and no strtol, which skip blanks, take signs and ask the locale.
 */
#include "base/words.h"

#include <string.h>

#define NEAREST_MAX 64 /* octets of the longest word that a suggestion is made for */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The `n` first octets of `text`, all of them digits, no more than `max`. */
static bool number_of(const char *text, size_t n, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (n == 0 || (n > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < n; i++) {
		uint64_t digit = (uint64_t)(text[i] - '0');

		if (!is_digit(text[i]) || digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

bool words_number(const char *word, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t value;

	if (!number_of(word, strlen(word), max, &value) || value < min)
		return false;
	*out = value;
	return true;
}

bool words_time(const char *word, int64_t *ns)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		{ "", INT64_C(1000000000) },
		{ "ms", INT64_C(1000000) },
		{ "s", INT64_C(1000000000) },
		{ "m", INT64_C(60000000000) },
		{ "h", INT64_C(3600000000000) },
		{ "d", INT64_C(86400000000000) },
	};
	size_t digits = strspn(word, "0123456789");
	uint64_t value;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(word + digits, units[i].name) != 0)
			continue;
		if (!number_of(word, digits, (uint64_t)(INT64_MAX / units[i].ns), &value))
			return false;
		*ns = (int64_t)value * units[i].ns;
		return true;
	}
	return false;
}

/* 16 when it is none. */
static unsigned hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = memchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c, 16);

	return at ? (unsigned)(at - digits) : 16;
}

bool words_hex(const char *word, uint8_t *out, size_t n)
{
	size_t length = strlen(word);

	if (length % 2 != 0 || length / 2 != n)
		return false;
	for (size_t i = 0; i < length; i++)
		if (hex_digit(word[i]) > 15)
			return false;
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(hex_digit(word[2 * i]) << 4 | hex_digit(word[2 * i + 1]));
	return true;
}

bool words_looks_like_address(const char *word)
{
	bool dotted = word[0] != '\0';

	for (const char *p = word; *p; p++) {
		if (strchr(":[]%", *p))
			return true;
		dotted = dotted && strchr("0123456789.", *p);
	}
	return dotted;
}

/* What the kernel takes as an interface name (dev_valid_name), less the control
 * characters: a name like that is a slip, and would reach a message. */
static bool scope_of(const char *text, size_t n, char scope[static WORDS_SCOPE_MAX])
{
	if (n == 0 || n >= WORDS_SCOPE_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c <= ' ' || c == 0x7f || c == '/' || c == ':' || c == '%')
			return false;
	}
	memcpy(scope, text, n);
	scope[n] = '\0';
	return true;
}

/* The `n` first octets of `text`: ADDR or ADDR%SCOPE. */
static bool scoped_of(const char *text, size_t n, struct words_address *out)
{
	const char *percent = memchr(text, '%', n);
	size_t length = percent ? (size_t)(percent - text) : n;
	char address[IP_TEXT_MAX];

	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	if (!ip_parse(address, &out->ip))
		return false;
	if (!percent)
		return true;
	return !ip_is_v4(&out->ip) && scope_of(percent + 1, n - length - 1, out->scope);
}

/* What follows an address: nothing, or a colon and a port. */
static bool port_of(const char *text, uint16_t *port)
{
	uint64_t value;

	if (text[0] == '\0')
		return true;
	if (text[0] != ':' || !words_number(text + 1, 1, 65535, &value))
		return false;
	*port = (uint16_t)value;
	return true;
}

/* Brackets are for what has colons of its own: `[192.0.2.1]` is no one's notation. */
static bool bracketed(const char *word, struct words_address *out)
{
	const char *end = strrchr(word, ']');

	return end != NULL && memchr(word, ':', (size_t)(end - word)) != NULL &&
		scoped_of(word + 1, (size_t)(end - word - 1), out) && port_of(end + 1, &out->port);
}

bool words_address(const char *word, struct words_address *out)
{
	const char *colon = strchr(word, ':');
	struct words_address got;
	bool good;

	memset(&got, 0, sizeof(got));
	if (word[0] == '[')
		good = bracketed(word, &got);
	else if (colon != NULL && strchr(colon + 1, ':') == NULL)
		good = scoped_of(word, (size_t)(colon - word), &got) && port_of(colon, &got.port);
	else
		good = scoped_of(word, strlen(word), &got);
	if (good)
		*out = got;
	return good;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edits that turn a[0..n) into b[0..m): a letter more, less or other, or two
 * neighbours swapped, which is the commonest slip (optimal string alignment).
 * Three rows of the usual table are enough. */
static unsigned distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned rows[3][NEAREST_MAX];

	for (size_t i = 0; i <= n; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			if (i == 0) {
				row[j] = (unsigned)j;
				continue;
			}
			row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = least(row[j], least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], rows[(i + 1) % 3][j - 2] + 1);
		}
	}
	return rows[n % 3][m];
}

const char *words_nearest(const char *word, const char *const *choices)
{
	size_t n = strlen(word);
	/* One slip in three letters. */
	unsigned best = (unsigned)n / 3 + 1;
	const char *nearest = NULL;

	if (n >= NEAREST_MAX)
		return NULL;
	for (; *choices; choices++) {
		size_t m = strlen(*choices);
		unsigned d;

		if (m >= NEAREST_MAX)
			continue;
		d = distance(word, n, *choices, m);
		/* The beginning of a long name counts as near: `announce`. */
		if (n >= 3 && strncmp(word, *choices, n) == 0)
			d = 1;
		if (d < best) {
			best = d;
			nearest = *choices;
		}
	}
	return nearest;
}
