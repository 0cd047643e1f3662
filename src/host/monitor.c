/* SPDX-License-Identifier: MIT
 * rtnetlink notifications.
 */
#include "host/monitor.h"

#include <linux/rtnetlink.h>

#include "host/netlink.h"

#define GROUPS                                                                                     \
	(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |               \
		RTMGRP_IPV6_ROUTE)

int monitor_open(void)
{
	return netlink_listen(NETLINK_ROUTE, GROUPS);
}

void monitor_close(int fd)
{
	netlink_listen_close(fd);
}

static void look(void *context, const struct nlmsghdr *message)
{
	bool *concerns_us = context;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
	case RTM_NEWADDR:
	case RTM_DELADDR:
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		*concerns_us = true;
	}
}

bool monitor_changed(int fd)
{
	bool concerns_us = false;

	return !netlink_listen_take(fd, look, &concerns_us) || concerns_us;
}
