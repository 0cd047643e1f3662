/* SPDX-License-Identifier: MIT
 * The notify protocol against sockets of our own.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/notify.h"

/* A manager's socket, at a path or an abstract @NAME; $NOTIFY_SOCKET says so. */
static int manager(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memcpy(address.sun_path, name, strlen(name) + 1);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	else
		length++;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void arrives(int fd, const char *text)
{
	char got[256];
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	assert_true(n >= 0);
	got[n] = '\0';
	assert_string_equal(got, text);
}

static void test_path(void **state)
{
	char directory[] = "/tmp/test_notify.XXXXXX", name[64];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(name, sizeof(name), "%s/notify", directory);
	fd = manager(name);
	assert_int_equal(notify_send("READY=1\nSTATUS=tcp 8080 is open"), 0);
	arrives(fd, "READY=1\nSTATUS=tcp 8080 is open");
	assert_int_equal(notify_send("STOPPING=1"), 0);
	arrives(fd, "STOPPING=1");
	close(fd);
	errno = 0;
	assert_int_equal(notify_send("STOPPING=1"), -1);
	assert_int_equal(errno, ECONNREFUSED);
	unlink(name);
	assert_int_equal(notify_send("STOPPING=1"), -1);
	assert_int_equal(errno, ENOENT);
	rmdir(directory);
}

static void test_abstract(void **state)
{
	char name[64];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@pcpctl/test_notify/%d", (int)getpid());
	fd = manager(name);
	assert_int_equal(notify_send("READY=1"), 0);
	arrives(fd, "READY=1");
	close(fd);
}

/* A manager that does not read holds nothing up. */
static void test_full(void **state)
{
	char name[64];
	int fd, n = 0;

	(void)state;
	snprintf(name, sizeof(name), "@pcpctl/test_notify/full/%d", (int)getpid());
	fd = manager(name);
	while (notify_send("STATUS=x") == 0 && n < 100000)
		n++;
	assert_int_equal(errno, EAGAIN);
	assert_true(n > 0);
	close(fd);
}

static void test_none(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_send("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(notify_send("READY=1"), 0);
}

static void refused(const char *name, int error)
{
	setenv("NOTIFY_SOCKET", name, 1);
	errno = 0;
	assert_int_equal(notify_send("READY=1"), -1);
	assert_int_equal(errno, error);
}

static void test_odd_names(void **state)
{
	char longest[200];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	refused(longest, ENAMETOOLONG);
	longest[sizeof(((struct sockaddr_un *)0)->sun_path)] = '\0';
	refused(longest, ENAMETOOLONG);
	refused("vsock:2:1234", EAFNOSUPPORT);
	refused("relative", EAFNOSUPPORT);
	refused("@", EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_abstract),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_odd_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
