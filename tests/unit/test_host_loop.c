/* SPDX-License-Identifier: MIT
 * host/loop, host/clock, host/random and host/resolve. Times are bounded from
 * below exactly, and from above by far more than ten times what is expected.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/clock.h"
#include "host/iface.h"
#include "host/loop.h"
#include "host/random.h"
#include "host/resolve.h"
#include "host/udp.h"

#define LONG (60 * SEC)

/* One wait until `in` from now; returns how long it took. */
static int64_t wait_in(struct loop *loop, int64_t in, struct loop_ready *ready)
{
	struct mono start = clock_now();

	assert_int_equal(loop_wait(loop, mono_after(start, in), ready), 0);
	return mono_since(clock_now(), start);
}

static void deadline(void **state)
{
	struct loop *loop = loop_new();
	struct loop_ready ready;

	(void)state;
	for (int i = 0; i < 3; i++) {
		int64_t took = wait_in(loop, 20 * MSEC, &ready);

		assert_int_equal(ready.count, 0);
		assert_true(took >= 20 * MSEC && took < 2 * SEC);
	}
	loop_free(loop);
}

/* Above a second the timerfd does it; twice, as its event is not read. */
static void long_deadline(void **state)
{
	struct loop *loop = loop_new();
	struct loop_ready ready;

	(void)state;
	for (int i = 0; i < 2; i++) {
		int64_t took = wait_in(loop, 1050 * MSEC, &ready);

		assert_int_equal(ready.count, 0);
		assert_true(took >= 1050 * MSEC && took < 20 * SEC);
	}
	loop_free(loop);
}

static void past_deadline_does_not_wait(void **state)
{
	struct loop *loop = loop_new();
	struct mono start = clock_now();
	struct loop_ready ready;

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(loop_wait(loop, start, &ready), 0);
		assert_int_equal(loop_wait(loop, (struct mono){ 0 }, &ready), 0);
		assert_int_equal(ready.count, 0);
	}
	assert_true(mono_since(clock_now(), start) < 2 * SEC);
	loop_free(loop);
}

static void descriptor_ends_wait(void **state)
{
	struct loop *loop = loop_new();
	struct loop_ready ready;
	int a[2], b[2];

	(void)state;
	assert_int_equal(pipe(a) | pipe(b), 0);
	assert_int_equal(loop_add(loop, a[0]) | loop_add(loop, b[0]), 0);
	assert_int_equal(loop_add(loop, a[0]), -1);
	assert_int_equal(write(b[1], "x", 1), 1);
	assert_true(wait_in(loop, LONG, &ready) < LONG / 4);
	assert_int_equal(ready.count, 1);
	assert_int_equal(ready.fds[0], b[0]);
	/* Reported also when the deadline is past and when there is none, until read. */
	assert_int_equal(loop_wait(loop, (struct mono){ 0 }, &ready), 0);
	assert_int_equal(ready.count, 1);
	assert_int_equal(loop_wait(loop, MONO_NEVER, &ready), 0);
	assert_int_equal(ready.count, 1);
	loop_remove(loop, b[0]);
	assert_int_equal(loop_wait(loop, (struct mono){ 0 }, &ready), 0);
	assert_int_equal(ready.count, 0);
	loop_free(loop);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

static void many_descriptors(void **state)
{
	struct loop *loop = loop_new();
	int ends[LOOP_MAX + 6][2];
	int seen = 0;

	(void)state;
	for (int i = 0; i < LOOP_MAX + 6; i++) {
		assert_int_equal(pipe(ends[i]), 0);
		assert_int_equal(write(ends[i][1], "x", 1), 1);
		assert_int_equal(loop_add(loop, ends[i][0]), 0);
	}
	for (int turn = 0; turn < 2; turn++) {
		struct loop_ready ready;
		char c;

		assert_int_equal(loop_wait(loop, MONO_NEVER, &ready), 0);
		for (int i = 0; i < ready.count; i++)
			seen += (int)read(ready.fds[i], &c, 1);
	}
	assert_int_equal(seen, LOOP_MAX + 6);
	loop_free(loop);
	for (int i = 0; i < LOOP_MAX + 6; i++) {
		close(ends[i][0]);
		close(ends[i][1]);
	}
}

/* An ICMP error alone, with no datagram to read, also ends the wait. It does so
 * until it is read, even after a send has cleared the pending error. */
static void error_queue_ends_wait(void **state)
{
	struct endpoint to = { .address = ip_from_u32(0x7f000001) };
	struct udp_options options = { .local = { .address = to.address } };
	struct loop *loop = loop_new();
	int fd = udp_open(&options), closed = udp_reserve(&to.address, &to.port);
	struct loop_ready ready;
	struct net_error error;
	char sent[8];
	size_t length;

	(void)state;
	udp_close(closed);
	assert_int_equal(loop_add(loop, fd), 0);
	assert_int_equal(udp_send(fd, &to, "x", 1) | udp_send(fd, &to, "y", 1), 0);
	for (int i = 0; i < 2; i++) {
		assert_true(wait_in(loop, LONG, &ready) < LONG / 4);
		assert_int_equal(ready.count, 1);
		assert_int_equal(ready.fds[0], fd);
		assert_int_equal(udp_error(fd, &error, sent, sizeof(sent), &length), 1);
	}
	assert_int_equal(loop_wait(loop, (struct mono){ 0 }, &ready), 0);
	assert_int_equal(ready.count, 0);
	udp_close(fd);
	loop_free(loop);
}

/* Runs `body` in a child, as signals and masks belong to a whole process. */
static int in_child(void (*body)(void))
{
	pid_t pid = fork();
	int status = -1;

	assert_true(pid >= 0);
	if (pid == 0) {
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void check(bool good, int status)
{
	if (!good)
		_exit(status);
}

static void signals_body(void)
{
	struct loop *loop = loop_new();
	struct loop_ready ready;
	int count = -1;

	check(loop_catch_signals(loop) == 0 && loop_catch_signals(loop) == 0, 1);
	check(loop_signal(loop, &count) == 0 && count == 0, 2);
	raise(SIGTERM);
	check(wait_in(loop, LONG, &ready) < LONG / 4 && ready.count == 0, 3);
	check(loop_signal(loop, &count) == SIGTERM && count == 1, 4);
	/* One that was told of does not end the waits of the cleaning up. */
	check(wait_in(loop, 20 * MSEC, &ready) >= 20 * MSEC, 5);
	raise(SIGINT);
	check(wait_in(loop, LONG, &ready) < LONG / 4, 6);
	check(loop_signal(loop, &count) == SIGTERM && count == 2, 7);
	check(loop_signal(loop, NULL) == SIGTERM, 8);
	loop_free(loop);
}

static void signals(void **state)
{
	(void)state;
	assert_int_equal(in_child(signals_body), 0);
}

static void ignored_body(void)
{
	struct loop *loop = loop_new();
	struct loop_ready ready;

	signal(SIGHUP, SIG_IGN);
	check(loop_catch_signals(loop) == 0, 1);
	raise(SIGHUP);
	check(wait_in(loop, 20 * MSEC, &ready) >= 20 * MSEC, 2);
	check(loop_signal(loop, NULL) == 0, 3);
	loop_free(loop);
}

static void ignored_signal_stays_ignored(void **state)
{
	(void)state;
	assert_int_equal(in_child(ignored_body), 0);
}

static void restored_body(void)
{
	struct loop *loop = loop_new();

	check(loop_catch_signals(loop) == 0, 1);
	loop_restore_signals(loop);
	raise(SIGINT);
}

static void child_gets_signals_back(void **state)
{
	int status;

	(void)state;
	status = in_child(restored_body);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

static void freed_body(void)
{
	struct loop *loop = loop_new();

	check(loop_catch_signals(loop) == 0, 1);
	loop_free(loop);
	raise(SIGTERM);
}

static void free_gives_signals_back(void **state)
{
	int status;

	(void)state;
	status = in_child(freed_body);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void die_body(void)
{
	struct loop *loop = loop_new();
	struct loop_ready ready;

	check(loop_catch_signals(loop) == 0, 1);
	raise(SIGHUP);
	check(loop_wait(loop, MONO_NEVER, &ready) == 0, 2);
	loop_die_by(loop_signal(loop, NULL));
}

static void dies_by_the_signal(void **state)
{
	int status;

	(void)state;
	status = in_child(die_body);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
}

static void random_octets(void **state)
{
	uint8_t a[600] = { 0 }, b[600] = { 0 };

	(void)state;
	assert_int_equal(random_fill(a, sizeof(a)) | random_fill(b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a + 500, b + 500, 100);
	assert_int_equal(random_fill(a, 0), 0);
}

static void clocks(void **state)
{
	struct mono a = clock_now(), b = clock_now();

	(void)state;
	assert_true(a.ns > 0 && mono_since(b, a) >= 0);
	/* Unix time in milliseconds: after 2020, before 2200. */
	assert_true(clock_wall_ms() > INT64_C(1577836800000));
	assert_true(clock_wall_ms() < INT64_C(7258118400000));
}

static void interfaces(void **state)
{
	char name[NET_NAME_MAX], **names = NULL;
	struct net_address *addresses = NULL;
	int count = iface_names(&names), found = 0;

	(void)state;
	assert_true(count >= 1);
	for (int i = 0; i < count; i++)
		found += strcmp(names[i], "lo") == 0;
	assert_int_equal(found, 1);
	assert_null(names[count]);
	free(names);
	assert_string_equal(iface_name(iface_index("lo"), name), "lo");
	assert_string_equal(iface_name(0x7ffffff0, name), "");
	assert_int_equal(iface_index("no-such-one"), 0);
	count = iface_addresses(iface_index("lo"), IP_FAMILY_4, &addresses);
	assert_true(count >= 1);
	assert_true(ip_is_loopback(&addresses[0].ip));
	assert_int_equal(addresses[0].prefix_length, 8);
	assert_true(addresses[0].preferred_lifetime == UINT32_MAX);
	assert_false(addresses[0].temporary || addresses[0].tentative || addresses[0].deprecated);
	free(addresses);
}

static void resolved(void **state)
{
	struct endpoint out;
	char reason[100] = "";

	(void)state;
	assert_int_equal(resolve_name("127.0.0.9", IP_FAMILY_4, mono_after(clock_now(), LONG), &out,
				 reason, sizeof(reason)),
		RESOLVE_OK);
	assert_true(ip_is_v4(&out.address));
	assert_int_equal(out.address.octets[15], 9);
	assert_int_equal(resolve_name("::9", IP_FAMILY_4 | IP_FAMILY_6, MONO_NEVER, &out, reason,
				 sizeof(reason)),
		RESOLVE_OK);
	assert_int_equal(out.address.octets[15], 9);
	/* A name with a blank is refused before any server is asked. */
	assert_int_equal(resolve_name("no such name", IP_FAMILY_4, mono_after(clock_now(), LONG),
				 &out, reason, sizeof(reason)),
		RESOLVE_NO_NAME);
	assert_true(reason[0] != '\0');
}

/* With no time left the child is killed and reaped, whatever it is doing. */
static void resolve_gives_up(void **state)
{
	struct endpoint out;
	char reason[100] = "";
	enum resolve_result result;

	(void)state;
	result = resolve_name("::9", IP_FAMILY_6, (struct mono){ 0 }, &out, reason, sizeof(reason));
	/* The child may have been quick. */
	assert_true(result == RESOLVE_TIMEOUT || result == RESOLVE_OK);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deadline),
		cmocka_unit_test(long_deadline),
		cmocka_unit_test(past_deadline_does_not_wait),
		cmocka_unit_test(descriptor_ends_wait),
		cmocka_unit_test(many_descriptors),
		cmocka_unit_test(error_queue_ends_wait),
		cmocka_unit_test(signals),
		cmocka_unit_test(ignored_signal_stays_ignored),
		cmocka_unit_test(child_gets_signals_back),
		cmocka_unit_test(free_gives_signals_back),
		cmocka_unit_test(dies_by_the_signal),
		cmocka_unit_test(random_octets),
		cmocka_unit_test(clocks),
		cmocka_unit_test(interfaces),
		cmocka_unit_test(resolved),
		cmocka_unit_test(resolve_gives_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
