/* SPDX-License-Identifier: MIT
 * Fuzzes the machine: the input is a script for a client with two servers. Each octet
 * says what happens next (a want, a delete, a signal, a datagram, an ICMP error, time
 * that passes), and the octets behind it how. Answers are made from what was sent, so
 * that damage done to them goes deep. What must always hold:
 *  - what is due is done: no deadline stays in the past, and all ends;
 *  - never more than the window is outstanding, in NAT-PMP one;
 *  - a success only by an answer that had the nonce, from the server.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/client.h"
#include "proto/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define WANTS	 24
#define LOG	 64
#define SERVERS	 2
#define GIVE_UP	 (20 * SEC)

struct sent {
	size_t server, length;
	uint8_t octets[PCP_MAX];
};

struct play {
	const uint8_t *p, *end;
	struct client *client;
	struct server_id servers[SERVERS];
	struct mono now, v0_last[SERVERS];
	struct sent log[LOG]; /* the last that were sent */
	size_t logged;
	unsigned wants;
	bool answered[WANTS]; /* it was given an answer that may be a success */
	bool v0_answered, cancelled, keeps, probed[SERVERS];
};

static void check(bool holds, const char *what, int line)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_session: line %d: %s\n", line, what);
	abort();
}

#define must(what) check(what, #what, __LINE__)

static uint8_t next(struct play *play)
{
	return play->p < play->end ? *play->p++ : 0;
}

static unsigned number_of(const uint8_t *octets)
{
	return octets[35] < WANTS ? octets[35] : WANTS - 1;
}

/* --- what is asked --- */

static struct want make_want(struct play *play, unsigned number)
{
	static const uint8_t protocols[] = { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP, PROTOCOL_ALL };
	uint8_t how = next(play), more = next(play);
	struct want want = {
		.number = number,
		.opcode = how % 16 == 15 ? PCP_PEER : PCP_MAP,
		.protocol = protocols[how / 16 % 4],
		.internal_port = (uint16_t)(8000 + number % 4),
		.external_port = (uint16_t)(more & 1 ? 8000 + number % 4 : 0),
		.external_address = ip_any4,
		.remote_address = ip_any6,
		.lifetime = more & 2 ? 0 : more & 4 ? 3 : 7200,
		.nonce_is_new = !(more & 8),
		.keep = play->keeps && more & 16,
		.require_public = more & 32,
		.zero_port = more >= 192,
	};

	if (want.protocol == PROTOCOL_ALL || want.zero_port)
		want.internal_port = 0;
	if (want.opcode == PCP_PEER) {
		want.remote_address = ip_from_u32(0xc6336401);
		want.remote_port = 443;
	}
	want.options.prefer_failure = how & 1 && want.external_port;
	want.options.description = how & 2 ? "x" : NULL;
	memset(want.nonce.octets, 0xa5, PCP_NONCE);
	want.nonce.octets[PCP_NONCE - 1] = (uint8_t)number;
	return want;
}

static void ask(struct play *play)
{
	size_t server = next(play) % SERVERS;
	struct want first, second;

	if (play->wants + 2 > WANTS - 1 || play->cancelled)
		return;
	first = make_want(play, play->wants++);
	if (next(play) % 4) {
		must(client_want(play->client, server, &first, play->now));
		return;
	}
	second = make_want(play, play->wants++);
	second.keep = first.keep;
	must(client_want_pair(play->client, server, &first, &second, play->now));
}

static void probe(struct play *play)
{
	struct client_learn learn = { .learn = next(play) & 1, .port = 40000 };
	size_t server = next(play) % SERVERS;

	memset(learn.nonce.octets, 0xa5, PCP_NONCE);
	learn.nonce.octets[PCP_NONCE - 1] = WANTS - 1;
	if (!play->cancelled && !play->probed[server])
		client_probe(play->client, server, &learn, play->now);
	play->probed[server] = true;
}

/* --- the network --- */

static void give(struct play *play, size_t server, const uint8_t *octets, size_t length,
	uint8_t from_where)
{
	const struct server_id *id = &play->servers[server];
	struct endpoint from = id->server;

	if (from_where == 1)
		from.port++;
	if (from_where == 2)
		from.address = ip_from_u32(0x0a000001);
	if (from_where > 2 || from_where == 0) {
		/* only these may grant: the nonce is ours, or there is none */
		if (length >= PCP_MAP_LENGTH && octets[0] == PCP_VERSION && octets[24] == 0xa5)
			play->answered[number_of(octets)] = true;
		play->v0_answered = play->v0_answered || (length >= 16 && octets[0] == 0);
	}
	client_input(play->client, &id->local, &from, octets, length, play->now);
}

/* An answer to one of the last that were sent, damaged here and there. */
static void answer(struct play *play)
{
	uint8_t which = next(play), result = next(play), damage = next(play);
	const struct sent *sent;
	uint8_t octets[PCP_MAX + 4] = { 0 };
	size_t length;

	if (!play->logged)
		return;
	sent = &play->log[(play->logged - 1 - which % (play->logged < LOG ? play->logged : LOG)) % LOG];
	length = sent->length;
	memcpy(octets, sent->octets, length);
	octets[1] |= 0x80;
	octets[3] = result % 4 ? 0 : (uint8_t)(result / 4 % 24);
	if (octets[0] == PCP_VERSION) {
		memset(octets + 8, 0, 16);
		octets[10] = next(play);
		if (length >= PCP_MAP_LENGTH)
			memcpy(octets + 54, "\xff\xff\x08\x08\x08\x08", 6);
	} else if (length == 12) {
		memcpy(octets + 12, sent->octets + 8, 4); /* the lifetime asked */
		memcpy(octets + 8, sent->octets + 4, 4);
		memset(octets + 4, 0, 4);
		octets[6] = next(play);
		length = 16;
	} else {
		memcpy(octets + 8, "\x08\x08\x08\x08", 4);
		length = 12;
	}
	for (unsigned i = 0; i < damage % 4; i++) {
		size_t at = next(play) % length;

		octets[at] ^= next(play);
	}
	if (damage >= 240)
		length = next(play) * 5;
	give(play, sent->server, octets, length < sizeof(octets) ? length : sizeof(octets),
		damage / 16 % 8);
}

static void refuse(struct play *play)
{
	static const uint8_t forms[][24] = { { 0, 0x80, 0, 1 }, { 0, 0, 0, 1 }, { 2, 0x81, 0, 1 },
		{ 1, 0x81, 0, 1 }, { 3, 0x80, 0, 1 } };
	static const size_t lengths[] = { 4, 8, 24, 2, 12 };
	uint8_t how = next(play);

	give(play, how & 1, forms[how / 2 % 5], lengths[how / 10 % 5], 0);
}

static void raw(struct play *play)
{
	size_t length = next(play);
	size_t left = (size_t)(play->end - play->p);

	if (length > left)
		length = left;
	give(play, length & 1, play->p, length, 0);
	play->p += length;
}

static void icmp(struct play *play)
{
	uint8_t how = next(play);
	size_t server = how % SERVERS;
	struct net_error error = {
		.kind = (enum net_error_kind)(how / 2 % 7),
		.local = how & 16,
		.error = how & 32 ? 101 : 113,
		.has_offender = how & 64,
		.offender = play->servers[how >> 7].server.address,
		.to = play->servers[server].server,
	};

	client_error(play->client, &play->servers[server].local, &error, play->now);
}

/* --- what must hold --- */

static void look_at(struct play *play, const struct event *event)
{
	const struct event_mapping *told = &event->mapping;

	if (event->kind != EVENT_MAPPING)
		return;
	must(told->want < WANTS);
	if (told->outcome != OUTCOME_GRANTED && told->outcome != OUTCOME_RENEWED &&
		told->outcome != OUTCOME_RECOVERED && told->outcome != OUTCOME_CHANGED)
		return;
	must(told->answered && told->has_external_port);
	must(told->via == VIA_PCP ? play->answered[told->want] : play->v0_answered);
	must(!told->options->prefer_failure || told->external_port == told->suggested_port);
}

static void keep_sent(struct play *play, const struct datagram *datagram, size_t server)
{
	struct sent *sent = &play->log[play->logged++ % LOG];

	must(datagram->length > 0 && datagram->length <= PCP_MAX && server < SERVERS);
	must(datagram->octets[0] == PCP_VERSION || datagram->octets[0] == 0);
	must(!(datagram->octets[1] & 0x80));
	/* RFC 6886, 3.4: this would delete every mapping of the host */
	if (datagram->octets[0] == 0 && datagram->length == 12 && datagram->octets[4] == 0 &&
		datagram->octets[5] == 0)
		must(memcmp(datagram->octets + 8, "\0\0\0", 4) != 0 || play->wants > 0);
	sent->server = server;
	sent->length = datagram->length;
	memcpy(sent->octets, datagram->octets, datagram->length);
}

static size_t server_of(const struct play *play, const struct server_id *to)
{
	size_t server = 0;

	while (server < SERVERS && client_server_id(play->client, server) != to)
		server++;
	return server;
}

static void step(struct play *play)
{
	struct datagram datagram;
	struct event event;
	const struct server_id *to;
	size_t server, turns = 0;

	do {
		client_tick(play->client, play->now);
		while (client_event(play->client, &event, play->now))
			look_at(play, &event);
		while (client_output(play->client, play->now, &datagram, &to))
			keep_sent(play, &datagram, server_of(play, to));
		while (client_event(play->client, &event, play->now))
			look_at(play, &event);
		must(++turns < 50);
	} while (client_deadline(play->client).ns <= play->now.ns);
	for (server = 0; server < SERVERS; server++)
		must(client_outstanding(play->client, server) <= WINDOW_MAX + 1);
	must(!client_failed(play->client));
}

static void pass_time(struct play *play)
{
	static const int64_t jumps[] = { 0, MSEC, 100 * MSEC, SEC, 5 * SEC, 600 * SEC };
	uint8_t how = next(play);
	struct mono until = mono_after(play->now, jumps[how % 6] * (1 + how / 64));

	for (;;) {
		struct mono due = client_deadline(play->client);

		if (due.ns > until.ns)
			break;
		play->now = due;
		step(play);
	}
	play->now = until;
	step(play);
}

/* Whatever was asked: -t, or the signal, ends it. */
static void end(struct play *play)
{
	struct mono latest;

	if (play->keeps && !play->cancelled)
		client_cancel(play->client, play->now);
	latest = mono_after(play->now, GIVE_UP + 10 * SEC);
	for (;;) {
		struct mono due;

		step(play);
		if (client_idle(play->client))
			break;
		due = client_deadline(play->client);
		must(due.ns <= latest.ns && due.ns > play->now.ns);
		play->now = due;
	}
}

static void open_client(struct play *play)
{
	uint8_t how = next(play);
	struct client_config config = {
		.policy = (enum version_policy)(how % 4 < 3 ? how % 4 : 0),
		.pcp = how & 4 ? &schedule_pcp : &schedule_quick,
		.natpmp = how & 8 ? &schedule_natpmp : &schedule_quick,
		.seed = next(play),
	};

	play->now = (struct mono){ 1000 * SEC };
	play->keeps = how & 16;
	config.give_up = play->keeps ? MONO_NEVER : mono_after(play->now, GIVE_UP);
	play->client = client_new(&config);
	must(play->client != NULL);
	for (size_t i = 0; i < SERVERS; i++) {
		play->servers[i] = (struct server_id){
			.server = { ip_from_u32(0xc0a801fe - (uint32_t)i), 0, PCP_PORT },
			.local = ip_from_u32(0xc0a8010a),
		};
		must(client_server(play->client, &play->servers[i]) == (int)i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct play play;

	play = (struct play){ .p = data, .end = data + n };
	open_client(&play);
	while (play.p < play.end) {
		switch (next(&play) % 12) {
		case 0:
		case 1:
			ask(&play);
			break;
		case 2:
			probe(&play);
			break;
		case 3:
		case 4:
		case 5:
		case 6:
			answer(&play);
			break;
		case 7:
			refuse(&play);
			break;
		case 8:
			raw(&play);
			break;
		case 9:
			icmp(&play);
			break;
		case 10:
			pass_time(&play);
			break;
		case 11:
			if (next(&play) > 200) {
				client_cancel(play.client, play.now);
				play.cancelled = true;
			}
			break;
		}
		step(&play);
	}
	end(&play);
	client_free(play.client);
	return 0;
}
