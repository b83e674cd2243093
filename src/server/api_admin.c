/* SPDX-License-Identifier: Apache-2.0 */
/* api_admin: the audit log. */
#include "server/api.h"

#include "base/text.h"
#include "server/storeread.h"

#include <inttypes.h>

struct audit_list {
    struct store_read read;
    struct buf out;
    struct json json;
    uint64_t after, bad_seq;
    uint32_t limit, n;
};

static int take(void *ctx, const struct store_audit *a) {
    struct audit_list *l = ctx;
    char hash[65];
    if (l->n++ == l->limit)
        return 1;
    struct json *j = &l->json;
    json_obj(j);
    json_kint(j, "seq", (int64_t)a->seq);
    json_kwall(j, "at", a->at);
    json_kstr(j, "actor", a->actor);
    json_kstr(j, "action", a->action);
    json_kstr(j, "target", a->target);
    json_kstr(j, "result", a->result);
    json_kstr(j, "detail", a->detail);
    json_kstr(j, "requestId", a->req);
    json_kstr(j, "peer", a->peer);
    json_kstr(j, "hash", text_hex(slice_of(a->hash, sizeof a->hash), hash));
    json_obj_end(j);
    return 0;
}

static int read_list(struct store_read *sr) {
    struct audit_list *l = sr->ctx;
    int err = store_audits(sr->store, l->after, l->limit + 1, take, l);
    return err < 0 ? err : 0;
}

static void list_done(struct store_read *sr) {
    struct audit_list *l = sr->ctx;
    struct request *r = sr->r;
    if (sr->err) {
        buf_free(&l->out);
        (void)store_read_failed(sr);
        return;
    }
    json_arr_end(&l->json);
    struct json j = request_json(r);
    json_obj(&j);
    json_key(&j, "records");
    json_raw(&j, buf_slice(&l->out));
    json_kbool(&j, "hasNext", l->n > l->limit);
    json_obj_end(&j);
    j.out->failed |= l->out.failed;
    buf_free(&l->out);
    reply_json(r, 200);
}

static struct audit_list *list_new(struct request *r) {
    struct audit_list *l = arena_alloc(&r->arena, sizeof *l);
    if (!l)
        reply_fail(r, ERR_BUSY, "", "out of memory");
    else
        l->read = (struct store_read){.r = r, .ctx = l};
    return l;
}

void api_audit_list(struct request *r) {
    struct audit_list *l = list_new(r);
    if (!l)
        return;
    if (r->query[QUERY_AFTER].given &&
        !slice_to_u64(slice_str(r->query[QUERY_AFTER].text), INT64_MAX, &l->after)) {
        reply_fail(r, ERR_INVALID, "after", "after is the sequence number of a record");
        return;
    }
    l->limit = (uint32_t)r->query[QUERY_PAGE_SIZE].number;
    l->json = json_of(&l->out);
    json_arr(&l->json);
    l->read.read = read_list;
    l->read.done = list_done;
    store_read_start(&l->read);
}

static int read_verify(struct store_read *sr) {
    struct audit_list *l = sr->ctx;
    return store_audit_verify(sr->store, &l->bad_seq);
}

static void verify_done(struct store_read *sr) {
    struct audit_list *l = sr->ctx;
    if (sr->err == ERR_INVALID) {
        struct errinfo ei = {0};
        err_set(&ei, ERR_STATE, "", "the audit log was altered: record %" PRIu64 " does not fit its hash",
                l->bad_seq);
        err_remedy(&ei, "Compare with a backup; records before it are intact.");
        reply_error(sr->r, &ei);
        return;
    }
    if (store_read_failed(sr))
        return;
    struct json j = request_json(sr->r);
    json_obj(&j);
    json_kbool(&j, "intact", true);
    json_obj_end(&j);
    reply_json(sr->r, 200);
}

void api_audit_verify(struct request *r) {
    struct audit_list *l = list_new(r);
    if (!l)
        return;
    l->read.read = read_verify;
    l->read.done = verify_done;
    store_read_start(&l->read);
}
