/* SPDX-License-Identifier: MIT
 * The table of mappings. A row is formatted when it is seen, and not otherwise.
 */
#include <stdio.h>

#include "tui/columns.h"
#include "tui/glyph.h"
#include "tui/view_state.h"

enum { PROTOCOL, INTERNAL, EXTERNAL, REMOTE, LIFE, RENEWAL, STATE, SERVER, COLUMNS };

#define LEFT_WIDTH    8 /* "for ever", "59m 59s" */
#define ADDRESS_LEAST 21 /* any IPv4 endpoint, and what is left of an IPv6 one */

static int least(int a, int b)
{
	return a < b ? a : b;
}

static int most(int a, int b)
{
	return a > b ? a : b;
}

static void measure(const struct view *view, int width, int *widths)
{
	bool several = view->server_count > 1;
	int external = most(view->widest_external, 8);
	const struct column columns[COLUMNS] = {
		[PROTOCOL] = { least(most(view->widest_protocol, 3), 8),
			most(view->widest_protocol, 5), 1, 5, true },
		[INTERNAL] = { 5, most(view->widest_internal, 8), 4, 2, true },
		[EXTERNAL] = { least(external, ADDRESS_LEAST), external, 2, 1, false },
		[REMOTE] = { least(view->widest_remote, ADDRESS_LEAST), view->widest_remote, 7, 4,
			false },
		[LIFE] = { LEFT_WIDTH + 7, LEFT_WIDTH + 1 + width / 4, 3, 6, false },
		[RENEWAL] = { 7, 7, 6, 7, true },
		[STATE] = { 10, 36, 5, 3, false },
		[SERVER] = { several ? least(view->widest_server, 15) : 0, view->widest_server, 8,
			4, false },
	};

	columns_fit(columns, COLUMNS, width - 2, width < 100 ? 1 : 2, widths);
}

/* --- one row --- */

static enum look life_look(int life)
{
	return life > 375 ? LOOK_GOOD : life > 125 ? LOOK_WARN : LOOK_BAD;
}

static void draw_life(const struct row *row, struct frame *frame, int y, int x, int width,
	struct mono now, const enum look *all)
{
	int bar = width - LEFT_WIDTH - 1, life = text_life(row, now);
	int full = (life * bar + 500) / 1000;
	char text[PHRASE_MAX];

	if (row->held && life > 0 && full == 0)
		full = 1;
	for (int i = 0; i < bar && row->held; i++)
		frame_put(frame, y, x + i,
			all		 ? *all :
				i < full ? life_look(life) :
					   LOOK_DIM,
			i < full	    ? (frame->utf8 ? "█" : "#") :
				frame->utf8 ? "░" :
					      ".");
	frame_field(frame, y, x + bar + 1, LEFT_WIDTH, true, all ? *all : LOOK_NORMAL,
		text_left(row, now, text, sizeof(text)));
}

static void cell_text(const struct view *view, const struct row *row, int column, int width,
	struct mono now, char *text, size_t size)
{
	const struct event_mapping *m = &row->told;

	text[0] = '\0';
	switch (column) {
	case PROTOCOL:
		phrase_protocol(m, text, size);
		break;
	case INTERNAL:
		text_internal(row, width, text, size);
		break;
	case EXTERNAL:
		text_external(row, width, text, size);
		break;
	case REMOTE:
		if (m->opcode == PCP_PEER)
			text_endpoint_in(&m->remote_address, m->remote_port, false, width, text,
				size);
		break;
	case RENEWAL:
		text_renewal(row, now, text, size);
		break;
	case STATE:
		text_state(row, width, text, size);
		break;
	case SERVER:
		snprintf(text, size, "%s", view->servers[row->want.server].name);
		break;
	default:
		break;
	}
}

static void draw_row(struct view *view, const struct row *row, struct frame *frame, int y,
	const int *widths, struct mono now)
{
	bool selected = row == view->selected && !view->settings.still;
	enum look line = LOOK_SELECTED;
	char text[PHRASE_MAX];
	int x = 2;

	view->formatted++;
	if (selected) {
		frame_fill(frame, y, 0, frame->width, line);
		frame_put(frame, y, 0, line, ">");
	}
	for (int i = 0; i < COLUMNS; i++) {
		enum look look = selected ? line : LOOK_NORMAL;

		if (widths[i] == 0)
			continue;
		if (i == STATE && !selected)
			look = text_state_look(row->state);
		if (i == LIFE)
			draw_life(row, frame, y, x, widths[i], now, selected ? &line : NULL);
		else
			cell_text(view, row, i, widths[i], now, text, sizeof(text));
		if (i != LIFE)
			frame_field(frame, y, x, widths[i], i == RENEWAL, look, text);
		x += widths[i] + (frame->width < 100 ? 1 : 2);
	}
}

/* --- the whole --- */

static void draw_heads(struct frame *frame, int y, const int *widths)
{
	static const char *const titles[COLUMNS][2] = {
		[PROTOCOL] = { "PROTO", "PRO" },
		[INTERNAL] = { "INTERNAL", "PORT" },
		[EXTERNAL] = { "EXTERNAL", "EXT" },
		[REMOTE] = { "REMOTE", "REM" },
		[LIFE] = { "LIFETIME", "LIFE" },
		[RENEWAL] = { "RENEWAL", "RENEW" },
		[STATE] = { "STATE", "STATE" },
		[SERVER] = { "SERVER", "SRV" },
	};
	int x = 2;

	frame_fill(frame, y, 0, frame->width, LOOK_HEAD);
	for (int i = 0; i < COLUMNS; i++) {
		bool brief = (int)strlen(titles[i][0]) > widths[i];

		if (widths[i] == 0)
			continue;
		frame_field(frame, y, x, widths[i], i == RENEWAL, LOOK_HEAD, titles[i][brief]);
		x += widths[i] + (frame->width < 100 ? 1 : 2);
	}
}

/* The selection is always in sight. */
static void scroll_to_selection(struct view *view, size_t page)
{
	size_t last = view->order_count > page ? view->order_count - page : 0;

	view->page = page;
	if (view->selected_at < view->top)
		view->top = view->selected_at;
	if (view->selected_at >= view->top + page)
		view->top = view->selected_at - page + 1;
	if (view->top > last)
		view->top = last;
}

void table_draw(struct view *view, struct frame *frame, int y, int height, struct mono now)
{
	int widths[COLUMNS], page = height - 1;

	if (height < 1)
		return;
	measure(view, frame->width, widths);
	if (height > 1)
		draw_heads(frame, y++, widths);
	else
		page = 1;
	scroll_to_selection(view, (size_t)page);
	for (int i = 0; i < page && view->top + (size_t)i < view->order_count; i++)
		draw_row(view, view->order[view->top + (size_t)i], frame, y + i, widths, now);
	if (view->order_count == 0)
		frame_put(frame, y, 2, LOOK_DIM,
			view->row_count		     ? "nothing matches the filter" :
				view->settings.still ? "no mappings" :
						       "no mappings: press a to add one");
}
