/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/lms.h"

#include "rpc/ready.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static int connected(int fd, struct mono deadline) {
    int why = 0;
    socklen_t len = sizeof why;
    int rc = ready_wait(fd, POLLOUT, deadline);
    if (rc == ERR_TIMEOUT)
        return rc;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0)
        why = errno;
    return why == 0 ? 0 : why == ECONNREFUSED ? ERR_NOT_FOUND : ERR_IO;
}

int lms_connect(const char *host, uint16_t port, struct mono deadline) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
        return ERR_INVALID;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ERR_IO;
    int rc = 0;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        rc = errno == EINPROGRESS ? connected(fd, deadline) : errno == ECONNREFUSED ? ERR_NOT_FOUND : ERR_IO;
    if (rc < 0) {
        close(fd);
        return rc;
    }
    return fd;
}

int lms_write(int fd, struct slice s, struct mono deadline) {
    while (s.n) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        int rc = n >= 0 ? 0 : ready_moment(errno) ? ready_wait(fd, POLLOUT, deadline) : ERR_CLOSED;
        if (rc < 0)
            return rc;
        s = slice_skip(s, n > 0 ? (size_t)n : 0);
    }
    return 0;
}

int lms_read(int fd, uint8_t *into, size_t cap, struct mono deadline) {
    for (;;) {
        ssize_t n = recv(fd, into, cap, 0);
        if (n >= 0)
            return (int)n;
        int rc = ready_moment(errno) ? ready_wait(fd, POLLIN, deadline) : ERR_CLOSED;
        if (rc < 0)
            return rc;
    }
}
