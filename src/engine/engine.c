/* SPDX-License-Identifier: MIT
 * Sockets and the loop around the client.
 */
#include "engine/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/inventory.h"
#include "host/clock.h"
#include "host/iface.h"
#include "host/loop.h"
#include "host/random.h"
#include "host/udp.h"

/* First sign of life to the user, then every second. */
#define WAITING_FIRST (300 * MSEC)
#define WAITING_NEXT  (1 * SEC)

/* A datagram larger than any that is legal is seen as too long. */
#define RECEIVE_MAX (PCP_MAX + 4)

/* One socket for each (family, local address). */
struct bound {
	int fd;
	struct ip local;
	uint32_t scope; /* of a link-local address */
};

struct engine {
	struct engine_config config;
	struct client *client;
	struct loop *loop;
	struct bound *sockets;
	size_t socket_count;
	size_t *socket_of; /* server -> socket */
	int *reserved; /* descriptors of ports bound for discover */
	size_t reserved_count;
	struct mono start, give_up, next_waiting;
	bool cancelled, asked_neighbours;
	char reason[160];
};

struct engine *engine_new(const struct engine_config *config)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	struct client_config client = {
		.policy = config->policy,
		.pcp = config->patient ? &schedule_pcp : &schedule_quick,
		.natpmp = config->patient ? &schedule_natpmp : &schedule_quick,
		.unlimited = config->dry,
		.give_up = MONO_NEVER,
	};

	if (!engine)
		return NULL;
	engine->config = *config;
	engine->start = clock_now();
	if (config->timeout)
		client.give_up = mono_after(engine->start, config->timeout);
	engine->give_up = client.give_up;
	engine->next_waiting = mono_after(engine->start, WAITING_FIRST);
	if (random_fill(&client.seed, sizeof(client.seed)) == 0)
		engine->client = client_new(&client);
	if (engine->client)
		engine->loop = loop_new();
	if (!engine->loop || loop_catch_signals(engine->loop) < 0) {
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
	free(engine->socket_of);
	free(engine->reserved);
	loop_free(engine->loop);
	client_free(engine->client);
	free(engine);
}

struct mono engine_deadline(const struct engine *engine)
{
	return engine->give_up;
}

static bool fail(struct engine *engine, const char *what, int error)
{
	snprintf(engine->reason, sizeof(engine->reason), "%s: %s", what, strerror(error));
	return false;
}

/* --- servers and sockets --- */

static uint32_t interface_of(const struct engine *engine, const struct server_id *id)
{
	if (engine->config.interface)
		return iface_index(engine->config.interface);
	return id->pinned ? iface_index(id->interface) : 0;
}

static int open_socket(struct engine *engine, const struct server_id *id)
{
	bool link_local = ip_is_link_local(&id->local) && !ip_is_v4(&id->local);
	struct udp_options options = {
		.local = { .address = id->local, .scope = link_local ? id->server.scope : 0 },
		.interface_index = interface_of(engine, id),
		.mark = engine->config.mark,
	};
	struct bound *sockets;
	int fd;

	for (size_t i = 0; i < engine->socket_count; i++) {
		if (ip_equal(&engine->sockets[i].local, &id->local) &&
			engine->sockets[i].scope == options.local.scope)
			return (int)i;
	}
	sockets = realloc(engine->sockets, (engine->socket_count + 1) * sizeof(*sockets));
	if (!sockets)
		return -1;
	engine->sockets = sockets;
	fd = udp_open(&options);
	if (fd < 0)
		return -1;
	if (loop_add(engine->loop, fd) < 0) {
		udp_close(fd);
		return -1;
	}
	sockets[engine->socket_count] = (struct bound){ fd, id->local, options.local.scope };
	return (int)engine->socket_count++;
}

int engine_server(struct engine *engine, const struct server_id *id)
{
	size_t *socket_of = realloc(engine->socket_of,
		(client_server_count(engine->client) + 1) * sizeof(*socket_of));
	int socket, server;

	if (!socket_of) {
		fail(engine, "server", ENOMEM);
		return -1;
	}
	engine->socket_of = socket_of;
	socket = open_socket(engine, id);
	if (socket < 0) {
		fail(engine,
			engine->config.mark && errno == EPERM ? "socket with --mark" : "socket",
			errno);
		return -1;
	}
	server = client_server(engine->client, id);
	if (server < 0) {
		fail(engine, "server", ENOMEM);
		return -1;
	}
	socket_of[server] = (size_t)socket;
	return server;
}

/* --- what the client offers --- */

bool engine_nonce(struct engine *engine, struct pcp_nonce *nonce)
{
	if (random_fill(nonce->octets, sizeof(nonce->octets)) == 0)
		return true;
	return fail(engine, "random numbers", errno);
}

static bool reserve(struct engine *engine, const struct ip *local, uint16_t *port)
{
	int *reserved = realloc(engine->reserved, (engine->reserved_count + 1) * sizeof(*reserved));
	int fd;

	if (!reserved)
		return fail(engine, "socket", ENOMEM);
	engine->reserved = reserved;
	fd = udp_reserve(local, port);
	if (fd < 0)
		return fail(engine, "socket", errno);
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
		fail(engine, "mapping", ENOMEM);
}

bool engine_want_pair(struct engine *engine, size_t server, const struct want *first,
	const struct want *second)
{
	return client_want_pair(engine->client, server, first, second, clock_now()) ||
		fail(engine, "mapping", ENOMEM);
}

/* --- events --- */

static void tell(struct engine *engine, struct event *event)
{
	event->wall_ms = clock_wall_ms();
	engine->config.event(engine->config.context, event);
}

static void tell_events(struct engine *engine, struct mono now)
{
	struct event event;

	while (client_event(engine->client, &event, now))
		tell(engine, &event);
}

static void tell_packet(struct engine *engine, const struct server_id *id,
	const struct event_packet *packet, const void *octets, struct mono now)
{
	struct event event = { .kind = EVENT_PACKET, .at = now };

	if (!engine->config.trace && !engine->config.dry)
		return;
	event.packet = *packet;
	event.packet.server = *id;
	event.packet.whole = packet->length;
	if (event.packet.length > PCP_MAX)
		event.packet.length = PCP_MAX;
	memcpy(event.packet.octets, octets, event.packet.length);
	tell(engine, &event);
}

/* --- in --- */

static void take_errors(struct engine *engine, const struct bound *bound, struct mono now)
{
	struct net_error error;
	uint8_t sent[64];
	size_t length;

	while (udp_error(bound->fd, &error, sent, sizeof(sent), &length) > 0)
		client_error(engine->client, &bound->local, &error, now);
}

static void take_datagrams(struct engine *engine, const struct bound *bound, struct mono now)
{
	uint8_t octets[RECEIVE_MAX];
	struct udp_datagram got;
	/* A flood may not keep the loop from its deadlines. */
	for (int i = 0; i < 256; i++) {
		struct event_packet packet = { .sent = false };
		struct server_id id = { .local = bound->local };

		if (udp_receive(bound->fd, octets, sizeof(octets), &got) <= 0)
			return;
		packet.length = got.length;
		packet.drop = client_input(engine->client, &bound->local, &got.from, octets,
			got.length, now);
		id.server = got.from;
		if (engine->config.trace && got.interface_index)
			iface_name(got.interface_index, id.interface);
		tell_packet(engine, &id, &packet, octets, now);
		if (client_idle(engine->client))
			return; /* what else waits is read in the next turn, if there is one */
	}
}

static const struct bound *bound_of(const struct engine *engine, int fd)
{
	for (size_t i = 0; i < engine->socket_count; i++) {
		if (engine->sockets[i].fd == fd)
			return &engine->sockets[i];
	}
	return NULL;
}

/* --- out --- */

/* This host refused to send: as an ICMP error would, it speaks about the server. */
static void send_failed(struct engine *engine, const struct bound *bound, const struct endpoint *to,
	int error, struct mono now)
{
	struct net_error told = { .local = true, .error = error, .to = *to };

	switch (error) {
	case EPERM:
	case EACCES:
		told.kind = NET_ERROR_DENIED;
		break;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		told.kind = NET_ERROR_UNREACHABLE;
		break;
	case EAGAIN: /* a full send buffer is a lost packet */
	case ENOBUFS:
		return;
	default:
		told.kind = NET_ERROR_LOCAL;
		break;
	}
	client_error(engine->client, &bound->local, &told, now);
}

static void send_datagrams(struct engine *engine, struct mono now)
{
	struct datagram datagram;
	size_t server;

	while (client_output(engine->client, now, &datagram, &server)) {
		const struct server_id *id = client_server_id(engine->client, server);
		const struct bound *bound = &engine->sockets[engine->socket_of[server]];
		struct event_packet packet = {
			.sent = true,
			.dry = engine->config.dry,
			.length = datagram.length,
		};

		tell_packet(engine, id, &packet, datagram.octets, now);
		if (engine->config.dry)
			continue;
		if (udp_send(bound->fd, &id->server, datagram.octets, datagram.length) < 0)
			send_failed(engine, bound, &id->server, errno, now);
		/* A refusal that is back already saves what would be sent after it. */
		take_errors(engine, bound, now);
	}
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
	if (!engine->config.waiting)
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
	if (!engine->cancelled) {
		engine->cancelled = true;
		client_cancel(engine->client, now);
	}
	return true;
}

/* Everything that can happen at this instant. */
static void step(struct engine *engine, struct mono now)
{
	ask_neighbours(engine, now);
	client_tick(engine->client, now);
	tell_events(engine, now); /* may ask for more: pairs, the address of discover */
	send_datagrams(engine, now);
	tell_events(engine, now);
}

static void take(struct engine *engine, const struct loop_ready *ready, struct mono now)
{
	for (int i = 0; i < ready->count; i++) {
		const struct bound *bound = bound_of(engine, ready->fds[i]);

		if (!bound)
			continue;
		take_datagrams(engine, bound, now);
		if (!client_idle(engine->client))
			take_errors(engine, bound, now);
	}
	tell_events(engine, now);
}

/* Is this the end, and how? */
static bool is_over(struct engine *engine, enum engine_result *result)
{
	if (client_failed(engine->client)) {
		fail(engine, "mapping", ENOMEM);
		*result = ENGINE_FAILED;
		return true;
	}
	*result = engine->cancelled ? ENGINE_SIGNAL : ENGINE_DONE;
	return engine->config.dry || client_idle(engine->client);
}

enum engine_result engine_run(struct engine *engine)
{
	struct mono now = clock_now();
	struct loop_ready ready;
	enum engine_result result;

	for (;;) {
		struct mono deadline;

		if (!heed_signal(engine, now))
			return ENGINE_SIGNAL;
		step(engine, now);
		if (is_over(engine, &result))
			return result;
		deadline = mono_min(client_deadline(engine->client), show_waiting(engine, now));
		if (loop_wait(engine->loop, deadline, &ready) < 0) {
			fail(engine, "waiting", errno);
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
