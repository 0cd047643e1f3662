/* SPDX-License-Identifier: MIT
 * What became of a mapping, in words: the same for text and JSON.
 */
#ifndef OUT_OUTCOME_H
#define OUT_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/event.h"

/* Is there an answer to be printed on stdout, not a problem for stderr? */
bool outcome_is_answer(const struct event_mapping *mapping);

/* Why there is none: "192.168.1.254 refused: NOT_AUTHORIZED (2): ...". Returns the
 * word that carries it ("refused"), static; NULL for an answer. */
const char *outcome_problem(const struct event_mapping *mapping, int64_t wall_ms, char *text,
	size_t size);

#endif
