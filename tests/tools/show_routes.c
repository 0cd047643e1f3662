/* SPDX-License-Identifier: MIT
 * Prints what host/ says of this network, one fact a line, for the bats tests:
 *	show_routes routes 4|6 [INTERFACE]
 *	show_routes addresses 4|6 [INTERFACE]
 *	show_routes names
 *	show_routes source ADDR[%SCOPE] [INTERFACE [MARK]]
 *	show_routes neighbour ADDR INTERFACE
 *	show_routes send ADDR[%SCOPE]:PORT [SECONDS]	one datagram and its error
 *	show_routes resolve NAME MILLISECONDS
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "host/clock.h"
#include "host/iface.h"
#include "host/loop.h"
#include "host/neighbour.h"
#include "host/resolve.h"
#include "host/route.h"
#include "host/udp.h"

static int failed(const char *what)
{
	fprintf(stderr, "show_routes: %s: %s\n", what, strerror(errno));
	return 1;
}

static enum ip_family family_of(const char *word)
{
	return word && strcmp(word, "6") == 0 ? IP_FAMILY_6 : IP_FAMILY_4;
}

static uint32_t index_of(const char *name)
{
	return name ? iface_index(name) : 0;
}

static int routes(char **arguments)
{
	struct net_route *list = NULL;
	int count = route_defaults(family_of(arguments[0]), index_of(arguments[1]), &list);
	char text[IP_TEXT_MAX];

	if (count < 0)
		return failed("routes");
	for (int i = 0; i < count; i++)
		printf("%s dev %s metric %u table %u%s\n", ip_format(&list[i].gateway, text),
			list[i].interface, list[i].metric, list[i].table,
			list[i].interface_index == iface_index(list[i].interface) ? ""
										  : " WRONG INDEX");
	free(list);
	return 0;
}

static int addresses(char **arguments)
{
	struct net_address *list = NULL;
	int count = iface_addresses(index_of(arguments[1]), family_of(arguments[0]), &list);
	char text[IP_TEXT_MAX], name[NET_NAME_MAX];

	if (count < 0)
		return failed("addresses");
	for (int i = 0; i < count; i++) {
		const struct net_address *a = &list[i];

		printf("%s/%u dev %s", ip_format(&a->ip, text), a->prefix_length,
			iface_name(a->interface_index, name));
		printf("%s%s%s%s", a->temporary ? " temporary" : "",
			a->deprecated ? " deprecated" : "", a->tentative ? " tentative" : "",
			a->link_scope ? " link" : "");
		if (a->preferred_lifetime == UINT32_MAX)
			printf(" forever\n");
		else
			printf(" preferred %u\n", a->preferred_lifetime);
	}
	free(list);
	return 0;
}

static int names(char **arguments)
{
	char **list = NULL;
	int count = iface_names(&list);

	(void)arguments;
	if (count < 0)
		return failed("names");
	for (int i = 0; i < count; i++)
		printf("%s\n", list[i]);
	free(list);
	return 0;
}

/* An ADDR of the command line as an endpoint. */
static int endpoint_of(const char *word, struct endpoint *out)
{
	struct words_address typed;

	if (!word || !words_address(word, &typed)) {
		errno = EINVAL;
		return -1;
	}
	*out = (struct endpoint){ .address = typed.ip,
		.port = typed.port ? typed.port : 5351,
		.scope = typed.scope[0] ? iface_index(typed.scope) : 0 };
	return 0;
}

static int source(char **arguments)
{
	struct udp_options options = { .interface_index = index_of(arguments[1]) };
	struct endpoint to;
	struct ip ip;
	char text[IP_TEXT_MAX];

	if (arguments[1] && arguments[2])
		options.mark = (uint32_t)strtoul(arguments[2], NULL, 10);
	if (endpoint_of(arguments[0], &to) < 0 || udp_source_for(&to, &options, &ip) < 0)
		return failed("source");
	printf("%s\n", ip_format(&ip, text));
	return 0;
}

static int neighbour(char **arguments)
{
	static const char *const words[] = { [NET_NEIGHBOUR_UNKNOWN] = "unknown",
		[NET_NEIGHBOUR_REACHABLE] = "reachable",
		[NET_NEIGHBOUR_NOBODY] = "nobody" };
	struct endpoint who;

	if (endpoint_of(arguments[0], &who) < 0)
		return failed("neighbour");
	printf("%s\n", words[neighbour_state(&who.address, index_of(arguments[1]))]);
	return 0;
}

static void print_error(const struct net_error *e)
{
	static const char *const kinds[] = { [NET_ERROR_PORT_UNREACHABLE] = "port unreachable",
		[NET_ERROR_PROHIBITED] = "prohibited",
		[NET_ERROR_UNREACHABLE] = "unreachable",
		[NET_ERROR_NOBODY] = "nobody there",
		[NET_ERROR_TTL] = "time exceeded",
		[NET_ERROR_TOO_BIG] = "too big",
		[NET_ERROR_DENIED] = "denied",
		[NET_ERROR_LOCAL] = "local failure" };
	char to[IP_TEXT_MAX], from[IP_TEXT_MAX];

	printf("%s to %s:%u", kinds[e->kind], ip_format(&e->to.address, to), e->to.port);
	if (e->local)
		printf(" local\n");
	else
		printf(" icmp %u/%u from %s\n", e->type, e->code,
			e->has_offender ? ip_format(&e->offender, from) : "?");
}

static int send_one(char **arguments)
{
	struct mono until = mono_after(clock_now(), (arguments[1] ? atoi(arguments[1]) : 1) * SEC);
	struct udp_options options;
	struct loop_ready ready = { .count = 0 };
	struct loop *loop = loop_new();
	struct endpoint to;
	struct net_error error;
	char sent[64];
	size_t length;
	int fd = -1;

	memset(&options, 0, sizeof(options));
	if (endpoint_of(arguments[0], &to) == 0) {
		options.local.address = ip_any(ip_family(&to.address));
		fd = udp_open(&options);
	}
	if (!loop || fd < 0 || loop_add(loop, fd) < 0)
		return failed("send");
	if (udp_send(fd, &to, "hello", 5) < 0)
		printf("send: %s\n", strerror(errno));
	if (loop_wait(loop, until, &ready) < 0)
		return failed("wait");
	while (udp_error(fd, &error, sent, sizeof(sent), &length) == 1)
		print_error(&error);
	udp_close(fd);
	loop_free(loop);
	return 0;
}

static int resolve(char **arguments)
{
	static const char *const words[] = { [RESOLVE_OK] = "ok",
		[RESOLVE_NO_NAME] = "no name",
		[RESOLVE_TIMEOUT] = "timeout",
		[RESOLVE_FAILED] = "failed" };
	struct mono start = clock_now();
	int64_t limit = arguments[0] && arguments[1] ? atoi(arguments[1]) * MSEC : SEC;
	struct endpoint found;
	char reason[200] = "", text[IP_TEXT_MAX];
	enum resolve_result result;

	if (!arguments[0])
		return 2;
	result = resolve_name(arguments[0], IP_FAMILY_4 | IP_FAMILY_6, mono_after(start, limit),
		&found, reason, sizeof(reason));
	printf("%s: %s\n", words[result],
		result == RESOLVE_OK ? ip_format(&found.address, text) : reason);
	printf("%lld ms\n", (long long)(mono_since(clock_now(), start) / MSEC));
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(char **);
	} commands[] = {
		{ "routes", routes },
		{ "addresses", addresses },
		{ "names", names },
		{ "source", source },
		{ "neighbour", neighbour },
		{ "send", send_one },
		{ "resolve", resolve },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argv + 2);
	fprintf(stderr, "show_routes: unknown command\n");
	return 2;
}
