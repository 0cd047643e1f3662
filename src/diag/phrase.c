/* SPDX-License-Identifier: MIT
 * The phrases that findings and renderers share.
 */
#include "diag/phrase.h"

#include <stdio.h>
#include <string.h>

#include "wire/codes.h"

const char *phrase_host(const struct server_id *server, char *text, size_t size)
{
	char address[IP_TEXT_MAX];

	ip_format(&server->server.address, address);
	if (!ip_is_link_local(&server->server.address) || ip_is_v4(&server->server.address))
		snprintf(text, size, "%s", address);
	else if (server->interface[0])
		snprintf(text, size, "%s%%%s", address, server->interface);
	else
		snprintf(text, size, "%s%%%u", address, server->server.scope);
	return text;
}

const char *phrase_server(const struct server_id *server, char *text, size_t size)
{
	char host[PHRASE_MAX];

	phrase_host(server, host, sizeof(host));
	if (server->server.port == PCP_PORT)
		snprintf(text, size, "%s", host);
	else
		snprintf(text, size, ip_is_v4(&server->server.address) ? "%s:%u" : "[%s]:%u", host,
			server->server.port);
	return text;
}

const char *phrase_endpoint(const struct ip *ip, uint16_t port, char *text, size_t size)
{
	char address[IP_TEXT_MAX];

	snprintf(text, size, ip_is_v4(ip) ? "%s:%u" : "[%s]:%u", ip_format(ip, address), port);
	return text;
}

const char *phrase_duration(uint64_t seconds, char *text, size_t size)
{
	static const struct {
		uint64_t seconds;
		char name;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	size_t i = 0;

	while (i < 3 && seconds < units[i].seconds)
		i++;
	uint64_t high = seconds / units[i].seconds;
	uint64_t low = i < 3 ? seconds % units[i].seconds / units[i + 1].seconds : 0;

	if (low)
		snprintf(text, size, "%llu%c %llu%c", (unsigned long long)high, units[i].name,
			(unsigned long long)low, units[i + 1].name);
	else
		snprintf(text, size, "%llu%c", (unsigned long long)high, units[i].name);
	return text;
}

const char *phrase_rtt(int64_t ns, char *text, size_t size)
{
	double ms = (double)ns / (double)MSEC;
	int decimals = ms < 0.1 ? 2 : ms < 100 ? 1 : 0;

	snprintf(text, size, "%.*f ms", decimals, ms);
	return text;
}

const char *phrase_side(const struct ip *ip, uint16_t port, bool all_ports, char *text, size_t size)
{
	char address[IP_TEXT_MAX];

	if (!ip && !all_ports && !port)
		snprintf(text, size, "?");
	else if (!ip)
		snprintf(text, size, all_ports ? "?:*" : "?:%u", port);
	else if (all_ports)
		snprintf(text, size, ip_is_v4(ip) ? "%s:*" : "[%s]:*", ip_format(ip, address));
	else
		phrase_endpoint(ip, port, text, size);
	return text;
}

bool phrase_is_all_ports(const struct event_mapping *mapping)
{
	return mapping->internal_port == 0 && !mapping->zero_port;
}

const char *phrase_protocol(const struct event_mapping *mapping, char *text, size_t size)
{
	char word[16];

	snprintf(text, size, "%s",
		mapping->protocol == PROTOCOL_ALL ?
			"all" :
			codes_protocol_text(mapping->protocol, word, sizeof(word)));
	return text;
}

const char *phrase_mapping(const struct event_mapping *mapping, char *text, size_t size)
{
	char word[16], remote[PHRASE_MAX];
	const char *protocol = phrase_protocol(mapping, word, sizeof(word));

	if (mapping->opcode == PCP_PEER)
		snprintf(text, size, "%s %u to %s", protocol, mapping->internal_port,
			phrase_endpoint(&mapping->remote_address, mapping->remote_port, remote,
				sizeof(remote)));
	else if (mapping->protocol == PROTOCOL_ALL)
		snprintf(text, size, "everything");
	else if (phrase_is_all_ports(mapping))
		snprintf(text, size, "all ports of %s", protocol);
	else
		snprintf(text, size, "%s %u", protocol, mapping->internal_port);
	return text;
}

const char *phrase_spec(const struct event_mapping *mapping, char *text, size_t size)
{
	char word[16];
	const char *protocol = phrase_protocol(mapping, word, sizeof(word));

	if (mapping->protocol == PROTOCOL_ALL)
		snprintf(text, size, "all");
	else if (phrase_is_all_ports(mapping))
		snprintf(text, size, "all/%s", protocol);
	else if (mapping->protocol == PROTOCOL_TCP)
		snprintf(text, size, "%u", mapping->internal_port);
	else
		snprintf(text, size, "%u/%s", mapping->internal_port, protocol);
	return text;
}

const char *phrase_via(enum via via)
{
	static const char *const names[] = {
		[VIA_NONE] = "neither protocol",
		[VIA_PCP] = "PCP",
		[VIA_NAT_PMP] = "NAT-PMP",
	};

	return names[via];
}

const char *phrase_epoch_kind(enum epoch_kind kind)
{
	static const char *const phrases[] = {
		[EPOCH_UNKNOWN] = "its clock is out of range",
		[EPOCH_WALL_CLOCK] = "its clock tells the time of day",
		[EPOCH_NOT_SECONDS] = "its clock does not count seconds",
		[EPOCH_FROZEN] = "its clock stands still",
		[EPOCH_EXTERNAL] = "restarted with another external address",
		[EPOCH_RESTART] = "restarted",
		[EPOCH_RATE] = "its clock runs at the wrong rate",
	};

	return phrases[kind];
}

/* ICMP 3/x and ICMPv6 1/x that have a word of their own. */
static const char *unreachable_word(const struct net_error *error)
{
	bool v4 = ip_is_v4(&error->to.address);

	if (v4)
		return error->code == 0 || error->code == 6 ? "ICMP network unreachable" :
							      "ICMP host unreachable";
	return error->code == 0 ? "ICMPv6 no route to destination" : "ICMPv6 address unreachable";
}

const char *phrase_error_kind(const struct net_error *error, char *text, size_t size)
{
	static const char *const words[] = {
		[NET_ERROR_PORT_UNREACHABLE] = "port unreachable",
		[NET_ERROR_PROHIBITED] = "administratively prohibited",
		[NET_ERROR_UNREACHABLE] = "unreachable",
		[NET_ERROR_NOBODY] = "nobody at that address, say ARP and neighbour discovery",
		[NET_ERROR_TTL] = "time exceeded",
		[NET_ERROR_TOO_BIG] = "packet too big",
		[NET_ERROR_DENIED] = "not permitted",
		[NET_ERROR_LOCAL] = "not sent",
	};

	if (error->kind == NET_ERROR_NOBODY)
		snprintf(text, size, "%s", words[error->kind]);
	else if (error->local)
		snprintf(text, size, "%s",
			error->error ? strerror(error->error) : words[error->kind]);
	else if (error->kind == NET_ERROR_UNREACHABLE)
		snprintf(text, size, "%s", unreachable_word(error));
	else if (error->kind == NET_ERROR_PROHIBITED)
		snprintf(text, size, "ICMP %s, type %u code %u", words[error->kind], error->type,
			error->code);
	else
		snprintf(text, size, "ICMP %s", words[error->kind]);
	return text;
}

const char *phrase_error(const struct net_error *error, char *text, size_t size)
{
	char kind[PHRASE_MAX], address[IP_TEXT_MAX];

	phrase_error_kind(error, kind, sizeof(kind));
	if (error->has_offender && !error->local)
		snprintf(text, size, "%s from %s", kind, ip_format(&error->offender, address));
	else
		snprintf(text, size, "%s", kind);
	return text;
}
