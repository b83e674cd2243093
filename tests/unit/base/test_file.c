/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void replaces_whole_or_not_at_all(void **s) {
    char dir[] = "/tmp/outband-file.XXXXXX", path[64], back[16] = "";
    struct errinfo ei = {0};
    struct stat st;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/f", dir);
    assert_int_equal(file_replace(path, SLICE_LIT("one"), 0600, "x", &ei), 0);
    assert_int_equal(file_replace(path, SLICE_LIT("two"), 0644, "x", &ei), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    FILE *f = fopen(path, "r");
    assert_int_equal(fread(back, 1, sizeof back - 1, f), 3);
    fclose(f);
    assert_string_equal(back, "two");
    assert_int_equal(file_replace("/nowhere/at/all", SLICE_LIT("x"), 0600, "csv-out", &ei), ERR_IO);
    assert_string_equal(ei.field, "csv-out");
    assert_non_null(strstr(ei.text, "/nowhere/at/all"));
    static char long_path[5000];
    memset(long_path, 'a', sizeof long_path - 1);
    assert_int_equal(file_replace(long_path, SLICE_LIT("x"), 0600, "", &ei), ERR_LIMIT);
    unlink(path);
    assert_int_equal(rmdir(dir), 0); /* no temporary file is left */
}

UNIT_MAIN(T(replaces_whole_or_not_at_all))
