/* SPDX-License-Identifier: MIT
 * Wants and events <-> records.
 */
#include "engine/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/inventory.h"
#include "host/clock.h"
#include "host/next_hop.h"
#include "host/udp.h"
#include "proto/epoch.h"

#define PATH_MAX_TEXT 4096
/* How long ARP or neighbour discovery is waited for, and how often it is looked. */
#define WAKE_PATIENCE (1 * SEC)
#define WAKE_LOOK     (2 * MSEC)
/* A sample in range is written anew only when it has grown old: each write costs. */
#define SAMPLE_AGE (600 * SEC)

/* When a server has lost its state, the last time. */
struct reset {
	bool known;
	enum via via;
	struct ip server;
	struct store_network network;
	int64_t wall;
};

struct memory {
	struct store *store;
	struct reset reset;
	pid_t keeper; /* ours, where this process keeps mappings; else 0 */
	/* The last answer of memory_is_here(): records come in the order of their networks. */
	bool looked, here;
	struct store_network network;
	struct endpoint server;
	/* What memory_find() has found, until memory_asking() asks for it. */
	bool found;
	struct store_record record;
};

struct memory *memory_open(store_warning *warning, void *context)
{
	struct memory *memory = calloc(1, sizeof(*memory));
	char path[PATH_MAX_TEXT];

	if (!memory)
		return NULL;
	if (store_path(path, sizeof(path)))
		memory->store =
			store_open(path, warning, context, clock_now(), clock_wall_ms() / 1000);
	else
		warning(context, "no state directory: neither PCPCTL_STATE_DIR nor HOME is set");
	if (memory->store)
		return memory;
	free(memory);
	return NULL;
}

void memory_close(struct memory *memory)
{
	if (!memory)
		return;
	store_close(memory->store);
	free(memory);
}

struct store *memory_store(struct memory *memory)
{
	return memory->store;
}

void memory_keep(struct memory *memory)
{
	if (store_keep(memory->store))
		memory->keeper = getpid();
}

void memory_time(struct memory *memory, struct mono now, int64_t wall_ms)
{
	store_time(memory->store, now, wall_ms / 1000);
}

/* --- networks --- */

/* Sends what changes nothing, so that the kernel asks who has the address. */
static void wake(const struct server_id *id)
{
	bool scoped = ip_is_link_local(&id->local) && !ip_is_v4(&id->local);
	struct udp_options options = {
		.local = { .address = id->local, .scope = scoped ? id->server.scope : 0 },
	};
	struct pcp_request request = { .opcode = PCP_ANNOUNCE, .client = id->local };
	uint8_t octets[PCP_MAX];
	size_t length;
	int fd = udp_open(&options);

	if (fd < 0)
		return;
	if (pcp_encode(&request, octets, &length) == PCP_ENCODE_OK)
		udp_send(fd, &id->server, octets, length);
	udp_close(fd);
}

static bool find_hop(const struct server_id *id, struct mono deadline, struct next_hop *hop)
{
	struct mono patience = mono_min(deadline, mono_after(clock_now(), WAKE_PATIENCE));

	if (next_hop_find(&id->server, &id->local, hop) < 0)
		return false;
	if (hop->link_length || !hop->has_link_layer)
		return true;
	wake(id);
	while (!hop->link_length && !mono_due(patience, clock_now())) {
		clock_pause(WAKE_LOOK);
		if (next_hop_find(&id->server, &id->local, hop) < 0)
			return false;
	}
	return hop->link_length > 0;
}

static void name_network(const struct next_hop *hop, const struct ip *own,
	struct store_network *network)
{
	memset(network, 0, sizeof(*network));
	memcpy(network->interface, hop->interface, sizeof(network->interface));
	if (hop->link_length) {
		network->link_length = (uint8_t)hop->link_length;
		memcpy(network->link, hop->link, hop->link_length);
	} else {
		network->own = *own;
	}
}

bool memory_network(const struct server_id *id, struct mono deadline, struct store_network *network)
{
	struct next_hop hop;

	if (!find_hop(id, deadline, &hop))
		return false;
	name_network(&hop, &id->local, network);
	return true;
}

uint64_t memory_network_number(const struct server_id *id, struct mono deadline)
{
	struct store_network network;

	if (!memory_network(id, deadline, &network))
		return 0;
	return store_network_number(&network);
}

bool memory_network_known(const struct server_id *id, struct store_network *network)
{
	struct next_hop hop;

	if (next_hop_find(&id->server, &id->local, &hop) < 0 ||
		(hop.has_link_layer && !hop.link_length))
		return false;
	name_network(&hop, &id->local, network);
	return true;
}

static bool look(const struct store_key *key, bool wakes)
{
	struct server_id id = { .server = key->server };
	struct inventory_source wanted = { .server = key->server };
	struct store_network network;
	struct next_hop hop;

	if (inventory_source(&wanted, &id.local, id.interface) < 0)
		return false;
	if (wakes ? !find_hop(&id, MONO_NEVER, &hop) :
		    next_hop_find(&id.server, &id.local, &hop) < 0)
		return false;
	name_network(&hop, &key->network.own, &network);
	return store_network_equal(&network, &key->network);
}

bool memory_is_here(struct memory *memory, const struct store_record *record, bool wakes)
{
	const struct store_key *key = &record->key;

	if (!memory->looked || !endpoint_equal(&memory->server, &key->server) ||
		!store_network_equal(&memory->network, &key->network)) {
		memory->here = look(key, wakes);
		memory->looked = true;
		memory->server = key->server;
		memory->network = key->network;
	}
	return memory->here;
}

/* --- records --- */

static void key_of(const struct store_network *network, const struct server_id *id,
	const struct want *want, enum via via, struct store_key *key)
{
	*key = (struct store_key){
		.network = *network,
		.server = id->server,
		.via = via,
		.opcode = want->opcode,
		.internal = want->options.has_third_party ? want->options.third_party : id->local,
		.protocol = want->protocol,
		.internal_port = want->internal_port,
		.external_family = ip_family(&want->external_address),
		.remote = want->remote_address,
		.remote_port = want->remote_port,
	};
}

static bool find(struct memory *memory, const struct store_key *key, struct store_record *record)
{
	return store_find(memory->store, key, record) && !record->expired;
}

bool memory_find(struct memory *memory, const struct store_network *network,
	const struct server_id *id, const struct want *want, struct store_record *record)
{
	struct store_key key;

	key_of(network, id, want, VIA_PCP, &key);
	memory->found = find(memory, &key, &memory->record);
	if (!memory->found) {
		key.via = VIA_NAT_PMP;
		memory->found = find(memory, &key, &memory->record);
	}
	if (memory->found)
		*record = memory->record;
	return memory->found;
}

/* Is that nonce recorded already? */
static bool is_known(struct memory *memory, const struct store_record *record)
{
	bool found = memory->found && store_key_equal(&memory->record.key, &record->key);

	if (!found)
		found = find(memory, &record->key, &memory->record);
	memory->found = false; /* others may change it from now on */
	return found && memcmp(&memory->record.nonce, &record->nonce, sizeof(record->nonce)) == 0;
}

void memory_asking(struct memory *memory, const struct store_network *network,
	const struct server_id *id, const struct want *want)
{
	struct store_record record;
	enum via via = want->zero_port || want->nat_pmp ? VIA_NAT_PMP : VIA_PCP;

	memset(&record, 0, sizeof(record));
	key_of(network, id, want, via, &record.key);
	record.nonce = want->nonce;
	record.keeper = memory->keeper;
	if (is_known(memory, &record))
		return; /* nothing new to remember */
	record.lifetime = want->lifetime;
	record.expires_wall = clock_wall_ms() / 1000 + want->lifetime;
	record.has_third_party = want->options.has_third_party;
	record.has_port_set = want->options.has_port_set;
	record.port_set = want->options.port_set;
	store_update(memory->store, &record); /* what an ended one published is still there */
}

static void key_of_event(const struct store_network *network, const struct event_mapping *event,
	enum via via, struct store_key *key)
{
	*key = (struct store_key){
		.network = *network,
		.server = event->server.server,
		.via = via,
		.opcode = event->opcode,
		.internal = event->internal_address,
		.protocol = event->protocol,
		.internal_port = event->internal_port,
		.external_family = ip_family(&event->suggested_address),
		.remote = event->remote_address,
		.remote_port = event->remote_port,
	};
}

static void remember_grant(struct memory *memory, const struct store_network *network,
	const struct event_mapping *event, int64_t wall_ms)
{
	struct store_record record;

	memset(&record, 0, sizeof(record));
	key_of_event(network, event, event->via, &record.key);
	record.keeper = memory->keeper;
	record.nonce = event->nonce;
	record.granted = true;
	record.has_external_address = event->has_external_address;
	record.external_address = event->external_address;
	record.external_port = event->external_port;
	record.lifetime = event->lifetime;
	record.expires_wall = wall_ms / 1000 + event->lifetime;
	record.has_third_party = event->options->has_third_party;
	record.has_port_set = event->options->has_port_set;
	record.port_set = event->options->port_set;
	store_update(memory->store, &record);
}

void memory_release(struct memory *memory, const struct store_network *network,
	const struct event_mapping *event)
{
	struct store_record record;
	struct store_key key;

	key_of_event(network, event, event->via, &key);
	if (!store_find(memory->store, &key, &record) || record.keeper != memory->keeper)
		return;
	record.keeper = 0;
	store_put(memory->store, &record);
}

const char *memory_published(struct memory *memory, const struct store_network *network,
	const struct server_id *id, const struct want *want, char text[static STORE_PUBLISHED_MAX])
{
	struct store_record record;
	struct store_key key;

	text[0] = '\0';
	for (enum via via = VIA_PCP; via <= VIA_NAT_PMP && !text[0]; via++) {
		key_of(network, id, want, via, &key);
		if (store_find(memory->store, &key, &record))
			memcpy(text, record.published, sizeof(record.published));
	}
	return text;
}

void memory_publish(struct memory *memory, const struct store_network *network,
	const struct event_mapping *event, const char *text)
{
	struct store_record record;
	struct store_key key;

	key_of_event(network, event, event->asked, &key);
	if (!store_find(memory->store, &key, &record) || strcmp(record.published, text) == 0)
		return;
	if (record.expired && !text[0]) {
		store_remove(memory->store, &key);
		return;
	}
	snprintf(record.published, sizeof(record.published), "%s", text);
	store_put(memory->store, &record);
}

static void forget(struct memory *memory, const struct store_network *network,
	const struct event_mapping *event, enum via via)
{
	struct store_key key;

	key_of_event(network, event, via, &key);
	store_remove(memory->store, &key);
}

/* The mapping is over. What it published, and was not withdrawn yet, outlives it. */
static void end(struct memory *memory, const struct store_key *key)
{
	struct store_record record;

	if (!store_find(memory->store, key, &record) || !record.published[0]) {
		store_remove(memory->store, key);
		return;
	}
	record.granted = false;
	record.keeper = 0;
	record.expires_wall = 0;
	store_put(memory->store, &record);
}

/* Refused: what was written before the first send goes again, unless one is left that
 * nobody wants. A nonce of an earlier run stays: what that run asked for may be there. */
static void refused(struct memory *memory, const struct store_network *network,
	const struct event_mapping *event)
{
	struct store_record record;
	struct store_key key;

	if (event->deleting || event->unwanted == UNWANTED_LEFT || !event->nonce_is_new)
		return;
	for (enum via via = VIA_PCP; via <= VIA_NAT_PMP; via++) {
		key_of_event(network, event, via, &key);
		if (store_find(memory->store, &key, &record) && !record.granted)
			end(memory, &key);
	}
}

/* NAT-PMP's wipe has taken every mapping of one protocol that this host had in NAT-PMP
 * (RFC 6886, 3.4). */
struct wipe {
	struct memory *memory;
	const struct store_network *network;
	const struct event_mapping *event;
};

static void wipe_one(void *context, const struct store_record *record)
{
	const struct wipe *wipe = context;
	const struct store_key *key = &record->key;

	if (key->via == VIA_NAT_PMP && key->protocol == wipe->event->protocol &&
		endpoint_equal(&key->server, &wipe->event->server.server) &&
		ip_equal(&key->internal, &wipe->event->internal_address) &&
		store_network_equal(&key->network, wipe->network))
		end(wipe->memory, key);
}

static void deleted(struct memory *memory, const struct store_network *network,
	const struct event_mapping *event)
{
	struct wipe wipe = { memory, network, event };
	struct store_key key;

	if (event->via == VIA_NAT_PMP && event->internal_port == 0) {
		store_each(memory->store, wipe_one, &wipe);
		return;
	}
	/* a flow is let go whether it was answered or not */
	key_of_event(network, event, event->via ? event->via : event->asked, &key);
	end(memory, &key);
}

void memory_event(struct memory *memory, const struct store_network *network,
	const struct event_mapping *event, int64_t wall_ms)
{
	switch (event->outcome) {
	case OUTCOME_GRANTED:
	case OUTCOME_RENEWED:
	case OUTCOME_CHANGED:
	case OUTCOME_RECOVERED:
		remember_grant(memory, network, event, wall_ms);
		if (event->via == VIA_NAT_PMP) /* asked in PCP first, in vain */
			forget(memory, network, event, VIA_PCP);
		break;
	case OUTCOME_DELETED:
		deleted(memory, network, event);
		break;
	case OUTCOME_REFUSED:
	case OUTCOME_UNREACHABLE:
		refused(memory, network, event);
		break;
	case OUTCOME_LOST:
	case OUTCOME_UNANSWERED: /* it may have been made: -d finds the nonce */
		break;
	}
}

void memory_forget(struct memory *memory, const struct store_network *network,
	const struct event_mapping *event)
{
	struct store_key key;

	key_of_event(network, event, event->via, &key);
	end(memory, &key);
}

/* The reset is of the last server that was asked for: records come in their order. */
static int64_t reset_of(struct memory *memory, const struct store_key *key)
{
	struct reset *reset = &memory->reset;

	if (reset->known && reset->via == key->via &&
		ip_equal(&reset->server, &key->server.address) &&
		store_network_equal(&reset->network, &key->network))
		return reset->wall;
	*reset = (struct reset){ true, key->via, key->server.address, key->network,
		store_reset_wall(memory->store, &key->network, &key->server.address, key->via) };
	return reset->wall;
}

bool memory_is_granted(struct memory *memory, const struct store_record *record)
{
	return record->granted &&
		record->expires_wall - (int64_t)record->lifetime >= reset_of(memory, &record->key);
}

bool memory_restarted(struct memory *memory, const struct store_network *network,
	const struct event_mapping *event, struct mono now, int64_t wall_ms)
{
	struct store_epoch sample = { .network = *network,
		.server = event->server.server.address,
		.own = event->server.local,
		.via = event->via };
	struct epoch epoch = { 0 };
	struct epoch_check check;

	if (!event->answered || !event->has_epoch)
		return false;
	if (store_epoch_find(memory->store, &sample))
		epoch = (struct epoch){ true, sample.epoch, sample.at };
	check = event->via == VIA_NAT_PMP ? epoch_natpmp(&epoch, event->epoch, now) :
					    epoch_pcp(&epoch, event->epoch, now);
	if (check.first || !check.valid || check.elapsed * SEC > SAMPLE_AGE) {
		sample.epoch = event->epoch;
		sample.at = now;
		if (!check.valid)
			sample.reset_wall = wall_ms / 1000;
		memory->reset.known = false;
		store_epoch_put(memory->store, &sample);
	}
	return !check.valid;
}
