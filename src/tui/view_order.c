/* SPDX-License-Identifier: MIT
 * Which rows are shown, in which order, and which is selected. Sorted only when an
 * event or a key has made the order stale.
 */
#include <ctype.h>
#include <stdlib.h>

#include "tui/view_state.h"

const char *order_name(enum view_sort sort)
{
	static const char *const names[] = {
		[SORT_STATE] = "state",
		[SORT_LEFT] = "time left",
		[SORT_INTERNAL] = "internal port",
		[SORT_EXTERNAL] = "external port",
	};

	return names[sort];
}

/* --- the filter --- */

static bool contains(const char *text, const char *part)
{
	size_t length = strlen(part);

	for (; *text; text++) {
		if (strncasecmp(text, part, length) == 0)
			return true;
	}
	return false;
}

/* Each word of the filter is somewhere in what the row says. */
static bool passes(const struct view *view, const struct row *row)
{
	char words[VIEW_TEXT_MAX], text[PHRASE_MAX], *save;
	const char *word;

	memcpy(words, view->filter, sizeof(words));
	for (word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (!contains(phrase_protocol(&row->told, text, sizeof(text)), word) &&
			!contains(text_internal(row, 1000, text, sizeof(text)), word) &&
			!contains(text_external(row, 1000, text, sizeof(text)), word) &&
			!contains(text_state(row, 1000, text, sizeof(text)), word) &&
			!contains(view->servers[row->want.server].name, word) &&
			!(row->description && contains(row->description, word)))
			return false;
	}
	return true;
}

void order_touch(struct view *view, struct row *row)
{
	row->shown = view->filter[0] == '\0' || passes(view, row);
	view->stale = true;
}

void order_filter(struct view *view)
{
	for (size_t i = 0; i < view->row_count; i++)
		order_touch(view, view->rows[i]);
	view->stale = true;
}

/* --- the order --- */

/* By number where nothing else decides, so that rows that are alike stay in place. */
static int by_number(const struct row *a, const struct row *b)
{
	if (a->want.server != b->want.server)
		return a->want.server < b->want.server ? -1 : 1;
	return (a->want.want > b->want.want) - (a->want.want < b->want.want);
}

/* granted, renewed and recovered are one: a renewal moves no row */
static int rank(const struct row *row)
{
	return row->state < ROW_RECOVERED ? (int)row->state : (int)ROW_RECOVERED;
}

static int by_state(const void *x, const void *y)
{
	const struct row *a = *(struct row *const *)x, *b = *(struct row *const *)y;

	return rank(a) != rank(b) ? rank(a) - rank(b) : by_number(a, b);
}

static int64_t ends(const struct row *row)
{
	return row->held ? row->expires.ns : INT64_MIN;
}

static int by_left(const void *x, const void *y)
{
	const struct row *a = *(struct row *const *)x, *b = *(struct row *const *)y;

	if (ends(a) != ends(b))
		return ends(a) < ends(b) ? -1 : 1;
	return by_number(a, b);
}

static int by_internal(const void *x, const void *y)
{
	const struct row *a = *(struct row *const *)x, *b = *(struct row *const *)y;
	int difference = a->told.internal_port - b->told.internal_port;

	return difference ? difference : by_number(a, b);
}

static int by_external(const void *x, const void *y)
{
	const struct row *a = *(struct row *const *)x, *b = *(struct row *const *)y;
	int difference = (a->held ? a->external_port : 0) - (b->held ? b->external_port : 0);

	return difference ? difference : by_number(a, b);
}

static size_t place_of(const struct view *view, const struct row *row)
{
	for (size_t i = 0; i < view->order_count; i++) {
		if (view->order[i] == row)
			return i;
	}
	return SIZE_MAX;
}

void order_refresh(struct view *view)
{
	static int (*const compare[])(const void *, const void *) = {
		[SORT_STATE] = by_state,
		[SORT_LEFT] = by_left,
		[SORT_INTERNAL] = by_internal,
		[SORT_EXTERNAL] = by_external,
	};
	size_t at;

	if (!view->stale)
		return;
	view->stale = false;
	view->order_count = 0;
	for (size_t i = 0; i < view->row_count; i++) {
		if (view->rows[i]->shown)
			view->order[view->order_count++] = view->rows[i];
	}
	if (view->order_count)
		qsort(view->order, view->order_count, sizeof(struct row *), compare[view->sort]);
	/* one that is gone leaves the selection to its neighbour */
	at = view->selected ? place_of(view, view->selected) : SIZE_MAX;
	if (at == SIZE_MAX)
		at = view->selected_at;
	if (at >= view->order_count)
		at = view->order_count ? view->order_count - 1 : 0;
	view->selected_at = at;
	view->selected = view->order_count ? view->order[at] : NULL;
}

void order_move(struct view *view, long rows)
{
	long at;

	order_refresh(view);
	if (view->order_count == 0)
		return;
	at = (long)view->selected_at + rows;
	at = at < 0 ? 0 : at >= (long)view->order_count ? (long)view->order_count - 1 : at;
	view->selected_at = (size_t)at;
	view->selected = view->order[at];
}
