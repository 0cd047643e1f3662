/* SPDX-License-Identifier: MIT
 * What map says of its results, in the order of the specs.
 */
#include "cmd/map.h"
#include "out/shell.h"

/* RFC 6887, 15.1: there is nothing to delete is SUCCESS; miniupnpd says NO_RESOURCES. */
static bool is_gone(const struct event_mapping *mapping, bool restarted)
{
	return mapping->deleting && mapping->outcome == OUTCOME_REFUSED &&
		mapping->via == VIA_PCP && mapping->answered &&
		mapping->refusal == REFUSAL_RESULT &&
		(mapping->result == PCP_NO_RESOURCES ||
			(restarted && mapping->result == PCP_NOT_AUTHORIZED));
}

static bool is_problem(const struct event_mapping *mapping)
{
	return mapping->outcome == OUTCOME_REFUSED || mapping->outcome == OUTCOME_UNANSWERED ||
		mapping->outcome == OUTCOME_UNREACHABLE;
}

static void print_result(struct map *map, const struct map_result *result)
{
	struct event event = {
		.kind = EVENT_MAPPING,
		.wall_ms = result->wall_ms,
		.mapping = result->mapping,
	};

	/* The words on stderr are the same; stdout is the shell's, or nsupdate's. */
	if (map->settings.shell)
		shell_mapping(&event, stdout);
	if (map->settings.owner)
		keep_publish(map->keep, &event);
	if (!(map->settings.shell || map->settings.owner) || is_problem(&event.mapping))
		output_mapping(map->run.output, &event);
}

/* A delete that was refused is done only where there is nothing left to delete: no
 * record of ours says that there is, or the server has forgotten everything since. */
static void judge_delete(struct map *map, struct map_result *result)
{
	struct event_mapping *mapping = &result->mapping;
	struct run_network *network = run_network_of(&map->run, &mapping->server);
	bool restarted = network && network->restarted;
	int64_t left = result->expires_wall - engine_wall_ms() / 1000;
	char text[32];

	if (!is_gone(mapping, restarted))
		return;
	if (result->recorded && !restarted) {
		output_note(map->run.output, "%s: recorded as granted, it ends in %s at the latest",
			result->word,
			output_duration(left > 0 ? (uint64_t)left : 0, text, sizeof(text)));
		return;
	}
	output_note(map->run.output, "%s: the server has no such mapping (%s)", result->word,
		restarted ? "it has restarted since" : "NO_RESOURCES");
	mapping->outcome = OUTCOME_DELETED;
	if (network)
		memory_forget(map->run.memory, &network->network, mapping);
}

/* -e suggests: what was assigned may differ, and that is said. */
static bool is_other_address(const struct map *map, const struct event_mapping *mapping)
{
	return map->settings.has_external && !ip_is_any(&map->settings.external) &&
		mapping->has_external_address &&
		!ip_equal(&mapping->external_address, &map->settings.external);
}

static void show_result(struct map *map, struct map_result *result)
{
	struct event_mapping *mapping = &result->mapping;
	char address[IP_TEXT_MAX];

	if (!result->known) { /* never passed over: it would look like a success */
		run_fail(&map->run, EXIT_LOCAL, "%s: ended without a result", result->word);
		return;
	}
	judge_delete(map, result);
	print_result(map, result);
	if (mapping->via == VIA_NAT_PMP && mapping->outcome == OUTCOME_GRANTED &&
		map->settings.has_external && !ip_is_any(&map->settings.external))
		output_note(map->run.output,
			"--external-address was not asked for: NAT-PMP cannot express it");
	else if (is_other_address(map, mapping))
		output_note(map->run.output, "%s: the server assigned another address than %s",
			result->word, ip_format(&map->settings.external, address));
	map->run.status = exit_worse(map->run.status, run_status_of(mapping));
}

void map_show(struct map *map)
{
	bool granted = false;

	for (size_t i = 0; i < map->result_count; i++) {
		struct map_result *result = &map->results[i];

		if (map->settings.dry_run && !result->known)
			continue;
		show_result(map, result);
		granted = granted || (result->known && result->mapping.outcome == OUTCOME_GRANTED);
	}
	if (granted && map->settings.filter_count)
		output_note(map->run.output,
			"a server that accepts --filter may ignore it all the same (miniupnpd "
			"does): "
			"try from an address that it should keep out");
	if (granted && map->settings.port_set)
		output_note(map->run.output,
			"a server may grant fewer ports than --port-set asks for, or ignore it and "
			"grant "
			"one: -v shows the PORT_SET of its answer");
	run_findings(&map->run);
}

void map_show_left(struct run *run)
{
	struct map *map = run->context;

	for (size_t i = 0; i < map->result_count; i++) {
		const struct map_result *result = &map->results[i];

		if (result->known && result->mapping.refusal == REFUSAL_CANCELLED &&
			result->mapping.unwanted == UNWANTED_LEFT)
			print_result(map, result);
	}
}
