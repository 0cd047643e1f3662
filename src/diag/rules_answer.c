/* SPDX-License-Identifier: MIT
 * Is what a server answers sound? Findings 6, 8 to 10, 12, 14 and
 * state-kept-since.
 */
#include "diag/rules.h"

#include "diag/phrase.h"

/* --- where it came from --- */

static bool wrong_source(const struct rule_view *view)
{
	return view->server->drops[DROP_WRONG_ADDRESS] || view->server->drops[DROP_WRONG_PORT];
}

static void tell_wrong_source(const struct rule_view *view, struct finding *f)
{
	unsigned n = view->server->drops[DROP_WRONG_ADDRESS];
	bool address = n > 0;
	const struct endpoint *from =
		&view->server->drop[address ? DROP_WRONG_ADDRESS : DROP_WRONG_PORT].from;
	char text[PHRASE_MAX], host[IP_TEXT_MAX];

	n = address ? n : view->server->drops[DROP_WRONG_PORT];
	rule_text(f, "%s was asked, but %u answer%s came from %s: dropped, as the RFCs want it.",
		view->name, n, rule_plural(n),
		phrase_endpoint(&from->address, from->port, text, sizeof(text)));
	if (address)
		rule_advice(f,
			"Likely that is the router's own address behind a shared one (VRRP, "
			"CARP): ask it with -s %s.",
			ip_format(&from->address, host));
	else
		rule_advice(f,
			"Likely a NAT between here and the server changes its port: ask from "
			"the server's own network.");
}

/* --- which version it speaks, in its own words --- */

/* The server's "version not supported" to our version 2. */
struct refusal_of_version {
	bool said;
	uint8_t version, octet1;
	size_t length;
};

static struct refusal_of_version refusal_of(const struct facts_server *server)
{
	const struct event_version *version = &server->version;
	const struct event_server *probe = &server->probe;

	if (server->has_version && version->change == VERSION_SAID_NAT_PMP)
		return (struct refusal_of_version){ true, version->octets[0], version->octets[1],
			version->length };
	if (server->has_probe && probe->pcp.status == PROBE_UNSUPPORTED)
		return (struct refusal_of_version){ true, probe->pcp.version, probe->version_octet1,
			probe->version_length };
	return (struct refusal_of_version){ .said = false };
}

/* Only its own word makes a server NAT-PMP only; silence on version 2 does not. */
static bool nat_pmp_only(const struct rule_view *view)
{
	struct refusal_of_version refusal = refusal_of(view->server);

	const struct facts_server *server = view->server;
	bool asked_both = server->has_probe && server->probe.nat_pmp.status != PROBE_SKIPPED;

	return refusal.said && !server->pcp_answered &&
		(server->nat_pmp_answered || (refusal.version == 0 && !asked_both));
}

static void tell_nat_pmp_only(const struct rule_view *view, struct finding *f)
{
	struct refusal_of_version refusal = refusal_of(view->server);
	bool odd = refusal.version == 0 && refusal.length && !(refusal.octet1 & 0x80);

	if (refusal.length)
		rule_text(f,
			"%s answered version 2 with UNSUPP_VERSION (%zu octets, octet 1 is "
			"0x%02x%s): it speaks NAT-PMP only.",
			view->name, refusal.length, refusal.octet1,
			odd ? ", the response bit missing: RFC 6886 erratum 3618" : "");
	else
		rule_text(f, "%s answered version 2 with UNSUPP_VERSION: it speaks NAT-PMP only.",
			view->name);
	rule_advice(f,
		"TCP and UDP over IPv4 is all it can map: for IPv6, filters or peer switch PCP "
		"on in the router, if it has that; --nat-pmp saves one request.");
}

/* A version-2 answer to a NAT-PMP request that is no PCP answer by its length. */
static const struct event_dropped *short_refusal(const struct facts_server *server)
{
	static const enum drop_reason reasons[] = { DROP_SHORT, DROP_VERSION };

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		const struct event_dropped *drop = &server->drop[reasons[i]];

		if (server->drops[reasons[i]] && drop->octets[0] == PCP_VERSION &&
			drop->length < PCP_HEADER)
			return drop;
	}
	return NULL;
}

static bool pcp_only(const struct rule_view *view)
{
	enum probe_status status = view->server->probe.nat_pmp.status;

	return view->server->has_probe && view->server->pcp_answered &&
		(status == PROBE_UNSUPPORTED ||
			(status == PROBE_MALFORMED && short_refusal(view->server)));
}

static void tell_pcp_only(const struct rule_view *view, struct finding *f)
{
	const struct event_dropped *drop = short_refusal(view->server);

	if (drop)
		rule_text(f,
			"%s speaks PCP and refused NAT-PMP with version 2 in %zu octets, fewer "
			"than a PCP header has.",
			view->name, drop->length);
	else
		rule_text(f, "%s speaks PCP and refused NAT-PMP.", view->name);
	rule_advice(f,
		"Nothing to do for pcpctl; older programs that know only NAT-PMP get no "
		"mapping from this server.");
}

/* Any version octet that neither protocol has. */
static const struct event_dropped *odd_drop(const struct facts_server *server)
{
	const struct event_dropped *drop = &server->drop[DROP_VERSION];

	return server->drops[DROP_VERSION] && drop->octets[0] != 0 &&
			drop->octets[0] != PCP_VERSION ?
		drop :
		NULL;
}

static bool version_odd(const struct rule_view *view)
{
	struct refusal_of_version refusal = refusal_of(view->server);

	return (refusal.said && refusal.version != 0) || odd_drop(view->server);
}

static void tell_version_odd(const struct rule_view *view, struct finding *f)
{
	struct refusal_of_version refusal = refusal_of(view->server);
	const struct event_dropped *drop = odd_drop(view->server);

	if (!refusal.said && drop)
		rule_text(f,
			"%s answered with version %u, which neither PCP (2) nor NAT-PMP (0) "
			"is.",
			view->name, drop->octets[0]);
	else if (refusal.version == PCP_VERSION)
		rule_text(f,
			"%s answered version 2 with UNSUPP_VERSION in version 2: it "
			"contradicts itself.",
			view->name);
	else
		rule_text(f,
			"%s answered version 2 with UNSUPP_VERSION and offers version %u, which "
			"neither PCP (2) nor NAT-PMP (0) is.",
			view->name, refusal.version);
	rule_advice(f,
		"A fault of the server (RFC 6887, 9): `pcpctl -vv discover -s %s` shows the "
		"octets for a report to its maker.",
		view->name);
}

/* --- the fields that must come back as they were sent --- */

static bool nonce_not_copied(const struct rule_view *view)
{
	return view->server->drops[DROP_NONCE] > 0;
}

static void tell_nonce_not_copied(const struct rule_view *view, struct finding *f)
{
	unsigned n = view->server->drops[DROP_NONCE];

	rule_text(f, "%u answer%s of %s carried another nonce than was sent: dropped.", n,
		rule_plural(n), view->name);
	rule_advice(f,
		"Likely an answer to another program or an earlier run, a server that garbles "
		"the nonce, or a forgery: -vv shows the octets.");
}

static const struct field {
	enum drop_reason reason;
	const char *name;
} fields[] = {
	{ DROP_INTERNAL_PORT, "internal port" },
	{ DROP_PROTOCOL, "protocol" },
	{ DROP_REMOTE, "remote peer" },
};

#define FIELDS (sizeof(fields) / sizeof(*fields))

static const struct field *wrong_field(const struct facts_server *server)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (server->drops[fields[i].reason])
			return &fields[i];
	return NULL;
}

static bool fields_not_copied(const struct rule_view *view)
{
	return wrong_field(view->server) != NULL;
}

static void tell_fields_not_copied(const struct rule_view *view, struct finding *f)
{
	const struct field *field = wrong_field(view->server);
	const struct event_dropped *drop = &view->server->drop[field->reason];
	bool port = field->reason == DROP_INTERNAL_PORT;

	if (field->reason == DROP_REMOTE)
		rule_text(f, "%s answered for another %s than was asked: dropped.", view->name,
			field->name);
	else
		rule_text(f, "%s answered for %s %u where %u was asked: dropped.", view->name,
			field->name, drop->got, drop->expected);
	if (port && drop->expected > 0xff && drop->got == (drop->expected & 0xff))
		rule_advice(f,
			"That is the low octet of the port, a known fault of miniupnpd 1.8: "
			"update the router, or ask for a port below 256.");
	else
		rule_advice(f,
			"Likely a fault of the server, or an answer to another program: "
			"`pcpctl -vv` shows the octets for a report to its maker.");
}

/* --- all is well --- */

/* RFC 6887 is of April 2013: an epoch that reaches further back is no uptime. */
#define OLDEST_STATE INT64_C(1364774400000)

static const struct event_probe *probe_with_epoch(const struct facts_server *server)
{
	if (!server->has_probe)
		return NULL;
	if (server->probe.pcp.answered && server->probe.pcp.has_epoch)
		return &server->probe.pcp;
	return server->probe.nat_pmp.answered && server->probe.nat_pmp.has_epoch ?
		&server->probe.nat_pmp :
		NULL;
}

static int64_t since_ms(const struct rule_view *view, const struct event_probe *probe)
{
	return view->server->probe_wall_ms - (int64_t)probe->epoch * 1000;
}

static bool state_kept(const struct rule_view *view)
{
	const struct event_probe *probe = probe_with_epoch(view->server);

	return probe && since_ms(view, probe) > OLDEST_STATE;
}

static void tell_state_kept(const struct rule_view *view, struct finding *f)
{
	const struct event_probe *probe = probe_with_epoch(view->server);

	f->since_ms = since_ms(view, probe);
	rule_text(f, "%s has kept its state since " FINDING_WHEN " (epoch %u s).", view->name,
		probe->epoch);
}

const struct rule rules_answer[] = {
	{ { 6, "wrong-source", SEVERITY_WARNING,
		  "an answer came from another address or port than was asked" },
		RULE_SERVER, wrong_source, tell_wrong_source, 0, 0 },
	{ { 8, "nat-pmp-only", SEVERITY_INFO, "it said itself that it does not speak PCP" },
		RULE_SERVER, nat_pmp_only, tell_nat_pmp_only, 0, 0 },
	{ { 9, "pcp-only", SEVERITY_INFO, "it speaks PCP and refused NAT-PMP" }, RULE_SERVER,
		pcp_only, tell_pcp_only, 0, 0 },
	{ { 10, "version-odd", SEVERITY_WARNING, "it named a version that does not exist" },
		RULE_SERVER, version_odd, tell_version_odd, 0, 0 },
	{ { 12, "nonce-not-copied", SEVERITY_WARNING, "an answer carried another nonce" },
		RULE_SERVER, nonce_not_copied, tell_nonce_not_copied, 0, 0 },
	{ { 14, "fields-not-copied", SEVERITY_WARNING,
		  "an answer was for another protocol, internal port or peer" },
		RULE_SERVER, fields_not_copied, tell_fields_not_copied, 0, 0 },
	{ { 0, "state-kept-since", SEVERITY_INFO, "since when the server has kept its mappings" },
		RULE_SERVER, state_kept, tell_state_kept, 0, 0 },
	{ { 0 }, 0, NULL, NULL, 0, 0 },
};
