/* SPDX-License-Identifier: MIT
 * --shell: the variables as shell assignments, for `eval "$(pcpctl map --shell 8080)"`
 * in sh, bash and dash. No value can be anything but a value there.
 */
#ifndef OUT_SHELL_H
#define OUT_SHELL_H

#include <stdio.h>

#include "out/vars.h"

/* NAME='value', a line each, an apostrophe as '\'': inside of single quotes nothing
 * else means anything, not even a newline. Octets are printed as they are: this is for
 * a shell, not for a terminal. */
void shell_print(const struct vars *vars, FILE *out);

/* The result of a mapping. Where there is none PCP_EVENT and PCP_RESULT say why and
 * all others are assigned nothing. */
void shell_mapping(const struct event *event, FILE *out);

/* No mapping was even asked for (no server, no socket): the same, with these words. */
void shell_failure(const char *event, const char *result, FILE *out);

#endif
