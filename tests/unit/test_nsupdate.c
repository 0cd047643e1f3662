/* SPDX-License-Identifier: MIT
 * --srv: the commands word by word, and what nsupdate makes of them.
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

#include "out/nsupdate.h"
#include "sample_events.h"

#define ROUTER	"192.168.1.254"
#define ROUTER6 "fe80::1"
#define SIP	"_sip._udp.example.org"

/* What a test works on: one update, and what it last printed. */
struct run {
	struct nsupdate_settings settings;
	struct nsupdate *update;
	char *text;
};

static struct run begin(void)
{
	return (struct run){ .settings = { .target = "host.example.org", .ttl = 300 } };
}

static size_t add(struct run *run, const char *owner, const char *published)
{
	bool understood = false;
	int n;

	if (!run->update)
		run->update = nsupdate_new(&run->settings);
	assert_null(nsupdate_check(&run->settings, owner));
	n = nsupdate_add(run->update, owner, published, &understood);
	assert_true(n >= 0 && understood);
	return (size_t)n;
}

static void end(struct run *run)
{
	nsupdate_free(run->update);
	free(run->text);
}

static void gives(struct run *run, size_t mapping, const struct event *event,
	enum nsupdate_result result, const char *expected)
{
	size_t size;
	FILE *out;

	free(run->text);
	run->text = NULL;
	out = open_memstream(&run->text, &size);
	assert_int_equal(nsupdate_event(run->update, mapping, &event->mapping, out), result);
	fclose(out);
	assert_string_equal(run->text, expected);
}

static void keeps(const struct run *run, size_t mapping, const char *expected)
{
	char text[NSUPDATE_PUBLISHED_MAX];

	assert_string_equal(nsupdate_published(run->update, mapping, text), expected);
}

static struct event grant(const char *address, uint16_t port)
{
	struct event event = sample_grant(strchr(address, ':') ? ROUTER6 : ROUTER);

	event.mapping.external_address = sample_ip(address);
	event.mapping.external_port = port;
	return event;
}

static struct event outcome(enum mapping_outcome outcome)
{
	struct event event = grant("82.64.12.7", 61234);

	event.mapping.outcome = outcome;
	return event;
}

#define ADD_SRV(port)	 "update add _sip._udp.example.org. 300 SRV 0 0 " port " host.example.org.\n"
#define DELETE_SRV(port) "update delete _sip._udp.example.org. SRV 0 0 " port " host.example.org.\n"
#define ADD_A(ip)	 "update add host.example.org. 300 A " ip "\n"
#define DELETE_A(ip)	 "update delete host.example.org. A " ip "\n"
#define SEND		 "send\n"

#define KEPT(port, ip)                                                                             \
	"_sip._udp.example.org. SRV 0 0 " port " host.example.org.\nhost.example.org. A " ip "\n"

/* --- one mapping --- */

/* The example of pcpctl(1): an earlier run published another port. */
static void test_manual(void **state)
{
	struct run run = begin();
	struct event event = grant("203.0.113.7", 61234);
	size_t n;

	(void)state;
	run.settings.publish_any = true; /* a documentation address */
	n = add(&run, SIP, KEPT("61200", "203.0.113.7"));
	gives(&run, n, &event, NSUPDATE_PUBLISHED,
		"update delete _sip._udp.example.org. SRV 0 0 61200 host.example.org.\n"
		"update add _sip._udp.example.org. 300 SRV 0 0 61234 host.example.org.\n"
		"update add host.example.org. 300 A 203.0.113.7\n"
		"send\n");
	keeps(&run, n, KEPT("61234", "203.0.113.7"));
	end(&run);
}

static void test_life(void **state)
{
	struct run run = begin();
	struct event event = grant("82.64.12.7", 61234);
	size_t n = add(&run, SIP, "");

	(void)state;
	keeps(&run, n, "");
	gives(&run, n, &event, NSUPDATE_PUBLISHED, ADD_SRV("61234") ADD_A("82.64.12.7") SEND);
	event.mapping.outcome = OUTCOME_RENEWED;
	gives(&run, n, &event, NSUPDATE_NOTHING, "");
	event.mapping.lifetime = 60;
	gives(&run, n, &event, NSUPDATE_NOTHING, "");
	event = grant("82.64.12.7", 61235);
	event.mapping.outcome = OUTCOME_CHANGED;
	gives(&run, n, &event, NSUPDATE_PUBLISHED, DELETE_SRV("61234") ADD_SRV("61235") SEND);
	event = grant("82.64.12.8", 61235);
	event.mapping.outcome = OUTCOME_RECOVERED;
	gives(&run, n, &event, NSUPDATE_PUBLISHED, DELETE_A("82.64.12.7") ADD_A("82.64.12.8") SEND);
	keeps(&run, n, KEPT("61235", "82.64.12.8"));
	event.mapping.outcome = OUTCOME_DELETED;
	gives(&run, n, &event, NSUPDATE_WITHDRAWN, DELETE_SRV("61235") DELETE_A("82.64.12.8") SEND);
	gives(&run, n, &event, NSUPDATE_NOTHING, "");
	keeps(&run, n, "");
	end(&run);
}

static void test_passing_failures(void **state)
{
	struct run run = begin();
	struct event event = grant("82.64.12.7", 61234);
	size_t n = add(&run, SIP, "");
	static const enum mapping_outcome passing[] = { OUTCOME_REFUSED, OUTCOME_UNANSWERED,
		OUTCOME_UNREACHABLE };

	(void)state;
	gives(&run, n, &event, NSUPDATE_PUBLISHED, ADD_SRV("61234") ADD_A("82.64.12.7") SEND);
	for (size_t i = 0; i < 3; i++) {
		event = outcome(passing[i]);
		gives(&run, n, &event, NSUPDATE_NOTHING, "");
	}
	keeps(&run, n, KEPT("61234", "82.64.12.7"));
	event = outcome(OUTCOME_LOST);
	gives(&run, n, &event, NSUPDATE_WITHDRAWN, DELETE_SRV("61234") DELETE_A("82.64.12.7") SEND);
	event = outcome(OUTCOME_RECOVERED);
	gives(&run, n, &event, NSUPDATE_PUBLISHED, ADD_SRV("61234") ADD_A("82.64.12.7") SEND);
	end(&run);
}

/* Another run deletes what the first one published; so does the first grant that finds
 * the same: it prints it again, as nobody knows whether it arrived. */
static void test_earlier_run(void **state)
{
	struct run run = begin();
	struct event event = outcome(OUTCOME_DELETED);
	size_t n = add(&run, SIP, KEPT("61234", "82.64.12.7"));

	(void)state;
	gives(&run, n, &event, NSUPDATE_WITHDRAWN, DELETE_SRV("61234") DELETE_A("82.64.12.7") SEND);
	end(&run);
	run = begin();
	n = add(&run, SIP, KEPT("61234", "82.64.12.7"));
	event = outcome(OUTCOME_REFUSED);
	gives(&run, n, &event, NSUPDATE_NOTHING, "");
	keeps(&run, n, KEPT("61234", "82.64.12.7"));
	event = outcome(OUTCOME_GRANTED);
	gives(&run, n, &event, NSUPDATE_PUBLISHED, ADD_SRV("61234") ADD_A("82.64.12.7") SEND);
	gives(&run, n, &event, NSUPDATE_NOTHING, "");
	end(&run);
}

static void test_no_address(void **state)
{
	struct run run = begin();
	struct event event = grant("82.64.12.7", 61234);
	size_t n;

	(void)state;
	run.settings.no_address = true;
	n = add(&run, SIP, KEPT("61200", "82.64.12.6"));
	/* the address of the run before was ours, and is not wanted any more */
	gives(&run, n, &event, NSUPDATE_PUBLISHED,
		DELETE_SRV("61200") DELETE_A("82.64.12.6") ADD_SRV("61234") SEND);
	keeps(&run, n, "_sip._udp.example.org. SRV 0 0 61234 host.example.org.\n");
	event.mapping.has_external_address = false;
	event.mapping.external_port = 61235;
	gives(&run, n, &event, NSUPDATE_PUBLISHED, DELETE_SRV("61234") ADD_SRV("61235") SEND);
	end(&run);
}

static void test_ipv6(void **state)
{
	struct run run = begin();
	struct event event = grant("2a01:e0a:1:2::10", 5060);
	size_t n = add(&run, SIP, "");

	(void)state;
	gives(&run, n, &event, NSUPDATE_PUBLISHED,
		ADD_SRV("5060") "update add host.example.org. 300 AAAA 2a01:e0a:1:2::10\n" SEND);
	event = grant("82.64.12.7", 5060);
	gives(&run, n, &event, NSUPDATE_PUBLISHED,
		"update delete host.example.org. AAAA 2a01:e0a:1:2::10\n" ADD_A("82.64.12.7") SEND);
	end(&run);
}

static void test_not_public(void **state)
{
	static const char *const addresses[] = { "192.168.0.5", "100.64.3.4", "203.0.113.7",
		"0.0.0.0", "fd00::1", "fe80::5" };
	struct event event;

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct run run = begin();
		size_t n = add(&run, SIP, "");

		event = grant(addresses[i], 61234);
		gives(&run, n, &event, NSUPDATE_PRIVATE, "");
		keeps(&run, n, "");
		end(&run);
	}
}

static void test_becomes_private(void **state)
{
	struct run run = begin();
	struct event event = grant("82.64.12.7", 61234);
	size_t n = add(&run, SIP, "");

	(void)state;
	gives(&run, n, &event, NSUPDATE_PUBLISHED, ADD_SRV("61234") ADD_A("82.64.12.7") SEND);
	event = grant("100.64.0.9", 61234);
	gives(&run, n, &event, NSUPDATE_PRIVATE, DELETE_SRV("61234") DELETE_A("82.64.12.7") SEND);
	keeps(&run, n, "");
	gives(&run, n, &event, NSUPDATE_PRIVATE, "");
	event = grant("82.64.12.7", 61234);
	gives(&run, n, &event, NSUPDATE_PUBLISHED, ADD_SRV("61234") ADD_A("82.64.12.7") SEND);
	end(&run);
}

static void test_publish_any(void **state)
{
	struct run run = begin();
	struct event event = grant("192.168.0.5", 61234);
	size_t n;

	(void)state;
	run.settings.publish_any = true;
	n = add(&run, SIP, "");
	gives(&run, n, &event, NSUPDATE_PUBLISHED, ADD_SRV("61234") ADD_A("192.168.0.5") SEND);
	end(&run);
}

/* NAT-PMP tells the address apart from the port, and not always. */
static void test_unknown_address(void **state)
{
	struct run run = begin();
	struct event event = grant("82.64.12.7", 61234);
	size_t n = add(&run, SIP, "");

	(void)state;
	event.mapping.has_external_address = false;
	gives(&run, n, &event, NSUPDATE_UNKNOWN, "");
	keeps(&run, n, "");
	event = grant("82.64.12.7", 61234);
	gives(&run, n, &event, NSUPDATE_PUBLISHED, ADD_SRV("61234") ADD_A("82.64.12.7") SEND);
	event.mapping.has_external_address = false;
	gives(&run, n, &event, NSUPDATE_NOTHING, "");
	event.mapping.external_port = 61235;
	gives(&run, n, &event, NSUPDATE_PUBLISHED, DELETE_SRV("61234") ADD_SRV("61235") SEND);
	keeps(&run, n, KEPT("61235", "82.64.12.7"));
	event.mapping.external_port = 0;
	gives(&run, n, &event, NSUPDATE_UNKNOWN, "");
	end(&run);
}

/* --- settings --- */

static void ttl_is(uint32_t lifetime, const char *ttl)
{
	struct run run = begin();
	struct event event = grant("82.64.12.7", 5060);
	char expected[200];
	size_t n;

	run.settings.ttl = 0;
	run.settings.no_address = true;
	run.settings.priority = 10;
	run.settings.weight = 65535;
	n = add(&run, SIP, "");
	event.mapping.lifetime = lifetime;
	snprintf(expected, sizeof(expected),
		"update add _sip._udp.example.org. %s SRV 10 65535 5060 host.example.org.\nsend\n",
		ttl);
	gives(&run, n, &event, NSUPDATE_PUBLISHED, expected);
	end(&run);
}

static void test_ttl(void **state)
{
	(void)state;
	ttl_is(7200, "120");
	ttl_is(UINT32_MAX, "120");
	ttl_is(484, "120");
	ttl_is(480, "120");
	ttl_is(476, "119");
	ttl_is(60, "15");
	ttl_is(3, "1");
}

static void test_zone(void **state)
{
	struct run run = begin();
	struct event event = grant("82.64.12.7", 61234);
	size_t n;

	(void)state;
	run.settings.zone = "Example.ORG";
	n = add(&run, SIP, "");
	gives(&run, n, &event, NSUPDATE_PUBLISHED,
		"zone example.org.\n" ADD_SRV("61234") ADD_A("82.64.12.7") SEND);
	keeps(&run, n, "zone example.org.\n" KEPT("61234", "82.64.12.7"));
	event.mapping.outcome = OUTCOME_LOST;
	gives(&run, n, &event, NSUPDATE_WITHDRAWN,
		"zone example.org.\n" DELETE_SRV("61234") DELETE_A("82.64.12.7") SEND);
	end(&run);
}

/* Names of an earlier run may lie in another zone: a message of their own. */
static void test_other_names(void **state)
{
	struct run run = begin();
	struct event event = grant("82.64.12.7", 61234);
	size_t n = add(&run, SIP,
		"zone example.net.\n"
		"_sip._udp.example.net. SRV 5 6 5060 old.example.net.\n"
		"old.example.net. A 82.64.12.7\n");

	(void)state;
	gives(&run, n, &event, NSUPDATE_PUBLISHED,
		"zone example.net.\n"
		"update delete _sip._udp.example.net. SRV 5 6 5060 old.example.net.\n"
		"update delete old.example.net. A 82.64.12.7\n"
		"send\n" ADD_SRV("61234") ADD_A("82.64.12.7") SEND);
	end(&run);
}

static void test_replace(void **state)
{
	struct run run = begin();
	struct event event = grant("82.64.12.7", 61234);
	size_t n;

	(void)state;
	run.settings.replace = true;
	n = add(&run, SIP, KEPT("61200", "82.64.12.6"));
	gives(&run, n, &event, NSUPDATE_PUBLISHED,
		"update delete _sip._udp.example.org. SRV\n"
		"update delete host.example.org. A\n" ADD_SRV("61234") ADD_A("82.64.12.7") SEND);
	gives(&run, n, &event, NSUPDATE_NOTHING, "");
	event = grant("82.64.12.7", 61235);
	gives(&run, n, &event, NSUPDATE_PUBLISHED,
		"update delete _sip._udp.example.org. SRV\n" ADD_SRV("61235") SEND);
	/* what is withdrawn is ours alone */
	event.mapping.outcome = OUTCOME_DELETED;
	gives(&run, n, &event, NSUPDATE_WITHDRAWN, DELETE_SRV("61235") DELETE_A("82.64.12.7") SEND);
	end(&run);
}

/* --- several mappings --- */

/* tcp+udp, each with its name, on one target: one address record. */
static void test_shared_target(void **state)
{
	struct run run = begin();
	struct event event = grant("82.64.12.7", 5060);
	size_t tcp = add(&run, "_sip._tcp.example.org", ""), udp = add(&run, SIP, "");

	(void)state;
	gives(&run, tcp, &event, NSUPDATE_PUBLISHED,
		"update add _sip._tcp.example.org. 300 SRV 0 0 5060 host.example.org.\n" ADD_A(
			"82.64.12.7") SEND);
	gives(&run, udp, &event, NSUPDATE_PUBLISHED, ADD_SRV("5060") SEND);
	keeps(&run, udp, KEPT("5060", "82.64.12.7"));
	/* a new address: the old one goes with its last claimant */
	event = grant("82.64.12.8", 5060);
	gives(&run, tcp, &event, NSUPDATE_PUBLISHED, ADD_A("82.64.12.8") SEND);
	gives(&run, udp, &event, NSUPDATE_WITHDRAWN, DELETE_A("82.64.12.7") SEND);
	event.mapping.outcome = OUTCOME_LOST;
	gives(&run, tcp, &event, NSUPDATE_WITHDRAWN,
		"update delete _sip._tcp.example.org. SRV 0 0 5060 host.example.org.\n" SEND);
	gives(&run, udp, &event, NSUPDATE_WITHDRAWN,
		DELETE_SRV("5060") DELETE_A("82.64.12.8") SEND);
	end(&run);
}

/* IPv4 and IPv6 under one name: one SRV record while the ports agree. */
static void test_shared_name(void **state)
{
	struct run run = begin();
	struct event event4 = grant("82.64.12.7", 5060), event6 = grant("2a01:e0a:1:2::10", 5060);
	size_t v4 = add(&run, SIP, ""), v6 = add(&run, SIP, "");

	(void)state;
	gives(&run, v4, &event4, NSUPDATE_PUBLISHED, ADD_SRV("5060") ADD_A("82.64.12.7") SEND);
	gives(&run, v6, &event6, NSUPDATE_PUBLISHED,
		"update add host.example.org. 300 AAAA 2a01:e0a:1:2::10\n" SEND);
	event4.mapping.external_port = 5061;
	gives(&run, v4, &event4, NSUPDATE_PUBLISHED, ADD_SRV("5061") SEND);
	event4.mapping.external_port = 5060;
	gives(&run, v4, &event4, NSUPDATE_WITHDRAWN, DELETE_SRV("5061") SEND);
	event6.mapping.outcome = OUTCOME_LOST;
	gives(&run, v6, &event6, NSUPDATE_WITHDRAWN,
		"update delete host.example.org. AAAA 2a01:e0a:1:2::10\n" SEND);
	end(&run);
}

static void test_shared_replace(void **state)
{
	struct run run = begin();
	struct event event = grant("82.64.12.7", 5060);
	size_t a, b, c;

	(void)state;
	run.settings.replace = true;
	a = add(&run, SIP, "");
	b = add(&run, SIP, KEPT("5062", "82.64.12.7"));
	gives(&run, a, &event, NSUPDATE_PUBLISHED,
		"update delete _sip._udp.example.org. SRV\n"
		"update delete host.example.org. A\n" ADD_SRV("5060") ADD_A("82.64.12.7") SEND);
	event.mapping.external_port = 5061;
	gives(&run, b, &event, NSUPDATE_PUBLISHED,
		"update delete _sip._udp.example.org. SRV\n" ADD_SRV("5060") ADD_SRV("5061") SEND);
	/* both claim one record, which is there once */
	event.mapping.external_port = 5060;
	gives(&run, b, &event, NSUPDATE_WITHDRAWN, DELETE_SRV("5061") SEND);
	c = add(&run, SIP, "");
	event.mapping.external_port = 5063;
	gives(&run, c, &event, NSUPDATE_PUBLISHED,
		"update delete _sip._udp.example.org. SRV\n" ADD_SRV("5060") ADD_SRV("5063") SEND);
	end(&run);
}

/* What an earlier run published for a mapping that has not come up yet stays. */
static void test_claimed_by_earlier(void **state)
{
	struct run run = begin();
	struct event event = grant("82.64.12.8", 5060);
	size_t a = add(&run, SIP, KEPT("5060", "82.64.12.7"));

	(void)state;
	add(&run, "_sip._tcp.example.org",
		"_sip._tcp.example.org. SRV 0 0 5060 host.example.org.\n"
		"host.example.org. A 82.64.12.7\n");
	gives(&run, a, &event, NSUPDATE_PUBLISHED, ADD_SRV("5060") ADD_A("82.64.12.8") SEND);
	end(&run);
}

/* --- nsupdate itself --- */

/* What nsupdate makes of the commands, `show` in place of `send`: its records. */
static void shown(const char *commands, char *records, size_t size)
{
	char file[] = "/tmp/test_nsupdate.XXXXXX", command[64], line[300];
	int fd = mkstemp(file);
	FILE *pipe, *out;

	snprintf(command, sizeof(command), "nsupdate > %s 2>&1", file);
	pipe = popen(command, "w");
	for (const char *end; (end = strchr(commands, '\n')) != NULL; commands = end + 1)
		if (strncmp(commands, "send\n", 5) == 0)
			fputs("show\n", pipe);
		else
			fprintf(pipe, "%.*s\n", (int)(end - commands), commands);
	assert_int_equal(pclose(pipe), 0);
	out = fdopen(fd, "r");
	records[0] = '\0';
	while (fgets(line, sizeof(line), out))
		if (line[0] != ';' && line[0] != '\n' && strncmp(line, "Outgoing", 8) != 0)
			strncat(records, line, size - strlen(records) - 1);
	fclose(out);
	unlink(file);
}

static void test_nsupdate_reads_it(void **state)
{
	struct run run = begin();
	struct event event = grant("82.64.12.7", 61234);
	char records[1024];
	size_t n;

	(void)state;
	if (system("command -v nsupdate > /dev/null") != 0) {
		print_message("nsupdate is not installed\n");
		skip();
	}
	run.settings.ttl = 0;
	n = add(&run, SIP, KEPT("61200", "82.64.12.6"));
	gives(&run, n, &event, NSUPDATE_PUBLISHED,
		DELETE_SRV("61200") DELETE_A(
			"82.64.12.6") "update add _sip._udp.example.org. 120 SRV 0 0 61234 "
				      "host.example.org.\n"
				      "update add host.example.org. 120 A 82.64.12.7\n" SEND);
	shown(run.text, records, sizeof(records));
	assert_string_equal(records,
		"_sip._udp.example.org.\t0\tNONE\tSRV\t0 0 61200 host.example.org.\n"
		"host.example.org.\t0\tNONE\tA\t82.64.12.6\n"
		"_sip._udp.example.org.\t120\tIN\tSRV\t0 0 61234 host.example.org.\n"
		"host.example.org.\t120\tIN\tA\t82.64.12.7\n");
	end(&run);
	run = begin();
	run.settings.replace = true;
	run.settings.zone = "example.org";
	n = add(&run, SIP, "");
	event = grant("2a01:e0a:1:2::10", 5060);
	gives(&run, n, &event, NSUPDATE_PUBLISHED,
		"zone example.org.\n"
		"update delete _sip._udp.example.org. SRV\n"
		"update delete host.example.org. AAAA\n" ADD_SRV(
			"5060") "update add host.example.org. 300 AAAA 2a01:e0a:1:2::10\n" SEND);
	shown(run.text, records, sizeof(records));
	assert_string_equal(records,
		"_sip._udp.example.org.\t0\tANY\tSRV\t\n"
		"host.example.org.\t0\tANY\tAAAA\t\n"
		"_sip._udp.example.org.\t300\tIN\tSRV\t0 0 5060 host.example.org.\n"
		"host.example.org.\t300\tIN\tAAAA\t2a01:e0a:1:2::10\n");
	end(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_passing_failures),
		cmocka_unit_test(test_earlier_run),
		cmocka_unit_test(test_no_address),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_not_public),
		cmocka_unit_test(test_becomes_private),
		cmocka_unit_test(test_publish_any),
		cmocka_unit_test(test_unknown_address),
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_zone),
		cmocka_unit_test(test_other_names),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_shared_target),
		cmocka_unit_test(test_shared_name),
		cmocka_unit_test(test_shared_replace),
		cmocka_unit_test(test_claimed_by_earlier),
		cmocka_unit_test(test_nsupdate_reads_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
