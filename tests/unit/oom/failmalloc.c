/* SPDX-License-Identifier: Apache-2.0 */
#include "oom/failmalloc.h"

#include "base/err.h"
#include "unit.h"

#include <expat.h>
#include <stdlib.h>

enum { RUNS_MAX = 500 };

static struct {
    bool on;
    unsigned paused;
    size_t n, fail_at; /* allocations so far; the one that fails, 0 none */
    bool sticky, hit, hit_expat;
    long live; /* blocks */
} fm;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);
char *__wrap_strdup(const char *s);
XML_Parser __wrap_XML_ParserCreateNS(const XML_Char *encoding, XML_Char separator);

static bool refuse(void) {
    if (!fm.on || fm.paused)
        return false;
    fm.n++;
    if (fm.fail_at == 0 || (fm.sticky ? fm.n < fm.fail_at : fm.n != fm.fail_at))
        return false;
    fm.hit = true;
    return true;
}

/* Every block is counted, paused or not: a block may be given back by the other side. */
static void *counted(void *p) {
    fm.live += p != NULL;
    return p;
}

void *__wrap_malloc(size_t n) {
    return refuse() ? NULL : counted(__real_malloc(n));
}
void *__wrap_calloc(size_t n, size_t size) {
    return refuse() ? NULL : counted(__real_calloc(n, size));
}
void *__wrap_realloc(void *p, size_t n) {
    if (refuse())
        return NULL;
    void *q = __real_realloc(p, n);
    return p ? q : counted(q);
}
void __wrap_free(void *p) {
    fm.live -= p != NULL;
    __real_free(p);
}
char *__wrap_strdup(const char *s) {
    size_t n = strlen(s) + 1;
    char *p = __wrap_malloc(n);
    if (p)
        memcpy(p, s, n);
    return p;
}

static void *expat_malloc(size_t n) {
    void *p = __wrap_malloc(n);
    fm.hit_expat |= p == NULL;
    return p;
}
static void *expat_realloc(void *p, size_t n) {
    void *q = __wrap_realloc(p, n);
    fm.hit_expat |= q == NULL;
    return q;
}

XML_Parser __wrap_XML_ParserCreateNS(const XML_Char *encoding, XML_Char separator) {
    static const XML_Memory_Handling_Suite ours = {expat_malloc, expat_realloc, __wrap_free};
    const XML_Char text[2] = {separator, 0};
    return XML_ParserCreate_MM(encoding, &ours, text);
}

void failmalloc_pause(void) {
    fm.paused++;
}
void failmalloc_resume(void) {
    assert_true(fm.paused > 0);
    fm.paused--;
}
bool failmalloc_hit(void) {
    return fm.hit;
}
bool failmalloc_hit_expat(void) {
    return fm.hit_expat;
}

/* One run with the i-th allocation failing (0: none). */
static int run(failmalloc_scenario *fn, void *ctx, size_t fail_at, bool sticky, size_t *leaked) {
    long before = fm.live;
    fm.n = 0;
    fm.fail_at = fail_at;
    fm.sticky = sticky;
    fm.hit = fm.hit_expat = false;
    fm.on = true;
    int err = fn(ctx);
    fm.on = false;
    if (fm.live > before)
        *leaked += (size_t)(fm.live - before);
    if (err != 0 && err != ERR_NOMEM)
        fail_msg("allocation %zu%s fails: the scenario ends with %s", fail_at, sticky ? " and all after" : "",
                 err_name(err));
    if (err != 0 && !fm.hit)
        fail_msg("out of memory, and no allocation failed");
    fm.hit = fm.hit_expat = false;
    return err;
}

struct failmalloc_count failmalloc_count(failmalloc_scenario *fn, void *ctx) {
    struct failmalloc_count c = {0};
    size_t warm = 0;
    assert_int_equal(run(fn, ctx, 0, false, &warm), 0); /* what a library keeps for ever is no leak */
    assert_int_equal(run(fn, ctx, 0, false, &c.leaked), 0);
    c.allocations = fm.n;
    /* of a long scenario a sample: alone and with all after in turn at neighbouring places */
    size_t step = 1 + 2 * c.allocations / RUNS_MAX;
    for (size_t i = 1; i <= c.allocations; i += step)
        for (size_t sticky = 0; sticky < 2; sticky++) {
            size_t at = i + sticky * (step / 2);
            int err = run(fn, ctx, at < c.allocations ? at : c.allocations, sticky, &c.leaked);
            c.refused += err != 0;
            c.survived += err == 0;
        }
    return c;
}

void failmalloc_each(failmalloc_scenario *fn, void *ctx) {
    struct failmalloc_count c = failmalloc_count(fn, ctx);
    assert_true(c.allocations > 0);
    assert_true(c.refused > 0);
    assert_int_equal(c.leaked, 0);
    print_message("%zu allocations: %zu runs refused, %zu survived\n", c.allocations, c.refused, c.survived);
}
