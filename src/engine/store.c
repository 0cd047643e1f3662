/* SPDX-License-Identifier: MIT
 * JSON <-> what the store remembers: one record at a time, by a table of its fields.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "engine/store_state.h"
#include "host/iface.h"

/* Of jansson's hash tables: a directory that only we can write holds no attack on them,
 * and without it each run would read /dev/urandom. */
#define SEED 1

/* --- kinds of fields: `size` is that of the member --- */

struct kind {
	json_t *(*out)(const void *at, size_t size); /* NULL: cannot be written */
	bool (*in)(const json_t *value, void *at, size_t size);
};

static json_t *number_out(const void *at, size_t size)
{
	switch (size) {
	case 1:
		return json_integer(*(const uint8_t *)at);
	case 2:
		return json_integer(*(const uint16_t *)at);
	case 4:
		return json_integer(*(const uint32_t *)at);
	default:
		return json_integer(*(const int64_t *)at);
	}
}

static bool number_in(const json_t *value, void *at, size_t size)
{
	static const int64_t
		most[] = { [1] = UINT8_MAX, [2] = UINT16_MAX, [4] = UINT32_MAX, [8] = INT64_MAX };
	int64_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < 0 || number > most[size])
		return false;
	switch (size) {
	case 1:
		*(uint8_t *)at = (uint8_t)number;
		break;
	case 2:
		*(uint16_t *)at = (uint16_t)number;
		break;
	case 4:
		*(uint32_t *)at = (uint32_t)number;
		break;
	default:
		*(int64_t *)at = number;
		break;
	}
	return true;
}

static json_t *flag_out(const void *at, size_t size)
{
	(void)size;
	return json_boolean(*(const bool *)at);
}

static bool flag_in(const json_t *value, void *at, size_t size)
{
	(void)size;
	*(bool *)at = json_is_true(value);
	return json_is_boolean(value);
}

static json_t *ip_out(const void *at, size_t size)
{
	char text[IP_TEXT_MAX];

	(void)size;
	return json_string_nocheck(ip_format(at, text));
}

static bool ip_in(const json_t *value, void *at, size_t size)
{
	(void)size;
	return json_is_string(value) && ip_parse(json_string_value(value), at);
}

static json_t *text_out(const void *at, size_t size)
{
	return json_stringn(at, strnlen(at, size - 1)); /* NULL when it is not UTF-8 */
}

static bool text_in(const json_t *value, void *at, size_t size)
{
	size_t n = json_string_length(value);

	if (!json_is_string(value) || n >= size)
		return false;
	memcpy(at, json_string_value(value), n);
	return true;
}

static json_t *hex_out(const void *at, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *octets = at;
	char text[64];

	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[octets[i] >> 4];
		text[2 * i + 1] = digits[octets[i] & 15];
	}
	return json_stringn_nocheck(text, 2 * size);
}

static bool hex_in(const json_t *value, void *at, size_t size)
{
	return json_is_string(value) && words_hex(json_string_value(value), at, size);
}

/* Of a struct store_network: as many octets as it has. */
static json_t *link_out(const void *at, size_t size)
{
	const struct store_network *network = at;

	(void)size;
	return hex_out(network->link,
		network->link_length < sizeof(network->link) ? network->link_length :
							       sizeof(network->link));
}

static bool link_in(const json_t *value, void *at, size_t size)
{
	struct store_network *network = at;
	size_t n = json_string_length(value) / 2;

	(void)size;
	if (n > sizeof(network->link) || (n && !hex_in(value, network->link, n)))
		return false;
	network->link_length = (uint8_t)n;
	return json_is_string(value);
}

/* The index of an interface is of this boot; its name stays. */
static json_t *scope_out(const void *at, size_t size)
{
	char name[NET_NAME_MAX];

	(void)size;
	return json_string(iface_name(*(const uint32_t *)at, name));
}

static bool scope_in(const json_t *value, void *at, size_t size)
{
	(void)size;
	*(uint32_t *)at = json_is_string(value) ? iface_index(json_string_value(value)) : 0;
	return json_is_string(value);
}

static json_t *via_out(const void *at, size_t size)
{
	(void)size;
	return json_string_nocheck(event_via_name(*(const enum via *)at));
}

static bool via_in(const json_t *value, void *at, size_t size)
{
	(void)size;
	for (enum via via = VIA_NONE; json_is_string(value) && via <= VIA_NAT_PMP; via++)
		if (strcmp(json_string_value(value), event_via_name(via)) == 0) {
			*(enum via *)at = via;
			return true;
		}
	return false;
}

static const struct kind number_kind = { number_out, number_in };
static const struct kind flag_kind = { flag_out, flag_in };
static const struct kind ip_kind = { ip_out, ip_in };
static const struct kind text_kind = { text_out, text_in };
static const struct kind hex_kind = { hex_out, hex_in };
static const struct kind link_kind = { link_out, link_in };
static const struct kind scope_kind = { scope_out, scope_in };
static const struct kind via_kind = { via_out, via_in };

/* --- a struct <-> an object, by a table of its fields --- */

struct field {
	const char *key;
	const struct kind *kind;
	size_t at, size;
	size_t has; /* where the flag lies that says whether it is valid; 0: none */
};

/* clang-format off */
#define OPTIONAL(key, kind, type, member, has)                 \
	{ key, &kind##_kind, offsetof(struct type, member), \
		sizeof(((struct type *)0)->member), has }
/* clang-format on */
#define FIELD(key, kind, type, member) OPTIONAL(key, kind, type, member, 0)
#define HAS(flag)		       offsetof(struct store_record, flag)

static const struct field record_fields[] = {
	FIELD("interface", text, store_record, key.network.interface),
	FIELD("link", link, store_record, key.network),
	FIELD("interface_address", ip, store_record, key.network.own),
	FIELD("server", ip, store_record, key.server.address),
	FIELD("scope", scope, store_record, key.server.scope),
	FIELD("server_port", number, store_record, key.server.port),
	FIELD("via", via, store_record, key.via),
	FIELD("opcode", number, store_record, key.opcode),
	FIELD("protocol", number, store_record, key.protocol),
	FIELD("internal_address", ip, store_record, key.internal),
	FIELD("internal_port", number, store_record, key.internal_port),
	FIELD("external_family", number, store_record, key.external_family),
	FIELD("remote_address", ip, store_record, key.remote),
	FIELD("remote_port", number, store_record, key.remote_port),
	FIELD("nonce", hex, store_record, nonce.octets),
	FIELD("granted", flag, store_record, granted),
	OPTIONAL("external_address", ip, store_record, external_address, HAS(has_external_address)),
	FIELD("external_port", number, store_record, external_port),
	FIELD("lifetime", number, store_record, lifetime),
	FIELD("expires", number, store_record, expires_wall),
	FIELD("third_party", flag, store_record, has_third_party),
	OPTIONAL("port_set", number, store_record, port_set.size, HAS(has_port_set)),
	FIELD("port_set_first", number, store_record, port_set.first_internal_port),
	FIELD("port_set_parity", flag, store_record, port_set.parity),
	FIELD("keeper", number, store_record, keeper),
	FIELD("published", text, store_record, published),
};

static const struct field sample_fields[] = {
	FIELD("interface", text, store_sample, epoch.network.interface),
	FIELD("link", link, store_sample, epoch.network),
	FIELD("interface_address", ip, store_sample, epoch.network.own),
	FIELD("server", ip, store_sample, epoch.server),
	FIELD("client_address", ip, store_sample, epoch.own),
	FIELD("via", via, store_sample, epoch.via),
	FIELD("epoch", number, store_sample, epoch.epoch),
	FIELD("at", number, store_sample, epoch.at.ns),
	FIELD("boot", text, store_sample, boot),
};

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

static bool is_zero(const uint8_t *at, size_t n)
{
	return n == 0 || (at[0] == 0 && memcmp(at, at + 1, n - 1) == 0);
}

/* What is 0 and not optional has no key. NULL: no memory, or text that is not UTF-8. */
static json_t *encode(const struct field *fields, size_t count, const void *from)
{
	const uint8_t *base = from;
	json_t *object;

	json_object_seed(SEED);
	object = json_object();

	for (size_t i = 0; object && i < count; i++) {
		const struct field *f = &fields[i];
		const uint8_t *at = base + f->at;

		if (f->has ? !base[f->has] : is_zero(at, f->size))
			continue;
		if (json_object_set_new_nocheck(object, f->key, f->kind->out(at, f->size)) != 0) {
			json_decref(object);
			object = NULL;
		}
	}
	return object;
}

/* One bad field spoils it all. */
static bool decode(const json_t *object, const struct field *fields, size_t count, void *to)
{
	uint8_t *base = to;

	for (size_t i = 0; i < count; i++) {
		const struct field *f = &fields[i];
		const json_t *value = json_object_get(object, f->key);

		if (value && !f->kind->in(value, base + f->at, f->size))
			return false;
		if (value && f->has)
			base[f->has] = true;
	}
	return json_is_object(object);
}

/* --- what the other files see: text --- */

static json_t *load(const char *text, size_t n)
{
	json_object_seed(SEED);
	return json_loadb(text, n, 0, NULL);
}

static bool parse(const char *text, size_t n, const struct field *fields, size_t count, void *to)
{
	json_t *object = load(text, n);
	bool good = decode(object, fields, count, to);

	json_decref(object);
	return good;
}

bool store_parse_record(const char *text, size_t n, struct store_record *record)
{
	memset(record, 0, sizeof(*record));
	return parse(text, n, record_fields, COUNT(record_fields), record) &&
		record->key.external_family <= IP_FAMILY_6 && record->keeper >= 0;
}

bool store_parse_sample(const char *text, size_t n, struct store_sample *sample)
{
	memset(sample, 0, sizeof(*sample));
	return parse(text, n, sample_fields, COUNT(sample_fields), sample);
}

static char *print(json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	json_decref(object);
	return text;
}

char *store_print_record(const struct store_record *record)
{
	return print(encode(record_fields, COUNT(record_fields), record));
}

char *store_print_sample(const struct store_sample *sample)
{
	return print(encode(sample_fields, COUNT(sample_fields), sample));
}

static int append(const char *data, size_t n, void *to)
{
	return store_append(to, data, n) ? 0 : -1;
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
