/* SPDX-License-Identifier: MIT
 * The event log: bounded, and what it says of regressions stays longest.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tui/glyph.h"
#include "tui/view_state.h"

/* The oldest that may go: no regression, unless there is nothing else. */
static void drop_one(struct view *view)
{
	size_t i = 0;

	while (i < view->log_count && view->log[i].keep)
		i++;
	if (i == view->log_count)
		i = 0;
	free(view->log[i].text);
	view->log_count--;
	memmove(&view->log[i], &view->log[i + 1], (view->log_count - i) * sizeof(view->log[0]));
}

bool log_add(struct view *view, int64_t wall_ms, enum look look, bool keep, const char *format, ...)
{
	char text[LINE_MAX_TEXT];
	struct entry entry = { wall_ms, look, keep, NULL };
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	entry.text = strdup(text);
	if (!entry.text)
		return false;
	if (view->log_count == VIEW_LOG_MAX)
		drop_one(view);
	view->log[view->log_count++] = entry;
	view->changed = true;
	return true;
}

bool view_log(struct view *view, int64_t wall_ms, enum look look, const char *text)
{
	return log_add(view, wall_ms, look, false, "%s", text);
}

/* --- drawing --- */

/* Draws from `text` on what fits into the row; returns where it goes on, at a word
 * where there is one. `frame` NULL: only tells. */
static const char *draw_part(struct frame *frame, bool utf8, int y, int x, int width,
	enum look look, const char *text)
{
	const char *p = text, *stop = text, *word = NULL;
	struct glyph glyph;
	char part[LINE_MAX_TEXT];
	int columns = 0;

	while (*p) {
		if (*p == ' ')
			word = p;
		p = glyph_next(p, utf8, &glyph);
		columns += glyph.columns;
		if (columns > width)
			break;
		stop = p;
	}
	if (columns > width && word && word > text)
		stop = word;
	if (stop == text)
		stop = p; /* narrower than one character */
	if (frame) {
		snprintf(part, sizeof(part), "%.*s", (int)(stop - text), text);
		frame_field(frame, y, x, width, false, look, part);
	}
	while (*stop == ' ')
		stop++;
	return stop;
}

#define TIME_WIDTH 10 /* "14:03:10  " */

static void draw_time(const struct view *view, struct frame *frame, int y,
	const struct entry *entry)
{
	char time[PHRASE_MAX];

	frame_put(frame, y, 1, LOOK_DIM,
		view->settings.time_text(entry->wall_ms, time, sizeof(time)));
}

/* Rows of the screen, and which of all lines comes first there. */
struct window {
	struct frame *frame; /* NULL: only counts */
	int y, height, width;
	bool utf8;
	size_t first;
};

/* Draws the lines of an entry that lie in the window; returns how many there are.
 * `line` is the number of its first. Without `wrap` it has one. */
static size_t draw_entry(const struct view *view, const struct window *w, const struct entry *entry,
	size_t line, bool wrap)
{
	int x = w->width > 40 ? 1 + TIME_WIDTH : 1;
	const char *text = entry->text;
	size_t n = 0;

	do {
		int y = w->y + (int)(line + n - w->first);
		bool inside =
			w->frame && line + n >= w->first && line + n < w->first + (size_t)w->height;

		if (inside && n == 0 && x > 1)
			draw_time(view, w->frame, y, entry);
		if (wrap)
			text = draw_part(inside ? w->frame : NULL, w->utf8, y, x, w->width - x,
				entry->look, text);
		else if (inside)
			frame_field(w->frame, y, x, w->width - x, false, entry->look, text);
		n++;
	} while (wrap && *text);
	return n;
}

static size_t count_lines(const struct view *view, const struct window *w, size_t i, bool wrap)
{
	struct window nowhere = *w;

	nowhere.frame = NULL;
	return draw_entry(view, &nowhere, &view->log[i], 0, wrap);
}

/* What is told of regressions is told whole, the rest is one line each. */
void log_draw(struct view *view, struct frame *frame, int y, int height)
{
	struct window w = { frame, y, height, frame->width, frame->utf8, 0 };
	size_t first = view->log_count, lines = 0, line = 0;

	while (first > 0 && lines < (size_t)height) {
		first--;
		lines += count_lines(view, &w, first, view->log[first].keep);
	}
	w.first = lines > (size_t)height ? lines - (size_t)height : 0;
	for (size_t i = first; i < view->log_count; i++)
		line += draw_entry(view, &w, &view->log[i], line, view->log[i].keep);
}

void log_draw_whole(struct view *view, struct frame *frame, int y, int height)
{
	struct window w = { frame, y, height, frame->width, frame->utf8, 0 };
	size_t lines = 0, line = 0;

	/* how many there are depends on the width */
	for (size_t i = 0; i < view->log_count; i++)
		lines += count_lines(view, &w, i, true);
	view->scroll_max = lines > (size_t)height ? lines - (size_t)height : 0;
	if (view->log_follows || view->scroll > view->scroll_max)
		view->scroll = view->scroll_max;
	w.first = view->scroll;
	for (size_t i = 0; i < view->log_count; i++)
		line += draw_entry(view, &w, &view->log[i], line, true);
	if (view->log_count == 0)
		frame_put(frame, y, 1, LOOK_DIM, "nothing has happened yet");
}
