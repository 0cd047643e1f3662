/* SPDX-License-Identifier: MIT
 * The connections of this host whose mappings are kept: when one has ended, that is told.
 */
#include <errno.h>
#include <stdlib.h>

#include "engine/engine_state.h"
#include "host/sockdiag.h"

/* The kernel tells when a TCP socket goes. One that a process has closed, and whose other
 * end is silent, stays for minutes: it is looked for as well. */
#define LOOK_ANYWAY (20 * SEC)
/* Of other protocols it tells nothing. */
#define LOOK_ONLY (5 * SEC)

/* A connection, and the number that the caller has for it. */
struct kept_flow {
	struct net_flow flow;
	unsigned number;
	bool gone;
};

bool engine_flow(struct engine *engine, const struct net_flow *flow, unsigned number)
{
	size_t room = engine->flow_room ? 2 * engine->flow_room : 8;
	struct kept_flow *grown;

	if (engine->flow_count == engine->flow_room) {
		grown = realloc(engine->flows, room * sizeof(*grown));
		if (!grown)
			return engine_fail(engine, "connections", ENOMEM);
		engine->flows = grown;
		engine->flow_room = room;
	}
	engine->flows[engine->flow_count++] = (struct kept_flow){ *flow, number, false };
	return true;
}

void engine_flows_open(struct engine *engine, struct mono now)
{
	if (engine->flow_count == 0)
		return;
	engine->flow_watch = sockdiag_watch_open();
	if (engine->flow_watch >= 0 && loop_add(engine->loop, engine->flow_watch) < 0) {
		sockdiag_watch_close(engine->flow_watch);
		engine->flow_watch = -1;
	}
	/* What has ended between the list and the watch. */
	engine->flows_at = now;
}

void engine_flows_close(struct engine *engine)
{
	sockdiag_watch_close(engine->flow_watch);
	free(engine->flows);
}

static void tell_gone(struct engine *engine, struct kept_flow *kept)
{
	kept->gone = true;
	if (engine->config.flow_gone)
		engine->config.flow_gone(engine->config.context, kept->number);
}

static void take_gone(void *context, const struct net_flow *flow)
{
	struct engine *engine = context;

	for (size_t i = 0; i < engine->flow_count; i++) {
		if (!engine->flows[i].gone && sockdiag_is_flow(&engine->flows[i].flow, flow))
			tell_gone(engine, &engine->flows[i]);
	}
}

void engine_flows_take(struct engine *engine, struct mono now)
{
	if (!sockdiag_watch_take(engine->flow_watch, take_gone, engine))
		engine->flows_at = now;
}

static void look(struct engine *engine, struct mono now)
{
	int64_t next = INT64_MAX; /* nothing is left */

	for (size_t i = 0; i < engine->flow_count; i++) {
		struct kept_flow *kept = &engine->flows[i];
		bool is_told = engine->flow_watch >= 0 && kept->flow.protocol == PROTOCOL_TCP;

		if (!kept->gone && sockdiag_flow_lives(&kept->flow) == 0)
			tell_gone(engine, kept);
		if (kept->gone)
			continue;
		if (!is_told)
			next = LOOK_ONLY;
		else if (next > LOOK_ANYWAY)
			next = LOOK_ANYWAY;
	}
	engine->flows_at = next == INT64_MAX ? MONO_NEVER : mono_after(now, next);
	engine_tell_events(engine, now);
}

struct mono engine_flows_turn(struct engine *engine, struct mono now)
{
	if (mono_due(engine->flows_at, now))
		look(engine, now);
	return engine->flows_at;
}
