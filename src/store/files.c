/* SPDX-License-Identifier: Apache-2.0 */
#include "store/files.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int file_sync(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return rc;
}

void file_sync_dir_of(const char *path) {
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash)
        (void)file_sync(".");
    else if (snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path) < (int)sizeof dir)
        (void)file_sync(*dir ? dir : "/");
}
