/* SPDX-License-Identifier: MIT
 * A subcommand is a row and a file.
 */
#ifndef CMD_COMMAND_H
#define CMD_COMMAND_H

#include <stdbool.h>

#include "cmd/exit.h"
#include "cmd/options.h"

struct command {
	const char *name;
	const char *arguments; /* of the usage line */
	const char *what; /* one line for the list of commands */
	const char *about; /* more, below the usage line; may be NULL */
	bool hidden; /* not listed: for completion */
	/* The command's own option rows on its settings; NULL: none. For help and
	 * completion `settings` is NULL: the rows are not called then. */
	struct option_set (*options)(void *settings);
	struct option_set (*more)(void *settings); /* watch: and these; NULL: none */
	/* `common` holds the options before the command; argv[0] is its name. */
	enum exit_status (*run)(struct common *common, int argc, char **argv);
};

extern const struct command cmd_discover, cmd_map, cmd_peer, cmd_watch, cmd_listen, cmd_help,
	cmd_complete;

/* All commands, NULL at the end: the table of main.c, for help and completion. */
extern const struct command *const commands[];

/* The command of that name, NULL when there is none. */
const struct command *command_find(const char *name);

/* Prints `pcpctl: WORD: unknown command, nearest is ...` */
void command_unknown(const char *word);

/* Usage, arguments and options of a command on stdout; NULL: of the program. */
void command_help(const struct command *command);
void command_version(void);

/* What every command does first: its options and the common ones. Returns the index
 * of the first word that is no option; -1: it is over, *status says how (--help,
 * --version, a message). `settings` is the command's own. */
int command_options(const struct command *command, struct common *common, void *settings, int argc,
	char **argv, enum exit_status *status);

#endif
