/* SPDX-License-Identifier: MIT
 * pcpctl map: asks for inbound mappings, or deletes them.
 */
#include "cmd/map.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/run.h"
#include "out/shell.h"

#define DEFAULT_TIMEOUT (5 * SEC)

static void map_event(struct run *run, const struct event *event)
{
	struct map *map = run->context;
	struct map_result *result;

	if (event->kind != EVENT_MAPPING || event->mapping.want >= map->result_count)
		return;
	if (map->keep && (map->settings.keep || map->settings.exec))
		keep_event(map->keep, event);
	if (map->settings.keep)
		return;
	result = &map->results[event->mapping.want];
	/* A port set may come in parts, each with an answer of its own (RFC 7753, 4.4.1). */
	if (result->known && result->mapping.internal_port != event->mapping.internal_port)
		result = map_add_result(map, result->word);
	if (!result)
		return;
	result->known = true;
	result->wall_ms = event->wall_ms;
	result->mapping = event->mapping;
}

/* --- what is asked --- */

static struct pcp_options options_of(const struct map_settings *settings, const struct spec *spec)
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
		.external_port = settings->deletes ? 0 : spec->external_port,
		.external_address = settings->has_external ?
			settings->external :
			ip_any(ip_family(settings->has_third_party ? &settings->third_party :
								     &server->local)),
		.remote_address = ip_any6,
		.lifetime = settings->deletes ? 0 : settings->lifetime,
		.nonce = settings->nonce,
		.nonce_is_new = !settings->has_nonce,
		.options = options_of(settings, spec),
		.keep = settings->keep,
		.require_public = settings->require_public,
		.nat_pmp = map->common->nat_pmp,
		.zero_port = spec->zero_port,
	};
	return settings->has_nonce || engine_nonce(map->run.engine, &want->nonce);
}

struct map_result *map_add_result(struct map *map, const char *word)
{
	size_t room = map->result_room ? 2 * map->result_room : 8;
	struct map_result *grown;

	if (map->result_count == map->result_room) {
		grown = realloc(map->results, room * sizeof(*grown));
		if (!grown) {
			run_fail(&map->run, EXIT_LOCAL, "out of memory");
			return NULL;
		}
		map->results = grown;
		map->result_room = room;
	}
	grown = &map->results[map->result_count++];
	*grown = (struct map_result){ .word = word };
	return grown;
}

/* A later map of the same port renews the mapping there is: its nonce, its port. */
static void recall(struct map *map, const struct spec *spec, size_t server, struct want *want)
{
	if (!map->settings.has_nonce && !map->settings.deletes)
		run_recall(&map->run, server, want,
			!spec->names_external && !map->settings.prefer_failure);
}

/* One half of a spec at one server. False: it is over, after a message. */
static bool prepare(struct map *map, const struct spec *spec, size_t server, uint8_t protocol,
	struct want *want)
{
	const struct server_id *id = &map->run.servers[server];
	struct map_result *result;

	if (!make_want(map, spec, id, protocol, map->result_count, want)) {
		run_fail(&map->run, EXIT_LOCAL, "%s", engine_reason(map->run.engine));
		return false;
	}
	if (!run_check(&map->run, id, want, spec->word))
		return false;
	recall(map, spec, server, want);
	/* Not before: what is refused here must not leave keep a number behind, as more may be
	 * asked in a run that stays. */
	result = map_add_result(map, spec->word);
	if (!result)
		return false;
	result->server = server;
	return !map->keep || keep_add(map->keep, server, want);
}

static bool ask(struct map *map, const struct spec *spec, size_t server, const struct want *first,
	const struct want *second)
{
	struct engine *engine = map->run.engine;
	bool asked;

	if (!spec->pair)
		asked = engine_want(engine, server, first);
	else if (map->settings.deletes || map->settings.dry_run) /* no port to hand on */
		asked = engine_want(engine, server, first) && engine_want(engine, server, second);
	else
		asked = engine_want_pair(engine, server, first, second);
	if (!asked)
		run_fail(&map->run, EXIT_LOCAL, "%s", engine_reason(engine));
	return asked;
}

/* Of the servers in their order, tcp before udp. */
bool map_ask_spec(struct map *map, const struct spec *spec)
{
	struct want first, second;

	for (size_t server = 0; server < map->ask_count; server++) {
		if (!prepare(map, spec, server, spec->protocol, &first))
			return false;
		if (spec->pair && !prepare(map, spec, server, PROTOCOL_UDP, &second))
			return false;
		if (!ask(map, spec, server, &first, &second))
			return false;
	}
	return true;
}

static bool ask_all(struct map *map)
{
	for (size_t i = 0; i < map->spec_count; i++) {
		if (!map_ask_spec(map, &map->specs[i]))
			return false;
	}
	return true;
}

/* --- what is said before --- */

/* NAT-PMP's delete of all: no record is needed for it. */
static bool is_wipe(const struct map *map)
{
	return map->common->nat_pmp && map->spec_count && map->specs[0].all_ports;
}

/* What can be wrong only once the servers and our addresses are known. */
static bool check_servers(struct map *map)
{
	const struct map_settings *settings = &map->settings;

	if (settings->has_nonce && map->run.server_count > 1)
		return run_usage(&map->run, "--nonce",
			"for one server only: each must have its own (RFC 6887, 11.2)");
	for (size_t i = 0; i < map->run.server_count; i++) {
		const struct ip *local = &map->run.servers[i].local;

		if (settings->has_third_party && ip_equal(&settings->third_party, local))
			return run_usage(&map->run, "--third-party",
				"is this host's own address: map it without --third-party");
		if (ip_is_v4(local) && settings->has_external && !ip_is_v4(&settings->external))
			return run_usage(&map->run, "--external-address",
				"an IPv6 address for an IPv4 mapping would ask for NAT46");
		for (size_t j = 0; j < settings->filter_count; j++) {
			if (settings->filters[j].prefix_length != 0 &&
				ip_is_v4(&settings->filters[j].address) != ip_is_v4(local))
				return run_usage(&map->run, "--filter",
					"an address of another family than the mapping's internal "
					"one");
		}
	}
	return true;
}

static void warn(struct map *map)
{
	for (size_t i = 0; i < map->spec_count; i++) {
		const struct spec *spec = &map->specs[i];

		if (spec->all_ports && map->settings.deletes && map->common->nat_pmp)
			output_note(map->run.output,
				"%s: NAT-PMP deletes the mappings of every program on this host",
				spec->word);
		else if (spec->all_ports && !map->settings.deletes && !map->common->nat_pmp)
			output_note(map->run.output,
				"%s: every port that is not mapped otherwise will reach this host",
				spec->word);
		if (spec->zero_port)
			output_note(map->run.output,
				"%s: a mapping of internal port 0 is never deleted, it expires",
				spec->word);
	}
	if (map->settings.deletes && !map->settings.has_nonce && !map->common->nat_pmp)
		output_note(map->run.output,
			"no nonce is known (--nonce): a server that checks it will refuse the "
			"delete");
}

static unsigned families_of(const struct map *map)
{
	unsigned families = options_families(map->common);

	if (!families && map->settings.has_external && !map->common->has_bind &&
		map->common->server_count == 0)
		families = ip_family(&map->settings.external);
	return families;
}

/* -d by the records; what has none is asked of the server that map would ask. */
static bool ask_deletes(struct map *map, const struct run_settings *settings)
{
	if (!map->settings.has_nonce && !is_wipe(map) && !map_gather(map))
		return false;
	if (map->spec_count && (!run_find(&map->run, settings) || !check_servers(map)))
		return false;
	map->ask_count = map->run.server_count;
	if (map->spec_count)
		warn(map);
	return map_delete_gathered(map) && ask_all(map);
}

/* Is there something to be done at each event? */
static bool has_events(const struct map *map)
{
	return map->settings.keep || map->settings.exec || map->settings.owner;
}

static bool open_keep(struct map *map)
{
	struct keep_settings settings = {
		.stays = map->settings.keep,
		.silent = map->face && map->face->silent,
		.exec = map->settings.exec,
		.owner = map->settings.owner,
		.srv = &map->settings.srv,
	};

	map->keep = keep_new(&map->run, &settings);
	return map->keep != NULL;
}

static bool ask_mappings(struct map *map, const struct run_settings *settings)
{
	bool found = map->settings.keep ? run_find_patiently(&map->run, settings) :
					  run_find(&map->run, settings);

	if (!found || !check_servers(map))
		return false;
	map->ask_count = map->run.server_count;
	warn(map);
	if (map->face && !map->face->asks(map))
		return false;
	if (map->face && map->face->recorded && map->spec_count == 0)
		return map_ask_recorded(map);
	return ask_all(map);
}

static const char *name_of(struct run *run, unsigned number)
{
	const struct map *map = run->context;

	return number < map->result_count ? map->results[number].word : NULL;
}

static struct mono map_turn(struct run *run, struct mono now)
{
	struct map *map = run->context;
	struct mono next = keep_turn(map->keep, now);

	return map->face ? mono_min(next, map->face->turn(run, now)) : next;
}

/* Everything is asked: what comes of it. */
static void run_and_show(struct map *map)
{
	if ((map->face && !map->face->asked(map)) || !run_engine(&map->run))
		return;
	if (map->settings.keep)
		keep_end(map->keep, map->run.leave);
	else if (map->face)
		map->face->show(map);
	else
		map_show(map);
}

enum exit_status map_run(struct map *map)
{
	const struct map_face *face = map->face;
	struct run_settings settings = {
		.command = map->command,
		.families = families_of(map),
		.default_timeout = map->settings.keep ? 0 : DEFAULT_TIMEOUT,
		.keeps = map->settings.keep,
		.stays = face && map->settings.keep,
		.lively = face && face->lively,
		.log = face ? face->log : NULL,
		.sees = face ? face->sees : NULL,
		.flow_gone = face ? face->flow_gone : NULL,
		.leave = map->settings.leave,
		.hook = map->settings.exec,
		.name = name_of,
		.turn = map->settings.keep ? map_turn : NULL,
		.dry = map->settings.dry_run,
		.remembers = !map->settings.dry_run,
		.event = map_event,
		.interrupted = map_show_left,
		.context = map,
	};
	bool asked = false;

	if (run_open(&map->run, map->common, &settings) && (!has_events(map) || open_keep(map)) &&
		(!face || face->opened(map))) {
		if (map->settings.list)
			map_list(map);
		else if (map->settings.deletes)
			asked = ask_deletes(map, &settings);
		else
			asked = ask_mappings(map, &settings);
	}
	if (asked)
		run_and_show(map);
	else if (map->settings.shell && map->run.status != EXIT_USAGE)
		shell_failure("unreachable",
			map->run.status == EXIT_NO_SERVER ? "no-server" : "local-failure", stdout);
	keep_free(map->keep);
	free(map->results);
	free(map->records);
	free(map->words);
	return run_close(&map->run);
}

/* The convention of VPN providers is NAT-PMP's: version 2 is never sent for it. */
static bool only_zero_ports(const struct map *map)
{
	bool only = map->spec_count > 0;

	for (size_t i = 0; i < map->spec_count; i++)
		only = only && map->specs[i].zero_port;
	return only;
}

static enum exit_status map_main(struct common *common, int argc, char **argv)
{
	struct map map = {
		.command = &cmd_map,
		.common = common,
		.settings = { .lifetime = MAP_LIFETIME },
	};
	struct parse parse = { .command = "map" };
	enum exit_status status;
	int first = command_options(&cmd_map, common, &map.settings, argc, argv, &status);

	if (first < 0)
		return status;
	if (first == argc && !map.settings.list && !map.settings.all) {
		parse_error(&parse, NULL, "nothing to map: name a port, as 8080 or 80:8080/tcp");
		return EXIT_USAGE;
	}
	map.spec_count = (size_t)(argc - first);
	map.specs = calloc(map.spec_count + 1, sizeof(*map.specs));
	if (!map.specs) {
		parse_error(&parse, NULL, "out of memory");
		return EXIT_LOCAL;
	}
	status = EXIT_USAGE;
	if (spec_parse_all(&parse, argv + first, map.spec_count, map.specs) &&
		map_check(&parse, common, &map.settings, map.specs, map.spec_count)) {
		common->nat_pmp = common->nat_pmp || only_zero_ports(&map);
		status = map_run(&map);
	}
	free(map.specs);
	return status;
}

const struct command cmd_map = {
	.name = "map",
	.arguments = "[EXTERNAL:]INTERNAL[/PROTO]...",
	.what = "ask for inbound mappings, keep them alive, delete them",
	.about = "  8080           internal 8080/tcp, suggesting external 8080\n"
		 "  80:8080/tcp    internal 8080, suggesting external 80\n"
		 "  any:8080/udp   the server chooses the external port\n"
		 "  5060/tcp+udp   the same port in both protocols\n"
		 "  all/tcp, all   every port of a protocol, everything (PCP only)\n"
		 "PROTO: tcp, udp, tcp+udp, sctp, dccp, udplite, a name of /etc/protocols, a "
		 "number.\n"
		 "A mapping ends when its lifetime ends, which is printed; --keep stays and renews "
		 "it.\n"
		 "Neither protocol can list the mappings of a router, or prove that a port is "
		 "reachable.\n",
	.options = map_options,
	.run = map_main,
};
