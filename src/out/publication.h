/* SPDX-License-Identifier: MIT
 * Inside of nsupdate: the records of one mapping, and their text in the state
 * directory.
 */
#ifndef OUT_PUBLICATION_H
#define OUT_PUBLICATION_H

#include "out/nsupdate.h"

#define PUBLICATION_NAME_MAX 255 /* 253 octets, the final dot and a NUL */

struct publication {
	bool has_srv; /* else nothing is published */
	bool has_address; /* an A or AAAA record of the target, beside the SRV record */
	char zone[PUBLICATION_NAME_MAX]; /* "": left to nsupdate */
	char owner[PUBLICATION_NAME_MAX];
	char target[PUBLICATION_NAME_MAX];
	uint16_t priority, weight, port;
	struct ip address;
};

/* Lower case, with the final dot. The word has passed nsupdate_name_check(). */
void publication_name(const char *word, char name[static PUBLICATION_NAME_MAX]);
/* Is `name` the zone, or in it? Both as publication_name() makes them. */
bool publication_in_zone(const char *name, const char *zone);

/* "A" or "AAAA" */
const char *publication_type(const struct ip *address);

/* Do both have that record, and is it the same? */
bool publication_same_srv(const struct publication *a, const struct publication *b);
bool publication_same_address(const struct publication *a, const struct publication *b);

/* A line each: `zone NAME`, `NAME SRV ...`, `NAME A ...`; "" for nothing. */
void publication_format(const struct publication *p, char *text, size_t size);
/* The same back. False: it is not of that form to the last octet; *p is as it was. */
bool publication_parse(const char *text, struct publication *p);

#endif
