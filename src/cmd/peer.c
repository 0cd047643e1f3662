/* SPDX-License-Identifier: MIT
 * pcpctl peer: learns, extends or restores the mappings of flows (RFC 6887, 12).
 */
#include "cmd/peer.h"

#include <stdlib.h>
#include <string.h>

#include "engine/inventory.h"
#include "out/shell.h"

#define DEFAULT_TIMEOUT (5 * SEC)

static void peer_event(struct run *run, const struct event *event)
{
	struct peer *peer = run->context;
	struct peer_result *result;

	if (event->kind != EVENT_MAPPING || event->mapping.want >= peer->result_count)
		return;
	if (peer->keep)
		keep_event(peer->keep, event);
	result = &peer->results[event->mapping.want];
	if (peer->settings.keep) {
		peer_explain(peer, result, event);
		return;
	}
	result->known = true;
	result->wall_ms = event->wall_ms;
	result->mapping = event->mapping;
}

/* --- what is asked --- */

static bool make_want(struct peer *peer, const struct peer_flow *flow, size_t number,
	struct want *want)
{
	const struct peer_settings *settings = &peer->settings;
	const struct net_flow *f = &flow->flow;

	*want = (struct want){
		.number = (unsigned)number,
		.opcode = PCP_PEER,
		.protocol = f->protocol,
		.internal_port = f->local.port,
		.external_port = settings->external_port,
		.external_address = settings->has_external ?
			settings->external :
			ip_any(ip_family(&f->remote.address)),
		.remote_address = f->remote.address,
		.remote_port = f->remote.port,
		.lifetime = settings->lifetime,
		.nonce = settings->nonce,
		.nonce_is_new = !settings->has_nonce,
		.options = {
			.has_third_party = settings->has_third_party,
			.third_party = settings->third_party,
			.description = settings->description,
		},
		.keep = settings->keep,
	};
	if (settings->has_nonce || engine_nonce(peer->run->engine, &want->nonce))
		return true;
	run_fail(peer->run, EXIT_LOCAL, "%s", engine_reason(peer->run->engine));
	return false;
}

/* An earlier run has asked for this connection: its nonce, and the port that it had then,
 * which is asked back should the NAT have forgotten it. Of a flow that is not known to be
 * there the port may be another's by now. */
static void recall(struct peer *peer, const struct peer_flow *flow, size_t server,
	struct want *want)
{
	struct store_record record;

	if (peer->settings.has_nonce)
		return;
	if (flow->there == PEER_THERE && !peer->settings.has_external &&
		run_recorded(peer->run, server, want, &record) && record.external_port &&
		record.has_external_address &&
		ip_family(&record.external_address) == ip_family(&want->external_address)) {
		want->hint = true;
		want->external_port = record.external_port;
		want->external_address = record.external_address;
	}
	run_recall(peer->run, server, want, false);
}

bool peer_prepare(struct peer *peer, struct peer_flow *flow, size_t server, size_t number,
	struct want *want)
{
	const struct server_id *id = &peer->run->servers[server];

	peer_look(peer, flow, &id->local);
	if (!make_want(peer, flow, number, want) || !run_check(peer->run, id, want, flow->word))
		return false;
	recall(peer, flow, server, want);
	return true;
}

static bool ask(struct peer *peer, size_t flow, size_t server)
{
	struct peer_flow *asked = &peer->flows[flow];
	size_t number = peer->result_count;
	struct want want;

	if (!peer_prepare(peer, asked, server, number, &want))
		return false;
	if (peer->keep && !keep_add(peer->keep, server, &want))
		return false;
	peer->results[peer->result_count++] = (struct peer_result){ .flow = flow };
	if (engine_want(peer->run->engine, server, &want) &&
		(!peer->settings.keep || asked->there != PEER_THERE ||
			engine_flow(peer->run->engine, &asked->flow, want.number)))
		return true;
	run_fail(peer->run, EXIT_LOCAL, "%s", engine_reason(peer->run->engine));
	return false;
}

bool peer_is_asked_at(const struct peer *peer, const struct peer_flow *flow, size_t server)
{
	const struct ip *local = &flow->flow.local.address;

	return peer->settings.has_third_party || ip_is_any(local) ||
		ip_equal(local, &peer->run->servers[server].local);
}

static bool ask_each(struct peer *peer, size_t flow)
{
	size_t before = peer->result_count;

	for (size_t server = 0; server < peer->run->server_count; server++) {
		if (peer_is_asked_at(peer, &peer->flows[flow], server) && !ask(peer, flow, server))
			return false;
	}
	/* Why there is none was said when servers were looked for. */
	if (peer->result_count == before)
		output_note(peer->run->output, "%s: not asked: no server for its local address",
			peer->flows[flow].word);
	return true;
}

static bool ask_all(struct peer *peer)
{
	size_t most = peer->flow_count * peer->run->server_count;

	peer->results = calloc(most + 1, sizeof(*peer->results));
	if (!peer->results) {
		run_fail(peer->run, EXIT_LOCAL, "out of memory");
		return false;
	}
	for (size_t flow = 0; flow < peer->flow_count; flow++) {
		if (!ask_each(peer, flow))
			return false;
	}
	return true;
}

/* --- what is said before --- */

/* What can be wrong only once the servers and our addresses are known. */
static bool check_servers(struct peer *peer)
{
	const struct peer_settings *settings = &peer->settings;

	if (settings->has_nonce && peer->run->server_count > 1)
		return run_usage(peer->run, "--nonce",
			"for one server only: each must have its own (RFC 6887, 12.2)");
	for (size_t i = 0; settings->has_third_party && i < peer->run->server_count; i++) {
		if (ip_equal(&settings->third_party, &peer->run->servers[i].local))
			return run_usage(peer->run, "--third-party",
				"is this host's own address: ask without --third-party");
	}
	return true;
}

static void warn(struct peer *peer)
{
	struct output *output = peer->run->output;
	size_t unwatched = 0;

	for (size_t i = 0; i < peer->flow_count; i++)
		unwatched += peer->flows[i].there != PEER_THERE;
	if (peer->settings.keep && unwatched)
		output_note(output,
			"%s: no connection that this host knows of: kept until interrupted",
			peer->flows[0].word);
}

static bool ask_flows(struct peer *peer, struct run_settings *settings)
{
	bool found;

	if (!peer_gather(peer))
		return false;
	settings->sources = peer->sources;
	settings->source_count = peer->source_count;
	/* The one that is named, of an address that is not known yet or not ours. */
	if (!settings->families && peer->source_count == 0)
		settings->families = ip_family(&peer->flows[0].flow.remote.address);
	found = peer->settings.keep ? run_find_patiently(peer->run, settings) :
				      run_find(peer->run, settings);
	if (!found || !check_servers(peer) || !ask_all(peer))
		return false;
	warn(peer);
	return true;
}

/* --- the run --- */

static const char *name_of(struct run *run, unsigned number)
{
	const struct peer *peer = run->context;

	return number < peer->result_count ? peer->flows[peer->results[number].flow].word : NULL;
}

static struct mono peer_turn(struct run *run, struct mono now)
{
	return keep_turn(((struct peer *)run->context)->keep, now);
}

/* Nothing is left to be kept: it is let go at each of its servers. */
static void flow_gone(struct run *run, unsigned number)
{
	struct peer *peer = run->context;

	if (number >= peer->result_count)
		return;
	output_note(run->output, "%s: the connection is over", name_of(run, number));
	for (size_t server = 0; server < run->server_count; server++)
		engine_delete(run->engine, server, number);
}

static bool open_keep(struct peer *peer)
{
	struct keep_settings settings = { .stays = peer->settings.keep,
		.exec = peer->settings.exec };

	if (!peer->settings.keep && !peer->settings.exec)
		return true;
	peer->keep = keep_new(peer->run, &settings);
	return peer->keep != NULL;
}

static void run_and_show(struct peer *peer)
{
	if (!run_engine(peer->run))
		return;
	if (!peer->settings.keep) {
		peer_show(peer);
		return;
	}
	keep_end(peer->keep, true); /* there is no delete: what is held is left */
	for (size_t i = 0; i < peer->result_count; i++) {
		if (peer->results[i].moved)
			peer->run->status = exit_worse(peer->run->status, EXIT_SAID_NO);
	}
}

static enum exit_status peer_run(struct peer *peer)
{
	struct run_settings settings = {
		.command = &cmd_peer,
		.families = options_families(peer->common),
		.default_timeout = peer->settings.keep ? 0 : DEFAULT_TIMEOUT,
		.keeps = peer->settings.keep,
		.leave = true,
		.hook = peer->settings.exec,
		.name = name_of,
		.turn = peer->settings.keep ? peer_turn : NULL,
		.dry = peer->settings.dry_run,
		.remembers = !peer->settings.dry_run,
		.event = peer_event,
		.interrupted = peer_show_left,
		.flow_gone = flow_gone,
		.context = peer,
	};
	bool asked = false;

	if (run_open(peer->run, peer->common, &settings) && open_keep(peer))
		asked = ask_flows(peer, &settings);
	if (asked)
		run_and_show(peer);
	else if (peer->settings.shell && peer->run->status != EXIT_USAGE)
		shell_failure("unreachable",
			peer->run->status == EXIT_LOCAL ? "local-failure" :
				peer->flow_count	? "no-server" :
							  "no-connection",
			stdout);
	keep_free(peer->keep);
	free(peer->results);
	free(peer->flows);
	free(peer->sources);
	return run_close(peer->run);
}

static enum exit_status peer_main(struct common *common, int argc, char **argv)
{
	struct run run;
	struct peer peer = { .common = common, .run = &run };
	struct parse parse = { .command = "peer" };
	enum exit_status status;
	int first = command_options(&cmd_peer, common, &peer.settings, argc, argv, &status);
	size_t count;

	if (first < 0)
		return status;
	count = (size_t)(argc - first);
	if (!peer.settings.has_lifetime)
		peer.settings.lifetime = peer.settings.keep ? PEER_KEEP_LIFETIME : PEER_LIFETIME;
	if ((count == 2 && !peer.settings.established && !peer.settings.has_pid &&
		    !peer_words(&parse, argv + first, &peer.words)) ||
		!peer_check(&parse, common, &peer.settings, &peer.words, count))
		return EXIT_USAGE;
	return peer_run(&peer);
}

const struct command cmd_peer = {
	.name = "peer",
	.arguments = "LOCAL REMOTE | --established REMOTE | --pid PID",
	.what = "learn, extend or restore the mapping of an outbound flow",
	.about = "  50000 203.0.113.7:443        the TCP flow from port 50000 of this host\n"
		 "  50000 203.0.113.7:3478/udp   of another protocol: udp, sctp, dccp, a number\n"
		 "LOCAL is [ADDR:]PORT. In place of both, --established :22 means every TCP\n"
		 "connection with port 22, --established host.example:443 those with that host.\n"
		 "Prints where a flow is seen from outside, and how long the router will keep it.\n"
		 "A flow that does not exist is created by asking. There is no delete.\n"
		 "--keep stays while the connection is there, and asks for the same external\n"
		 "port again when the router has restarted.\n",
	.options = peer_options,
	.run = peer_main,
};
