/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static uint32_t block_bytes(enum ider_drive drive) {
    return drive == IDER_CD ? IDER_CD_BLOCK : IDER_FLOPPY_BLOCK;
}

/* What floppies have held, in KiB. */
static bool is_floppy_size(uint64_t bytes) {
    static const uint16_t sizes_kib[] = {160, 180, 320, 360, 720, 1200, 1440, 1680, 1722, 2880};
    for (size_t i = 0; i < sizeof sizes_kib / sizeof *sizes_kib; i++)
        if (bytes == (uint64_t)sizes_kib[i] * 1024)
            return true;
    return false;
}

/* The name decides where it does; else the size. */
static enum ider_drive drive_of(const char *path, uint64_t bytes) {
    static const struct {
        const char *ending;
        enum ider_drive drive;
    } known[] = {{".iso", IDER_CD}, {".flp", IDER_FLOPPY}, {".ima", IDER_FLOPPY}, {".vfd", IDER_FLOPPY}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++)
        if (strcasecmp(dot, known[i].ending) == 0)
            return known[i].drive;
    return is_floppy_size(bytes) ? IDER_FLOPPY : IDER_CD;
}

static int check(struct image *i, const char *path, bool floppy, struct errinfo *ei) {
    struct stat st;
    if (fstat(i->fd, &st) < 0)
        return err_set(ei, ERR_IO, "", "cannot read %.200s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(ei, ERR_INVALID, "", "%.200s is no file; an image is needed", path);
    if (st.st_size == 0)
        return err_set(ei, ERR_INVALID, "", "%.200s is empty", path);
    i->bytes = (uint64_t)st.st_size;
    i->drive = floppy ? IDER_FLOPPY : drive_of(path, i->bytes);
    if (i->drive == IDER_FLOPPY && i->bytes > IMAGE_FLOPPY_MAX) {
        err_set(ei, ERR_INVALID, "", "%.200s has %llu bytes; a floppy holds %d at most", path,
                (unsigned long long)i->bytes, IMAGE_FLOPPY_MAX);
        err_remedy(ei, "%s", floppy ? "Leave out --floppy to show it as a CD." : "Name it .iso for a CD.");
        return ERR_INVALID;
    }
    uint64_t blocks = (i->bytes + block_bytes(i->drive) - 1) / block_bytes(i->drive);
    if (blocks > UINT32_MAX)
        return err_set(ei, ERR_INVALID, "", "%.200s is too large for a drive", path);
    i->blocks = (uint32_t)blocks;
    return 0;
}

int image_open(struct image *i, const char *path, bool floppy, struct errinfo *ei) {
    *i = (struct image){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)}; /* a FIFO does not block us */
    if (i->fd < 0)
        return err_set(ei, errno == ENOENT ? ERR_NOT_FOUND : ERR_INVALID, "", "cannot open %.200s: %s", path,
                       strerror(errno));
    int rc = check(i, path, floppy, ei);
    if (rc < 0)
        image_close(i);
    return rc;
}

void image_close(struct image *i) {
    if (i->fd >= 0)
        close(i->fd);
    i->fd = -1;
}

int image_read(const struct image *i, uint64_t offset, uint8_t *out, uint32_t n) {
    uint64_t end = (uint64_t)i->blocks * block_bytes(i->drive);
    if (offset > end || n > end - offset)
        return ERR_INVALID;
    uint64_t there = offset < i->bytes ? i->bytes - offset : 0;
    size_t want = there < n ? (size_t)there : n, got = 0;
    while (got < want) {
        ssize_t r = pread(i->fd, out + got, want - got, (off_t)(offset + got));
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return ERR_IO; /* it became shorter, or cannot be read */
        got += (size_t)r;
    }
    memset(out + want, 0, n - want);
    return 0;
}
