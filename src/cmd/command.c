/* SPDX-License-Identifier: MIT
 * What is common to all subcommands: finding one, its help, its options.
 */
#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

#include "base/words.h"

#define COMMANDS_MAX 16

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

void command_unknown(const char *word)
{
	const char *names[COMMANDS_MAX + 1] = { NULL };
	struct parse parse = { 0 };
	const char *nearest;
	size_t n = 0;

	for (size_t i = 0; commands[i] && n < COMMANDS_MAX; i++) {
		if (!commands[i]->hidden)
			names[n++] = commands[i]->name;
	}
	nearest = words_nearest(word, names);
	if (nearest)
		parse_error(&parse, word, "unknown command, nearest is %s", nearest);
	else
		parse_error(&parse, word, "unknown command, see pcpctl --help");
}

static void program_help(void)
{
	struct common common = { 0 };
	struct option_set set = options_common(&common);

	printf("usage: pcpctl [OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n"
	       "\n"
	       "Asks routers for port mappings by PCP (RFC 6887) and NAT-PMP (RFC 6886), and says\n"
	       "what is wrong when that fails.\n"
	       "\n"
	       "Commands:\n");
	for (size_t i = 0; commands[i]; i++) {
		if (!commands[i]->hidden)
			printf("  %-15s %s\n", commands[i]->name, commands[i]->what);
	}
	printf("\nOptions that every command takes, before or after it:\n");
	options_help(&set, stdout);
}

void command_help(const struct command *command)
{
	struct common common = { 0 };
	struct option_set set;

	if (!command) {
		program_help();
		return;
	}
	printf("usage: pcpctl %s [OPTIONS]%s%s\n\n%s.\n", command->name,
		command->arguments[0] ? " " : "", command->arguments, command->what);
	if (command->about)
		printf("\n%s", command->about);
	if (command->options) {
		set = command->options(NULL);
		printf("\nOptions of %s:\n", command->name);
		options_help(&set, stdout);
	}
	if (command->more) {
		set = command->more(NULL);
		options_help(&set, stdout);
	}
	set = options_common(&common);
	printf("\nOptions that every command takes:\n");
	options_help(&set, stdout);
}

void command_version(void)
{
	printf("pcpctl %s\n", PCPCTL_VERSION);
}

int command_options(const struct command *command, struct common *common, void *settings, int argc,
	char **argv, enum exit_status *status)
{
	struct parse parse = { .command = command->name };
	struct option_set sets[3] = { options_common(common) };
	size_t count = 1;
	int first;

	if (command->options)
		sets[count++] = command->options(settings);
	if (command->more)
		sets[count++] = command->more(settings);
	*status = EXIT_USAGE;
	first = options_parse(&parse, sets, count, argc, argv, false);
	if (first < 0)
		return -1;
	if (common->help || common->version) {
		*status = EXIT_DONE;
		if (common->version)
			command_version();
		else
			command_help(command);
		return -1;
	}
	return options_check(&parse, common) ? first : -1;
}
