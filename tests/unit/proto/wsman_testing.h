/* SPDX-License-Identifier: Apache-2.0 */
/* wsman_testing: what the tests of wsman, amt and wsclient share: parsing text in pieces and walking the
 * folder of recorded answers. Header only, so that each test stays one plain program. */
#pragma once

#include "base/rng.h"
#include "proto/wsman.h"
#include "unit.h"

#include <dirent.h>
#include <stdlib.h>

#define WT_SOAP "http://www.w3.org/2003/05/soap-envelope"
#define WT_ADDR "http://schemas.xmlsoap.org/ws/2004/08/addressing"
#define WT_WS   "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
#define WT_ENUM "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
#define WT_XFER "http://schemas.xmlsoap.org/ws/2004/09/transfer"
#define WT_CIM  "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"
#define WT_AMT  "http://intel.com/wbem/wscim/1/amt-schema/1/"
#define WT_IPS  "http://intel.com/wbem/wscim/1/ips-schema/1/"

/* Feed s in pieces: step 0 whole, n > 0 pieces of n bytes, -1 random pieces. The message, or NULL and *err.
 */
static inline struct wsman_msg *wt_parse_with(struct wsman_parser *p, struct slice s, int step, int *err) {
    struct rng r = {s.n};
    struct wsman_msg *m = NULL;
    *err = 0;
    while (s.n && *err == 0) {
        size_t n = step == 0 ? s.n : step > 0 ? (size_t)step : (size_t)rng_range(&r, 0, 700);
        *err = wsman_feed(p, slice_head(s, n));
        s = slice_skip(s, n);
    }
    if (*err == 0)
        *err = wsman_finish(p, &m);
    return m;
}

/* The message, or NULL and *err (NULL: it must parse). Free with wsman_msg_free(). */
static inline struct wsman_msg *wt_parse(struct slice s, int step, int *err) {
    int e;
    struct wsman_parser *p = wsman_parser_new(&WSMAN_LIMITS_DEFAULT);
    assert_non_null(p);
    struct wsman_msg *m = wt_parse_with(p, s, step, err ? err : &e);
    if (!m && !err)
        fail_msg("%s", wsman_parser_error(p));
    wsman_parser_free(&p);
    return m;
}

static inline void wt_assert_slice(struct slice s, const char *want) {
    char got[1024];
    slice_to_str(s, got, sizeof got);
    assert_string_equal(got, want);
}

/* The whole file as malloc'd memory, NULL when there is none. */
static inline char *wt_read_file(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    char *mem = malloc(1 << 20);
    *n = mem ? fread(mem, 1, 1 << 20, f) : 0;
    fclose(f);
    return mem;
}

/* The folder of recorded answers: beside the project's root, where the tests' source lies in ROOT. NULL when
 * this checkout has none. */
static inline const char *wt_fixtures(void) {
    static char path[1024];
    snprintf(path, sizeof path, "%s/../shared/fixtures/wsman", SOURCE_ROOT);
    DIR *d = opendir(path);
    if (!d)
        return NULL;
    closedir(d);
    return path;
}

/* Call fn for each .xml file below path. How many there were. */
static inline int wt_walk(const char *path, void (*fn)(const char *path, struct slice text)) {
    int count = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char sub[1200];
        snprintf(sub, sizeof sub, "%s/%s", path, e->d_name);
        size_t len = strlen(sub), n = 0;
        if (e->d_name[0] == '.')
            continue;
        if (e->d_type == DT_DIR) {
            count += wt_walk(sub, fn);
        } else if (len > 4 && strcmp(sub + len - 4, ".xml") == 0) {
            char *text = wt_read_file(sub, &n);
            assert_non_null(text);
            fn(sub, slice_of(text, n));
            free(text);
            count++;
        }
    }
    closedir(d);
    return count;
}
