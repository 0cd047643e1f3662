/* SPDX-License-Identifier: MIT
 * The notify protocol of systemd (sd_notify(3)), without its library.
 */
#ifndef HOST_NOTIFY_H
#define HOST_NOTIFY_H

/* Sends `state`, "READY=1\nSTATUS=..." (a value may hold no newline), to the socket
 * that $NOTIFY_SOCKET names: a path, or @NAME for an abstract one. Never waits. 0, also
 * when there is no such variable; -1 with errno: nobody there, or its queue is full
 * (EAGAIN: worth another try later). */
int notify_send(const char *state);

#endif
