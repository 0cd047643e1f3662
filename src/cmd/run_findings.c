/* SPDX-License-Identifier: MIT
 * The findings of a run: what of the host they need to know, and which are told.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/run.h"
#include "engine/inventory.h"

/* Findings told in one run that stays: more would be noise. */
#define FOUND_MAX 1000

/* A mapping that leads to one port of this host, or to several that begin with it. */
static bool leads_here(const struct event_mapping *mapping)
{
	return mapping->opcode == PCP_MAP && event_is_grant(mapping->outcome) &&
		!mapping->deleting && !mapping->options->has_third_party &&
		mapping->internal_port != 0;
}

/* Finding 46: does somebody here take what the mappings will bring? Asked of the
 * kernel once for all of them, and only where the answer is printed. */
static void look_for_listeners(struct run *run)
{
	size_t mappings = run->common->quiet ? 0 : facts_mapping_count(run->facts), count = 0;
	struct inventory_port *ports = calloc(mappings + 1, sizeof(*ports));
	size_t *number = calloc(mappings + 1, sizeof(*number));
	bool ok = ports && number;

	for (size_t i = 0; ok && i < mappings; i++) {
		const struct event_mapping *m = facts_mapping(run->facts, i);

		if (!leads_here(m))
			continue;
		number[count] = i;
		ports[count++] = (struct inventory_port){
			.protocol = m->protocol,
			.port = m->internal_port,
			.address = m->internal_address,
		};
	}
	if (ok)
		inventory_listening(ports, count);
	for (size_t i = 0; ok && i < count; i++)
		ok = facts_add_listening(run->facts, number[i], &ports[i].listening);
	if (!ok)
		run_fail(run, EXIT_LOCAL, "out of memory");
	free(ports);
	free(number);
}

/* FNV-1a */
static uint64_t hash_more(uint64_t hash, const void *octets, size_t length)
{
	const uint8_t *p = octets;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* Of what tells one finding from another: not of its counts, which go on rising in a run
 * that stays. */
static uint64_t hash_of(const struct finding *finding)
{
	uint64_t hash = hash_more(UINT64_C(0xcbf29ce484222325), finding->id, strlen(finding->id));
	const struct server_id *server = &finding->server;
	const char *likewise = strstr(finding->text, " (and ");

	if (finding->of_mapping)
		return hash_more(hash, finding->text,
			likewise ? (size_t)(likewise - finding->text) : strlen(finding->text));
	hash = hash_more(hash, &server->server.address, sizeof(server->server.address));
	return hash_more(hash, &server->server.port, sizeof(server->server.port));
}

/* Told once in a run that stays. */
static bool is_new(struct run *run, const struct finding *finding)
{
	uint64_t hash = hash_of(finding), *grown;

	for (size_t i = 0; i < run->found_count; i++) {
		if (run->found[i] == hash)
			return false;
	}
	grown = run->found_count < FOUND_MAX ?
		realloc(run->found, (run->found_count + 1) * sizeof(*grown)) :
		NULL;
	if (!grown)
		return false;
	run->found = grown;
	grown[run->found_count++] = hash;
	return true;
}

static void take_finding(void *context, const struct finding *finding)
{
	struct run *run = context;
	struct event when = { .wall_ms = engine_wall_ms() };

	/* How a server is in general is what discover tells; who maps a port is told of
	 * it only where it is a fault. */
	if (!run->describes && !finding->of_mapping && finding->severity == SEVERITY_INFO &&
		run->common->verbose == 0)
		return;
	if (!run->keeps || is_new(run, finding))
		output_finding(run->output, finding, &when);
}

void run_findings(struct run *run)
{
	look_for_listeners(run);
	findings_each(run->facts, take_finding, run);
}
