/* SPDX-License-Identifier: MIT
 * Whom a run asks, on which network that is, and what is remembered of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/run.h"
#include "wire/codes.h"

/* Nobody to ask yet: it is looked again at each change of the network, and so often. */
#define FIND_AGAIN (5 * SEC)
/* How long the next hop may take to answer ARP when the network has changed. */
#define FIND_PATIENCE (200 * MSEC)

size_t run_server_of(const struct run *run, const struct server_id *id)
{
	size_t i = 0;

	while (i < run->server_count &&
		!(endpoint_equal(&run->servers[i].server, &id->server) &&
			ip_equal(&run->servers[i].local, &id->local)))
		i++;
	return i;
}

/* Also one that is not known yet. */
static struct run_network *network_at(const struct run *run, size_t server)
{
	bool has = run->memory && run->networks && server < run->server_count;

	return has ? &run->networks[server] : NULL;
}

struct run_network *run_network_at(const struct run *run, size_t server)
{
	struct run_network *network = network_at(run, server);

	return network && network->known ? network : NULL;
}

struct run_network *run_network_of(const struct run *run, const struct server_id *id)
{
	return run_network_at(run, run_server_of(run, id));
}

struct run_network *run_network_found(struct run *run, const struct server_id *id)
{
	size_t server = run_server_of(run, id);
	struct run_network *network = network_at(run, server);

	if (!network || network->known)
		return network;
	if (!memory_network_known(id, &network->network))
		return NULL;
	network->known = true;
	run->servers[server].network = store_network_number(&network->network);
	engine_look(run->engine);
	return network;
}

static void cannot_ask(void *context, enum discovery_result result, const char *text)
{
	run_fail(context, exit_of_discovery(result), "%s", text);
}

static void warn_state(void *context, const char *text)
{
	struct run *run = context;

	output_note(run->output, "%s", text);
}

bool run_remembers(struct run *run)
{
	if (!run->memory && !run->common->no_state)
		run->memory = memory_open(warn_state, run);
	return run->memory != NULL;
}

/* A server whose network cannot be told is asked all the same. */
static void find_network(struct run *run, size_t server, struct mono deadline)
{
	struct server_id *id = &run->servers[server];
	struct run_network *network = &run->networks[server];

	*network = (struct run_network){ .known = false };
	network->known = memory_network(id, deadline, &network->network);
	id->network = network->known ? store_network_number(&network->network) : 0;
}

static bool find_networks(struct run *run)
{
	struct run_network *networks =
		realloc(run->networks, (run->server_count + 1) * sizeof(*networks));

	if (!networks) {
		run_fail(run, EXIT_LOCAL, "out of memory");
		return false;
	}
	run->networks = networks;
	for (size_t i = 0; i < run->server_count; i++)
		find_network(run, i, engine_deadline(run->engine));
	return true;
}

static struct discovery_request request_of(struct run *run, const struct run_settings *settings)
{
	return (struct discovery_request){
		.families = settings->families,
		.all = settings->all,
		.named = run->common->servers,
		.named_count = run->common->server_count,
		.interface = run->common->interface,
		.has_bind = run->common->has_bind,
		.bind = run->common->bind,
		.mark = run->common->mark,
		.deadline = engine_deadline(run->engine),
		.failed = cannot_ask,
		.context = run,
	};
}

/* Adds what is found. */
static bool find_servers(struct run *run, const struct discovery_request *request)
{
	struct discovery_note also;
	struct server_id *found, *grown;
	size_t count;

	discovery_servers(request, &found, &count, &also);
	if (also.text[0] && run->common->verbose)
		output_note(run->output, "other default routers, not asked: %s", also.text);
	grown = realloc(run->servers, (run->server_count + count + 1) * sizeof(*grown));
	if (!grown) {
		free(found);
		run_fail(run, EXIT_LOCAL, "out of memory");
		return false;
	}
	run->servers = grown;
	if (count)
		memcpy(grown + run->server_count, found, count * sizeof(*grown));
	run->server_count += count;
	free(found);
	return true;
}

static bool find_all(struct run *run, const struct run_settings *settings,
	struct discovery_request *request)
{
	run->server_count = 0;
	request->of_flow = settings->source_count > 0;
	for (size_t i = 0; i < settings->source_count; i++) {
		request->has_bind = true;
		request->bind = settings->sources[i];
		if (!find_servers(run, request))
			return false;
	}
	return settings->source_count > 0 || find_servers(run, request);
}

bool run_find(struct run *run, const struct run_settings *settings)
{
	struct discovery_request request = request_of(run, settings);

	if (!find_all(run, settings, &request))
		return false;
	if (run->server_count == 0)
		return false;
	if (settings->keeps || (settings->remembers && run_remembers(run))) {
		if (!find_networks(run))
			return false;
	}
	for (size_t i = 0; i < run->server_count; i++) {
		if (engine_server(run->engine, &run->servers[i]) < 0) {
			run_fail(run, EXIT_LOCAL, "%s", engine_reason(run->engine));
			return false;
		}
	}
	if (settings->keeps)
		engine_follow(run->engine, &request);
	return true;
}

bool run_find_patiently(struct run *run, const struct run_settings *settings)
{
	bool waits = false;

	while (!run_find(run, settings)) {
		if (run->status != EXIT_NO_SERVER ||
			mono_due(engine_deadline(run->engine), engine_now()))
			return false;
		if (!waits)
			output_note(run->output, "waits until there is somebody to ask");
		waits = run->again = true; /* the reason is said once */
		run->status = EXIT_DONE;
		if (!engine_pause_for_network(run->engine, FIND_AGAIN)) {
			/* A signal is the way to end, and nothing is to be undone. */
			run->status = run->reader_gone ? EXIT_LOCAL : EXIT_DONE;
			return false;
		}
	}
	run->again = false;
	return true;
}

/* Room for one server more; what there is stays where it fails. */
static bool grow(struct run *run)
{
	size_t n = run->server_count + 1;
	struct server_id *servers = realloc(run->servers, n * sizeof(*servers));
	struct run_network *networks;

	if (!servers)
		return false;
	run->servers = servers;
	networks = realloc(run->networks, n * sizeof(*networks));
	if (!networks)
		return false;
	run->networks = networks;
	return true;
}

bool run_add_server(struct run *run, const struct server_id *id,
	const struct store_network *network, size_t *server)
{
	*server = run_server_of(run, id);
	if (*server < run->server_count)
		return true;
	if (!grow(run)) {
		run_fail(run, EXIT_LOCAL, "out of memory");
		return false;
	}
	run->servers[*server] = *id;
	run->networks[*server] = (struct run_network){ .known = true, .network = *network };
	if (engine_server(run->engine, id) < 0) {
		run_fail(run, EXIT_LOCAL, "%s", engine_reason(run->engine));
		return false;
	}
	run->server_count++;
	return true;
}

/* Where a server is asked from now on: its place among the run's servers. */
static bool note_place(struct run *run, const struct server_id *id, size_t *server)
{
	*server = run_server_of(run, id);
	if (*server == run->server_count) {
		if (!grow(run))
			return false;
		run->server_count++;
	}
	run->servers[*server] = *id;
	find_network(run, *server, mono_after(engine_now(), FIND_PATIENCE));
	return true;
}

void run_follow(struct run *run)
{
	for (size_t i = 0; i < engine_server_count(run->engine); i++) {
		size_t at = run_server_of(run, engine_server_id(run->engine, i));
		struct run_network network;
		struct server_id id;

		if (at == i || at == run->server_count)
			continue;
		id = run->servers[i];
		network = run->networks[i];
		run->servers[i] = run->servers[at];
		run->networks[i] = run->networks[at];
		run->servers[at] = id;
		run->networks[at] = network;
	}
}

bool run_prepare(void *context, const struct server_id *id, struct want *want)
{
	struct run *run = context;
	size_t server;

	if (!note_place(run, id, &server) || !engine_nonce(run->engine, &want->nonce))
		return false;
	want->nonce_is_new = true;
	want->leave = false;
	run_recall(run, server, want, false);
	return true;
}

/* What stood before this run is left at its end, but for what a keeper made that did not
 * live to delete it. */
static bool is_ours(struct run *run, const struct want *want, const struct store_record *record)
{
	bool kept = store_keeper_alive(memory_store(run->memory), record->keeper);
	char spec[16];

	if (kept && want->keep)
		output_note(run->output, "%s %u: process %ld keeps it already",
			codes_protocol_text(want->protocol, spec, sizeof(spec)),
			want->internal_port, (long)record->keeper);
	return !kept && (record->keeper || !memory_is_granted(run->memory, record));
}

bool run_recorded(struct run *run, size_t server, const struct want *want,
	struct store_record *record)
{
	const struct run_network *network = run_network_at(run, server);

	return network &&
		memory_find(run->memory, &network->network, &run->servers[server], want, record);
}

void run_recall(struct run *run, size_t server, struct want *want, bool suggests)
{
	const struct run_network *network = run_network_at(run, server);
	struct store_record record;

	if (!network)
		return;
	if (run_recorded(run, server, want, &record)) {
		want->nonce = record.nonce;
		want->nonce_is_new = false;
		want->leave = !is_ours(run, want, &record);
		if (suggests && record.external_port)
			want->external_port = record.external_port;
	}
	if (want->lifetime)
		memory_asking(run->memory, &network->network, &run->servers[server], want);
}

bool run_check(struct run *run, const struct server_id *server, const struct want *want,
	const char *word)
{
	struct pcp_request request = {
		.opcode = want->opcode,
		.lifetime = want->lifetime,
		.client = server->local,
		.mapping = {
			.protocol = want->protocol,
			.internal_port = want->internal_port,
			.external_port = want->external_port,
			.external_address = want->external_address,
			.remote_port = want->remote_port,
			.remote_address = want->remote_address,
		},
		.options = want->options,
	};
	uint8_t octets[PCP_MAX];
	size_t length;
	enum pcp_encode reason;

	if (want->zero_port || want->nat_pmp)
		return true; /* version 2 is never sent */
	reason = pcp_encode(&request, octets, &length);
	if (reason == PCP_ENCODE_OK)
		return true;
	if (run->runs) {
		output_note(run->output, "%s: %s", word, pcp_encode_reason(reason));
		return false;
	}
	return run_usage(run, reason == PCP_ENCODE_DESCRIPTION ? "--description" : word,
		pcp_encode_reason(reason));
}
