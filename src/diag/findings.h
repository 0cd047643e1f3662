/* SPDX-License-Identifier: MIT
 * What the facts mean: a table of rules. Each finding is two sentences: the fact
 * with its numbers; what to do, with the command or the name of the setting.
 */
#ifndef DIAG_FINDINGS_H
#define DIAG_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "diag/facts.h"

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };

/* Stands in `text` for the instant `since_ms`, where that is not 0: who prints it
 * chooses the time zone and the form. */
#define FINDING_WHEN "{when}"

struct finding {
	const char *id; /* of pcpctl(1): "port-differs" */
	enum severity severity;
	struct server_id server;
	bool of_mapping; /* it is about what was asked, not about the server in general */
	int64_t since_ms; /* Unix time, 0: the text names no instant */
	char text[512]; /* may hold foreign text: print through out/visible */
	char advice[512]; /* "" where there is nothing to do */
};

/* A row of `pcpctl help findings`. */
struct finding_kind {
	unsigned number; /* rows of one theme share it */
	const char *id;
	enum severity severity;
	const char *what;
};

/* The kinds that this program can find, NULL past the end. */
const struct finding_kind *findings_kind(size_t i);
const char *findings_severity_name(enum severity severity); /* info warning error */

/* Calls `take` for every finding that holds, worst first, else in the order of
 * servers and mappings. The same sentence is not said twice: of many mappings
 * with the same finding, the first is named and the others counted. */
void findings_each(const struct facts *facts,
	void (*take)(void *context, const struct finding *finding), void *context);

#endif
