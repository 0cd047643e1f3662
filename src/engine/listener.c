/* SPDX-License-Identifier: MIT
 * The loop of announce-listen.
 */
#include "engine/listener.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/hooks.h"
#include "engine/inventory.h"
#include "engine/question.h"
#include "engine/routers.h"
#include "host/clock.h"
#include "host/iface.h"
#include "host/loop.h"
#include "host/monitor.h"
#include "host/multicast.h"
#include "host/udp.h"
#include "proto/listen.h"
#include "wire/pcp.h"

#define ANNOUNCE_PORT 5350
/* A datagram larger than any that is legal is seen as too long. */
#define RECEIVE_MAX (PCP_MAX + 4)
/* A flood may not keep the loop from its deadlines. */
#define AT_ONCE 256
/* Announcements of strangers that are told in a minute; the rest is counted. */
#define STRANGERS_MAX	 20
#define STRANGERS_PERIOD (60 * SEC)
#define HOOKS_PATIENCE	 (10 * SEC)

enum phase { HEARING, CLOSING, CLOSED };

struct listener {
	struct listener_config config;
	struct loop *loop;
	struct routers *routers;
	struct questions *questions; /* NULL: without --verify */
	struct hooks *hooks; /* NULL: without -x */
	int monitor; /* -1: none to be had */
	int sockets[2]; /* IPv4, IPv6; -1: not heard */
	bool wanted[2];
	uint32_t interface_index; /* of -i, as bound; 0: all, or it is not there now */
	uint64_t dropped_before; /* of sockets that are closed */
	struct listen listen;
	struct listener_counts counts;
	unsigned strangers;
	struct mono strangers_since;
	struct mono give_up;
	enum phase phase;
	bool hooks_closing, warned_busy;
};

static const enum ip_family families[2] = { IP_FAMILY_4, IP_FAMILY_6 };

static void warn_hook(void *context, unsigned mapping, const char *text)
{
	struct listener *listener = context;

	(void)mapping;
	listener->config.warning(listener->config.context, text);
}

/* The parts that only some runs have. */
static bool open_parts(struct listener *listener)
{
	const struct listener_config *config = &listener->config;
	struct questions_config questions = { listener->loop, config->mark, config->bind };
	struct hooks_config hooks = { config->hook, listener->loop, warn_hook, listener };

	if (config->verify)
		listener->questions = questions_new(&questions);
	if (config->hook)
		listener->hooks = hooks_new(&hooks);
	return (listener->questions || !config->verify) && (listener->hooks || !config->hook);
}

struct listener *listener_new(const struct listener_config *config)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	listener->config = *config;
	listener->monitor = listener->sockets[0] = listener->sockets[1] = -1;
	listener->give_up = config->timeout ? mono_after(clock_now(), config->timeout) : MONO_NEVER;
	for (size_t i = 0; i < 2; i++)
		listener->wanted[i] = !config->families || (config->families & families[i]);
	listener->routers = routers_new(config->named, config->named_count);
	if (listener->routers)
		listener->loop = loop_new();
	if (listener->loop && loop_catch_signals(listener->loop) == 0 && open_parts(listener))
		return listener;
	listener_free(listener);
	return NULL;
}

void listener_free(struct listener *listener)
{
	if (!listener)
		return;
	hooks_free(listener->hooks);
	questions_free(listener->questions);
	for (size_t i = 0; i < 2; i++)
		if (listener->sockets[i] >= 0)
			multicast_close(listener->sockets[i]);
	monitor_close(listener->monitor);
	routers_free(listener->routers);
	loop_free(listener->loop);
	free(listener);
}

/* --- sockets --- */

static int open_socket(struct listener *listener, size_t i)
{
	int fd = multicast_open(families[i], ANNOUNCE_PORT, listener->interface_index);

	if (fd < 0)
		return -1;
	if (loop_add(listener->loop, fd) < 0) {
		int error = errno;

		multicast_close(fd);
		errno = error;
		return -1;
	}
	listener->sockets[i] = fd;
	return 0;
}

static void close_sockets(struct listener *listener)
{
	for (size_t i = 0; i < 2; i++) {
		int fd = listener->sockets[i];

		if (fd < 0)
			continue;
		listener->dropped_before += multicast_dropped(fd);
		loop_remove(listener->loop, fd);
		multicast_close(fd);
		listener->sockets[i] = -1;
	}
}

static void warn_socket(struct listener *listener, enum ip_family family, int error)
{
	char text[160];

	snprintf(text, sizeof(text), "%s is not heard: UDP port %d: %s",
		family == IP_FAMILY_4 ? "IPv4" : "IPv6", ANNOUNCE_PORT,
		error == EADDRINUSE ? "held by another program that does not share it" :
				      strerror(error));
	listener->config.warning(listener->config.context, text);
}

/* False with the errno of the first: none could be opened. */
static bool open_sockets(struct listener *listener)
{
	int errors[2] = { 0, 0 };
	bool any = false;

	for (size_t i = 0; i < 2; i++) {
		if (!listener->wanted[i])
			continue;
		if (open_socket(listener, i) == 0)
			any = true;
		else
			errors[i] = errno;
	}
	/* A kernel without IPv6 hears nothing there, and nothing is missed. */
	for (size_t i = 0; any && i < 2; i++)
		if (errors[i] && errors[i] != EAFNOSUPPORT)
			warn_socket(listener, families[i], errors[i]);
	errno = errors[0] ? errors[0] : errors[1];
	return any;
}

enum listener_open listener_start(struct listener *listener)
{
	if (listener->config.interface)
		listener->interface_index = iface_index(listener->config.interface);
	if (!open_sockets(listener))
		return errno == EADDRINUSE ? LISTENER_PORT_HELD : LISTENER_FAILED;
	listener->monitor = monitor_open();
	if (listener->monitor < 0 || loop_add(listener->loop, listener->monitor) < 0)
		listener->config.warning(listener->config.context,
			"interfaces that come and routers that change are not noticed (rtnetlink)");
	if (!routers_refresh(listener->routers))
		listener->config.warning(listener->config.context,
			"the routers of this host cannot be told (rtnetlink)");
	return LISTENER_OPEN;
}

/* The network is another than it was. An interface that went and came back (-i) has
 * another index, and a socket bound to the old one is deaf. */
static void follow_network(struct listener *listener)
{
	const char *name = listener->config.interface;
	uint32_t index = name ? iface_index(name) : 0;

	if (listener->phase != HEARING)
		return;
	if (name && index != listener->interface_index) {
		close_sockets(listener);
		listener->interface_index = index;
		if (index && !open_sockets(listener))
			warn_socket(listener, families[listener->wanted[0] ? 0 : 1], errno);
	}
	for (size_t i = 0; i < 2; i++)
		if (listener->sockets[i] >= 0)
			multicast_join(listener->sockets[i], families[i], index);
	routers_refresh(listener->routers);
}

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
	if (result.ended)
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

static void take_datagrams(struct listener *listener, int fd, struct mono now)
{
	uint8_t octets[RECEIVE_MAX];
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

/* --- the end --- */

void listener_stop(struct listener *listener, bool at_once)
{
	listener->phase = at_once || listener->phase == CLOSED ? CLOSED : CLOSING;
}

/* True: there is nothing left to do. */
static bool is_over(struct listener *listener)
{
	if (listener->phase == HEARING)
		return false;
	if (listener->phase == CLOSED)
		return true;
	close_sockets(listener);
	return !(listener->questions && questions_busy(listener->questions)) &&
		!(listener->hooks && hooks_busy(listener->hooks));
}

static void heed_end(struct listener *listener, struct mono now)
{
	int count = 0;

	if (loop_signal(listener->loop, &count) || mono_due(listener->give_up, now))
		listener_stop(listener, count > 1);
	if (listener->phase == HEARING || listener->hooks_closing || !listener->hooks)
		return;
	listener->hooks_closing = true;
	hooks_close(listener->hooks, HOOKS_PATIENCE, now);
}

/* --- the loop --- */

static void tell_results(struct listener *listener, struct mono now)
{
	struct question_result result;
	struct event_announce announce;
	struct mono heard;

	while (listener->questions && questions_result(listener->questions, &result)) {
		listen_verified(&listener->listen, &result.announce);
		if (result.announce.answered)
			keep(listener, &result);
		tell(listener, LISTENER_VERIFIED, &result.announce, result.at);
	}
	while (listen_ended(&listener->listen, now, &announce, &heard))
		if (counts(listener, &announce))
			tell(listener, LISTENER_ENDED, &announce, heard);
}

static void take(struct listener *listener, int fd, struct mono now)
{
	if (fd == listener->sockets[0] || fd == listener->sockets[1])
		take_datagrams(listener, fd, now);
	else if (fd == listener->monitor && monitor_changed(fd))
		follow_network(listener);
	else if (listener->hooks && hooks_ready(listener->hooks, fd, now))
		return;
	else if (listener->questions)
		questions_ready(listener->questions, fd, now);
}

static struct mono next(const struct listener *listener)
{
	struct mono deadline = listen_deadline(&listener->listen);

	if (listener->phase == HEARING)
		deadline = mono_min(deadline, listener->give_up);
	if (listener->questions)
		deadline = mono_min(deadline, questions_deadline(listener->questions));
	if (listener->hooks)
		deadline = mono_min(deadline, hooks_deadline(listener->hooks));
	return deadline;
}

/* What stood open is told with the count that it has. */
static void tell_open_series(struct listener *listener)
{
	struct event_announce announce;
	struct mono heard;

	while (listen_ended(&listener->listen, (struct mono){ INT64_MAX - 1 }, &announce, &heard))
		if (counts(listener, &announce))
			tell(listener, LISTENER_ENDED, &announce, heard);
}

bool listener_run(struct listener *listener)
{
	struct mono now = clock_now();
	struct loop_ready ready;

	for (;;) {
		if (listener->questions)
			questions_tick(listener->questions, now);
		tell_results(listener, now);
		heed_end(listener, now);
		if (listener->hooks)
			hooks_tick(listener->hooks, now);
		if (is_over(listener))
			break;
		if (loop_wait(listener->loop, next(listener), &ready) < 0)
			return false;
		now = clock_now();
		for (int i = 0; i < ready.count; i++)
			take(listener, ready.fds[i], now);
	}
	if (listener->phase != CLOSED)
		tell_open_series(listener);
	close_sockets(listener);
	return true;
}

void listener_hook(struct listener *listener, const char *const *environment)
{
	if (listener->hooks && !hooks_event(listener->hooks, 0, environment))
		listener->config.warning(listener->config.context, "out of memory: no hook is run");
}

struct listener_counts listener_counts(const struct listener *listener)
{
	struct listener_counts counted = listener->counts;

	counted.dropped = listener->dropped_before;
	for (size_t i = 0; i < 2; i++)
		if (listener->sockets[i] >= 0)
			counted.dropped += multicast_dropped(listener->sockets[i]);
	return counted;
}
