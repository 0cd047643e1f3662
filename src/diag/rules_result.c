/* SPDX-License-Identifier: MIT
 * The server says no: findings 7, 39 and 40, one for each result code.
 */
#include <stdio.h>

#include "diag/phrase.h"
#include "diag/rules.h"

/* --- who said no to what --- */

static bool is_code(const struct rule_view *view, enum via via, unsigned result)
{
	unsigned code = via == VIA_NAT_PMP ? view->rule->nat_pmp_result : view->rule->pcp_result;

	return code != 0 && code == result;
}

static bool probe_says(const struct rule_view *view, enum via via)
{
	const struct event_server *server = &view->server->probe;
	const struct event_probe *probe = via == VIA_NAT_PMP ? &server->nat_pmp : &server->pcp;

	return view->server->has_probe && probe->status == PROBE_ERROR &&
		is_code(view, via, probe->result);
}

static bool mapping_refused(const struct rule_view *view)
{
	const struct event_mapping *m = view->mapping;

	return m->outcome == OUTCOME_REFUSED && m->answered && m->refusal == REFUSAL_RESULT &&
		is_code(view, m->via, m->result);
}

/* NAT-PMP granted the port, but would not tell the external address. */
static bool address_refused(const struct rule_view *view)
{
	const struct event_mapping *m = view->mapping;

	return rule_is_held(m) && m->via == VIA_NAT_PMP && m->has_address_result &&
		!m->has_external_address && is_code(view, VIA_NAT_PMP, m->address_result);
}

static bool refused(const struct rule_view *view)
{
	if (view->mapping)
		return mapping_refused(view) || address_refused(view);
	return probe_says(view, VIA_PCP) || probe_says(view, VIA_NAT_PMP);
}

/* miniupnpd's NAT-PMP says so too when its address is private: then the findings
 * about that address tell what there is to tell. */
static bool network_failed(const struct rule_view *view)
{
	return refused(view) && !view->external_known;
}

/* A delete of what is not there is answered so, by miniupnpd at least: map says that
 * it is gone, and that is no error. */
static bool out_of_resources(const struct rule_view *view)
{
	const struct event_mapping *m = view->mapping;

	return refused(view) && !(m && m->deleting && m->via == VIA_PCP);
}

/* "RESULT (N)", and how long the server asks to wait. */
static const char *result_words(const struct rule_view *view, char *text, size_t size)
{
	const struct event_mapping *m = view->mapping;
	bool nat_pmp, address = m && address_refused(view);
	unsigned result;
	char name[24], wait[PHRASE_MAX];

	if (m) {
		nat_pmp = address || m->via == VIA_NAT_PMP;
		result = address ? m->address_result : m->result;
	} else {
		nat_pmp = !probe_says(view, VIA_PCP);
		result = nat_pmp ? view->rule->nat_pmp_result : view->rule->pcp_result;
	}
	const char *word = codes_result_name(nat_pmp, result, name, sizeof(name));

	if (nat_pmp)
		snprintf(text, size, "%s (NAT-PMP %u)", word, result);
	else if (m && m->error_lifetime)
		snprintf(text, size, "%s (%u), to be asked again after %s", word, result,
			phrase_duration(m->error_lifetime, wait, sizeof(wait)));
	else
		snprintf(text, size, "%s (%u)", word, result);
	return text;
}

static void tell_refused(const struct rule_view *view, struct finding *f)
{
	const struct event_mapping *m = view->mapping;
	char result[PHRASE_MAX];

	result_words(view, result, sizeof(result));
	if (!m)
		rule_text(f, "%s answered %s with %s.", view->name,
			probe_says(view, VIA_PCP) ? "a PCP ANNOUNCE" : "a NAT-PMP address request",
			result);
	else if (address_refused(view))
		rule_text(f, "%s granted %s, but says of its external address: %s.", view->name,
			view->what, result);
	else
		rule_text(f, "%s refused to %s %s: %s.", view->name,
			m->deleting		      ? "delete" :
				m->opcode == PCP_PEER ? "keep" :
							"map",
			view->what, result);
}

/* --- what to do about it --- */

/* With another nonce the lifetime is what is left of the mapping (RFC 6887, 11.3). */
static void advise_not_deleted(const struct event_mapping *m, struct finding *f)
{
	char left[PHRASE_MAX];

	if (m->via == VIA_NAT_PMP)
		rule_advice(f,
			"Likely the router's administrator made that mapping: it cannot be "
			"deleted from here.");
	else if (m->error_lifetime)
		rule_advice(f,
			"Likely it was made with another nonce, by another program or run: "
			"delete it there or with --nonce HEX; else it likely ends in %s.",
			phrase_duration(m->error_lifetime, left, sizeof(left)));
	else
		rule_advice(f,
			"Likely it was made with another nonce, by another program or run: "
			"delete it there or with --nonce HEX; else it ends by itself.");
}

static void tell_not_authorized(const struct rule_view *view, struct finding *f)
{
	const struct event_mapping *m = view->mapping;
	bool nonce = m && m->via == VIA_PCP;

	tell_refused(view, f);
	if (m && m->deleting)
		advise_not_deleted(m, f);
	else if (m && m->opcode == PCP_PEER && !m->options->has_third_party)
		rule_advice(f,
			"Likely another program or run has asked for this flow: its --nonce is "
			"needed; or the router's policy forbids it (" RULE_FRITZBOX ").");
	else if (m && m->options->has_third_party)
		rule_advice(f,
			"Likely mapping for others is off: miniupnpd.conf "
			"pcp_allow_thirdparty=yes permits it.");
	else
		rule_advice(f,
			"Permit it in the router (miniupnpd.conf: allow lines, often ports "
			"from 1024 on; " RULE_FRITZBOX ")%s.",
			nonce ? ", or give the --nonce that the mapping was made with" : "");
}

static void tell_quota(const struct rule_view *view, struct finding *f)
{
	tell_refused(view, f);
	rule_advice(f,
		"This host or line has as many mappings as it may: `pcpctl map --list` shows "
		"ours, `pcpctl map -d PORT` frees one.");
}

static void tell_no_resources(const struct rule_view *view, struct finding *f)
{
	const struct event_mapping *m = view->mapping;

	tell_refused(view, f);
	if (m && m->suggested_port == 0 && m->opcode == PCP_MAP)
		rule_advice(f,
			"Some routers (MikroTik) cannot choose a port: name one, "
			"`pcpctl map 8080:8080`, or delete mappings that nobody uses.");
	else
		rule_advice(f,
			"The server is out of ports, memory or rules: delete mappings that nobody "
			"uses (`pcpctl map -d PORT`) and try again later. miniupnpd says so too "
			"when its own external address is private: see `pcpctl discover`.");
}

static void tell_network_failure(const struct rule_view *view, struct finding *f)
{
	tell_refused(view, f);
	rule_advice(f,
		"The router has no external address that it would use: see whether its uplink "
		"is up; miniupnpd says so too when that address is private (a NAT above it).");
}

/* Where a NAT of the machine's own is the likely one. */
static const char *likely_nat(const struct ip *local)
{
	struct ip docker = ip_from_u32(0xac110000), vm = ip_from_u32(0x0a000200);

	if (ip_in_prefix(local, &docker, 16))
		return "Likely this is a Docker container: run it with --network host, or pcpctl "
		       "on "
		       "the host.";
	if (ip_in_prefix(local, &vm, 24))
		return "Likely this is a virtual machine behind its host's NAT: give it a bridged "
		       "network, or run pcpctl on the host.";
	return "Run pcpctl on the outer side of that NAT: on the host of a container (Docker: "
	       "--network host) or virtual machine, or on the router in between.";
}

static void tell_address_mismatch(const struct rule_view *view, struct finding *f)
{
	const struct ip *local = &view->server->server.local;
	char address[IP_TEXT_MAX];

	rule_text(f,
		"%s says ADDRESS_MISMATCH (12): requests of %s reach it from another address, so "
		"a NAT or proxy lies in between.",
		view->name, ip_format(local, address));
	rule_advice(f, "%s", likely_nat(local));
}

static void tell_auth_required(const struct rule_view *view, struct finding *f)
{
	tell_refused(view, f);
	rule_advice(f,
		"It wants PCP authentication (RFC 7652), which pcpctl does not speak: let the "
		"server's administrator permit this host without it.");
}

const struct rule rules_result[] = {
	{ { 7, "address-mismatch", SEVERITY_ERROR, "a NAT lies between this host and the server" },
		RULE_SERVER | RULE_MAPPING, refused, tell_address_mismatch, PCP_ADDRESS_MISMATCH,
		0 },
	{ { 39, "auth-required", SEVERITY_ERROR, "the server wants authentication" },
		RULE_SERVER | RULE_MAPPING, refused, tell_auth_required,
		PCP_AUTHENTICATION_REQUIRED, 0 },
	{ { 40, "quota", SEVERITY_ERROR, "the subscriber's mappings are used up" },
		RULE_SERVER | RULE_MAPPING, refused, tell_quota, PCP_USER_EX_QUOTA, 0 },
	{ { 40, "no-resources", SEVERITY_ERROR, "the server has no room for a mapping" },
		RULE_SERVER | RULE_MAPPING, out_of_resources, tell_no_resources, PCP_NO_RESOURCES,
		NATPMP_NO_RESOURCES },
	{ { 40, "network-failure", SEVERITY_ERROR, "the server has no external address" },
		RULE_SERVER | RULE_MAPPING, network_failed, tell_network_failure,
		PCP_NETWORK_FAILURE, NATPMP_NETWORK_FAILURE },
	{ { 40, "not-authorized", SEVERITY_ERROR, "the server's policy forbids it" },
		RULE_SERVER | RULE_MAPPING, refused, tell_not_authorized, PCP_NOT_AUTHORIZED,
		NATPMP_NOT_AUTHORIZED },
	{ { 0 }, 0, NULL, NULL, 0, 0 },
};
