/* SPDX-License-Identifier: MIT
 * PCP requests to start from, and what every test of the encoder asks of one:
 * that it is refused, or that it is written and reads back as it was.
 */
#ifndef TESTS_UNIT_PCP_SAMPLE_H
#define TESTS_UNIT_PCP_SAMPLE_H

#include "wire/pcp.h"

#define SAMPLE_FILTERS 3

/* Remove all; an IPv4 /24; an IPv6 /33 with a port. */
extern const struct pcp_filter sample_filters[SAMPLE_FILTERS];

/* The address of a text that is one. */
struct ip sample_ip(const char *text);

/* Valid requests of 192.0.2.10 without options, no two values alike. */
struct pcp_request sample_announce(void);
struct pcp_request sample_map(void);
struct pcp_request sample_peer(void);
struct pcp_request sample_deletion(void);

/* Each fails the test when it does not hold. */
void sample_refused(const struct pcp_request *request, enum pcp_encode reason);
/* Both return the length; `out` was full of 0xee before. */
size_t sample_accepted(const struct pcp_request *request, uint8_t out[static PCP_MAX]);
size_t sample_there_and_back(const struct pcp_request *request);

#endif
