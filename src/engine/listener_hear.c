/* SPDX-License-Identifier: MIT
 * What a listener makes of a datagram.
 */
#include "engine/listener_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/inventory.h"
#include "host/clock.h"
#include "host/iface.h"
#include "host/multicast.h"
#include "host/udp.h"
#include "wire/pcp.h"

/* A flood may not keep the loop from its deadlines. */
#define AT_ONCE 256
/* Announcements of strangers that are told in a minute; the rest is counted. */
#define STRANGERS_MAX	 20
#define STRANGERS_PERIOD (60 * SEC)

/* --- what is told --- */

static void tell(struct listener *listener, enum listener_news news,
	const struct event_announce *announce, struct mono at)
{
	int64_t ago = mono_since(clock_now(), at);
	struct event event = { .kind = EVENT_ANNOUNCE,
		.at = at,
		.wall_ms = clock_wall_ms() - ago / MSEC,
		.announce = *announce };

	listener->config.news(listener->config.context, news, &event);
}

static void tell_packet(struct listener *listener, const struct event_announce *heard,
	const uint8_t *octets, size_t length, bool junk, struct mono now)
{
	struct event event = { .kind = EVENT_PACKET, .at = now, .wall_ms = clock_wall_ms() };
	struct event_packet *packet = &event.packet;

	if (!listener->config.trace)
		return;
	packet->server.server = heard->source;
	memcpy(packet->server.interface, heard->interface, sizeof(heard->interface));
	packet->drop = junk ? DROP_JUNK : DROP_NONE;
	packet->whole = length;
	packet->length = length > PCP_MAX ? PCP_MAX : length;
	memcpy(packet->octets, octets, packet->length);
	listener->config.news(listener->config.context, LISTENER_PACKET, &event);
}

/* --- Epochs of earlier runs, and for later ones --- */

/* The sample of the server, as another command of this host would have kept it. */
static bool sample_of(const struct server_id *id, enum via via, struct store_epoch *sample)
{
	*sample =
		(struct store_epoch){ .server = id->server.address, .own = id->local, .via = via };
	return memory_network_known(id, &sample->network);
}

/* The store of a process that stays has to be told what time it is. */
static struct store *store_now(const struct listener *listener)
{
	struct store *store = memory_store(listener->config.memory);

	store_time(store, clock_now(), clock_wall_ms() / 1000);
	return store;
}

static void recall(struct listener *listener, const struct event_announce *heard,
	uint32_t interface_index)
{
	struct server_id id = { .server = heard->source };
	struct inventory_source wanted = { .server = heard->source,
		.interface_index = interface_index,
		.bind = listener->config.bind };
	struct store_epoch sample;

	if (!heard->trusted || !listener->config.memory || listen_knows(&listener->listen, heard) ||
		inventory_source(&wanted, &id.local, id.interface) < 0)
		return;
	if (sample_of(&id, heard->via, &sample) && store_epoch_find(store_now(listener), &sample))
		listen_learn(&listener->listen, heard, sample.epoch, sample.at);
}

/* Only what a server said when it was asked is kept: an announcement can be forged. */
static void keep(struct listener *listener, const struct question_result *result)
{
	const struct event_announce *announce = &result->announce;
	struct store_epoch sample;

	listen_learn(&listener->listen, announce, announce->answer_epoch, result->at);
	if (!announce->trusted || !listener->config.memory ||
		!sample_of(&result->server, announce->via, &sample))
		return;
	sample.epoch = announce->answer_epoch;
	sample.at = result->at;
	store_epoch_put(store_now(listener), &sample);
}

/* --- in --- */

static bool counts(const struct listener *listener, const struct event_announce *announce)
{
	return announce->trusted || listener->config.all;
}

/* True: it is told; else it is only counted. */
static bool is_told(struct listener *listener, const struct event_announce *announce,
	struct mono now)
{
	if (counts(listener, announce))
		return true;
	if (!listener->strangers || mono_since(now, listener->strangers_since) > STRANGERS_PERIOD) {
		listener->strangers = 0;
		listener->strangers_since = now;
	}
	if (listener->strangers < STRANGERS_MAX) {
		listener->strangers++;
		return true;
	}
	listener->counts.strangers++;
	return false;
}

static void ask(struct listener *listener, const struct event_announce *announce,
	uint32_t interface_index, struct mono now)
{
	struct endpoint to = announce->source;
	char text[160], address[IP_TEXT_MAX];

	/* A stranger's port is any; a server's is one that it can be asked at. */
	if (!announce->trusted)
		to.port = PCP_PORT;
	if (questions_ask(listener->questions, announce, &to, interface_index, now) == 0)
		return;
	snprintf(text, sizeof(text), "%s cannot be asked: %s", ip_format(&to.address, address),
		errno == EBUSY ? "too many questions are under way" : strerror(errno));
	if (errno != EBUSY || !listener->warned_busy)
		listener->config.warning(listener->config.context, text);
	listener->warned_busy = listener->warned_busy || errno == EBUSY;
	tell(listener, LISTENER_VERIFIED, announce, now);
}

static void take_announcement(struct listener *listener, const struct event_announce *heard,
	uint32_t interface_index, struct mono now)
{
	struct listen_result result;

	listener->counts.announcements++;
	recall(listener, heard, interface_index);
	result = listen_heard(&listener->listen, heard, now);
	if (result.ended && counts(listener, &result.before))
		tell(listener, LISTENER_ENDED, &result.before, result.before_heard);
	if (!is_told(listener, &result.announce, now))
		return;
	tell(listener, result.repeat ? LISTENER_REPEAT : LISTENER_NEW, &result.announce, now);
	if (listener->questions && !result.repeat && counts(listener, heard))
		ask(listener, &result.announce, interface_index, now);
}

/* NAT-PMP has no IPv6. */
static bool decode(const uint8_t *octets, const struct udp_datagram *got,
	struct announcement *announcement)
{
	return multicast_is_for(ip_family(&got->from.address), &got->to) && !got->truncated &&
		announcement_decode(octets, got->length, announcement) &&
		(announcement->via == VIA_PCP || ip_is_v4(&got->from.address));
}

static void take_datagram(struct listener *listener, const uint8_t *octets,
	const struct udp_datagram *got, struct mono now)
{
	struct event_announce heard = { .source = got->from };
	struct announcement announcement;
	bool good = decode(octets, got, &announcement);

	iface_name(got->interface_index, heard.interface);
	tell_packet(listener, &heard, octets, got->length, !good, now);
	if (!good) {
		listener->counts.junk++;
		return;
	}
	if (listener->config.only != VIA_NONE && announcement.via != listener->config.only)
		return;
	heard.via = announcement.via;
	heard.epoch = announcement.epoch;
	heard.has_external = announcement.has_external;
	heard.external_address = announcement.external;
	heard.trusted = routers_trust(listener->routers, &got->from, got->interface_index);
	take_announcement(listener, &heard, got->interface_index, now);
}

void listener_take(struct listener *listener, int fd, struct mono now)
{
	uint8_t octets[PCP_RECEIVE_MAX];
	struct udp_datagram got;

	for (int i = 0; i < AT_ONCE && listener->phase == HEARING; i++) {
		if (udp_receive(fd, octets, sizeof(octets), &got) <= 0)
			return;
		/* SO_BINDTOIFINDEX may have been refused. */
		if (listener->interface_index && got.interface_index != listener->interface_index)
			continue;
		take_datagram(listener, octets, &got, now);
	}
}

/* --- what came of it --- */

/* The series that are over by then. */
static void tell_ended(struct listener *listener, struct mono by)
{
	struct event_announce announce;
	struct mono heard;

	while (listen_ended(&listener->listen, by, &announce, &heard))
		if (counts(listener, &announce))
			tell(listener, LISTENER_ENDED, &announce, heard);
}

void listener_tell_results(struct listener *listener, struct mono now)
{
	struct question_result result;

	while (listener->questions && questions_result(listener->questions, &result)) {
		listen_verified(&listener->listen, &result.announce);
		if (result.announce.answered)
			keep(listener, &result);
		tell(listener, LISTENER_VERIFIED, &result.announce, result.at);
	}
	tell_ended(listener, now);
}

void listener_tell_open(struct listener *listener)
{
	tell_ended(listener, (struct mono){ INT64_MAX - 1 });
}
