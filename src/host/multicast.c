/* SPDX-License-Identifier: MIT
 * Listening to announcements.
 */
#include "host/multicast.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/sockaddr.h"
#include "host/udp.h"

/* A flood fills the usual buffer (some 256 small datagrams) in an instant. The kernel
 * gives what its limit allows. */
#define RECEIVE_BUFFER (1 << 20)

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* 224.0.0.1 or ff02::1. */
static struct ip group_of(enum ip_family family)
{
	static const struct ip all_nodes6 = { { 0xff, 0x02, [15] = 1 } };

	return family == IP_FAMILY_4 ? ip_from_u32(0xe0000001) : all_nodes6;
}

static void join4(int fd, uint32_t index)
{
	struct ip_mreqn request = {
		.imr_multiaddr = { htonl(0xe0000001) },
		.imr_ifindex = (int)index,
	};

	setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request));
}

static void join6(int fd, uint32_t index)
{
	struct ipv6_mreq request = { .ipv6mr_interface = index };
	struct ip group = group_of(IP_FAMILY_6);

	for (size_t i = 0; i < sizeof(group.octets); i++)
		request.ipv6mr_multiaddr.s6_addr[i] = group.octets[i];
	setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &request, sizeof(request));
}

void multicast_join(int fd, enum ip_family family, uint32_t interface_index)
{
	struct if_nameindex *all = interface_index ? NULL : if_nameindex();
	void (*join)(int, uint32_t) = family == IP_FAMILY_4 ? join4 : join6;

	/* Refused where it is joined already (EADDRINUSE) or cannot be: either is well,
	 * as every host hears 224.0.0.1 and ff02::1 on the links it is on. */
	if (interface_index)
		join(fd, interface_index);
	for (size_t i = 0; all && all[i].if_index; i++)
		join(fd, all[i].if_index);
	if (all)
		if_freenameindex(all);
}

/* Bound to the group's address, not to the wildcard (RFC 6886, 3.2.1): datagrams to
 * our own addresses stay with whoever wants them. Linux binds ff02::1 to one interface
 * only, so there it is the wildcard after all, and multicast_is_for() sorts out. */
static bool prepare(int fd, enum ip_family family, uint16_t port, uint32_t interface_index)
{
	bool v4 = family == IP_FAMILY_4;
	struct endpoint at = { .address = v4 ? group_of(family) : ip_any6, .port = port };
	union sockaddr_any any;
	socklen_t length = sockaddr_from(&at, &any);

	if (set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 || set(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0)
		return false;
	if (!v4 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0)
		return false;
	if (v4 ? set(fd, IPPROTO_IP, IP_PKTINFO, 1) < 0 :
		 set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0)
		return false;
	set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	if (interface_index)
		set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)interface_index);
	return bind(fd, &any.any, length) == 0;
}

int multicast_open(enum ip_family family, uint16_t port, uint32_t interface_index)
{
	int fd = socket(family == IP_FAMILY_4 ? AF_INET : AF_INET6,
		SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (!prepare(fd, family, port, interface_index)) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	multicast_join(fd, family, interface_index);
	return fd;
}

bool multicast_is_for(enum ip_family family, const struct ip *to)
{
	struct ip group = group_of(family);

	return ip_equal(to, &group);
}

/* The counter that SO_RXQ_OVFL sends along with a datagram. Read here it also knows of
 * what was dropped behind the last one that came through. */
uint32_t multicast_dropped(int fd)
{
	uint32_t counters[SK_MEMINFO_VARS] = { 0 };
	socklen_t length = sizeof(counters);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, counters, &length) < 0)
		return 0;
	return counters[SK_MEMINFO_DROPS];
}

void multicast_close(int fd)
{
	udp_close(fd);
}
