/* SPDX-License-Identifier: MIT
 * UDP sockets: made, bound, written and read. The error queue is read in
 * udp_error.c.
 */
#include "host/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "host/sockaddr.h"

#define SEND_TRIES    3
#define RECEIVE_TRIES 64

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* SO_BINDTOIFINDEX is SO_BINDTODEVICE by index. Before Linux 5.7 it took
 * CAP_NET_RAW, and before 5.1 it was not there: then at least what we send
 * leaves by that interface (in network order, in both families). */
static int set_interface(int fd, int family, uint32_t index)
{
	int value = (int)htonl(index);

	if (set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)index) == 0)
		return 0;
	if (errno != EPERM && errno != ENOPROTOOPT)
		return -1;
	if (family == AF_INET)
		return set(fd, IPPROTO_IP, IP_UNICAST_IF, value);
	return set(fd, IPPROTO_IPV6, IPV6_UNICAST_IF, value);
}

static int set_family(int fd, int family)
{
	if (family == AF_INET) {
		if (set(fd, IPPROTO_IP, IP_PKTINFO, 1) < 0)
			return -1;
		return set(fd, IPPROTO_IP, IP_RECVERR, 1);
	}
	if (set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0 ||
		set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0)
		return -1;
	return set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
}

static int set_path(int fd, int family, const struct udp_options *options)
{
	if (options->mark && set(fd, SOL_SOCKET, SO_MARK, (int)options->mark) < 0)
		return -1;
	if (options->interface_index)
		return set_interface(fd, family, options->interface_index);
	return 0;
}

/* A link-local address means nothing without its interface. */
static int bind_to(int fd, const struct endpoint *local, uint32_t interface_index)
{
	struct endpoint at = *local;
	union sockaddr_any any;
	socklen_t length;

	if (at.scope == 0 && ip_is_link_local(&at.address))
		at.scope = interface_index;
	length = sockaddr_from(&at, &any);
	return bind(fd, &any.any, length);
}

/* Closes without losing why it has to. */
static int give_up(int fd)
{
	int error = errno;

	close(fd);
	errno = error;
	return -1;
}

int udp_open(const struct udp_options *options)
{
	int family = sockaddr_family(&options->local.address);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (set_family(fd, family) < 0 || set_path(fd, family, options) < 0 ||
		bind_to(fd, &options->local, options->interface_index) < 0)
		return give_up(fd);
	return fd;
}

void udp_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

static int local_of(int fd, struct endpoint *local)
{
	union sockaddr_any any;
	socklen_t length = sizeof(any);

	if (getsockname(fd, &any.any, &length) < 0)
		return -1;
	if (!sockaddr_to(&any, length, local)) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return 0;
}

uint16_t udp_port(int fd)
{
	struct endpoint local;

	return local_of(fd, &local) < 0 ? 0 : local.port;
}

/* What an ICMP error of an earlier datagram can leave in the socket (Linux:
 * icmp_err_convert and icmpv6_err_convert). Some are also honest refusals of
 * this very call (no route: ENETUNREACH), which only a second try can tell. */
static bool may_be_pending(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENONET:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case EACCES:
	case EMSGSIZE:
	case EPROTO:
	case EINTR:
		return true;
	}
	return false;
}

/* Seen on Linux 6.18, on loopback and in a namespace: one error is pending at a
 * time, however many are queued. The send that it makes fail sends nothing and
 * clears it; so do recvmsg() and SO_ERROR; the entry stays in the error queue, and
 * the next send goes out. To read an entry makes the error of the one behind it
 * pending again, so a queue read halfway fails the next send too. One more try is
 * therefore enough unless another ICMP message comes between the two.
 * Honest refusals repeat themselves: ENETUNREACH no route, EHOSTUNREACH an
 * unreachable route, EACCES a prohibit route or a broadcast address, EINVAL a
 * blackhole, EPERM a drop of our own firewall, EMSGSIZE more than 65507 octets. Only
 * the last leaves an entry in the queue, origin LOCAL and with no destination. */
int udp_send(int fd, const struct endpoint *to, const void *data, size_t n)
{
	union sockaddr_any any;
	socklen_t length = sockaddr_from(to, &any);

	for (int i = 1;; i++) {
		if (sendto(fd, data, n, MSG_NOSIGNAL, &any.any, length) >= 0)
			return 0;
		if (i == SEND_TRIES || !may_be_pending(errno))
			return -1;
	}
}

static void take_pktinfo(struct msghdr *message, struct udp_datagram *got)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		struct in_pktinfo info4;
		struct in6_pktinfo info6;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&info4, CMSG_DATA(c), sizeof(info4));
			got->to = sockaddr_ip4(&info4.ipi_addr);
			got->interface_index = (uint32_t)info4.ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info6, CMSG_DATA(c), sizeof(info6));
			got->to = sockaddr_ip6(&info6.ipi6_addr);
			got->interface_index = info6.ipi6_ifindex;
		}
	}
}

/* As recvmsg(), with the errors left pending by earlier sends passed over. */
static ssize_t receive(int fd, struct msghdr *message)
{
	socklen_t name = message->msg_namelen;
	size_t control = message->msg_controllen;
	ssize_t n = -1;

	for (int i = 0; i < RECEIVE_TRIES; i++) {
		message->msg_namelen = name;
		message->msg_controllen = control;
		n = recvmsg(fd, message, 0);
		if (n >= 0 || !may_be_pending(errno))
			break;
	}
	return n;
}

int udp_receive(int fd, void *data, size_t size, struct udp_datagram *got)
{
	_Alignas(struct cmsghdr) char control[256];
	union sockaddr_any from;
	struct iovec part = { data, size };
	struct msghdr message = { .msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct udp_datagram datagram;
	ssize_t n = receive(fd, &message);

	/* Still pending after so many tries: it can wait for the next turn. */
	if (n < 0)
		return errno == EAGAIN || may_be_pending(errno) ? 0 : -1;
	memset(&datagram, 0, sizeof(datagram));
	if (!sockaddr_to(&from, message.msg_namelen, &datagram.from)) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	datagram.to = ip_any(ip_family(&datagram.from.address));
	datagram.length = (size_t)n;
	datagram.truncated = (message.msg_flags & MSG_TRUNC) != 0;
	take_pktinfo(&message, &datagram);
	*got = datagram;
	return 1;
}

/* The local end of a socket connected to `to`: nothing is sent by that. */
static int source_of(int fd, const struct endpoint *to, const struct udp_options *options,
	struct endpoint *local)
{
	struct endpoint bound = options->local;
	union sockaddr_any any;
	socklen_t length = sockaddr_from(to, &any);

	bound.port = 0; /* the real socket may have it already */
	if (set_path(fd, any.any.sa_family, options) < 0)
		return -1;
	if (!ip_is_any(&bound.address) && ip_is_v4(&bound.address) == ip_is_v4(&to->address) &&
		bind_to(fd, &bound, options->interface_index) < 0)
		return -1;
	if (connect(fd, &any.any, length) < 0)
		return -1;
	return local_of(fd, local);
}

int udp_source_for(const struct endpoint *to, const struct udp_options *options, struct ip *source)
{
	struct endpoint local;
	int fd = socket(sockaddr_family(&to->address), SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (source_of(fd, to, options, &local) < 0)
		return give_up(fd);
	close(fd);
	*source = local.address;
	return 0;
}

int udp_reserve(const struct ip *local, uint16_t *port)
{
	struct endpoint at = { .address = *local };
	int family = sockaddr_family(local);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if ((family == AF_INET6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0) ||
		bind_to(fd, &at, 0) < 0 || local_of(fd, &at) < 0)
		return give_up(fd);
	*port = at.port;
	return fd;
}
