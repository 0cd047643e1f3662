/* SPDX-License-Identifier: MIT
 * What bash completion asks: lists of words, one a line. Asks the kernel, never
 * the network.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "engine/discovery.h"
#include "engine/inventory.h"
#include "wire/codes.h"

static void list_commands(const char *word)
{
	(void)word;
	for (size_t i = 0; commands[i]; i++) {
		if (!commands[i]->hidden)
			puts(commands[i]->name);
	}
}

/* A trailing ` =` marks an option that takes a value. */
static void list_options(const char *word)
{
	struct common common = { 0 };
	struct option_set set = options_common(&common);
	const struct command *command = word ? command_find(word) : NULL;

	options_list(&set, stdout);
	if (command && command->options) {
		set = command->options(NULL);
		options_list(&set, stdout);
	}
}

static void list_interfaces(const char *word)
{
	char **names = inventory_interfaces();

	(void)word;
	for (size_t i = 0; names && names[i]; i++)
		puts(names[i]);
	free(names);
}

static void list_routers(const char *word)
{
	struct discovery_request request = { .all = true, .deadline = MONO_NEVER };
	struct discovery_note also;
	struct server_id *servers;
	size_t count;

	(void)word;
	discovery_servers(&request, &servers, &count, &also);
	for (size_t i = 0; i < count; i++) {
		char text[IP_TEXT_MAX];

		printf("%s%s%s\n", ip_format(&servers[i].server.address, text),
			servers[i].server.scope ? "%" : "",
			servers[i].server.scope ? servers[i].interface : "");
	}
	free(servers);
}

static void list_protocols(const char *word)
{
	(void)word;
	puts("tcp\nudp\ntcp+udp\nsctp\ndccp\nudplite");
}

static const struct topic {
	const char *name;
	void (*list)(const char *word);
} topics[] = {
	{ "commands", list_commands },
	{ "options", list_options },
	{ "interfaces", list_interfaces },
	{ "routers", list_routers },
	{ "protocols", list_protocols },
};

static enum exit_status complete_main(struct common *common, int argc, char **argv)
{
	(void)common;
	for (size_t i = 0; i < sizeof(topics) / sizeof(*topics); i++) {
		if (argc >= 2 && strcmp(argv[1], topics[i].name) == 0) {
			topics[i].list(argc > 2 ? argv[2] : NULL);
			return EXIT_DONE;
		}
	}
	return EXIT_USAGE;
}

const struct command cmd_complete = {
	.name = "complete",
	.arguments = "TOPIC",
	.what = "lists for bash completion",
	.hidden = true,
	.run = complete_main,
};
