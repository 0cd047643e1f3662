/* SPDX-License-Identifier: MIT
 * The options of map, and what they and the specs make together.
 */
#ifndef CMD_MAP_H
#define CMD_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/options.h"
#include "cmd/spec.h"
#include "wire/pcp.h"

struct map_settings {
	bool has_lifetime;
	uint32_t lifetime; /* seconds */
	bool has_external;
	struct ip external; /* -e; a wildcard only chooses the family */
	bool prefer_failure, require_public, delete, dry_run;
	struct pcp_filter filters[PCP_FILTERS_MAX + 1];
	size_t filter_count;
	bool has_third_party;
	struct ip third_party;
	const char *description;
	uint16_t port_set; /* 0: none */
	bool has_nonce;
	struct pcp_nonce nonce;
};

#define MAP_LIFETIME 7200 /* RFC 6886, 3.3: the recommended one */

struct option_set map_options(void *settings);

/* Do options and specs fit together? False after a message that names the option. */
bool map_check(struct parse *parse, const struct common *common, const struct map_settings *map,
	const struct spec *specs, size_t count);

#endif
