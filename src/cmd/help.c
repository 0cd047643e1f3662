/* SPDX-License-Identifier: MIT
 * pcpctl help: a command's help, or the list of findings.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "diag/findings.h"

static void help_findings(void)
{
	const struct finding_kind *kind;

	printf("What pcpctl can find, with the id of the JSON records:\n\n");
	for (size_t i = 0; (kind = findings_kind(i)); i++)
		printf("  %-28s %-8s %s\n", kind->id, findings_severity_name(kind->severity),
			kind->what);
}

static enum exit_status help_main(struct common *common, int argc, char **argv)
{
	struct parse parse = { .command = "help" };
	const struct command *command;
	enum exit_status status;
	int first = command_options(&cmd_help, common, NULL, argc, argv, &status);

	if (first < 0)
		return status;
	if (argc - first > 1) {
		parse_error(&parse, argv[first + 1], "one topic at a time");
		return EXIT_USAGE;
	}
	if (first == argc) {
		command_help(NULL);
		return EXIT_DONE;
	}
	if (strcmp(argv[first], "findings") == 0) {
		help_findings();
		return EXIT_DONE;
	}
	command = command_find(argv[first]);
	if (!command || command->hidden) {
		command_unknown(argv[first]);
		return EXIT_USAGE;
	}
	command_help(command);
	return EXIT_DONE;
}

const struct command cmd_help = {
	.name = "help",
	.arguments = "[TOPIC]",
	.what = "the help of a command; `findings`: the list of findings",
	.run = help_main,
};
