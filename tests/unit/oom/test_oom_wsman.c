/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes built and parsed with failing allocations, expat's included; a parser that ran out of memory
 * reads the next message as if nothing had been. */
#include "oom/failmalloc.h"

#include "proto/amt.h"
#include "proto/wsman.h"
#include "unit.h"

static int build(struct buf *out) {
    static const struct wsman_selector selectors[] = {{"Name", "a \"name\" & more"}, {NULL, NULL}};
    struct buf body = {0};
    int r = wsman_put_element(&body, NULL, "PowerState", SLICE_LIT("8 < 9"));
    if (r == 0)
        r = wsman_put_epr(&body, WSMAN_CIM_ComputerSystem, selectors);
    struct wsman_request rq = {.op = WSMAN_INVOKE,
                               .cls = WSMAN_CIM_PowerManagementService,
                               .method = "RequestPowerStateChange",
                               .selectors = selectors,
                               .body = buf_slice(&body)};
    if (r == 0)
        r = wsman_put_request(out, &rq, 42);
    buf_free(&body);
    return r;
}

/* The answer of firmware to rq, with a few dozen elements. */
static int answer(struct buf *out, const struct wsman_msg *rq) {
    int r = wsman_put_response_open(out, rq, 7);
    for (int i = 0; r == 0 && i < 60; i++)
        r = wsman_put_element(out, "g", "AvailableRequestedPowerStates", SLICE_LIT("8"));
    if (r == 0)
        r = wsman_put_response_close(out);
    return r;
}

static int parse(struct wsman_parser *p, struct slice text, struct wsman_msg **m) {
    *m = NULL;
    int r = 0;
    for (; text.n && r == 0; text = slice_skip(text, 1500))
        r = wsman_feed(p, slice_head(text, 1500));
    if (r == 0)
        r = wsman_finish(p, m);
    assert_int_equal(r == 0, *m != NULL);
    if (r) {
        assert_true(wsman_parser_error(p)[0] != 0);
        assert_int_equal(wsman_feed(p, SLICE_LIT("<")), r); /* sticky … */
        wsman_parser_reset(p);                              /* … until it is forgotten */
    }
    return r == ERR_SYNTAX && failmalloc_hit_expat() ? ERR_NOMEM : r;
}

/* With memory again, the parser that failed reads a message. */
static void check_reuse(struct wsman_parser *p) {
    struct buf text = {0};
    struct wsman_msg *m;
    failmalloc_pause();
    assert_int_equal(build(&text), 0);
    assert_int_equal(parse(p, buf_slice(&text), &m), 0);
    assert_int_equal(m->cls, WSMAN_CIM_PowerManagementService);
    wsman_msg_free(&m);
    buf_free(&text);
    failmalloc_resume();
}

static int scenario(void *ctx) {
    struct buf request = {0}, response = {0}, fault = {0};
    struct wsman_msg *rq = NULL, *rs = NULL, *ft = NULL;
    struct wsman_parser *p = wsman_parser_new(&WSMAN_LIMITS_DEFAULT);
    int r = p ? build(&request) : ERR_NOMEM;
    if (r == 0)
        r = parse(p, buf_slice(&request), &rq);
    if (r == 0)
        r = answer(&response, rq);
    if (r == 0)
        r = parse(p, buf_slice(&response), &rs);
    if (r == 0)
        r = wsman_put_fault(&fault, rq, true, "e:AccessDenied", "No", "detail", 8);
    if (r == 0)
        r = parse(p, buf_slice(&fault), &ft);
    if (r == 0 && !failmalloc_hit_expat()) { /* expat passes over some of its own failures */
        unsigned n = 0;
        for (uint32_t i = wsman_child(rs, rs->body, "AvailableRequestedPowerStates"); i;
             i = wsman_again(rs, i))
            n++;
        assert_int_equal(n, 60);
        assert_true(slice_is(wsman_text(rq, rq->body, "PowerState"), "8 < 9"));
        assert_true(slice_is(rs->relates_to, "42") && rs->is_response);
        assert_true(ft->is_fault && ft->fault_ns == WSMAN_NS_WSMAN);
    }
    if (p)
        check_reuse(p);
    wsman_msg_free(&rq);
    wsman_msg_free(&rs);
    wsman_msg_free(&ft);
    wsman_parser_free(&p);
    buf_free(&request);
    buf_free(&response);
    buf_free(&fault);
    return r;
}

static void envelopes(void **s) {
    failmalloc_each(scenario, NULL);
}

/* What is refused before expat saw a byte must not spoil the parser for the next message either. */
static void a_limit_hit_first_spoils_nothing(void **s) {
    struct wsman_limits lim = WSMAN_LIMITS_DEFAULT;
    static uint8_t big[4096];
    struct buf text = {0};
    struct wsman_msg *m;
    lim.bytes_max = sizeof big - 1;
    memset(big, 'x', sizeof big);
    struct wsman_parser *p = wsman_parser_new(&lim);
    assert_int_equal(build(&text), 0);
    assert_int_equal(parse(p, slice_of(big, 100), &m), ERR_SYNTAX);
    assert_int_equal(wsman_feed(p, slice_of(big, sizeof big)), ERR_LIMIT);
    wsman_parser_reset(p);
    assert_int_equal(parse(p, buf_slice(&text), &m), 0);
    wsman_msg_free(&m);
    wsman_parser_free(&p);
    p = wsman_parser_new(&lim);
    assert_int_equal(wsman_feed(p, slice_of(big, sizeof big)), ERR_LIMIT);
    wsman_parser_reset(p);
    assert_int_equal(parse(p, buf_slice(&text), &m), 0);
    wsman_msg_free(&m);
    wsman_parser_free(&p);
    buf_free(&text);
}

UNIT_MAIN(T(envelopes), T(a_limit_hit_first_spoils_nothing))
