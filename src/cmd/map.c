/* SPDX-License-Identifier: MIT
 * pcpctl map: asks for inbound mappings, or deletes them.
 */
#include "cmd/map.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/run.h"

#define DEFAULT_TIMEOUT (5 * SEC)

/* What became of one mapping at one server. */
struct result {
	const struct spec *spec;
	bool known;
	int64_t wall_ms;
	struct event_mapping mapping; /* of its last event */
};

/* The run of one map command. */
struct map {
	struct common *common;
	struct map_settings settings;
	struct spec *specs;
	size_t spec_count;
	struct result *results; /* in the order of printing; their index is the want's number */
	size_t result_count;
	struct run run;
};

static void map_event(struct run *run, const struct event *event)
{
	struct map *map = run->context;
	struct result *result;

	if (event->kind != EVENT_MAPPING || event->mapping.want >= map->result_count)
		return;
	result = &map->results[event->mapping.want];
	result->known = true;
	result->wall_ms = event->wall_ms;
	result->mapping = event->mapping;
}

/* --- what is asked --- */

static struct pcp_options options_of(const struct map_settings *settings,
	const struct spec *spec)
{
	return (struct pcp_options){
		.has_third_party = settings->has_third_party,
		.third_party = settings->third_party,
		.prefer_failure = settings->prefer_failure,
		.filters = settings->filters,
		.filter_count = settings->filter_count,
		.description = settings->description,
		.has_port_set = settings->port_set != 0,
		.port_set = { .size = settings->port_set,
			.first_internal_port = spec->internal_port },
	};
}

static bool make_want(struct map *map, const struct spec *spec, const struct server_id *server,
	uint8_t protocol, size_t number, struct want *want)
{
	const struct map_settings *settings = &map->settings;

	*want = (struct want){
		.number = (unsigned)number,
		.opcode = PCP_MAP,
		.protocol = protocol,
		.internal_port = spec->internal_port,
		.external_port = settings->delete ? 0 : spec->external_port,
		.external_address = settings->has_external ? settings->external :
			ip_any(ip_family(settings->has_third_party ? &settings->third_party :
								     &server->local)),
		.remote_address = ip_any6,
		.lifetime = settings->delete ? 0 : settings->lifetime,
		.nonce = settings->nonce,
		.nonce_is_new = !settings->has_nonce,
		.options = options_of(settings, spec),
		.require_public = settings->require_public,
		.zero_port = spec->zero_port ||
			(settings->delete && map->common->nat_pmp && spec->all_ports),
	};
	return settings->has_nonce || engine_nonce(map->run.engine, &want->nonce);
}

/* What no server could be asked is a usage error, found before anything is sent. */
static bool check_want(struct map *map, const struct spec *spec, const struct server_id *server,
	const struct want *want)
{
	struct pcp_request request = {
		.opcode = PCP_MAP,
		.lifetime = want->lifetime,
		.client = server->local,
		.mapping = {
			.protocol = want->protocol,
			.internal_port = want->internal_port,
			.external_port = want->external_port,
			.external_address = want->external_address,
		},
		.options = want->options,
	};
	struct parse parse = { .command = "map" };
	uint8_t octets[PCP_MAX];
	size_t length;
	enum pcp_encode reason;

	if (want->zero_port)
		return true; /* version 2 is never sent */
	reason = pcp_encode(&request, octets, &length);
	if (reason == PCP_ENCODE_OK)
		return true;
	parse_error(&parse, reason == PCP_ENCODE_DESCRIPTION ? "--description" : spec->word, "%s",
		pcp_encode_reason(reason));
	map->run.status = EXIT_USAGE;
	return false;
}

static size_t halves(const struct spec *spec)
{
	return spec->pair ? 2 : 1;
}

static bool ask_spec(struct map *map, const struct spec *spec, size_t number, size_t server)
{
	const struct server_id *id = &map->run.servers[server];
	struct want first, second;
	bool asked;

	map->results[number].spec = spec;
	if (!make_want(map, spec, id, spec->protocol, number, &first))
		return false;
	if (!check_want(map, spec, id, &first))
		return true;
	if (!spec->pair)
		return engine_want(map->run.engine, server, &first);
	number += map->run.server_count;
	map->results[number].spec = spec;
	if (!make_want(map, spec, id, PROTOCOL_UDP, number, &second))
		return false;
	/* A delete, and a dry run, have no port to hand on. */
	if (map->settings.delete || map->settings.dry_run)
		asked = engine_want(map->run.engine, server, &first) &&
			engine_want(map->run.engine, server, &second);
	else
		asked = engine_want_pair(map->run.engine, server, &first, &second);
	return asked;
}

/* The numbers of the results: for each spec tcp before udp, for each the servers in
 * their order. */
static bool ask_all(struct map *map)
{
	size_t number = 0;

	for (size_t i = 0; i < map->spec_count; i++)
		map->result_count += halves(&map->specs[i]) * map->run.server_count;
	map->results = calloc(map->result_count, sizeof(*map->results));
	if (!map->results) {
		map->result_count = 0;
		run_fail(&map->run, EXIT_LOCAL, "out of memory");
		return false;
	}
	for (size_t i = 0; i < map->spec_count; i++) {
		const struct spec *spec = &map->specs[i];

		for (size_t server = 0; server < map->run.server_count; server++) {
			if (!ask_spec(map, spec, number + server, server)) {
				run_fail(&map->run, EXIT_LOCAL, "%s", engine_reason(map->run.engine));
				return false;
			}
			if (map->run.status == EXIT_USAGE)
				return false;
		}
		number += halves(spec) * map->run.server_count;
	}
	return true;
}

/* --- what is said before --- */

static bool usage(struct map *map, const char *word, const char *text)
{
	struct parse parse = { .command = "map" };

	parse_error(&parse, word, "%s", text);
	map->run.status = EXIT_USAGE;
	return false;
}

/* What can be wrong only once the servers and our addresses are known. */
static bool check_servers(struct map *map)
{
	const struct map_settings *settings = &map->settings;

	if (settings->has_nonce && map->run.server_count > 1)
		return usage(map, "--nonce", "for one server only: each must have its own (RFC 6887, 11.2)");
	for (size_t i = 0; i < map->run.server_count; i++) {
		const struct ip *local = &map->run.servers[i].local;

		if (settings->has_third_party && ip_equal(&settings->third_party, local))
			return usage(map, "--third-party",
				"is this host's own address: map it without --third-party");
		if (ip_is_v4(local) && settings->has_external && !ip_is_v4(&settings->external))
			return usage(map, "--external-address",
				"an IPv6 address for an IPv4 mapping would ask for NAT46");
		for (size_t j = 0; j < settings->filter_count; j++) {
			if (settings->filters[j].prefix_length != 0 &&
				ip_is_v4(&settings->filters[j].address) != ip_is_v4(local))
				return usage(map, "--filter",
					"an address of another family than the mapping's internal one");
		}
	}
	return true;
}

static void warn(struct map *map)
{
	for (size_t i = 0; i < map->spec_count; i++) {
		const struct spec *spec = &map->specs[i];

		if (spec->all_ports && map->settings.delete && map->common->nat_pmp)
			output_note(map->run.output,
				"%s: NAT-PMP deletes the mappings of every program on this host", spec->word);
		else if (spec->all_ports && !map->settings.delete && !map->common->nat_pmp)
			output_note(map->run.output,
				"%s: every port that is not mapped otherwise will reach this host",
				spec->word);
		if (spec->zero_port)
			output_note(map->run.output,
				"%s: a mapping of internal port 0 is never deleted, it expires", spec->word);
	}
	if (map->settings.delete && !map->settings.has_nonce && !map->common->nat_pmp)
		output_note(map->run.output,
			"no nonce is known (--nonce): a server that checks it will refuse the delete");
}

/* --- what is said after --- */

/* NO_RESOURCES is how miniupnpd says that there is nothing to delete. */
static bool is_gone(const struct event_mapping *mapping)
{
	return mapping->deleting && mapping->outcome == OUTCOME_REFUSED &&
		mapping->via == VIA_PCP && mapping->answered &&
		mapping->refusal == REFUSAL_RESULT && mapping->result == PCP_NO_RESOURCES;
}

static void print_result(struct map *map, const struct result *result)
{
	struct event event = {
		.kind = EVENT_MAPPING,
		.wall_ms = result->wall_ms,
		.mapping = result->mapping,
	};

	output_mapping(map->run.output, &event);
}

static void show_result(struct map *map, struct result *result)
{
	struct event_mapping *mapping = &result->mapping;

	if (!result->known) { /* never passed over: it would look like a success */
		run_fail(&map->run, EXIT_LOCAL, "%s: ended without a result", result->spec->word);
		return;
	}
	if (is_gone(mapping)) {
		output_note(map->run.output, "%s: the server has no such mapping (NO_RESOURCES)",
			result->spec->word);
		mapping->outcome = OUTCOME_DELETED;
	}
	print_result(map, result);
	if (mapping->via == VIA_NAT_PMP && mapping->outcome == OUTCOME_GRANTED &&
		map->settings.has_external && !ip_is_any(&map->settings.external))
		output_note(map->run.output,
			"--external-address was not asked for: NAT-PMP cannot express it");
	map->run.status = exit_worse(map->run.status, run_status_of(mapping));
}

static void show_results(struct map *map)
{
	bool granted = false;

	for (size_t i = 0; i < map->result_count; i++) {
		struct result *result = &map->results[i];

		if (map->settings.dry_run && !result->known)
			continue;
		show_result(map, result);
		granted = granted || (result->known && result->mapping.outcome == OUTCOME_GRANTED);
	}
	if (granted && map->settings.filter_count)
		output_note(map->run.output,
			"a server that accepts --filter may ignore it all the same (miniupnpd does): "
			"try from an address that it should keep out");
	if (granted && map->settings.port_set)
		output_note(map->run.output,
			"a server may grant fewer ports than --port-set asks for, or ignore it and grant "
			"one: -v shows the PORT_SET of its answer");
	run_findings(&map->run);
}

/* Interrupted: what was taken back needs no word, what may be left does. */
static void show_left(struct run *run)
{
	struct map *map = run->context;

	for (size_t i = 0; i < map->result_count; i++) {
		const struct result *result = &map->results[i];

		if (result->known && result->mapping.refusal == REFUSAL_CANCELLED &&
			result->mapping.unwanted == UNWANTED_LEFT)
			print_result(map, result);
	}
}

static unsigned families_of(const struct map *map)
{
	unsigned families = options_families(map->common);

	if (!families && map->settings.has_external && !map->common->has_bind &&
		map->common->server_count == 0)
		families = ip_family(&map->settings.external);
	return families;
}

static enum exit_status map_run(struct map *map)
{
	struct run_settings settings = {
		.command = &cmd_map,
		.families = families_of(map),
		.default_timeout = DEFAULT_TIMEOUT,
		.dry = map->settings.dry_run,
		.event = map_event,
		.interrupted = show_left,
		.context = map,
	};

	if (run_open(&map->run, map->common, &settings) && run_find(&map->run, &settings) &&
		check_servers(map)) {
		warn(map);
		if (ask_all(map) && run_engine(&map->run))
			show_results(map);
	}
	free(map->results);
	return run_close(&map->run);
}

static enum exit_status map_main(struct common *common, int argc, char **argv)
{
	struct map map = { .common = common, .settings = { .lifetime = MAP_LIFETIME } };
	struct parse parse = { .command = "map" };
	enum exit_status status;
	int first = command_options(&cmd_map, common, &map.settings, argc, argv, &status);

	if (first < 0)
		return status;
	if (first == argc) {
		parse_error(&parse, NULL, "nothing to map: name a port, as 8080 or 80:8080/tcp");
		return EXIT_USAGE;
	}
	map.spec_count = (size_t)(argc - first);
	map.specs = calloc(map.spec_count, sizeof(*map.specs));
	if (!map.specs) {
		parse_error(&parse, NULL, "out of memory");
		return EXIT_LOCAL;
	}
	status = EXIT_USAGE;
	if (spec_parse_all(&parse, argv + first, map.spec_count, map.specs) &&
		map_check(&parse, common, &map.settings, map.specs, map.spec_count))
		status = map_run(&map);
	free(map.specs);
	return status;
}

const struct command cmd_map = {
	.name = "map",
	.arguments = "[EXTERNAL:]INTERNAL[/PROTO]...",
	.what = "ask for inbound mappings, or delete them",
	.about = "  8080           internal 8080/tcp, suggesting external 8080\n"
		 "  80:8080/tcp    internal 8080, suggesting external 80\n"
		 "  any:8080/udp   the server chooses the external port\n"
		 "  5060/tcp+udp   the same port in both protocols\n"
		 "  all/tcp, all   every port of a protocol, everything (PCP only)\n"
		 "PROTO: tcp, udp, tcp+udp, sctp, dccp, udplite, a name of /etc/protocols, a number.\n"
		 "A mapping is not renewed: it ends when its lifetime ends, which is printed. Neither\n"
		 "protocol can list the mappings of a router, or prove that a port is reachable.\n",
	.options = map_options,
	.run = map_main,
};
