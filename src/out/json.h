/* SPDX-License-Identifier: MIT
 * A JSON record under way: keys come out in the order in which they were put.
 * Every failure, also one of memory, is kept in output->failed.
 */
#ifndef OUT_JSON_H
#define OUT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "out/form.h"

/* An object or a list: the record itself, or one inside it. */
struct json {
	struct output *output;
	void *value; /* NULL when memory ran out: what is put into it is lost */
};

/* A record with its `type`, `schema` and `time`. */
struct json json_begin(struct output *output, const char *type, int64_t wall_ms);
/* Prints it on a line of its own and frees it, with all that is inside. */
void json_end(struct json *record);

/* A new object or list inside an object; it belongs to that. */
struct json json_put_object(const struct json *in, const char *key);
struct json json_put_list(const struct json *in, const char *key);
/* A new object at the end of a list. */
struct json json_add_object(const struct json *list);

/* The text may be foreign: it becomes valid UTF-8 without control characters. */
void json_put_string(const struct json *in, const char *key, const char *text);
void json_add_string(const struct json *list, const char *text);
/* For what has been through visible() before. */
void json_put_shown(const struct json *in, const char *key, const char *text);
void json_put_number(const struct json *in, const char *key, int64_t value);
void json_put_bool(const struct json *in, const char *key, bool value);
void json_put_ip(const struct json *in, const char *key, const struct ip *ip);
/* Nanoseconds as milliseconds, to 0.001. */
void json_put_ms(const struct json *in, const char *key, int64_t ns);
void json_put_hex(const struct json *in, const char *key, const uint8_t *data, size_t n);

#endif
