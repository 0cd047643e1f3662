/* SPDX-License-Identifier: MIT
 * A ring of what happened last.
 */
#include "trace.h"

#include <inttypes.h>
#include <string.h>

#include "octets.h"

const char *trace_instant(struct mono at, char text[static 32])
{
	int64_t ms = mono_since(at, SIM_START) / MSEC;
	int64_t s = ms / 1000;

	snprintf(text, 32, "day %d %02d:%02d:%02d.%03d", (int)(s / 86400), (int)(s / 3600 % 24),
		(int)(s / 60 % 60), (int)(s % 60), (int)(ms % 1000));
	return text;
}

/* --- lines --- */

static void print_version2(const struct trace *trace, FILE *file)
{
	const uint8_t *p = trace->octets;
	bool answer = p[1] & 0x80;

	fprintf(file, "%s", (p[1] & 0x7f) == 0 ? "ANNOUNCE" : "MAP");
	if (answer && trace->length >= 12)
		fprintf(file, " result %u epoch %" PRIu32, p[3], get32(p + 8));
	if (trace->length >= 60)
		fprintf(file, " nonce ..%02x%02x %s %u -> %u lifetime %" PRIu32, p[34], p[35],
			p[36] == 6 ? "tcp" : "udp", get16(p + 40), get16(p + 42), get32(p + 4));
}

static void print_version0(const struct trace *trace, FILE *file)
{
	const uint8_t *p = trace->octets;
	unsigned opcode = p[1] & 0x7f;

	fprintf(file, "%s", opcode == 0 ? "address" : opcode == 1 ? "map udp" : "map tcp");
	if (trace->length >= 8 && trace->length != 12)
		fprintf(file, " result %u epoch %" PRIu32, get16(p + 2), get32(p + 4));
	if (trace->length == 12 && opcode)
		fprintf(file, " %u -> %u lifetime %" PRIu32, get16(p + 4), get16(p + 6),
			get32(p + 8));
	else if (trace->length == 12)
		fprintf(file, " result %u epoch %" PRIu32 " %u.%u.%u.%u", get16(p + 2),
			get32(p + 4), p[8], p[9], p[10], p[11]);
	else if (trace->length == 16)
		fprintf(file, " %u -> %u lifetime %" PRIu32, get16(p + 8), get16(p + 10),
			get32(p + 12));
}

static void print_event(const struct trace *trace, FILE *file)
{
	switch (trace->event) {
	case EVENT_MAPPING:
		fprintf(file, "event: want %u %s, port %u", trace->want,
			event_outcome_name(trace->outcome), trace->port);
		break;
	case EVENT_EPOCH:
		fprintf(file, "event: Epoch %" PRId64 " %s", trace->number, trace->text);
		break;
	case EVENT_DROPPED:
		fprintf(file, "event: dropped, %s", trace->text);
		break;
	default:
		fprintf(file, "event: %s %" PRId64, trace->text, trace->number);
		break;
	}
}

static void print(const struct trace *trace, FILE *file)
{
	static const char *const arrows[] = { "->", "<-", "lost" };
	char instant[32];

	fprintf(file, "#   %s  ", trace_instant(trace->at, instant));
	switch (trace->kind) {
	case TRACE_SENT:
	case TRACE_CAME:
	case TRACE_LOST:
		fprintf(file, "%-4s router %u v%u ", arrows[trace->kind], trace->router,
			trace->octets[0]);
		(trace->octets[0] == 2 ? print_version2 : print_version0)(trace, file);
		break;
	case TRACE_EVENT:
		print_event(trace, file);
		break;
	case TRACE_CHANGE:
		fprintf(file, "**   router %u: %s %" PRId64, trace->router, trace->text,
			trace->number);
		break;
	}
	fputc('\n', file);
}

void trace_print(const struct sim *sim, FILE *file)
{
	uint64_t first = sim->traced > TRACES ? sim->traced - TRACES : 0;

	for (uint64_t i = first; i < sim->traced; i++)
		print(&sim->traces[i % TRACES], file);
}

/* --- what happens --- */

static struct trace *add(struct sim *sim, enum trace_kind kind, unsigned router)
{
	struct trace *trace = &sim->traces[sim->traced++ % TRACES];

	trace->kind = kind;
	trace->at = sim->now;
	trace->router = router;
	return trace;
}

static void added(const struct sim *sim, const struct trace *trace)
{
	if (sim->verbose)
		print(trace, stdout);
}

void trace_datagram(struct sim *sim, enum trace_kind kind, unsigned router, const uint8_t *octets,
	size_t length)
{
	struct trace *trace = add(sim, kind, router);

	trace->length = length;
	memset(trace->octets, 0, sizeof(trace->octets));
	memcpy(trace->octets, octets,
		length < sizeof(trace->octets) ? length : sizeof(trace->octets));
	added(sim, trace);
}

void trace_event(struct sim *sim, const struct event *event)
{
	struct trace *trace = add(sim, TRACE_EVENT, 0);

	trace->event = event->kind;
	trace->number = 0;
	trace->text = "of another kind";
	switch (event->kind) {
	case EVENT_MAPPING:
		trace->outcome = event->mapping.outcome;
		trace->want = event->mapping.want;
		trace->port = event->mapping.has_external_port ? event->mapping.external_port : 0;
		break;
	case EVENT_EPOCH:
		trace->number = event->epoch.current;
		trace->text = event->epoch.regressed ? "out of range" : "in range";
		break;
	case EVENT_VERSION:
		trace->text = "version change";
		trace->number = event->version.change;
		break;
	case EVENT_DROPPED:
		trace->text = event_drop_name(event->dropped.reason);
		break;
	case EVENT_ERROR:
		trace->text = "ICMP error";
		break;
	default:
		break;
	}
	added(sim, trace);
}

void trace_change(struct sim *sim, const char *text, unsigned router, int64_t number)
{
	struct trace *trace = add(sim, TRACE_CHANGE, router);

	trace->text = text;
	trace->number = number;
	added(sim, trace);
}
