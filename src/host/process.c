/* SPDX-License-Identifier: MIT
 * /proc/PID/fd: links that say "socket:[INODE]".
 */
#include "host/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/words.h"
#include "host/netlink.h"

#define PREFIX "socket:["

/* 1, 0: no socket, or -1 with errno: not for us to see. */
static int take_inode(int directory, const char *name, uint32_t *inode)
{
	char link[64];
	ssize_t n = readlinkat(directory, name, link, sizeof(link) - 1);
	uint64_t number;

	if (n < 0)
		return errno == EACCES || errno == EPERM ? -1 : 0;
	if (n < (ssize_t)sizeof(PREFIX) || memcmp(link, PREFIX, sizeof(PREFIX) - 1) != 0)
		return 0;
	link[n - 1] = '\0'; /* the closing bracket */
	if (!words_number(link + sizeof(PREFIX) - 1, 1, UINT32_MAX, &number))
		return 0;
	*inode = (uint32_t)number;
	return 1;
}

static int take_process(pid_t pid, struct netlink_rows *rows)
{
	pid_t group = getpgid(pid);
	char path[32];
	DIR *directory;
	const struct dirent *entry;
	int result = 0, error;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	directory = opendir(path);
	if (!directory)
		return -1;
	while (result == 0 && (entry = readdir(directory))) {
		struct process_socket *row;
		uint32_t inode;

		result = take_inode(dirfd(directory), entry->d_name, &inode);
		if (result <= 0)
			continue;
		row = netlink_row(rows);
		result = row ? 0 : -1;
		if (row)
			*row = (struct process_socket){ inode, pid, group };
	}
	error = errno;
	closedir(directory);
	errno = error;
	return result;
}

/* A process may end, or not be ours to look at: then the others are told. */
static int take_all(struct netlink_rows *rows)
{
	DIR *directory = opendir("/proc");
	const struct dirent *entry;
	int result = 0;

	if (!directory)
		return -1;
	while (result == 0 && (entry = readdir(directory))) {
		uint64_t pid;

		if (words_number(entry->d_name, 1, INT32_MAX, &pid) &&
			take_process((pid_t)pid, rows) < 0 && errno == ENOMEM)
			result = -1;
	}
	closedir(directory);
	return result;
}

static int by_inode(const void *a, const void *b)
{
	const struct process_socket *left = a, *right = b;

	if (left->inode != right->inode)
		return left->inode < right->inode ? -1 : 1;
	return left->pid < right->pid ? -1 : left->pid > right->pid;
}

int process_sockets(pid_t pid, struct process_socket **sockets)
{
	struct netlink_rows rows = { .size = sizeof(**sockets) };
	int result = pid ? take_process(pid, &rows) : take_all(&rows);

	*sockets = NULL;
	if (result < 0) {
		int error = errno == ENOENT ? ESRCH : errno == EPERM ? EACCES : errno;

		free(rows.items);
		errno = error;
		return -1;
	}
	if (rows.count)
		qsort(rows.items, rows.count, rows.size, by_inode);
	*sockets = rows.items;
	return (int)rows.count;
}

void process_name(pid_t pid, char name[static PROCESS_NAME_MAX])
{
	char path[64];
	FILE *file;

	name[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(name, PROCESS_NAME_MAX, file))
		name[strcspn(name, "\n")] = '\0';
	fclose(file);
}
