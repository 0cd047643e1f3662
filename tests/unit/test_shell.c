/* SPDX-License-Identifier: MIT
 * --shell: what is printed, and what real shells make of it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "out/shell.h"
#include "sample_events.h"

#define ROUTER "192.168.1.254"

static char *printed(const struct event *event)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	shell_mapping(event, out);
	fclose(out);
	return text;
}

static void test_grant(void **state)
{
	struct event event = sample_grant(ROUTER);
	char *text = printed(&event);

	(void)state;
	assert_string_equal(text, "PCP_EVENT='granted'\n"
				  "PCP_PROTOCOL='tcp'\n"
				  "PCP_INTERNAL_ADDRESS='192.168.1.10'\n"
				  "PCP_INTERNAL_PORT='8080'\n"
				  "PCP_EXTERNAL_ADDRESS='82.64.12.7'\n"
				  "PCP_EXTERNAL_PORT='8080'\n"
				  "PCP_LIFETIME='7200'\n"
				  "PCP_EXPIRES='1795356190'\n"
				  "PCP_SERVER='192.168.1.254'\n"
				  "PCP_VIA='pcp'\n"
				  "PCP_EPOCH='3553200'\n"
				  "PCP_RESULT='SUCCESS'\n"
				  "PCP_REMOTE_ADDRESS=''\n"
				  "PCP_REMOTE_PORT=''\n"
				  "PCP_PREVIOUS_EXTERNAL_ADDRESS=''\n"
				  "PCP_PREVIOUS_EXTERNAL_PORT=''\n");
	free(text);
}

#define NOTHING_ELSE                                                                               \
	"PCP_PROTOCOL=''\nPCP_INTERNAL_ADDRESS=''\nPCP_INTERNAL_PORT=''\n"                         \
	"PCP_EXTERNAL_ADDRESS=''\nPCP_EXTERNAL_PORT=''\nPCP_LIFETIME=''\nPCP_EXPIRES=''\n"         \
	"PCP_SERVER=''\nPCP_VIA=''\nPCP_EPOCH=''\n"
#define NOTHING_MORE                                                                               \
	"PCP_REMOTE_ADDRESS=''\nPCP_REMOTE_PORT=''\nPCP_PREVIOUS_EXTERNAL_ADDRESS=''\n"            \
	"PCP_PREVIOUS_EXTERNAL_PORT=''\n"

static void test_failure(void **state)
{
	struct event event = sample_refusal(ROUTER, VIA_PCP, 2);
	char *text = printed(&event);
	size_t size;
	FILE *out;

	(void)state;
	assert_string_equal(text,
		"PCP_EVENT='refused'\n" NOTHING_ELSE "PCP_RESULT='NOT_AUTHORIZED'\n" NOTHING_MORE);
	free(text);
	event = sample_silence(ROUTER);
	text = printed(&event);
	assert_string_equal(text,
		"PCP_EVENT='unanswered'\n" NOTHING_ELSE "PCP_RESULT='timeout'\n" NOTHING_MORE);
	free(text);
	text = NULL;
	out = open_memstream(&text, &size);
	shell_failure("unreachable", "no-router", out);
	fclose(out);
	assert_string_equal(text,
		"PCP_EVENT='unreachable'\n" NOTHING_ELSE "PCP_RESULT='no-router'\n" NOTHING_MORE);
	free(text);
}

/* --- real shells --- */

static const char *const shells[] = { "dash", "bash", "bash --posix", "sh" };
static const char *const locales[] = { "C", "C.UTF-8" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the shell has in PCP_ONE and PCP_TWO after eval "$(cat file)": their octets, each
 * followed by a newline. */
static size_t evaluated(
	const char *shell, const char *locale, const char *file, char *got, size_t size)
{
	char command[400];
	FILE *in;
	size_t n;

	snprintf(command, sizeof(command),
		"LC_ALL=%s %s -c 'eval \"$(cat %s)\" && printf \"%%s\\n\" \"$PCP_ONE\" "
		"\"$PCP_TWO\"'",
		locale, shell, file);
	in = popen(command, "r");
	assert_non_null(in);
	n = fread(got, 1, size, in);
	assert_int_equal(pclose(in), 0);
	return n;
}

static void survives(const char *one, const char *two)
{
	char file[] = "/tmp/test_shell.XXXXXX", expected[2 * VARS_VALUE_MAX + 8], got[1024];
	struct vars vars = { .count = 0 };
	FILE *out = fdopen(mkstemp(file), "w");
	size_t n = (size_t)snprintf(expected, sizeof(expected), "%s\n%s\n", one, two);

	vars_add(&vars, "PCP_ONE", one);
	vars_add(&vars, "PCP_TWO", two);
	shell_print(&vars, out);
	assert_int_equal(fclose(out), 0);
	for (size_t i = 0; i < COUNT(shells); i++) {
		for (size_t j = 0; j < COUNT(locales); j++) {
			size_t length = evaluated(shells[i], locales[j], file, got, sizeof(got));

			if (length != n || memcmp(got, expected, n) != 0)
				fail_msg("%s in %s has something else", shells[i], locales[j]);
		}
	}
	unlink(file);
}

static void test_every_octet(void **state)
{
	char one[129], two[129];

	(void)state;
	for (int i = 0; i < 127; i++)
		one[i] = (char)(i + 1);
	one[127] = '\0';
	for (int i = 0; i < 128; i++)
		two[i] = (char)(i + 128);
	two[128] = '\0';
	survives(one, two);
}

/* Octets that begin a sequence of several, right before the closing quote, and alone. */
static void test_octet_at_the_edge(void **state)
{
	char one[VARS_VALUE_MAX], two[2] = "";

	(void)state;
	for (int i = 128; i < 256; i += 7) {
		snprintf(one, sizeof(one), "edge%c", i);
		two[0] = (char)i;
		survives(one, two);
	}
}

static void test_foreign_commands(void **state)
{
	char directory[] = "/tmp/test_shell.XXXXXX", trap[64], one[VARS_VALUE_MAX];
	static const char *const forms[] = { "'; touch %s; '", "$(touch %s)", "`touch %s`",
		"'\\''; touch %s; '\\''", "\n touch %s\n", "\\'; touch %s #", "\"; touch %s; \"",
		"!!; touch %s", "'\n'$(touch %s)'" };

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(trap, sizeof(trap), "%s/sprung", directory);
	for (size_t i = 0; i < COUNT(forms); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(one, sizeof(one), forms[i], trap);
#pragma GCC diagnostic pop
		survives(one, "'");
		assert_int_not_equal(access(trap, F_OK), 0);
	}
	assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grant),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_every_octet),
		cmocka_unit_test(test_octet_at_the_edge),
		cmocka_unit_test(test_foreign_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
