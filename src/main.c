/* SPDX-License-Identifier: MIT
 * pcpctl: asks routers for port mappings, by PCP and NAT-PMP.
 *
 * The source in the order of a run; arrows point downwards only:
 *
 *	main.c   finds the command
 *	cmd/     its options, its few lines of work
 *	engine/  whom to ask (discovery), sockets and the loop around ...
 *	proto/   ... the protocol, a pure machine: client -> session -> mapping; it takes
 *	         datagrams and instants, and gives datagrams, deadlines and events
 *	wire/    datagrams <-> structs
 *	host/    what the system knows and does: sockets, routes, clock
 *	diag/    events -> facts -> findings: what is wrong, in words that help
 *	out/     events and findings -> text, JSON
 *	base/    instants, addresses, words
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/command.h"

const struct command *const commands[] = {
	&cmd_discover,
	&cmd_map,
	&cmd_peer,
	&cmd_watch,
	&cmd_listen,
	&cmd_help,
	&cmd_complete,
	NULL,
};

static enum exit_status run(int argc, char **argv)
{
	static const char *const none = "no command; see pcpctl --help";
	struct common common = { 0 };
	struct option_set set = options_common(&common);
	struct parse parse = { 0 };
	const struct command *command;
	enum exit_status status = EXIT_USAGE;
	int first = options_parse(&parse, &set, 1, argc, argv, true);

	if (first < 0)
		return EXIT_USAGE;
	if (first < argc) {
		command = command_find(argv[first]);
		if (command)
			status = command->run(&common, argc - first, argv + first);
		else
			command_unknown(argv[first]);
	} else if (common.help) {
		command_help(NULL);
		status = EXIT_DONE;
	} else if (common.version) {
		command_version();
		status = EXIT_DONE;
	} else {
		parse_error(&parse, NULL, "%s", none);
	}
	free(common.servers);
	return status;
}

/* A socket may not get the number of a standard stream that is closed: what is
 * printed would go to the network. Opened the wrong way round, so that it fails. */
static void fill_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 &&
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			abort();
	}
}

int main(int argc, char **argv)
{
	enum exit_status status;

	fill_streams();
	/* A reader that has gone is a failed write, told by the exit status. */
	signal(SIGPIPE, SIG_IGN);
	status = run(argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "pcpctl: stdout: cannot write\n");
		status = exit_worse(status, EXIT_LOCAL);
	}
	return (int)status;
}
