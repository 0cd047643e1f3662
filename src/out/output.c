/* SPDX-License-Identifier: MIT
 * The choice of the form, and what all forms share.
 */
#include "out/output.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "diag/phrase.h"
#include "out/form.h"
#include "out/visible.h"

static const struct form *const forms[] = {
	[OUTPUT_TEXT] = &form_text,
	[OUTPUT_JSON] = &form_json,
	[OUTPUT_QUIET] = &form_quiet,
};

struct output *output_new(const struct output_settings *settings)
{
	struct output *output = calloc(1, sizeof(*output));

	if (!output)
		return NULL;
	output->settings = *settings;
	output->form = forms[settings->form];
	return output;
}

void output_free(struct output *output)
{
	free(output);
}

void output_mapping(struct output *output, const struct event *event)
{
	output->form->mapping(output, event);
}

void output_servers(struct output *output, const struct event *events, size_t n)
{
	output->form->servers(output, events, n);
}

void output_event(struct output *output, const struct event *event)
{
	output->form->event(output, event);
}

void output_dry(struct output *output, const struct event *event)
{
	output->form->dry(output, event);
}

void output_finding(struct output *output, const struct finding *finding, const struct event *when)
{
	output->form->finding(output, finding, when);
}

void output_error(struct output *output, int64_t wall_ms, int exit_status, const char *format, ...)
{
	char text[FORM_LINE_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	output->form->error(output, wall_ms, exit_status, text);
}

void output_note(struct output *output, const char *format, ...)
{
	char text[FORM_LINE_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	output->form->note(output, text);
}

bool output_flush(struct output *output)
{
	return output_end(output) == 0;
}

int output_end(struct output *output)
{
	FILE *out = output->settings.out;

	/* fflush alone forgets what an earlier flush failed to write */
	if (fflush(out) != 0 || ferror(out))
		output->failed = true;
	fflush(output->settings.err);
	return output->failed ? -1 : 0;
}

const char *output_duration(uint64_t seconds, char *text, size_t size)
{
	return phrase_duration(seconds, text, size);
}

const char *output_server(const struct server_id *server, char *text, size_t size)
{
	return phrase_server(server, text, size);
}

/* --- shared by the forms --- */

#define SGR_BAD "\033[1;31m"
#define SGR_OFF "\033[0m"

void form_err(struct output *output, const char *text, const char *word)
{
	FILE *err = output->settings.err;
	char line[FORM_LINE_MAX];
	const char *at;

	if (fflush(output->settings.out) != 0)
		output->failed = true;
	visible(text, strlen(text), line, sizeof(line));
	at = word && output->settings.color ? strstr(line, word) : NULL;
	fprintf(err, "pcpctl: %s: ", output->settings.command);
	if (at)
		fprintf(err, "%.*s" SGR_BAD "%s" SGR_OFF "%s\n", (int)(at - line), line, word,
			at + strlen(word));
	else
		fprintf(err, "%s\n", line);
}

void form_finding_text(const struct finding *finding, const char *when, char *text, size_t size)
{
	const char *at = finding->since_ms ? strstr(finding->text, FINDING_WHEN) : NULL;

	if (at)
		snprintf(text, size, "%.*s%s%s", (int)(at - finding->text), finding->text, when,
			at + strlen(FINDING_WHEN));
	else
		snprintf(text, size, "%s", finding->text);
}

const char *form_server(const struct server_id *id, char *text, size_t size)
{
	char raw[PHRASE_MAX];

	phrase_server(id, raw, sizeof(raw));
	visible(raw, strlen(raw), text, size);
	return text;
}

enum via form_verdict(const struct event_server *server)
{
	const struct event_probe *pcp = &server->pcp, *nat_pmp = &server->nat_pmp;

	if (pcp->status == PROBE_OK || pcp->status == PROBE_ERROR)
		return VIA_PCP;
	if (nat_pmp->status == PROBE_OK || nat_pmp->status == PROBE_ERROR)
		return VIA_NAT_PMP;
	/* Who refuses one version speaks the other, if that was not asked. */
	if (pcp->status == PROBE_UNSUPPORTED && nat_pmp->status == PROBE_SKIPPED)
		return VIA_NAT_PMP;
	if (nat_pmp->status == PROBE_UNSUPPORTED && pcp->status == PROBE_SKIPPED)
		return VIA_PCP;
	return VIA_NONE;
}
