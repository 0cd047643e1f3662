/* SPDX-License-Identifier: MIT
 * A screen in memory.
 */
#include "tui/frame.h"

#include <stdarg.h>
#include <stdlib.h>

#include "tui/glyph.h"

#define TEXT_MAX 4096

bool frame_reset(struct frame *frame, int width, int height, bool utf8)
{
	bool ok = true;

	width = width < 1 ? 1 : width > FRAME_SIDE_MAX ? FRAME_SIDE_MAX : width;
	height = height < 1 ? 1 : height > FRAME_SIDE_MAX ? FRAME_SIDE_MAX : height;
	if (width * height > frame->room) {
		struct cell *cells =
			realloc(frame->cells, (size_t)(width * height) * sizeof(*cells));

		if (!cells) {
			ok = false;
		} else {
			frame->cells = cells;
			frame->room = width * height;
		}
	}
	if (ok) {
		frame->width = width;
		frame->height = height;
	}
	frame->utf8 = utf8;
	frame->cursor_x = frame->cursor_y = -1;
	for (int i = 0; i < frame->width * frame->height; i++)
		frame->cells[i] = (struct cell){ ' ', LOOK_NORMAL };
	return ok;
}

void frame_free(struct frame *frame)
{
	free(frame->cells);
	*frame = (struct frame){ 0 };
}

static struct cell *at(const struct frame *frame, int y, int x)
{
	if (y < 0 || y >= frame->height || x < 0 || x >= frame->width)
		return NULL;
	return &frame->cells[y * frame->width + x];
}

const struct cell *frame_cell(const struct frame *frame, int y, int x)
{
	return at(frame, y, x);
}

/* Writes one cell. The other half of a wide character that is broken by it becomes a
 * blank. */
static void set(struct frame *frame, int y, int x, uint32_t c, enum look look)
{
	struct cell *cell = at(frame, y, x), *next = at(frame, y, x + 1);
	struct cell *before = at(frame, y, x - 1);

	if (!cell)
		return;
	if (cell->c == 0 && c != 0 && before)
		before->c = ' ';
	if (next && next->c == 0)
		next->c = ' ';
	*cell = (struct cell){ c, (uint8_t)look };
}

/* One character in the columns [x, end). */
static int put_glyph(struct frame *frame, int y, int x, int end, enum look look,
	const struct glyph *glyph)
{
	if (glyph->count == 1 && glyph->columns == 2) {
		bool whole = x >= 0 && x + 2 <= end && x + 2 <= frame->width;

		if (x < end)
			set(frame, y, x, whole ? glyph->c[0] : ' ', look);
		if (x + 1 < end)
			set(frame, y, x + 1, whole ? 0 : ' ', look);
		return x + 2;
	}
	for (size_t i = 0; i < glyph->count; i++, x++) {
		if (x < end)
			set(frame, y, x, glyph->c[i], look);
	}
	return x;
}

/* Text in the columns [x, end), the column behind all of it. */
static int put(struct frame *frame, int y, int x, int end, enum look look, const char *text)
{
	struct glyph glyph;

	while (*text) {
		text = glyph_next(text, frame->utf8, &glyph);
		x = put_glyph(frame, y, x, end, look, &glyph);
	}
	return x;
}

int frame_put(struct frame *frame, int y, int x, enum look look, const char *text)
{
	return put(frame, y, x, frame->width, look, text);
}

int frame_printf(struct frame *frame, int y, int x, enum look look, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return frame_put(frame, y, x, look, text);
}

void frame_field(struct frame *frame, int y, int x, int width, bool right, enum look look,
	const char *text)
{
	int columns = glyph_columns(text, frame->utf8);

	if (width <= 0)
		return;
	frame_fill(frame, y, x, width, look);
	if (columns <= width) {
		put(frame, y, right ? x + width - columns : x, x + width, look, text);
	} else {
		put(frame, y, x, x + width - 1, look, text);
		put(frame, y, x + width - 1, x + width, look, frame->utf8 ? "…" : "~");
	}
}

void frame_fill(struct frame *frame, int y, int x, int width, enum look look)
{
	int end = x + width < frame->width ? x + width : frame->width;

	for (x = x < 0 ? 0 : x; x < end; x++)
		set(frame, y, x, ' ', look);
}

static int last_column(const struct frame *frame, int y)
{
	int x = frame->width;

	while (x > 0 && at(frame, y, x - 1)->c == ' ')
		x--;
	return x;
}

int frame_print(const struct frame *frame, FILE *out)
{
	char text[5];

	for (int y = 0; y < frame->height; y++) {
		int end = last_column(frame, y);

		for (int x = 0; x < end; x++) {
			uint32_t c = at(frame, y, x)->c;

			if (c == 0)
				continue;
			glyph_utf8(c, text);
			fputs(text, out);
		}
		fputc('\n', out);
	}
	return ferror(out) ? -1 : 0;
}
