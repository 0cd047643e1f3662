/* SPDX-License-Identifier: MIT
 * The store and what it may find in its directory: damage, another version, another
 * user's traps, a disk that cannot be written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/store_state.h"
#include "store_dir.h"

#define MAP_FILE "net-*/map-*.json"

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

/* One file with three records; its path and content. */
static size_t three_records(struct fixture *f, char path[static PATH_MAX], char *text, size_t size)
{
	for (uint16_t port = 8080; port < 8083; port++) {
		struct store_record r = sample_record(port);

		assert_true(fixture_put(f, &r));
	}
	fixture_file(f, MAP_FILE, path);
	return read_file(path, text, size);
}

/* --- damage --- */

static void forget_warnings(struct fixture *f)
{
	f->warned[0] = '\0';
	f->warnings = 0;
}

/* The file is set aside as it was, told by name once, and writing goes on. */
static void assert_set_aside(
	struct fixture *f, const char *path, const char *content, size_t n, const char *suffix)
{
	struct store_record r = sample_record(8081), got;
	struct store *store = fixture_open(f);
	char aside[PATH_MAX + 16], text[4096];

	forget_warnings(f);
	assert_false(store_find(store, &r.key, &got));
	assert_true(store_put(store, &r));
	assert_true(store_find(store, &r.key, &got));
	store_close(store);
	assert_int_equal(f->warnings, 1);
	assert_non_null(strstr(f->warned, path));
	snprintf(aside, sizeof(aside), "%s%s", path, suffix);
	assert_non_null(strstr(f->warned, strrchr(aside, '/') + 1));
	assert_int_equal(read_file(aside, text, sizeof(text)), n);
	assert_memory_equal(text, content, n);
	assert_int_equal(fixture_count(f), 1);
}

static void test_cut_anywhere(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX], aside[PATH_MAX + 16], text[4096];
	size_t n = three_records(f, path, text, sizeof(text));

	snprintf(aside, sizeof(aside), "%s.damaged", path);
	/* Without its last newline it is whole. */
	for (size_t cut = 0; cut + 1 < n; cut++) {
		write_file(path, text, cut);
		assert_set_aside(f, path, text, cut, ".damaged");
		assert_int_equal(unlink(aside), 0);
	}
	forget_warnings(f);
	write_file(path, text, n - 1);
	assert_int_equal(fixture_count(f), 3);
	assert_int_equal(f->warnings, 0);
}

static void test_garbage(void **state)
{
	static const char *const texts[] = { "\x00\x00\x00\x00\x00\x00\x00\x00", "[]", "null", "{}",
		"{\"schema\":1}", "{\"schema\":1,\"records\":{}}", "{\"schema\":0,\"records\":[]}",
		"{\"schema\":\"1\",\"records\":[]}", "{\"schema\":1,\"records\":[3]}",
		"{\"schema\":1,\"records\":[\n{\"a\":1}\n{\"a\":1}\n]}\n", "\xff\xfe{}",
		"[[[[[[[[[[" };
	struct fixture *f = *state;
	char path[PATH_MAX], aside[PATH_MAX + 16], text[4096];

	three_records(f, path, text, sizeof(text));
	snprintf(aside, sizeof(aside), "%s.damaged", path);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		size_t n = i ? strlen(texts[i]) : 8;

		write_file(path, texts[i], n);
		assert_set_aside(f, path, texts[i], n, ".damaged");
		assert_int_equal(unlink(aside), 0);
	}
}

static void test_too_large(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8081), got;
	char path[PATH_MAX], text[4096];

	three_records(f, path, text, sizeof(text));
	assert_int_equal(truncate(path, 3 << 20), 0);
	assert_false(fixture_find(f, &r.key, &got));
	assert_int_equal(fixture_files(f, MAP_FILE ".damaged"), 1);
}

static void test_damaged_again_and_again(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080);
	char path[PATH_MAX], text[4096], suffix[32] = ".damaged";

	three_records(f, path, text, sizeof(text));
	for (int i = 0; i < 10; i++) {
		int n = snprintf(text, sizeof(text), "damage %d", i);

		write_file(path, text, (size_t)n);
		assert_set_aside(f, path, text, (size_t)n, suffix);
		snprintf(suffix, sizeof(suffix), ".damaged.%d", i + 1);
	}
	/* The disk is not to be filled with them, and none is to be lost. */
	write_file(path, "damage 10", 9);
	forget_warnings(f);
	assert_false(fixture_put(f, &r));
	assert_int_equal(f->warnings, 1);
	assert_int_equal(fixture_files(f, MAP_FILE "*"), 11);
	read_file(path, text, sizeof(text));
	assert_string_equal(text, "damage 10");
}

static void test_damage_of_the_samples(void **state)
{
	struct fixture *f = *state;
	struct store_epoch sample = { .network = sample_record(1).key.network, .at = NOW };
	struct store *store = fixture_open(f);
	char path[PATH_MAX];

	assert_true(store_epoch_put(store, &sample));
	fixture_file(f, "net-*/epochs.json", path);
	write_file(path, "{", 1);
	assert_false(store_epoch_find(store, &sample));
	assert_int_equal(f->warnings, 1);
	assert_true(store_epoch_put(store, &sample));
	assert_true(store_epoch_find(store, &sample));
	store_close(store);
}

/* --- other versions --- */

static void assert_left_alone(struct fixture *f, const char *path, const char *content)
{
	struct store_record r = sample_record(8081), got;
	struct store *store = fixture_open(f);
	char text[4096];

	forget_warnings(f);
	write_file(path, content, strlen(content));
	assert_false(store_find(store, &r.key, &got));
	assert_false(store_put(store, &r));
	assert_false(store_remove(store, &r.key));
	store_close(store);
	assert_int_equal(f->warnings, 1);
	assert_non_null(strstr(f->warned, path));
	assert_non_null(strstr(f->warned, "newer"));
	assert_int_equal(fixture_count(f), 0);
	read_file(path, text, sizeof(text));
	assert_string_equal(text, content);
	assert_int_equal(fixture_files(f, "net-*/*"), 1);
}

static void test_a_newer_version(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX], text[4096];

	three_records(f, path, text, sizeof(text));
	text[10] = '2';
	assert_left_alone(f, path, text);
	assert_left_alone(f, path, "{ \"schema\" : 17 }");
	assert_left_alone(f, path, "{\"x\":[{}],\n\"schema\":2,\"records\":[\n{}\n]}\n");
}

/* A later version of the same schema adds keys, and kinds of records. */
static void test_what_is_not_understood_stays(void **state)
{
	static const char later[] = "{\"schema\":1,\"records\":[\n{\"internal_port\":\"eighty\"},\n"
				    "{\"later\":[1,{\"a\":null}],\"expires\":1}\n]}\n";
	struct fixture *f = *state;
	struct store_record r = sample_record(8081);
	char path[PATH_MAX], text[4096], *mark;

	three_records(f, path, text, sizeof(text));
	mark = strstr(text, "\"lifetime\"");
	assert_non_null(mark);
	memcpy(mark, "\"lovetime\"", 10);
	write_file(path, text, strlen(text));
	assert_true(fixture_put(f, &r));
	read_file(path, text, sizeof(text));
	assert_non_null(strstr(text, "\"lovetime\":7200"));
	write_file(path, later, strlen(later));
	assert_true(fixture_put(f, &r));
	read_file(path, text, sizeof(text));
	assert_non_null(strstr(text, "{\"internal_port\":\"eighty\"}"));
	assert_int_equal(fixture_count(f), 1);
	assert_int_equal(f->warnings, 1); /* the list says that it ignores one */
}

/* jq . FILE, and back. */
static void test_laid_out_by_somebody_else(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8081), got;
	char path[PATH_MAX], text[8192], wide[8192], *out = wide;

	three_records(f, path, text, sizeof(text) / 2);
	for (const char *in = text; *in; in++) {
		*out++ = *in;
		if (*in == ',' || *in == ':' || *in == '{')
			out += sprintf(out, "\n    ");
	}
	write_file(path, wide, (size_t)(out - wide));
	assert_true(fixture_find(f, &r.key, &got));
	assert_int_equal(fixture_count(f), 3);
	r.external_port = 1;
	assert_true(fixture_put(f, &r));
	assert_int_equal(fixture_count(f), 3);
	assert_true(fixture_find(f, &r.key, &got));
	assert_int_equal(got.external_port, 1);
	assert_int_equal(f->warnings, 0);
}

static void test_an_emptied_list(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8081);
	char path[PATH_MAX], text[4096];

	three_records(f, path, text, sizeof(text));
	write_file(path, "{\"schema\":1,\"records\":[]}", 25);
	assert_int_equal(fixture_count(f), 0);
	assert_true(fixture_put(f, &r));
	assert_int_equal(fixture_count(f), 1);
	assert_int_equal(f->warnings, 0);
}

/* Each field with a value that is none: the record is ignored, nothing else happens. */
static void test_wrong_values(void **state)
{
	static const char *const wrong[] = { "-1", "65536", "4294967296", "1.5", "\"\"", "\"x\"",
		"[]", "{}", "null", "\"00\"", "\"192.168.1.256\"", "true" };
	struct fixture *f = *state;
	char path[PATH_MAX], text[4096], bad[8192];
	const char *key, *value;

	three_records(f, path, text, sizeof(text));
	for (key = strstr(text, "\"interface\""); key && key < strchr(key, '}'); key = value) {
		const char *colon = strchr(key, ':'), *end = strpbrk(colon, ",}");

		for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
			snprintf(bad, sizeof(bad), "%.*s:%s%s", (int)(colon - text), text, wrong[i],
				end);
			write_file(path, bad, strlen(bad));
			/* Some are right for some fields; the other two always are. */
			assert_in_range(fixture_count(f), 2, 3);
		}
		value = end + 1;
		if (*end == '}')
			break;
	}
	assert_int_equal(fixture_files(f, MAP_FILE "*"), 1);
}

/* --- who may read and write --- */

static void test_nobody_else_can_read(void **state)
{
	static const mode_t masks[] = { 0, 022, 077, 0777 };
	struct fixture *f = *state;
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
		mode_t old = umask(masks[i]);
		struct store *store;
		struct store_record r = sample_record(8080);
		struct store_epoch sample = { .network = r.key.network, .at = NOW };

		snprintf(f->path, sizeof(f->path), "%s/%o/state/pcpctl", f->root, masks[i]);
		store = fixture_open(f);
		assert_true(store_put(store, &r));
		assert_true(store_epoch_put(store, &sample));
		assert_true(store_keep(store));
		umask(old);
		assert_int_equal(mode_of(f->path), 0700);
		snprintf(path, sizeof(path), "%s/%o", f->root, masks[i]);
		assert_int_equal(mode_of(path), 0700);
		fixture_file(f, "net-*", path);
		assert_int_equal(mode_of(path), 0700);
		fixture_file(f, MAP_FILE, path);
		assert_int_equal(mode_of(path), 0600);
		fixture_file(f, "net-*/epochs.json", path);
		assert_int_equal(mode_of(path), 0600);
		fixture_file(f, "keepers/*", path);
		assert_int_equal(mode_of(path), 0600);
		fixture_file(f, "lock", path);
		assert_int_equal(mode_of(path), 0600);
		store_close(store);
	}
	assert_string_equal(f->warned, "");
}

static void test_an_open_directory_is_closed(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080);

	assert_int_equal(mkdir(f->path, 0755), 0);
	chmod(f->path, 0777);
	assert_true(fixture_put(f, &r));
	assert_int_equal(mode_of(f->path), 0700);
	chmod(f->path, 0750);
	assert_true(fixture_find(f, &r.key, &r));
	assert_int_equal(mode_of(f->path), 0700);
	assert_string_equal(f->warned, "");
}

/* PCPCTL_STATE_DIR=/tmp, or a home: neither used nor locked for everybody else. */
static void test_a_place_of_others_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080);
	char other[PATH_MAX];

	assert_int_equal(mkdir(f->path, 0755), 0);
	snprintf(other, sizeof(other), "%s/letters", f->path);
	write_file(other, "", 0);
	assert_false(fixture_put(f, &r));
	assert_int_equal(f->warnings, 1);
	assert_int_equal(mode_of(f->path), 0755);
	unlink(other);
	chmod(f->path, 01777);
	assert_false(fixture_put(f, &r));
	assert_int_equal(mode_of(f->path), 01777);
	assert_int_equal(fixture_files(f, "*"), 0);
}

static void test_symbolic_links_are_not_followed(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080), got;
	char path[PATH_MAX], network[PATH_MAX], victim[128], text[4096];

	three_records(f, path, text, sizeof(text));
	snprintf(victim, sizeof(victim), "%s/victim", f->root);
	assert_int_equal(rename(path, victim), 0);
	assert_int_equal(symlink(victim, path), 0);
	assert_false(fixture_find(f, &r.key, &got));
	assert_false(fixture_put(f, &r));
	assert_int_equal(fixture_count(f), 0);
	assert_non_null(strstr(f->warned, path));
	assert_int_equal(unlink(path), 0);
	/* the whole network elsewhere */
	fixture_file(f, "net-*", network);
	assert_int_equal(rmdir(network), 0);
	assert_int_equal(unlink(victim), 0);
	assert_int_equal(mkdir(victim, 0700), 0);
	assert_int_equal(symlink(victim, network), 0);
	assert_false(fixture_put(f, &r));
	assert_int_equal(fixture_count(f), 0);
	assert_int_equal(rmdir(victim), 0); /* nothing was put there */
}

static void test_links_in_place_of_our_own_files(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080);
	char path[PATH_MAX], victim[128], text[16];

	snprintf(victim, sizeof(victim), "%s/victim", f->root);
	write_file(victim, "precious", 8);
	assert_int_equal(mkdir(f->path, 0700), 0);
	snprintf(path, sizeof(path), "%s/new", f->path);
	assert_int_equal(symlink(victim, path), 0);
	assert_true(fixture_put(f, &r)); /* taken for left behind */
	snprintf(path, sizeof(path), "%s/lock", f->path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(victim, path), 0);
	assert_false(fixture_put(f, &r));
	read_file(victim, text, sizeof(text));
	assert_string_equal(text, "precious");
}

static void test_a_fifo_does_not_stop_us(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080), got;
	char path[PATH_MAX], text[4096];

	three_records(f, path, text, sizeof(text));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(fixture_find(f, &r.key, &got));
	assert_false(fixture_put(f, &r));
	assert_int_equal(fixture_count(f), 0);
}

/* Root writes everywhere: these run as somebody else where they can. */
static void as_nobody(struct fixture *f, void (*check)(struct fixture *f))
{
	int status;
	pid_t child;

	if (geteuid() != 0) {
		check(f);
		return;
	}
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (chown(f->root, 65534, 65534) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
			_exit(77);
		check(f);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* In the child an assertion of cmocka would jump into the parent's copy: say and end. */
static void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "not so: %s\n", what);
	_exit(1);
}

static void read_only(struct fixture *f)
{
	struct store_record r = sample_record(8080), new = sample_record(9090), got;
	struct store *store = fixture_open(f);

	need(store_put(store, &r), "the first put");
	store_close(store);
	need(chmod(f->path, 0500) == 0, "chmod");
	store = fixture_open(f);
	need(store_find(store, &r.key, &got), "what is there is found");
	need(f->warnings == 0, "reading warns of nothing");
	/* lock is there, and may be locked; a file cannot be made */
	need(!store_put(store, &r), "nothing can be put");
	need(!store_put(store, &new), "nothing can be put, again");
	need(!store_keep(store), "no keeper");
	need(f->warnings <= 2, "it is told once, and once of the keeper");
	store_close(store);
	store_close(store_open(f->path, NULL, NULL, NOW, WALL));
}

static void test_a_read_only_directory(void **state)
{
	as_nobody(*state, read_only);
}

static void not_to_be_made(struct fixture *f)
{
	struct store_record r = sample_record(8080);
	struct store *store;

	need(chmod(f->root, 0500) == 0, "chmod");
	store = fixture_open(f);
	need(!store_find(store, &r.key, &r), "find");
	need(!store_put(store, &r) && !store_put(store, &r), "put");
	need(f->warnings == 1 && strstr(f->warned, "Permission denied"), f->warned);
	store_close(store);
}

static void test_a_directory_that_cannot_be_made(void **state)
{
	as_nobody(*state, not_to_be_made);
}

static void belongs_to_root(struct fixture *f)
{
	struct store_record r = sample_record(8080);

	strcpy(f->path, "/");
	need(!fixture_put(f, &r), "put into what belongs to root");
	need(f->warnings == 1, "told once");
}

static void test_a_directory_of_another_user(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080);

	if (geteuid() != 0)
		skip();
	/* ours is 65534's: root does not write into a place that another user rules */
	assert_int_equal(mkdir(f->path, 0700), 0);
	if (chown(f->path, 65534, 65534) < 0)
		skip();
	assert_false(fixture_put(f, &r));
	assert_non_null(strstr(f->warned, "another user"));
	assert_int_equal(fixture_files(f, "*"), 0);
	forget_warnings(f);
	as_nobody(f, belongs_to_root);
}

static void test_a_file_of_another_user(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080), got;
	char path[PATH_MAX], text[4096];

	three_records(f, path, text, sizeof(text));
	if (geteuid() != 0 || chown(path, 65534, 65534) < 0)
		skip();
	assert_false(fixture_find(f, &r.key, &got));
	assert_int_equal(f->warnings, 1);
}

static void test_a_file_in_the_way(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080);

	write_file(f->path, "", 0);
	assert_false(fixture_put(f, &r));
	assert_int_equal(f->warnings, 1);
}

static void test_many_problems_are_told_shortly(void **state)
{
	struct fixture *f = *state;
	struct store *store = fixture_open(f);

	for (int i = 0; i < 1000; i++)
		store_warn(store, "problem %d", i);
	store_close(store);
	assert_int_equal(f->warnings, STORE_TOLD_MAX);
}

static void test_a_name_that_is_not_text(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080), got;

	strcpy(r.key.network.interface, "\xff\xfe");
	assert_false(fixture_put(f, &r));
	assert_int_equal(f->warnings, 1);
	assert_false(fixture_find(f, &r.key, &got));
	assert_int_equal(fixture_files(f, "net-*"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cut_anywhere),
		TEST(test_garbage),
		TEST(test_too_large),
		TEST(test_damaged_again_and_again),
		TEST(test_damage_of_the_samples),
		TEST(test_a_newer_version),
		TEST(test_what_is_not_understood_stays),
		TEST(test_laid_out_by_somebody_else),
		TEST(test_an_emptied_list),
		TEST(test_wrong_values),
		TEST(test_nobody_else_can_read),
		TEST(test_an_open_directory_is_closed),
		TEST(test_a_place_of_others_is_refused),
		TEST(test_symbolic_links_are_not_followed),
		TEST(test_links_in_place_of_our_own_files),
		TEST(test_a_fifo_does_not_stop_us),
		TEST(test_a_read_only_directory),
		TEST(test_a_directory_that_cannot_be_made),
		TEST(test_a_directory_of_another_user),
		TEST(test_a_file_of_another_user),
		TEST(test_a_file_in_the_way),
		TEST(test_many_problems_are_told_shortly),
		TEST(test_a_name_that_is_not_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
