/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http1.h"
#include "sim/http_side.h"
#include "unit.h"

struct bench {
    struct loop *loop;
    struct sim_fleet *fleet;
    struct sim_node *node;
    struct digest_client digest;
};

static void make(struct bench *b) {
    *b = (struct bench){.loop = loop_new()};
    assert_non_null(b->loop);
    struct sim_fleet_config f = {
        .loop = b->loop, .server = "127.0.0.1:1", .times = SIM_TIMES_INSTANT, .seed = 1};
    b->fleet = sim_fleet_new(&f);
    struct sim_node_config c = {.profile = SIM_A15, .me_in_sleep = true};
    sim_identity_make(&c.id, 1, "node", 1);
    b->node = sim_node_new(b->fleet, &c);
    struct buf challenge = {0};
    assert_int_equal(fw_challenge(b->node, loop_now(b->loop), &challenge), 0);
    assert_int_equal(digest_challenge(&b->digest, buf_slice(&challenge)), 0);
    buf_free(&challenge);
}

static void unmake(struct bench *b) {
    sim_node_free(&b->node);
    sim_fleet_free(&b->fleet);
    loop_free(&b->loop);
}

/* A POST of a Get of the power state, with the right password. */
static void put_request(struct bench *b, struct buf *out, uint64_t id) {
    const struct sim_identity *who = &sim_node_config(b->node)->id;
    struct buf xml = {0}, auth = {0};
    wsman_put_request(
        &xml, &(struct wsman_request){.op = WSMAN_GET, .cls = WSMAN_CIM_AssociatedPowerManagementService},
        id);
    assert_int_equal(digest_authorize(&b->digest, &auth, who->amt_user, who->amt_password, "POST", "/wsman",
                                      "0123456789abcdef"),
                     0);
    const char *headers[] = {"Host", "node1:16992", "Authorization", buf_cstr(&auth), NULL};
    http1_put_request(out, "POST", "/wsman", headers, (int64_t)xml.len);
    buf_put(out, buf_slice(&xml));
    buf_free(&xml);
    buf_free(&auth);
}

/* The statuses of the complete responses in s, most 8, each with its body parsed as WS-MAN when it is 200. */
static unsigned statuses(struct slice s, int *out) {
    struct http1_limits lim = HTTP1_LIMITS_AMT;
    struct http1 *h = http1_new(HTTP1_RESPONSES, &lim);
    struct wsman_limits wlim = WSMAN_LIMITS_DEFAULT;
    struct wsman_parser *p = wsman_parser_new(&wlim);
    struct http1_ev ev;
    unsigned n = 0;
    while (http1_input(h, &s, &ev) == 1) {
        if (ev.kind == HTTP1_BODY && http1_status(h) == 200)
            assert_int_equal(wsman_feed(p, ev.data), 0);
        if (ev.kind != HTTP1_END)
            continue;
        assert_true(n < 8);
        out[n++] = http1_status(h);
        struct wsman_msg *m = NULL;
        if (http1_status(h) == 200) {
            assert_int_equal(wsman_finish(p, &m), 0);
            wsman_msg_free(&m);
        }
    }
    wsman_parser_free(&p);
    http1_free(&h);
    return n;
}

static int one_status(struct bench *b, struct slice request, bool *finished) {
    struct http_conn *c = http_conn_new(b->node, false, loop_now(b->loop));
    int s[8];
    http_conn_input(c, request, loop_now(b->loop));
    unsigned n = statuses(buf_slice(http_conn_output(c)), s);
    *finished = http_conn_finished(c);
    http_conn_free(&c);
    return n == 1 ? s[0] : -(int)n;
}

static void requests_get_their_status(void **state) {
    static const struct {
        const char *request;
        int status;
        bool finished;
    } CASES[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 303, true},
        {"GET /logon.htm HTTP/1.1\r\nHost: x\r\n\r\n", 404, true},
        {"POST /elsewhere HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 404, true},
        {"POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 401, true},
        {"POST /wsman HTTP/1.1\r\nHost: x\r\nAuthorization: Digest nonsense\r\nContent-Length: 0\r\n\r\n",
         401, true},
        {"NONSENSE\r\n\r\n", 400, true},
        {"POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", 413, true},
    };
    struct bench b;
    make(&b);
    for (size_t i = 0; i < FW_LEN(CASES); i++) {
        bool finished;
        assert_int_equal(one_status(&b, slice_str(CASES[i].request), &finished), CASES[i].status);
        assert_int_equal(finished, CASES[i].finished);
    }
    struct buf good = {0};
    bool finished;
    put_request(&b, &good, 1);
    assert_int_equal(one_status(&b, buf_slice(&good), &finished), 200);
    assert_false(finished); /* keep-alive */
    buf_free(&good);
    unmake(&b);
}

static void the_dialect_is_the_firmwares(void **state) {
    struct bench b;
    struct buf rq = {0};
    make(&b);
    put_request(&b, &rq, 1);
    struct http_conn *c = http_conn_new(b.node, false, loop_now(b.loop));
    http_conn_input(c, buf_slice(&rq), loop_now(b.loop));
    const char *text = buf_cstr(http_conn_output(c));
    assert_non_null(strstr(text, "\r\nServer: Intel(R) Active Management Technology 15.0.23.1706\r\n"));
    assert_non_null(strstr(text, "\r\nX-Frame-Options: DENY\r\n"));
    assert_non_null(strstr(text, "\r\nTransfer-Encoding: chunked\r\n\r\n04CC\r\n<?xml"));
    assert_non_null(strstr(text, "\r\n0\r\n\r\n"));
    assert_null(strstr(text, "Connection: close"));
    http_conn_free(&c);
    buf_free(&rq);
    unmake(&b);
}

/* Two requests back to back: whole, byte by byte, and at random cuts. */
static void any_split_is_legal(void **state) {
    struct bench b;
    make(&b);
    struct rng r = {.s = 9};
    for (int round = 0; round < 40; round++) {
        struct buf rq = {0};
        int s[8];
        put_request(&b, &rq, 1);
        put_request(&b, &rq, 2);
        struct http_conn *c = http_conn_new(b.node, false, loop_now(b.loop));
        struct slice in = buf_slice(&rq);
        while (in.n) {
            size_t n = round == 0 ? in.n : round == 1 ? 1 : (size_t)rng_range(&r, 1, 700);
            http_conn_input(c, slice_head(in, n), loop_now(b.loop));
            in = slice_skip(in, n);
        }
        assert_int_equal(statuses(buf_slice(http_conn_output(c)), s), 2);
        assert_true(s[0] == 200 && s[1] == 200);
        http_conn_free(&c);
        buf_free(&rq);
    }
    unmake(&b);
}

static void latency_holds_pipelined_requests_back(void **state) {
    struct bench b;
    struct buf rq = {0};
    int s[8];
    make(&b);
    sim_node_latency(b.node, 100, 100);
    put_request(&b, &rq, 1);
    put_request(&b, &rq, 2);
    struct mono now = loop_now(b.loop);
    struct http_conn *c = http_conn_new(b.node, false, now);
    http_conn_input(c, buf_slice(&rq), now);
    assert_int_equal(http_conn_output(c)->len, 0);
    assert_int_equal(http_conn_deadline(c).us, mono_add_ms(now, 100).us);
    http_conn_tick(c, mono_add_ms(now, 99));
    assert_int_equal(http_conn_output(c)->len, 0);
    http_conn_tick(c, mono_add_ms(now, 100));
    assert_int_equal(statuses(buf_slice(http_conn_output(c)), s), 1);
    http_conn_tick(c, mono_add_ms(now, 200));
    assert_int_equal(statuses(buf_slice(http_conn_output(c)), s), 2);
    /* then it is idle, and closes after a minute */
    http_conn_tick(c, mono_add_ms(now, 60199));
    assert_false(http_conn_finished(c));
    http_conn_tick(c, mono_add_ms(now, 60200));
    assert_true(http_conn_finished(c));
    http_conn_free(&c);
    buf_free(&rq);
    unmake(&b);
}

static void an_endless_body_waits_for_its_reader(void **state) {
    struct bench b;
    struct buf rq = {0};
    make(&b);
    sim_node_fault(b.node, SIM_FAULT_ENDLESS_BODY, true, 0);
    put_request(&b, &rq, 1);
    struct mono now = loop_now(b.loop);
    struct http_conn *c = http_conn_new(b.node, false, now);
    http_conn_input(c, buf_slice(&rq), now);
    size_t first = http_conn_output(c)->len;
    assert_true(first > 0);
    now = mono_add_ms(now, 50);
    http_conn_tick(c, now);
    assert_int_equal(http_conn_output(c)->len, first); /* nothing was taken */
    for (int i = 0; i < 10; i++) {
        buf_consume(http_conn_output(c), SIZE_MAX);
        now = mono_add_ms(now, 50);
        http_conn_tick(c, now);
        assert_true(http_conn_output(c)->len > 4096);
    }
    http_conn_free(&c);
    buf_free(&rq);
    unmake(&b);
}

UNIT_MAIN(T(requests_get_their_status), T(the_dialect_is_the_firmwares), T(any_split_is_legal),
          T(latency_holds_pipelined_requests_back), T(an_endless_body_waits_for_its_reader))
