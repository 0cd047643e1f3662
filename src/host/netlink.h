/* SPDX-License-Identifier: MIT
 * Netlink: questions and their answers, and what is told unasked (libmnl); for the files
 * of host/ only.
 */
#ifndef HOST_NETLINK_H
#define HOST_NETLINK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"

/* A growing array of items of one size. */
struct netlink_rows {
	void *items; /* the owner's to free() */
	size_t count, capacity, size;
};

/* A new last item, all zeros; valid until the next call. NULL with errno. */
void *netlink_row(struct netlink_rows *rows);

/* Room for a request: the fixed header and a few attributes. */
union netlink_request {
	struct nlmsghdr head;
	char room[256];
};

/* Starts a request. Returns its family header, `size` zeroed octets (struct rtmsg,
 * struct ifaddrmsg ...). */
void *netlink_begin(union netlink_request *request, uint16_t type, uint16_t flags, size_t size);

/* Sends it to rtnetlink and calls `each` (a mnl_cb_t; its data is `rows`) for every answer,
 * through all parts of a dump. A dump that a change of the tables interrupted
 * starts again with no rows, a few times; the last is taken as it is. 0, or -1 with
 * errno: the kernel's own refusal (ENOENT, ENETUNREACH ...), or ours. */
int netlink_ask(union netlink_request *request, mnl_cb_t each, struct netlink_rows *rows);
/* The same of another part of the kernel: NETLINK_SOCK_DIAG ... */
int netlink_ask_of(int family, union netlink_request *request, mnl_cb_t each,
	struct netlink_rows *rows);

/* A socket for several questions in a row. */
struct netlink {
	struct mnl_socket *socket;
	uint32_t asked; /* so many: the sequence number of the last */
};

/* False with errno. */
bool netlink_open(struct netlink *netlink);
/* Leaves errno as it is. */
void netlink_close(struct netlink *netlink);
/* As netlink_ask(), for a question that is no dump: it has one answer. */
int netlink_ask_at(struct netlink *netlink, union netlink_request *request, mnl_cb_t each,
	struct netlink_rows *rows);

/* A descriptor that becomes readable when the kernel tells one of the groups, a set of
 * bits, of that part (NETLINK_ROUTE ...); -1 with errno. */
int netlink_listen(int family, uint32_t groups);
void netlink_listen_close(int fd); /* of -1: nothing */
/* Takes what waits, a bounded part of it, and calls `each` for every message. False: so
 * much has happened that some were lost. */
bool netlink_listen_take(int fd, void (*each)(void *context, const struct nlmsghdr *message),
	void *context);

/* The attributes of one message, behind a family header of `header` octets (a
 * multiple of 4), by type; those above `max` are left out. `table` has max + 1 places. */
void netlink_attributes(const struct nlmsghdr *message, size_t header, uint16_t max,
	const struct nlattr **table);
/* The same of the `length` octets at `data`, for attributes within attributes. */
void netlink_nested(const void *data, size_t length, uint16_t max, const struct nlattr **table);

/* An attribute's address; `family` is AF_INET or AF_INET6. False, leaving *out
 * alone, when there is no attribute or it is of another length. */
bool netlink_ip(const struct nlattr *attribute, int family, struct ip *out);

/* An attribute's number, `otherwise` when there is no attribute of that length. */
uint32_t netlink_u32(const struct nlattr *attribute, uint32_t otherwise);

#endif
