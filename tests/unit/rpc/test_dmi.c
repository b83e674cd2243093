/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/dmi.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static void put(const char *file, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, file);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int setup(void **s) {
    snprintf(root, sizeof root, "/tmp/outband-dmi-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}
static int teardown(void **s) {
    static const char *const files[] = {"product_uuid", "product_serial", "sys_vendor",  "product_name",
                                        "board_vendor", "board_name",     "bios_vendor", "bios_version"};
    char path[256];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", root, files[i]);
        unlink(path);
    }
    return rmdir(root);
}

static void a_machine(void **s) {
    struct dmi d;
    char text[UUID_TEXT_CAP];
    put("product_uuid", "55E3AE13-BFD2-61BB-17A0-88AEDD7037EA\n");
    put("product_serial", " G6ZN1234 \n");
    put("sys_vendor", "Example Corp\n");
    put("board_name", "To be filled by O.E.M.\n");
    put("bios_version", "1.2\x1b[2J\xff\n");
    dmi_read(&d, root);
    assert_string_equal(uuid_text(d.uuid, text), "55e3ae13-bfd2-61bb-17a0-88aedd7037ea");
    assert_string_equal(d.serial, "G6ZN1234");
    assert_string_equal(d.vendor, "Example Corp");
    assert_string_equal(d.board, "");
    assert_string_equal(d.bios_version, "1.2?[2J?");
    assert_string_equal(d.product, ""); /* there is no such file */
}

static void uuids(void **s) {
    bool placeholder;
    assert_true(uuid_is_nil(dmi_uuid(SLICE_LIT("03000200-0400-0500-0006-000700080009\n"), &placeholder)));
    assert_true(placeholder);
    assert_true(uuid_is_nil(dmi_uuid(SLICE_LIT("Not Settable"), &placeholder)));
    assert_false(placeholder);
    struct dmi d;
    put("product_uuid", "00000000-0000-0000-0000-000000000000");
    dmi_read(&d, root);
    assert_true(d.uuid_placeholder);
    dmi_read(&d, "/nonexistent");
    assert_true(uuid_is_nil(d.uuid) && !d.uuid_placeholder && !*d.serial);
}

static void long_and_empty_texts(void **s) {
    char out[DMI_TEXT_CAP], text[1000];
    memset(text, 'x', sizeof text);
    dmi_text(slice_of(text, sizeof text), out);
    assert_int_equal(strlen(out), DMI_TEXT_CAP - 1);
    dmi_text(SLICE_EMPTY, out);
    assert_string_equal(out, "");
    dmi_text(SLICE_LIT("default STRING\n"), out);
    assert_string_equal(out, "");
    /* the file itself is bounded */
    char big[DMI_FILE_MAX + 100];
    struct dmi d;
    memset(big, 'y', sizeof big - 1);
    big[sizeof big - 1] = 0;
    put("product_serial", big);
    dmi_read(&d, root);
    assert_string_equal(d.serial, "");
}

#define EACH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
UNIT_MAIN(EACH(a_machine), EACH(uuids), EACH(long_and_empty_texts))
