/* SPDX-License-Identifier: MIT
 * The store's files as JSON, laid out anyhow: somebody may have edited them.
 */
#include <jansson.h>
#include <string.h>

#include "engine/store_state.h"

/* Of jansson's hash tables: a directory that only we can write holds no attack on them,
 * and without it each run would read /dev/urandom. */
#define SEED 1

static json_t *load(const char *text, size_t n)
{
	json_object_seed(SEED);
	return json_loadb(text, n, 0, NULL);
}

static struct store_member member_of(const char *key, const json_t *value)
{
	struct store_member member = { .key = key, .key_n = strlen(key), .is = STORE_OTHER };

	if (json_is_string(value)) {
		member.is = STORE_TEXT;
		member.text = json_string_value(value);
		member.n = json_string_length(value);
	} else if (json_is_integer(value)) {
		member.is = STORE_NUMBER;
		member.number = json_integer_value(value);
	} else if (json_is_boolean(value)) {
		member.is = STORE_FLAG;
		member.number = json_is_true(value);
	}
	return member;
}

bool store_parse_json(const char *text, size_t n, store_take *take, void *context)
{
	json_t *object = load(text, n), *value;
	bool good = json_is_object(object);
	const char *key;

	json_object_foreach(object, key, value)
	{
		struct store_member member = member_of(key, value);

		good = good && take(context, &member);
	}
	json_decref(object);
	return good;
}

static int append(const char *data, size_t n, void *to)
{
	return store_append(to, data, n) ? 0 : -1;
}

bool store_append_json(struct store_text *to, const char *text, size_t n)
{
	json_t *string = json_stringn(text, n); /* NULL when it is not UTF-8 */
	bool good = string &&
		json_dump_callback(string, append, to, JSON_COMPACT | JSON_ENCODE_ANY) == 0;

	json_decref(string);
	return good;
}

enum store_load store_parse_file(struct store_text *text)
{
	json_t *root = load(text->data, text->n);
	const json_t *records = json_object_get(root, "records");
	int64_t schema = json_integer_value(json_object_get(root, "schema"));
	bool good = schema == STORE_SCHEMA && json_is_array(records);

	text->n = 0;
	for (size_t i = 0; good && i < json_array_size(records); i++)
		good = json_dump_callback(json_array_get(records, i), append, text,
			       JSON_COMPACT | JSON_ENCODE_ANY) == 0 &&
			store_append(text, "\n", 1);
	json_decref(root);
	return good ? STORE_LOADED : schema > STORE_SCHEMA ? STORE_UNUSABLE : STORE_DAMAGED;
}
