/* SPDX-License-Identifier: MIT
 * A server has lost its state: the alarm, and the account of what comes back.
 */
#include "tui/view_state.h"

#include <stdio.h>

/* Whatever was held, or was still waited for after an earlier one, is waited for. */
static void begin_recovery(struct view *view, struct view_server *server, struct mono at)
{
	struct recovery *recovery = &server->recovery;
	size_t number = server_number(view, server);

	*recovery = (struct recovery){ .from = at };
	for (size_t i = 0; i < view->row_count; i++) {
		struct row *row = view->rows[i];

		if (row->want.server != number)
			continue;
		if (!row->held && row->recovery != ROW_WAITING) {
			row->recovery = ROW_NOT_HIT;
			continue;
		}
		row->recovery = ROW_WAITING;
		row_state(view, row, ROW_RECOVERING);
		recovery->total++;
	}
	recovery->waiting = recovery->total;
	recovery->active = recovery->total > 0;
}

bool epoch_regressed(struct view *view, struct view_server *server, const struct event *event)
{
	const struct event_epoch *epoch = &event->epoch;

	server->regressions++;
	server->last = *epoch;
	server->last_at = event->at;
	server->last_ms = event->wall_ms;
	server->clocks[epoch->via].known = false;
	begin_recovery(view, server, event->at);
	return log_add(view, event->wall_ms, LOOK_BAD, true,
		"REGRESSION of %s: %s; epoch %u s, was %u s, expected %lld s", server->name,
		phrase_epoch_kind(epoch->kind), epoch->current, epoch->previous,
		(long long)epoch->expected);
}

/* --- the line at its end --- */

/* Is its external side another than before? */
static bool moved(const struct row *row)
{
	const struct event_mapping *m = &row->told;

	return m->has_previous &&
		(m->previous_port != row->external_port ||
			(row->has_external && !ip_is_any(&m->previous_address) &&
				!ip_equal(&m->previous_address, &row->external)));
}

/* "tcp 8080 on port 8080", "udp 5060 on port 61234 (was 61200)" */
static void describe(const struct row *row, char *text, size_t size)
{
	const struct event_mapping *m = &row->told;
	char what[PHRASE_MAX], was[PHRASE_MAX];

	phrase_mapping(m, what, sizeof(what));
	if (row->recovery == ROW_GONE) {
		snprintf(text, size, "%s %s", what, event_outcome_name(m->outcome));
		return;
	}
	if (moved(row) && row->has_external && !ip_equal(&m->previous_address, &row->external))
		phrase_side(&m->previous_address, m->previous_port, false, was, sizeof(was));
	else
		snprintf(was, sizeof(was), "%u", m->previous_port);
	if (moved(row))
		snprintf(text, size, "%s on port %u (was %s)", what, row->external_port, was);
	else
		snprintf(text, size, "%s on port %u", what, row->external_port);
}

/* Which rows of the account a pass tells of: what went wrong comes first. */
static bool is_of(const struct row *row, int pass)
{
	if (pass == 0)
		return row->recovery == ROW_GONE;
	return row->recovery == ROW_BACK && moved(row) == (pass == 1);
}

/* As many as there is room for, and how many more there are. */
static void list(struct view *view, size_t server, char *text, size_t size)
{
	size_t used = 0, left = 0;

	for (int pass = 0; pass < 3; pass++) {
		for (size_t i = 0; i < view->row_count; i++) {
			const struct row *row = view->rows[i];
			char one[3 * PHRASE_MAX];

			if (row->want.server != server || !is_of(row, pass))
				continue;
			if (left == 0)
				describe(row, one, sizeof(one));
			/* room for the tail is kept back */
			if (left || used + strlen(one) + 32 > size) {
				left++;
				continue;
			}
			used += (size_t)snprintf(text + used, size - used, "%s%s",
				used ? ", " : ": ", one);
		}
	}
	if (left)
		snprintf(text + used, size - used, " and %zu more", left);
}

static bool end_recovery(struct view *view, struct view_server *server, const struct event *event)
{
	const struct recovery *recovery = &server->recovery;
	char names[LINE_MAX_TEXT - 2 * PHRASE_MAX] = "", span[PHRASE_MAX];
	size_t number = server_number(view, server);

	server->recovery.active = false;
	list(view, number, names, sizeof(names));
	for (size_t i = 0; i < view->row_count; i++) {
		if (view->rows[i]->want.server == number)
			view->rows[i]->recovery = ROW_NOT_HIT;
	}
	return log_add(view, event->wall_ms,
		recovery->back == recovery->total ? LOOK_GOOD : LOOK_WARN, true,
		"%s recovered %u of %u mapping%s after %s%s", server->name, recovery->back,
		recovery->total, recovery->total == 1 ? "" : "s",
		text_span(mono_since(event->at, recovery->from), span, sizeof(span)), names);
}

bool recovery_step(struct view *view, struct row *row, const struct event *event)
{
	struct view_server *server = &view->servers[row->want.server];

	if (row->recovery != ROW_WAITING)
		return true;
	row->recovery = row->held && row->told.lifetime > 0 &&
			(row->state == ROW_GRANTED || row->state == ROW_RENEWED ||
				row->state == ROW_CHANGED || row->state == ROW_RECOVERED) ?
		ROW_BACK :
		ROW_GONE;
	server->recovery.waiting--;
	if (row->recovery == ROW_BACK)
		server->recovery.back++;
	return server->recovery.waiting > 0 || end_recovery(view, server, event);
}
