/* SPDX-License-Identifier: MIT
 * The words of peer: LOCAL, REMOTE and other places.
 */
#include <string.h>

#include "base/words.h"
#include "cmd/peer.h"
#include "cmd/spec.h"
#include "wire/codes.h"

/* --- ADDR:PORT --- */

/* The host and the port of a word, cut apart. False: it has no port. */
static bool cut(const char *word, char host[static PEER_HOST_MAX], const char **port)
{
	const char *colon = strrchr(word, ':');
	size_t length;

	if (!colon || strchr(colon, ']'))
		return false;
	length = (size_t)(colon - word);
	if (word[0] == '[' && length > 1 && colon[-1] == ']') {
		word++;
		length -= 2;
	}
	if (length >= PEER_HOST_MAX)
		return false;
	memcpy(host, word, length);
	host[length] = '\0';
	*port = colon + 1;
	return true;
}

static bool take_port(struct parse *parse, const char *word, const char *port, uint16_t *out)
{
	uint64_t number;

	if (!words_number(port, 0, 65535, &number))
		return parse_error(parse, word, "port must be 1-65535");
	if (number == 0)
		return parse_error(parse, word,
			"PEER is about one flow: its ports cannot be 0 (RFC 6887, 12.1)");
	*out = (uint16_t)number;
	return true;
}

bool peer_place(struct parse *parse, const char *word, const char *grammar, struct peer_place *out)
{
	struct peer_place place = { .address = ip_any6 };
	const char *port;
	bool bare;

	if (!cut(word, place.host, &port))
		return parse_error(parse, word, "%s", grammar);
	bare = strchr(place.host, ':') && word[0] != '[';
	if (bare)
		return parse_error(parse, word,
			"an IPv6 address with a port is written in brackets, [ADDR]:PORT");
	if (strchr(place.host, '%'))
		return parse_error(parse, word,
			"what has a link-local address stays on its link: no router translates it");
	place.is_address = place.host[0] && words_looks_like_address(place.host);
	if (place.is_address && !ip_parse(place.host, &place.address))
		return parse_error(parse, word, "not an address; %s", grammar);
	if (!take_port(parse, word, port, &place.port))
		return false;
	*out = place;
	return true;
}

/* --- the words --- */

#define LOCAL_GRAMMAR "LOCAL is [ADDR:]PORT, as 50000 or 192.168.1.10:50000"

static bool take_local(struct parse *parse, const char *word, struct peer_place *local)
{
	if (!strchr(word, ':')) {
		*local = (struct peer_place){ .address = ip_any6 };
		return take_port(parse, word, word, &local->port);
	}
	if (!peer_place(parse, word, LOCAL_GRAMMAR, local))
		return false;
	if (local->host[0] && !local->is_address)
		return parse_error(parse, word,
			"the local address is an address of this host; " LOCAL_GRAMMAR);
	if (local->is_address && ip_is_any(&local->address))
		return parse_error(parse, word, "names no address: give the port alone");
	return true;
}

static bool take_protocol(struct parse *parse, const char *word, const char *name,
	uint8_t *protocol)
{
	if (!spec_protocol(name, protocol))
		return parse_error(parse, word,
			"%s: protocol must be tcp, udp, sctp, dccp, udplite, a name of "
			"/etc/protocols or 1-255",
			*name ? name : "''");
	if (*protocol == PROTOCOL_ALL)
		return parse_error(parse, word,
			"PEER is about one flow: its protocol cannot be 0 (RFC 6887, 12.1)");
	return true;
}

static bool take_remote(struct parse *parse, const char *word, struct peer_words *out)
{
	char place[PEER_HOST_MAX + 16];
	const char *slash = strchr(word, '/');
	size_t length = slash ? (size_t)(slash - word) : strlen(word);

	out->protocol = PROTOCOL_TCP;
	if (length >= sizeof(place))
		return parse_error(parse, word, "too long; " PEER_REMOTE_GRAMMAR);
	memcpy(place, word, length);
	place[length] = '\0';
	if (slash && !take_protocol(parse, word, slash + 1, &out->protocol))
		return false;
	if (!peer_place(parse, place, PEER_REMOTE_GRAMMAR, &out->remote))
		return false;
	if (!out->remote.host[0])
		return parse_error(parse, word,
			"PEER needs the remote's address: " PEER_REMOTE_GRAMMAR
			"; for every connection with that port write --established %s",
			word);
	if (out->remote.is_address &&
		(ip_is_any(&out->remote.address) || ip_is_multicast(&out->remote.address)))
		return parse_error(parse, word, "not the address of one host");
	return true;
}

bool peer_words(struct parse *parse, char *const *words, struct peer_words *out)
{
	*out = (struct peer_words){ .local_word = words[0], .remote_word = words[1] };
	if (!take_local(parse, words[0], &out->local) || !take_remote(parse, words[1], out))
		return false;
	if (out->local.is_address && out->remote.is_address &&
		ip_family(&out->local.address) != ip_family(&out->remote.address))
		return parse_error(parse, words[1],
			"of another family than the local address (RFC 6887, 12.1)");
	return true;
}
