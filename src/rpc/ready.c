/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/ready.h"

#include "http/now.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

enum { POLL_MS_MAX = 60000 };

int ready_wait(int fd, short events, struct mono deadline) {
    for (;;) {
        int64_t left = mono_is_never(deadline) ? POLL_MS_MAX : mono_ms_between(now_mono(), deadline) + 1;
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, left <= 0 ? 0 : left > POLL_MS_MAX ? POLL_MS_MAX : (int)left);
        if (n > 0)
            return p.revents & events ? 0 : ERR_CLOSED;
        if (n < 0 && !ready_moment(errno))
            return ERR_CLOSED;
        if (n == 0 && left <= 0)
            return ERR_TIMEOUT;
    }
}

bool ready_moment(int why) {
    return why == EAGAIN || why == EINTR;
}

void ready_sleep_ms(int64_t ms) {
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}
