/* SPDX-License-Identifier: Apache-2.0 */
/* Images: which drive, how many blocks, padding, and what is refused. */
#include "unit.h"

#include "cli/image.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

/* A file dir/NAME of so many bytes, each its offset modulo 251; sparse beyond 1 MiB. */
static const char *file_of(const char *name, uint64_t bytes) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (uint64_t i = 0; i < bytes && i < 1 << 20; i++)
        fputc((int)(i % 251), f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(truncate(path, (off_t)bytes), 0);
    return path;
}

static void drive_and_blocks(void **state) {
    static const struct {
        const char *name;
        uint64_t bytes;
        bool floppy;
        enum ider_drive drive;
        uint32_t blocks;
    } cases[] = {
        {"a.iso", 4096, false, IDER_CD, 2},
        {"a.ISO", 1, false, IDER_CD, 1},
        {"b.iso", 4097, false, IDER_CD, 3},
        {"boot.img", 1474560, false, IDER_FLOPPY, 2880},
        {"big.img", 3000000, false, IDER_CD, 1465},
        {"x.ima", 1000, false, IDER_FLOPPY, 2},
        {"a.iso", 4096, true, IDER_FLOPPY, 8},
        {"noname", 10, false, IDER_CD, 1},
        {"d.iso", 5ull << 30, false, IDER_CD, 2621440},
        {"full", IMAGE_FLOPPY_MAX, true, IDER_FLOPPY, 963 * 8 * 32},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image im;
        struct errinfo ei = {0};
        assert_int_equal(image_open(&im, file_of(cases[i].name, cases[i].bytes), cases[i].floppy, &ei), 0);
        assert_int_equal(im.drive, cases[i].drive);
        assert_int_equal(im.blocks, cases[i].blocks);
        image_close(&im);
    }
}

static void reading_pads_with_zeros(void **state) {
    struct image im;
    uint8_t got[2048];
    assert_int_equal(image_open(&im, file_of("p.iso", 3000), false, NULL), 0);
    assert_int_equal(image_read(&im, 0, got, 2048), 0);
    assert_int_equal(got[300], 300 % 251);
    assert_int_equal(image_read(&im, 2048, got, 2048), 0);
    assert_int_equal(got[0], 2048 % 251);
    assert_int_equal(got[951], 2999 % 251);
    for (size_t i = 952; i < 2048; i++)
        assert_int_equal(got[i], 0);
    assert_int_equal(image_read(&im, 3500, got, 596), 0);
    assert_int_equal(image_read(&im, 4096, got, 0), 0);
    assert_int_equal(image_read(&im, 4096, got, 1), ERR_INVALID);
    assert_int_equal(image_read(&im, 2049, got, 2048), ERR_INVALID);
    assert_int_equal(image_read(&im, UINT64_MAX, got, 2), ERR_INVALID);
    file_of("p.iso", 100); /* it becomes shorter under us */
    assert_int_equal(image_read(&im, 2048, got, 512), ERR_IO);
    image_close(&im);
}

static void refused(const char *path, bool floppy, int code, const char *why) {
    struct image im;
    struct errinfo ei = {0};
    assert_int_equal(image_open(&im, path, floppy, &ei), code);
    assert_int_equal(im.fd, -1);
    if (!strstr(ei.text, why))
        fail_msg("\"%s\" does not say \"%s\"", ei.text, why);
}

static void what_is_refused(void **state) {
    char path[128];
    refused("/nonexistent/x.iso", false, ERR_NOT_FOUND, "No such file");
    refused(file_of("empty.iso", 0), false, ERR_INVALID, "is empty");
    refused(dir, false, ERR_INVALID, "is no file");
    refused(file_of("huge.ima", IMAGE_FLOPPY_MAX + 1), false, ERR_INVALID,
            "a floppy holds 126222336 at most");
    refused(file_of("huge.iso", IMAGE_FLOPPY_MAX + 1), true, ERR_INVALID, "a floppy holds");
    snprintf(path, sizeof path, "%s/fifo", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    refused(path, false, ERR_INVALID, "is no file");
    /* 8 TiB and a block: more than 32 bits of blocks; not every file system holds it */
    const char *large = file_of("large.iso", 1);
    if (truncate(large, (off_t)((1ull << 43) + 2048)) == 0)
        refused(large, false, ERR_INVALID, "too large for a drive");
}

static int begin(void **state) {
    snprintf(dir, sizeof dir, "/tmp/orch-cli-image-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}
static int end(void **state) {
    char command[96];
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {T(drive_and_blocks), T(reading_pads_with_zeros), T(what_is_refused)};
    return cmocka_run_group_tests(tests, begin, end);
}
