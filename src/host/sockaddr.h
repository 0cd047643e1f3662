/* SPDX-License-Identifier: MIT
 * struct endpoint <-> struct sockaddr; for the files of host/ only.
 */
#ifndef HOST_SOCKADDR_H
#define HOST_SOCKADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/ip.h"

/* A union, as casts between the three warn of alignment, and rightly. */
union sockaddr_any {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* AF_INET or AF_INET6. */
int sockaddr_family(const struct ip *ip);

/* Returns the length to hand to the kernel. */
socklen_t sockaddr_from(const struct endpoint *endpoint, union sockaddr_any *out);

/* False, leaving *out alone, when it is of another family or too short. */
bool sockaddr_to(const void *sockaddr, size_t length, struct endpoint *out);

struct ip sockaddr_ip4(const struct in_addr *address);
struct ip sockaddr_ip6(const struct in6_addr *address);

#endif
