/* SPDX-License-Identifier: MIT
 * --srv: names, and the text that is kept from run to run.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "out/nsupdate.h"

#define SIP "_sip._udp.example.org"

#define KEPT(port, ip)                                                                             \
	"_sip._udp.example.org. SRV 0 0 " port " host.example.org.\nhost.example.org. A " ip "\n"

static const struct nsupdate_settings settings = { .target = "host.example.org" };

/* --- what is kept --- */

static void test_damaged(void **state)
{
	static const char *const texts[] = {
		"x",
		"_sip._udp.example.org. SRV 0 0 61234 host.example.org.",
		"_sip._udp.example.org. SRV 0 0 0 host.example.org.\n",
		"_sip._udp.example.org. SRV 0 0 65536 host.example.org.\n",
		"_sip._udp.example.org. SRV 0 0 061234 host.example.org.\n",
		"_sip._udp.example.org. SRV 0 0 61234 ho_st.example.org.\n",
		"_sip._udp.example.org. SRV 0 0 61234 host.example.org\n",
		"_sip._udp.example.org. SRV 0 0 61234 host.example.org.\n\n",
		"_sip._udp.example.org.  SRV 0 0 61234 host.example.org.\n",
		"host.example.org. A 82.64.12.7\n",
		KEPT("1", "82.64.12.7") "host.example.org. A 82.64.12.7\n",
		KEPT("1", "82.64.12.7") "_sip._udp.example.org. SRV 0 0 2 host.example.org.\n",
		KEPT("1", "2a01::1"),
		KEPT("1", "82.64.12"),
		KEPT("1", "82.64.12.7\nsend"),
		"_sip._udp.example.org. SRV 0 0 1 host.example.org.\nother.example.org. A "
		"1.2.3.4\n",
		"zone example.org.\n",
		KEPT("1", "82.64.12.7") "zone example.org.\n",
		"zone example.org. x\n" KEPT("1", "82.64.12.7"),
		"_sip._udp.example.org. SRV 0 0 1 host.example.org. 7 8 9\n",
	};
	struct nsupdate *update = nsupdate_new(&settings);
	char again[NSUPDATE_PUBLISHED_MAX];
	bool understood;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		understood = true;
		assert_int_equal(nsupdate_add(update, SIP, texts[i], &understood), i);
		if (understood)
			fail_msg("understood: %s", texts[i]);
		assert_string_equal(nsupdate_published(update, i, again), "");
	}
	nsupdate_free(update);
}

/* Every cut and every changed octet is either what was written or nothing. */
static void test_mutations(void **state)
{
	const char *good = "zone example.org.\n" KEPT("61234", "82.64.12.7");
	char text[NSUPDATE_PUBLISHED_MAX], again[NSUPDATE_PUBLISHED_MAX];
	bool understood;

	(void)state;
	for (size_t i = 0; i < strlen(good); i++) {
		for (int c = 0; c < 256; c += c < 128 ? 1 : 31) {
			struct nsupdate *update = nsupdate_new(&settings);

			strcpy(text, good);
			text[i] = (char)c;
			assert_int_equal(nsupdate_add(update, SIP, text, &understood), 0);
			nsupdate_published(update, 0, again);
			assert_string_equal(again, understood ? text : "");
			nsupdate_free(update);
		}
	}
}

/* --- names --- */

static void name_is_bad(enum nsupdate_name kind, const char *word, const char *part)
{
	const char *why = nsupdate_name_check(kind, word);

	if (!why || !strstr(why, part))
		fail_msg("%s: %s", word, why ? why : "is good");
}

static void test_good_names(void **state)
{
	static const char *const owners[] = { SIP, SIP ".", "_Minecraft._tcp.A-1.example", "a.b",
		"3com._tcp.example.1a" };

	(void)state;
	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++)
		assert_null(nsupdate_name_check(NSUPDATE_OWNER, owners[i]));
	assert_null(nsupdate_name_check(NSUPDATE_TARGET, "host.example.org"));
	assert_null(nsupdate_name_check(NSUPDATE_TARGET, "xn--bcher-kva.example."));
	assert_null(nsupdate_name_check(NSUPDATE_ZONE, "lan"));
}

static void test_bad_names(void **state)
{
	static const char bad_octets[] = " \t\n\r\"'`$\\;()@/,:%!#<>\x01\x7f";

	(void)state;
	for (size_t i = 0; i < sizeof(bad_octets) - 1; i++) {
		char word[] = "ho?st.example.org";

		word[2] = bad_octets[i];
		for (int kind = NSUPDATE_OWNER; kind <= NSUPDATE_ZONE; kind++)
			name_is_bad(kind, word, "letters, digits");
	}
	name_is_bad(NSUPDATE_OWNER, "", "empty");
	name_is_bad(NSUPDATE_OWNER, ".", "empty label");
	name_is_bad(NSUPDATE_OWNER, "a..b", "empty label");
	name_is_bad(NSUPDATE_OWNER, ".a.b", "empty label");
	name_is_bad(NSUPDATE_OWNER, "a.b..", "empty label");
	name_is_bad(NSUPDATE_OWNER, "*.example.org", "wildcard");
	name_is_bad(NSUPDATE_OWNER,
		"b\xc3\xbc"
		"cher.example",
		"xn--");
	name_is_bad(NSUPDATE_OWNER, "-a.example", "hyphen");
	name_is_bad(NSUPDATE_OWNER, "a-.example", "hyphen");
	name_is_bad(NSUPDATE_OWNER, "lonely", "domain");
	name_is_bad(NSUPDATE_TARGET, "ho_st.example.org", "underscore");
	name_is_bad(NSUPDATE_TARGET, "192.0.2.1", "address");
	name_is_bad(NSUPDATE_TARGET, "2001:db8::1", "address");
	name_is_bad(NSUPDATE_TARGET, "192.0.2.300", "number");
	name_is_bad(NSUPDATE_TARGET, "host.example.1", "number");
}

static void test_lengths(void **state)
{
	char word[300];

	(void)state;
	memset(word, 'a', sizeof(word));
	strcpy(word + 63, ".example");
	assert_null(nsupdate_name_check(NSUPDATE_TARGET, word));
	memset(word, 'a', sizeof(word));
	strcpy(word + 64, ".example");
	name_is_bad(NSUPDATE_TARGET, word, "63");
	memset(word, 'a', sizeof(word));
	for (size_t i = 1; i < sizeof(word); i += 2)
		word[i] = '.';
	word[253] = '\0';
	assert_null(nsupdate_name_check(NSUPDATE_TARGET, word));
	word[253] = '.';
	word[254] = '\0';
	assert_null(nsupdate_name_check(NSUPDATE_TARGET, word));
	memmove(word + 1, word, 253);
	word[254] = '\0';
	name_is_bad(NSUPDATE_TARGET, word, "253");
}

static void test_check(void **state)
{
	struct nsupdate_settings asked = { .target = "host.example.org", .zone = "example.org" };
	char word[254];

	(void)state;
	assert_null(nsupdate_check(&asked, "_sip._udp.EXAMPLE.org."));
	assert_null(nsupdate_check(&asked, "example.org"));
	assert_non_null(strstr(nsupdate_check(&asked, "_sip._udp.example.net"), "name"));
	assert_non_null(strstr(nsupdate_check(&asked, "_sip._udp.notexample.org"), "name"));
	assert_non_null(strstr(nsupdate_check(&asked, "e.org"), "name"));
	asked.target = "host.example.net";
	assert_non_null(strstr(nsupdate_check(&asked, SIP), "target"));
	asked.no_address = true;
	assert_null(nsupdate_check(&asked, SIP));
	asked.zone = NULL;
	memset(word, 'a', sizeof(word));
	for (size_t i = 1; i < sizeof(word); i += 2)
		word[i] = '.';
	word[253] = '\0';
	asked.target = word;
	assert_non_null(strstr(nsupdate_check(&asked, word), "too long"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_good_names),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
