/* SPDX-License-Identifier: MIT
 * host/udp on loopback: who sent to whom, and what the error queue says. Nothing
 * here waits for time to pass: loopback delivers within the send.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/iface.h"
#include "host/udp.h"

#define PRIMER 0x5a

static struct endpoint at(const char *text, uint16_t port)
{
	struct endpoint e = { .port = port };

	assert_true(ip_parse(text, &e.address));
	return e;
}

static int open_at(const char *text)
{
	struct udp_options options = { .local = at(text, 0) };

	return udp_open(&options);
}

/* A port that nobody listens on: one that was just ours. */
static uint16_t closed_port(const char *text)
{
	struct endpoint e = at(text, 0);
	uint16_t port = 0;
	int fd = udp_reserve(&e.address, &port);

	assert_true(fd >= 0 && port != 0);
	udp_close(fd);
	return port;
}

/* Some hosts have no IPv6 at all, not even ::1. */
static void need(const char *text)
{
	int fd = open_at(text);

	if (fd < 0) {
		fprintf(stderr, "skipped: %s cannot be bound: %s\n", text, strerror(errno));
		skip();
	}
	udp_close(fd);
}

static void assert_got(int fd, const char *text, struct udp_datagram *got)
{
	char data[64];

	memset(data, 0, sizeof(data));
	assert_int_equal(udp_receive(fd, data, sizeof(data), got), 1);
	assert_int_equal(got->length, strlen(text));
	assert_false(got->truncated);
	assert_string_equal(data, text);
}

static void round_trip(const char *text)
{
	int a = open_at(text), b = open_at(text);
	struct endpoint to_b = at(text, udp_port(b)), to_a = at(text, udp_port(a));
	struct udp_datagram got;
	char data[8];

	assert_true(a >= 0 && b >= 0 && to_a.port != 0 && to_a.port != to_b.port);
	assert_int_equal(udp_receive(b, data, sizeof(data), &got), 0);
	assert_int_equal(udp_send(a, &to_b, "hello", 5), 0);
	assert_got(b, "hello", &got);
	assert_true(endpoint_equal(&got.from, &to_a));
	assert_true(ip_equal(&got.to, &to_b.address));
	assert_int_equal(got.interface_index, iface_index("lo"));
	assert_int_equal(udp_send(a, &to_b, "", 0), 0);
	assert_got(b, "", &got);
	udp_close(a);
	udp_close(b);
}

static void round_trip_v4(void **state)
{
	(void)state;
	round_trip("127.0.0.1");
}

static void round_trip_v6(void **state)
{
	(void)state;
	need("::1");
	round_trip("::1");
}

/* A socket bound to the wildcard learns which of our addresses was meant. */
static void wildcard_tells_destination(void **state)
{
	int a = open_at("127.0.0.1"), b = open_at("0.0.0.0");
	struct endpoint to = at("127.0.0.2", udp_port(b));
	struct udp_datagram got;

	(void)state;
	assert_int_equal(udp_send(a, &to, "x", 1), 0);
	assert_got(b, "x", &got);
	assert_true(ip_equal(&got.to, &to.address));
	udp_close(a);
	udp_close(b);
}

static void truncated(void **state)
{
	int a = open_at("127.0.0.1"), b = open_at("127.0.0.1");
	struct endpoint to = at("127.0.0.1", udp_port(b));
	struct udp_datagram got;
	char data[6];

	(void)state;
	memset(data, PRIMER, sizeof(data));
	assert_int_equal(udp_send(a, &to, "0123456789", 10), 0);
	assert_int_equal(udp_send(a, &to, "abcde", 5), 0);
	assert_int_equal(udp_receive(b, data, 5, &got), 1);
	assert_true(got.truncated);
	assert_int_equal(got.length, 5);
	assert_memory_equal(data, "01234\x5a", 6);
	assert_int_equal(udp_receive(b, data, 5, &got), 1);
	assert_false(got.truncated);
	assert_memory_equal(data, "abcde\x5a", 6);
	udp_close(a);
	udp_close(b);
}

static void port_unreachable(const char *text, uint8_t type, uint8_t code)
{
	int fd = open_at(text);
	struct endpoint to = at(text, closed_port(text));
	struct net_error error;
	char sent[64];
	size_t length = 0;

	assert_int_equal(udp_error(fd, &error, sent, sizeof(sent), &length), 0);
	assert_int_equal(udp_send(fd, &to, "request", 7), 0);
	assert_int_equal(udp_error(fd, &error, sent, sizeof(sent), &length), 1);
	assert_int_equal(error.kind, NET_ERROR_PORT_UNREACHABLE);
	assert_false(error.local);
	assert_int_equal(error.type, type);
	assert_int_equal(error.code, code);
	assert_int_equal(error.error, ECONNREFUSED);
	assert_true(endpoint_equal(&error.to, &to));
	assert_true(error.has_offender);
	assert_true(ip_equal(&error.offender, &to.address));
	assert_int_equal(length, 7);
	assert_memory_equal(sent, "request", 7);
	assert_int_equal(udp_error(fd, &error, sent, sizeof(sent), &length), 0);
	udp_close(fd);
}

static void port_unreachable_v4(void **state)
{
	(void)state;
	port_unreachable("127.0.0.1", 3, 3);
}

static void port_unreachable_v6(void **state)
{
	(void)state;
	need("::1");
	port_unreachable("::1", 1, 4);
}

/* Our datagram may be larger than what the caller wants to see of it. */
static void quoted_in_part(void **state)
{
	int fd = open_at("127.0.0.1");
	struct endpoint to = at("127.0.0.1", closed_port("127.0.0.1"));
	struct net_error error;
	char sent[5];
	size_t length = 0;

	(void)state;
	memset(sent, PRIMER, sizeof(sent));
	assert_int_equal(udp_send(fd, &to, "request", 7), 0);
	assert_int_equal(udp_error(fd, &error, sent, 4, &length), 1);
	assert_int_equal(length, 4);
	assert_memory_equal(sent, "requ\x5a", 5);
	assert_true(endpoint_equal(&error.to, &to));
	udp_close(fd);
}

/* The trap: without the second try of udp_send() every other of these sends would
 * fail with ECONNREFUSED and send nothing. */
static void errors_do_not_stop_sends(void **state)
{
	int fd = open_at("127.0.0.1"), peer = open_at("127.0.0.1");
	struct endpoint to = at("127.0.0.1", udp_port(peer));
	struct endpoint bad[3];
	struct net_error error;
	struct udp_datagram got;
	char sent[8];
	size_t length;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		bad[i] = at("127.0.0.1", closed_port("127.0.0.1"));
		assert_int_equal(udp_send(fd, &bad[i], "bad", 3), 0);
		assert_int_equal(udp_send(fd, &to, "good", 4), 0);
		assert_got(peer, "good", &got);
	}
	/* None of the errors is lost by that, and their order stands. */
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(udp_error(fd, &error, sent, sizeof(sent), &length), 1);
		assert_true(endpoint_equal(&error.to, &bad[i]));
		/* Reading one makes the next one's error pending again. */
		assert_int_equal(udp_send(fd, &to, "good", 4), 0);
		assert_got(peer, "good", &got);
	}
	assert_int_equal(udp_error(fd, &error, sent, sizeof(sent), &length), 0);
	udp_close(fd);
	udp_close(peer);
}

static void errors_do_not_stop_receives(void **state)
{
	int fd = open_at("127.0.0.1"), peer = open_at("127.0.0.1");
	struct endpoint bad = at("127.0.0.1", closed_port("127.0.0.1"));
	struct endpoint us = at("127.0.0.1", udp_port(fd));
	struct net_error error;
	struct udp_datagram got;
	char data[8];
	size_t length;

	(void)state;
	assert_int_equal(udp_send(fd, &bad, "bad", 3), 0);
	assert_int_equal(udp_receive(fd, data, sizeof(data), &got), 0);
	assert_int_equal(udp_send(fd, &bad, "bad", 3), 0);
	assert_int_equal(udp_send(peer, &us, "answer", 6), 0);
	assert_got(fd, "answer", &got);
	assert_int_equal(udp_error(fd, &error, data, sizeof(data), &length), 1);
	assert_int_equal(udp_error(fd, &error, data, sizeof(data), &length), 1);
	assert_int_equal(udp_error(fd, &error, data, sizeof(data), &length), 0);
	udp_close(fd);
	udp_close(peer);
}

/* This host's own refusals are told by errno. Only the one of size is queued too. */
static void refusals(void **state)
{
	struct udp_options nowhere = { .local = at("192.0.2.77", 0) };
	int fd = open_at("0.0.0.0");
	struct endpoint broadcast = at("255.255.255.255", 9), here = at("127.0.0.1", 9);
	static const char large[65535];
	struct net_error error;
	char sent[8];
	size_t length;

	(void)state;
	errno = 0;
	assert_int_equal(udp_open(&nowhere), -1);
	assert_int_equal(errno, EADDRNOTAVAIL);
	assert_int_equal(udp_send(fd, &broadcast, "x", 1), -1);
	assert_true(errno == EACCES || errno == ENETUNREACH);
	assert_int_equal(udp_error(fd, &error, sent, sizeof(sent), &length), 0);
	assert_int_equal(udp_send(fd, &here, large, sizeof(large)), -1);
	assert_int_equal(errno, EMSGSIZE);
	while (udp_error(fd, &error, sent, sizeof(sent), &length) == 1)
		assert_true(error.local && error.kind == NET_ERROR_TOO_BIG);
	udp_close(fd);
}

static void bound_to_interface(void **state)
{
	struct udp_options options = { .local = at("127.0.0.1", 0),
		.interface_index = iface_index("lo") };
	int fd = udp_open(&options), peer = open_at("127.0.0.1");
	struct endpoint us = at("127.0.0.1", udp_port(fd)), them = at("127.0.0.1", udp_port(peer));
	struct udp_datagram got;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(udp_send(fd, &them, "a", 1), 0);
	assert_got(peer, "a", &got);
	assert_int_equal(udp_send(peer, &us, "b", 1), 0);
	assert_got(fd, "b", &got);
	udp_close(fd);
	udp_close(peer);
}

static void source(void **state)
{
	struct udp_options any = { .local = at("0.0.0.0", 0) };
	struct udp_options second = { .local = at("127.0.0.3", 5351) };
	struct endpoint to = at("127.0.0.2", 5351);
	struct ip got, want = at("127.0.0.2", 0).address;

	(void)state;
	assert_int_equal(udp_source_for(&to, &any, &got), 0);
	assert_true(ip_is_loopback(&got) && ip_is_v4(&got));
	assert_int_equal(udp_source_for(&to, &second, &got), 0);
	want = second.local.address;
	assert_true(ip_equal(&got, &want));
}

static void reserved_port_is_ours(void **state)
{
	struct ip here = at("127.0.0.1", 0).address;
	struct udp_options options = { .local = at("127.0.0.1", 0) };
	uint16_t port = 0;
	int fd = udp_reserve(&here, &port);

	(void)state;
	assert_true(fd >= 0 && port != 0);
	options.local.port = port;
	assert_int_equal(udp_open(&options), -1);
	assert_int_equal(errno, EADDRINUSE);
	udp_close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip_v4),
		cmocka_unit_test(round_trip_v6),
		cmocka_unit_test(wildcard_tells_destination),
		cmocka_unit_test(truncated),
		cmocka_unit_test(port_unreachable_v4),
		cmocka_unit_test(port_unreachable_v6),
		cmocka_unit_test(quoted_in_part),
		cmocka_unit_test(errors_do_not_stop_sends),
		cmocka_unit_test(errors_do_not_stop_receives),
		cmocka_unit_test(refusals),
		cmocka_unit_test(bound_to_interface),
		cmocka_unit_test(source),
		cmocka_unit_test(reserved_port_is_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
