/* SPDX-License-Identifier: MIT
 * Addresses as PCP writes them: always 16 octets, IPv4 as ::ffff:a.b.c.d
 * (RFC 6887, 5). One type for both families, everywhere in the program.
 */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ip {
	uint8_t octets[16];
};

/* An address with what is needed to send to it. */
struct endpoint {
	struct ip address;
	uint32_t scope; /* interface index of a link-local address, else 0 */
	uint16_t port;
};

enum ip_family { IP_FAMILY_NONE = 0, IP_FAMILY_4 = 1, IP_FAMILY_6 = 2 };

/* What kind of address a router may claim as "external". */
enum ip_class {
	IP_PUBLIC,
	IP_PRIVATE, /* RFC 1918 */
	IP_SHARED, /* RFC 6598, carrier-grade NAT */
	IP_BOGUS, /* can be no one's external address */
};

#define IP_TEXT_MAX	     46 /* an address as text, with the final NUL */
#define IP_ENDPOINT_TEXT_MAX 80 /* [address%scope]:port, with the final NUL */

/* The wildcards of RFC 6887, 5: `::` and `::ffff:0.0.0.0`, never interchangeable. */
extern const struct ip ip_any6;
extern const struct ip ip_any4;

struct ip ip_from_v4(const uint8_t octets[4]);
struct ip ip_from_u32(uint32_t host_order); /* 0x7f000001 is 127.0.0.1 */

/* IPv4 only if all first 96 bits say so (RFC 6887, 5). */
bool ip_is_v4(const struct ip *ip);
enum ip_family ip_family(const struct ip *ip);
/* The wildcard of a family. */
struct ip ip_any(enum ip_family family);
bool ip_equal(const struct ip *a, const struct ip *b);
/* Either wildcard. */
bool ip_is_any(const struct ip *ip);
bool ip_is_loopback(const struct ip *ip);
bool ip_is_multicast(const struct ip *ip);
bool ip_is_link_local(const struct ip *ip); /* fe80::/10 or 169.254/16 */
bool ip_is_ula(const struct ip *ip); /* fc00::/7 */

/* The class of an address claimed as external; `*why` (may be NULL) is set to a
 * static phrase such as "a private address (RFC 1918)", NULL for IP_PUBLIC. */
enum ip_class ip_classify(const struct ip *ip, const char **why);

/* Does `ip` lie in prefix/length? `length` counts in the address's own family:
 * 0-32 for IPv4, 0-128 for IPv6. */
bool ip_in_prefix(const struct ip *ip, const struct ip *prefix, unsigned length);

/* Text -> address; strict, no scope, no brackets. False leaves *out alone. */
bool ip_parse(const char *text, struct ip *out);
/* Address -> text; IPv4 as a.b.c.d. Returns `text`. */
const char *ip_format(const struct ip *ip, char text[static IP_TEXT_MAX]);

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

#endif
