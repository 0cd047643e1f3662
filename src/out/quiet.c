/* SPDX-License-Identifier: MIT
 * The quiet form: only the answers, one line each, `-` where there is none. Why
 * there is none is still said on stderr.
 */
#include "diag/phrase.h"
#include "out/form.h"
#include "out/outcome.h"

static void quiet_mapping(struct output *output, const struct event *event)
{
	const struct event_mapping *m = &event->mapping;
	FILE *out = output->settings.out;
	char text[PHRASE_MAX];
	bool gone = m->outcome == OUTCOME_DELETED || m->outcome == OUTCOME_LOST;

	if (!outcome_is_answer(m))
		text_mapping_problem(output, m, event->wall_ms);
	if (!outcome_is_answer(m) && output->settings.stays)
		return; /* what was granted may stand all the same */
	if (!outcome_is_answer(m) || gone || !m->has_external_port)
		fprintf(out, "-\n");
	else if (m->has_external_address)
		fprintf(out, "%s\n",
			phrase_endpoint(&m->external_address, m->external_port, text,
				sizeof(text)));
	else
		fprintf(out, "?:%u\n", m->external_port);
}

static void quiet_servers(struct output *output, const struct event *events, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct event_server *s = &events[i].server;
		enum via via = form_verdict(s);
		char server[PHRASE_MAX], external[IP_TEXT_MAX];

		if (via == VIA_NONE)
			continue;
		fprintf(output->settings.out, "%s %s %s\n",
			form_server(&s->server, server, sizeof(server)), event_via_name(via),
			s->has_external ? ip_format(&s->external_address, external) : "-");
	}
}

static void quiet_event(struct output *output, const struct event *event)
{
	if (event->kind == EVENT_ANNOUNCE)
		announce_quiet(output, event);
	else
		text_event(output, event);
}

static void quiet_finding(struct output *output, const struct finding *finding,
	const struct event *when)
{
	(void)output;
	(void)finding;
	(void)when;
}

static void quiet_dry(struct output *output, const struct event *event)
{
	form_text.dry(output, event);
}

static void quiet_error(struct output *output, int64_t wall_ms, int exit_status, const char *text)
{
	form_text.error(output, wall_ms, exit_status, text);
}

static void quiet_note(struct output *output, const char *text)
{
	(void)output;
	(void)text;
}

const struct form form_quiet = {
	.mapping = quiet_mapping,
	.servers = quiet_servers,
	.event = quiet_event,
	.dry = quiet_dry,
	.finding = quiet_finding,
	.error = quiet_error,
	.note = quiet_note,
};
