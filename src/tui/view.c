/* SPDX-License-Identifier: MIT
 * The view as a whole: how the screen is divided.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tui/view_state.h"

#define LOG_LEAST 3 /* lines of the log beside a full table */

struct view *view_new(const struct view_settings *settings)
{
	struct view *view = calloc(1, sizeof(*view));

	if (!view)
		return NULL;
	view->settings = *settings;
	view->stale = true;
	view->changed = true;
	view->log_follows = true;
	return view;
}

void view_free(struct view *view)
{
	if (!view)
		return;
	HASH_CLEAR(by_want, view->by_want);
	HASH_CLEAR(by_flow, view->by_flow);
	for (size_t i = 0; i < view->row_count; i++)
		row_free(view->rows[i]);
	for (size_t i = 0; i < PENDING_MAX; i++)
		free(view->pending[i].response.octets);
	for (size_t i = 0; i < view->log_count; i++)
		free(view->log[i].text);
	free(view->rows);
	free(view->order);
	free(view->servers);
	free(view);
}

uint64_t view_formatted(const struct view *view)
{
	return view->formatted;
}

struct mono view_deadline(const struct view *view)
{
	if (view->pressed)
		return view->drawn;
	return mono_after(view->drawn, view->changed ? EVENT_DELAY : SEC);
}

void view_note(struct view *view, const char *text)
{
	snprintf(view->note, sizeof(view->note), "%s", text);
	view->pressed = true;
}

/* --- the last line --- */

struct hint {
	const char *key, *what;
};

/* As many as fit, the most needed first. */
static void draw_hints(struct frame *frame, int y, const struct hint *hints, size_t n)
{
	int x = 1;

	for (size_t i = 0; i < n; i++) {
		int width = (int)(strlen(hints[i].key) + strlen(hints[i].what)) + 1;

		if (x + width > frame->width)
			return;
		x = frame_put(frame, y, x, LOOK_KEY, hints[i].key) + 1;
		x = frame_put(frame, y, x, LOOK_NORMAL, hints[i].what) + 2;
	}
}

static void draw_bottom(struct view *view, struct frame *frame)
{
	static const struct hint table[] = { { "q", "quit" }, { "?", "help" }, { "a", "add" },
		{ "d", "delete" }, { "r", "renew" }, { "e", "lifetime" }, { "Enter", "details" },
		{ "/", "filter" }, { "s", "sort" }, { "l", "log" }, { "R", "renew all" },
		{ "x", "hook" }, { "Q", "quit and leave" } };
	static const struct hint other[] = { { "Esc", "back" }, { "arrows, PgUp, PgDn", "scroll" },
		{ "q", "quit" } };
	int y = frame->height - 1;

	if (view->settings.still)
		return;
	if (view->prompt.kind != PROMPT_NONE)
		prompt_draw(view, frame);
	else if (frame->height < 3)
		return;
	else if (view->note[0])
		frame_field(frame, y, 1, frame->width - 1, false, LOOK_BOLD, view->note);
	else if (view->screen == SCREEN_TABLE)
		draw_hints(frame, y, table, sizeof(table) / sizeof(*table));
	else
		draw_hints(frame, y, other, sizeof(other) / sizeof(*other));
}

static int bottom_height(const struct view *view, const struct frame *frame)
{
	if (view->settings.still)
		return 0;
	if (view->prompt.kind != PROMPT_NONE)
		return prompt_height(view);
	return frame->height < 3 ? 0 : 1;
}

/* --- the table with what is above and below it --- */

/* "LOG" and, to the right, what part of the table is seen in which order. */
static void draw_log_head(const struct view *view, struct frame *frame, int y)
{
	size_t first = view->order_count ? view->top + 1 : 0;
	size_t last = view->top + view->page;
	char text[LINE_MAX_TEXT];
	size_t n = 0;

	if (last > view->order_count)
		last = view->order_count;
	frame_fill(frame, y, 0, frame->width, LOOK_HEAD);
	frame_put(frame, y, 1, LOOK_HEAD, "LOG");
	if (view->filter[0])
		n = (size_t)snprintf(text, sizeof(text), "matching %.60s: ", view->filter);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "%zu-%zu of %zu", first, last,
		view->order_count);
	if (view->filter[0])
		n += (size_t)snprintf(text + n, sizeof(text) - n, " (%zu in all)", view->row_count);
	n += (size_t)snprintf(text + n, sizeof(text) - n, ", by %s", order_name(view->sort));
	if ((int)n + 8 < frame->width)
		frame_put(frame, y, frame->width - (int)n - 1, LOOK_HEAD, text);
}

struct division {
	int header, gap, table, log; /* lines; log with its head */
};

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* The table has the most; the header a third at most; the log what is left, but a few
 * lines at least where there is room for both. */
static struct division divide(const struct view *view, int room, struct mono now)
{
	struct division d = { 0 };
	int rows = view->order_count ? least(FRAME_SIDE_MAX, (int)view->order_count) : 1;

	if (view->settings.still) {
		d.header = least(header_height(view, now), room);
		d.gap = 1;
		d.table = least(1 + rows, room - d.header - 2);
		d.log = room - d.header - 2 - d.table;
		return d;
	}
	if (room >= 6)
		d.header = least(header_height(view, now), room / 3 < 2 ? 2 : room / 3);
	d.gap = room >= 18;
	room -= d.header + 2 * d.gap;
	if (room >= 7)
		d.log = 1 + LOG_LEAST;
	if (room >= 20)
		d.log = 1 + room / 4;
	if (d.log && 1 + rows < room - d.log)
		d.log = room - 1 - rows;
	d.table = room - d.log;
	return d;
}

static void draw_table_screen(struct view *view, struct frame *frame, int y, int height,
	struct mono now, int64_t wall_ms)
{
	struct division d;

	order_refresh(view);
	d = divide(view, height, now);
	header_draw(view, frame, y, d.header, now, wall_ms);
	y += d.header + d.gap;
	table_draw(view, frame, y, d.table, now);
	y += d.table + d.gap;
	if (d.log) {
		draw_log_head(view, frame, y);
		log_draw(view, frame, y + 1, d.log - 1);
	}
}

void view_draw(struct view *view, struct frame *frame, struct mono now, int64_t wall_ms)
{
	int bottom = bottom_height(view, frame), y = frame->height > bottom ? 1 : 0;
	int height = frame->height - y - bottom;

	if (y)
		header_title(view, frame, now, wall_ms);
	switch (view->screen) {
	case SCREEN_TABLE:
		draw_table_screen(view, frame, y, height, now, wall_ms);
		break;
	case SCREEN_DETAIL:
		detail_draw(view, frame, y, height, now, wall_ms);
		break;
	case SCREEN_LOG:
		log_draw_whole(view, frame, y, height);
		break;
	case SCREEN_HELP:
		help_draw(view, frame, y, height);
		break;
	}
	draw_bottom(view, frame);
	view->drawn = now;
	view->changed = view->pressed = false;
}

int view_height(const struct view *view, struct mono now, int log)
{
	size_t lines = 1 + (size_t)header_height(view, now) + 1; /* and a gap */

	lines += 1 + (view->row_count ? view->row_count : 1) + 1;
	lines += 1 + (view->log_count < (size_t)log ? view->log_count : (size_t)log);
	return lines > FRAME_SIDE_MAX ? FRAME_SIDE_MAX : (int)lines;
}
