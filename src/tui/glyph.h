/* SPDX-License-Identifier: MIT
 * Text that may hold anything -> characters of which a screen is made: each known
 * to take one column or two, none that moves the cursor, joins its neighbour or
 * turns the direction of the text. By tables of our own, as a locale would say
 * something else on each machine.
 */
#ifndef TUI_GLYPH_H
#define TUI_GLYPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GLYPH_MAX 10 /* the longest escape: \U0010ffff */

/* What one character, or one wrong octet, becomes. */
struct glyph {
	uint32_t c[GLYPH_MAX]; /* code points; an escape is several */
	size_t count;
	int columns; /* of all of them: 2 for a single wide one, else `count` */
};

/* Takes the next of the text, which is not at its end; returns where it goes on.
 * Without `utf8` only ASCII stays. What does not is escaped: \xNN, \uNNNN. */
const char *glyph_next(const char *text, bool utf8, struct glyph *out);

/* How many columns the whole text takes. */
int glyph_columns(const char *text, bool utf8);

/* Columns of one code point as glyph_next() has it: 1 or 2; 0: it would be escaped. */
int glyph_width(uint32_t c);

/* A code point as UTF-8; returns its length. */
size_t glyph_utf8(uint32_t c, char text[static 5]);

#endif
