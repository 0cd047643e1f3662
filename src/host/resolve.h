/* SPDX-License-Identifier: MIT
 * Host names -> addresses, bounded in time: getaddrinfo() in a child process.
 */
#ifndef HOST_RESOLVE_H
#define HOST_RESOLVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/mono.h"

#define RESOLVE_MAX 32 /* addresses of one name that are looked at */

enum resolve_result { RESOLVE_OK, RESOLVE_NO_NAME, RESOLVE_TIMEOUT, RESOLVE_FAILED };

/* The name's first address of `families` (bits of enum ip_family). Waits until
 * `deadline` at most; a signal that is pending in `loop` terms is not looked at.
 * On anything but RESOLVE_OK, `reason` gets a phrase for the user. */
enum resolve_result resolve_name(const char *name, unsigned families, struct mono deadline,
	struct endpoint *out, char *reason, size_t size);

/* The same, all of them as far as there is `room`; *count says how many. */
enum resolve_result resolve_names(const char *name, unsigned families, struct mono deadline,
	struct endpoint *out, size_t room, size_t *count, char *reason, size_t size);

/* The number of a protocol of /etc/protocols, -1: no such name. */
int resolve_protocol(const char *name);

#endif
