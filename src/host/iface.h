/* SPDX-License-Identifier: MIT
 * Interfaces and their addresses, by rtnetlink (libmnl).
 */
#ifndef HOST_IFACE_H
#define HOST_IFACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/net.h"

/* The index of an interface, 0 when there is none of that name. */
uint32_t iface_index(const char *name);
/* The name of an interface, "" when there is none of that index. Returns `name`. */
const char *iface_name(uint32_t index, char name[static NET_NAME_MAX]);

/* The names of all interfaces; *names is a NULL-terminated array, freed by one
 * free(). Returns the number or -1 with errno. */
int iface_names(char ***names);

/* The addresses of an interface (0: of all). *addresses is the caller's to
 * free(). Returns the number or -1 with errno. */
int iface_addresses(uint32_t index, enum ip_family family, struct net_address **addresses);

#endif
