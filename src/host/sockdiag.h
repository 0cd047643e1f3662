/* SPDX-License-Identifier: MIT
 * The sockets of this host, as the kernel lists them (sock_diag): who listens, which
 * connections there are, and when one has ended. Anybody may ask, of his own network
 * namespace.
 */
#ifndef HOST_SOCKDIAG_H
#define HOST_SOCKDIAG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/ip.h"
#include "base/net.h"

/* Who listens on a port (0: on any) of a protocol, by port. *listeners is the caller's
 * to free(), NULL when there are none. Returns the number, or -1 with errno: ENOENT
 * where the kernel cannot tell of that protocol, which does not mean that nobody
 * listens. */
int sockdiag_listeners(uint8_t protocol, uint16_t port, struct net_listener **listeners);

/* Would it be given what arrives at `address` on its port? A socket that is bound to an
 * interface counts on any: that may be a VRF. */
bool sockdiag_receives(const struct net_listener *listener, const struct ip *address);

/* The established TCP connections with `remote` (NULL: anybody) at `port` (0: any).
 * *flows is the caller's to free(), NULL when there are none. Returns the number, or
 * -1 with errno. */
int sockdiag_flows(const struct ip *remote, uint16_t port, struct net_flow **flows);

/* The same of a process. -1 with errno: ESRCH there is no such process, EACCES its
 * descriptors are not for us to see. */
int sockdiag_process_flows(pid_t pid, struct net_flow **flows);

/* Are they one connection: of one protocol, with the same addresses and ports? */
bool sockdiag_is_flow(const struct net_flow *a, const struct net_flow *b);

/* Is it a connection that data can still go through, be it in one direction? By its
 * protocol, addresses, ports and interface. 1, 0, or -1 with errno: not known. */
int sockdiag_flow_lives(const struct net_flow *flow);

/* A descriptor that becomes readable when TCP sockets of this host end, or -1 with
 * errno: then ask sockdiag_flow_lives() from time to time. */
int sockdiag_watch_open(void);
void sockdiag_watch_close(int fd);

/* Takes what waits, and calls `gone` for each connection that has ended. False: so much
 * has happened that some were lost, ask anew of those that matter. */
bool sockdiag_watch_take(int fd, void (*gone)(void *context, const struct net_flow *flow),
	void *context);

#endif
