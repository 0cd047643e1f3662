/* SPDX-License-Identifier: MIT
 * Datagrams -> lines: golden text for each kind, and nothing breaks on any octets.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "out/packet.h"
#include "sample_events.h"

static void append(void *context, const char *line)
{
	size_t n = strlen(context);

	snprintf((char *)context + n, 16384 - n, "%s\n", line);
}

/* The datagram's title and lines are exactly these. */
static void shows(const char *hex, const char *title, const char *lines)
{
	struct event event = sample_packet("192.168.1.254", true, hex);
	char text[16384] = "", name[128];
	struct packet packet;

	packet_decode(event.packet.octets, event.packet.length, &packet);
	assert_string_equal(packet_title(&packet, name, sizeof(name)), title);
	packet_lines(&packet, append, text);
	assert_string_equal(text, lines);
}

#define NONCE  "112233445566778899aabbcc"
#define ANY4   "00000000000000000000ffff00000000"
#define CLIENT "00000000000000000000ffffc0a80006"

/* --- PCP --- */

static void test_map_request(void **state)
{
	(void)state;
	shows("02010000000003e8" CLIENT NONCE "0600000004d204d2" ANY4, "PCP MAP request",
		"Version                        2\n"
		"Opcode                         1 (MAP), request\n"
		"Requested Lifetime             1000 s (16m 40s)\n"
		"PCP Client's IP Address        192.168.0.6\n"
		"Mapping Nonce                  112233445566778899aabbcc\n"
		"Protocol                       6 (tcp)\n"
		"Internal Port                  1234\n"
		"Suggested External Port        1234\n"
		"Suggested External IP Address  0.0.0.0 (any IPv4)\n");
	/* all ports, everything */
	shows("0201000000000000" CLIENT NONCE "0000000000000000" ANY4, "PCP MAP request",
		"Version                        2\n"
		"Opcode                         1 (MAP), request\n"
		"Requested Lifetime             0 s\n"
		"PCP Client's IP Address        192.168.0.6\n"
		"Mapping Nonce                  112233445566778899aabbcc\n"
		"Protocol                       0 (all)\n"
		"Internal Port                  0 (all)\n"
		"Suggested External Port        0 (any)\n"
		"Suggested External IP Address  0.0.0.0 (any IPv4)\n");
}

static void test_map_response(void **state)
{
	(void)state;
	shows("0281000000001c2000029bed000000000000000000000000"
	      "81700918f1d0fb2d9d4c0abc1100000004d204d200000000000000000000ffff87b4aff6",
		"PCP MAP response",
		"Version                        2\n"
		"Opcode                         1 (MAP), response\n"
		"Result Code                    0 (SUCCESS)\n"
		"Lifetime                       7200 s (2h)\n"
		"Epoch Time                     170989 s (1d 23h)\n"
		"Mapping Nonce                  81700918f1d0fb2d9d4c0abc\n"
		"Protocol                       17 (udp)\n"
		"Internal Port                  1234\n"
		"Assigned External Port         1234\n"
		"Assigned External IP Address   135.180.175.246\n");
	/* an error gives back what was suggested; an unknown code is a number */
	shows("0281004200000000"
	      "00000000"
	      "0000000000000000c0a80006" NONCE "2f00000004d20000" ANY4,
		"PCP MAP response",
		"Version                        2\n"
		"Opcode                         1 (MAP), response\n"
		"Result Code                    66 (unknown)\n"
		"Lifetime                       0 s\n"
		"Epoch Time                     0 s\n"
		"Reserved                       not zero (to be ignored)\n"
		"Mapping Nonce                  112233445566778899aabbcc\n"
		"Protocol                       47\n"
		"Internal Port                  1234\n"
		"Suggested External Port        0 (any)\n"
		"Suggested External IP Address  0.0.0.0 (any IPv4)\n");
}

static void test_peer(void **state)
{
	(void)state;
	shows("02020000000002582a001450400f08030000000000001000a95fc9b7123ba966"
	      "33cde2b911000000138c138d2a001450400f08030000000000002000138e0000"
	      "2a001450400f08030000000000003000010000102a001450400f080300000000"
	      "00004000",
		"PCP PEER request",
		"Version                        2\n"
		"Opcode                         2 (PEER), request\n"
		"Requested Lifetime             600 s (10m)\n"
		"PCP Client's IP Address        2a00:1450:400f:803::1000\n"
		"Mapping Nonce                  a95fc9b7123ba96633cde2b9\n"
		"Protocol                       17 (udp)\n"
		"Internal Port                  5004\n"
		"Suggested External Port        5005\n"
		"Suggested External IP Address  2a00:1450:400f:803::2000\n"
		"Remote Peer Port               5006\n"
		"Remote Peer IP Address         2a00:1450:400f:803::3000\n"
		"Option THIRD_PARTY             2a00:1450:400f:803::4000\n");
}

#define ANNOUNCED                                                                                  \
	"Version                        2\n"                                                       \
	"Opcode                         0 (ANNOUNCE), response\n"                                  \
	"Result Code                    0 (SUCCESS)\n"                                             \
	"Lifetime                       0 s\n"                                                     \
	"Epoch Time                     3 s\n"

static void options_show(const char *hex, const char *lines)
{
	char datagram[1024], all[4096];

	snprintf(datagram, sizeof(datagram), "028000000000000000000003000000000000000000000000%s",
		hex);
	snprintf(all, sizeof(all), ANNOUNCED "%s", lines);
	shows(datagram, "PCP ANNOUNCE response", all);
}

static void test_options(void **state)
{
	(void)state;
	options_show("02000000", "Option PREFER_FAILURE\n");
	options_show("030000140078000000000000000000000000ffffc6336400",
		"Option FILTER                  198.51.100.0/24 any port\n");
	options_show("030000140020003520010db8000000000000000000000000",
		"Option FILTER                  2001:db8::/32 port 53\n");
	options_show("030000140000000000000000000000000000000000000000",
		"Option FILTER                  none (removes all filters)\n");
	options_show("8000000570726f6265000000", "Option DESCRIPTION             \"probe\"\n");
	options_show("80000000", "Option DESCRIPTION             \"\"\n");
	options_show("820000050010c35001000000",
		"Option PORT_SET                16 ports from internal port 50000, parity kept\n");
	options_show("8100000e000c0064ff9b00000000000000000000",
		"Option PREFIX64                64:ff9b::/96\n");
	options_show("c0000000", "Option CHECKPOINT_REQUIRED\n");
	options_show("c8000003aabbcc00", "Option 200 (unknown, optional) aabbcc (3 octets)\n");
	options_show("60000000", "Option 96 (unknown, mandatory) (0 octets)\n");
}

static void test_bad_options(void **state)
{
	(void)state;
	options_show("80000004"
		     "1b5b324a",
		"Option DESCRIPTION             \"\\x1b[2J\"\n");
	options_show("8000000322ff5c00", "Option DESCRIPTION             \"\"\\xff\\\\\"\n");
	options_show("01000004c0a80006", "Option THIRD_PARTY             c0a80006 (4 octets: not a "
					 "length of this option)\n");
	options_show("03000014"
		     "00c80000"
		     "00000000000000000000ffffc6336400",
		"Option FILTER                  00c8000000000000000000000000ffffc6336400\n");
	options_show("0200000080000400aabb",
		"Option PREFER_FAILURE\n"
		"Options, malformed from here   80000400aabb (6 octets)\n");
	options_show("02", "Options, malformed from here   02 (1 octet)\n");
}

static void test_broken_pcp(void **state)
{
	(void)state;
	shows("0280", "PCP ANNOUNCE response",
		"Version                        2\n"
		"Opcode                         0 (ANNOUNCE), response\n");
	shows("02810002a2a90000004f8fd2", "PCP MAP response",
		"Version                        2\n"
		"Opcode                         1 (MAP), response\n"
		"Octets after that              0002a2a90000004f8fd2 (10 octets)\n");
	shows("027f0000000000000000000000000000000000000000000099", "PCP opcode 127 request",
		"Version                        2\n"
		"Opcode                         127 (unknown), request\n"
		"Requested Lifetime             0 s\n"
		"PCP Client's IP Address        :: (any IPv6)\n"
		"Octets after that              99 (1 octet)\n");
	shows("018000", "datagram of version 1",
		"Octets                         018000 (3 octets)\n");
	shows("05", "datagram without a header", "Octets                         05 (1 octet)\n");
	shows("", "datagram without a header", "");
}

static void test_authentication(void **state)
{
	(void)state;
	shows("0283001600000000"
	      "00000003"
	      "000000000000000000000000"
	      "0000002a"
	      "00000001",
		"PCP AUTHENTICATION response",
		"Version                        2\n"
		"Opcode                         3 (AUTHENTICATION), response\n"
		"Result Code                    22 (AUTHENTICATION_REQUEST)\n"
		"Lifetime                       0 s\n"
		"Epoch Time                     3 s\n"
		"Session ID                     0x0000002a\n"
		"Sequence Number                1\n");
}

/* --- NAT-PMP --- */

static void test_natpmp(void **state)
{
	(void)state;
	shows("0000", "NAT-PMP external address request",
		"Version                        0\n"
		"Opcode                         0 (external address), request\n");
	shows("0080000066fda1ee01020304", "NAT-PMP external address response",
		"Version                        0\n"
		"Opcode                         128 (external address), response\n"
		"Result Code                    0 (SUCCESS)\n"
		"Seconds Since Start of Epoch   1727898094 s (19998d 19h)\n"
		"External IPv4 Address          1.2.3.4\n");
	shows("0002000004d204d2000003e8", "NAT-PMP map TCP request",
		"Version                        0\n"
		"Opcode                         2 (map TCP), request\n"
		"Internal Port                  1234\n"
		"Suggested External Port        1234\n"
		"Requested Lifetime             1000 s (16m 40s)\n");
	shows("0082004366fda1ee04d204d2000001f4", "NAT-PMP map TCP response",
		"Version                        0\n"
		"Opcode                         130 (map TCP), response\n"
		"Result Code                    67 (unknown)\n"
		"Seconds Since Start of Epoch   1727898094 s (19998d 19h)\n"
		"Internal Port                  1234\n"
		"Mapped External Port           1234\n"
		"Lifetime                       500 s (8m 20s)\n");
}

static void test_version_refused(void **state)
{
	(void)state;
	shows("0081000100000000", "NAT-PMP map UDP response",
		"Version                        0\n"
		"Opcode                         129 (map UDP), response\n"
		"Result Code                    1 (UNSUPP_VERSION)\n"
		"Seconds Since Start of Epoch   0 s\n");
	shows("0000000100000007", "NAT-PMP external address response",
		"Version                        0\n"
		"Opcode                         0 (external address), the top bit of a response is "
		"missing\n"
		"Result Code                    1 (UNSUPP_VERSION)\n"
		"Seconds Since Start of Epoch   7 s\n");
	shows("00800001", "NAT-PMP external address response",
		"Version                        0\n"
		"Opcode                         128 (external address), response\n"
		"Result Code                    1 (UNSUPP_VERSION)\n");
}

/* --- hex, and anything at all --- */

static void test_dump(void **state)
{
	static const uint8_t octets[] = "\x02\x01 pcpctl, no\x7f\xffwith";
	char text[16384] = "";

	(void)state;
	packet_dump(octets, sizeof(octets) - 1, append, text);
	assert_string_equal(text,
		"0000  02 01 20 70 63 70 63 74  6c 2c 20 6e 6f 7f ff 77  |.. pcpctl, no..w|\n"
		"0010  69 74 68                                          |ith|\n");
	text[0] = '\0';
	packet_dump(octets, 0, append, text);
	assert_string_equal(text, "");
	assert_string_equal(packet_hex(octets, 3, text, 7), "020120");
	assert_string_equal(packet_hex(octets, 3, text, 6), "0201");
	assert_string_equal(packet_hex(octets, 3, text, 1), "");
}

static void check_line(void *context, const char *line)
{
	unsigned *lines = context;

	for (const char *p = line; *p; p++)
		assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
	assert_true(line[0] && line[strlen(line) - 1] != ' ');
	++*lines;
}

/* Octets of any kind, in a block of their exact size for the sanitizer. */
static void test_random(void **state)
{
	struct prng prng = { 42 };

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		size_t n = (size_t)prng_between(&prng, 0, round % 50 ? 120 : PCP_MAX);
		uint8_t *octets = malloc(n ? n : 1);
		unsigned lines = 0;
		struct packet packet;
		char title[128];

		for (size_t i = 0; i < n; i++)
			octets[i] = (uint8_t)prng_next(&prng);
		if (n > 1) {
			octets[0] = (uint8_t)(round % 4);
			octets[1] &= 0x83;
		}
		packet_decode(octets, n, &packet);
		assert_true(packet_title(&packet, title, sizeof(title))[0]);
		packet_lines(&packet, check_line, &lines);
		assert_true(lines > 0 || n == 0);
		packet_dump(octets, n, check_line, &lines);
		free(octets);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_request),
		cmocka_unit_test(test_map_response),
		cmocka_unit_test(test_peer),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_broken_pcp),
		cmocka_unit_test(test_authentication),
		cmocka_unit_test(test_natpmp),
		cmocka_unit_test(test_version_refused),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
