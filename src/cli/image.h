/* SPDX-License-Identifier: Apache-2.0 */
/* image: a file as a drive's medium: which drive, how many blocks, and its bytes, padded with zeros to whole
 * blocks. Owner: the command; main thread. */
#pragma once

#include "base/err.h"
#include "proto/ider.h"
#include "proto/ider_wire.h"

/* LS-120, the largest of the firmware's floppies */
enum { IMAGE_FLOPPY_MAX = 963 * 8 * 32 * IDER_FLOPPY_BLOCK };

struct image {
    int fd;
    enum ider_drive drive;
    uint64_t bytes; /* of the file */
    uint32_t blocks;
};

/* floppy: take it as one though its name and size do not say so. ERR_INVALID, ERR_NOT_FOUND, ERR_IO, each
 * with a sentence. */
NODISCARD int image_open(struct image *i, const char *path, bool floppy, struct errinfo *ei);
void image_close(struct image *i);
/* n bytes at offset into out; ERR_IO when the file gives less than it had; ERR_INVALID outside. */
NODISCARD int image_read(const struct image *i, uint64_t offset, uint8_t *out, uint32_t n);
