/* SPDX-License-Identifier: MIT
 * Is there a server, and does it answer? Findings 1 to 5.
 */
#include "diag/phrase.h"
#include "diag/rules.h"

static bool is_v4(const struct rule_view *view)
{
	return ip_is_v4(&view->server->server.server.address);
}

/* --- what came back was an error --- */

static bool has_error(const struct rule_view *view, enum net_error_kind kind)
{
	return view->server->has_error && view->server->error.error.kind == kind;
}

static bool from_another(const struct rule_view *view)
{
	const struct net_error *error = &view->server->error.error;

	return error->has_offender &&
		!ip_equal(&error->offender, &view->server->server.server.address);
}

static bool port_unreachable(const struct rule_view *view)
{
	return has_error(view, NET_ERROR_PORT_UNREACHABLE);
}

/* A host on the way that rejects packets says so as the server itself would. */
static void tell_rejected(const struct rule_view *view, struct finding *f)
{
	unsigned port = view->server->server.server.port;
	char address[IP_TEXT_MAX];

	ip_format(&view->server->error.error.offender, address);
	rule_text(f, "%s, which is not the server, refused UDP %u to %s (ICMP port unreachable).",
		address, port, view->name);
	rule_advice(f,
		"Likely a firewall there rejects it: let UDP to port %u pass, or ask %s "
		"itself with -s.",
		port, address);
}

static void tell_port_unreachable(const struct rule_view *view, struct finding *f)
{
	const char *what = is_v4(view) ? "PCP or NAT-PMP server listens there" :
					 "PCP server listens there for IPv6";

	if (from_another(view)) {
		tell_rejected(view, f);
		return;
	}
	rule_text(f, "%s refused UDP %u (ICMP port unreachable): no %s.", view->name,
		view->server->server.server.port, what);
	if (rule_is_proton(view->server))
		rule_advice(f,
			"On ProtonVPN take a server that allows P2P and switch NAT-PMP on "
			"(WireGuard: when the configuration is made; OpenVPN: user name with "
			"+pmp at its end).");
	else if (!is_v4(view))
		rule_advice(f, "Switch PCP on for IPv6 in the router, or use -4.");
	else
		rule_advice(f,
			"Switch PCP or NAT-PMP on in the router (miniupnpd.conf: "
			"enable_natpmp=yes is for both; " RULE_FRITZBOX
			"), or name another server with -s.");
}

static bool prohibited(const struct rule_view *view)
{
	return has_error(view, NET_ERROR_PROHIBITED) || has_error(view, NET_ERROR_DENIED);
}

static void tell_prohibited(const struct rule_view *view, struct finding *f)
{
	char error[PHRASE_MAX];
	unsigned port = view->server->server.server.port;

	phrase_error(&view->server->error.error, error, sizeof(error));
	if (has_error(view, NET_ERROR_DENIED)) {
		rule_text(f, "This host does not let UDP %u out to %s (%s).", port, view->name,
			error);
		rule_advice(f,
			"Likely it is this host's own firewall or a VPN's kill switch: "
			"`nft list ruleset` shows the rule; let UDP to port %u pass.",
			port);
		return;
	}
	rule_text(f, "A firewall forbids UDP %u to %s (%s).", port, view->name, error);
	rule_advice(f,
		"Let UDP to port %u pass in the firewall that says so, or use -i or -b to "
		"go another way.",
		port);
}

static bool unreachable(const struct rule_view *view)
{
	return has_error(view, NET_ERROR_UNREACHABLE) || has_error(view, NET_ERROR_LOCAL) ||
		has_error(view, NET_ERROR_NOBODY) || has_error(view, NET_ERROR_TTL);
}

static void tell_unreachable(const struct rule_view *view, struct finding *f)
{
	char error[PHRASE_MAX], host[IP_TEXT_MAX];

	ip_format(&view->server->server.server.address, host);
	rule_text(f, "%s cannot be reached (%s).", view->name,
		phrase_error(&view->server->error.error, error, sizeof(error)));
	if (has_error(view, NET_ERROR_TTL))
		rule_advice(f,
			"It is too many routers away to be the one that maps for this host: "
			"name the router itself with -s.");
	else
		rule_advice(f,
			"Check address, link and route (`ip route get %s`, `ip neigh show "
			"%s`), or name another server with -s.",
			host, host);
}

/* --- nothing came back --- */

static bool silent(const struct event_probe *probe)
{
	return probe->status == PROBE_SILENT;
}

/* Nothing came, or nothing that is an answer. */
static bool without_answer(const struct event_probe *probe)
{
	return silent(probe) || probe->status == PROBE_MALFORMED;
}

static bool probes_without_answer(const struct facts_server *server)
{
	const struct event_probe *pcp = &server->probe.pcp, *nat_pmp = &server->probe.nat_pmp;

	return server->has_probe && (without_answer(pcp) || without_answer(nat_pmp)) &&
		(without_answer(pcp) || pcp->status == PROBE_SKIPPED) &&
		(without_answer(nat_pmp) || nat_pmp->status == PROBE_SKIPPED);
}

static bool timed_out(const struct rule_view *view)
{
	if (view->server->has_error)
		return false; /* the error says more */
	if (view->mapping)
		return view->mapping->outcome == OUTCOME_UNANSWERED;
	return probes_without_answer(view->server) && !view->unanswered_mapping &&
		!view->server->pcp_answered && !view->server->nat_pmp_answered;
}

/* Did it answer NAT-PMP, where only PCP can express the mapping? */
static bool needs_pcp(const struct event_mapping *m)
{
	return m->nat_pmp_answered && m->feature;
}

static void tell_silent_mapping(const struct rule_view *view, struct finding *f)
{
	const struct event_mapping *m = view->mapping;

	if (needs_pcp(m)) {
		rule_text(f,
			"%s left %u PCP request%s for %s without an answer, and answers "
			"NAT-PMP, which cannot express %s.",
			view->name, m->attempts, rule_plural(m->attempts), view->what, m->feature);
		rule_advice(f,
			"Likely it speaks NAT-PMP only: `pcpctl discover -s %s` shows it; ask "
			"for a plain TCP or UDP mapping.",
			view->name);
		return;
	}
	rule_text(f, "%s did not answer %u request%s for %s.", view->name, m->attempts,
		rule_plural(m->attempts), view->what);
}

static void tell_silent_probe(const struct rule_view *view, struct finding *f)
{
	const struct event_probe *pcp = &view->server->probe.pcp;
	const struct event_probe *nat_pmp = &view->server->probe.nat_pmp;
	const char *what = pcp->status == PROBE_MALFORMED || nat_pmp->status == PROBE_MALFORMED ?
		"gave no usable answer to" :
		"did not answer";

	if (without_answer(pcp) && without_answer(nat_pmp))
		rule_text(f, "%s %s %u PCP and %u NAT-PMP request%s.", view->name, what,
			pcp->attempts, nat_pmp->attempts, rule_plural(nat_pmp->attempts));
	else if (without_answer(pcp))
		rule_text(f, "%s %s %u PCP request%s.", view->name, what, pcp->attempts,
			rule_plural(pcp->attempts));
	else
		rule_text(f, "%s %s %u NAT-PMP request%s.", view->name, what, nat_pmp->attempts,
			rule_plural(nat_pmp->attempts));
}

static unsigned dropped(const struct facts_server *server)
{
	unsigned n = 0;

	for (size_t i = DROP_NONE + 1; i < DROP_UNEXPECTED; i++)
		n += server->drops[i];
	return n;
}

static void advise_silent(const struct rule_view *view, struct finding *f)
{
	unsigned n = dropped(view->server);

	if (n)
		rule_advice(f,
			"%u datagram%s came that cannot be used as an answer: -vv shows "
			"each and why.",
			n, rule_plural(n));
	else if (view->server->has_version && view->server->version.change == VERSION_SAID_NAT_PMP)
		rule_advice(f,
			"It is there, but says that it speaks another version: `pcpctl -vv "
			"discover -s %s` shows its octets.",
			view->name);
	else if (view->mapping && (view->server->pcp_answered || view->server->nat_pmp_answered))
		rule_advice(f,
			"It answers other requests: likely it ignores ports that it does not "
			"permit (miniupnpd does in NAT-PMP; its allow lines): try a port from "
			"1024 on, or a longer -t.");
	else if (!is_v4(view))
		rule_advice(f,
			"Likely PCP is off for IPv6 in the router, or a firewall drops UDP %u: "
			"switch it on there, or use -4.",
			view->server->server.server.port);
	else
		rule_advice(f,
			"Likely PCP and NAT-PMP are off in the router (miniupnpd.conf: "
			"enable_natpmp=yes; " RULE_FRITZBOX "), a firewall drops UDP %u, or it is "
			"not this host's router: see `ip route`.",
			view->server->server.server.port);
}

static void tell_timed_out(const struct rule_view *view, struct finding *f)
{
	if (view->mapping)
		tell_silent_mapping(view, f);
	else
		tell_silent_probe(view, f);
	if (!f->advice[0])
		advise_silent(view, f);
}

/* --- it came late, or not to everything --- */

static bool fell_back(const struct facts_server *server)
{
	if (server->pcp_answered)
		return false;
	if (server->has_version && !server->has_probe)
		return server->version.change == VERSION_FELL_BACK;
	return server->has_probe && silent(&server->probe.pcp) && server->nat_pmp_answered;
}

/* NAT-PMP tells the external address in an exchange of its own, which can fail. */
static bool address_unanswered(const struct event_mapping *m)
{
	return rule_is_held(m) && m->via == VIA_NAT_PMP && !m->has_external_address &&
		!m->external_wildcard && !m->has_address_result;
}

static bool late(const struct rule_view *view)
{
	if (view->mapping)
		return address_unanswered(view->mapping);
	return view->server->late > 0 || view->server->pcp_later || fell_back(view->server);
}

/* Silence says nothing of what the server speaks: only the facts are told. */
static void tell_fallback(const struct rule_view *view, struct finding *f)
{
	const struct facts_server *server = view->server;
	char waited[PHRASE_MAX];

	if (server->has_version && !server->has_probe)
		rule_text(f,
			"%s left %u version-2 request%s without an answer for %s and answered "
			"NAT-PMP, which is used where it can express what is asked.",
			view->name, server->version.attempts, rule_plural(server->version.attempts),
			phrase_rtt(server->version.waited, waited, sizeof(waited)));
	else
		rule_text(f, "%s left %u PCP request%s without an answer and answered NAT-PMP.",
			view->name, server->probe.pcp.attempts,
			rule_plural(server->probe.pcp.attempts));
	if (dropped(server)) {
		rule_advice(f,
			"%u datagrams came that are no valid answers: `pcpctl -vv discover -s %s` "
			"shows why.",
			dropped(server), view->name);
		return;
	}
	rule_advice(f,
		"Either it does not speak PCP or the answers got lost: `pcpctl discover --pcp "
		"-t 10s -s %s` asks again; --nat-pmp saves the wait.",
		view->name);
}

static void tell_pcp_later(const struct rule_view *view, struct finding *f)
{
	rule_text(f, "%s answered PCP only after NAT-PMP had been used in its place.", view->name);
	if (view->server->later_port)
		rule_advice(f,
			"It made a mapping for each: the one by PCP, external port %u, ends "
			"by itself; --pcp keeps to PCP next time.",
			view->server->later_port);
	else
		rule_advice(f, "It speaks PCP, but slowly: --pcp keeps to it next time.");
}

static void tell_late_answers(const struct rule_view *view, struct finding *f)
{
	const struct facts_server *server = view->server;
	char min[PHRASE_MAX], max[PHRASE_MAX];

	phrase_rtt(server->rtt_min, min, sizeof(min));
	phrase_rtt(server->rtt_max, max, sizeof(max));
	if (server->timed == 1)
		rule_text(f, "%s answered only a repeated request (after %s).", view->name, max);
	else
		rule_text(f,
			"%u of %u answers of %s came only to a repeated request (answers took "
			"%s to %s).",
			server->late, server->timed, view->name, min, max);
	rule_advice(f,
		"Packets get lost on the way (`ping -c 50` to it shows how many) or the server "
		"is slow: give it time with -t 30s.");
}

static void tell_late(const struct rule_view *view, struct finding *f)
{
	if (view->mapping) {
		rule_text(f, "%s granted %s but did not tell its external address.", view->name,
			view->what);
		rule_advice(f,
			"The mapping stands: `pcpctl discover --nat-pmp -s %s` asks for the "
			"address again.",
			view->name);
	} else if (view->server->pcp_later) {
		tell_pcp_later(view, f);
	} else if (fell_back(view->server)) {
		tell_fallback(view, f);
	} else {
		tell_late_answers(view, f);
	}
}

const struct rule rules_reach[] = {
	{ { 1, "no-server-port-unreachable", SEVERITY_ERROR,
		  "port unreachable: nothing listens on the PCP port there" },
		RULE_SERVER, port_unreachable, tell_port_unreachable, 0, 0 },
	{ { 2, "prohibited", SEVERITY_ERROR, "a firewall forbids the way, here or further on" },
		RULE_SERVER, prohibited, tell_prohibited, 0, 0 },
	{ { 3, "unreachable", SEVERITY_ERROR, "no way to that address, or nobody there" },
		RULE_SERVER, unreachable, tell_unreachable, 0, 0 },
	{ { 4, "timeout", SEVERITY_ERROR, "no answer to any request" }, RULE_SERVER | RULE_MAPPING,
		timed_out, tell_timed_out, 0, 0 },
	{ { 5, "late-or-lossy", SEVERITY_WARNING,
		  "answers came late, to a repeated request, or to NAT-PMP only" },
		RULE_SERVER | RULE_MAPPING | RULE_EACH, late, tell_late, 0, 0 },
	{ { 0 }, 0, NULL, NULL, 0, 0 },
};
