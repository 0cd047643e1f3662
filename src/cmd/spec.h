/* SPDX-License-Identifier: MIT
 * The SPEC of map: [EXTERNAL:]INTERNAL[/PROTO], as in `docker -p`.
 */
#ifndef CMD_SPEC_H
#define CMD_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/options.h"

struct spec {
	const char *word;
	bool pair; /* tcp+udp: `protocol` is TCP, UDP follows */
	uint8_t protocol; /* 0: all of them */
	bool all_ports; /* `all`, `all/tcp` */
	bool names_external; /* EXTERNAL was a number */
	bool zero_port; /* a literal internal port 0: NAT-PMP only */
	uint16_t internal_port;
	uint16_t external_port; /* to suggest, 0: none */
};

/* The words -> specs (the caller's array of `count`). False after a message: a word
 * that is none, or two that name the same internal port and protocol. */
bool spec_parse_all(struct parse *parse, char *const *words, size_t count, struct spec *specs);

/* PROTO: a name that we know, a number 0-255, or a name of /etc/protocols. */
bool spec_protocol(const char *word, uint8_t *protocol);

#endif
