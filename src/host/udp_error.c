/* SPDX-License-Identifier: MIT
 * The error queue of a UDP socket: ICMP errors, and what this host itself found
 * out about a datagram of ours.
 */
#include "host/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include <linux/errqueue.h>

#include "host/sockaddr.h"

#define ANY_CODE 255

/* What is in none of the rows is NET_ERROR_UNREACHABLE. */
static const struct {
	uint8_t origin, type, code;
	enum net_error_kind kind;
} kinds[] = {
	{ SO_EE_ORIGIN_ICMP, 3, 3, NET_ERROR_PORT_UNREACHABLE },
	{ SO_EE_ORIGIN_ICMP, 3, 4, NET_ERROR_TOO_BIG },
	{ SO_EE_ORIGIN_ICMP, 3, 9, NET_ERROR_PROHIBITED },
	{ SO_EE_ORIGIN_ICMP, 3, 10, NET_ERROR_PROHIBITED },
	{ SO_EE_ORIGIN_ICMP, 3, 13, NET_ERROR_PROHIBITED },
	{ SO_EE_ORIGIN_ICMP, 11, ANY_CODE, NET_ERROR_TTL },
	{ SO_EE_ORIGIN_ICMP6, 1, 1, NET_ERROR_PROHIBITED },
	{ SO_EE_ORIGIN_ICMP6, 1, 4, NET_ERROR_PORT_UNREACHABLE },
	{ SO_EE_ORIGIN_ICMP6, 1, 5, NET_ERROR_PROHIBITED },
	{ SO_EE_ORIGIN_ICMP6, 1, 6, NET_ERROR_PROHIBITED },
	{ SO_EE_ORIGIN_ICMP6, 2, ANY_CODE, NET_ERROR_TOO_BIG },
	{ SO_EE_ORIGIN_ICMP6, 3, ANY_CODE, NET_ERROR_TTL },
};

/* What came with one entry of the queue. */
struct entry {
	struct sock_extended_err extended; /* ee_origin NONE: there was none */
	struct endpoint offender;
	bool has_offender;
	struct ip sent_to; /* where the ICMP message went: one of our addresses */
	bool has_sent_to;
};

static enum net_error_kind kind_of_icmp(const struct sock_extended_err *e)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].origin == e->ee_origin && kinds[i].type == e->ee_type &&
			(kinds[i].code == ANY_CODE || kinds[i].code == e->ee_code))
			return kinds[i].kind;
	return NET_ERROR_UNREACHABLE;
}

static enum net_error_kind kind_of_errno(int error)
{
	switch (error) {
	case EMSGSIZE:
		return NET_ERROR_TOO_BIG;
	case EPERM:
	case EACCES:
		return NET_ERROR_DENIED;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		return NET_ERROR_UNREACHABLE;
	}
	return NET_ERROR_LOCAL;
}

/* The entry: struct sock_extended_err and right behind it the offender's sockaddr. */
static void take_extended(struct entry *entry, const unsigned char *data, size_t length)
{
	size_t head = sizeof(entry->extended);

	if (length < head)
		return;
	memcpy(&entry->extended, data, head);
	entry->has_offender = sockaddr_to(data + head, length - head, &entry->offender);
}

static void take_control(struct msghdr *message, struct entry *entry)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		bool v4 = c->cmsg_level == IPPROTO_IP, v6 = c->cmsg_level == IPPROTO_IPV6;
		struct in_pktinfo info4;
		struct in6_pktinfo info6;

		if ((v4 && c->cmsg_type == IP_RECVERR) || (v6 && c->cmsg_type == IPV6_RECVERR)) {
			take_extended(entry, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
		} else if (v4 && c->cmsg_type == IP_PKTINFO) {
			memcpy(&info4, CMSG_DATA(c), sizeof(info4));
			entry->sent_to = sockaddr_ip4(&info4.ipi_addr);
			entry->has_sent_to = true;
		} else if (v6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info6, CMSG_DATA(c), sizeof(info6));
			entry->sent_to = sockaddr_ip6(&info6.ipi6_addr);
			entry->has_sent_to = true;
		}
	}
}

/* Seen on Linux 6.18: 3.1 s after a datagram whose next hop does not answer ARP or
 * neighbour discovery comes an ICMP 3/1 (ICMPv6 1/3) from this host to itself,
 * origin ICMP, not LOCAL; a `reject` rule of its own firewall sends 3/3 or 3/13
 * (1/4, 1/1) likewise, and the send fails with EPERM besides. So: offender and
 * addressee of the message are one address, and our datagram was not for it. */
static bool from_ourselves(const struct entry *entry, const struct endpoint *to)
{
	return entry->has_offender && entry->has_sent_to &&
		ip_equal(&entry->offender.address, &entry->sent_to) &&
		!ip_equal(&entry->offender.address, &to->address);
}

static void describe(const struct entry *entry, struct net_error *error)
{
	const struct sock_extended_err *e = &entry->extended;

	error->error = (int)e->ee_errno;
	if (e->ee_origin != SO_EE_ORIGIN_ICMP && e->ee_origin != SO_EE_ORIGIN_ICMP6) {
		error->local = true;
		error->kind = kind_of_errno(error->error);
		return;
	}
	error->kind = kind_of_icmp(e);
	error->local = from_ourselves(entry, &error->to);
	if (error->local) {
		/* What this host says of another one's port comes from its own firewall. */
		if (error->kind == NET_ERROR_PORT_UNREACHABLE ||
			error->kind == NET_ERROR_PROHIBITED)
			error->kind = NET_ERROR_DENIED;
		else if (error->kind == NET_ERROR_UNREACHABLE)
			error->kind = NET_ERROR_NOBODY;
		return;
	}
	error->type = e->ee_type;
	error->code = e->ee_code;
	error->has_offender = entry->has_offender;
	error->offender = entry->offender.address;
}

int udp_error(int fd, struct net_error *error, void *sent, size_t size, size_t *length)
{
	_Alignas(struct cmsghdr) char control[512];
	union sockaddr_any to;
	struct iovec part = { sent, size };
	struct msghdr message = { .msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct entry entry;
	struct net_error found;
	ssize_t n = recvmsg(fd, &message, MSG_ERRQUEUE);

	if (n < 0)
		return 0;
	memset(&entry, 0, sizeof(entry));
	memset(&found, 0, sizeof(found));
	sockaddr_to(&to, message.msg_namelen, &found.to);
	take_control(&message, &entry);
	describe(&entry, &found);
	*error = found;
	*length = (size_t)n;
	return 1;
}
