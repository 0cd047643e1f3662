/* SPDX-License-Identifier: MIT
 * The engine's sockets: what is sent by them, what comes in, what is told of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine_state.h"
#include "host/clock.h"
#include "host/iface.h"
#include "host/udp.h"
#include "proto/epoch.h"

/* --- sockets --- */

static uint32_t interface_of(const struct engine *engine, const struct server_id *id)
{
	if (engine->config.interface)
		return iface_index(engine->config.interface);
	return id->pinned ? iface_index(id->interface) : 0;
}

static bool is_for(const struct bound *bound, const struct ip *local,
	const struct udp_options *options)
{
	return ip_equal(&bound->local, local) && bound->scope == options->local.scope &&
		bound->interface_index == options->interface_index;
}

/* -i: the interface was made anew, under another number. */
static void close_stale(struct engine *engine, const struct ip *local, uint32_t index)
{
	size_t left = 0;

	if (!engine->config.interface)
		return;
	for (size_t i = 0; i < engine->socket_count; i++) {
		struct bound *bound = &engine->sockets[i];

		if (!ip_equal(&bound->local, local) || bound->interface_index == index) {
			engine->sockets[left++] = *bound;
			continue;
		}
		loop_remove(engine->loop, bound->fd);
		udp_close(bound->fd);
	}
	engine->socket_count = left;
}

/* A link-local address of ours is on the link of the server's. */
static uint32_t scope_of(const struct server_id *id)
{
	return ip_is_link_local(&id->local) && !ip_is_v4(&id->local) ? id->server.scope : 0;
}

bool engine_open_socket(struct engine *engine, const struct server_id *id)
{
	struct udp_options options = {
		.local = { .address = id->local, .scope = scope_of(id) },
		.interface_index = interface_of(engine, id),
		.mark = engine->config.mark,
	};
	struct bound *sockets;
	int fd;

	for (size_t i = 0; i < engine->socket_count; i++) {
		if (is_for(&engine->sockets[i], &id->local, &options))
			return true;
	}
	close_stale(engine, &id->local, options.interface_index);
	sockets = realloc(engine->sockets, (engine->socket_count + 1) * sizeof(*sockets));
	if (!sockets)
		return false;
	engine->sockets = sockets;
	fd = udp_open(&options);
	if (fd < 0)
		return false;
	if (loop_add(engine->loop, fd) < 0) {
		udp_close(fd);
		return false;
	}
	sockets[engine->socket_count++] =
		(struct bound){ fd, id->local, options.local.scope, options.interface_index };
	return true;
}

static const struct bound *bound_to(const struct engine *engine, const struct server_id *id)
{
	uint32_t index = interface_of(engine, id), scope = scope_of(id);

	for (size_t i = 0; i < engine->socket_count; i++) {
		const struct bound *bound = &engine->sockets[i];

		if (ip_equal(&bound->local, &id->local) && bound->scope == scope &&
			(!id->pinned || bound->interface_index == index))
			return bound;
	}
	return NULL;
}

void engine_close_unused(struct engine *engine)
{
	size_t left = 0;

	for (size_t i = 0; i < engine->socket_count; i++) {
		struct bound *bound = &engine->sockets[i];

		if (client_uses(engine->client, &bound->local)) {
			engine->sockets[left++] = *bound;
			continue;
		}
		loop_remove(engine->loop, bound->fd);
		udp_close(bound->fd);
	}
	engine->socket_count = left;
}

/* --- events --- */

/* What the clock of a server has done: some of it only the time of day can tell. */
static void diagnose(struct event *event)
{
	struct event_epoch *epoch = &event->epoch;
	struct epoch_check check = {
		.previous = epoch->previous,
		.current = epoch->current,
		.elapsed = epoch->elapsed,
		.expected = epoch->expected,
	};

	epoch->kind = epoch_kind_of(&check, event->wall_ms / 1000, epoch->kind == EPOCH_EXTERNAL);
}

static void tell(struct engine *engine, struct event *event)
{
	event->wall_ms = clock_wall_ms();
	if (event->kind == EVENT_EPOCH && event->epoch.regressed)
		diagnose(event);
	engine->config.event(engine->config.context, event);
}

void engine_tell_events(struct engine *engine, struct mono now)
{
	struct event event;

	while (client_event(engine->client, &event, now))
		tell(engine, &event);
}

void engine_tell_packet(struct engine *engine, const struct server_id *id,
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
	uint8_t octets[PCP_RECEIVE_MAX];
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
		engine_tell_packet(engine, &id, &packet, octets, now);
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

void engine_send(struct engine *engine, struct mono now)
{
	struct datagram datagram;
	const struct server_id *id;

	while (client_output(engine->client, now, &datagram, &id)) {
		const struct bound *bound = bound_to(engine, id);
		struct event_packet packet = {
			.sent = true,
			.dry = engine->config.dry,
			.length = datagram.length,
		};

		engine_tell_packet(engine, id, &packet, datagram.octets, now);
		if (engine->config.dry || !bound)
			continue;
		if (udp_send(bound->fd, &id->server, datagram.octets, datagram.length) < 0)
			send_failed(engine, bound, &id->server, errno, now);
		/* A refusal that is back already saves what would be sent after it. */
		take_errors(engine, bound, now);
	}
}

bool engine_take(struct engine *engine, int fd, struct mono now)
{
	const struct bound *bound = bound_of(engine, fd);

	if (!bound)
		return false;
	take_datagrams(engine, bound, now);
	if (!client_idle(engine->client))
		take_errors(engine, bound, now);
	return true;
}
