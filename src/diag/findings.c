/* SPDX-License-Identifier: MIT
 * Asks every rule about every server and mapping, the worst kinds first.
 */
#include "diag/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "diag/phrase.h"
#include "diag/rules.h"

static const struct rule *const themes[] = { rules_reach, rules_answer, rules_result,
	rules_mapping };

#define THEMES (sizeof(themes) / sizeof(*themes))

static const struct rule *rule_at(size_t i)
{
	for (size_t t = 0; t < THEMES; t++)
		for (const struct rule *rule = themes[t]; rule->kind.id; rule++)
			if (i-- == 0)
				return rule;
	return NULL;
}

const struct finding_kind *findings_kind(size_t i)
{
	const struct rule *rule = rule_at(i);

	return rule ? &rule->kind : NULL;
}

const char *findings_severity_name(enum severity severity)
{
	static const char *const names[] = {
		[SEVERITY_INFO] = "info",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_ERROR] = "error",
	};

	return names[severity];
}

__attribute__((format(printf, 3, 0))) static void say(char *text, size_t size, const char *format,
	va_list ap)
{
	vsnprintf(text, size, format, ap);
}

void rule_text(struct finding *finding, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(finding->text, sizeof(finding->text), format, ap);
	va_end(ap);
}

void rule_advice(struct finding *finding, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(finding->advice, sizeof(finding->advice), format, ap);
	va_end(ap);
}

const char *rule_plural(unsigned n)
{
	return n == 1 ? "" : "s";
}

bool rule_is_held(const struct event_mapping *mapping)
{
	return event_is_grant(mapping->outcome);
}

bool rule_is_proton(const struct facts_server *server)
{
	struct ip gateway = ip_from_u32(0x0a020001);

	return ip_equal(&server->server.server.address, &gateway);
}

/* The fact's last words, when it is true of other mappings too. */
static void count_others(struct finding *finding, unsigned others)
{
	size_t n = strlen(finding->text);

	if (others == 0 || n == 0)
		return;
	n -= finding->text[n - 1] == '.';
	snprintf(finding->text + n, sizeof(finding->text) - n, " (and %u more mapping%s likewise).",
		others, rule_plural(others));
}

struct asking {
	const struct facts *facts;
	size_t server;
	struct rule_view view;
};

static struct finding tell(const struct rule_view *view)
{
	struct finding finding = { .id = view->rule->kind.id,
		.severity = view->rule->kind.severity,
		.server = view->server->server,
		.of_mapping = view->mapping && !(view->rule->scope & RULE_GENERAL) };

	view->rule->tell(view, &finding);
	return finding;
}

/* The rule's finding about the server's mappings: the first one is told. */
static bool ask_mappings(struct asking *asking, struct finding *finding)
{
	struct rule_view *view = &asking->view;
	char what[PHRASE_MAX];
	unsigned found = 0;

	if (!(view->rule->scope & RULE_MAPPING))
		return false;

	for (size_t i = 0; i < facts_mapping_count(asking->facts); i++) {
		if (facts_mapping_server(asking->facts, i) != asking->server)
			continue;
		view->mapping = facts_mapping(asking->facts, i);
		view->listening = facts_mapping_listening(asking->facts, i);
		if (!view->rule->holds(view) || found++ > 0)
			continue;
		view->what = phrase_mapping(view->mapping, what, sizeof(what));
		*finding = tell(view);
	}
	view->mapping = NULL;
	view->listening = NULL;
	view->what = "";
	if (found > 1)
		count_others(finding, found - 1);
	return found > 0;
}

static bool ask_server(struct asking *asking, struct finding *finding)
{
	const struct rule *rule = asking->view.rule;

	if (!(rule->scope & RULE_SERVER) || !rule->holds(&asking->view))
		return false;
	*finding = tell(&asking->view);
	return true;
}

/* What several rules want to know of all mappings of a server. */
static void look(struct asking *asking)
{
	const struct facts *facts = asking->facts;
	struct rule_view *view = &asking->view;

	view->external_known = view->server->has_probe && view->server->probe.has_external;
	for (size_t i = 0; i < facts_mapping_count(facts); i++) {
		const struct event_mapping *m = facts_mapping(facts, i);

		if (facts_mapping_server(facts, i) != asking->server)
			continue;
		view->external_known |= rule_is_held(m) && m->has_external_address;
		view->unanswered_mapping |= m->outcome == OUTCOME_UNANSWERED;
	}
}

void findings_each(const struct facts *facts,
	void (*take)(void *context, const struct finding *finding), void *context)
{
	char name[PHRASE_MAX];

	for (int severity = SEVERITY_ERROR; severity >= SEVERITY_INFO; severity--)
		for (size_t s = 0; s < facts_server_count(facts); s++) {
			struct asking asking = { .facts = facts, .server = s };
			struct rule_view *view = &asking.view;
			struct finding finding;

			view->server = facts_server(facts, s);
			view->name = phrase_server(&view->server->server, name, sizeof(name));
			view->what = "";
			look(&asking);
			for (size_t i = 0; (view->rule = rule_at(i)); i++) {
				if ((int)view->rule->kind.severity != severity)
					continue;
				if (ask_server(&asking, &finding)) {
					take(context, &finding);
					if (!(view->rule->scope & RULE_EACH))
						continue; /* said once */
				}
				if (ask_mappings(&asking, &finding))
					take(context, &finding);
			}
		}
}
