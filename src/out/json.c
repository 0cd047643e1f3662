/* SPDX-License-Identifier: MIT
 * A JSON record under way. The only user of <jansson.h> beside the store.
 */
#include "out/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "out/packet.h"
#include "out/visible.h"
#include "out/when.h"

#define SCHEMA 1

/* jansson takes NULL, for the object or the value, as an error: one check is enough. */
static void put(const struct json *in, const char *key, json_t *value)
{
	if (json_object_set_new(in->value, key, value) != 0)
		in->output->failed = true;
}

static void add(const struct json *list, json_t *value)
{
	if (json_array_append_new(list->value, value) != 0)
		list->output->failed = true;
}

/* JSON quotes a backslash itself: visible()'s second one would be one too many. */
static void single_backslashes(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		*to++ = *from;
		if (from[0] == '\\' && from[1] == '\\')
			from++;
	}
	*to = '\0';
}

static json_t *string(const char *text)
{
	size_t n = strlen(text), size = 4 * n + 1;
	char *shown = malloc(size);
	json_t *value = NULL;

	if (shown) {
		visible(text, n, shown, size);
		single_backslashes(shown);
		value = json_string(shown);
	}
	free(shown);
	return value;
}

struct json json_begin(struct output *output, const char *type, int64_t wall_ms)
{
	struct json record = { output, json_object() };
	char time[WHEN_MAX];

	json_put_string(&record, "type", type);
	json_put_number(&record, "schema", SCHEMA);
	json_put_string(&record, "time", when_utc(wall_ms, time, sizeof(time)));
	return record;
}

void json_end(struct json *record)
{
	FILE *out = record->output->settings.out;
	json_t *object = record->value;

	/* 15 digits are what a double holds for sure: 1.2 stays 1.2 */
	if (!object ||
		json_dumpf(object, out,
			JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15)) != 0 ||
		fputc('\n', out) == EOF)
		record->output->failed = true;
	json_decref(object);
	record->value = NULL;
}

struct json json_put_object(const struct json *in, const char *key)
{
	put(in, key, json_object());
	return (struct json){ in->output, json_object_get(in->value, key) };
}

struct json json_put_list(const struct json *in, const char *key)
{
	put(in, key, json_array());
	return (struct json){ in->output, json_object_get(in->value, key) };
}

struct json json_add_object(const struct json *list)
{
	size_t n = json_array_size(list->value);

	add(list, json_object());
	return (struct json){ list->output, json_array_get(list->value, n) };
}

void json_put_string(const struct json *in, const char *key, const char *text)
{
	put(in, key, string(text));
}

void json_add_string(const struct json *list, const char *text)
{
	add(list, string(text));
}

void json_put_shown(const struct json *in, const char *key, const char *text)
{
	put(in, key, json_string(text));
}

void json_put_number(const struct json *in, const char *key, int64_t value)
{
	put(in, key, json_integer(value));
}

void json_put_bool(const struct json *in, const char *key, bool value)
{
	put(in, key, json_boolean(value));
}

void json_put_ip(const struct json *in, const char *key, const struct ip *ip)
{
	char text[IP_TEXT_MAX];

	json_put_string(in, key, ip_format(ip, text));
}

void json_put_ms(const struct json *in, const char *key, int64_t ns)
{
	int64_t microseconds = (ns + USEC / 2) / USEC;

	put(in, key, json_real((double)microseconds / 1000.0));
}

void json_put_hex(const struct json *in, const char *key, const uint8_t *data, size_t n)
{
	char text[PACKET_HEX_MAX];

	json_put_string(in, key, packet_hex(data, n, text, sizeof(text)));
}
