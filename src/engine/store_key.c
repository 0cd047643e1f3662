/* SPDX-License-Identifier: MIT
 * Keys of the store: where a record lies, which records are the same, their order.
 * A name holds hashes only; the records carry the whole key, so two keys that share
 * a hash share a file and nothing else.
 */
#include <stdio.h>
#include <string.h>

#include "engine/store_state.h"

#define PORTS_A_FILE 16
#define FNV_PRIME    UINT64_C(0x100000001b3)

uint64_t store_hash(uint64_t seed, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		seed = (seed ^ p[i]) * FNV_PRIME;
	return seed;
}

static size_t link_length(const struct store_network *network)
{
	return network->link_length < sizeof(network->link) ? network->link_length :
							      sizeof(network->link);
}

static uint64_t network_hash(const struct store_network *network)
{
	/* The name with its NUL, so that "a" + "bc" is not "ab" + "c". */
	uint64_t hash = store_hash(STORE_HASH_SEED, network->interface,
		strnlen(network->interface, sizeof(network->interface) - 1) + 1);

	if (network->link_length)
		hash = store_hash(hash, network->link, link_length(network));
	else
		hash = store_hash(hash, network->own.octets, sizeof(network->own.octets));
	return hash;
}

static void name_of_network(const struct store_network *network, char name[static STORE_NAME_MAX])
{
	snprintf(name, STORE_NAME_MAX, "net-%016llx", (unsigned long long)network_hash(network));
}

/* Everything but network, protocol and internal port. */
static unsigned hash_of_key(const struct store_key *key)
{
	const uint8_t numbers[] = { (uint8_t)(key->server.port >> 8), (uint8_t)key->server.port,
		(uint8_t)key->via, (uint8_t)key->external_family, (uint8_t)(key->remote_port >> 8),
		(uint8_t)key->remote_port };
	uint64_t hash = store_hash(STORE_HASH_SEED, numbers, sizeof(numbers));

	hash = store_hash(hash, key->server.address.octets, sizeof(key->server.address.octets));
	hash = store_hash(hash, key->internal.octets, sizeof(key->internal.octets));
	hash = store_hash(hash, key->remote.octets, sizeof(key->remote.octets));
	return (unsigned)((hash ^ hash >> 32) & 0xffffffff);
}

void store_name_map(const struct store_key *key, char name[static STORE_NAME_MAX])
{
	char network[STORE_NAME_MAX];

	name_of_network(&key->network, network);
	snprintf(name, STORE_NAME_MAX, "%.20s/%s-%08x-%u-%u.json", network,
		key->opcode == PCP_PEER ? "peer" : "map", hash_of_key(key), key->protocol,
		(unsigned)key->internal_port / PORTS_A_FILE);
}

void store_name_epochs(const struct store_network *network, char name[static STORE_NAME_MAX])
{
	char text[STORE_NAME_MAX];

	name_of_network(network, text);
	snprintf(name, STORE_NAME_MAX, "%.20s/epochs.json", text);
}

void store_name_network(const char *name, char network[static STORE_NAME_MAX])
{
	const char *slash = strchr(name, '/');

	snprintf(network, STORE_NAME_MAX, "%.*s", slash ? (int)(slash - name) : 0, name);
}

static int order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int ip_order(const struct ip *a, const struct ip *b)
{
	return memcmp(a->octets, b->octets, sizeof(a->octets));
}

static int network_order(const struct store_network *a, const struct store_network *b)
{
	int o = strncmp(a->interface, b->interface, sizeof(a->interface));

	if (o == 0)
		o = order(a->link_length, b->link_length);
	if (o == 0 && a->link_length)
		o = memcmp(a->link, b->link, link_length(a));
	else if (o == 0)
		o = ip_order(&a->own, &b->own);
	return o;
}

static int server_order(const struct endpoint *a, const struct endpoint *b)
{
	int o = ip_order(&a->address, &b->address);

	if (o == 0)
		o = order(a->scope, b->scope);
	return o ? o : order(a->port, b->port);
}

static int key_order(const struct store_key *a, const struct store_key *b)
{
	const int orders[] = {
		network_order(&a->network, &b->network),
		server_order(&a->server, &b->server),
		order(a->protocol, b->protocol),
		order(a->internal_port, b->internal_port),
		order(a->opcode, b->opcode),
		order(a->via, b->via),
		ip_order(&a->internal, &b->internal),
		order(a->external_family, b->external_family),
		ip_order(&a->remote, &b->remote),
		order(a->remote_port, b->remote_port),
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++)
		if (orders[i])
			return orders[i];
	return 0;
}

uint64_t store_network_number(const struct store_network *network)
{
	uint64_t number = network_hash(network);

	return number ? number : 1;
}

bool store_network_equal(const struct store_network *a, const struct store_network *b)
{
	return network_order(a, b) == 0;
}

bool store_key_equal(const struct store_key *a, const struct store_key *b)
{
	return key_order(a, b) == 0;
}

int store_record_order(const void *a, const void *b)
{
	return key_order(&((const struct store_record *)a)->key,
		&((const struct store_record *)b)->key);
}
