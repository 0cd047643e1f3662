/* SPDX-License-Identifier: MIT
 * map and what is recorded: --list, and --delete by the record.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/map.h"
#include "engine/inventory.h"

/* What a renewal or a delete has to repeat. */
static struct pcp_options options_of(const struct store_record *record)
{
	return (struct pcp_options){
		.has_third_party = record->has_third_party,
		.third_party = record->key.internal,
		.has_port_set = record->has_port_set,
		.port_set = record->port_set,
	};
}

/* The convention of VPN providers: NAT-PMP has no mapping of all ports. */
static bool is_zero_port(const struct store_key *key)
{
	return key->internal_port == 0 && key->via == VIA_NAT_PMP;
}

/* --- --list --- */

static void list_one(void *context, const struct store_record *record)
{
	struct map *map = context;
	const struct store_key *key = &record->key;
	struct pcp_options options = options_of(record);
	struct event event = { .kind = EVENT_MAPPING, .wall_ms = engine_wall_ms() };
	struct event_mapping *mapping = &event.mapping;
	int64_t left = record->expires_wall - event.wall_ms / 1000;

	if (record->expired || key->opcode != PCP_MAP)
		return;
	*mapping = (struct event_mapping){
		.outcome = memory_is_granted(map->run.memory, record) ? OUTCOME_GRANTED :
									OUTCOME_UNANSWERED,
		.via = key->via,
		.recorded = true,
		.asked = key->via,
		.opcode = key->opcode,
		.protocol = key->protocol,
		.internal_address = key->internal,
		.internal_port = key->internal_port,
		.zero_port = is_zero_port(key),
		.suggested_address = ip_any(key->external_family),
		.remote_address = ip_any6,
		.nonce = record->nonce,
		.options = &options,
		.has_external_port = record->external_port != 0,
		.external_port = record->external_port,
		.has_external_address = record->has_external_address,
		.external_address = record->external_address,
		.lifetime = left > 0 ? (uint32_t)left : 0,
		.elsewhere = !memory_is_here(map->run.memory, record, false),
	};
	mapping->server.server = key->server;
	memcpy(mapping->server.interface, key->network.interface,
		sizeof(mapping->server.interface));
	output_mapping(map->run.output, &event);
}

void map_list(struct map *map)
{
	if (run_remembers(&map->run))
		store_each(memory_store(map->run.memory), list_one, map);
}

/* --- --delete --- */

/* The records to delete are gathered before any of them changes. */
struct gathering {
	struct map *map;
	const struct spec *spec; /* NULL: all */
	const char *word;
	size_t found, elsewhere;
	bool failed;
};

static bool spec_has(const struct spec *spec, const struct store_key *key)
{
	if (spec->all_ports ? key->internal_port != 0 : key->internal_port != spec->internal_port)
		return false;
	return key->protocol == spec->protocol || (spec->pair && key->protocol == PROTOCOL_UDP);
}

/* -4 -6 -b -i --pcp --nat-pmp: what they exclude is not touched. */
static bool is_excluded(const struct common *common, const struct store_key *key)
{
	unsigned families = options_families(common);

	if (families && !(families & ip_family(&key->server.address)))
		return true;
	if (common->has_bind && !ip_equal(&common->bind, &key->internal))
		return true;
	if (common->interface && strcmp(common->interface, key->network.interface) != 0)
		return true;
	return (common->pcp && key->via != VIA_PCP) || (common->nat_pmp && key->via != VIA_NAT_PMP);
}

/* -s and -3 narrow what is meant. */
static bool is_meant(const struct gathering *gathering, const struct store_record *record)
{
	const struct map *map = gathering->map;
	const struct store_key *key = &record->key;

	if (record->expired || key->opcode != PCP_MAP || is_excluded(map->common, key))
		return false;
	if (map->settings.deletes && is_zero_port(key))
		return false; /* it would take every mapping of this host */
	if (gathering->spec && !spec_has(gathering->spec, key))
		return false;
	if (map->settings.has_third_party)
		return ip_equal(&key->internal, &map->settings.third_party);
	return !gathering->spec || !record->has_third_party;
}

static bool is_named(const struct map *map, const struct store_key *key)
{
	if (map->common->server_count == 0)
		return true;
	for (size_t i = 0; i < map->common->server_count; i++) {
		const struct discovery_named *named = &map->common->servers[i];
		uint16_t port = named->address.port ? named->address.port : PCP_PORT;

		if (named->is_address && ip_equal(&named->address.ip, &key->server.address) &&
			port == key->server.port)
			return true;
	}
	return false;
}

static void gather(void *context, const struct store_record *record)
{
	struct gathering *gathering = context;
	struct map *map = gathering->map;
	struct map_record *grown;

	if (!is_meant(gathering, record) || !is_named(map, &record->key))
		return;
	if (!memory_is_here(map->run.memory, record, !map->settings.dry_run)) {
		gathering->elsewhere++;
		return;
	}
	grown = realloc(map->records, (map->record_count + 1) * sizeof(*grown));
	if (!grown) {
		gathering->failed = true;
		return;
	}
	map->records = grown;
	grown[map->record_count++] = (struct map_record){ gathering->word, *record };
	gathering->found++;
}

/* The server of a record, from the address that was mapped. False: that address is no
 * longer ours, so that nothing can be sent (RFC 6887, 8.1: the client's own address). */
static bool find_server(struct map *map, const struct store_record *record, size_t *server)
{
	const struct store_key *key = &record->key;
	struct server_id id = { .server = key->server, .found_by = FOUND_OPTION };
	struct inventory_source wanted = {
		.server = key->server,
		.mark = map->common->mark,
		.bind = record->has_third_party ? NULL : &key->internal,
	};

	if (inventory_source(&wanted, &id.local, id.interface) < 0)
		return false;
	memcpy(id.interface, key->network.interface, sizeof(id.interface));
	return run_add_server(&map->run, &id, &key->network, server);
}

static const char *until(const struct store_record *record, char *text, size_t size)
{
	int64_t left = record->expires_wall - engine_wall_ms() / 1000;

	return output_duration(left > 0 ? (uint64_t)left : 0, text, size);
}

/* What --keep or watch keeps alive would be made again. */
static bool is_kept(struct map *map, const struct store_record *record, const char *word)
{
	bool kept =
		record->keeper && store_keeper_alive(memory_store(map->run.memory), record->keeper);

	if (kept && !map->settings.force)
		run_fail(&map->run, EXIT_SAID_NO,
			"%s: not deleted: process %ld keeps it alive; end that, or --force", word,
			(long)record->keeper);
	else if (kept)
		output_note(map->run.output, "%s: process %ld keeps it, and may ask for it again",
			word, (long)record->keeper);
	return kept && !map->settings.force;
}

/* What is in the DNS is known from the record only, which goes. */
static bool add_publication(struct map *map, const struct store_record *record, const char *word)
{
	if (map->keep)
		return keep_add_record(map->keep, record->published);
	if (record->published[0])
		output_note(map->run.output,
			"%s: its DNS records stay (delete with --srv to withdraw them): %.*s", word,
			(int)strcspn(record->published, "\n"), record->published);
	return true;
}

static bool delete_one(struct map *map, const struct store_record *record, const char *word)
{
	const struct store_key *key = &record->key;
	struct map_result *result;
	struct want want;
	char left[32], address[IP_TEXT_MAX];
	size_t server;

	if (is_kept(map, record, word))
		return true;
	if (!find_server(map, record, &server)) {
		run_fail(&map->run, EXIT_SAID_NO,
			"%s: not deleted: %s is no longer an address of this host; the mapping "
			"ends in %s",
			word, ip_format(&key->internal, address),
			until(record, left, sizeof(left)));
		return true;
	}
	want = (struct want){
		.number = (unsigned)map->result_count,
		.opcode = PCP_MAP,
		.protocol = key->protocol,
		.internal_port = key->internal_port,
		.external_address = ip_any(key->external_family),
		.remote_address = ip_any6,
		.nonce = record->nonce,
		.options = options_of(record),
		.nat_pmp = key->via == VIA_NAT_PMP,
	};
	result = map_add_result(map, word);
	if (!result)
		return false;
	result->recorded = memory_is_granted(map->run.memory, record);
	result->expires_wall = record->expires_wall;
	if (!add_publication(map, record, word))
		return false;
	if (engine_want(map->run.engine, server, &want))
		return true;
	run_fail(&map->run, EXIT_LOCAL, "%s", engine_reason(map->run.engine));
	return false;
}

static bool gather_spec(struct map *map, const struct spec *spec, const char *word, bool *found)
{
	struct gathering gathering = { .map = map, .spec = spec, .word = word };

	store_each(memory_store(map->run.memory), gather, &gathering);
	*found = gathering.found > 0;
	if (gathering.elsewhere)
		output_note(map->run.output,
			"%s: %zu recorded on another network: nothing is sent there", word,
			gathering.elsewhere);
	if (gathering.failed)
		run_fail(&map->run, EXIT_LOCAL, "out of memory");
	return !gathering.failed;
}

bool map_gather(struct map *map)
{
	size_t left = 0;
	bool found;

	if (!run_remembers(&map->run))
		return true;
	if (map->settings.all) {
		if (!gather_spec(map, NULL, "--all", &found))
			return false;
		if (!found)
			output_note(map->run.output, "nothing is recorded for this network");
		return true;
	}
	for (size_t i = 0; i < map->spec_count; i++) {
		if (!gather_spec(map, &map->specs[i], map->specs[i].word, &found))
			return false;
		if (!found)
			map->specs[left++] = map->specs[i];
	}
	map->spec_count = left;
	return true;
}

bool map_delete_gathered(struct map *map)
{
	for (size_t i = 0; i < map->record_count; i++) {
		if (!delete_one(map, &map->records[i].record, map->records[i].word))
			return false;
	}
	return true;
}

/* --- watch without a spec --- */

/* As `map` would ask for it again. */
static bool keep_one(struct map *map, const struct store_record *record, char *word)
{
	const struct store_key *key = &record->key;
	struct map_result *result;
	struct want want;
	char protocol[16];
	size_t server;

	if (!find_server(map, record, &server))
		return map->run.status != EXIT_LOCAL;
	snprintf(word, MAP_WORD_MAX, "%u/%s", key->internal_port,
		codes_protocol_text(key->protocol, protocol, sizeof(protocol)));
	want = (struct want){
		.number = (unsigned)map->result_count,
		.opcode = PCP_MAP,
		.protocol = key->protocol,
		.internal_port = key->internal_port,
		.external_port = record->external_port,
		.external_address = ip_any(key->external_family),
		.remote_address = ip_any6,
		.lifetime = map->settings.has_lifetime ? map->settings.lifetime : record->lifetime,
		.nonce = record->nonce,
		.options = options_of(record),
		.keep = map->settings.keep,
		.nat_pmp = map->common->nat_pmp,
		.zero_port = is_zero_port(key),
	};
	result = map_add_result(map, word);
	if (!result)
		return false;
	result->server = server;
	run_recall(&map->run, server, &want, true);
	if (map->keep && !keep_add(map->keep, server, &want))
		return false;
	if (engine_want(map->run.engine, server, &want))
		return true;
	run_fail(&map->run, EXIT_LOCAL, "%s", engine_reason(map->run.engine));
	return false;
}

bool map_ask_recorded(struct map *map)
{
	bool found;

	if (!run_remembers(&map->run))
		return true;
	if (!gather_spec(map, NULL, "recorded", &found))
		return false;
	map->words = calloc(map->record_count + 1, sizeof(*map->words));
	if (!map->words) {
		run_fail(&map->run, EXIT_LOCAL, "out of memory");
		return false;
	}
	for (size_t i = 0; i < map->record_count; i++) {
		if (!keep_one(map, &map->records[i].record, map->words[i]))
			return false;
	}
	return true;
}
