/* SPDX-License-Identifier: MIT
 * Addresses: families, prefixes, text, and which of them can be the outside
 * of a router.
 */
#include "base/ip.h"

#include <arpa/inet.h>
#include <string.h>

#define IPV4_BITS 96 /* of ::ffff:0:0/96, in front of every IPv4 address */

/* clang-format off */
#define V4(a, b, c, d) { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d } }
/* The first six octets are enough for most prefixes. */
#define V6(a, b, c, d, e, f) { { a, b, c, d, e, f } }
/* clang-format on */

const struct ip ip_any6 = { { 0 } };
const struct ip ip_any4 = V4(0, 0, 0, 0);

static const struct ip loopback4 = V4(127, 0, 0, 0), loopback6 = { { [15] = 1 } };
static const struct ip multicast4 = V4(224, 0, 0, 0), multicast6 = V6(0xff, 0, 0, 0, 0, 0);
static const struct ip link_local4 = V4(169, 254, 0, 0);
static const struct ip link_local6 = V6(0xfe, 0x80, 0, 0, 0, 0);
static const struct ip ula = V6(0xfc, 0, 0, 0, 0, 0);

/* What cannot be reached from the Internet: RFC 6890 and the registries it
 * made. The first row that fits decides. Lengths count in the row's family. */
static const struct special {
	struct ip prefix;
	uint8_t length;
	enum ip_class class;
	const char *why;
} specials[] = {
	{ V4(10, 0, 0, 0), 8, IP_PRIVATE, "a private address (RFC 1918)" },
	{ V4(172, 16, 0, 0), 12, IP_PRIVATE, "a private address (RFC 1918)" },
	{ V4(192, 168, 0, 0), 16, IP_PRIVATE, "a private address (RFC 1918)" },
	{ V4(100, 64, 0, 0), 10, IP_SHARED,
		"a shared address, as behind a carrier-grade NAT (RFC 6598)" },
	{ V4(0, 0, 0, 0), 32, IP_BOGUS, "the unspecified address: the router may have no uplink" },
	{ V4(0, 0, 0, 0), 8, IP_BOGUS, "an address of \"this network\" (RFC 1122)" },
	{ V4(127, 0, 0, 0), 8, IP_BOGUS, "a loopback address" },
	{ V4(169, 254, 0, 0), 16, IP_BOGUS,
		"a link-local address (RFC 3927): the router may have no uplink" },
	{ V4(192, 0, 0, 0), 29, IP_BOGUS,
		"a DS-Lite address (RFC 6333): the NAT is at the provider" },
	{ V4(192, 0, 0, 0), 24, IP_BOGUS, "reserved for protocols (RFC 6890)" },
	{ V4(192, 0, 2, 0), 24, IP_BOGUS, "a documentation address (RFC 5737)" },
	{ V4(198, 51, 100, 0), 24, IP_BOGUS, "a documentation address (RFC 5737)" },
	{ V4(203, 0, 113, 0), 24, IP_BOGUS, "a documentation address (RFC 5737)" },
	{ V4(192, 88, 99, 0), 24, IP_BOGUS, "a 6to4 relay address (RFC 7526)" },
	{ V4(198, 18, 0, 0), 15, IP_BOGUS, "a benchmarking address (RFC 2544)" },
	{ V4(224, 0, 0, 0), 4, IP_BOGUS, "a multicast address" },
	{ V4(255, 255, 255, 255), 32, IP_BOGUS, "the broadcast address" },
	{ V4(240, 0, 0, 0), 4, IP_BOGUS, "a reserved address (RFC 1112)" },
	{ { { 0 } }, 128, IP_BOGUS, "the unspecified address: the router may have no uplink" },
	{ { { [15] = 1 } }, 128, IP_BOGUS, "a loopback address" },
	{ V6(0xfe, 0x80, 0, 0, 0, 0), 10, IP_BOGUS, "a link-local address (RFC 4291)" },
	{ V6(0xfe, 0xc0, 0, 0, 0, 0), 10, IP_BOGUS, "a site-local address (RFC 3879)" },
	{ V6(0xfc, 0, 0, 0, 0, 0), 7, IP_BOGUS, "a unique local address (RFC 4193)" },
	{ V6(0xff, 0, 0, 0, 0, 0), 8, IP_BOGUS, "a multicast address" },
	{ V6(0x20, 0x01, 0x0d, 0xb8, 0, 0), 32, IP_BOGUS, "a documentation address (RFC 3849)" },
	{ V6(0x3f, 0xff, 0, 0, 0, 0), 20, IP_BOGUS, "a documentation address (RFC 9637)" },
	{ V6(0x20, 0x01, 0, 0x02, 0, 0), 48, IP_BOGUS, "a benchmarking address (RFC 5180)" },
	{ V6(0x20, 0x01, 0, 0x10, 0, 0), 28, IP_BOGUS, "an ORCHID (RFC 4843)" },
	{ V6(0x20, 0x01, 0, 0x20, 0, 0), 28, IP_BOGUS, "an ORCHID (RFC 7343)" },
	{ V6(0x01, 0, 0, 0, 0, 0), 64, IP_BOGUS, "a discard-only address (RFC 6666)" },
	{ V6(0, 0x64, 0xff, 0x9b, 0, 0), 96, IP_BOGUS, "an address made by a NAT64 (RFC 6052)" },
	{ V6(0, 0x64, 0xff, 0x9b, 0, 0x01), 48, IP_BOGUS, "an address made by a NAT64 (RFC 8215)" },
	{ { { 0 } }, 96, IP_BOGUS, "an IPv4-compatible address (RFC 4291)" },
};

struct ip ip_from_v4(const uint8_t octets[4])
{
	struct ip ip = ip_any4;

	memcpy(ip.octets + IPV4_BITS / 8, octets, 4);
	return ip;
}

struct ip ip_from_u32(uint32_t host_order)
{
	const uint8_t octets[4] = {
		(uint8_t)(host_order >> 24),
		(uint8_t)(host_order >> 16),
		(uint8_t)(host_order >> 8),
		(uint8_t)host_order,
	};

	return ip_from_v4(octets);
}

bool ip_is_v4(const struct ip *ip)
{
	return memcmp(ip->octets, ip_any4.octets, IPV4_BITS / 8) == 0;
}

enum ip_family ip_family(const struct ip *ip)
{
	return ip_is_v4(ip) ? IP_FAMILY_4 : IP_FAMILY_6;
}

struct ip ip_any(enum ip_family family)
{
	return family == IP_FAMILY_4 ? ip_any4 : ip_any6;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

bool ip_is_any(const struct ip *ip)
{
	return ip_equal(ip, &ip_any4) || ip_equal(ip, &ip_any6);
}

static bool same_bits(const struct ip *a, const struct ip *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a->octets, b->octets, whole) != 0)
		return false;
	return rest == 0 || (a->octets[whole] ^ b->octets[whole]) >> (8 - rest) == 0;
}

bool ip_in_prefix(const struct ip *ip, const struct ip *prefix, unsigned length)
{
	unsigned base = ip_is_v4(prefix) ? IPV4_BITS : 0;

	/* ::/0 holds ::ffff:0:0/96 bit by bit, but is another family. */
	return ip_family(ip) == ip_family(prefix) && length <= 128 - base &&
		same_bits(ip, prefix, base + length);
}

bool ip_is_loopback(const struct ip *ip)
{
	return ip_in_prefix(ip, &loopback4, 8) || ip_equal(ip, &loopback6);
}

bool ip_is_multicast(const struct ip *ip)
{
	return ip_in_prefix(ip, &multicast4, 4) || ip_in_prefix(ip, &multicast6, 8);
}

bool ip_is_link_local(const struct ip *ip)
{
	return ip_in_prefix(ip, &link_local4, 16) || ip_in_prefix(ip, &link_local6, 10);
}

bool ip_is_ula(const struct ip *ip)
{
	return ip_in_prefix(ip, &ula, 7);
}

static const struct special *special_of(const struct ip *ip)
{
	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++)
		if (ip_in_prefix(ip, &specials[i].prefix, specials[i].length))
			return &specials[i];
	return NULL;
}

enum ip_class ip_classify(const struct ip *ip, const char **why)
{
	const struct special *special = special_of(ip);

	if (why)
		*why = special ? special->why : NULL;
	return special ? special->class : IP_PUBLIC;
}

bool ip_parse(const char *text, struct ip *out)
{
	uint8_t v4[4];
	struct ip v6;

	if (inet_pton(AF_INET, text, v4) == 1) {
		*out = ip_from_v4(v4);
		return true;
	}
	if (inet_pton(AF_INET6, text, v6.octets) != 1)
		return false;
	*out = v6;
	return true;
}

const char *ip_format(const struct ip *ip, char text[static IP_TEXT_MAX])
{
	const char *made;

	if (ip_is_v4(ip))
		made = inet_ntop(AF_INET, ip->octets + IPV4_BITS / 8, text, IP_TEXT_MAX);
	else
		made = inet_ntop(AF_INET6, ip->octets, text, IP_TEXT_MAX);
	if (!made)
		text[0] = '\0'; /* cannot happen: the room is enough for both */
	return text;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return ip_equal(&a->address, &b->address) && a->scope == b->scope && a->port == b->port;
}
