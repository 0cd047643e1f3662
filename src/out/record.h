/* SPDX-License-Identifier: MIT
 * Inside of the JSON form: the parts that several records have.
 */
#ifndef OUT_RECORD_H
#define OUT_RECORD_H

#include "out/json.h"

void record_put_server(const struct json *r, const struct server_id *id);
/* The name, and the number in the numbering of the protocol. */
void record_put_result(const struct json *r, bool nat_pmp, unsigned result);
void record_put_protocol(const struct json *r, const char *key, uint8_t protocol);

void record_packet(struct output *output, const struct event *event);

#endif
