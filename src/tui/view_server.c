/* SPDX-License-Identifier: MIT
 * The servers of the view and their clocks.
 */
#include <stdlib.h>

#include "tui/glyph.h"
#include "tui/view_state.h"

static bool same(const struct server_id *a, const struct server_id *b)
{
	return endpoint_equal(&a->server, &b->server) && ip_equal(&a->local, &b->local) &&
		strcmp(a->interface, b->interface) == 0;
}

static void init(struct view *view, struct view_server *server, const struct server_id *id)
{
	int columns;

	memset(server, 0, sizeof(*server));
	server->id = *id;
	phrase_server(id, server->name, sizeof(server->name));
	columns = glyph_columns(server->name, view->settings.utf8);
	if (columns > view->widest_server)
		view->widest_server = columns;
}

static struct view_server *add(struct view *view, const struct server_id *id)
{
	struct view_server *servers =
		realloc(view->servers, (view->server_count + 1) * sizeof(*servers));
	struct view_server *server;

	if (!servers)
		return NULL;
	view->servers = servers;
	server = &servers[view->server_count++];
	init(view, server, id);
	return server;
}

struct view_server *server_get(struct view *view, const struct server_id *id)
{
	/* they are few: each has a socket */
	for (size_t i = 0; i < view->server_count; i++) {
		if (same(&view->servers[i].id, id))
			return &view->servers[i];
	}
	return add(view, id);
}

struct view_server *server_from(struct view *view, const struct server_id *id)
{
	for (size_t i = 0; i < view->server_count; i++) {
		if (endpoint_equal(&view->servers[i].id.server, &id->server) &&
			ip_equal(&view->servers[i].id.local, &id->local))
			return &view->servers[i];
	}
	return NULL;
}

bool view_server(struct view *view, const struct server_id *id)
{
	view->changed = true;
	return server_get(view, id) != NULL;
}

void view_server_moved(struct view *view, size_t number, const struct server_id *id)
{
	struct view_server *server = &view->servers[number], before = *server;

	view->changed = true;
	init(view, server, id);
	server->regressions = before.regressions;
	server->last = before.last;
	server->last_at = before.last_at;
	server->last_ms = before.last_ms;
	/* what is granted elsewhere did not come back: the account has no end */
	for (size_t i = 0; i < view->row_count; i++) {
		if (view->rows[i]->want.server == number)
			view->rows[i]->recovery = ROW_NOT_HIT;
	}
}

size_t server_number(const struct view *view, const struct view_server *server)
{
	return (size_t)(server - view->servers);
}

void server_sample(struct view_server *server, enum via via, uint32_t epoch, struct mono at,
	int64_t wall_ms)
{
	struct clock *clock = &server->clocks[via];

	if (via == VIA_NONE)
		return;
	server->via = via;
	server->heard = true;
	server->heard_at = at;
	server->has_error = false;
	clock->last = (struct sample){ epoch, at };
	if (clock->known)
		return;
	clock->known = true;
	clock->first = clock->last;
	clock->since_ms = wall_ms - (int64_t)epoch * 1000;
}

bool server_alarmed(const struct view_server *server, struct mono now)
{
	return server->regressions > 0 &&
		(server->recovery.active ||
			!mono_due(mono_after(server->last_at, ALARM_LEAST), now));
}

const struct clock *server_clock(const struct view_server *server)
{
	return server->clocks[server->via].known ? &server->clocks[server->via] : NULL;
}
