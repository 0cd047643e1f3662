/* SPDX-License-Identifier: MIT
 * Text -> characters of a known width.
 */
#include "tui/glyph.h"

#include <stdio.h>

struct range {
	uint32_t first, last;
};

/* One column everywhere: Latin, Greek, Cyrillic, Armenian, punctuation, signs of
 * money, letterlike, arrows, mathematics, boxes and blocks. */
static const struct range narrow[] = {
	{ 0x20, 0x7e },
	{ 0xa1, 0xac },
	{ 0xae, 0x2ff },
	{ 0x370, 0x377 },
	{ 0x384, 0x482 },
	{ 0x48a, 0x52f },
	{ 0x531, 0x556 },
	{ 0x561, 0x587 },
	{ 0x1e00, 0x1eff },
	{ 0x2010, 0x2027 },
	{ 0x2030, 0x205e },
	{ 0x20a0, 0x20bf },
	{ 0x2100, 0x2138 },
	{ 0x2190, 0x21ff },
	{ 0x2200, 0x22ff },
	{ 0x2500, 0x25ef },
};

/* Two columns: Hangul, Han, kana, full-width forms, the common pictographs. */
static const struct range wide[] = {
	{ 0x1100, 0x115f },
	{ 0x2e80, 0x2e99 },
	{ 0x3001, 0x3029 },
	{ 0x3041, 0x3096 },
	{ 0x309b, 0x30ff },
	{ 0x3105, 0x312f },
	{ 0x3131, 0x318e },
	{ 0x3400, 0x4dbf },
	{ 0x4e00, 0x9fff },
	{ 0xac00, 0xd7a3 },
	{ 0xf900, 0xfa6d },
	{ 0xff01, 0xff60 },
	{ 0xffe0, 0xffe6 },
	{ 0x1f300, 0x1f320 },
	{ 0x1f600, 0x1f64f },
	{ 0x20000, 0x2a6df },
};

static bool is_in(const struct range *ranges, size_t n, uint32_t c)
{
	for (size_t i = 0; i < n && ranges[i].first <= c; i++) {
		if (c <= ranges[i].last)
			return true;
	}
	return false;
}

int glyph_width(uint32_t c)
{
	if (is_in(narrow, sizeof(narrow) / sizeof(*narrow), c))
		return 1;
	return is_in(wide, sizeof(wide) / sizeof(*wide), c) ? 2 : 0;
}

/* Octets of the valid sequence at `p` (RFC 3629, 4) and its code point; 0: none. The
 * final NUL of the text ends every sequence that is cut short. */
static size_t sequence(const uint8_t *p, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (length < 2) {
		*c = p[0];
		return length;
	}
	*c = p[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3fu);
	}
	if (p[0] > 0xf4 || *c < least[length] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return length;
}

static void escape(struct glyph *out, const char *format, uint32_t value)
{
	char text[GLYPH_MAX + 2];
	int n = snprintf(text, sizeof(text), format, (unsigned)value);

	out->count = 0;
	while ((int)out->count < n && out->count < GLYPH_MAX) {
		out->c[out->count] = (uint8_t)text[out->count];
		out->count++;
	}
	out->columns = (int)out->count;
}

const char *glyph_next(const char *text, bool utf8, struct glyph *out)
{
	const uint8_t *p = (const uint8_t *)text;
	uint32_t c;
	size_t length = sequence(p, &c);
	int columns = length ? glyph_width(c) : 0;

	if (columns && (utf8 || c < 0x7f)) {
		out->c[0] = c;
		out->count = 1;
		out->columns = columns;
	} else if (length < 2) {
		escape(out, "\\x%02x", *p);
	} else {
		escape(out, c > 0xffff ? "\\U%08x" : "\\u%04x", c);
	}
	return text + (length ? length : 1);
}

int glyph_columns(const char *text, bool utf8)
{
	struct glyph glyph;
	int columns = 0;

	while (*text) {
		text = glyph_next(text, utf8, &glyph);
		columns += glyph.columns;
	}
	return columns;
}

size_t glyph_utf8(uint32_t c, char text[static 5])
{
	size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = length - 1; i > 0; i--) {
		text[i] = (char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	text[0] = (char)(first[length] | c);
	text[length] = '\0';
	return length;
}
