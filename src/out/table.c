/* SPDX-License-Identifier: MIT
 * The table of discover: columns as wide as what is in them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diag/phrase.h"
#include "out/form.h"
#include "out/visible.h"

enum { SERVER, VIA, PCP, NAT_PMP, EXTERNAL, RTT, COLUMNS };

struct row {
	char cells[COLUMNS][PHRASE_MAX];
};

static const struct row head = { { "SERVER", "VIA", "PCP", "NAT-PMP", "EXTERNAL", "RTT" } };

static void via_cell(const struct server_id *id, char *cell)
{
	static const struct {
		unsigned bit;
		const char *name;
	} ways[] = {
		{ FOUND_ROUTE, "default route" },
		{ FOUND_DHCP, "DHCP" },
		{ FOUND_ANYCAST, "anycast" },
		{ FOUND_OPTION, "-s" },
	};
	char text[PHRASE_MAX];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (id->found_by & ways[i].bit)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? " + " : "",
				ways[i].name);
	/* what was named by hand is shown as it was named */
	if (id->interface[0] && id->found_by != FOUND_OPTION)
		snprintf(text + n, sizeof(text) - n, "%s%s", n ? ", " : "", id->interface);
	visible(text, strlen(text), cell, PHRASE_MAX);
}

static void status_cell(const struct event_probe *probe, bool nat_pmp, char *cell)
{
	static const char *const words[] = {
		[PROBE_SKIPPED] = "-",
		[PROBE_OK] = "yes",
		[PROBE_UNSUPPORTED] = "unsupported",
		[PROBE_REFUSED] = "port unreachable",
		[PROBE_PROHIBITED] = "prohibited",
		[PROBE_UNREACHABLE] = "unreachable",
		[PROBE_SILENT] = "silent",
		[PROBE_ERROR] = "error",
		[PROBE_MALFORMED] = "malformed",
	};
	char text[PHRASE_MAX];

	if (probe->status == PROBE_ERROR)
		snprintf(cell, PHRASE_MAX, "error %s",
			codes_result_name(nat_pmp, probe->result, text, sizeof(text)));
	else if (probe->status == PROBE_OK && !nat_pmp && probe->has_epoch)
		snprintf(cell, PHRASE_MAX, "v%u, epoch %s", probe->version,
			phrase_duration(probe->epoch, text, sizeof(text)));
	else if (probe->status == PROBE_OK && !nat_pmp)
		snprintf(cell, PHRASE_MAX, "v%u", probe->version);
	else
		snprintf(cell, PHRASE_MAX, "%s", words[probe->status]);
}

/* One ICMP error is the end of both protocols: it is shown once. */
static bool said_once(const struct event_server *s)
{
	return s->nat_pmp.status == s->pcp.status &&
		(s->pcp.status == PROBE_REFUSED || s->pcp.status == PROBE_PROHIBITED ||
			s->pcp.status == PROBE_UNREACHABLE);
}

static void fill(const struct event_server *s, struct row *row)
{
	int64_t rtt = s->pcp.rtt > 0 ? s->pcp.rtt : s->nat_pmp.rtt;

	form_server(&s->server, row->cells[SERVER], PHRASE_MAX);
	via_cell(&s->server, row->cells[VIA]);
	status_cell(&s->pcp, false, row->cells[PCP]);
	if (said_once(s))
		snprintf(row->cells[NAT_PMP], PHRASE_MAX, "-");
	else
		status_cell(&s->nat_pmp, true, row->cells[NAT_PMP]);
	if (s->has_external)
		ip_format(&s->external_address, row->cells[EXTERNAL]);
	else
		snprintf(row->cells[EXTERNAL], PHRASE_MAX, "-");
	if (rtt > 0)
		phrase_rtt(rtt, row->cells[RTT], PHRASE_MAX);
	else
		snprintf(row->cells[RTT], PHRASE_MAX, "-");
}

static void widen(int widths[static COLUMNS], const struct row *row)
{
	for (size_t c = 0; c < COLUMNS; c++)
		if ((int)strlen(row->cells[c]) > widths[c])
			widths[c] = (int)strlen(row->cells[c]);
}

static void print(FILE *out, const int widths[static COLUMNS], const struct row *row)
{
	for (size_t c = 0; c < COLUMNS - 1; c++)
		fprintf(out, "%-*s  ", widths[c], row->cells[c]);
	fprintf(out, "%s\n", row->cells[COLUMNS - 1]);
}

void text_servers(struct output *output, const struct event *events, size_t n)
{
	int widths[COLUMNS] = { 0 };
	struct row *rows = n ? calloc(n, sizeof(*rows)) : NULL;

	if (!rows) {
		output->failed |= n > 0;
		return;
	}
	widen(widths, &head);
	for (size_t i = 0; i < n; i++) {
		fill(&events[i].server, &rows[i]);
		widen(widths, &rows[i]);
	}
	print(output->settings.out, widths, &head);
	for (size_t i = 0; i < n; i++)
		print(output->settings.out, widths, &rows[i]);
	free(rows);
}
