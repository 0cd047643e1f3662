/* SPDX-License-Identifier: MIT
 * The store under several processes, under kill -9, under many mappings; keepers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/store.h"
#include "host/clock.h"
#include "store_dir.h"

/* --- several processes --- */

static struct store_record record_of(unsigned i)
{
	return sample_record((uint16_t)(1024 + i));
}

/* A child that does not outlive a test that fails. */
static pid_t start_child(void)
{
	pid_t child = fork();

	if (child == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	assert_true(child >= 0);
	return child;
}

/* Puts first, first + step ...; every other one is removed again by the same process. */
static void write_many(struct fixture *f, unsigned first, unsigned step, unsigned count)
{
	struct store *store = fixture_open(f);

	for (unsigned i = 0; i < count; i++) {
		struct store_record r = record_of(first + i * step), extra = r;

		extra.key.protocol = PROTOCOL_UDP;
		if (!store_put(store, &r) || !store_put(store, &extra) ||
			!store_remove(store, &extra.key))
			_exit(1);
	}
	store_close(store);
	_exit(f->warnings != 0);
}

/* Neighbouring ports: all of them write the same files. */
static void test_processes_at_the_same_time(void **state)
{
	enum { WRITERS = 3, EACH = 500 };
	struct fixture *f = *state;
	struct store *store;
	struct store_record got;

	for (unsigned i = 0; i < WRITERS; i++)
		if (start_child() == 0)
			write_many(f, i, WRITERS, EACH);
	for (unsigned i = 0; i < WRITERS; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	store = fixture_open(f);
	for (unsigned i = 0; i < WRITERS * EACH; i++) {
		const struct store_record r = record_of(i);

		assert_true(store_find(store, &r.key, &got));
		assert_memory_equal(&got.nonce, &r.nonce, sizeof(r.nonce));
	}
	store_close(store);
	assert_int_equal(fixture_count(f), WRITERS * EACH);
	assert_string_equal(f->warned, "");
}

static _Noreturn void hammer(struct fixture *f)
{
	struct store *store = fixture_open(f);

	for (unsigned i = 0;; i++) {
		struct store_record r = record_of(i % 16);
		struct store_epoch sample = { .network = r.key.network, .epoch = i, .at = NOW };

		r.external_port = (uint16_t)i;
		if (!store_put(store, &r) || !store_epoch_put(store, &sample))
			_exit(1);
	}
}

/* Every record that was once put is there, whole, after each kill. */
static void test_kill_9_in_the_middle_of_writes(void **state)
{
	struct fixture *f = *state;
	struct store *store = fixture_open(f);

	for (unsigned i = 0; i < 16; i++) {
		struct store_record r = record_of(i);

		assert_true(store_put(store, &r));
	}
	for (unsigned i = 0; i < 200; i++) {
		struct timespec moment = { 0, 100000 + 7919 * (long)i };
		struct store_record got;
		int status;
		pid_t child = start_child();

		if (child == 0)
			hammer(f);
		nanosleep(&moment, NULL);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		for (unsigned k = 0; k < 16; k++) {
			const struct store_record r = record_of(k);

			assert_true(store_find(store, &r.key, &got));
			assert_memory_equal(&got.nonce, &r.nonce, sizeof(r.nonce));
		}
	}
	store_close(store);
	assert_int_equal(fixture_files(f, "net-*/*.damaged*"), 0);
	assert_true(fixture_files(f, "*") <= 3); /* lock, the network, one being written */
	assert_string_equal(f->warned, "");
	/* And the next one that writes is not held up by what is left. */
	store = fixture_open(f);
	for (unsigned i = 0; i < 16; i++) {
		struct store_record r = record_of(i);

		assert_true(store_put(store, &r));
	}
	store_close(store);
	assert_int_equal(fixture_files(f, "new*"), 0);
}

static void test_a_lock_that_is_never_given_back(void **state)
{
	struct fixture *f = *state;
	struct store_record r = record_of(0), got;
	struct mono start;
	char path[PATH_MAX];
	int fd;

	assert_true(fixture_put(f, &r));
	fixture_file(f, "lock", path);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0);
	assert_true(fixture_find(f, &r.key, &got)); /* reading asks for no lock */
	r.external_port = 1;
	start = clock_now();
	assert_true(fixture_put(f, &r));
	assert_in_range(mono_since(clock_now(), start), 1900 * MSEC, 10 * SEC);
	assert_int_equal(f->warnings, 1);
	assert_true(fixture_find(f, &r.key, &got));
	assert_int_equal(got.external_port, 1);
	close(fd);
}

/* --- many --- */

static uint64_t written(void)
{
	char line[64];
	unsigned long long n = 0;
	FILE *io = fopen("/proc/self/io", "r");

	while (io && fgets(line, sizeof(line), io))
		if (sscanf(line, "wchar: %llu", &n) == 1)
			break;
	if (io)
		fclose(io);
	return n;
}

/* A change costs the same with 10 and with 10,000 mappings. */
static void test_ten_thousand(void **state)
{
	struct fixture *f = *state;
	struct store *store = fixture_open(f);
	struct mono start = clock_now();
	uint64_t before, octets;

	for (unsigned i = 0; i < 10000; i++) {
		struct store_record r = record_of(i);

		assert_true(store_put(store, &r));
	}
	/* 0.3 s here; a sanitizer and a busy machine may take longer */
	assert_in_range(mono_since(clock_now(), start), 1, 10 * SEC);
	before = written();
	for (unsigned i = 0; i < 100; i++) {
		struct store_record r = record_of(97 * i);

		assert_true(store_put(store, &r));
	}
	octets = (written() - before) / 100;
	if (before)
		assert_in_range(octets, 1, 16 * 512);
	store_close(store);
	assert_int_equal(fixture_count(f), 10000);
}

static size_t open_files(void)
{
	DIR *list = opendir("/proc/self/fd");
	size_t n = 0;

	while (list && readdir(list))
		n++;
	if (list)
		closedir(list);
	return n;
}

static void ignore(void *context, const struct store_record *record)
{
	(void)context;
	(void)record;
}

static void test_nothing_stays_open(void **state)
{
	struct fixture *f = *state;
	size_t before = open_files();

	for (unsigned i = 0; i < 50; i++) {
		struct store *store = fixture_open(f);
		struct store_record r = record_of(i);

		assert_true(store_put(store, &r) && store_find(store, &r.key, &r));
		assert_true(store_keep(store));
		assert_false(store_keeper_alive(store, 1));
		store_each(store, ignore, NULL);
		store_close(store);
	}
	assert_int_equal(open_files(), before);
}

/* --- keepers --- */

/* A keeper; it says by the pipe that it keeps. */
static pid_t start_keeper(struct fixture *f)
{
	int ends[2];
	char octet;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = start_child();
	if (child == 0) {
		struct store *store = fixture_open(f);

		if (!store_keep(store) || !store_keep(store) || write(ends[1], "k", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &octet, 1), 1);
	close(ends[0]);
	return child;
}

/* Two that keep the same: the record names the first one as long as it lives. */
static void test_a_record_stays_with_its_keeper(void **state)
{
	struct fixture *f = *state;
	pid_t keeper = start_keeper(f);
	struct store *store = fixture_open(f);
	struct store_record first = sample_record(80), second = first, got;

	first.keeper = keeper;
	second.keeper = getpid();
	assert_true(store_keep(store));
	assert_true(store_put(store, &first));
	assert_true(store_update(store, &second));
	assert_true(store_find(store, &first.key, &got));
	assert_int_equal(got.keeper, keeper);
	kill(keeper, SIGKILL);
	waitpid(keeper, NULL, 0);
	assert_true(store_update(store, &second));
	assert_true(store_find(store, &first.key, &got));
	assert_int_equal(got.keeper, getpid());
	store_close(store);
}

static void test_a_keeper_lives_and_dies(void **state)
{
	struct fixture *f = *state;
	pid_t keeper = start_keeper(f), other = start_keeper(f);
	struct store *store = fixture_open(f);

	assert_true(store_keeper_alive(store, keeper));
	assert_true(store_keeper_alive(store, other));
	assert_false(store_keeper_alive(store, getpid()));
	assert_false(store_keeper_alive(store, 0));
	kill(keeper, SIGKILL);
	waitpid(keeper, NULL, 0);
	assert_false(store_keeper_alive(store, keeper));
	assert_int_equal(fixture_files(f, "keepers/*"), 1);
	assert_true(store_keeper_alive(store, other));
	/* What another one left goes when somebody begins to keep. */
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	assert_true(store_keep(store));
	assert_int_equal(fixture_files(f, "keepers/*"), 1);
	assert_false(store_keeper_alive(store, getpid())); /* that is us */
	store_close(store);
	assert_int_equal(fixture_files(f, "keepers"), 0);
	assert_string_equal(f->warned, "");
}

/* A process of another pid namespace that has our number, and keeps. */
static void test_our_number_is_taken(void **state)
{
	struct fixture *f = *state;
	struct store *store;
	char path[PATH_MAX];
	int fd;

	assert_int_equal(mkdir(f->path, 0700), 0);
	snprintf(path, sizeof(path), "%s/keepers", f->path);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/keepers/%ld", f->path, (long)getpid());
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0);
	store = fixture_open(f);
	assert_true(store_keeper_alive(store, getpid()));
	assert_false(store_keep(store));
	assert_int_equal(f->warnings, 1);
	store_close(store);
	close(fd);
	store = fixture_open(f);
	assert_true(store_keep(store));
	store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_processes_at_the_same_time),
		TEST(test_kill_9_in_the_middle_of_writes),
		TEST(test_a_lock_that_is_never_given_back),
		TEST(test_ten_thousand),
		TEST(test_nothing_stays_open),
		TEST(test_a_keeper_lives_and_dies),
		TEST(test_a_record_stays_with_its_keeper),
		TEST(test_our_number_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
