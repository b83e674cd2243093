/* SPDX-License-Identifier: Apache-2.0 */
#include "http/now.h"

#include <time.h>

static int64_t clock_us(clockid_t id) {
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

struct mono now_mono(void) {
    return (struct mono){clock_us(CLOCK_MONOTONIC)};
}

struct wall now_wall(void) {
    return (struct wall){clock_us(CLOCK_REALTIME)};
}
