/* SPDX-License-Identifier: MIT
 * Netlink questions and their answers, and what the kernel tells unasked.
 */
#include "host/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/sockaddr.h"

/* As much as the kernel puts into one part of a dump, when it is given room. */
#define PART_MAX   32768
#define DUMP_TRIES 10

struct question {
	int family; /* NETLINK_ROUTE ... */
	struct nlmsghdr *head;
	mnl_cb_t each;
	bool last_try;
};

void *netlink_row(struct netlink_rows *rows)
{
	unsigned char *row;

	if (rows->count == rows->capacity) {
		size_t capacity = rows->capacity ? 2 * rows->capacity : 8;
		void *items = realloc(rows->items, capacity * rows->size);

		if (!items)
			return NULL;
		rows->items = items;
		rows->capacity = capacity;
	}
	row = (unsigned char *)rows->items + rows->count++ * rows->size;
	return memset(row, 0, rows->size);
}

void *netlink_begin(union netlink_request *request, uint16_t type, uint16_t flags, size_t size)
{
	struct nlmsghdr *head = mnl_nlmsg_put_header(request);

	head->nlmsg_type = type;
	head->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return mnl_nlmsg_put_extra_header(head, size);
}

static ssize_t receive(struct mnl_socket *socket, void *buffer, size_t size)
{
	ssize_t n;

	do
		n = mnl_socket_recvfrom(socket, buffer, size);
	while (n < 0 && errno == EINTR);
	return n;
}

/* On a host whose tables never rest a dump that may have missed something is still
 * better than none. */
static void forgive_interruption(void *buffer, int length)
{
	struct nlmsghdr *head = buffer;

	for (; mnl_nlmsg_ok(head, length); head = mnl_nlmsg_next(head, &length))
		head->nlmsg_flags &= (uint16_t)~NLM_F_DUMP_INTR;
}

/* A dump that was refused may say so in its NLMSG_DONE (sock_diag: no such protocol),
 * where libmnl does not look: it would pass for an empty one. 0 or the errno value. */
static int refusal_at_end(const void *buffer, int length)
{
	const struct nlmsghdr *head = buffer;

	for (; mnl_nlmsg_ok(head, length); head = mnl_nlmsg_next(head, &length)) {
		int32_t error;

		if (head->nlmsg_type != NLMSG_DONE ||
			mnl_nlmsg_get_payload_len(head) < sizeof(error))
			continue;
		memcpy(&error, mnl_nlmsg_get_payload(head), sizeof(error));
		if (error < 0)
			return -error;
	}
	return 0;
}

/* All parts of one answer. mnl_cb_run() checks sequence number and port, stops at
 * NLMSG_DONE, and turns NLMSG_ERROR and NLM_F_DUMP_INTR (EINTR) into errno. */
static int answers(struct mnl_socket *socket, const struct question *question,
	struct netlink_rows *rows)
{
	_Alignas(struct nlmsghdr) char buffer[PART_MAX];
	unsigned port = mnl_socket_get_portid(socket);
	int more = MNL_CB_OK, refusal = 0;

	while (more == MNL_CB_OK) {
		ssize_t n = receive(socket, buffer, sizeof(buffer));

		if (n < 0)
			return -1;
		if (question->last_try)
			forgive_interruption(buffer, (int)n);
		more = mnl_cb_run(buffer, (size_t)n, question->head->nlmsg_seq, port,
			question->each, rows);
		if (more == MNL_CB_STOP)
			refusal = refusal_at_end(buffer, (int)n);
		/* A question that is no dump has one answer, and no NLMSG_DONE. */
		if (more == MNL_CB_OK && !(question->head->nlmsg_flags & NLM_F_DUMP))
			more = MNL_CB_STOP;
	}
	if (refusal)
		errno = refusal;
	return more == MNL_CB_STOP && !refusal ? 0 : -1;
}

static bool open_to(struct netlink *netlink, int family)
{
	*netlink = (struct netlink){ mnl_socket_open2(family, SOCK_CLOEXEC), 0 };
	if (!netlink->socket)
		return false;
	if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) == 0)
		return true;
	netlink_close(netlink);
	return false;
}

bool netlink_open(struct netlink *netlink)
{
	return open_to(netlink, NETLINK_ROUTE);
}

void netlink_close(struct netlink *netlink)
{
	int error = errno;

	mnl_socket_close(netlink->socket);
	errno = error;
}

static int ask(struct netlink *netlink, const struct question *question, struct netlink_rows *rows)
{
	question->head->nlmsg_seq = ++netlink->asked;
	if (mnl_socket_sendto(netlink->socket, question->head, question->head->nlmsg_len) < 0)
		return -1;
	return answers(netlink->socket, question, rows);
}

int netlink_ask_at(struct netlink *netlink, union netlink_request *request, mnl_cb_t each,
	struct netlink_rows *rows)
{
	const struct question question = { NETLINK_ROUTE, &request->head, each, true };

	return ask(netlink, &question, rows);
}

/* A socket for each try: what is left of an interrupted dump goes with it. */
static int ask_once(const struct question *question, struct netlink_rows *rows)
{
	struct netlink netlink;
	int result;

	if (!open_to(&netlink, question->family))
		return -1;
	result = ask(&netlink, question, rows);
	netlink_close(&netlink);
	return result;
}

int netlink_ask_of(int family, union netlink_request *request, mnl_cb_t each,
	struct netlink_rows *rows)
{
	for (int i = 1;; i++) {
		struct question question = { family, &request->head, each, i == DUMP_TRIES };

		rows->count = 0;
		if (ask_once(&question, rows) == 0)
			return 0;
		if (errno != EINTR || question.last_try)
			return -1;
	}
}

int netlink_ask(union netlink_request *request, mnl_cb_t each, struct netlink_rows *rows)
{
	return netlink_ask_of(NETLINK_ROUTE, request, each, rows);
}

struct attribute_table {
	const struct nlattr **table;
	uint16_t max;
};

static int note_attribute(const struct nlattr *attribute, void *data)
{
	struct attribute_table *found = data;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type <= found->max)
		found->table[type] = attribute;
	return MNL_CB_OK;
}

void netlink_nested(const void *data, size_t length, uint16_t max, const struct nlattr **table)
{
	struct attribute_table found = { table, max };

	for (size_t i = 0; i <= max; i++)
		table[i] = NULL;
	mnl_attr_parse_payload(data, length, note_attribute, &found);
}

void netlink_attributes(const struct nlmsghdr *message, size_t header, uint16_t max,
	const struct nlattr **table)
{
	size_t length = mnl_nlmsg_get_payload_len(message);

	netlink_nested(mnl_nlmsg_get_payload_offset(message, header),
		length > header ? length - header : 0, max, table);
}

bool netlink_ip(const struct nlattr *attribute, int family, struct ip *out)
{
	uint16_t length = attribute ? mnl_attr_get_payload_len(attribute) : 0;

	if (family == AF_INET && length == 4)
		*out = ip_from_v4(mnl_attr_get_payload(attribute));
	else if (family == AF_INET6 && length == 16)
		memcpy(out->octets, mnl_attr_get_payload(attribute), 16);
	else
		return false;
	return true;
}

uint32_t netlink_u32(const struct nlattr *attribute, uint32_t otherwise)
{
	if (!attribute || mnl_attr_get_payload_len(attribute) != sizeof(uint32_t))
		return otherwise;
	return mnl_attr_get_u32(attribute);
}

/* --- what the kernel tells unasked --- */

int netlink_listen(int family, uint32_t groups)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, family);

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

void netlink_listen_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

bool netlink_listen_take(int fd, void (*each)(void *context, const struct nlmsghdr *message),
	void *context)
{
	_Alignas(struct nlmsghdr) char buffer[PART_MAX];
	bool whole = true;

	/* Bounded: tables that never rest must not keep us here. */
	for (int i = 0; i < 64; i++) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
		const struct nlmsghdr *head = (const void *)buffer;
		int length = (int)n;

		if (n < 0 && errno == ENOBUFS) {
			whole = false;
			continue;
		}
		if (n <= 0)
			break;
		for (; mnl_nlmsg_ok(head, length); head = mnl_nlmsg_next(head, &length))
			each(context, head);
	}
	return whole;
}
