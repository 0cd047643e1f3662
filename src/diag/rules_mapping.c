/* SPDX-License-Identifier: MIT
 * What the server granted: findings 15, 17 to 21, 42 and 46.
 */
#include "diag/phrase.h"
#include "diag/rules.h"

#define FOR_EVER UINT32_MAX /* a static mapping (RFC 6887, 15) */
#define DAY	 86400

/* --- lifetimes --- */

/* PEER asks with a short lifetime to learn what is left: more is no change. */
static bool lifetime_changed(const struct rule_view *view)
{
	const struct event_mapping *m = view->mapping;

	return rule_is_held(m) && m->lifetime != m->requested_lifetime &&
		(m->opcode != PCP_PEER || m->lifetime < m->requested_lifetime);
}

static void tell_lifetime_changed(const struct rule_view *view, struct finding *f)
{
	const struct event_mapping *m = view->mapping;
	char granted[PHRASE_MAX], asked[PHRASE_MAX];

	phrase_duration(m->requested_lifetime, asked, sizeof(asked));
	if (m->lifetime == FOR_EVER) {
		rule_text(f, "%s granted %s without an end, where %s was asked.", view->name,
			view->what, asked);
		rule_advice(f,
			"Likely the router's administrator made that mapping: it cannot be "
			"deleted from here.");
		return;
	}
	rule_text(f, "%s granted %s for %s, where %s was asked.", view->name, view->what,
		phrase_duration(m->lifetime, granted, sizeof(granted)), asked);
	if (rule_is_proton(view->server))
		rule_advice(f, "ProtonVPN grants a minute at most: map it again before it ends.");
	else if (m->via == VIA_NAT_PMP && m->lifetime > m->requested_lifetime)
		rule_advice(f,
			"A NAT-PMP server should not give more than is asked (RFC 6886, 3.3): "
			"`pcpctl map -d` ends it early.");
	else if (m->opcode == PCP_PEER)
		rule_advice(f,
			"What was granted counts: ask again before it ends, or leave that to "
			"`pcpctl peer -k`.");
	else
		rule_advice(f,
			"What was granted counts: map it again before it ends "
			"(limits in miniupnpd.conf: min_lifetime, max_lifetime).");
}

/* RFC 6887, 7.4: 30 minutes for long errors, 30 seconds for short ones. */
static bool error_lifetime_odd(const struct rule_view *view)
{
	const struct event_mapping *m = view->mapping;
	const struct code_result *result;

	if (m->outcome != OUTCOME_REFUSED || !m->answered || m->via != VIA_PCP ||
		m->refusal != REFUSAL_RESULT)
		return false;
	result = codes_pcp_result(m->result);
	if (!result || (result->class != CODE_LONG && result->class != CODE_SHORT))
		return false;
	return m->error_lifetime == 0 || m->error_lifetime > DAY ||
		(result->class == CODE_LONG && m->error_lifetime < 60);
}

static void tell_error_lifetime_odd(const struct rule_view *view, struct finding *f)
{
	const struct event_mapping *m = view->mapping;
	const struct code_result *result = codes_pcp_result(m->result);
	char name[24], lifetime[PHRASE_MAX];

	rule_text(f, "%s gave its %s for %s a lifetime of %s, where RFC 6887 (7.4) recommends %s.",
		view->name, codes_result_name(false, m->result, name, sizeof(name)), view->what,
		phrase_duration(m->error_lifetime, lifetime, sizeof(lifetime)),
		result->class == CODE_SHORT ? "30s" : "30m");
	rule_advice(f, "Nothing to do%s: wait at least 30 s before asking again.",
		m->error_lifetime == 0 && result->class == CODE_LONG ?
			" (miniupnpd gives 0 to every error of this kind)" :
			"");
}

/* --- ports --- */

static bool port_differs(const struct rule_view *view)
{
	const struct event_mapping *m = view->mapping;

	/* In 1:0/udp the 1 stands for nothing: the server is to choose. What another port
	 * means for a flow peer says itself. */
	return rule_is_held(m) && m->opcode == PCP_MAP && !m->zero_port && m->suggested_port != 0 &&
		m->has_external_port && m->external_port != 0 &&
		m->external_port != m->suggested_port;
}

static void tell_port_differs(const struct rule_view *view, struct finding *f)
{
	const struct event_mapping *m = view->mapping;

	rule_text(f, "%s assigned external port %u to %s, where %u was suggested.", view->name,
		m->external_port, view->what, m->suggested_port);
	if (m->options->prefer_failure)
		rule_advice(f,
			"-P asked for that port or none: a fault of the server (RFC 6887, "
			"13.2).");
	else if (rule_is_proton(view->server))
		rule_advice(f, "ProtonVPN chooses the port: give %u to the program that listens.",
			m->external_port);
	else if (m->suggested_port < 1024 && m->external_port >= 1024)
		rule_advice(f,
			"Likely the router permits only ports from 1024 on (miniupnpd.conf: "
			"allow lines): permit %u there, or use %u; -P refuses any other.",
			m->suggested_port, m->external_port);
	else
		rule_advice(f,
			"Use %u, or find out who has %u; -P refuses any other port, and on a "
			"shared IPv4 line (Freebox: see the range in its state page) "
			"`any:PORT` is the one to ask.",
			m->external_port, m->suggested_port);
}

/* --- the external address --- */

/* The address that the view is about; NULL when there is none. */
static const struct ip *external_of(const struct rule_view *view)
{
	const struct event_mapping *m = view->mapping;

	if (m)
		return rule_is_held(m) && m->has_external_address ? &m->external_address : NULL;
	return view->server->has_probe && view->server->probe.has_external ?
		&view->server->probe.external_address :
		NULL;
}

/* A firewall without translation gives back what it got: then the class of the
 * internal address is told by a finding of its own. */
static bool is_internal(const struct rule_view *view)
{
	const struct event_mapping *m = view->mapping;

	return m && !ip_is_v4(&m->internal_address) &&
		ip_equal(&m->internal_address, &m->external_address);
}

static bool external_is(const struct rule_view *view, enum ip_class class)
{
	const struct ip *ip = external_of(view);

	return ip && ip_classify(ip, NULL) == class && !is_internal(view);
}

static bool external_private(const struct rule_view *view)
{
	return external_is(view, IP_PRIVATE);
}

static bool external_cgn(const struct rule_view *view)
{
	return external_is(view, IP_SHARED);
}

static bool external_bogus(const struct rule_view *view)
{
	if (view->mapping && rule_is_held(view->mapping) && view->mapping->external_wildcard)
		return true;
	return external_is(view, IP_BOGUS);
}

static void tell_external(const struct rule_view *view, struct finding *f)
{
	const struct ip *ip = external_of(view);
	const char *why = NULL;
	char address[IP_TEXT_MAX];

	ip_classify(ip, &why);
	rule_text(f,
		"%s, the external address of %s, cannot be reached from the Internet: it is %s.",
		ip_format(ip, address), view->name, why);
}

static void tell_external_private(const struct rule_view *view, struct finding *f)
{
	tell_external(view, f);
	if (view->mapping && view->mapping->opcode == PCP_PEER) {
		rule_advice(f,
			"Another router with NAT is in front of this one, and translates again: "
			"the remote sees an address and port that PEER does not tell.");
		return;
	}
	rule_advice(f,
		"Another router with NAT is in front of this one: bridge mode there, the same "
		"port forwarded there too, or IPv6 (`pcpctl map -6`).");
}

static void tell_external_cgn(const struct rule_view *view, struct finding *f)
{
	tell_external(view, f);
	if (view->mapping && view->mapping->opcode == PCP_PEER) {
		rule_advice(f,
			"The provider's NAT translates again: the remote sees an address and port "
			"that PEER does not tell.");
		return;
	}
	rule_advice(f,
		"The provider's NAT shares one address among many customers: ask the provider "
		"for a public IPv4 address (Free: full-stack), or use IPv6 (`pcpctl map -6`).");
}

static void tell_external_bogus(const struct rule_view *view, struct finding *f)
{
	struct ip ds_lite = ip_from_u32(0xc0000000);
	const struct ip *ip = external_of(view);

	if (!ip) {
		rule_text(f, "%s granted %s with an external address of all zeros.", view->name,
			view->what);
		rule_advice(f,
			"Likely its uplink is down, or it does not know its own address: look "
			"in the router, then ask again.");
		return;
	}
	tell_external(view, f);
	if (ip_in_prefix(ip, &ds_lite, 29))
		rule_advice(f,
			"This line has no IPv4 address of its own (DS-Lite): use IPv6 "
			"(`pcpctl map -6`), or ask the provider for IPv4.");
	else if (ip_is_link_local(ip))
		rule_advice(f,
			"Likely the router's uplink is down or got no address: look there, "
			"then ask again.");
	else
		rule_advice(f,
			"Likely a fault of the router or of its uplink: compare with the "
			"address that its own pages show.");
}

/* --- the address that is mapped --- */

static bool ipv6_source(const struct rule_view *view)
{
	const struct event_mapping *m = view->mapping;

	return !m->deleting && m->opcode == PCP_MAP && !ip_is_v4(&m->internal_address) &&
		(ip_is_ula(&m->internal_address) || ip_is_link_local(&m->internal_address));
}

static void tell_ipv6_source(const struct rule_view *view, struct finding *f)
{
	const struct event_mapping *m = view->mapping;
	const char *interface = view->server->server.interface;
	char address[IP_TEXT_MAX];

	rule_text(f, "%s was asked for %s, which is %s: the Internet cannot reach it.", view->what,
		ip_format(&m->internal_address, address),
		ip_is_ula(&m->internal_address) ? "a unique local address" :
						  "a link-local address");
	rule_advice(f,
		"Give the interface a global address, or name one with -b (`ip -6 address show "
		"%s%s scope global` lists them).",
		interface[0] ? "dev " : "", interface);
}

/* --- where it leads: the facts of this host --- */

static bool port_unbound(const struct rule_view *view)
{
	return rule_is_held(view->mapping) &&
		(view->listening->kind == NET_LISTENING_NOBODY ||
			view->listening->kind == NET_LISTENING_ELSEWHERE);
}

static bool port_shared(const struct rule_view *view)
{
	return rule_is_held(view->mapping) && view->listening->kind == NET_LISTENING_SHARED;
}

/* The letter of ss for the sockets of a protocol, "" where it has none. */
static const char *ss_letter(unsigned protocol)
{
	switch (protocol) {
	case PROTOCOL_TCP:
		return "t";
	case PROTOCOL_UDP:
		return "u";
	case PROTOCOL_DCCP:
		return "d";
	case PROTOCOL_SCTP:
		return "S";
	}
	return "";
}

static void tell_port_unbound(const struct rule_view *view, struct finding *f)
{
	const struct event_mapping *m = view->mapping;
	const struct net_listening *listening = view->listening;
	char address[IP_TEXT_MAX], elsewhere[IP_TEXT_MAX];

	ip_format(&m->internal_address, address);
	if (listening->kind == NET_LISTENING_NOBODY) {
		rule_text(f, "Nothing listens on %s at %s, where external port %u leads.",
			view->what, address, m->external_port);
		rule_advice(f,
			"Start the program that is to answer there, or map the port that it "
			"listens on; behind a DNAT rule of this host (containers) nothing need "
			"listen.");
		return;
	}
	ip_format(&listening->elsewhere, elsewhere);
	rule_text(f, "On %s a program listens at %s only, not at %s, where external port %u leads.",
		view->what, elsewhere, address, m->external_port);
	rule_advice(f, "Let it listen at %s, or at every address (%s).", address,
		ip_is_v4(&m->internal_address) ? "0.0.0.0" : "::");
}

static void tell_port_shared(const struct rule_view *view, struct finding *f)
{
	const struct event_mapping *m = view->mapping;
	char address[IP_TEXT_MAX];

	rule_text(f,
		"%u sockets of several programs listen on %s at %s, and one of them at a time gets "
		"what arrives there.",
		view->listening->sockets, view->what, ip_format(&m->internal_address, address));
	rule_advice(f, "Stop those that should not have it: `ss -lnp%s 'sport = :%u'` names them.",
		ss_letter(m->protocol), m->internal_port);
}

const struct rule rules_mapping[] = {
	{ { 15, "lifetime-changed", SEVERITY_INFO, "another lifetime than was asked" },
		RULE_MAPPING, lifetime_changed, tell_lifetime_changed, 0, 0 },
	{ { 17, "error-lifetime-odd", SEVERITY_INFO,
		  "an error that is to last longer or shorter than the RFC recommends" },
		RULE_MAPPING | RULE_GENERAL, error_lifetime_odd, tell_error_lifetime_odd, 0, 0 },
	{ { 18, "port-differs", SEVERITY_INFO, "another external port than was suggested" },
		RULE_MAPPING, port_differs, tell_port_differs, 0, 0 },
	{ { 19, "external-private", SEVERITY_WARNING,
		  "a private external address: a second NAT above" },
		RULE_SERVER | RULE_MAPPING, external_private, tell_external_private, 0, 0 },
	{ { 20, "external-cgn", SEVERITY_WARNING, "a carrier-grade NAT above" },
		RULE_SERVER | RULE_MAPPING, external_cgn, tell_external_cgn, 0, 0 },
	{ { 21, "external-bogus", SEVERITY_ERROR,
		  "an external address that nobody can have (no uplink, DS-Lite, a fault)" },
		RULE_SERVER | RULE_MAPPING, external_bogus, tell_external_bogus, 0, 0 },
	{ { 42, "ipv6-source", SEVERITY_WARNING,
		  "the mapping is for an IPv6 address that is not global" },
		RULE_MAPPING, ipv6_source, tell_ipv6_source, 0, 0 },
	{ { 46, "port-unbound", SEVERITY_WARNING,
		  "nothing listens on the internal port, at the address that is mapped" },
		RULE_MAPPING, port_unbound, tell_port_unbound, 0, 0 },
	{ { 46, "port-shared", SEVERITY_WARNING, "several programs listen on the internal port" },
		RULE_MAPPING, port_shared, tell_port_shared, 0, 0 },
	{ { 0 }, 0, NULL, NULL, 0, 0 },
};
