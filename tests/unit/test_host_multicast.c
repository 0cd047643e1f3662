/* SPDX-License-Identifier: MIT
 * Hearing announcements, and changes of the network, in a network namespace of the
 * test's own.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/monitor.h"
#include "host/multicast.h"
#include "host/udp.h"

#define PORT 5350

/* Without this the rights end with the first exec(). */
static bool map_root(unsigned uid)
{
	FILE *map = fopen("/proc/self/uid_map", "w");
	bool written = map && fprintf(map, "0 %u 1", uid) > 0;

	return map && fclose(map) == 0 && written;
}

/* A user namespace where it can be had; in a chroot root has to do without one. */
static int own_network(void **state)
{
	static bool there;
	unsigned uid = getuid();

	*state = &there;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)
		there = map_root(uid);
	else
		there = unshare(CLONE_NEWNET) == 0;
	if (!there)
		fprintf(stderr, "no network namespace: %s\n", strerror(errno));
	return 0;
}

static void needs_network(void **state)
{
	if (!*(bool *)*state)
		skip();
}

static void run(const char *command)
{
	assert_int_equal(system(command), 0);
}

static bool is_readable(int fd, int ms)
{
	struct pollfd wanted = { .fd = fd, .events = POLLIN };

	return poll(&wanted, 1, ms) > 0;
}

static void test_monitor(void **state)
{
	int fd;

	needs_network(state);
	fd = monitor_open();
	assert_true(fd >= 0);
	assert_false(monitor_changed(fd));
	run("ip link set lo up");
	assert_true(is_readable(fd, 5000));
	assert_true(monitor_changed(fd));
	while (is_readable(fd, 200)) /* the addresses that come with it */
		monitor_changed(fd);
	run("ip addr add 10.9.9.9/32 dev lo");
	assert_true(is_readable(fd, 5000));
	assert_true(monitor_changed(fd));
	while (is_readable(fd, 200))
		monitor_changed(fd);
	assert_false(monitor_changed(fd));
	monitor_close(fd);
}

static void send4(const char *text)
{
	struct ip_mreqn by = { .imr_ifindex = (int)if_nametoindex("lo") };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, "224.0.0.1", &to.sin_addr);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof(by)), 0);
	assert_true(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to)) > 0);
	close(fd);
}

static void send6(const char *text)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6,
		.sin6_port = htons(PORT),
		.sin6_scope_id = if_nametoindex("va") };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	inet_pton(AF_INET6, "ff02::1", &to.sin6_addr);
	assert_true(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to)) > 0);
	close(fd);
}

static void hears(int fd, const char *text, const char *interface)
{
	struct udp_datagram got;
	char octets[64];

	assert_true(is_readable(fd, 5000));
	assert_int_equal(udp_receive(fd, octets, sizeof(octets), &got), 1);
	assert_int_equal(got.length, strlen(text));
	assert_memory_equal(octets, text, got.length);
	assert_int_equal(got.interface_index, if_nametoindex(interface));
}

/* Two listeners on one port, both families: each hears it, and where it came. */
static void test_multicast(void **state)
{
	int first, second, six, all6;

	needs_network(state);
	first = multicast_open(IP_FAMILY_4, PORT, if_nametoindex("lo"));
	second = multicast_open(IP_FAMILY_4, PORT, 0);
	/* on lo there is no way for ff02::1; and a fresh address is not used for a second */
	run("ip link add va type veth peer name vb && "
	    "echo 0 > /proc/sys/net/ipv6/conf/va/accept_dad && "
	    "echo 0 > /proc/sys/net/ipv6/conf/vb/accept_dad && "
	    "ip link set va up && ip link set vb up");
	six = multicast_open(IP_FAMILY_6, PORT, if_nametoindex("vb"));
	assert_true(first >= 0);
	assert_true(second >= 0);
	assert_true(six >= 0);
	all6 = multicast_open(IP_FAMILY_6, PORT, 0);
	assert_true(all6 >= 0);
	multicast_join(first, IP_FAMILY_4, 0); /* again: no error, and nothing twice */
	send4("four");
	hears(first, "four", "lo");
	hears(second, "four", "lo");
	assert_false(is_readable(first, 50));
	send6("six");
	hears(six, "six", "vb");
	hears(all6, "six", "va"); /* where it went out */
	hears(all6, "six", "vb");
	assert_false(is_readable(first, 50));
	multicast_close(first);
	multicast_close(second);
	multicast_close(six);
	multicast_close(all6);
}

/* Somebody who does not share the port. */
static void test_port_held(void **state)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int holder;

	needs_network(state);
	holder = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(holder, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(multicast_open(IP_FAMILY_4, PORT, 0), -1);
	assert_int_equal(errno, EADDRINUSE);
	close(holder);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_monitor),
		cmocka_unit_test(test_multicast),
		cmocka_unit_test(test_port_held),
	};

	return cmocka_run_group_tests(tests, own_network, NULL);
}
