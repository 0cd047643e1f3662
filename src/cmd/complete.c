/* SPDX-License-Identifier: MIT
 * What bash completion asks: lists of words, one a line. Asks the kernel, never
 * the network.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "diag/phrase.h"
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
	if (command && command->more) {
		set = command->more(NULL);
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

/* As a spec of map: 8080, 5060/udp. */
static void list_ports(const char *word)
{
	struct net_listener *listeners;
	int count = inventory_listeners(&listeners);

	(void)word;
	for (int i = 0; i < count; i++) {
		const char *protocol = codes_protocol_name(listeners[i].protocol);
		bool is_default = listeners[i].protocol == PROTOCOL_TCP || !protocol;

		printf("%u%s%s\n", listeners[i].port, is_default ? "" : "/",
			is_default ? "" : protocol);
	}
	free(listeners);
}

/* No router translates what stays on the link. */
static bool may_be_translated(const struct ip *ip)
{
	return !ip_is_loopback(ip) && !ip_is_link_local(ip);
}

static int by_remote(const void *a, const void *b)
{
	const struct net_flow *left = a, *right = b;
	int order = memcmp(left->remote.address.octets, right->remote.address.octets,
		sizeof(left->remote.address.octets));

	if (order)
		return order;
	return (left->remote.port > right->remote.port) - (left->remote.port < right->remote.port);
}

/* Whom this host is connected with: 203.0.113.7:443, [2001:db8::7]:443. */
static void list_remotes(const char *word)
{
	struct net_flow *flows;
	int count = inventory_flows(NULL, 0, &flows);
	char text[PHRASE_MAX];

	(void)word;
	if (count > 0)
		qsort(flows, (size_t)count, sizeof(*flows), by_remote);
	for (int i = 0; i < count; i++) {
		const struct endpoint *remote = &flows[i].remote;

		if (may_be_translated(&remote->address) &&
			(i == 0 || by_remote(&flows[i - 1], &flows[i]) != 0))
			puts(phrase_endpoint(&remote->address, remote->port, text, sizeof(text)));
	}
	free(flows);
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
	{ "ports", list_ports },
	{ "remotes", list_remotes },
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
