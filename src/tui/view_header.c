/* SPDX-License-Identifier: MIT
 * The top of the screen: the title, and a table of the servers and their clocks.
 */
#include <stdio.h>

#include "tui/columns.h"
#include "tui/view_state.h"

enum { SERVER, VIA, EPOCH, SINCE, DRIFT, RTT, REGRESSIONS, EXTERNAL, HEARD, COLUMNS };

#define CELL_MAX 64
#define DAY_MS	 INT64_C(86400000)

/* Of some cells there is a short and a long form. */
struct cells {
	char brief[COLUMNS][CELL_MAX];
	char whole[COLUMNS][CELL_MAX];
};

static const char *const titles[COLUMNS] = { "SERVER", "VIA", "EPOCH", "KEPT SINCE", "DRIFT", "RTT",
	"REGRESSIONS", "EXTERNAL", "HEARD" };

/* What the clock should show by now. */
static uint32_t epoch_now(const struct clock *clock, struct mono now)
{
	int64_t ago = mono_since(now, clock->last.at);

	return clock->last.epoch + (uint32_t)(ago > 0 ? ago / SEC : 0);
}

/* How much the server's clock has gained on ours. Both are read in whole seconds, so
 * it is true to a second; the rate is told once that no longer matters much. */
static void drift_cells(const struct clock *clock, struct cells *cells)
{
	int64_t ours = mono_since(clock->last.at, clock->first.at);
	int64_t gain = ((int64_t)clock->last.epoch - clock->first.epoch) * SEC - ours;
	int64_t s = (gain + (gain < 0 ? -SEC / 2 : SEC / 2)) / SEC;

	if (ours <= 0) {
		snprintf(cells->brief[DRIFT], CELL_MAX, "-");
		snprintf(cells->whole[DRIFT], CELL_MAX, "-");
		return;
	}
	snprintf(cells->brief[DRIFT], CELL_MAX, "%+lld s", (long long)s);
	if (ours < 60 * SEC)
		snprintf(cells->whole[DRIFT], CELL_MAX, "%+lld s", (long long)s);
	else
		snprintf(cells->whole[DRIFT], CELL_MAX, "%+lld s %.2f%%", (long long)s,
			100 * (double)(s < 0 ? -s : s) * (double)SEC / (double)ours);
}

static void clock_cells(const struct view *view, const struct clock *clock, struct mono now,
	struct cells *cells)
{
	uint32_t epoch = epoch_now(clock, now);
	char span[PHRASE_MAX], date[PHRASE_MAX];

	snprintf(cells->brief[EPOCH], CELL_MAX, "%u s", epoch);
	if (epoch < 60)
		snprintf(cells->whole[EPOCH], CELL_MAX, "%u s", epoch);
	else
		snprintf(cells->whole[EPOCH], CELL_MAX, "%u s (%s)", epoch,
			phrase_duration(epoch, span, sizeof(span)));
	view->settings.date_text(clock->since_ms, date, sizeof(date));
	snprintf(cells->brief[SINCE], CELL_MAX, "%.10s", date);
	snprintf(cells->whole[SINCE], CELL_MAX, "%.16s", date);
	drift_cells(clock, cells);
}

static void regression_cells(const struct view *view, const struct view_server *s, int64_t wall_ms,
	struct cells *cells)
{
	char when[PHRASE_MAX];

	if (s->regressions == 0) {
		snprintf(cells->brief[REGRESSIONS], CELL_MAX, "0");
		snprintf(cells->whole[REGRESSIONS], CELL_MAX, "0");
		return;
	}
	(wall_ms - s->last_ms < DAY_MS ? view->settings.time_text :
					 view->settings.date_text)(s->last_ms, when, sizeof(when));
	snprintf(cells->brief[REGRESSIONS], CELL_MAX, "%u, %.16s", s->regressions, when);
	snprintf(cells->whole[REGRESSIONS], CELL_MAX, "%u, %.16s %.40s", s->regressions, when,
		event_epoch_kind_name(s->last.kind));
}

/* The same in both forms. */
static void fill(struct cells *cells, int column, const char *text)
{
	snprintf(cells->brief[column], CELL_MAX, "%.63s", text);
	snprintf(cells->whole[column], CELL_MAX, "%.63s", text);
}

static void server_cells(const struct view *view, const struct view_server *s, struct mono now,
	int64_t wall_ms, struct cells *cells)
{
	static const char *const
		vias[] = { [VIA_NONE] = "-", [VIA_PCP] = "PCP v2", [VIA_NAT_PMP] = "NAT-PMP" };
	const struct clock *clock = server_clock(s);
	char text[PHRASE_MAX];

	for (int i = 0; i < COLUMNS; i++)
		fill(cells, i, "-");
	fill(cells, SERVER, s->name);
	fill(cells, VIA, vias[s->via]);
	if (clock)
		clock_cells(view, clock, now, cells);
	if (s->has_rtt)
		fill(cells, RTT, phrase_rtt(s->rtt, text, sizeof(text)));
	regression_cells(view, s, wall_ms, cells);
	if (s->has_external)
		fill(cells, EXTERNAL, ip_format(&s->external, text));
	if (s->heard) {
		char span[PHRASE_MAX];
		int64_t ago = mono_since(now, s->heard_at) / SEC;

		snprintf(text, sizeof(text), "%.40s ago",
			phrase_duration(ago > 0 ? (uint64_t)ago : 0, span, sizeof(span)));
		fill(cells, HEARD, text);
	}
}

/* --- which servers, in which order --- */

static int notes(const struct view_server *s, struct mono now)
{
	return server_alarmed(s, now) || s->has_error;
}

int header_height(const struct view *view, struct mono now)
{
	int lines = view->server_count ? 1 : 0;

	for (size_t i = 0; i < view->server_count; i++)
		lines += 1 + notes(&view->servers[i], now);
	return lines;
}

/* Why the server stands out. */
static void draw_note(const struct view *view, struct frame *frame, int y,
	const struct view_server *s, struct mono now)
{
	const struct event_epoch *e = &s->last;
	char text[LINE_MAX_TEXT], when[PHRASE_MAX], error[PHRASE_MAX], back[PHRASE_MAX] = "";

	if (!server_alarmed(s, now)) {
		snprintf(text, sizeof(text), "! %s", phrase_error(&s->error, error, sizeof(error)));
		frame_field(frame, y, 1, frame->width - 1, false, LOOK_BAD, text);
		return;
	}
	if (s->recovery.active)
		snprintf(back, sizeof(back), "; %u of %u back", s->recovery.back,
			s->recovery.total);
	snprintf(text, sizeof(text), "! %s %s: epoch %u s, was %u s, expected %lld s%s",
		view->settings.time_text(s->last_ms, when, sizeof(when)),
		phrase_epoch_kind(e->kind), e->current, e->previous, (long long)e->expected, back);
	frame_field(frame, y, 1, frame->width - 1, false, LOOK_BAD, text);
}

/* Those that are set off come first, whatever the scroll: two passes. */
static size_t nth_server(const struct view *view, size_t n, struct mono now)
{
	for (int alarmed = 1; alarmed >= 0; alarmed--) {
		for (size_t i = 0; i < view->server_count; i++) {
			if (server_alarmed(&view->servers[i], now) == (alarmed != 0) && n-- == 0)
				return i;
		}
	}
	return 0;
}

/* --- drawing --- */

static void widen(struct column *columns, const struct cells *cells)
{
	for (int i = 0; i < COLUMNS; i++) {
		int brief = (int)strlen(cells->brief[i]), whole = (int)strlen(cells->whole[i]);

		if (columns[i].least < brief)
			columns[i].least = brief;
		if (columns[i].wish < whole)
			columns[i].wish = whole;
	}
}

static void measure(const struct view *view, int width, struct mono now, int64_t wall_ms,
	int *widths)
{
	/* rank and growth, in the order of the columns */
	static const int order[COLUMNS][2] = { { 1, 1 }, { 2, 1 }, { 3, 4 }, { 4, 2 }, { 6, 3 },
		{ 7, 1 }, { 5, 5 }, { 8, 1 }, { 9, 1 } };
	struct column columns[COLUMNS];
	struct cells cells;

	for (int i = 0; i < COLUMNS; i++)
		columns[i] = (struct column){ .least = (int)strlen(titles[i]),
			.rank = order[i][0],
			.growth = order[i][1],
			.whole = true };
	for (size_t i = 0; i < view->server_count; i++) {
		server_cells(view, &view->servers[i], now, wall_ms, &cells);
		widen(columns, &cells);
	}
	if (width < 100) /* the whole form of the others is worth more */
		columns[EXTERNAL].least = columns[HEARD].least = 0;
	columns_fit(columns, COLUMNS, width - 2, width < 100 ? 1 : 2, widths);
}

static void draw_row(struct frame *frame, int y, const int *widths, const struct cells *cells,
	enum look look)
{
	int x = 1;

	frame_fill(frame, y, 0, frame->width, look);
	for (int i = 0; i < COLUMNS; i++) {
		const char *text = cells->whole[i];

		if (widths[i] == 0)
			continue;
		if ((int)strlen(text) > widths[i])
			text = cells->brief[i];
		frame_field(frame, y, x, widths[i], false, look, text);
		x += widths[i] + (frame->width < 100 ? 1 : 2);
	}
}

static void draw_heads(const struct view *view, struct frame *frame, int y, const int *widths,
	bool all)
{
	struct cells cells;
	char more[PHRASE_MAX];

	for (int i = 0; i < COLUMNS; i++)
		fill(&cells, i, titles[i]);
	draw_row(frame, y, widths, &cells, LOOK_HEAD);
	if (all)
		return;
	snprintf(more, sizeof(more), " %zu of %zu servers, < > ", view->server_top + 1,
		view->server_count);
	frame_put(frame, y, frame->width - (int)strlen(more), LOOK_HEAD, more);
}

void header_draw(struct view *view, struct frame *frame, int y, int height, struct mono now,
	int64_t wall_ms)
{
	bool all = header_height(view, now) <= height;
	int widths[COLUMNS], end = y + height;
	struct cells cells;

	if (height < 2 || view->server_count == 0)
		return;
	measure(view, frame->width, now, wall_ms, widths);
	if (all)
		view->server_top = 0;
	draw_heads(view, frame, y++, widths, all);
	for (size_t i = view->server_top; i < view->server_count && y < end; i++) {
		const struct view_server *s = &view->servers[nth_server(view, i, now)];

		server_cells(view, s, now, wall_ms, &cells);
		draw_row(frame, y++, widths, &cells,
			server_alarmed(s, now) ? LOOK_BAD : LOOK_NORMAL);
		if (notes(s, now) && y < end)
			draw_note(view, frame, y++, s, now);
	}
}

/* --- the title --- */

/* The states that are worth a word, worst first. */
static void counts(const struct view *view, char *text, size_t size)
{
	static const struct {
		enum row_state state;
		const char *word;
	} words[] = {
		{ ROW_LOST, "lost" },
		{ ROW_UNREACHABLE, "unreachable" },
		{ ROW_REFUSED, "refused" },
		{ ROW_UNANSWERED, "unanswered" },
		{ ROW_RECOVERING, "recovering" },
	};
	unsigned fine = view->counts[ROW_GRANTED] + view->counts[ROW_RENEWED] +
		view->counts[ROW_RECOVERED] + view->counts[ROW_CHANGED];
	size_t n;

	n = (size_t)snprintf(text, size, "%zu mapping%s", view->row_count,
		view->row_count == 1 ? "" : "s");
	if (view->row_count)
		n += (size_t)snprintf(text + n, size - n, ": %u held", fine);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (view->counts[words[i].state])
			n += (size_t)snprintf(text + n, size - n, ", %u %s",
				view->counts[words[i].state], words[i].word);
	}
	if (view->dropped)
		snprintf(text + n, size - n, "; %u datagram%s ignored", view->dropped,
			view->dropped == 1 ? "" : "s");
}

/* The first server that is set off, by NULL none. */
static const struct view_server *alarmed(const struct view *view, struct mono now)
{
	for (size_t i = 0; i < view->server_count; i++) {
		if (server_alarmed(&view->servers[i], now))
			return &view->servers[i];
	}
	return NULL;
}

void header_title(struct view *view, struct frame *frame, struct mono now, int64_t wall_ms)
{
	const struct view_server *s = alarmed(view, now);
	enum look look = s ? LOOK_BAD : LOOK_TITLE;
	char text[LINE_MAX_TEXT], time[PHRASE_MAX];
	int columns;
	size_t n;

	view->settings.time_text(wall_ms, time, sizeof(time));
	columns = (int)strlen(time) + 2;
	n = s ? (size_t)snprintf(text, sizeof(text), "REGRESSION of %s   ", s->name) :
		(size_t)snprintf(text, sizeof(text), "pcpctl watch   ");
	counts(view, text + n, sizeof(text) - n);
	if (frame->width < 3 * columns)
		columns = 0;
	frame_fill(frame, 0, 0, frame->width, look);
	frame_field(frame, 0, 1, frame->width - 1 - columns, false, look, text);
	if (columns)
		frame_printf(frame, 0, frame->width - columns, look, " %s ", time);
}
