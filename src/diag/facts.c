/* SPDX-License-Identifier: MIT
 * Events folded into what is known of each server. Servers and mappings are
 * kept in the order of their first event, so that findings come in that order.
 */
#include "diag/facts.h"

#include <stdlib.h>
#include <string.h>

/* What finds a mapping: kept apart from it, so that a search stays in the cache. */
struct key {
	unsigned want;
	uint32_t server;
};

struct facts {
	struct facts_server *servers;
	size_t server_count, server_room;
	struct event_mapping *mappings;
	struct key *keys;
	size_t mapping_count, mapping_room;
	struct net_listening *listening; /* of the mappings, as far as it was added */
	size_t listening_room;
};

struct facts *facts_new(void)
{
	return calloc(1, sizeof(struct facts));
}

void facts_free(struct facts *facts)
{
	if (!facts)
		return;
	free(facts->servers);
	free(facts->mappings);
	free(facts->keys);
	free(facts->listening);
	free(facts);
}

size_t facts_server_count(const struct facts *facts)
{
	return facts->server_count;
}

const struct facts_server *facts_server(const struct facts *facts, size_t i)
{
	return &facts->servers[i];
}

size_t facts_mapping_count(const struct facts *facts)
{
	return facts->mapping_count;
}

const struct event_mapping *facts_mapping(const struct facts *facts, size_t i)
{
	return &facts->mappings[i];
}

size_t facts_mapping_server(const struct facts *facts, size_t i)
{
	return facts->keys[i].server;
}

const struct net_listening *facts_mapping_listening(const struct facts *facts, size_t i)
{
	static const struct net_listening unknown = { .kind = NET_LISTENING_UNKNOWN };

	return i < facts->listening_room ? &facts->listening[i] : &unknown;
}

/* Makes room for one more; the array stays valid when that fails. */
static bool grow(void **array, size_t count, size_t *room, size_t element)
{
	size_t more = *room ? *room * 2 : 1;
	void *p;

	if (count < *room)
		return true;
	p = realloc(*array, more * element);
	if (!p)
		return false;
	*array = p;
	*room = more;
	return true;
}

/* One server seen from two of our addresses is two servers: each may be treated
 * in its own way. An event that does not know our address is about either. */
static bool same_server(const struct server_id *a, const struct server_id *b)
{
	static const struct ip unknown;

	return endpoint_equal(&a->server, &b->server) &&
		(ip_equal(&a->local, &b->local) || ip_equal(&a->local, &unknown) ||
			ip_equal(&b->local, &unknown));
}

/* The server's entry, made when it is new; NULL without memory. */
static struct facts_server *server_of(struct facts *facts, const struct server_id *id)
{
	void *servers = facts->servers;
	struct facts_server *s;

	for (size_t i = 0; i < facts->server_count; i++)
		if (same_server(&facts->servers[i].server, id))
			return &facts->servers[i];
	if (!grow(&servers, facts->server_count, &facts->server_room, sizeof(*s)))
		return NULL;
	facts->servers = servers;
	s = &facts->servers[facts->server_count++];
	memset(s, 0, sizeof(*s));
	s->server = *id;
	return s;
}

/* Room for one mapping more and its key. */
static bool grow_mappings(struct facts *facts)
{
	size_t key_room = facts->mapping_room, room = facts->mapping_room;
	void *keys = facts->keys, *mappings = facts->mappings;
	bool ok = grow(&keys, facts->mapping_count, &key_room, sizeof(*facts->keys));

	facts->keys = keys;
	ok = ok && grow(&mappings, facts->mapping_count, &room, sizeof(*facts->mappings));
	facts->mappings = mappings;
	if (ok)
		facts->mapping_room = room;
	return ok;
}

static bool keep_mapping(struct facts *facts, uint32_t server, const struct event_mapping *m)
{
	for (size_t i = facts->mapping_count; i-- > 0;)
		if (facts->keys[i].want == m->want && facts->keys[i].server == server) {
			facts->mappings[i] = *m;
			return true;
		}
	if (!grow_mappings(facts))
		return false;
	facts->keys[facts->mapping_count] = (struct key){ m->want, server };
	facts->mappings[facts->mapping_count++] = *m;
	return true;
}

/* How much an error says about why there is no answer. */
static int weight(enum net_error_kind kind)
{
	static const int weights[] = {
		[NET_ERROR_PORT_UNREACHABLE] = 6,
		[NET_ERROR_DENIED] = 5,
		[NET_ERROR_PROHIBITED] = 4,
		[NET_ERROR_UNREACHABLE] = 3,
		[NET_ERROR_NOBODY] = 3,
		[NET_ERROR_LOCAL] = 2,
		[NET_ERROR_TTL] = 1,
		[NET_ERROR_TOO_BIG] = 0,
	};

	return weights[kind];
}

static void add_error(struct facts_server *s, const struct net_error *error)
{
	if (s->has_error && weight(s->error.error.kind) >= weight(error->kind))
		return;
	s->error = (struct event_error){ .server = s->server, .error = *error };
	s->has_error = true;
}

/* An answer takes back what an earlier error made us believe. */
static void add_answer(struct facts_server *s, enum via via)
{
	if (via == VIA_NAT_PMP)
		s->nat_pmp_answered = true;
	else
		s->pcp_answered = true;
	s->has_error = false;
}

static void add_time(struct facts_server *s, int64_t rtt, unsigned attempts)
{
	if (rtt <= 0)
		return;
	if (!s->timed || rtt < s->rtt_min)
		s->rtt_min = rtt;
	if (rtt > s->rtt_max)
		s->rtt_max = rtt;
	s->timed++;
	if (attempts > 1)
		s->late++;
}

static bool add_mapping(struct facts *facts, struct facts_server *s, const struct event_mapping *m)
{
	if (m->has_error)
		add_error(s, &m->error);
	if (m->answered) {
		/* after a fallback the attempts in version 2 are counted in */
		bool first_asked = m->via == VIA_PCP || !s->has_version;

		add_answer(s, m->via);
		add_time(s, m->rtt, first_asked ? m->attempts : 1);
	}
	if (m->nat_pmp_answered)
		add_answer(s, VIA_NAT_PMP);
	return keep_mapping(facts, (uint32_t)(s - facts->servers), m);
}

static void add_probe(struct facts_server *s, const struct event_probe *probe, enum via via)
{
	if (!probe->answered)
		return;
	/* "version not supported" is an answer, though not one in that version */
	if (probe->status != PROBE_UNSUPPORTED)
		add_answer(s, via);
	s->has_error = false;
	add_time(s, probe->rtt, probe->attempts);
}

static void add_server(struct facts_server *s, const struct event *event)
{
	s->probe = event->server;
	s->has_probe = true;
	s->probe_wall_ms = event->wall_ms;
	if (event->server.has_error)
		add_error(s, &event->server.error);
	add_probe(s, &event->server.pcp, VIA_PCP);
	add_probe(s, &event->server.nat_pmp, VIA_NAT_PMP);
}

static void add_version(struct facts_server *s, const struct event_version *version)
{
	if (version->change == VERSION_PCP_LATER) {
		s->pcp_later = true;
		s->later_port = version->external_port;
		add_answer(s, VIA_PCP);
		return;
	}
	s->version = *version;
	s->has_version = true;
	/* a fallback comes of a NAT-PMP answer; the other is the answer itself */
	if (version->change == VERSION_FELL_BACK)
		add_answer(s, VIA_NAT_PMP);
	s->has_error = false;
}

static void add_dropped(struct facts_server *s, const struct event_dropped *dropped)
{
	if (s->drops[dropped->reason]++ == 0)
		s->drop[dropped->reason] = *dropped;
}

static void add_packet(struct facts_server *s, const struct event_packet *packet)
{
	if (packet->dry)
		return;
	if (packet->sent)
		s->sent++;
	else
		s->received++;
}

bool facts_add(struct facts *facts, const struct event *event)
{
	const struct server_id *id = event_server(event);
	struct facts_server *s;

	/* strangers are no servers of ours: nothing that a rule asks about */
	if (!id || (event->kind == EVENT_DROPPED && event->dropped.reason == DROP_STRANGER))
		return true;
	if (event->kind == EVENT_PACKET && event->packet.drop != DROP_NONE)
		return true;
	s = server_of(facts, id);
	if (!s)
		return false;
	switch (event->kind) {
	case EVENT_MAPPING:
		return add_mapping(facts, s, &event->mapping);
	case EVENT_SERVER:
		add_server(s, event);
		break;
	case EVENT_VERSION:
		add_version(s, &event->version);
		break;
	case EVENT_DROPPED:
		add_dropped(s, &event->dropped);
		break;
	case EVENT_ERROR:
		add_error(s, &event->error.error);
		break;
	case EVENT_PACKET:
		add_packet(s, &event->packet);
		break;
	case EVENT_EPOCH:
	case EVENT_ANNOUNCE:
		break;
	}
	return true;
}

bool facts_add_listening(struct facts *facts, size_t i, const struct net_listening *listening)
{
	size_t room = facts->mapping_room;
	struct net_listening *grown;

	if (i >= facts->listening_room) {
		grown = realloc(facts->listening, room * sizeof(*grown));
		if (!grown)
			return false;
		memset(grown + facts->listening_room, 0,
			(room - facts->listening_room) * sizeof(*grown));
		facts->listening = grown;
		facts->listening_room = room;
	}
	facts->listening[i] = *listening;
	return true;
}
