/* SPDX-License-Identifier: MIT
 * The mappings of the view: found by their number, or by what a response is about.
 */
#include <stdlib.h>

#include "tui/glyph.h"
#include "tui/view_state.h"
#include "wire/codes.h"
#include "wire/natpmp.h"

static struct flow_key flow_key(size_t server, const struct event_mapping *m)
{
	struct flow_key key = { .server = server,
		.opcode = m->opcode,
		.protocol = m->protocol,
		.internal_port = m->internal_port };

	if (m->opcode == PCP_PEER) {
		key.remote = m->remote_address;
		key.remote_port = m->remote_port;
	}
	return key;
}

static struct row *find_want(struct view *view, size_t server, unsigned want)
{
	struct want_key key;
	struct row *row;

	memset(&key, 0, sizeof(key)); /* clang-tidy follows octets from there alone */
	key.server = server;
	key.want = want;
	HASH_FIND(by_want, view->by_want, &key, sizeof(key), row);
	return row;
}

static struct row *find_flow(struct view *view, const struct flow_key *key)
{
	struct row *row;

	HASH_FIND(by_flow, view->by_flow, key, sizeof(*key), row);
	return row;
}

/* --- responses --- */

/* What the datagram says it answers; false when that is no mapping. */
static bool flow_of_packet(const uint8_t *octets, size_t length, struct flow_key *key)
{
	struct rd r = rd_on(octets, length);
	struct pcp_header header;
	struct pcp_mapping mapping;
	struct natpmp_response response;

	if (pcp_header_decode(&r, &header) && header.version == PCP_VERSION) {
		if (!header.response || !pcp_mapping_decode(&r, header.opcode, &mapping))
			return false;
		key->opcode = header.opcode;
		key->protocol = mapping.protocol;
		key->internal_port = mapping.internal_port;
		if (header.opcode == PCP_PEER) {
			key->remote = mapping.remote_address;
			key->remote_port = mapping.remote_port;
		}
		return true;
	}
	if (natpmp_response_decode(octets, length, &response) != NATPMP_DECODE_OK ||
		!response.has_body || response.opcode == NATPMP_ADDRESS)
		return false;
	key->opcode = PCP_MAP;
	key->protocol = response.opcode == NATPMP_MAP_UDP ? PROTOCOL_UDP : PROTOCOL_TCP;
	key->internal_port = response.internal_port;
	return true;
}

static bool keep(struct response *response, const struct event *event)
{
	uint8_t *octets = malloc(event->packet.length);

	if (!octets)
		return false;
	memcpy(octets, event->packet.octets, event->packet.length);
	free(response->octets);
	response->octets = octets;
	response->length = event->packet.length;
	response->wall_ms = event->wall_ms;
	return true;
}

bool row_response(struct view *view, size_t server, const struct event *event)
{
	struct flow_key key = { .server = server };
	struct row *row;
	struct pending *pending = &view->pending[view->pending_next];

	if (event->packet.length == 0 ||
		!flow_of_packet(event->packet.octets, event->packet.length, &key))
		return true;
	row = find_flow(view, &key);
	if (row)
		return keep(&row->response, event);
	pending->flow = key;
	view->pending_next = (view->pending_next + 1) % PENDING_MAX;
	return keep(&pending->response, event);
}

/* The response that made this mapping known came just before. */
static void take_pending(struct view *view, struct row *row)
{
	for (size_t i = 0; i < PENDING_MAX; i++) {
		struct pending *pending = &view->pending[i];

		if (!pending->response.octets ||
			memcmp(&pending->flow, &row->flow, sizeof(row->flow)) != 0)
			continue;
		free(row->response.octets);
		row->response = pending->response;
		memset(pending, 0, sizeof(*pending));
	}
}

/* --- rows --- */

static bool make_room(struct view *view)
{
	size_t room = view->row_room ? 2 * view->row_room : 16;
	struct row **rows, **order;

	if (view->row_count < view->row_room)
		return true;
	rows = realloc(view->rows, room * sizeof(struct row *));
	if (rows)
		view->rows = rows;
	order = realloc(view->order, room * sizeof(struct row *));
	if (order)
		view->order = order;
	if (!rows || !order)
		return false;
	view->row_room = room;
	return true;
}

static struct row *add(struct view *view, const struct want_key *key, const struct flow_key *flow)
{
	struct row *row = make_room(view) ? calloc(1, sizeof(*row)) : NULL;

	if (!row)
		return NULL;
	row->want = *key;
	row->flow = *flow;
	HASH_ADD(by_want, view->by_want, want, sizeof(row->want), row);
	if (!row->by_want.tbl) {
		free(row);
		return NULL;
	}
	/* asked twice for the same: the response goes to the first */
	if (!find_flow(view, flow))
		HASH_ADD(by_flow, view->by_flow, flow, sizeof(row->flow), row);
	row->place = view->row_count;
	view->rows[view->row_count++] = row;
	view->counts[row->state]++; /* any: the event it is made for brings its own */
	take_pending(view, row);
	return row;
}

struct row *row_of(struct view *view, const struct event_mapping *mapping)
{
	struct view_server *server = server_get(view, &mapping->server);
	struct row *row;
	struct want_key key;
	struct flow_key flow;

	if (!server)
		return NULL;
	row = find_want(view, server_number(view, server), mapping->want);
	if (row)
		return row;
	key = (struct want_key){ server_number(view, server), mapping->want };
	flow = flow_key(server_number(view, server), mapping);
	return add(view, &key, &flow);
}

void row_state(struct view *view, struct row *row, enum row_state state)
{
	view->counts[row->state]--;
	view->counts[state]++;
	row->state = state;
	order_touch(view, row);
}

void row_free(struct row *row)
{
	free(row->filters);
	free(row->description);
	free(row->response.octets);
	free(row);
}

void row_remove(struct view *view, struct row *row)
{
	struct row *last = view->rows[view->row_count - 1];

	if (view->selected == row)
		view->selected = NULL; /* selected_at says which comes next */
	HASH_DELETE(by_want, view->by_want, row);
	if (row->by_flow.tbl)
		HASH_DELETE(by_flow, view->by_flow, row);
	view->rows[row->place] = last;
	last->place = row->place;
	view->row_count--;
	view->counts[row->state]--;
	view->stale = true;
	row_free(row);
}
