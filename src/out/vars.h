/* SPDX-License-Identifier: MIT
 * The PCP_* variables of pcpctl(1), in its order: what --shell prints and what -x puts
 * into a hook's environment. Fixed arrays, nothing is allocated.
 */
#ifndef OUT_VARS_H
#define OUT_VARS_H

#include <stddef.h>

#include "proto/event.h"

#define VARS_MAX       20
#define VARS_NAME_MAX  40 /* PCP_PREVIOUS_EXTERNAL_ADDRESS and its NUL */
#define VARS_VALUE_MAX 160 /* a server with its interface is the longest */

struct var {
	const char *name; /* static */
	char value[VARS_VALUE_MAX]; /* "" where unknown; may hold foreign octets (interface) */
};

struct vars {
	struct var list[VARS_MAX];
	size_t count;
};

/* An EVENT_MAPPING -> every variable, those of peer and of a change included: "" where
 * they do not apply, so that no value of an earlier event, or of a pcpctl around this
 * one, is left standing. Addresses have no brackets, PCP_SERVER is what -s takes.
 * PCP_LIFETIME is in seconds, PCP_EXPIRES Unix time ("" for a mapping without end).
 * PCP_RESULT is the name of the server's result code, or its number; where none says
 * why, a word in small letters (vars_reason()).
 * PCP_EVENT may also be `unanswered` and `unreachable`, as in JSON: how a one-shot
 * command ends; --keep has no such events. */
void vars_of_mapping(const struct event *event, struct vars *vars);

/* An EVENT_ANNOUNCE -> PCP_EVENT (`announce`), PCP_SERVER, PCP_VIA, PCP_EPOCH,
 * PCP_EXTERNAL_ADDRESS, PCP_TRUSTED, PCP_RESTARTED ("" when nothing was known to compare
 * with) and PCP_VERIFIED ("" when it was not asked). */
void vars_of_announce(const struct event *event, struct vars *vars);

/* One variable more; `name` is static. For lists that are made elsewhere:
 * start with `vars->count = 0`. What is too long is cut off; at most VARS_MAX. */
void vars_add(struct vars *vars, const char *name, const char *value);

/* The value of that name, NULL when the list has none. */
const char *vars_value(const struct vars *vars, const char *name);

/* Why there is no mapping, where no result code says it: "timeout",
 * "no-server-port-unreachable", "not-public" ... NULL where a code does. Where there
 * is a finding of the same meaning, its id. Static. */
const char *vars_reason(const struct event_mapping *mapping);

/* The list as the strings of an environment. */
struct vars_environment {
	char text[VARS_MAX][VARS_NAME_MAX + VARS_VALUE_MAX];
	const char *list[VARS_MAX + 1]; /* "NAME=value", NULL at the end */
};

/* Fills `environment` and returns its list, which is part of it. */
const char *const *vars_environment(const struct vars *vars, struct vars_environment *environment);

#endif
