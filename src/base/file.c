/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

int file_write_all(int fd, struct slice text) {
    while (text.n) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        text = slice_skip(text, (size_t)n);
    }
    return 0;
}

int file_replace(const char *path, struct slice text, mode_t mode, const char *field, struct errinfo *ei) {
    char temp[PATH_BYTES];
    if (snprintf(temp, sizeof temp, "%s.XXXXXX", path) >= (int)sizeof temp)
        return err_set(ei, ERR_LIMIT, field, "the path %.60s… is too long", path);
    int fd = mkostemp(temp, 0);
    if (fd < 0)
        return err_set(ei, ERR_IO, field, "cannot write %.300s: %s", path, strerror(errno));
    int r = file_write_all(fd, text);
    if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
        r = ERR_IO;
    int why = errno;
    if (close(fd) < 0 && r == 0) {
        why = errno;
        r = ERR_IO;
    }
    if (r == 0 && rename(temp, path) < 0) {
        why = errno;
        r = ERR_IO;
    }
    if (r < 0) {
        unlink(temp);
        err_set(ei, r, field, "cannot write %.300s: %s", path, strerror(why));
    }
    return r;
}
