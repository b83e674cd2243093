/* SPDX-License-Identifier: Apache-2.0 */
#include "fw_rig.h"

#include "proto/amt.h"
#include "unit.h"

struct bench bench_made(enum sim_profile profile, enum sim_mode mode) {
    struct bench b = {.loop = loop_new(), .who = FW_ADMIN};
    assert_non_null(b.loop);
    struct sim_fleet_config f = {
        .loop = b.loop, .server = "127.0.0.1:1", .times = SIM_TIMES_INSTANT, .seed = 1};
    b.fleet = sim_fleet_new(&f);
    struct sim_node_config c = {.profile = profile, .mode = mode, .me_in_sleep = true};
    sim_identity_make(&c.id, 1, "node", 1);
    b.node = sim_node_new(b.fleet, &c);
    assert_non_null(b.node);
    return b;
}

void bench_free(struct bench *b) {
    sim_node_free(&b->node);
    sim_fleet_free(&b->fleet);
    loop_free(&b->loop);
}

static struct wsman_msg *parse(struct slice xml) {
    struct wsman_limits lim = WSMAN_LIMITS_DEFAULT;
    struct wsman_parser *p = wsman_parser_new(&lim);
    struct wsman_msg *m = NULL;
    assert_int_equal(wsman_feed(p, xml), 0);
    assert_int_equal(wsman_finish(p, &m), 0);
    wsman_parser_free(&p);
    return m;
}

struct wsman_msg *bench_ask(struct bench *b, const struct wsman_request *rq, int *status) {
    struct buf xml = {0}, answer = {0};
    assert_int_equal(wsman_put_request(&xml, rq, 77), 0);
    struct wsman_msg *m = parse(buf_slice(&xml));
    *status = fw_answer_as(b->node, b->who, m, loop_now(b->loop), &answer);
    wsman_msg_free(&m);
    m = parse(buf_slice(&answer));
    assert_true(slice_is(m->relates_to, "77"));
    assert_int_equal(m->is_fault, *status != 200);
    buf_free(&xml);
    buf_free(&answer);
    return m;
}

struct wsman_msg *bench_get(struct bench *b, enum wsman_class cls) {
    int status;
    struct wsman_msg *m = bench_ask(b, &(struct wsman_request){.op = WSMAN_GET, .cls = cls}, &status);
    assert_int_equal(status, 200);
    return m;
}

int64_t bench_call(struct bench *b, enum wsman_class cls, const char *method, const char *inner,
                   const struct wsman_selector *selectors) {
    struct buf body = {0};
    int status;
    buf_putf(&body, "<p:%s_INPUT xmlns:p=\"%s\">%s</p:%s_INPUT>", method, wsman_class_uri(cls), inner,
             method);
    struct wsman_msg *m = bench_ask(b,
                                    &(struct wsman_request){.op = WSMAN_INVOKE,
                                                            .cls = cls,
                                                            .method = method,
                                                            .selectors = selectors,
                                                            .body = buf_slice(&body)},
                                    &status);
    int64_t rv = status == 200 ? amt_return_value(m) : -status;
    wsman_msg_free(&m);
    buf_free(&body);
    return rv;
}

static int send_instance(struct bench *b, enum wsman_op op, enum wsman_class cls, const char *inner) {
    struct buf body = {0};
    int status;
    const char *name = wsman_class_name(cls);
    buf_putf(&body, "<p:%s xmlns:p=\"%s\">%s</p:%s>", name, wsman_class_uri(cls), inner, name);
    struct wsman_msg *m =
        bench_ask(b, &(struct wsman_request){.op = op, .cls = cls, .body = buf_slice(&body)}, &status);
    wsman_msg_free(&m);
    buf_free(&body);
    return status;
}

int bench_put(struct bench *b, enum wsman_class cls, const char *inner) {
    return send_instance(b, WSMAN_PUT, cls, inner);
}

int bench_create(struct bench *b, enum wsman_class cls, const char *inner) {
    return send_instance(b, WSMAN_CREATE, cls, inner);
}

int bench_delete(struct bench *b, enum wsman_class cls, const char *name, const char *value) {
    int status;
    struct wsman_selector one[] = {{name, value}, {NULL, NULL}};
    struct wsman_msg *m = bench_ask(
        b, &(struct wsman_request){.op = WSMAN_DELETE, .cls = cls, .selectors = name ? one : NULL}, &status);
    wsman_msg_free(&m);
    return status;
}

const char *bench_text(struct bench *b, enum wsman_class cls, const char *member) {
    struct wsman_msg *m = bench_get(b, cls);
    slice_to_str(wsman_text(m, wsman_payload(m), member), b->text, sizeof b->text);
    wsman_msg_free(&m);
    return b->text;
}

unsigned bench_pull_all(struct bench *b, enum wsman_class cls, enum wsman_class shown) {
    int status;
    struct wsman_msg *e = bench_ask(b, &(struct wsman_request){.op = WSMAN_ENUMERATE, .cls = cls}, &status);
    assert_int_equal(status, 200);
    struct wsman_msg *p = bench_ask(
        b, &(struct wsman_request){.op = WSMAN_PULL, .cls = cls, .enum_context = wsman_enum_context(e)},
        &status);
    assert_int_equal(status, 200);
    unsigned n = 0;
    for (uint32_t i = wsman_first_instance(p); i; i = p->nodes[i].next_sibling, n++)
        assert_true(wsman_is_instance(p, i, shown));
    assert_int_equal(wsman_enum_context(p).n, 0);
    /* the context went with the end of the sequence */
    struct wsman_msg *again = bench_ask(
        b, &(struct wsman_request){.op = WSMAN_PULL, .cls = cls, .enum_context = wsman_enum_context(e)},
        &status);
    assert_int_equal(status, 400);
    assert_true(slice_is(again->fault_subcode, "InvalidEnumerationContext"));
    wsman_msg_free(&again);
    wsman_msg_free(&p);
    wsman_msg_free(&e);
    return n;
}
