/* SPDX-License-Identifier: MIT
 * Which process holds which socket (/proc/PID/fd).
 */
#ifndef HOST_PROCESS_H
#define HOST_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* One process that holds a socket; of a socket that was handed on there are several. */
struct process_socket {
	uint32_t inode;
	pid_t pid, group;
};

/* The sockets of a process (0: of all whose descriptors we may see), by inode. *sockets
 * is the caller's to free(), NULL when there are none. Returns the number, or -1 with
 * errno: ESRCH there is no such process, EACCES it is not for us to see. */
int process_sockets(pid_t pid, struct process_socket **sockets);

#define PROCESS_NAME_MAX 16 /* with its NUL */

/* The name of a process as `ps -o comm` has it, "" when it cannot be told. */
void process_name(pid_t pid, char name[static PROCESS_NAME_MAX]);

#endif
