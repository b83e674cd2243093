/* SPDX-License-Identifier: Apache-2.0 */
/* The file of hosts with failing allocations: all rows or none, and the true reason. */
#include "oom/failmalloc.h"

#include "server/csvimport.h"
#include "unit.h"

enum { ROWS = 200 };

static int good_file(void *ctx) {
    struct buf text = {0};
    struct csv_hosts h;
    struct errinfo ei = {0};
    unsigned line = 99;
    failmalloc_pause();
    buf_puts(&text, "Name,CiraUser,CiraPassword,AmtUser,AmtPassword\n");
    for (int i = 0; i < ROWS; i++)
        buf_putf(&text, "n%d,u%d,password-%d,admin,P@ssw0rd\n", i, i, i);
    failmalloc_resume();
    int r = csvimport_parse(buf_slice(&text), 7, &h, &ei, &line);
    if (r == 0) {
        assert_int_equal(h.n, ROWS);
        assert_int_equal(line, 0);
        assert_string_equal(h.rows[ROWS - 1].cira_user, "u199");
    } else {
        assert_int_equal(ei.code, ERR_NOMEM);
        assert_non_null(strstr(ei.text, "memory"));
        assert_null(h.rows);
        assert_null(h.lines);
    }
    csvimport_free(&h);
    buf_free(&text);
    return r;
}

/* The refusal of a bad file is built with memory too: it stays a refusal, its words may be fewer. */
static int bad_file(void *ctx) {
    struct csv_hosts h;
    struct errinfo ei = {0};
    int r = csvimport_parse(slice_str(ctx), 7, &h, &ei, NULL);
    assert_true(r == ERR_INVALID || r == ERR_NOMEM);
    assert_int_equal(ei.code, r);
    assert_true(ei.text[0] != 0);
    assert_null(h.rows);
    return r == ERR_INVALID && !failmalloc_hit() ? 0 : ERR_NOMEM;
}

static void all_rows_or_none(void **s) {
    failmalloc_each(good_file, NULL);
}
static void a_header_that_lacks_columns(void **s) {
    failmalloc_each(bad_file, "Name,Serial\nn1,1\n");
}
static void an_unknown_column(void **s) {
    failmalloc_each(bad_file, "Name,CiraUser,CiraPassword,Colour\nn1,u1,password,red\n");
}

UNIT_MAIN(T(all_rows_or_none), T(a_header_that_lacks_columns), T(an_unknown_column))
