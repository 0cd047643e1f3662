/* SPDX-License-Identifier: MIT
 * A screen in memory: cells of a character and a look. What is drawn outside of it
 * is not there, so that every size from 1x1 up is fine. Text may be foreign: each
 * character that reaches a cell is known to be harmless (glyph.h).
 */
#ifndef TUI_FRAME_H
#define TUI_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* How it looks is told by the terminal; that it differs is never all that is told. */
enum look {
	LOOK_NORMAL,
	LOOK_TITLE,
	LOOK_HEAD, /* the heading of a table */
	LOOK_BOLD,
	LOOK_DIM,
	LOOK_GOOD,
	LOOK_WARN,
	LOOK_BAD, /* red; reverse without colour */
	LOOK_SELECTED,
	LOOK_KEY,
	LOOKS,
};

struct cell {
	uint32_t c; /* 0: the right half of the wide character before it */
	uint8_t look; /* enum look */
};

#define FRAME_SIDE_MAX 1000 /* columns and rows; a larger terminal has the rest empty */

struct frame {
	int width, height;
	bool utf8; /* characters beyond ASCII may be drawn */
	int cursor_x, cursor_y; /* where typing goes on; -1: the cursor is hidden */
	struct cell *cells; /* height rows of width */
	int room; /* cells allocated */
};

/* Zero-initialised it is a frame of size 0. Makes it empty and of that size, at least
 * 1x1. False when there is no memory: the old size is kept, empty. */
bool frame_reset(struct frame *frame, int width, int height, bool utf8);
void frame_free(struct frame *frame);

/* Puts text; returns the column behind it, whether or not it was in the frame. A wide
 * character that would be cut in half is a blank. */
int frame_put(struct frame *frame, int y, int x, enum look look, const char *text);
int frame_printf(struct frame *frame, int y, int x, enum look look, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* The same in exactly `width` columns: padded with blanks, or cut with a mark at
 * the end ("…" or "~"). `right`: padded on the left. */
void frame_field(struct frame *frame, int y, int x, int width, bool right, enum look look,
	const char *text);

/* Blanks in that look, over `width` columns; what stood there is gone. */
void frame_fill(struct frame *frame, int y, int x, int width, enum look look);

/* NULL outside. */
const struct cell *frame_cell(const struct frame *frame, int y, int x);

/* As text, a line for each row, without blanks at the end. 0, or -1 when something
 * could not be written. */
int frame_print(const struct frame *frame, FILE *out);

#endif
