// SPDX-License-Identifier: MIT
/*
 * measure ROUNDS COMMAND... [:: COMMAND...]: runs the commands in turn (A B A B ...),
 * with no output, and prints a line for each: its median wall time and processor time
 * in microseconds, its peak memory in KiB, its exit status (that of the last run).
 *
 * In C because the child starts as a copy of this process, whose memory counts in the
 * child's peak: it must be small. For the same reason nothing here is allocated by size.
 */

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define COMMANDS 4
#define ROUNDS 2000

extern char **environ;

struct command {
	char **argv;
	long wall[ROUNDS];
	long cpu[ROUNDS];
	long memory;
	int status;
};

static struct command commands[COMMANDS];

static int by_value(const void *a, const void *b)
{
	const long *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static long median(long values[], int n)
{
	qsort(values, (size_t)n, sizeof(values[0]), by_value);
	return values[n / 2];
}

static long microseconds(struct timeval t)
{
	return t.tv_sec * 1000000L + t.tv_usec;
}

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

static void run(struct command *c, int round, const posix_spawn_file_actions_t *quiet)
{
	struct rusage usage;
	pid_t pid;
	long from = now();

	if (posix_spawnp(&pid, c->argv[0], quiet, NULL, c->argv, environ) != 0) {
		perror(c->argv[0]);
		exit(1);
	}
	wait4(pid, &c->status, 0, &usage);
	c->wall[round] = now() - from;
	c->cpu[round] = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
	if (usage.ru_maxrss > c->memory)
		c->memory = usage.ru_maxrss;
}

/* Splits argv at "::"; the number of commands. */
static int split(char *argv[])
{
	int n = 0;

	commands[n++].argv = argv;
	for (; *argv; argv++)
		if (strcmp(*argv, "::") == 0 && n < COMMANDS) {
			*argv = NULL;
			commands[n++].argv = argv + 1;
		}
	return n;
}

int main(int argc, char *argv[])
{
	posix_spawn_file_actions_t quiet;
	int rounds = argc > 2 ? atoi(argv[1]) : 0;
	int n, i, round;

	if (rounds < 1 || rounds > ROUNDS) {
		fprintf(stderr, "usage: measure ROUNDS COMMAND... [:: COMMAND...]\n");
		return 2;
	}
	n = split(argv + 2);
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&quiet, 1, 2);
	for (round = 0; round < rounds; round++)
		for (i = 0; i < n; i++)
			run(&commands[i], round, &quiet);
	for (i = 0; i < n; i++)
		printf("%ld %ld %ld %d\n", median(commands[i].wall, rounds),
		       median(commands[i].cpu, rounds), commands[i].memory,
		       WIFEXITED(commands[i].status) ? WEXITSTATUS(commands[i].status) : 128);
	return 0;
}
