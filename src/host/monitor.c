/* SPDX-License-Identifier: MIT
 * rtnetlink notifications.
 */
#include "host/monitor.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS                                                                                     \
	(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |               \
		RTMGRP_IPV6_ROUTE)

int monitor_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = GROUPS };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)(void *)&address, sizeof(address)) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

void monitor_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

static bool concerns_us(const void *buffer, int length)
{
	const struct nlmsghdr *head = buffer;

	for (; mnl_nlmsg_ok(head, length); head = mnl_nlmsg_next(head, &length)) {
		switch (head->nlmsg_type) {
		case RTM_NEWLINK:
		case RTM_DELLINK:
		case RTM_NEWADDR:
		case RTM_DELADDR:
		case RTM_NEWROUTE:
		case RTM_DELROUTE:
			return true;
		}
	}
	return false;
}

bool monitor_changed(int fd)
{
	_Alignas(struct nlmsghdr) char buffer[32768];
	bool changed = false;

	/* Bounded: tables that never rest must not keep us here. */
	for (int i = 0; i < 64; i++) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

		if (n < 0 && errno == ENOBUFS) {
			changed = true;
			continue;
		}
		if (n <= 0)
			break;
		changed = changed || concerns_us(buffer, (int)n);
	}
	return changed;
}
