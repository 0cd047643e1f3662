/* SPDX-License-Identifier: MIT
 * Inside of findings: what a rule is, and the rules of each theme.
 */
#ifndef DIAG_RULES_H
#define DIAG_RULES_H

#include <stdbool.h>

#include "diag/findings.h"

/* What a rule is asked about: bits. */
enum rule_scope {
	RULE_SERVER = 1,
	RULE_MAPPING = 2,
	RULE_EACH = 8, /* of server and mapping it says different things: both are said */
	RULE_GENERAL = 4, /* seen at a mapping, but it is how the server is in general */
};

struct rule;

/* One server, or one mapping at it. */
struct rule_view {
	const struct rule *rule;
	const struct facts_server *server;
	const struct event_mapping *mapping; /* NULL in the scope of a server */
	const struct net_listening *listening; /* on its internal port; NULL as the mapping */
	const char *name; /* the server as text */
	const char *what; /* the mapping as text, "" without one */
	bool unanswered_mapping; /* some mapping at this server had no answer */
	bool external_known; /* some mapping or the probe has the external address */
};

struct rule {
	struct finding_kind kind;
	unsigned scope;
	bool (*holds)(const struct rule_view *view);
	void (*tell)(const struct rule_view *view, struct finding *finding);
	unsigned pcp_result, nat_pmp_result; /* for the rules about result codes; 0: none */
};

/* Themes. A table ends with a rule without an id. */
extern const struct rule rules_reach[]; /* is there a server, and does it answer */
extern const struct rule rules_answer[]; /* is what it answers sound */
extern const struct rule rules_result[]; /* it says no */
extern const struct rule rules_mapping[]; /* what it granted */

void rule_text(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void rule_advice(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Where a FRITZ!Box permits it, in English and German. */
#define RULE_FRITZBOX                                                                              \
	"FRITZ!Box: Internet > Permit Access (Freigaben) > Port Sharing, this device, permit "     \
	"independent port sharing"

/* "s" unless n is 1. */
const char *rule_plural(unsigned n);
/* Is there a mapping at the end of this (granted, renewed, changed, recovered)? */
bool rule_is_held(const struct event_mapping *mapping);
/* ProtonVPN's gateway, the one VPN gateway with an address of its own. */
bool rule_is_proton(const struct facts_server *server);

#endif
