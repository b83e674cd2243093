/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/local_wsman.h"

#include "base/ossl.h"
#include "http/now.h"
#include "proto/wsclient.h"
#include "rpc/local_tls.h"
#include "rpc/ready.h"

#include <openssl/rand.h>

enum { READ_BYTES = 4096, LOOK_MS = 200 };

/* One connection at a time. */
struct way {
    struct local *l;
    struct local_tls *tls; /* over l; NULL: in the clear */
    int chan;              /* of the newest connection */
    bool open, told;
};

static int connect_way(struct way *w, struct errinfo *ei) {
    return w->tls ? local_tls_connect(w->tls, ei) : local_connect(w->l, LOCAL_PORT, ei);
}

static int way_open(void *ctx) {
    struct way *w = ctx;
    if (w->open)
        return ERR_LIMIT;
    if (connect_way(w, NULL) < 0)
        return ERR_UNREACHABLE;
    w->open = true;
    w->told = false;
    return ++w->chan;
}
static int way_send(void *ctx, int chan, struct slice data) {
    struct way *w = ctx;
    struct mono until = mono_add_ms(now_mono(), LOCAL_REST_MS);
    return w->tls ? local_tls_write(w->tls, data, until, NULL) : local_write(w->l, data, until, NULL);
}
/* As local_tls_read(). */
static int way_read(struct way *w, struct buf *got, struct mono until) {
    if (w->tls)
        return local_tls_read(w->tls, got, until, NULL);
    uint8_t *into = buf_room(got, READ_BYTES);
    int n = into ? local_read(w->l, into, READ_BYTES, until, NULL) : ERR_NOMEM;
    if (n > 0)
        buf_commit(got, (size_t)n);
    return n;
}
static void way_close(void *ctx, int chan) {
    struct way *w = ctx;
    if (w->tls)
        local_tls_disconnect(w->tls);
    else
        local_disconnect(w->l);
    w->open = false;
}
static void way_random(void *ctx, uint8_t *out, size_t n) {
    (void)!RAND_bytes(out, (int)n);
}

/* Carry what comes to the client, at most until it wants to be called. */
static void carry(struct way *w, struct wsclient *c) {
    struct mono until = mono_min(wsc_deadline(c), mono_add_ms(now_mono(), LOOK_MS));
    if (!w->open) {
        int64_t ms = mono_ms_between(now_mono(), until);
        ready_sleep_ms(ms > 0 ? ms : 1);
    } else if (!w->told) {
        w->told = true;
        wsc_opened(c, w->chan, now_mono());
    } else {
        struct buf got = {0};
        int n = way_read(w, &got, until);
        if (n > 0) {
            wsc_data(c, w->chan, buf_slice(&got), now_mono());
        } else if (n != ERR_TIMEOUT) {
            way_close(w, w->chan);
            wsc_closed(c, w->chan, n == 0 ? ERR_CLOSED : n, now_mono());
        }
        buf_free(&got);
    }
    wsc_tick(c, now_mono());
}

static int run(struct way *w, struct wsclient *c, struct amt_cira *out, struct errinfo *ei) {
    struct wsc_result r;
    int rc = wsc_submit(c, WSC_CIRA_READ, 0, WSC_NORMAL, 0, now_mono(), NULL);
    if (rc < 0)
        return err_set(ei, rc, "", "out of memory");
    while (wsc_next_result(c, &r) == 0) /* at its deadline at the latest */
        carry(w, c);
    if (r.err < 0)
        return err_set(ei, r.err, "", "the firmware's WS-MAN: %s", r.why);
    *out = *r.cira;
    return 0;
}

/* Does the firmware take nothing but TLS from inside? */
static bool wants_tls(struct fw *f) {
    uint8_t flags;
    return fw_wd_state(f, &flags, NULL) == 0 && flags & WD_TLS_LOCAL;
}

static int make_way(struct way *w, const struct local_opts *o, bool tls, struct errinfo *ei) {
    if (!(w->l = local_new(o)))
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    if (tls && !(w->tls = local_tls_new(w->l, ei)))
        return ERR_NOMEM;
    return connect_way(w, ei); /* a way that is not there is no job that waits */
}

int local_wsman_cira(const char *where, struct fw *f, struct amt_cira *out, struct errinfo *ei) {
    const struct local_opts o = {.where = where};
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    struct pthi_account account = {0};
    struct way w = {0};
    struct wsclient *c = NULL;
    const struct wsc_io io = {
        .ctx = &w, .open = way_open, .send = way_send, .close = way_close, .random = way_random};
    lim.in_flight_max = 1;
    *out = (struct amt_cira){0};
    int rc = fw_account(f, &account, ei);
    if (rc == 0 && !(c = wsc_new(&lim, &io, account.user, account.password)))
        rc = err_set(ei, ERR_NOMEM, "", "out of memory");
    pthi_account_wipe(&account);
    if (rc == 0)
        rc = make_way(&w, &o, wants_tls(f), ei);
    if (rc == 0)
        rc = run(&w, c, out, ei);
    wsc_free(&c);
    local_tls_free(&w.tls);
    local_free(&w.l);
    return rc;
}
