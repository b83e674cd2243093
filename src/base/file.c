/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, PASSWORD_BYTES_MAX = 1024, READ_BYTES = 16384 };

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

void secret_free(char **s) {
    if (*s)
        explicit_bzero(*s, strlen(*s));
    free(*s);
    *s = NULL;
}

int file_read_fd(int fd, const char *shown, size_t max, char **out, size_t *n, struct errinfo *ei) {
    struct buf b = {0};
    int rc = 0;
    for (;;) {
        uint8_t *room = buf_room(&b, READ_BYTES);
        ssize_t got = room ? read(fd, room, READ_BYTES) : -1;
        if (got < 0 && room && errno == EINTR)
            continue;
        if (got < 0)
            rc = err_set(ei, room ? ERR_IO : ERR_NOMEM, "", "cannot read %s: %s", shown, strerror(errno));
        if (got <= 0)
            break;
        buf_commit(&b, (size_t)got);
        if (b.len > max) {
            rc = err_set(ei, ERR_LIMIT, "", "%s is larger than %zu bytes", shown, max);
            break;
        }
    }
    if (rc == 0) {
        *n = b.len;
        *out = malloc(b.len + 1);
        if (*out)
            memcpy(*out, buf_cstr(&b), b.len + 1);
        else
            rc = err_set(ei, ERR_NOMEM, "", "out of memory");
    }
    if (b.mem)
        explicit_bzero(b.mem, b.cap);
    buf_free(&b);
    return rc;
}

int file_read(const char *path, size_t max, char **out, size_t *n, struct errinfo *ei) {
    bool from_stdin = strcmp(path, "-") == 0;
    const char *shown = from_stdin ? "standard input" : path;
    int fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(ei, ERR_IO, "", "cannot open %.300s: %s", shown, strerror(errno));
    struct stat st;
    int rc = 0;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        rc = err_set(ei, ERR_IO, "", "%.300s is a directory, not a file", shown);
    else
        rc = file_read_fd(fd, shown, max, out, n, ei);
    if (!from_stdin)
        close(fd);
    return rc;
}

int password_read(const char *path, char **out, struct errinfo *ei) {
    size_t n = 0;
    int rc = file_read(path, PASSWORD_BYTES_MAX, out, &n, ei);
    if (rc < 0)
        return rc;
    while (n && ((*out)[n - 1] == '\n' || (*out)[n - 1] == '\r'))
        (*out)[--n] = 0;
    if (n && strlen(*out) == n && !strpbrk(*out, "\r\n"))
        return 0;
    secret_free(out);
    if (n == 0)
        return err_set(ei, ERR_INVALID, "", "%.300s holds no password", path);
    return err_set(ei, ERR_INVALID, "",
                   "%.300s holds more than one line, or a zero byte; a password file holds the password only",
                   path);
}
