/* SPDX-License-Identifier: MIT
 * Announcements: what was heard, from whom, and whether it means a restart.
 */
#include <stdio.h>
#include <string.h>

#include "diag/phrase.h"
#include "out/form.h"
#include "out/json.h"
#include "out/vars.h"
#include "out/visible.h"
#include "out/when.h"

/* As -s takes it: with the interface of a link-local address, and with the port where it
 * is not the one of servers. */
static const char *server_of(const struct event_announce *announce, char *text, size_t size)
{
	struct server_id id = { .server = announce->source };

	memcpy(id.interface, announce->interface, sizeof(id.interface));
	return phrase_server(&id, text, size);
}

/* For the eye: the interface in any case. */
static const char *source_of(const struct event_announce *announce, char *text, size_t size)
{
	char raw[PHRASE_MAX];
	size_t used;

	server_of(announce, raw, sizeof(raw));
	used = strlen(raw);
	if (announce->interface[0] && !strchr(raw, '%'))
		snprintf(raw + used, sizeof(raw) - used, "%%%s", announce->interface);
	visible(raw, strlen(raw), text, size);
	return text;
}

static const char *what_of(const struct event_announce *announce, char *text, size_t size)
{
	char address[IP_TEXT_MAX];

	if (announce->via == VIA_PCP)
		snprintf(text, size, "PCP ANNOUNCE");
	else
		snprintf(text, size, "NAT-PMP external address %s",
			announce->has_external ? ip_format(&announce->external_address, address) :
						 "unknown");
	return text;
}

/* --- text --- */

static void print_repeat(struct output *output, const struct event_announce *announce)
{
	char line[FORM_LINE_MAX], what[PHRASE_MAX], source[PHRASE_MAX];

	if (output->settings.verbose == 0)
		return;
	snprintf(line, sizeof(line), "%s: %s, epoch %u s: repeat %u of the same announcement",
		source_of(announce, source, sizeof(source)), what_of(announce, what, sizeof(what)),
		announce->epoch, announce->count - 1);
	form_err(output, line, NULL);
}

/* What the Epoch says, or why it says nothing. */
static void print_meaning(FILE *out, const struct event_announce *announce, bool color)
{
	const char *on = color ? "\033[1;31m" : "", *off = color ? "\033[0m" : "";

	if (!announce->trusted && announce->source.port != PCP_PORT)
		fprintf(out, "  from port %u, not %d: clients must ignore it",
			announce->source.port, PCP_PORT);
	else if (!announce->trusted)
		fprintf(out, "  not a router of this host: clients must ignore it");
	else if (announce->restarted)
		fprintf(out, "  %srestarted%s: was %u s, expected %lld s", on, off,
			announce->previous, (long long)announce->expected);
	else if (announce->has_expected)
		fprintf(out, "  no restart: expected %lld s", (long long)announce->expected);
}

static void print_verified(FILE *out, const struct event_announce *announce)
{
	if (announce->verified && announce->answer_epoch < announce->epoch)
		fprintf(out, "  confirmed by unicast, which says epoch %u s",
			announce->answer_epoch);
	else if (announce->verified)
		fprintf(out, "  confirmed by unicast");
	else if (announce->answered)
		fprintf(out, "  not confirmed: asked by unicast, it says epoch %u s",
			announce->answer_epoch);
	else
		fprintf(out, "  not confirmed: no answer by unicast");
}

void announce_text(struct output *output, const struct event *event)
{
	const struct event_announce *announce = &event->announce;
	FILE *out = output->settings.out;
	char time[WHEN_MAX], source[PHRASE_MAX], what[PHRASE_MAX];
	size_t width;

	if (announce->count > 1) {
		print_repeat(output, announce);
		return;
	}
	width = strlen(source_of(announce, source, sizeof(source)));
	if (width > output->source_width)
		output->source_width = width;
	fprintf(out, "%s  %-*s  %s  epoch %u s", when_time_ms(event->wall_ms, time, sizeof(time)),
		(int)output->source_width, source, what_of(announce, what, sizeof(what)),
		announce->epoch);
	if (announce->asked)
		print_verified(out, announce);
	else
		print_meaning(out, announce, output->settings.color);
	fputc('\n', out);
}

/* --- quiet --- */

void announce_quiet(struct output *output, const struct event *event)
{
	const struct event_announce *announce = &event->announce;
	char raw[PHRASE_MAX], source[PHRASE_MAX], address[IP_TEXT_MAX];

	server_of(announce, raw, sizeof(raw));
	visible(raw, strlen(raw), source, sizeof(source));
	fprintf(output->settings.out, "%s %s %u %s%s\n", source, event_via_name(announce->via),
		announce->epoch,
		announce->has_external ? ip_format(&announce->external_address, address) : "-",
		!announce->asked	   ? "" :
			announce->verified ? " verified" :
					     " unverified");
}

/* --- JSON --- */

void announce_record(struct output *output, const struct event *event)
{
	const struct event_announce *announce = &event->announce;
	struct json r = json_begin(output, "announce", event->wall_ms);
	char source[PHRASE_MAX];

	json_put_string(&r, "source", server_of(announce, source, sizeof(source)));
	if (announce->interface[0])
		json_put_string(&r, "interface", announce->interface);
	json_put_string(&r, "protocol", event_via_name(announce->via));
	json_put_number(&r, "epoch", announce->epoch);
	if (announce->has_external)
		json_put_ip(&r, "external_address", &announce->external_address);
	json_put_bool(&r, "trusted", announce->trusted);
	if (announce->asked)
		json_put_bool(&r, "verified", announce->verified);
	if (announce->has_expected) {
		json_put_number(&r, "expected_epoch", announce->expected);
		json_put_bool(&r, "restarted", announce->restarted);
	}
	json_put_number(&r, "count", announce->count);
	json_end(&r);
}

/* --- variables --- */

static void add_bool(struct vars *vars, const char *name, bool known, bool value)
{
	vars_add(vars, name, !known ? "" : value ? "true" : "false");
}

void vars_of_announce(const struct event *event, struct vars *vars)
{
	const struct event_announce *announce = &event->announce;
	char text[PHRASE_MAX], address[IP_TEXT_MAX];

	vars->count = 0;
	vars_add(vars, "PCP_EVENT", "announce");
	vars_add(vars, "PCP_SERVER", server_of(announce, text, sizeof(text)));
	vars_add(vars, "PCP_VIA", event_via_name(announce->via));
	snprintf(text, sizeof(text), "%u", announce->epoch);
	vars_add(vars, "PCP_EPOCH", text);
	vars_add(vars, "PCP_EXTERNAL_ADDRESS",
		announce->has_external ? ip_format(&announce->external_address, address) : "");
	add_bool(vars, "PCP_TRUSTED", true, announce->trusted);
	add_bool(vars, "PCP_RESTARTED", announce->has_expected, announce->restarted);
	add_bool(vars, "PCP_VERIFIED", announce->asked, announce->verified);
}
