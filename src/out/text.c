/* SPDX-License-Identifier: MIT
 * The text form: results for a person, one line each on stdout, the rest on stderr.
 */
#include <string.h>

#include "diag/phrase.h"
#include "out/form.h"
#include "out/outcome.h"
#include "out/packet.h"
#include "out/visible.h"
#include "out/when.h"

#define FOR_EVER UINT32_MAX /* a static mapping (RFC 6887, 15) */

/* --- mappings --- */

static const char *expiry(const struct event_mapping *m, int64_t wall_ms, char *text, size_t size)
{
	char span[PHRASE_MAX], until[WHEN_MAX];

	if (m->lifetime == FOR_EVER)
		snprintf(text, size, "for ever");
	else
		snprintf(text, size, "%s, until %s",
			phrase_duration(m->lifetime, span, sizeof(span)),
			when_near(wall_ms + (int64_t)m->lifetime * 1000, wall_ms, until,
				sizeof(until)));
	return text;
}

static void print_gone(struct output *output, const struct event_mapping *m)
{
	FILE *out = output->settings.out;
	char protocol[16], text[PHRASE_MAX], server[PHRASE_MAX], span[PHRASE_MAX];
	bool let_go = m->opcode == PCP_PEER && m->outcome == OUTCOME_DELETED;

	fprintf(out, "%s  %s", phrase_protocol(m, protocol, sizeof(protocol)),
		phrase_side(&m->internal_address, m->internal_port, phrase_is_all_ports(m), text,
			sizeof(text)));
	if (m->opcode == PCP_PEER)
		fprintf(out, " with %s",
			phrase_endpoint(&m->remote_address, m->remote_port, text, sizeof(text)));
	/* Of a flow nothing can be deleted (RFC 6887, 12.1). */
	fprintf(out, " %s", let_go ? "no longer kept" : event_outcome_name(m->outcome));
	if (m->outcome == OUTCOME_DELETED && m->lifetime)
		fprintf(out, ", lives on for %s", phrase_duration(m->lifetime, span, sizeof(span)));
	fprintf(out, "  (%s, %s)\n", phrase_via(m->via),
		form_server(&m->server, server, sizeof(server)));
}

/* What sets a line apart from a plain grant. */
static void print_change(FILE *out, const struct event_mapping *m)
{
	char previous[PHRASE_MAX];

	if (m->recorded && m->outcome == OUTCOME_UNANSWERED)
		fprintf(out, "  not confirmed");
	else if (m->outcome != OUTCOME_GRANTED)
		fprintf(out, "  %s", event_outcome_name(m->outcome));
	if (m->elsewhere)
		fprintf(out, "  elsewhere (%s)", m->server.interface);
	if (m->outcome == OUTCOME_CHANGED && m->has_previous)
		fprintf(out, ", was %s",
			phrase_side(ip_is_any(&m->previous_address) ? NULL : &m->previous_address,
				m->previous_port, false, previous, sizeof(previous)));
}

static void print_grant(struct output *output, const struct event_mapping *m, int64_t wall_ms)
{
	FILE *out = output->settings.out;
	char protocol[16], text[PHRASE_MAX], server[PHRASE_MAX];

	fprintf(out, "%s  %s", phrase_protocol(m, protocol, sizeof(protocol)),
		phrase_side(m->has_external_address ? &m->external_address : NULL, m->external_port,
			phrase_is_all_ports(m), text, sizeof(text)));
	fprintf(out, " -> %s",
		phrase_side(&m->internal_address, m->internal_port, phrase_is_all_ports(m), text,
			sizeof(text)));
	if (m->opcode == PCP_PEER)
		fprintf(out, "  with %s",
			phrase_endpoint(&m->remote_address, m->remote_port, text, sizeof(text)));
	fprintf(out, "  %s", expiry(m, wall_ms, text, sizeof(text)));
	fprintf(out, "  (%s, %s)", phrase_via(m->via),
		form_server(&m->server, server, sizeof(server)));
	print_change(out, m);
	fputc('\n', out);
}

void text_mapping_problem(struct output *output, const struct event_mapping *m, int64_t wall_ms)
{
	char line[FORM_LINE_MAX];
	char what[PHRASE_MAX];
	int n = snprintf(line, sizeof(line), "%s: ", phrase_mapping(m, what, sizeof(what)));
	const char *word = outcome_problem(m, wall_ms, line + n, sizeof(line) - (size_t)n);

	form_err(output, line, word);
}

static void text_mapping(struct output *output, const struct event *event)
{
	const struct event_mapping *m = &event->mapping;

	if (!outcome_is_answer(m))
		text_mapping_problem(output, m, event->wall_ms);
	else if (m->outcome == OUTCOME_DELETED || m->outcome == OUTCOME_LOST)
		print_gone(output, m);
	else
		print_grant(output, m, event->wall_ms);
}

/* --- what happens on the way --- */

static void indented(void *context, const char *text)
{
	fprintf(context, "    %s\n", text);
}

static void print_packet(struct output *output, const struct event *event)
{
	const struct event_packet *e = &event->packet;
	FILE *err = output->settings.err;
	char time[WHEN_MAX], title[PHRASE_MAX], peer[PHRASE_MAX];
	struct packet packet;

	if (output->settings.verbose < (e->drop == DROP_NONE ? 1 : 2))
		return;
	packet_decode(e->octets, e->length, &packet);
	fprintf(err, "%s %s %s  %s, %zu octet%s", when_time_ms(event->wall_ms, time, sizeof(time)),
		e->sent ? ">" : "<", form_server(&e->server, peer, sizeof(peer)),
		packet_title(&packet, title, sizeof(title)), e->whole, e->whole == 1 ? "" : "s");
	fputs(e->drop == DROP_NONE ? "\n" : "; dropped\n", err);
	packet_lines(&packet, indented, err);
	if (output->settings.verbose > 1)
		packet_dump(e->octets, e->length, indented, err);
}

static void print_dropped(struct output *output, const struct event_dropped *dropped)
{
	char line[FORM_LINE_MAX], from[PHRASE_MAX], octets[16], numbers[64] = "";

	if (output->settings.verbose < 2)
		return;
	if (dropped->got != dropped->expected)
		snprintf(numbers, sizeof(numbers), " (%u, expected %u)", dropped->got,
			dropped->expected);
	snprintf(line, sizeof(line), "dropped %zu octets from %s (%s...): %s%s", dropped->length,
		phrase_endpoint(&dropped->from.address, dropped->from.port, from, sizeof(from)),
		packet_hex(dropped->octets,
			dropped->length < sizeof(dropped->octets) ? dropped->length :
								    sizeof(dropped->octets),
			octets, sizeof(octets)),
		event_drop_name(dropped->reason), numbers);
	form_err(output, line, NULL);
}

static void print_version(struct output *output, const struct event_version *version)
{
	char line[FORM_LINE_MAX], server[PHRASE_MAX], waited[PHRASE_MAX];

	if (output->settings.verbose == 0)
		return;
	phrase_server(&version->server, server, sizeof(server));
	switch (version->change) {
	case VERSION_SAID_NAT_PMP:
		snprintf(line, sizeof(line), "%s does not speak PCP, it says: NAT-PMP is used",
			server);
		break;
	case VERSION_FELL_BACK:
		snprintf(line, sizeof(line),
			"%s left %u version-2 request%s without an answer for %s and answered "
			"NAT-PMP: NAT-PMP is used",
			server, version->attempts, version->attempts == 1 ? "" : "s",
			phrase_rtt(version->waited, waited, sizeof(waited)));
		break;
	case VERSION_PCP_LATER:
		snprintf(line, sizeof(line), "%s answered PCP after all, too late to be used",
			server);
		break;
	}
	form_err(output, line, NULL);
}

static void print_error(struct output *output, const struct event_error *error)
{
	char line[FORM_LINE_MAX], server[PHRASE_MAX], text[PHRASE_MAX];

	if (output->settings.verbose == 0)
		return;
	snprintf(line, sizeof(line), "%s: %s",
		phrase_server(&error->server, server, sizeof(server)),
		phrase_error(&error->error, text, sizeof(text)));
	form_err(output, line, NULL);
}

/* Where it is a result: on stdout, as the lines of mappings are. */
static void print_lively(struct output *output, const char *line)
{
	char shown[FORM_LINE_MAX];

	visible(line, strlen(line), shown, sizeof(shown));
	fprintf(output->settings.out, "%s\n", shown);
	output_flush(output);
}

static void print_epoch(struct output *output, const struct event_epoch *epoch)
{
	char line[FORM_LINE_MAX], server[PHRASE_MAX];

	if (!epoch->regressed && epoch->has_rtt && output->settings.verbose == 0)
		return; /* a sample that shows nothing */
	phrase_server(&epoch->server, server, sizeof(server));
	if (epoch->regressed)
		snprintf(line, sizeof(line),
			"%s lost its state: epoch %u s, was %u s, expected %lld s; %s", server,
			epoch->current, epoch->previous, (long long)epoch->expected,
			phrase_epoch_kind(epoch->kind));
	else
		snprintf(line, sizeof(line), "%s: epoch %u s, as expected%s", server,
			epoch->current, epoch->has_rtt ? "" : " again");
	if (output->settings.lively)
		print_lively(output, line);
	else
		form_err(output, line, "lost its state");
}

void text_event(struct output *output, const struct event *event)
{
	switch (event->kind) {
	case EVENT_PACKET:
		print_packet(output, event);
		break;
	case EVENT_DROPPED:
		print_dropped(output, &event->dropped);
		break;
	case EVENT_VERSION:
		print_version(output, &event->version);
		break;
	case EVENT_ERROR:
		print_error(output, &event->error);
		break;
	case EVENT_EPOCH:
		print_epoch(output, &event->epoch);
		break;
	case EVENT_ANNOUNCE:
		announce_text(output, event);
		break;
	case EVENT_MAPPING:
	case EVENT_SERVER:
		break;
	}
}

static void text_dry(struct output *output, const struct event *event)
{
	const struct event_packet *e = &event->packet;
	FILE *out = output->settings.out;
	char title[PHRASE_MAX], peer[PHRASE_MAX];
	struct packet packet;

	packet_decode(e->octets, e->length, &packet);
	fprintf(out, "%s to %s, %zu octets (not sent)\n",
		packet_title(&packet, title, sizeof(title)),
		form_server(&e->server, peer, sizeof(peer)), e->whole);
	packet_lines(&packet, indented, out);
	packet_dump(e->octets, e->length, indented, out);
}

/* --- findings and messages --- */

static void text_finding(struct output *output, const struct finding *finding,
	const struct event *when)
{
	static const char *const colors[] = {
		[SEVERITY_INFO] = "",
		[SEVERITY_WARNING] = "\033[1;33m",
		[SEVERITY_ERROR] = "\033[1;31m",
	};
	bool color = output->settings.color && finding->severity != SEVERITY_INFO;
	char text[FORM_LINE_MAX], line[FORM_LINE_MAX], since[WHEN_MAX];

	(void)when; /* only a record carries its time */
	form_finding_text(finding, when_date(finding->since_ms, since, sizeof(since)), text,
		sizeof(text));
	visible(text, strlen(text), line, sizeof(line));
	if (fflush(output->settings.out) != 0)
		output->failed = true;
	fprintf(output->settings.err, "%s%c%s %s", color ? colors[finding->severity] : "",
		finding->severity == SEVERITY_ERROR ? '!' : '*', color ? "\033[0m" : "", line);
	visible(finding->advice, strlen(finding->advice), line, sizeof(line));
	fprintf(output->settings.err, "%s%s\n", line[0] ? " " : "", line);
}

static void text_error(struct output *output, int64_t wall_ms, int exit_status, const char *text)
{
	(void)wall_ms;
	(void)exit_status;
	form_err(output, text, NULL);
}

void text_note(struct output *output, const char *text)
{
	form_err(output, text, NULL);
}

const struct form form_text = {
	.mapping = text_mapping,
	.servers = text_servers,
	.event = text_event,
	.dry = text_dry,
	.finding = text_finding,
	.error = text_error,
	.note = text_note,
};
