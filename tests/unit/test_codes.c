/* SPDX-License-Identifier: MIT
 * The tables of names against a second copy of the registries, and their form.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include "wire/codes.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *name;
	enum code_class class;
} pcp_results[] = {
	{ "SUCCESS", CODE_NONE },
	{ "UNSUPP_VERSION", CODE_LONG },
	{ "NOT_AUTHORIZED", CODE_LONG },
	{ "MALFORMED_REQUEST", CODE_LONG },
	{ "UNSUPP_OPCODE", CODE_LONG },
	{ "UNSUPP_OPTION", CODE_LONG },
	{ "MALFORMED_OPTION", CODE_LONG },
	{ "NETWORK_FAILURE", CODE_SHORT },
	{ "NO_RESOURCES", CODE_SHORT },
	{ "UNSUPP_PROTOCOL", CODE_LONG },
	{ "USER_EX_QUOTA", CODE_SHORT },
	{ "CANNOT_PROVIDE_EXTERNAL", CODE_VARIES },
	{ "ADDRESS_MISMATCH", CODE_LONG },
	{ "EXCESSIVE_REMOTE_PEERS", CODE_LONG },
	{ "INITIATION", CODE_NONE },
	{ "AUTHENTICATION_REQUIRED", CODE_NONE },
	{ "AUTHENTICATION_FAILED", CODE_NONE },
	{ "AUTHENTICATION_SUCCEEDED", CODE_NONE },
	{ "AUTHORIZATION_FAILED", CODE_NONE },
	{ "SESSION_TERMINATED", CODE_NONE },
	{ "UNKNOWN_SESSION_ID", CODE_NONE },
	{ "DOWNGRADE_ATTACK_DETECTED", CODE_NONE },
	{ "AUTHENTICATION_REQUEST", CODE_NONE },
	{ "AUTHENTICATION_REPLY", CODE_NONE },
	{ "THIRD_PARTY_ID_UNKNOWN", CODE_LONG },
	{ "THIRD_PARTY_MISSING_OPTION", CODE_LONG },
	{ "UNSUPP_THIRD_PARTY_ID_LENGTH", CODE_LONG },
};

static const char *const natpmp_results[] = { "SUCCESS", "UNSUPP_VERSION", "NOT_AUTHORIZED",
	"NETWORK_FAILURE", "NO_RESOURCES", "UNSUPP_OPCODE" };

/* One short sentence: it starts low, and nothing ends it. */
static void is_sentence(const char *text)
{
	assert_in_range(strlen(text), 15, 80);
	assert_true(islower((unsigned char)text[0]));
	assert_true(isalpha((unsigned char)text[strlen(text) - 1]));
	assert_null(strchr(text, '\n'));
}

static void pcp_result_names(void **state)
{
	(void)state;
	for (unsigned code = 0; code <= 0xffff; code++) {
		const struct code_result *result = codes_pcp_result(code);

		if (code >= COUNT(pcp_results)) {
			assert_null(result);
			continue;
		}
		assert_int_equal(result->code, code);
		assert_string_equal(result->name, pcp_results[code].name);
		assert_int_equal(result->class, pcp_results[code].class);
		is_sentence(result->sentence);
	}
	assert_string_equal(codes_pcp_result(PCP_EXCESSIVE_REMOTE_PEERS)->name,
		"EXCESSIVE_REMOTE_PEERS");
	assert_string_equal(codes_pcp_result(PCP_AUTHENTICATION_REQUEST)->name,
		"AUTHENTICATION_REQUEST");
}

static void natpmp_result_names(void **state)
{
	(void)state;
	for (unsigned code = 0; code <= 0xffff; code++) {
		const struct code_result *result = codes_natpmp_result(code);

		if (code >= COUNT(natpmp_results)) {
			assert_null(result);
			continue;
		}
		assert_int_equal(result->code, code);
		assert_string_equal(result->name, natpmp_results[code]);
		is_sentence(result->sentence);
	}
}

/* The same number is another result in the other protocol. */
static void result_names_with_numbers(void **state)
{
	char text[16] = "";

	(void)state;
	assert_string_equal(codes_result_name(false, 3, text, sizeof(text)), "MALFORMED_REQUEST");
	assert_string_equal(codes_result_name(true, 3, text, sizeof(text)), "NETWORK_FAILURE");
	assert_string_equal(codes_result_name(false, 66, text, sizeof(text)), "result 66");
	assert_string_equal(codes_result_name(true, 6, text, sizeof(text)), "result 6");
	assert_string_equal(codes_result_name(true, 65535, text, 4), "res");
}

static void option_table(void **state)
{
	enum { ANNOUNCE = 1, MAP = 2, PEER = 4, AUTH = 8 };
	static const struct {
		unsigned code;
		const char *name, *reference;
		unsigned min, max, opcodes;
	} rows[] = {
		{ 1, "THIRD_PARTY", "RFC 6887, 13.1", 16, 16, MAP | PEER },
		{ 2, "PREFER_FAILURE", "RFC 6887, 13.2", 0, 0, MAP },
		{ 3, "FILTER", "RFC 6887, 13.3", 20, 20, MAP },
		{ 4, "NONCE", "RFC 7652, 5.3", 4, 4, AUTH },
		{ 5, "AUTHENTICATION_TAG", "RFC 7652, 5.4", 12, 1072, ANNOUNCE | MAP | PEER },
		{ 6, "PA_AUTHENTICATION_TAG", "RFC 7652, 5.5", 4, 1072, AUTH },
		{ 7, "EAP_PAYLOAD", "RFC 7652, 5.6", 0, 1072, AUTH },
		{ 8, "PRF", "RFC 7652, 5.7", 4, 4, AUTH },
		{ 9, "MAC_ALGORITHM", "RFC 7652, 5.8", 4, 4, AUTH },
		{ 10, "SESSION_LIFETIME", "RFC 7652, 5.9", 4, 4, AUTH },
		{ 11, "RECEIVED_PAK", "RFC 7652, 5.10", 4, 4, AUTH },
		{ 12, "ID_INDICATOR", "RFC 7652, 5.11", 0, 1072, AUTH },
		{ 13, "THIRD_PARTY_ID", "RFC 7843, 3", 0, 1016, MAP | PEER },
		{ 128, "DESCRIPTION", "RFC 7220, 2", 0, 1016, MAP | PEER },
		{ 129, "PREFIX64", "RFC 7225, 4", 14, 1072, ANNOUNCE | MAP },
		{ 130, "PORT_SET", "RFC 7753, 4", 5, 5, MAP },
		{ 192, "CHECKPOINT_REQUIRED", "RFC 7767, 3", 0, 0, MAP | PEER },
	};
	size_t found = 0;

	(void)state;
	for (unsigned code = 0; code <= 300; code++)
		found += codes_option(code) != NULL;
	assert_int_equal(found, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct code_option *option = codes_option(rows[i].code);

		assert_non_null(option);
		assert_int_equal(option->code, rows[i].code);
		assert_string_equal(option->name, rows[i].name);
		assert_string_equal(option->reference, rows[i].reference);
		assert_int_equal(option->min_length, rows[i].min);
		assert_int_equal(option->max_length, rows[i].max);
		assert_int_equal(option->opcodes, rows[i].opcodes);
	}
}

static void opcodes(void **state)
{
	static const char *const pcp[] = { "ANNOUNCE", "MAP", "PEER", "AUTHENTICATION" };
	static const char *const natpmp[] = { "external address", "map UDP", "map TCP" };

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		if (i < COUNT(pcp))
			assert_string_equal(codes_pcp_opcode(i), pcp[i]);
		else
			assert_null(codes_pcp_opcode(i));
		if (i < COUNT(natpmp))
			assert_string_equal(codes_natpmp_opcode(i), natpmp[i]);
		else
			assert_null(codes_natpmp_opcode(i));
	}
}

static void protocols(void **state)
{
	static const struct {
		unsigned number;
		const char *name;
		bool has_ports;
	} rows[] = { { 0, "all", false }, { 6, "tcp", true }, { 17, "udp", true },
		{ 33, "dccp", true }, { 132, "sctp", true }, { 136, "udplite", true } };
	size_t found = 0, ports = 0;
	char text[8];

	(void)state;
	for (unsigned i = 0; i <= 300; i++) {
		found += codes_protocol_name(i) != NULL;
		ports += codes_protocol_has_ports(i);
	}
	assert_int_equal(found, COUNT(rows));
	assert_int_equal(ports, 5);
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_string_equal(codes_protocol_name(rows[i].number), rows[i].name);
		assert_string_equal(codes_protocol_text(rows[i].number, text, sizeof(text)),
			rows[i].name);
		assert_int_equal(codes_protocol_number(rows[i].name), rows[i].number);
		assert_int_equal(codes_protocol_has_ports(rows[i].number), rows[i].has_ports);
	}
	assert_int_equal(codes_protocol_number("TCP"), -1);
	assert_int_equal(codes_protocol_number("tc"), -1);
	assert_int_equal(codes_protocol_number(""), -1);
	assert_int_equal(codes_protocol_number("6"), -1);
	assert_string_equal(codes_protocol_text(47, text, sizeof(text)), "47");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pcp_result_names),
		cmocka_unit_test(natpmp_result_names),
		cmocka_unit_test(result_names_with_numbers),
		cmocka_unit_test(option_table),
		cmocka_unit_test(opcodes),
		cmocka_unit_test(protocols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
