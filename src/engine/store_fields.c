/* SPDX-License-Identifier: MIT
 * A record of the store <-> a JSON object on a line, by a table of its fields.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "engine/store_state.h"
#include "host/iface.h"

#define TOKEN_MAX 128 /* of all texts but `published`, with the NUL */

/* --- kinds of fields: `size` is that of the member --- */

struct kind {
	bool (*out)(const void *at, size_t size, struct store_text *to);
	bool (*in)(const struct store_member *member, void *at, size_t size);
};

static bool number_out(const void *at, size_t size, struct store_text *to)
{
	long long number;
	char text[24];

	switch (size) {
	case 1:
		number = *(const uint8_t *)at;
		break;
	case 2:
		number = *(const uint16_t *)at;
		break;
	case 4:
		number = *(const uint32_t *)at;
		break;
	default:
		number = *(const int64_t *)at;
		break;
	}
	return store_append(to, text, (size_t)snprintf(text, sizeof(text), "%lld", number));
}

static bool number_in(const struct store_member *member, void *at, size_t size)
{
	static const int64_t
		most[] = { [1] = UINT8_MAX, [2] = UINT16_MAX, [4] = UINT32_MAX, [8] = INT64_MAX };
	int64_t number = member->number;

	if (member->is != STORE_NUMBER || number < 0 || number > most[size])
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

static bool flag_out(const void *at, size_t size, struct store_text *to)
{
	const char *text = *(const bool *)at ? "true" : "false";

	(void)size;
	return store_append(to, text, strlen(text));
}

static bool flag_in(const struct store_member *member, void *at, size_t size)
{
	(void)size;
	*(bool *)at = member->number != 0;
	return member->is == STORE_FLAG;
}

static bool quote(struct store_text *to, const char *text, size_t n)
{
	if (!store_is_plain(text, n))
		return store_append_json(to, text, n);
	return store_append(to, "\"", 1) && store_append(to, text, n) && store_append(to, "\"", 1);
}

/* A short text, with a NUL behind it. */
static bool token(const struct store_member *member, char text[static TOKEN_MAX])
{
	if (member->is != STORE_TEXT || member->n >= TOKEN_MAX)
		return false;
	memcpy(text, member->text, member->n);
	text[member->n] = '\0';
	return true;
}

static bool ip_out(const void *at, size_t size, struct store_text *to)
{
	char text[IP_TEXT_MAX];

	(void)size;
	return quote(to, text, strlen(ip_format(at, text)));
}

static bool ip_in(const struct store_member *member, void *at, size_t size)
{
	char text[TOKEN_MAX];

	(void)size;
	return token(member, text) && ip_parse(text, at);
}

static bool text_out(const void *at, size_t size, struct store_text *to)
{
	return quote(to, at, strnlen(at, size - 1));
}

static bool text_in(const struct store_member *member, void *at, size_t size)
{
	if (member->is != STORE_TEXT || member->n >= size)
		return false;
	memcpy(at, member->text, member->n);
	return true;
}

static bool hex_out(const void *at, size_t size, struct store_text *to)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *octets = at;
	char text[TOKEN_MAX];

	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[octets[i] >> 4];
		text[2 * i + 1] = digits[octets[i] & 15];
	}
	return quote(to, text, 2 * size);
}

static bool hex_in(const struct store_member *member, void *at, size_t size)
{
	char text[TOKEN_MAX];

	return token(member, text) && words_hex(text, at, size);
}

/* Of a struct store_network: as many octets as it has. */
static bool link_out(const void *at, size_t size, struct store_text *to)
{
	const struct store_network *network = at;

	(void)size;
	return hex_out(network->link,
		network->link_length < sizeof(network->link) ? network->link_length :
							       sizeof(network->link),
		to);
}

static bool link_in(const struct store_member *member, void *at, size_t size)
{
	struct store_network *network = at;
	size_t n = member->n / 2;

	(void)size;
	if (member->is != STORE_TEXT || n > sizeof(network->link) ||
		(n && !hex_in(member, network->link, n)))
		return false;
	network->link_length = (uint8_t)n;
	return true;
}

/* The index of an interface is of this boot; its name stays. */
static bool scope_out(const void *at, size_t size, struct store_text *to)
{
	char name[NET_NAME_MAX];

	(void)size;
	iface_name(*(const uint32_t *)at, name);
	return quote(to, name, strlen(name));
}

static bool scope_in(const struct store_member *member, void *at, size_t size)
{
	char name[TOKEN_MAX];

	(void)size;
	*(uint32_t *)at = token(member, name) ? iface_index(name) : 0;
	return member->is == STORE_TEXT;
}

static bool via_out(const void *at, size_t size, struct store_text *to)
{
	const char *name = event_via_name(*(const enum via *)at);

	(void)size;
	return quote(to, name, strlen(name));
}

static bool via_in(const struct store_member *member, void *at, size_t size)
{
	char name[TOKEN_MAX];

	(void)size;
	for (enum via via = VIA_NONE; token(member, name) && via <= VIA_NAT_PMP; via++)
		if (strcmp(name, event_via_name(via)) == 0) {
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
	FIELD("reset", number, store_sample, epoch.reset_wall),
	FIELD("boot", text, store_sample, boot),
};

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

/* --- out --- */

static bool is_zero(const uint8_t *at, size_t n)
{
	return n == 0 || (at[0] == 0 && memcmp(at, at + 1, n - 1) == 0);
}

static bool put(const struct field *f, const uint8_t *base, const char *before,
	struct store_text *to)
{
	return store_append(to, before, strlen(before)) &&
		store_append(to, f->key, strlen(f->key)) && store_append(to, "\":", 2) &&
		f->kind->out(base + f->at, f->size, to);
}

/* What is 0 and not optional has no key. */
static char *print(const struct field *fields, size_t count, const void *from)
{
	struct store_text text = { NULL, 0, 0 };
	const uint8_t *base = from;
	bool good = true;

	for (size_t i = 0; good && i < count; i++) {
		const struct field *f = &fields[i];

		if (f->has ? base[f->has] : !is_zero(base + f->at, f->size))
			good = put(f, base, text.n ? ",\"" : "{\"", &text);
	}
	if (good && (text.n || store_append(&text, "{", 1)) && store_append(&text, "}", 2))
		return text.data;
	free(text.data);
	return NULL;
}

char *store_print_record(const struct store_record *record)
{
	return print(record_fields, COUNT(record_fields), record);
}

char *store_print_sample(const struct store_sample *sample)
{
	return print(sample_fields, COUNT(sample_fields), sample);
}

/* --- in --- */

struct reading {
	const struct field *fields;
	size_t count, next; /* the field that probably comes next */
	uint8_t *to;
};

/* One bad field spoils it all; what is not known does not. */
static bool take(void *context, const struct store_member *member)
{
	struct reading *reading = context;

	for (size_t i = 0; i < reading->count; i++) {
		size_t at = (reading->next + i) % reading->count;
		const struct field *f = &reading->fields[at];

		if (strlen(f->key) != member->key_n ||
			memcmp(f->key, member->key, member->key_n) != 0)
			continue;
		reading->next = at + 1;
		if (f->has)
			reading->to[f->has] = true;
		return f->kind->in(member, reading->to + f->at, f->size);
	}
	return true;
}

static bool parse(const char *text, size_t n, const struct field *fields, size_t count, void *to,
	size_t size)
{
	struct reading reading = { fields, count, 0, to };

	memset(to, 0, size);
	if (store_parse_plain(text, n, take, &reading))
		return true;
	memset(to, 0, size);
	return store_parse_json(text, n, take, &reading);
}

bool store_parse_record(const char *text, size_t n, struct store_record *record)
{
	return parse(text, n, record_fields, COUNT(record_fields), record, sizeof(*record)) &&
		record->key.external_family <= IP_FAMILY_6 && record->keeper >= 0;
}

bool store_parse_sample(const char *text, size_t n, struct store_sample *sample)
{
	return parse(text, n, sample_fields, COUNT(sample_fields), sample, sizeof(*sample));
}
