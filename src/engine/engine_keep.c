/* SPDX-License-Identifier: MIT
 * What an engine that stays does beside asking: it follows the network, hears
 * announcements, runs hooks, and notices that nobody reads what it prints.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine_state.h"
#include "engine/inventory.h"
#include "engine/memory.h"
#include "host/clock.h"
#include "host/monitor.h"
#include "host/multicast.h"
#include "host/notify.h"
#include "host/udp.h"

/* A change of the network is several messages: what they come to is looked at once. */
#define LOOK_SETTLE (100 * MSEC)
/* The next hop's link-layer address may not be known yet: it is looked again. */
#define LOOK_AGAIN (2 * SEC)
#define LOOKS_MAX  10
/* How long a look may wait for it: nothing else happens meanwhile. */
#define LOOK_PATIENCE (200 * MSEC)
/* What hooks get at the end. */
#define HOOKS_CLOSE (10 * SEC)
/* The manager's queue was full. */
#define NOTIFY_AGAIN (1 * SEC)

static void warn(struct engine *engine, const char *text)
{
	if (engine->config.warning)
		engine->config.warning(engine->config.context, text);
}

/* --- opening and closing --- */

static bool uses_family(const struct engine *engine, enum ip_family family)
{
	for (size_t i = 0; i < client_server_count(engine->client); i++) {
		if (ip_family(&client_server_id(engine->client, i)->server.address) == family)
			return true;
	}
	return false;
}

static void warn_held(struct engine *engine)
{
	char text[160], holder[80];

	inventory_udp_holder(PCP_MULTICAST_PORT, holder, sizeof(holder));
	snprintf(text, sizeof(text),
		"UDP port 5350 is held by %s: restart announcements are not heard", holder);
	warn(engine, text);
}

/* Without announcements a restart is noticed later, by the next answer: a warning. */
static void open_multicast(struct engine *engine, int which, enum ip_family family)
{
	int fd;

	if (engine->multicast[which] >= 0 || !uses_family(engine, family))
		return;
	fd = multicast_open(family, PCP_MULTICAST_PORT, 0);
	if (fd >= 0 && loop_add(engine->loop, fd) == 0) {
		engine->multicast[which] = fd;
		return;
	}
	if (errno == EADDRINUSE)
		warn_held(engine);
	if (fd >= 0)
		multicast_close(fd);
}

static bool is_own(const struct engine *engine, int fd)
{
	for (size_t i = 0; i < engine->own_count; i++) {
		if (engine->own_fds[i] == fd)
			return true;
	}
	return false;
}

static void watch_network(struct engine *engine)
{
	if (engine->monitor >= 0)
		return;
	engine->monitor = monitor_open();
	if (engine->monitor >= 0)
		loop_add(engine->loop, engine->monitor);
}

static void watch_reader(struct engine *engine)
{
	if (engine->gone_fd < 0 && engine->config.reader_gone &&
		loop_add_gone(engine->loop, STDOUT_FILENO) == 0)
		engine->gone_fd = STDOUT_FILENO;
}

static void take_reader(struct engine *engine)
{
	loop_remove(engine->loop, engine->gone_fd);
	engine->gone_fd = -1;
	engine->config.reader_gone(engine->config.context);
}

static bool open_hooks(struct engine *engine)
{
	struct hooks_config config = {
		.command = engine->config.hook,
		.loop = engine->loop,
		.warning = engine->config.hook_warning,
		.context = engine->config.context,
	};

	if (!engine->hooks && config.command)
		engine->hooks = hooks_new(&config);
	return engine->hooks || !config.command || engine_fail(engine, "hooks", ENOMEM);
}

static bool remember_places(struct engine *engine)
{
	size_t count = client_server_count(engine->client);
	struct place *places = realloc(engine->places, (count + 1) * sizeof(*places));

	if (!places)
		return engine_fail(engine, "servers", ENOMEM);
	engine->places = places;
	for (size_t i = engine->place_count; i < count; i++)
		places[i] = (struct place){ true, *client_server_id(engine->client, i) };
	engine->place_count = count;
	return true;
}

bool engine_keep_open(struct engine *engine)
{
	watch_network(engine);
	open_multicast(engine, 0, IP_FAMILY_4);
	open_multicast(engine, 1, IP_FAMILY_6);
	engine_flows_open(engine, clock_now());
	watch_reader(engine);
	return remember_places(engine);
}

void engine_keep_close(struct engine *engine)
{
	hooks_free(engine->hooks);
	engine_flows_close(engine);
	monitor_close(engine->monitor);
	for (int i = 0; i < 2; i++) {
		if (engine->multicast[i] >= 0)
			multicast_close(engine->multicast[i]);
	}
	free(engine->places);
}

/* --- the network --- */

void engine_follow(struct engine *engine, const struct discovery_request *request)
{
	engine->request = *request;
	engine->follows = true;
}

void engine_look(struct engine *engine)
{
	if (engine->follows && !engine->cancelled)
		engine->look_at = (struct mono){ 0 };
}

/* The one server of that kind, as it would be found now. */
static bool find_again(struct engine *engine, const struct server_id *known, struct server_id *id)
{
	struct discovery_request request = engine->request;
	struct discovery_named named = { .word = "", .is_address = true };
	struct discovery_note also;
	struct server_id *found;
	size_t count;

	request.families = ip_family(&known->server.address);
	request.all = false;
	request.failed = NULL;
	request.named_count = 0;
	if (request.of_flow) {
		request.has_bind = true;
		request.bind = known->local;
	}
	if (known->found_by == FOUND_OPTION) {
		named.address.ip = known->server.address;
		named.address.port = known->server.port;
		if (known->server.scope)
			memcpy(named.address.scope, known->interface, sizeof(known->interface));
		request.named = &named;
		request.named_count = 1;
	}
	discovery_servers(&request, &found, &count, &also);
	if (count > 0)
		*id = found[0];
	free(found);
	return count > 0;
}

static bool differs(const struct place *a, const struct place *b)
{
	return a->found != b->found || !endpoint_equal(&a->id.server, &b->id.server) ||
		!ip_equal(&a->id.local, &b->id.local) ||
		strcmp(a->id.interface, b->id.interface) != 0 ||
		(a->id.network != b->id.network && b->id.network);
}

/* Is what was made there still to be deleted there? Not from an address that we have no
 * more, nor at an address that is another router's by now. */
static bool is_still_there(const struct server_id *old, struct mono patience)
{
	return inventory_is_ours(&old->local) &&
		(!old->network || memory_network_number(old, patience) == old->network);
}

/* How one server is reached now. True: it is not as it was. */
static bool look_at(struct engine *engine, size_t server, struct client_place *now)
{
	struct place *known = &engine->places[server], seen = *known;
	struct mono patience = mono_after(clock_now(), LOOK_PATIENCE);
	bool changed;

	seen.found = find_again(engine, client_server_id(engine->client, server), &seen.id);
	if (seen.found && !engine_open_socket(engine, &seen.id))
		seen.found = false;
	seen.id.network = seen.found ? memory_network_number(&seen.id, patience) : 0;
	/* Another box may be there by now: what may not be told to it is not sent. */
	if (!seen.id.network && known->id.network)
		seen.found = false;
	now->found = seen.found;
	now->id = seen.id;
	now->old_is_ours = is_still_there(client_server_id(engine->client, server), patience);
	changed = differs(known, &seen);
	if (!seen.id.network) /* for comparing with what it will be */
		seen.id.network = known->id.network;
	*known = seen;
	return changed;
}

static void look(struct engine *engine, struct mono now)
{
	size_t count = client_server_count(engine->client);
	struct client_place *places = calloc(count + 1, sizeof(*places));
	bool changed = false, known = true;

	if (!places || !remember_places(engine)) {
		free(places);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		changed = look_at(engine, i, &places[i]) || changed;
		known = known && places[i].found && places[i].id.network;
	}
	if (changed) {
		client_network(engine->client, places, now);
		engine_close_unused(engine);
		for (int i = 0; i < 2; i++) {
			if (engine->multicast[i] >= 0)
				multicast_join(engine->multicast[i],
					i == 0 ? IP_FAMILY_4 : IP_FAMILY_6, 0);
		}
	}
	if (!known && engine->looks++ < LOOKS_MAX)
		engine->look_at = mono_after(now, LOOK_AGAIN);
	free(places);
}

static void take_change(struct engine *engine, struct mono now)
{
	if (!monitor_changed(engine->monitor) || !engine->follows || engine->cancelled)
		return;
	engine->looks = 0;
	engine->look_at = mono_min(engine->look_at, mono_after(now, LOOK_SETTLE));
}

bool engine_is_unsure(const struct engine *engine)
{
	return !engine->cancelled && engine->looks == 0 && !mono_is_never(engine->look_at);
}

bool engine_pause_for_network(struct engine *engine, int64_t duration)
{
	struct mono until = mono_after(clock_now(), duration);
	struct loop_ready ready;
	bool changed = false;

	watch_network(engine);
	watch_reader(engine);
	while (!mono_due(until, clock_now())) {
		struct mono deadline = until;

		if (engine->config.turn)
			deadline = mono_min(deadline,
				engine->config.turn(engine->config.context, clock_now()));
		if (loop_signal(engine->loop, NULL) ||
			loop_wait(engine->loop, deadline, &ready) < 0)
			return false;
		loop_user_signal(engine->loop); /* no hook has run yet */
		for (int i = 0; i < ready.count; i++) {
			if (ready.fds[i] == engine->gone_fd)
				take_reader(engine);
			else if (is_own(engine, ready.fds[i]))
				engine->own_ready(engine->config.context);
			else
				changed = changed || ready.fds[i] == engine->monitor;
		}
		if (engine->cancelled)
			return false;
		if (changed && monitor_changed(engine->monitor))
			break;
		changed = false;
	}
	return !loop_signal(engine->loop, NULL);
}

/* --- announcements --- */

static void take_announcements(struct engine *engine, int fd, struct mono now)
{
	enum ip_family family = fd == engine->multicast[0] ? IP_FAMILY_4 : IP_FAMILY_6;
	uint8_t octets[PCP_RECEIVE_MAX];
	struct udp_datagram got;

	for (int i = 0; i < 256 && udp_receive(fd, octets, sizeof(octets), &got) > 0; i++) {
		if (multicast_is_for(family, &got.to))
			client_announced(engine->client, &got.from, octets, got.length, now);
	}
}

/* --- hooks --- */

bool engine_hook(struct engine *engine, unsigned mapping, const char *const *environment)
{
	return !engine->config.hook ||
		(open_hooks(engine) && hooks_event(engine->hooks, mapping, environment));
}

void engine_rerun_hooks(struct engine *engine)
{
	if (engine->hooks)
		hooks_rerun(engine->hooks);
}

bool engine_hooks_done(struct engine *engine, struct mono now)
{
	if (!engine->hooks)
		return true;
	if (!engine->hooks_closing)
		hooks_close(engine->hooks, HOOKS_CLOSE, now);
	engine->hooks_closing = true;
	return !hooks_busy(engine->hooks);
}

/* --- the service manager --- */

static void tell_manager(struct engine *engine, struct mono now)
{
	char text[sizeof(engine->milestones) + sizeof(engine->status)];

	/* Lines of one datagram, each ended. */
	snprintf(text, sizeof(text), "%s%s", engine->milestones, engine->status);
	if (notify_send(text) < 0 && errno == EAGAIN) {
		engine->notify_at = mono_after(now, NOTIFY_AGAIN);
		return;
	}
	engine->milestones[0] = engine->status[0] = '\0';
	engine->notify_at = MONO_NEVER;
}

void engine_notify(struct engine *engine, const char *state)
{
	size_t used = strlen(engine->milestones);

	/* What could not be told yet: of the status only the newest, of the others all. */
	if (strncmp(state, "STATUS=", 7) == 0)
		snprintf(engine->status, sizeof(engine->status), "%s\n", state);
	else
		snprintf(engine->milestones + used, sizeof(engine->milestones) - used, "%s\n",
			state);
	tell_manager(engine, clock_now());
}

/* --- the turn --- */

bool engine_watch(struct engine *engine, int fd, void (*ready)(void *context))
{
	if (engine->own_count == ENGINE_OWN_MAX || loop_add(engine->loop, fd) < 0)
		return engine_fail(engine, "keyboard", errno);
	engine->own_fds[engine->own_count++] = fd;
	engine->own_ready = ready;
	return true;
}

void engine_unwatch(struct engine *engine)
{
	while (engine->own_count > 0)
		loop_remove(engine->loop, engine->own_fds[--engine->own_count]);
}

bool engine_keep_take(struct engine *engine, int fd, struct mono now)
{
	if (fd == engine->monitor) {
		take_change(engine, now);
	} else if (fd == engine->multicast[0] || fd == engine->multicast[1]) {
		take_announcements(engine, fd, now);
	} else if (fd == engine->flow_watch) {
		engine_flows_take(engine, now);
	} else if (is_own(engine, fd)) {
		engine->own_ready(engine->config.context);
	} else if (fd == engine->gone_fd) {
		take_reader(engine);
	} else {
		return engine->hooks && hooks_ready(engine->hooks, fd, now);
	}
	return true;
}

struct mono engine_keep_turn(struct engine *engine, struct mono now)
{
	struct mono deadline = MONO_NEVER;

	if (mono_due(engine->look_at, now)) {
		engine->look_at = MONO_NEVER;
		look(engine, now);
		deadline = now; /* something may be due at once */
	}
	if (loop_user_signal(engine->loop) && engine->config.user_signal)
		engine->config.user_signal(engine->config.context);
	if (engine->config.turn)
		deadline = mono_min(deadline, engine->config.turn(engine->config.context, now));
	if (engine->hooks) {
		hooks_tick(engine->hooks, now);
		deadline = mono_min(deadline, hooks_deadline(engine->hooks));
	}
	if (mono_due(engine->notify_at, now))
		tell_manager(engine, now);
	deadline = mono_min(deadline, engine->notify_at);
	deadline = mono_min(deadline, engine_flows_turn(engine, now));
	return mono_min(deadline, engine->look_at);
}
