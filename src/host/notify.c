/* SPDX-License-Identifier: MIT
 * One datagram to the service manager.
 */
#include "host/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The address of a path or @NAME; its length, 0 with errno when it can be none. */
static socklen_t address_of(const char *name, struct sockaddr_un *address)
{
	size_t n = strlen(name);

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (name[0] != '/' && name[0] != '@') {
		errno = EAFNOSUPPORT; /* vsock:... is for virtual machines */
		return 0;
	}
	if (n < 2 || n >= sizeof(address->sun_path)) {
		errno = n < 2 ? EINVAL : ENAMETOOLONG;
		return 0;
	}
	memcpy(address->sun_path, name, n);
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	/* An abstract name ends with the length, a path with its NUL. */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (name[0] == '/'));
}

int notify_send(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	socklen_t length;
	ssize_t sent;
	int fd, error;

	if (!name || !name[0])
		return 0;
	length = address_of(name, &address);
	if (length == 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, length);
	error = errno;
	close(fd);
	errno = error;
	return sent < 0 ? -1 : 0;
}
