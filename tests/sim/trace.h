/* SPDX-License-Identifier: MIT
 * The last that happened in a run, kept to be shown when it fails; with --verbose all
 * of it is printed.
 */
#ifndef TESTS_SIM_TRACE_H
#define TESTS_SIM_TRACE_H

#include "sim.h"

void trace_datagram(struct sim *sim, enum trace_kind kind, unsigned router, const uint8_t *octets,
	size_t length);
void trace_event(struct sim *sim, const struct event *event);
/* `text` is static. */
void trace_change(struct sim *sim, const char *text, unsigned router, int64_t number);

/* "day 3 04:05:06.789" since the start. Returns `text`. */
const char *trace_instant(struct mono at, char text[static 32]);
/* The last lines, each after "#   ". */
void trace_print(const struct sim *sim, FILE *file);

#endif
