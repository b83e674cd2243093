/* SPDX-License-Identifier: Apache-2.0 */
/* file: small files read whole, and written whole or not at all. Blocking: not on a loop's thread. Any
 * thread. */
#pragma once

#include "base/err.h"
#include "base/slice.h"

#include <sys/types.h>

/* All of it to fd. ERR_IO with errno. */
NODISCARD int file_write_all(int fd, struct slice text);
/* Replace path by text: a temporary file beside it (0600 from the start, then mode), synced, renamed. On
 * failure path is as it was. ERR_IO, ERR_LIMIT (path too long); ei says which path and why, field: what the
 * caller calls it. */
NODISCARD int file_replace(const char *path, struct slice text, mode_t mode, const char *field,
                           struct errinfo *ei);

/* Wipe and free a secret string. */
void secret_free(char **s);
/* A whole file of at most max bytes, NUL-terminated, into *out (to be freed); *n its length. ERR_IO with a
 * sentence that names the file, ERR_LIMIT. "-" is standard input. */
NODISCARD int file_read(const char *path, size_t max, char **out, size_t *n, struct errinfo *ei);
/* The same of an open file; shown: what it is called in the sentence. */
NODISCARD int file_read_fd(int fd, const char *shown, size_t max, char **out, size_t *n, struct errinfo *ei);
/* The password in a file: its first line without the line's end; nothing may follow. ERR_IO, ERR_INVALID. */
NODISCARD int password_read(const char *path, char **out, struct errinfo *ei);
