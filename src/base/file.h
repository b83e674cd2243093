/* SPDX-License-Identifier: Apache-2.0 */
/* file: small files written whole or not at all. Blocking: not on a loop's thread. Any thread. */
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
