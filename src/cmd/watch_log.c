/* SPDX-License-Identifier: MIT
 * While the screen is there, what would be printed becomes lines of its log: our own, and
 * what hooks write to standard error.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/watch.h"
#include "out/visible.h"

/* --- our own lines --- */

/* Kept until a frame has shown it: nobody draws at the start, or at the end. */
static void keep_unseen(struct watch *watch, const char *data, size_t n)
{
	char *grown = realloc(watch->unseen, watch->unseen_length + n);

	if (!grown)
		return;
	watch->unseen = grown;
	memcpy(grown + watch->unseen_length, data, n);
	watch->unseen_length += n;
}

/* A stream whose lines are the log's. */
static ssize_t write_log(void *cookie, const char *data, size_t n)
{
	struct watch *watch = cookie;
	const char *from = data, *end = data + n;

	if (n)
		keep_unseen(watch, data, n);
	while (from < end) {
		const char *newline = memchr(from, '\n', (size_t)(end - from));
		size_t length = (size_t)((newline ? newline : end) - from);
		char line[1024];

		snprintf(line, sizeof(line), "%.*s", (int)length, from);
		if (line[0])
			view_log(watch->view, engine_wall_ms(), LOOK_NORMAL, line);
		from += length + (newline != NULL);
	}
	return (ssize_t)n;
}

FILE *watch_log_open(struct watch *watch)
{
	const cookie_io_functions_t functions = { .write = write_log };
	FILE *log = fopencookie(watch, "w", functions);

	if (log)
		setvbuf(log, NULL, _IOLBF, 0);
	return log;
}

/* --- standard error --- */

/* Is standard error the terminal of the screen? What goes elsewhere is left alone. */
static bool is_screen(void)
{
	struct stat out, err;

	return isatty(STDERR_FILENO) && fstat(STDOUT_FILENO, &out) == 0 &&
		fstat(STDERR_FILENO, &err) == 0 && out.st_rdev == err.st_rdev;
}

/* Only the reading end does not block: the other is the hooks' as well. */
static bool open_pipe(int fds[static 2])
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0)
		return true;
	close(fds[0]);
	close(fds[1]);
	return false;
}

void watch_log_take_stderr(struct watch *watch)
{
	struct watch_stderr *aside = &watch->aside;
	int fds[2];

	if (!is_screen())
		return;
	aside->before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (aside->before < 0)
		return;
	if (!open_pipe(fds)) {
		close(aside->before);
		return;
	}
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	aside->from = fds[0];
	aside->taken = true;
}

static void log_line(struct watch *watch)
{
	struct watch_stderr *aside = &watch->aside;
	char shown[4 * sizeof(aside->line) + 1];

	visible(aside->line, aside->length, shown, sizeof(shown));
	if (aside->length)
		view_log(watch->view, engine_wall_ms(), LOOK_NORMAL, shown);
	aside->length = 0;
}

void watch_log_read_stderr(struct watch *watch)
{
	struct watch_stderr *aside = &watch->aside;
	char data[1024];
	ssize_t n;

	/* a turn's worth: what writes without end must not hold up the rest */
	if (!aside->taken || (n = read(aside->from, data, sizeof(data))) <= 0)
		return;
	for (ssize_t i = 0; i < n; i++) {
		if (data[i] == '\n' || aside->length == sizeof(aside->line))
			log_line(watch);
		if (data[i] != '\n')
			aside->line[aside->length++] = data[i];
	}
}

void watch_log_give_back(struct watch *watch)
{
	struct watch_stderr *aside = &watch->aside;
	char data[1024];
	ssize_t n = (ssize_t)aside->length;

	if (!aside->taken)
		return;
	aside->taken = false;
	aside->length = 0;
	dup2(aside->before, STDERR_FILENO);
	close(aside->before);
	/* what nobody has seen yet; a terminal that is lost takes nothing */
	memcpy(data, aside->line, (size_t)n);
	do {
		if (write(STDERR_FILENO, data, (size_t)n) != n)
			break;
		n = read(aside->from, data, sizeof(data));
	} while (n > 0);
	close(aside->from);
}
