/* SPDX-License-Identifier: Apache-2.0 */
#include "common.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

void die(const char *what, const char *why) {
    fprintf(stderr, "%s: %s%s%s\n", program_invocation_short_name, what, *why ? ": " : "", why);
    exit(1);
}

int64_t now_us(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t cpu_ns(long pid) {
    char path[320];
    int64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%ld/task", pid);
    DIR *d = opendir(path);
    if (!d)
        die("cannot read", path);
    for (struct dirent *e; (e = readdir(d));) {
        snprintf(path, sizeof path, "/proc/%ld/task/%s/schedstat", pid, e->d_name);
        FILE *f = fopen(path, "re");
        long long v = 0;
        if (f && fscanf(f, "%lld", &v) == 1)
            sum += v;
        if (f)
            fclose(f);
    }
    closedir(d);
    return sum;
}

void read_file(const char *path, struct buf *out) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0) {
        uint8_t *p = buf_room(out, 65536);
        n = p ? read(fd, p, 65536) : -1;
        if (n > 0)
            buf_commit(out, (size_t)n);
    }
    if (n < 0)
        die("cannot read", path);
    close(fd);
}

static int by_size(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void sort_samples(uint32_t *samples, size_t n) {
    qsort(samples, n, sizeof *samples, by_size);
}
