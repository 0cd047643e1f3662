/* SPDX-License-Identifier: MIT
 * sock_diag: dumps by state and port, the look-up of one connection, and the messages
 * about those that end.
 */
#include "host/sockdiag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "host/netlink.h"
#include "host/process.h"
#include "host/sockaddr.h"

#define STATE(s)	    (1u << (s))
#define STATES_HALF_CLOSED  (STATE(TCP_FIN_WAIT1) | STATE(TCP_FIN_WAIT2))
#define STATES_WITH_TRAFFIC (STATE(TCP_ESTABLISHED) | STATE(TCP_CLOSE_WAIT) | STATES_HALF_CLOSED)

/* Whose sockets, and which of them. */
struct search {
	struct netlink_rows rows; /* the first member: netlink_ask_of() hands out its address */
	uint8_t protocol;
	uint32_t states;
	uint16_t local_port, remote_port; /* 0: any */
	const struct ip *remote; /* NULL: anybody */
};

/* --- messages --- */

static uint32_t scope_of(const struct ip *ip, uint32_t interface_index)
{
	return ip_is_v4(ip) || !ip_is_link_local(ip) ? 0 : interface_index;
}

static struct endpoint endpoint_of(const struct inet_diag_msg *message, const __be32 address[4],
	uint16_t port)
{
	struct endpoint e = { .port = ntohs(port) };
	uint8_t octets[16];

	memcpy(octets, address, sizeof(octets));
	if (message->idiag_family == AF_INET)
		e.address = ip_from_v4(octets);
	else
		memcpy(e.address.octets, octets, sizeof(octets));
	e.scope = scope_of(&e.address, message->id.idiag_if);
	return e;
}

/* False: it is too short, or of a family that we do not know. */
static bool take_message(const struct nlmsghdr *head, const struct inet_diag_msg **message)
{
	if (mnl_nlmsg_get_payload_len(head) < sizeof(**message))
		return false;
	*message = mnl_nlmsg_get_payload(head);
	return (*message)->idiag_family == AF_INET || (*message)->idiag_family == AF_INET6;
}

static struct net_flow flow_of(const struct inet_diag_msg *message, uint8_t protocol)
{
	return (struct net_flow){
		.protocol = protocol,
		.local = endpoint_of(message, message->id.idiag_src, message->id.idiag_sport),
		.remote = endpoint_of(message, message->id.idiag_dst, message->id.idiag_dport),
		.interface_index = message->id.idiag_if,
		.inode = message->idiag_inode,
	};
}

static int note_listener(const struct nlmsghdr *head, void *data)
{
	struct search *search = data;
	const struct inet_diag_msg *message;
	const struct nlattr *attributes[INET_DIAG_SKV6ONLY + 1], *v6_only;
	struct net_listener *row;
	struct endpoint local;

	/* SCTP tells of sockets in either state, whichever was asked for. */
	if (!take_message(head, &message) || !(STATE(message->idiag_state) & search->states))
		return MNL_CB_OK;
	local = endpoint_of(message, message->id.idiag_src, message->id.idiag_sport);
	if (local.port == 0)
		return MNL_CB_OK;
	row = netlink_row(&search->rows);
	if (!row)
		return MNL_CB_ERROR;
	netlink_attributes(head, sizeof(*message), INET_DIAG_SKV6ONLY, attributes);
	v6_only = attributes[INET_DIAG_SKV6ONLY];
	*row = (struct net_listener){
		.protocol = search->protocol,
		.port = local.port,
		.v6_only = v6_only && mnl_attr_get_payload_len(v6_only) >= 1 &&
			mnl_attr_get_u8(v6_only),
		.address = local.address,
		.interface_index = message->id.idiag_if,
		.uid = message->idiag_uid,
		.inode = message->idiag_inode,
	};
	return MNL_CB_OK;
}

static int note_flow(const struct nlmsghdr *head, void *data)
{
	struct search *search = data;
	const struct inet_diag_msg *message;
	struct net_flow *row, flow;

	/* The look-up falls back to a listener, whose state is not asked for. */
	if (!take_message(head, &message) || !(STATE(message->idiag_state) & search->states))
		return MNL_CB_OK;
	/* What nobody holds any more only waits for its end. */
	if ((STATE(message->idiag_state) & STATES_HALF_CLOSED) && message->idiag_inode == 0)
		return MNL_CB_OK;
	flow = flow_of(message, search->protocol);
	if (search->remote && !ip_equal(&flow.remote.address, search->remote))
		return MNL_CB_OK;
	row = netlink_row(&search->rows);
	if (!row)
		return MNL_CB_ERROR;
	*row = flow;
	return MNL_CB_OK;
}

/* --- questions --- */

static struct inet_diag_req_v2 *begin(union netlink_request *request, int family, uint16_t flags,
	const struct search *search)
{
	struct inet_diag_req_v2 *header =
		netlink_begin(request, SOCK_DIAG_BY_FAMILY, flags, sizeof(*header));

	header->sdiag_family = (uint8_t)family;
	header->sdiag_protocol = search->protocol;
	header->idiag_states = search->states;
	header->id.idiag_sport = htons(search->local_port);
	header->id.idiag_dport = htons(search->remote_port);
	header->id.idiag_cookie[0] = header->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return header;
}

/* Both families, always: IPv6 sockets have IPv4 connections too. */
static int dump(struct search *search, mnl_cb_t note)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct netlink_rows all = { .size = search->rows.size };

	for (size_t i = 0; i < 2; i++) {
		union netlink_request request;

		begin(&request, families[i], NLM_F_DUMP, search);
		/* It starts with no rows, so those of the other family wait here. */
		if (netlink_ask_of(NETLINK_SOCK_DIAG, &request, note, &search->rows) < 0)
			goto failed;
		for (size_t j = 0; j < search->rows.count; j++) {
			void *row = netlink_row(&all);

			if (!row)
				goto failed;
			memcpy(row, (char *)search->rows.items + j * all.size, all.size);
		}
	}
	free(search->rows.items);
	search->rows = all;
	return (int)all.count;
failed:
	free(all.items);
	return -1;
}

/* The rows are the caller's; with none, or after a failure, NULL. */
static int hand_out(struct search *search, int count, void **rows)
{
	int error = errno;

	*rows = NULL;
	if (count > 0)
		*rows = search->rows.items;
	else
		free(search->rows.items);
	errno = error;
	return count;
}

static int by_port(const void *a, const void *b)
{
	const struct net_listener *left = a, *right = b;

	return (left->port > right->port) - (left->port < right->port);
}

int sockdiag_listeners(uint8_t protocol, uint16_t port, struct net_listener **listeners)
{
	/* A datagram socket that is not connected is in the state "closed". */
	bool datagrams = protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE;
	struct search search = {
		.rows = { .size = sizeof(**listeners) },
		.protocol = protocol,
		.states = STATE(datagrams ? TCP_CLOSE : TCP_LISTEN),
		.local_port = port,
	};
	void *rows;
	int count = hand_out(&search, dump(&search, note_listener), &rows);

	if (count > 0)
		qsort(rows, (size_t)count, sizeof(**listeners), by_port);
	*listeners = rows;
	return count;
}

bool sockdiag_receives(const struct net_listener *listener, const struct ip *address)
{
	/* An SCTP socket has many addresses, and tells the first. */
	if (listener->protocol == IPPROTO_SCTP || ip_equal(&listener->address, address))
		return true;
	if (!ip_is_any(&listener->address))
		return false;
	if (ip_is_v4(&listener->address))
		return ip_is_v4(address);
	return !ip_is_v4(address) || !listener->v6_only;
}

int sockdiag_flows(const struct ip *remote, uint16_t port, struct net_flow **flows)
{
	struct search search = {
		.rows = { .size = sizeof(**flows) },
		.protocol = IPPROTO_TCP,
		.states = STATE(TCP_ESTABLISHED),
		.remote_port = port,
		.remote = remote,
	};
	void *rows;
	int count = hand_out(&search, dump(&search, note_flow), &rows);

	*flows = rows;
	return count;
}

static int is_inode(const void *key, const void *element)
{
	const uint32_t *inode = key;
	const struct process_socket *held = element;

	return (*inode > held->inode) - (*inode < held->inode);
}

int sockdiag_process_flows(pid_t pid, struct net_flow **flows)
{
	struct process_socket *held;
	int sockets = process_sockets(pid, &held), count, kept = 0;

	*flows = NULL;
	if (sockets <= 0)
		return sockets;
	count = sockdiag_flows(NULL, 0, flows);
	for (int i = 0; i < count; i++) {
		if (bsearch(&(*flows)[i].inode, held, (size_t)sockets, sizeof(*held), is_inode))
			(*flows)[kept++] = (*flows)[i];
	}
	free(held);
	if (kept == 0) {
		free(*flows);
		*flows = NULL;
	}
	return count < 0 ? -1 : kept;
}

/* --- one connection --- */

static void put_ip(__be32 out[4], const struct ip *ip)
{
	bool v4 = ip_is_v4(ip);

	memcpy(out, ip->octets + (v4 ? 12 : 0), v4 ? 4 : 16);
}

bool sockdiag_is_flow(const struct net_flow *a, const struct net_flow *b)
{
	return a->protocol == b->protocol && a->local.port == b->local.port &&
		a->remote.port == b->remote.port &&
		ip_equal(&a->local.address, &b->local.address) &&
		ip_equal(&a->remote.address, &b->remote.address);
}

static bool is_among(const struct net_flow *flow, const struct netlink_rows *rows)
{
	const struct net_flow *all = rows->items;

	for (size_t i = 0; i < rows->count; i++) {
		if (sockdiag_is_flow(&all[i], flow))
			return true;
	}
	return false;
}

/* The kernel's own look-up, which costs the same on a host with many connections. */
static int look_up(const struct net_flow *flow, struct search *search)
{
	union netlink_request request;
	struct inet_diag_req_v2 *header =
		begin(&request, sockaddr_family(&flow->local.address), 0, search);

	put_ip(header->id.idiag_src, &flow->local.address);
	put_ip(header->id.idiag_dst, &flow->remote.address);
	header->id.idiag_if = flow->interface_index ? flow->interface_index : flow->local.scope;
	return netlink_ask_of(NETLINK_SOCK_DIAG, &request, note_flow, &search->rows);
}

int sockdiag_flow_lives(const struct net_flow *flow)
{
	struct search search = {
		.rows = { .size = sizeof(*flow) },
		.protocol = flow->protocol,
		.states = STATES_WITH_TRAFFIC,
		.local_port = flow->local.port,
		.remote_port = flow->remote.port,
	};
	int result = 0, error;

	if (flow->protocol == IPPROTO_TCP) {
		result = look_up(flow, &search);
		if (result < 0 && errno == ENOENT)
			result = 0;
	}
	/* A socket that is bound to an interface is not found without it. */
	if (result == 0 && !is_among(flow, &search.rows))
		result = dump(&search, note_flow);
	if (result >= 0)
		result = is_among(flow, &search.rows);
	error = errno;
	free(search.rows.items);
	errno = error;
	return result;
}

/* --- the end of connections --- */

int sockdiag_watch_open(void)
{
	return netlink_listen(NETLINK_SOCK_DIAG,
		STATE(SKNLGRP_INET_TCP_DESTROY - 1) | STATE(SKNLGRP_INET6_TCP_DESTROY - 1));
}

void sockdiag_watch_close(int fd)
{
	netlink_listen_close(fd);
}

/* What is to be called at the end of a connection. */
struct gone_call {
	void (*gone)(void *context, const struct net_flow *flow);
	void *context;
};

static void tell_gone(void *context, const struct nlmsghdr *head)
{
	const struct gone_call *call = context;
	const struct inet_diag_msg *message;
	struct net_flow flow;

	if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY || !take_message(head, &message))
		return;
	flow = flow_of(message, IPPROTO_TCP);
	if (flow.remote.port != 0)
		call->gone(call->context, &flow);
}

bool sockdiag_watch_take(int fd, void (*gone)(void *context, const struct net_flow *flow),
	void *context)
{
	struct gone_call call = { gone, context };

	return netlink_listen_take(fd, tell_gone, &call);
}
