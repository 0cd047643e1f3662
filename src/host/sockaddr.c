/* SPDX-License-Identifier: MIT
 * struct endpoint <-> struct sockaddr.
 */
#include "host/sockaddr.h"

#include <string.h>

int sockaddr_family(const struct ip *ip)
{
	return ip_is_v4(ip) ? AF_INET : AF_INET6;
}

socklen_t sockaddr_from(const struct endpoint *endpoint, union sockaddr_any *out)
{
	memset(out, 0, sizeof(*out));
	if (ip_is_v4(&endpoint->address)) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(endpoint->port);
		memcpy(&out->v4.sin_addr, endpoint->address.octets + 12, 4);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(endpoint->port);
	out->v6.sin6_scope_id = endpoint->scope;
	memcpy(&out->v6.sin6_addr, endpoint->address.octets, 16);
	return sizeof(out->v6);
}

struct ip sockaddr_ip4(const struct in_addr *address)
{
	uint8_t octets[4];

	memcpy(octets, address, sizeof(octets));
	return ip_from_v4(octets);
}

struct ip sockaddr_ip6(const struct in6_addr *address)
{
	struct ip ip;

	memcpy(ip.octets, address, sizeof(ip.octets));
	return ip;
}

bool sockaddr_to(const void *sockaddr, size_t length, struct endpoint *out)
{
	union sockaddr_any any;

	memset(&any, 0, sizeof(any));
	memcpy(&any, sockaddr, length < sizeof(any) ? length : sizeof(any));
	if (any.any.sa_family == AF_INET && length >= sizeof(any.v4)) {
		*out = (struct endpoint){ .address = sockaddr_ip4(&any.v4.sin_addr),
			.port = ntohs(any.v4.sin_port) };
		return true;
	}
	if (any.any.sa_family == AF_INET6 && length >= sizeof(any.v6)) {
		*out = (struct endpoint){ .address = sockaddr_ip6(&any.v6.sin6_addr),
			.scope = any.v6.sin6_scope_id,
			.port = ntohs(any.v6.sin6_port) };
		return true;
	}
	return false;
}
