/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/local.h"

#include "http/now.h"
#include "proto/http1.h"
#include "rpc/lme.h"
#include "rpc/lms.h"

#include <stdlib.h>
#include <unistd.h>

enum { READ_BYTES = 16384 };

struct local {
    struct local_opts o;
    int lms;         /* descriptor, -1 none */
    struct lme *lme; /* kept from one exchange to the next */
    bool channel;    /* of lme */
};

struct local *local_new(const struct local_opts *o) {
    struct local *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->o = *o;
    l->lms = -1;
    return l;
}

void local_disconnect(struct local *l) {
    if (l->lms >= 0)
        close(l->lms);
    l->lms = -1;
    if (l->channel)
        lme_channel_close(l->lme);
    l->channel = false;
}

void local_free(struct local **lp) {
    struct local *l = *lp;
    if (!l)
        return;
    local_disconnect(l);
    lme_close(&l->lme);
    free(l);
    *lp = NULL;
}

/* LMS leads to this machine's firmware: not to the one behind a socket. */
static bool lms_is_another(const struct local_opts *o) {
    bool is_socket = o->where && strncmp(o->where, "unix:", 5) == 0;
    return (o->lms_host && !*o->lms_host) || (is_socket && !o->lms_host && !o->lms_port);
}

static int lms_try(const struct local *l, uint16_t port) {
    if (lms_is_another(&l->o))
        return ERR_NOT_FOUND;
    return lms_connect(l->o.lms_host ? l->o.lms_host : "127.0.0.1", l->o.lms_port ? l->o.lms_port : port,
                       mono_add_ms(now_mono(), LOCAL_CONNECT_MS));
}

bool local_has_lms(const struct local *l, uint16_t port) {
    int fd = lms_try(l, port);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* A session that died since the last exchange is made anew, once. */
static int lme_connect(struct local *l, uint16_t port, struct errinfo *ei) {
    for (bool fresh = !l->lme;; fresh = true) {
        int rc = l->lme ? 0 : lme_open(&l->lme, l->o.where, port, ei);
        if (rc == 0)
            rc = lme_channel_open(l->lme, port, ei);
        l->channel = rc == 0;
        if (rc == 0)
            return 0;
        lme_close(&l->lme);
        if (fresh)
            return rc;
    }
}

int local_connect(struct local *l, uint16_t port, struct errinfo *ei) {
    local_disconnect(l);
    if (!l->lme)
        l->lms = lms_try(l, port);
    if (l->lms >= 0)
        return 0;
    l->lms = -1;
    return lme_connect(l, port, ei);
}

bool local_connected(const struct local *l) {
    return l->lms >= 0 || l->channel;
}

static int lost(int rc, struct errinfo *ei) {
    if (rc >= 0)
        return rc;
    return err_set(ei, rc, "", "the local connection to the firmware: %s", err_text(rc));
}

int local_write(struct local *l, struct slice s, struct mono deadline, struct errinfo *ei) {
    if (l->lms >= 0)
        return lost(lms_write(l->lms, s, deadline), ei);
    return l->channel ? lme_write(l->lme, s, deadline, ei) : lost(ERR_CLOSED, ei);
}

int local_read(struct local *l, uint8_t *into, size_t cap, struct mono deadline, struct errinfo *ei) {
    if (l->lms >= 0)
        return lost(lms_read(l->lms, into, cap, deadline), ei);
    return l->channel ? lme_read(l->lme, into, cap, deadline, ei) : lost(ERR_CLOSED, ei);
}

int local_fd(const struct local *l) {
    return l->lms >= 0 ? l->lms : l->channel ? lme_fd(l->lme) : -1;
}

bool local_pending(const struct local *l) {
    return l->channel && lme_pending(l->lme);
}

/* --- one exchange --- */

/* Is the answer whole? 1, 0 (more is to come), error. */
static int whole(struct http1 *h, struct slice in) {
    struct http1_ev ev;
    int rc;
    while ((rc = http1_input(h, &in, &ev)) == 1)
        if (ev.kind == HTTP1_END)
            return 1;
    return rc;
}

static int read_answer(struct local *l, struct http1 *h, struct buf *answer, struct errinfo *ei) {
    struct mono deadline = mono_add_ms(now_mono(), LOCAL_FIRST_BYTE_MS);
    for (;;) {
        uint8_t *into = buf_room(answer, READ_BYTES);
        if (!into)
            return err_set(ei, ERR_NOMEM, "", "out of memory");
        int n = local_read(l, into, READ_BYTES, deadline, ei);
        if (n < 0)
            return n;
        struct http1_ev ev;
        if (n == 0)
            return http1_eof(h, &ev) == 1
                       ? 0
                       : err_set(ei, ERR_CLOSED, "", "the firmware closed before its answer was whole");
        buf_commit(answer, (size_t)n);
        int rc = whole(h, slice_of(into, (size_t)n));
        if (rc < 0)
            return err_set(ei, ERR_PROTO, "", "the firmware's answer is not HTTP: %s", err_text(rc));
        if (rc == 1)
            return 0;
        if (answer->len > LOCAL_ANSWER_MAX)
            return err_set(ei, ERR_LIMIT, "", "the firmware's answer is longer than %d bytes",
                           LOCAL_ANSWER_MAX);
        deadline = mono_add_ms(now_mono(), LOCAL_REST_MS);
    }
}

int local_exchange(struct local *l, uint16_t port, struct slice request, struct buf *answer,
                   struct errinfo *ei) {
    struct http1 *h = http1_new(HTTP1_RESPONSES, &HTTP1_LIMITS_AMT);
    if (!h)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    int rc = local_connect(l, port, ei);
    if (rc == 0)
        rc = local_write(l, request, mono_add_ms(now_mono(), LOCAL_REST_MS), ei);
    if (rc == 0)
        rc = read_answer(l, h, answer, ei);
    if (rc == ERR_TIMEOUT)
        err_set(ei, rc, "", "the firmware's web server did not answer in time");
    local_disconnect(l);
    http1_free(&h);
    return rc;
}
