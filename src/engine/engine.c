/* SPDX-License-Identifier: MIT
 * Sockets and the loop around the client.
 */
#include "engine/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine_state.h"
#include "engine/inventory.h"
#include "host/clock.h"
#include "host/random.h"
#include "host/udp.h"

/* First sign of life to the user, then every second. */
#define WAITING_FIRST (300 * MSEC)
#define WAITING_NEXT  (1 * SEC)

struct engine *engine_new(const struct engine_config *config)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	struct client_config client = {
		.policy = config->policy,
		.pcp = config->patient ? &schedule_pcp : &schedule_quick,
		.natpmp = config->patient ? &schedule_natpmp : &schedule_quick,
		.unlimited = config->dry,
		.give_up = MONO_NEVER,
		.keep = config->keep,
		.prepare = config->prepare,
		.context = config->context,
	};

	if (!engine)
		return NULL;
	engine->config = *config;
	engine->monitor = engine->multicast[0] = engine->multicast[1] = -1;
	engine->gone_fd = engine->flow_watch = -1;
	engine->look_at = engine->notify_at = engine->flows_at = MONO_NEVER;
	engine->start = clock_now();
	if (config->timeout)
		client.give_up = mono_after(engine->start, config->timeout);
	engine->give_up = client.give_up;
	engine->next_waiting = mono_after(engine->start, WAITING_FIRST);
	if (random_fill(&client.seed, sizeof(client.seed)) == 0)
		engine->client = client_new(&client);
	if (engine->client)
		engine->loop = loop_new();
	/* SIGUSR1 may come while nobody is there to ask yet: it must not end the process. */
	if (!engine->loop || loop_catch_signals(engine->loop) < 0 ||
		(config->keep && loop_catch_user_signal(engine->loop) < 0)) {
		engine_free(engine);
		return NULL;
	}
	return engine;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	for (size_t i = 0; i < engine->socket_count; i++)
		udp_close(engine->sockets[i].fd);
	for (size_t i = 0; i < engine->reserved_count; i++)
		udp_close(engine->reserved[i]);
	free(engine->sockets);
	free(engine->reserved);
	engine_keep_close(engine);
	loop_free(engine->loop);
	client_free(engine->client);
	free(engine);
}

struct mono engine_deadline(const struct engine *engine)
{
	return engine->give_up;
}

bool engine_fail(struct engine *engine, const char *what, int error)
{
	snprintf(engine->reason, sizeof(engine->reason), "%s: %s", what, strerror(error));
	return false;
}

/* --- servers --- */

int engine_server(struct engine *engine, const struct server_id *id)
{
	int server;

	if (!engine_open_socket(engine, id)) {
		engine_fail(engine,
			engine->config.mark && errno == EPERM ? "socket with --mark" : "socket",
			errno);
		return -1;
	}
	server = client_server(engine->client, id);
	if (server < 0) {
		engine_fail(engine, "server", ENOMEM);
		return -1;
	}
	return server;
}

size_t engine_server_count(const struct engine *engine)
{
	return client_server_count(engine->client);
}

const struct server_id *engine_server_id(const struct engine *engine, size_t server)
{
	return client_server_id(engine->client, server);
}

/* --- what the client offers --- */

bool engine_nonce(struct engine *engine, struct pcp_nonce *nonce)
{
	if (random_fill(nonce->octets, sizeof(nonce->octets)) == 0)
		return true;
	return engine_fail(engine, "random numbers", errno);
}

static bool reserve(struct engine *engine, const struct ip *local, uint16_t *port)
{
	int *reserved = realloc(engine->reserved, (engine->reserved_count + 1) * sizeof(*reserved));
	int fd;

	if (!reserved)
		return engine_fail(engine, "socket", ENOMEM);
	engine->reserved = reserved;
	fd = udp_reserve(local, port);
	if (fd < 0)
		return engine_fail(engine, "socket", errno);
	reserved[engine->reserved_count++] = fd;
	return true;
}

bool engine_probe(struct engine *engine, size_t server, bool learn_external)
{
	const struct server_id *id = client_server_id(engine->client, server);
	struct client_learn learn = { .learn = learn_external && ip_is_v4(&id->local) };

	if (learn.learn &&
		(!reserve(engine, &id->local, &learn.port) || !engine_nonce(engine, &learn.nonce)))
		return false;
	client_probe(engine->client, server, &learn, clock_now());
	return true;
}

bool engine_want(struct engine *engine, size_t server, const struct want *want)
{
	return client_want(engine->client, server, want, clock_now()) ||
		engine_fail(engine, "mapping", ENOMEM);
}

bool engine_want_pair(struct engine *engine, size_t server, const struct want *first,
	const struct want *second)
{
	return client_want_pair(engine->client, server, first, second, clock_now()) ||
		engine_fail(engine, "mapping", ENOMEM);
}

bool engine_delete(struct engine *engine, size_t server, unsigned number)
{
	return client_delete(engine->client, server, number, clock_now());
}

bool engine_renew(struct engine *engine, size_t server, unsigned number)
{
	return client_renew(engine->client, server, number, clock_now());
}

bool engine_lifetime(struct engine *engine, size_t server, unsigned number, uint32_t lifetime)
{
	return client_lifetime(engine->client, server, number, lifetime, clock_now());
}

void engine_sample(struct engine *engine, size_t server)
{
	client_sample(engine->client, server);
}

/* From now on it only ends. */
static void begin_end(struct engine *engine)
{
	engine->cancelled = true;
	/* The answers have 10 s, then the hooks: TimeoutStopSec= may be less. */
	engine_notify(engine, "STOPPING=1\nEXTEND_TIMEOUT_USEC=25000000");
}

void engine_close(struct engine *engine, bool leave)
{
	if (engine->cancelled)
		return;
	begin_end(engine);
	client_close(engine->client, leave, clock_now());
}

void engine_leave_at_signal(struct engine *engine, bool leave)
{
	engine->leave = leave;
}

bool engine_gave_up(const struct engine *engine)
{
	return client_gave_up(engine->client);
}

/* --- the loop --- */

/* ARP and neighbour discovery fail after 3 s: before silence is called silence, the
 * neighbour table is asked. */
static void ask_neighbours(struct engine *engine, struct mono now)
{
	if (engine->asked_neighbours || !mono_due(engine->give_up, now))
		return;
	engine->asked_neighbours = true;
	for (size_t i = 0; i < client_server_count(engine->client); i++) {
		const struct server_id *id = client_server_id(engine->client, i);
		struct net_error error = {
			.kind = NET_ERROR_NOBODY,
			.local = true,
			.error = EHOSTUNREACH,
			.to = id->server,
		};

		if (client_is_silent(engine->client, i) &&
			inventory_nobody_at(&id->server, id->interface))
			client_error(engine->client, &id->local, &error, now);
	}
}

static struct mono show_waiting(struct engine *engine, struct mono now)
{
	if (!engine->config.waiting || !client_waits(engine->client))
		return MONO_NEVER;
	if (mono_due(engine->next_waiting, now)) {
		engine->config.waiting(engine->config.context, mono_since(now, engine->start));
		engine->next_waiting = mono_after(now, WAITING_NEXT);
	}
	return engine->next_waiting;
}

/* The first signal takes back what is new; a second one ends at once. True: go on. */
static bool heed_signal(struct engine *engine, struct mono now)
{
	int count;

	if (!loop_signal(engine->loop, &count))
		return true;
	if (count > 1)
		return false;
	if (!engine->cancelled && engine->config.keep) {
		engine_close(engine, engine->leave);
	} else if (!engine->cancelled) {
		engine->cancelled = true;
		client_cancel(engine->client, now);
	}
	return true;
}

/* Everything that can happen at this instant. */
static void step(struct engine *engine, struct mono now)
{
	if (engine_is_unsure(engine))
		return;
	ask_neighbours(engine, now);
	client_tick(engine->client, now);
	if (client_gave_up(engine->client) && !engine->cancelled)
		begin_end(engine); /* -t: the client has closed itself */
	engine_tell_events(engine, now); /* may ask for more: pairs, the address of discover */
	/* Records and lines may have taken long: what is sent is sent now. */
	now = clock_now();
	engine_send(engine, now);
	engine_tell_events(engine, now);
}

static void take(struct engine *engine, const struct loop_ready *ready, struct mono now)
{
	for (int i = 0; i < ready->count; i++) {
		int fd = ready->fds[i];

		if (!engine_take(engine, fd, now))
			engine_keep_take(engine, fd, now);
	}
	engine_tell_events(engine, now);
}

/* Is this the end, and how? */
static bool is_over(struct engine *engine, enum engine_result *result)
{
	if (client_failed(engine->client)) {
		engine_fail(engine, "mapping", ENOMEM);
		*result = ENGINE_FAILED;
		return true;
	}
	*result = loop_signal(engine->loop, NULL) ? ENGINE_SIGNAL : ENGINE_DONE;
	if (engine->config.stays && !engine->cancelled)
		return false;
	return engine->config.dry ||
		(client_idle(engine->client) && engine_hooks_done(engine, clock_now()));
}

enum engine_result engine_run(struct engine *engine)
{
	struct mono now = clock_now();
	struct loop_ready ready;
	enum engine_result result;

	if (engine->config.keep && !engine_keep_open(engine))
		return ENGINE_FAILED;
	for (;;) {
		struct mono deadline;

		if (!heed_signal(engine, now))
			return ENGINE_SIGNAL;
		step(engine, now);
		deadline = engine_keep_turn(engine, now);
		if (is_over(engine, &result))
			return result;
		if (engine->hooks_closing) /* since just now, it may be */
			deadline = mono_min(deadline, hooks_deadline(engine->hooks));
		deadline = mono_min(deadline, show_waiting(engine, now));
		if (!engine_is_unsure(engine))
			deadline = mono_min(deadline, client_deadline(engine->client));
		if (loop_wait(engine->loop, deadline, &ready) < 0) {
			engine_fail(engine, "waiting", errno);
			return ENGINE_FAILED;
		}
		now = clock_now();
		take(engine, &ready, now);
	}
}

bool engine_pause(struct engine *engine, int64_t duration)
{
	struct mono until = mono_after(clock_now(), duration);
	struct loop_ready ready;

	while (!mono_due(until, clock_now())) {
		if (loop_signal(engine->loop, NULL) || loop_wait(engine->loop, until, &ready) < 0)
			return false;
		take(engine, &ready, clock_now());
	}
	return !loop_signal(engine->loop, NULL);
}

const char *engine_reason(const struct engine *engine)
{
	return engine->reason;
}

void engine_die_by_signal(struct engine *engine)
{
	int signal_number = loop_signal(engine->loop, NULL);

	engine_free(engine);
	loop_die_by(signal_number);
}

int64_t engine_wall_ms(void)
{
	return clock_wall_ms();
}

struct mono engine_now(void)
{
	return clock_now();
}
