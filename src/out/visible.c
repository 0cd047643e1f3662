/* SPDX-License-Identifier: MIT
 * Foreign octets -> text that a terminal can be shown.
 */
#include "out/visible.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The form of a UTF-8 sequence (RFC 3629, 4), by its first octet. The range of
 * the second octet keeps out overlong forms, surrogates and what is too large. */
static const struct form {
	uint8_t first_min, first_max, second_min, second_max;
	size_t length;
} forms[] = {
	{ 0x00, 0x7f, 0, 0, 1 },
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

/* How many octets the valid sequence at `p` has, 0 when there is none. */
static size_t sequence(const uint8_t *p, size_t n)
{
	const struct form *form = forms;

	while (form < forms + sizeof(forms) / sizeof(*forms) && *p > form->first_max)
		form++;
	if (form == forms + sizeof(forms) / sizeof(*forms) || *p < form->first_min ||
		n < form->length)
		return 0;
	if (form->length > 1 && (p[1] < form->second_min || p[1] > form->second_max))
		return 0;
	for (size_t i = 2; i < form->length; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return form->length;
}

static uint32_t code_point(const uint8_t *p, size_t length)
{
	uint32_t c = length == 1 ? p[0] : p[0] & (0x7fu >> length);

	for (size_t i = 1; i < length; i++)
		c = c << 6 | (p[i] & 0x3fu);
	return c;
}

/* Valid, and yet it would move the cursor, turn the direction of the text, or
 * end the line. */
static bool is_dangerous(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
		(c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* One unit of `p` as text; *used says how many octets it was made of. */
static size_t unit(const uint8_t *p, size_t n, char text[static 8], size_t *used)
{
	size_t length;

	*used = 1;
	if (*p >= 0x20 && *p < 0x7f && *p != '\\') { /* nearly everything */
		text[0] = (char)*p;
		return 1;
	}
	length = sequence(p, n);
	if (*p == '\\')
		return (size_t)snprintf(text, 8, "\\\\");
	if (length == 0 || is_dangerous(code_point(p, length)))
		return (size_t)snprintf(text, 8, "\\x%02x", *p);
	memcpy(text, p, length);
	*used = length;
	return length;
}

size_t visible(const void *text, size_t n, char *out, size_t size)
{
	const uint8_t *p = text;
	size_t done = 0, written = 0;

	if (size == 0)
		return 0;
	while (done < n) {
		char piece[8];
		size_t used, length = unit(p + done, n - done, piece, &used);

		if (length >= size - written)
			break;
		memcpy(out + written, piece, length);
		written += length;
		done += used;
	}
	out[written] = '\0';
	return done;
}
