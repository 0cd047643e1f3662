/* SPDX-License-Identifier: MIT
 * A whole PCP request, options included, read back into what pcp_encode takes.
 * Shared by the unit tests and the fuzzer.
 */
#ifndef TESTS_UNIT_PCP_READ_H
#define TESTS_UNIT_PCP_READ_H

#include "wire/pcp.h"

struct pcp_read {
	struct pcp_request request; /* points into the fields below */
	struct pcp_filter filters[PCP_FILTERS_MAX];
	char description[PCP_DESCRIPTION_MAX + 1];
};

/* False when the octets are no request, malformed, or say what pcp_request
 * cannot: an unknown option, one twice, a NUL in the description. */
bool pcp_read(const uint8_t *data, size_t n, struct pcp_read *out);

#endif
