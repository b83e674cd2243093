/* SPDX-License-Identifier: Apache-2.0 */
/* The stream side of apf: cuts messages by the table, checks legality, counts, dispatches; the output. */
#include "proto/apf_int.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const struct apf_msg {
    const char *name, *layout;
    uint16_t legal[2]; /* by enum apf_role */
    int (*handler)(struct apf *, struct rd *, struct apf_ev *);
} MSGS[APF_ROW_COUNT] = {
#define M(name, number, layout, server, device, handler) {#name, layout, {server, device}, handler},
    APF_MSG_TABLE(M)
#undef M
};
/* row + 1 of a message number; 0 = unknown */
static const uint8_t ROW_OF[256] = {
#define M(name, number, layout, server, device, handler) [number] = APF_ROW_##name + 1,
    APF_MSG_TABLE(M)
#undef M
};
static const char *const STATE_TEXT[] = {
#define S(name, text) text,
    APF_STATE_TABLE(S)
#undef S
};
_Static_assert(APF_ST_COUNT <= 16, "legal[] holds a bit a state");
_Static_assert(sizeof(struct apf) + 16 * sizeof(uint16_t) < 400, "an idle tunnel is small");

struct apf *apf_new(enum apf_role role, const struct apf_limits *lim) {
    assert(lim->channels_max && lim->forwards_max && lim->window_bytes && lim->queue_bytes);
    assert(lim->output_bytes >= APF_MSG_OUT_CAP && lim->preauth_bytes && lim->open_timeout_ms);
    assert(lim->window_bytes <= APF_WINDOW_MAX);
    struct apf *a = calloc(1, sizeof *a + lim->forwards_max * sizeof a->forwards[0]);
    if (!a)
        return NULL;
    a->local = role == APF_HOST || role == APF_FIRMWARE;
    a->role = role == APF_SERVER || role == APF_HOST ? APF_SERVER : APF_DEVICE;
    a->lim = *lim;
    a->chunk_max = a->local ? APF_MESSAGE_LOCAL - APF_DATA_HEAD : APF_CHUNK_MAX;
    a->widest = lim->window_bytes;
    a->next_id = a->role == APF_SERVER ? 1 : 0;
    list_init(&a->chans);
    apf_set_state(a, a->role == APF_SERVER ? APF_ST_VERSION : APF_ST_D_START);
    if (role == APF_HOST && apf_host_hello(a) < 0)
        apf_free(&a);
    return a;
}

/* A message 50 is in there: its password must not stay in freed memory. */
static void drop_partial(struct apf *a) {
    if (a->partial.mem)
        explicit_bzero(a->partial.mem, a->partial.cap);
    buf_free(&a->partial);
    a->partial_done = false;
}

static void drop_credentials(struct apf *a) {
    if (a->cred)
        explicit_bzero(a->cred, sizeof *a->cred);
    free(a->cred);
    a->cred = NULL;
}

void apf_free(struct apf **ap) {
    struct apf *a = *ap;
    if (!a)
        return;
    apf_chans_free(a);
    drop_partial(a);
    drop_credentials(a);
    buf_free(&a->out);
    buf_free(&a->marks);
    buf_free(&a->requests);
    free(a->error);
    free(a);
    *ap = NULL;
}

void apf_set_state(struct apf *a, enum apf_state to) {
    a->state = (uint8_t)to;
    if (to == APF_ST_PFWD_SVC || to == APF_ST_D_PFWD_SVC || to == APF_ST_D_DENIED || !apf_alive(a))
        drop_credentials(a);
}

bool apf_alive(const struct apf *a) {
    return a->state != APF_ST_CLOSED && a->state != APF_ST_FAILED;
}

int apf_fail(struct apf *a, int err, enum apf_disconnect reason, const char *fmt, ...) {
    if (a->state == APF_ST_FAILED)
        return a->err;
    enum { TEXT_CAP = 160 };
    a->error = malloc(TEXT_CAP);
    if (a->error) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(a->error, TEXT_CAP, fmt, ap);
        va_end(ap);
    }
    a->err = (int16_t)err;
    apf_set_state(a, APF_ST_FAILED);
    uint8_t mem[7];
    struct wr w = wr_of(mem, sizeof mem);
    wr_u8(&w, APF_DISCONNECT);
    wr_be32(&w, reason);
    wr_be16(&w, 0);
    if (buf_put(&a->out, wr_done(&w)) == 0)
        (void)apf_mark(a, sizeof mem, true);
    return err;
}

const char *apf_error(const struct apf *a) {
    if (a->state != APF_ST_FAILED)
        return "";
    return a->error ? a->error : err_text(a->err);
}

/* --- output --- */

int apf_put(struct apf *a, struct slice msg) {
    if (!apf_alive(a))
        return ERR_CLOSED;
    if (a->out.len + msg.n > a->lim.output_bytes)
        return apf_fail(a, ERR_LIMIT, APF_DISC_CONNECTION_LOST, "the peer does not read: %zu bytes wait",
                        a->out.len);
    if (buf_put(&a->out, msg) < 0 || apf_mark(a, msg.n, true) < 0)
        return apf_fail(a, ERR_NOMEM, APF_DISC_TEMPORARILY_UNAVAILABLE, "out of memory");
    return 0;
}

int apf_put_u32s(struct apf *a, uint8_t type, const uint32_t *v, size_t n) {
    uint8_t mem[17];
    struct wr w = wr_of(mem, sizeof mem);
    wr_u8(&w, type);
    for (size_t i = 0; i < n; i++)
        wr_be32(&w, v[i]);
    assert(!w.bad);
    return apf_put(a, wr_done(&w));
}

struct slice apf_output(const struct apf *a) {
    return a->local ? apf_local_output(a) : buf_slice(&a->out);
}

void apf_sent(struct apf *a, size_t n_bytes) {
    assert(n_bytes <= apf_output(a).n);
    if (a->local)
        apf_local_sent(a, n_bytes);
    buf_consume(&a->out, n_bytes);
    if (apf_alive(a))
        apf_pump(a);
}

void apf_disconnect(struct apf *a, enum apf_disconnect reason) {
    uint8_t mem[7];
    struct wr w = wr_of(mem, sizeof mem);
    wr_u8(&w, APF_DISCONNECT);
    wr_be32(&w, reason);
    wr_be16(&w, 0);
    if (apf_put(a, wr_done(&w)) == 0)
        apf_set_state(a, APF_ST_CLOSED);
}

/* --- input --- */

/* Walk a layout from *pos. 1: complete, *pos behind it; 0: at least *pos bytes are needed; error. */
static int walk(const char *layout, struct slice have, size_t *pos) {
    for (; *layout && *layout != '*'; layout++) {
        size_t max = *layout == 's' ? APF_STR_MAX : *layout == 'u' ? APF_USER_MAX : 0;
        *pos += max ? 4 : *layout == 'g' ? 16 : *layout == 'r' ? 64 : (size_t)(*layout - '0');
        if (max && have.n >= *pos) {
            struct rd r = rd_of(slice_of(have.p + *pos - 4, 4));
            uint32_t n = rd_be32(&r);
            if (n > max)
                return ERR_LIMIT;
            *pos += n;
        } else if (max) {
            return 0;
        }
    }
    return have.n >= *pos;
}

/* Is the message at the start of have complete? 1: *need is its size; 0: *need bytes will tell more. */
static int measure(struct apf *a, struct slice have, size_t *need) {
    uint8_t type = have.p[0];
    const struct apf_msg *m = &MSGS[ROW_OF[type] - 1];
    *need = 1;
    int r = walk(m->layout, have, need);
    if (r == 1 && strchr(m->layout, '*')) {
        const char *tail = apf_layout_tail(a, type, slice_head(have, *need));
        if (!tail)
            return apf_fail(a, ERR_PROTO,
                            type == APF_USERAUTH_REQUEST ? APF_DISC_NO_MORE_AUTH : APF_DISC_PROTOCOL_ERROR,
                            "%s of an unknown kind", m->name);
        r = walk(tail, have, need);
    }
    if (r < 0)
        return apf_fail(a, r, APF_DISC_PROTOCOL_ERROR, "a string of %s is too long", m->name);
    return r;
}

/* May a message of this type come now? Counts it. */
static int admit(struct apf *a, uint8_t type) {
    if (!ROW_OF[type]) {
        a->unknown++;
        /* the length is implied by the number: there is no way to resynchronise (reference 1.2) */
        return apf_fail(a, ERR_PROTO, APF_DISC_PROTOCOL_ERROR, "unknown message number %u", type);
    }
    const struct apf_msg *m = &MSGS[ROW_OF[type] - 1];
    a->counts[ROW_OF[type] - 1]++;
    if (!(m->legal[a->role] >> a->state & 1))
        return apf_fail(a, ERR_PROTO, APF_DISC_PROTOCOL_ERROR, "%s %s", m->name, STATE_TEXT[a->state]);
    return 0;
}

/* Before authentication only so much is listened to. */
static int spend(struct apf *a, size_t n) {
    const unsigned before = (APF_S_LOGIN | APF_D_LOGIN) & ~(APF_IN(PFWD_SVC) | APF_IN(D_PFWD_SVC));
    if (!(before >> a->state & 1))
        return 0;
    if (n > a->lim.preauth_bytes - a->preauth_used)
        return apf_fail(a, ERR_LIMIT, APF_DISC_PROTOCOL_ERROR, "more than %u bytes before login",
                        a->lim.preauth_bytes);
    a->preauth_used += (uint32_t)n;
    return 0;
}

/* Cut one message off *in, through a->partial when it comes in pieces: 1, 0 (used up), error. */
static int take_message(struct apf *a, struct slice *in, struct slice *msg) {
    int r;
    if (a->partial.len == 0) {
        if (a->stray_ok) {
            a->stray_ok = false;
            if (in->p[0] == 0) {
                *in = slice_skip(*in, 1);
                return in->n ? take_message(a, in, msg) : 0;
            }
        }
        if ((r = admit(a, in->p[0])) < 0)
            return r;
    }
    for (;;) {
        struct slice have = a->partial.len ? buf_slice(&a->partial) : *in;
        size_t need;
        if ((r = measure(a, have, &need)) < 0)
            return r;
        if (r == 1 && a->partial.len == 0) {
            *msg = slice_head(*in, need);
            *in = slice_skip(*in, need);
            return (r = spend(a, need)) < 0 ? r : 1;
        }
        if (r == 1) {
            *msg = have;
            a->partial_done = true;
            return 1;
        }
        struct slice piece = slice_head(*in, need - a->partial.len);
        if (piece.n == 0)
            return 0;
        if ((r = spend(a, piece.n)) < 0)
            return r;
        if (buf_put(&a->partial, piece) < 0)
            return apf_fail(a, ERR_NOMEM, APF_DISC_TEMPORARILY_UNAVAILABLE, "out of memory");
        *in = slice_skip(*in, piece.n);
    }
}

int apf_input(struct apf *a, struct slice *in, struct mono now, struct apf_ev *ev) {
    for (;;) {
        *ev = (struct apf_ev){0}; /* a message without an event may have begun to fill it */
        if (a->partial_done)
            drop_partial(a);
        if (a->state == APF_ST_FAILED)
            return a->err;
        if (a->state == APF_ST_CLOSED) {
            *in = slice_skip(*in, in->n);
            return 0;
        }
        if (a->nwritable)
            return apf_take_writable(a, ev);
        if (in->n == 0)
            return 0;
        int r;
        if (a->data_left) {
            r = apf_stream_data(a, in, ev);
        } else {
            struct slice msg = SLICE_EMPTY;
            if ((r = take_message(a, in, &msg)) <= 0)
                return r;
            struct rd body = rd_of(slice_skip(msg, 1));
            r = MSGS[ROW_OF[msg.p[0]] - 1].handler(a, &body, ev);
        }
        if (r)
            return r;
    }
}

uint64_t apf_count(const struct apf *a, uint8_t msg) {
    return ROW_OF[msg] ? a->counts[ROW_OF[msg] - 1] : a->unknown;
}

uint64_t apf_strays(const struct apf *a) {
    return a->strays;
}

const char *apf_msg_name(uint8_t msg) {
    return ROW_OF[msg] ? MSGS[ROW_OF[msg] - 1].name : NULL;
}
