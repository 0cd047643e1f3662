/* SPDX-License-Identifier: MIT
 * The variables as shell assignments.
 */
#include "out/shell.h"

#include <string.h>

#include "out/outcome.h"

static void quote(const char *value, FILE *out)
{
	fputc('\'', out);
	for (; *value; value++) {
		if (*value == '\'')
			fputs("'\\''", out);
		else
			fputc(*value, out);
	}
	fputc('\'', out);
}

void shell_print(const struct vars *vars, FILE *out)
{
	for (size_t i = 0; i < vars->count; i++) {
		fprintf(out, "%s=", vars->list[i].name);
		quote(vars->list[i].value, out);
		fputc('\n', out);
	}
}

/* Empties all but the two that say why. */
static void only_why(struct vars *vars)
{
	for (size_t i = 0; i < vars->count; i++) {
		const char *name = vars->list[i].name;

		if (strcmp(name, "PCP_EVENT") != 0 && strcmp(name, "PCP_RESULT") != 0)
			vars->list[i].value[0] = '\0';
	}
}

void shell_mapping(const struct event *event, FILE *out)
{
	struct vars vars;

	vars_of_mapping(event, &vars);
	if (!outcome_is_answer(&event->mapping))
		only_why(&vars);
	shell_print(&vars, out);
}

void shell_failure(const char *event, const char *result, FILE *out)
{
	static const struct event nothing = { .kind = EVENT_MAPPING };
	struct vars vars;

	vars_of_mapping(&nothing, &vars);
	only_why(&vars);
	for (size_t i = 0; i < vars.count; i++) {
		struct var *var = &vars.list[i];

		if (strcmp(var->name, "PCP_EVENT") == 0)
			snprintf(var->value, sizeof(var->value), "%s", event);
		else if (strcmp(var->name, "PCP_RESULT") == 0)
			snprintf(var->value, sizeof(var->value), "%s", result);
	}
	shell_print(&vars, out);
}
