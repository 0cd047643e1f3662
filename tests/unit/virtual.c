/* SPDX-License-Identifier: MIT
 * The virtual world: clock, network, model server.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "virtual.h"

/* --- octets by hand --- */

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* --- the world --- */

static void *grown(void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room ? 2 * *room : 16;
	array = realloc(array, *room * size);
	assert_non_null(array);
	return array;
}

struct server_id virtual_id(void)
{
	return (struct server_id){
		.server = { .address = ip_from_u32(0xc0a801fe), .port = PCP_PORT },
		.local = ip_from_u32(0xc0a8010a),
		.interface = "eth0",
		.found_by = FOUND_ROUTE,
	};
}

static void open_world(struct world *world, uint64_t seed)
{
	*world = (struct world){
		.now = VIRTUAL_START,
		.id = virtual_id(),
		.prng = { .state = seed ^ 0x5eed },
		.model = { .pcp = true, .natpmp = true, .external = { 203, 0, 113, 7 } },
		.v0_last = { INT64_MIN },
	};
}

void world_open(struct world *world, enum version_policy policy, int64_t give_up, uint64_t seed)
{
	struct session_config config = {
		.policy = policy,
		.pcp = &schedule_quick,
		.natpmp = &schedule_quick,
		.seed = seed,
	};

	open_world(world, seed);
	config.id = world->id;
	config.give_up = give_up ? mono_after(world->now, give_up) : MONO_NEVER;
	world->session = session_new(&config);
	assert_non_null(world->session);
}

void world_open_client(struct world *world, enum version_policy policy, int64_t give_up,
	uint64_t seed)
{
	struct client_config config = {
		.policy = policy,
		.pcp = &schedule_quick,
		.natpmp = &schedule_quick,
		.seed = seed,
	};

	open_world(world, seed);
	config.give_up = give_up ? mono_after(world->now, give_up) : MONO_NEVER;
	world->client = client_new(&config);
	assert_non_null(world->client);
	assert_int_equal(client_server(world->client, &world->id), 0);
}

void world_close(struct world *world)
{
	session_free(world->session);
	client_free(world->client);
	free(world->flights);
	free(world->sent);
	free(world->events);
	free(world->held);
}

struct want virtual_want(unsigned number, uint16_t port)
{
	struct want want = {
		.number = number,
		.opcode = PCP_MAP,
		.protocol = PROTOCOL_TCP,
		.internal_port = port,
		.external_port = port,
		.external_address = ip_any4,
		.remote_address = ip_any6,
		.lifetime = 7200,
		.nonce_is_new = true,
	};

	memset(want.nonce.octets, 0xa0, sizeof(want.nonce.octets));
	put32(want.nonce.octets + 8, number);
	return want;
}

struct mapping *world_want(struct world *world, const struct want *want)
{
	struct mapping *mapping = NULL;

	if (world->session)
		mapping = session_add(world->session, want, world->now);
	else
		assert_true(client_want(world->client, 0, want, world->now));
	return mapping;
}

struct mono world_deadline(const struct world *world)
{
	return world->session ? session_deadline(world->session) :
				client_deadline(world->client);
}

bool world_idle(const struct world *world)
{
	return world->session ? session_idle(world->session) : client_idle(world->client);
}

/* --- the network --- */

static bool chance(struct world *world, unsigned percent)
{
	return (unsigned)prng_between(&world->prng, 0, 99) < percent;
}

static void fly(struct world *world, bool to_server, const uint8_t *octets, size_t length,
	int64_t delay)
{
	unsigned copies = chance(world, world->model.loss) ? 0 : 1;

	if (copies && chance(world, world->model.twice))
		copies = 2;
	while (copies-- > 0) {
		struct flight *flight;

		world->flights = grown(world->flights, world->flight_count, &world->flight_room,
			sizeof(*world->flights));
		flight = &world->flights[world->flight_count++];
		flight->at = mono_after(world->now,
			delay + prng_between(&world->prng, 0, world->model.jitter));
		flight->number = world->flown++;
		flight->to_server = to_server;
		flight->length = length;
		memcpy(flight->octets, octets, length);
	}
}

static bool comes_before(const struct flight *a, const struct flight *b)
{
	return a->at.ns != b->at.ns ? a->at.ns < b->at.ns : a->number < b->number;
}

static size_t next_flight(const struct world *world)
{
	size_t best = 0;

	for (size_t i = 1; i < world->flight_count; i++) {
		if (comes_before(&world->flights[i], &world->flights[best]))
			best = i;
	}
	return best;
}

/* --- the model server --- */

#define WIRE (1 * MSEC)

static void answer(struct world *world, uint8_t *octets, size_t length, int64_t delay)
{
	struct model *model = &world->model;

	if (model->edit && !model->edit(model, octets, &length))
		return;
	if (model->answers_left == 1)
		return;
	if (model->answers_left > 1)
		model->answers_left--;
	fly(world, false, octets, length, WIRE + delay);
}

static uint32_t epoch_of(const struct world *world)
{
	return (uint32_t)(mono_since(world->now, world->model.boot) / SEC);
}

static struct held *find_held(const struct world *world, uint8_t protocol, uint16_t internal)
{
	for (size_t i = 0; i < world->held_count; i++) {
		struct held *held = &world->held[i];

		if (held->protocol == protocol && held->internal == internal)
			return held;
	}
	return NULL;
}

const struct held *world_held(const struct world *world, uint8_t protocol, uint16_t internal)
{
	const struct held *held = find_held(world, protocol, internal);

	return held && held->there && held->expires.ns > world->now.ns ? held : NULL;
}

static struct held *make_held(struct world *world, uint8_t protocol, uint16_t internal)
{
	struct held *held = find_held(world, protocol, internal);

	if (held)
		return held;
	world->held = grown(world->held, world->held_count, &world->held_room,
		sizeof(*world->held));
	held = &world->held[world->held_count++];
	*held = (struct held){ .protocol = protocol, .internal = internal };
	return held;
}

static unsigned result_of(const struct model *model, uint8_t protocol)
{
	return protocol == PROTOCOL_UDP && model->result_udp ? model->result_udp : model->result;
}

/* The lifetime granted; creates, extends or deletes. */
static uint32_t grant(struct world *world, uint8_t protocol, unsigned internal,
	unsigned suggested, uint32_t lifetime, unsigned *external)
{
	struct held *held = make_held(world, protocol, (uint16_t)internal);
	uint32_t most = world->model.lifetime_max ? world->model.lifetime_max : 7200;
	bool there = held->there && held->expires.ns > world->now.ns;

	if (lifetime == 0) {
		held->there = false;
		*external = 0;
		return 0;
	}
	if (!there)
		held->external = (uint16_t)((suggested ? suggested : internal) + world->model.shift);
	held->there = true;
	if (lifetime > most)
		lifetime = most;
	held->expires = mono_after(world->now, lifetime * SEC);
	*external = held->external;
	return lifetime;
}

static bool ignores(const struct model *model, uint8_t protocol, uint32_t lifetime)
{
	return model->deaf_to_maps || (model->deaf_to_udp && protocol == PROTOCOL_UDP) ||
		(model->deaf_to_deletes && lifetime == 0);
}

static void serve_pcp(struct world *world, const uint8_t *in, size_t length)
{
	struct model *model = &world->model;
	uint8_t out[PCP_MAX] = { 0 };
	uint32_t lifetime = get32(in + 4);
	unsigned external, result;

	memcpy(out, in, length);
	out[1] |= 0x80;
	memset(out + 8, 0, 16);
	put32(out + 8, epoch_of(world));
	if (in[1] == PCP_ANNOUNCE) {
		answer(world, out, length, model->announce_delay);
		return;
	}
	assert_true(length >= PCP_MAP_LENGTH);
	if (ignores(model, in[36], lifetime))
		return;
	result = result_of(model, in[36]);
	if (result && lifetime) {
		out[3] = (uint8_t)result;
		put32(out + 4, model->error_lifetime);
	} else {
		put32(out + 4, grant(world, in[36], get16(in + 40), get16(in + 42), lifetime,
			&external));
		put16(out + 42, external);
		if (lifetime) {
			memcpy(make_held(world, in[36], (uint16_t)get16(in + 40))->nonce, in + 24, 12);
			memset(out + 44, 0, 16);
			memset(out + 54, 0xff, 2);
			memcpy(out + 56, model->external, 4);
		}
	}
	answer(world, out, length, model->map_delay);
}

static void serve_natpmp(struct world *world, const uint8_t *in, size_t length)
{
	struct model *model = &world->model;
	uint8_t out[16] = { 0 };
	uint8_t protocol = in[1] == 2 ? PROTOCOL_TCP : PROTOCOL_UDP;
	unsigned external, result;
	uint32_t lifetime;

	out[1] = in[1] | 0x80;
	put32(out + 4, epoch_of(world));
	if (in[1] == 0) {
		assert_int_equal(length, 2);
		put16(out + 2, model->address_result);
		memcpy(out + 8, model->external, 4);
		if (!model->deaf_to_address)
			answer(world, out, 12, model->natpmp_delay);
		return;
	}
	assert_int_equal(length, 12);
	lifetime = get32(in + 8);
	if (ignores(model, protocol, lifetime))
		return;
	result = result_of(model, protocol);
	memcpy(out + 8, in + 4, 2);
	if (result && lifetime) {
		put16(out + 2, result);
	} else {
		put32(out + 12, grant(world, protocol, get16(in + 4), get16(in + 6), lifetime,
			&external));
		put16(out + 10, external);
	}
	answer(world, out, 16, model->natpmp_delay);
}

static void refuse_v2(struct world *world, const uint8_t *in)
{
	uint8_t out[24] = { 0, 0x80, 0, 1 };
	size_t length = 8;

	switch (world->model.form) {
	case FORM_SILENT:
	case FORM_COUNT:
		return;
	case FORM_0_R:
		break;
	case FORM_0:
		out[1] = 0;
		break;
	case FORM_0_OPCODE:
		out[1] = in[1] | 0x80;
		break;
	case FORM_0_SHORT:
		length = 4;
		break;
	case FORM_0_LONG:
		length = 16;
		break;
	case FORM_2:
		out[0] = 2;
		out[1] = in[1] | 0x80;
		length = 24;
		break;
	}
	if (world->model.form != FORM_2 && length > 4)
		put32(out + 4, epoch_of(world));
	answer(world, out, length, 0);
}

static void refuse_v0(struct world *world, const uint8_t *in, size_t length)
{
	uint8_t out[24] = { 2, (uint8_t)(in[1] | 0x80), 0, 1 };

	if (world->model.refuses_v0)
		answer(world, out, sizeof(out), 0);
	else if (world->model.refuses_v0_short)
		answer(world, out, length, 0);
}

static void serve(struct world *world, const uint8_t *in, size_t length)
{
	if (in[0] == PCP_VERSION && world->model.pcp)
		serve_pcp(world, in, length);
	else if (in[0] == PCP_VERSION)
		refuse_v2(world, in);
	else if (world->model.natpmp)
		serve_natpmp(world, in, length);
	else
		refuse_v0(world, in, length);
}

/* --- steps --- */

static void keep_event(struct world *world, const struct event *event)
{
	world->events = grown(world->events, world->event_count, &world->event_room,
		sizeof(*world->events));
	world->events[world->event_count++] = *event;
}

static void read_events(struct world *world)
{
	struct event event;

	while (world->session ? session_event(world->session, &event) :
				client_event(world->client, &event, world->now))
		keep_event(world, &event);
}

/* RFC 6886, 3.1: another request only when this one is answered or waited for in vain
 * (the shortest wait is 225 ms). */
static void watch_v0(struct world *world, const struct datagram *datagram)
{
	bool same = memcmp(world->v0_octets, datagram->octets, datagram->length) == 0;

	if (!world->v0_answered && !same && world->v0_last.ns != INT64_MIN &&
		mono_since(world->now, world->v0_last) < 225 * MSEC)
		world->v0_crowded++;
	world->v0_last = world->now;
	world->v0_answered = false;
	memcpy(world->v0_octets, datagram->octets, datagram->length);
}

static void note_sent(struct world *world, const struct datagram *datagram)
{
	struct sent *sent;

	if (datagram->octets[0] == PCP_VERSION)
		world->v2_sent++;
	else
		world->v0_sent++;
	if (datagram->octets[0] == 0)
		watch_v0(world, datagram);
	if (world->keeps_no_packets)
		return;
	world->sent = grown(world->sent, world->sent_count, &world->sent_room,
		sizeof(*world->sent));
	sent = &world->sent[world->sent_count++];
	sent->at = world->now;
	sent->length = datagram->length;
	memset(sent->octets, 0, sizeof(sent->octets));
	memcpy(sent->octets, datagram->octets,
		datagram->length < sizeof(sent->octets) ? datagram->length : sizeof(sent->octets));
}

static bool output(struct world *world, struct datagram *datagram)
{
	const struct server_id *to;

	return world->session ? session_output(world->session, world->now, datagram) :
				client_output(world->client, world->now, datagram, &to);
}

static void turn(struct world *world)
{
	struct datagram datagram;
	unsigned outstanding;

	world->steps++;
	if (world->session)
		session_tick(world->session, world->now);
	else
		client_tick(world->client, world->now);
	read_events(world);
	while (output(world, &datagram)) {
		note_sent(world, &datagram);
		fly(world, true, datagram.octets, datagram.length, WIRE);
	}
	read_events(world);
	outstanding = world->session ? session_outstanding(world->session) :
				       client_outstanding(world->client, 0);
	if (outstanding > world->most)
		world->most = outstanding;
}

/* A tick may leave some of what is due to the next one; a deadline that stays behind
 * for ever is a busy loop. */
void world_step(struct world *world)
{
	size_t turns = 0;

	do {
		turn(world);
		assert_true(++turns < 1000);
	} while (world_deadline(world).ns <= world->now.ns);
}

enum drop_reason world_input(struct world *world, const void *octets, size_t length,
	const struct endpoint *from)
{
	enum drop_reason reason = world->session ?
		session_input(world->session, octets, length, from, world->now) :
		client_input(world->client, &world->id.local, from, octets, length, world->now);

	read_events(world);
	return reason;
}

enum drop_reason world_answer(struct world *world, const void *octets, size_t length)
{
	return world_input(world, octets, length, &world->id.server);
}

void world_error(struct world *world, enum net_error_kind kind, bool from_server)
{
	struct net_error error = {
		.kind = kind,
		.type = 3,
		.code = 3,
		.has_offender = true,
		.offender = from_server ? world->id.server.address : ip_from_u32(0x0a000001),
		.to = world->id.server,
	};

	if (world->session)
		session_error(world->session, &error, world->now);
	else
		client_error(world->client, &world->id.local, &error, world->now);
	read_events(world);
}

static void deliver(struct world *world)
{
	while (world->flight_count) {
		size_t next = next_flight(world);
		struct flight flight = world->flights[next];

		if (flight.at.ns > world->now.ns)
			return;
		world->flights[next] = world->flights[--world->flight_count];
		if (flight.to_server) {
			serve(world, flight.octets, flight.length);
		} else {
			world->v0_answered = world->v0_answered || flight.octets[0] == 0;
			world_answer(world, flight.octets, flight.length);
		}
	}
}

static void run(struct world *world, struct mono until, bool idle)
{
	for (;;) {
		struct mono next;

		world_step(world);
		if (idle && world_idle(world))
			return;
		next = world_deadline(world);
		if (world->flight_count)
			next = mono_min(next, world->flights[next_flight(world)].at);
		if (next.ns > until.ns)
			break;
		world->now = next;
		deliver(world);
	}
	world->now = until;
}

void world_run(struct world *world, int64_t ns)
{
	run(world, mono_after(world->now, ns), false);
}

void world_until_idle(struct world *world, int64_t at_most)
{
	run(world, mono_after(world->now, at_most), true);
}

/* --- what came of it --- */

const struct event_mapping *world_result(const struct world *world, unsigned number)
{
	for (size_t i = world->event_count; i-- > 0;) {
		const struct event *event = &world->events[i];

		if (event->kind == EVENT_MAPPING && event->mapping.want == number)
			return &event->mapping;
	}
	return NULL;
}

size_t world_results(const struct world *world, unsigned number)
{
	size_t count = 0;

	for (size_t i = 0; i < world->event_count; i++) {
		if (world->events[i].kind == EVENT_MAPPING &&
			world->events[i].mapping.want == number)
			count++;
	}
	return count;
}

const struct event *world_event(const struct world *world, enum event_kind kind)
{
	for (size_t i = 0; i < world->event_count; i++) {
		if (world->events[i].kind == kind)
			return &world->events[i];
	}
	return NULL;
}

bool world_changed(const struct world *world, enum version_change change)
{
	for (size_t i = 0; i < world->event_count; i++) {
		if (world->events[i].kind == EVENT_VERSION &&
			world->events[i].version.change == change)
			return true;
	}
	return false;
}

unsigned world_drops(const struct world *world, enum drop_reason reason)
{
	unsigned count = 0;

	for (size_t i = 0; i < world->event_count; i++) {
		if (world->events[i].kind == EVENT_DROPPED &&
			world->events[i].dropped.reason == reason)
			count++;
	}
	return count;
}

int64_t world_sent_ms(const struct world *world, size_t n)
{
	assert_true(n < world->sent_count);
	return mono_since(world->sent[n].at, VIRTUAL_START) / MSEC;
}
