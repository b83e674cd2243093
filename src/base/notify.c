/* SPDX-License-Identifier: Apache-2.0 */
#include "base/notify.h"

#include "base/slice.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void notify_send(const char *lines) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (path[0] == '@')
        to.sun_path[0] = 0; /* the abstract namespace */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    (void)sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (struct sockaddr *)&to, n);
    close(fd);
}

void notify_reloading(void) {
    struct timespec ts;
    char lines[64];
    clock_gettime(CLOCK_MONOTONIC, &ts);
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
    notify_send(lines);
}

uint32_t notify_watchdog_ms(void) {
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t n;
    if (!usec || !slice_to_u64(slice_str(usec), UINT32_MAX * 1000ull, &n))
        return 0;
    uint64_t whom;
    if (pid && (!slice_to_u64(slice_str(pid), INT32_MAX, &whom) || (pid_t)whom != getpid()))
        return 0;
    return (uint32_t)(n / 2000);
}
