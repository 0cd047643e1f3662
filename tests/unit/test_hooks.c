/* SPDX-License-Identifier: MIT
 * Hooks with real processes. Retries need no waiting: `now` is an argument. Whatever
 * waits for a child does so for 20 s at most.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/hooks.h"
#include "host/child.h"
#include "host/clock.h"
#include "host/loop.h"

#define PATIENCE (20 * SEC)

/* A directory, which the hooks find in $DIR, a loop, and what was warned of. */
struct world {
	char directory[32];
	struct loop *loop;
	struct hooks *hooks;
	int64_t ahead; /* of the clock: the `now` that the hooks are told */
	char warnings[4000];
};

static void warned(void *context, unsigned mapping, const char *text)
{
	struct world *world = context;
	size_t n = strlen(world->warnings);

	snprintf(world->warnings + n, sizeof(world->warnings) - n, "%d: %s\n", (int)mapping, text);
}

static void open_world(struct world *world, const char *command)
{
	struct hooks_config config = { .command = command, .warning = warned, .context = world };

	memset(world, 0, sizeof(*world));
	strcpy(world->directory, "/tmp/test_hooks.XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	setenv("DIR", world->directory, 1);
	config.loop = world->loop = loop_new();
	assert_non_null(world->loop);
	world->hooks = hooks_new(&config);
	assert_non_null(world->hooks);
}

static void close_world(struct world *world)
{
	char command[64];

	hooks_free(world->hooks);
	loop_free(world->loop);
	snprintf(command, sizeof(command), "rm -rf %s", world->directory);
	assert_int_equal(system(command), 0);
}

static struct mono now_of(const struct world *world)
{
	return mono_after(clock_now(), world->ahead);
}

static void event(struct world *world, unsigned mapping, const char *name)
{
	char text[64];
	const char *const environment[] = { text, NULL };

	snprintf(text, sizeof(text), "PCP_EVENT=%s", name);
	assert_true(hooks_event(world->hooks, mapping, environment));
}

/* One turn of a loop as the engine's, 20 ms at most. */
static void turn(struct world *world)
{
	struct mono now = now_of(world), soon = mono_after(clock_now(), 20 * MSEC);
	struct loop_ready ready;

	hooks_tick(world->hooks, now);
	if (mono_due(hooks_deadline(world->hooks), now))
		soon = clock_now();
	assert_int_equal(loop_wait(world->loop, soon, &ready), 0);
	for (int i = 0; i < ready.count; i++)
		assert_true(hooks_ready(world->hooks, ready.fds[i], now_of(world)));
}

/* Until every hook that could run has ended. */
static void settle(struct world *world)
{
	struct mono end = mono_after(clock_now(), PATIENCE);

	while (hooks_busy(world->hooks)) {
		assert_false(mono_due(end, clock_now()));
		turn(world);
	}
}

static char *content(const struct world *world, const char *name)
{
	static char text[65536];
	char path[64];
	FILE *file;
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/%s", world->directory, name);
	file = fopen(path, "re");
	if (file) {
		n = fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
	}
	text[n] = '\0';
	return text;
}

static void wait_for(struct world *world, const char *name, const char *expected)
{
	struct mono end = mono_after(clock_now(), PATIENCE);

	while (strcmp(content(world, name), expected) != 0) {
		if (mono_due(end, clock_now()))
			assert_string_equal(content(world, name), expected);
		turn(world);
	}
}

static void touch(const struct world *world, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", world->directory, name);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

/* In a hook: waits until the test lets it go on, half a minute at most. */
#define GATE "i=0; while [ ! -e \"$DIR/go\" ] && [ $i -lt 1500 ]; do sleep 0.02; i=$((i+1)); done; "

static void test_order(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, "log=$DIR/log; [ $PCP_EVENT != X ] || log=$DIR/other; "
		       "echo \"+$PCP_EVENT\" >> $log; " GATE "echo \"-$PCP_EVENT\" >> $log");
	event(&w, 0, "A");
	event(&w, 0, "B");
	event(&w, 0, "C");
	wait_for(&w, "log", "+A\n");
	/* another mapping's is not held up, this one's next is */
	event(&w, 1, "X");
	wait_for(&w, "other", "+X\n");
	assert_string_equal(content(&w, "log"), "+A\n");
	touch(&w, "go");
	settle(&w);
	assert_string_equal(content(&w, "log"), "+A\n-A\n+B\n-B\n+C\n-C\n");
	assert_string_equal(content(&w, "other"), "+X\n-X\n");
	assert_string_equal(w.warnings, "");
	close_world(&w);
}

static void test_at_most_eight(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, "echo x >> $DIR/log; " GATE);
	for (unsigned i = 0; i < 20; i++)
		event(&w, i, "A");
	wait_for(&w, "log", "x\nx\nx\nx\nx\nx\nx\nx\n");
	for (int i = 0; i < 3; i++)
		turn(&w);
	assert_int_equal(strlen(content(&w, "log")), 2 * HOOKS_AT_ONCE);
	/* nothing is due: the loop may sleep */
	assert_true(mono_is_never(hooks_deadline(w.hooks)));
	touch(&w, "go");
	settle(&w);
	assert_int_equal(strlen(content(&w, "log")), 2 * 20);
	close_world(&w);
}

static void test_retry(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, "echo $PCP_EVENT >> $DIR/log; [ -e $DIR/good ] || exit 3");
	event(&w, 5, "A");
	settle(&w);
	assert_string_equal(
		w.warnings, "5: the hook failed with exit status 3; it is run again in 1 s\n");
	assert_false(mono_due(hooks_deadline(w.hooks), now_of(&w)));
	w.ahead += 1 * SEC;
	assert_true(mono_due(hooks_deadline(w.hooks), now_of(&w)));
	hooks_tick(w.hooks, now_of(&w));
	settle(&w);
	assert_string_equal(content(&w, "log"), "A\nA\n");
	assert_non_null(strstr(w.warnings, "again in 2 s"));
	touch(&w, "good");
	w.ahead += 2 * SEC;
	hooks_tick(w.hooks, now_of(&w));
	settle(&w);
	w.ahead += 1000 * SEC;
	hooks_tick(w.hooks, now_of(&w));
	settle(&w);
	assert_string_equal(content(&w, "log"), "A\nA\nA\n");
	hooks_rerun(w.hooks);
	settle(&w);
	assert_string_equal(content(&w, "log"), "A\nA\nA\nA\n");
	close_world(&w);
}

static void test_superseded(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, "echo $PCP_EVENT >> $DIR/log; [ $PCP_EVENT = B ]");
	event(&w, 0, "A");
	settle(&w);
	event(&w, 0, "B");
	settle(&w);
	w.ahead += 1000 * SEC;
	hooks_tick(w.hooks, now_of(&w));
	settle(&w);
	assert_string_equal(content(&w, "log"), "A\nB\n");
	close_world(&w);
}

static void test_how_it_failed(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, "case $PCP_EVENT in A) no-such-command-of-ours 2> /dev/null;; "
		       "B) kill -9 $$;; esac");
	event(&w, 0, "A");
	settle(&w);
	event(&w, 0, "B");
	settle(&w);
	assert_string_equal(w.warnings,
		"0: the hook failed with exit status 127 (command not found); it is run again in "
		"1 s\n"
		"0: the hook was ended by signal 9 (Killed); it is run again in 1 s\n");
	close_world(&w);
}

/* --- what a hook is given --- */

static void test_environment(void **state)
{
	static const char *const environment[] = { "PCP_EVENT=granted", "PCP_SERVER='\n $(x) \xff",
		"PCP_EPOCH=", NULL };
	struct world w;

	(void)state;
	setenv("PCP_EVENT", "of another pcpctl", 1);
	setenv("PCP_EVENTUAL", "stays", 1);
	setenv("PCP_EVEN", "stays", 1);
	setenv("PCP_EPOCH", "42", 1);
	open_world(&w, "tr '\\0' '@' < /proc/self/environ > $DIR/log");
	assert_true(hooks_event(w.hooks, 0, environment));
	settle(&w);
	assert_non_null(strstr(content(&w, "log"), "@PCP_EVENT=granted@"));
	assert_non_null(strstr(content(&w, "log"), "@PCP_SERVER='\n $(x) \xff@"));
	assert_non_null(strstr(content(&w, "log"), "@PCP_EPOCH=@"));
	assert_non_null(strstr(content(&w, "log"), "PCP_EVENTUAL=stays@"));
	assert_non_null(strstr(content(&w, "log"), "PCP_EVEN=stays@"));
	assert_null(strstr(content(&w, "log"), "another"));
	assert_null(strstr(content(&w, "log"), "PCP_EPOCH=42"));
	unsetenv("PCP_EVENT");
	unsetenv("PCP_EPOCH");
	close_world(&w);
}

/* A hook that does nothing, to be looked at from outside; the shell's own descriptors
 * are gone with it. */
#define SLEEP "echo $$ > $DIR/$PCP_EVENT; exec sleep 60"

/* Its pid, when it does. */
static pid_t asleep(struct world *w, const char *name)
{
	struct mono end = mono_after(clock_now(), PATIENCE);
	char path[64];
	pid_t pid;

	do {
		assert_false(mono_due(end, clock_now()));
		turn(w);
		pid = atoi(content(w, name));
		snprintf(path, sizeof(path), "../../proc/%d/comm", (int)pid);
	} while (strcmp(content(w, path), "sleep\n") != 0);
	return pid;
}

static void read_link(pid_t pid, int fd, char text[static 64])
{
	char path[64];

	memset(text, 0, 64);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	assert_true(readlink(path, text, 63) >= 0 || errno == ENOENT);
}

#define FDS_MAX 1024

/* The descriptors that this program was started with: hooks have them, too. */
static void list_inherited(bool inherited[static FDS_MAX])
{
	for (int fd = 0; fd < FDS_MAX; fd++)
		inherited[fd] = fd < 3 || fcntl(fd, F_GETFD) >= 0;
}

static void has_no_other(pid_t pid, const bool inherited[static FDS_MAX])
{
	char link[64];

	for (int fd = 0; fd < FDS_MAX; fd++) {
		read_link(pid, fd, link);
		assert_int_equal(link[0] != '\0', inherited[fd]);
	}
}

static void test_descriptors(void **state)
{
	bool inherited[FDS_MAX];
	struct world w;
	struct loop_ready ready;
	char link[64];

	(void)state;
	list_inherited(inherited);
	open_world(&w, SLEEP);
	assert_int_equal(loop_catch_signals(w.loop), 0);
	/* one that makes the timer, and ends at once */
	raise(SIGTERM);
	loop_wait(w.loop, mono_after(clock_now(), PATIENCE), &ready);
	event(&w, 0, "A");
	event(&w, 1, "B"); /* could inherit the first one's */
	has_no_other(asleep(&w, "A"), inherited);
	has_no_other(asleep(&w, "B"), inherited);
	read_link(asleep(&w, "A"), 0, link);
	assert_string_equal(link, "/dev/null");
	close_world(&w);
}

/* A hook's output may not come among the results. */
static void test_streams(void **state)
{
	struct world w;
	char path[64];
	int saved[2] = { dup(1), dup(2) }, files[2];

	(void)state;
	open_world(&w, "echo to-out; echo to-err >&2");
	for (int i = 0; i < 2; i++) {
		fcntl(saved[i], F_SETFD, FD_CLOEXEC);
		snprintf(path, sizeof(path), "%s/%d", w.directory, i + 1);
		files[i] = open(path, O_CREAT | O_WRONLY | O_CLOEXEC | O_APPEND, 0600);
	}
	fflush(NULL);
	dup2(files[0], 1);
	dup2(files[1], 2);
	event(&w, 0, "A");
	settle(&w);
	for (int i = 0; i < 2; i++) {
		dup2(saved[i], i + 1);
		close(saved[i]);
		close(files[i]);
	}
	assert_string_equal(content(&w, "1"), "");
	assert_string_equal(content(&w, "2"), "to-out\nto-err\n");
	close_world(&w);
}

/* Without a standard error it gets /dev/null: nothing else may become its descriptor 2. */
static void test_no_streams(void **state)
{
	struct world w;
	int saved = fcntl(2, F_DUPFD_CLOEXEC, 10);
	char links[4][64];

	(void)state;
	open_world(&w, SLEEP);
	close(2);
	event(&w, 0, "A");
	event(&w, 1, "B");
	hooks_tick(w.hooks, now_of(&w)); /* the first one's descriptor is our 2 now */
	for (int i = 0; i < 4; i++)
		read_link(asleep(&w, i < 2 ? "A" : "B"), 1 + i % 2, links[i]);
	close_world(&w);
	dup2(saved, 2);
	close(saved);
	for (int i = 0; i < 4; i++)
		assert_string_equal(links[i], "/dev/null");
}

static unsigned long mask_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	assert_non_null(at);
	return strtoul(at + strlen(name), NULL, 16);
}

static void test_signals(void **state)
{
	struct world w;
	char *text;

	(void)state;
	open_world(&w, "cat /proc/self/status > $DIR/log");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN); /* as some parents leave it: the status is not lost for it */
	assert_int_equal(loop_catch_signals(w.loop), 0);
	event(&w, 0, "A");
	settle(&w);
	text = content(&w, "log");
	assert_int_equal(mask_of(text, "SigBlk:"), 0);
	assert_int_equal(mask_of(text, "SigIgn:") & (1ul << (SIGPIPE - 1)), 0);
	signal(SIGPIPE, SIG_DFL);
	close_world(&w);
	open_world(&w, "exit 5");
	signal(SIGCHLD, SIG_IGN);
	event(&w, 0, "A");
	settle(&w);
	assert_non_null(strstr(w.warnings, "exit status 5"));
	close_world(&w);
}

/* --- the end --- */

static void test_close_waits(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, GATE "echo $PCP_EVENT >> $DIR/log; exit 1");
	event(&w, 0, "A");
	turn(&w);
	hooks_close(w.hooks, 10 * SEC, now_of(&w));
	event(&w, 0, "deleted");
	touch(&w, "go");
	settle(&w);
	assert_string_equal(content(&w, "log"), "A\ndeleted\n");
	/* warned of, not retried */
	assert_string_equal(w.warnings,
		"0: the hook failed with exit status 1\n0: the hook failed with exit status 1\n");
	close_world(&w);
}

static bool is_alive(pid_t pid)
{
	char path[32], text[200] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return text[0] && !strstr(text, ") Z ") && !strstr(text, ") X ");
}

/* The hook's own child is ended with it. */
static void test_terminate(void **state)
{
	struct world w;
	struct mono end = mono_after(clock_now(), PATIENCE);
	pid_t pid;

	(void)state;
	open_world(&w, "sleep 60 & echo $! > $DIR/pid; echo x > $DIR/log; wait");
	event(&w, 0, "A");
	wait_for(&w, "log", "x\n");
	pid = atoi(content(&w, "pid"));
	assert_true(pid > 1 && is_alive(pid));
	event(&w, 0, "B");
	event(&w, 0, "C");
	hooks_close(w.hooks, 5 * SEC, now_of(&w));
	hooks_tick(w.hooks, now_of(&w));
	assert_true(is_alive(pid));
	w.ahead += 5 * SEC;
	settle(&w);
	assert_string_equal(w.warnings, "-1: no time was left for the hooks of 2 events\n"
					"0: the hook was ended by signal 15 (Terminated)\n");
	while (is_alive(pid))
		assert_false(mono_due(end, clock_now()));
	assert_false(hooks_event(w.hooks, 0, (const char *const[]){ NULL }));
	close_world(&w);
}

static void test_kill(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, "trap '' TERM; echo x > $DIR/log; for i in 1 2 3 4 5 6; do sleep 10; done");
	event(&w, 0, "A");
	wait_for(&w, "log", "x\n");
	hooks_close(w.hooks, 100 * SEC, now_of(&w));
	hooks_close(w.hooks, 0, now_of(&w)); /* impatience shortens it */
	hooks_close(w.hooks, 100 * SEC, now_of(&w));
	hooks_tick(w.hooks, now_of(&w));
	for (int i = 0; i < 3; i++)
		turn(&w);
	assert_true(hooks_busy(w.hooks));
	w.ahead += 1 * SEC;
	settle(&w);
	assert_non_null(strstr(w.warnings, "signal 9"));
	close_world(&w);
}

/* hooks_free() leaves nothing behind, not even a zombie. */
static void test_freed(void **state)
{
	struct world w;
	pid_t pid;

	(void)state;
	open_world(&w, "echo $$ > $DIR/pid; echo x > $DIR/log; exec sleep 60");
	event(&w, 0, "A");
	wait_for(&w, "log", "x\n");
	pid = atoi(content(&w, "pid"));
	close_world(&w);
	errno = 0;
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

/* --- where the kernel lacks something --- */

/* From now on this process cannot make that system call. */
static void forbid(long number, int error)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, rules };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(77);
}

/* Runs `body` in a process of its own, as what it forbids cannot be allowed again. */
static void apart(bool (*body)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(body() ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("no seccomp here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool without_pidfd(void)
{
	struct world w;
	bool good;

	forbid(SYS_pidfd_open, ENOSYS);
	open_world(&w, "echo $PCP_EVENT >> $DIR/log; " GATE "exit 4");
	event(&w, 0, "A");
	event(&w, 0, "B");
	wait_for(&w, "log", "A\n");
	/* asked for now and then */
	good = mono_since(hooks_deadline(w.hooks), now_of(&w)) <= 100 * MSEC;
	touch(&w, "go");
	settle(&w);
	good = good && strcmp(content(&w, "log"), "A\nB\n") == 0 &&
	       strstr(w.warnings, "exit status 4;");
	/* and nothing is asked any more */
	good = good && mono_since(hooks_deadline(w.hooks), now_of(&w)) > 200 * MSEC;
	close_world(&w);
	return good;
}

static void test_without_pidfd(void **state)
{
	(void)state;
	apart(without_pidfd);
}

static bool without_processes(void)
{
	struct world w;
	bool good;

	open_world(&w, "exit 4");
	forbid(SYS_clone, EAGAIN);
	event(&w, 0, "A");
	hooks_tick(w.hooks, now_of(&w));
	good = !hooks_busy(w.hooks) &&
	       strcmp(w.warnings, "0: the hook could not be started: Resource temporarily "
				  "unavailable; it is run again in 1 s\n") == 0;
	hooks_free(w.hooks);
	loop_free(w.loop);
	rmdir(w.directory);
	return good;
}

static void test_without_processes(void **state)
{
	(void)state;
	apart(without_processes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_at_most_eight),
		cmocka_unit_test(test_retry),
		cmocka_unit_test(test_superseded),
		cmocka_unit_test(test_how_it_failed),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_no_streams),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_close_waits),
		cmocka_unit_test(test_terminate),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_freed),
		cmocka_unit_test(test_without_pidfd),
		cmocka_unit_test(test_without_processes),
	};

	/* a standard input that is not /dev/null, which hooks are to have */
	if (!freopen("/proc/self/status", "r", stdin))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
