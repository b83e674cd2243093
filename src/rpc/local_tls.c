/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/local_tls.h"

#include "http/now.h"
#include "net/tls.h"

#include <stdlib.h>

enum { READ_BYTES = 16384 };

struct local_tls {
    struct local *l;
    struct tls_ctx *ctx;
    struct tls *session; /* NULL: none */
    bool over;           /* the firmware ended it */
};

struct local_tls *local_tls_new(struct local *l, struct errinfo *ei) {
    struct local_tls *t = calloc(1, sizeof *t);
    if (!t) {
        err_set(ei, ERR_NOMEM, "", "out of memory");
        return NULL;
    }
    t->l = l;
    t->ctx = tls_client_ctx(SLICE_EMPTY, false, TLS_MODERN, ei);
    if (!t->ctx)
        local_tls_free(&t);
    return t;
}

void local_tls_disconnect(struct local_tls *t) {
    tls_free(&t->session);
    t->over = false;
    local_disconnect(t->l);
}

void local_tls_free(struct local_tls **tp) {
    struct local_tls *t = *tp;
    if (!t)
        return;
    local_tls_disconnect(t);
    tls_ctx_unref(&t->ctx);
    free(t);
    *tp = NULL;
}

static int lost(const struct local_tls *t, int rc, struct errinfo *ei) {
    const char *why = rc == ERR_TLS ? tls_error(t->session) : err_text(rc);
    return err_set(ei, rc, "", "TLS with the firmware at the node: %s", why);
}

/* Records that the session made. */
static int push(struct local_tls *t, struct mono deadline, struct errinfo *ei) {
    struct buf *out = tls_output(t->session);
    if (!out->len)
        return 0;
    int rc = local_write(t->l, buf_slice(out), deadline, ei);
    buf_free(out);
    return rc;
}

/* One piece of what the firmware sends: 1; 0: the session is over. */
static int pull(struct local_tls *t, struct buf *plain, struct mono deadline, struct errinfo *ei) {
    uint8_t mem[READ_BYTES];
    int n = local_read(t->l, mem, sizeof mem, deadline, ei);
    if (n <= 0)
        return n;
    int rc = tls_input(t->session, slice_of(mem, (size_t)n), plain), sent = push(t, deadline, ei);
    t->over = rc == ERR_CLOSED;
    if (t->over)
        return 0;
    return rc < 0 ? lost(t, rc, ei) : sent < 0 ? sent : 1;
}

int local_tls_connect(struct local_tls *t, struct errinfo *ei) {
    struct mono deadline = mono_add_ms(now_mono(), LOCAL_TLS_MS);
    local_tls_disconnect(t);
    int rc = local_connect(t->l, LOCAL_PORT_TLS, ei);
    if (rc < 0)
        return rc;
    t->session = tls_new(t->ctx, false, NULL);
    rc = t->session ? tls_start(t->session) : err_set(ei, ERR_NOMEM, "", "out of memory");
    if (rc == 0)
        rc = push(t, deadline, ei);
    while (rc == 0 && !tls_ready(t->session)) {
        rc = pull(t, NULL, deadline, ei);
        rc = rc == 0 ? lost(t, ERR_CLOSED, ei) : rc < 0 ? rc : 0;
    }
    if (rc < 0)
        local_tls_disconnect(t);
    return rc;
}

int local_tls_write(struct local_tls *t, struct slice s, struct mono deadline, struct errinfo *ei) {
    if (!t->session)
        return err_set(ei, ERR_CLOSED, "", "there is no TLS session with the firmware");
    int rc = tls_write(t->session, s);
    return rc < 0 ? lost(t, rc, ei) : push(t, deadline, ei);
}

int local_tls_read(struct local_tls *t, struct buf *plain, struct mono deadline, struct errinfo *ei) {
    size_t before = plain->len;
    if (!t->session)
        return err_set(ei, ERR_CLOSED, "", "there is no TLS session with the firmware");
    int rc = 1;
    while (rc == 1 && !t->over && plain->len == before)
        rc = pull(t, plain, deadline, ei);
    if (plain->len > before) /* an end, or what is wrong, is told by the next call */
        return (int)(plain->len - before);
    return t->over ? 0 : rc;
}
