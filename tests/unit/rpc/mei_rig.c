/* SPDX-License-Identifier: Apache-2.0 */
#include "mei_rig.h"

#include "unit.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum kind { KIND_NEW, KIND_PTHI, KIND_LME, KIND_WD };
struct rig_conn {
    int fd;
    enum kind kind;
    struct buf in;
    struct apf *apf;
    struct tls *tls;    /* of the open channel; NULL: in the clear */
    struct buf request; /* of the open channel */
    bool closing;       /* the channel, once all of the answer is out */
    uint32_t chan;
};

static void put_frame(struct rig_conn *c, struct slice msg) {
    uint8_t head[4];
    struct wr w = wr_of(head, sizeof head);
    wr_le32(&w, (uint32_t)msg.n);
    /* the other end may be gone already: its reader tells */
    if (send(c->fd, head, sizeof head, MSG_NOSIGNAL) == sizeof head && msg.n)
        (void)!send(c->fd, msg.p, msg.n, MSG_NOSIGNAL);
}

/* --- PTHI --- */

static bool body_of(struct mei_rig *r, const struct pthi_request *rq, struct wr *w, uint32_t *status) {
    uint32_t arg = 0;
    (void)pthi_get_u32(rq->data, &arg);
    switch (rq->cmd) {
    case PTHI_CMD_CODE_VERSIONS:
        pthi_put_versions(w, &r->versions);
        break;
    case PTHI_CMD_UUID:
        pthi_put_uuid(w, r->uuid);
        break;
    case PTHI_CMD_CONTROL_MODE:
        pthi_put_u32(w, r->control_mode);
        break;
    case PTHI_CMD_PROVISIONING_STATE:
        pthi_put_u32(w, r->provisioning_state);
        break;
    case PTHI_CMD_DNS_SUFFIX:
        pthi_put_text(w, "example.com");
        break;
    case PTHI_CMD_POWER_POLICY:
        pthi_put_text(w, "ON in S0, ME Wake in S3");
        break;
    case PTHI_CMD_RAS_STATUS:
        pthi_put_ras(w, &r->ras);
        break;
    case PTHI_CMD_LOCAL_ACCOUNT:
        pthi_put_account(w, &r->account);
        break;
    case PTHI_CMD_LAN_SETTINGS:
        if (arg != PTHI_LAN_WIRED)
            *status = PTHI_STATUS_NOT_FOUND;
        else
            pthi_put_lan(w, &r->wired);
        break;
    case PTHI_CMD_HASH_HANDLES: {
        struct pthi_handles h = {.n = r->nhashes, .all = {1, 2, 3}};
        pthi_put_handles(w, &h);
        break;
    }
    case PTHI_CMD_HASH_ENTRY:
        if (arg == 0 || arg > r->nhashes)
            *status = PTHI_STATUS_INVALID_HANDLE;
        else
            pthi_put_hash(w, &r->hashes[arg - 1]);
        break;
    case PTHI_CMD_UNPROVISION:
        if (r->control_mode == 2)
            *status = PTHI_STATUS_INVALID_MODE;
        else {
            r->control_mode = r->provisioning_state = 0;
            r->unprovisions++;
        }
        break;
    case PTHI_CMD_STOP_CONFIGURATION:
        if (r->provisioning_state != 1)
            *status = PTHI_STATUS_INVALID_MODE;
        else {
            r->provisioning_state = 0;
            r->stops++;
        }
        break;
    default:
        return false;
    }
    return true;
}

/* False: hang up. */
static bool pthi(struct mei_rig *r, struct rig_conn *c, struct slice msg) {
    struct pthi_request rq;
    uint8_t body[4096], out[5000];
    if (pthi_get_request(msg, &rq) < 0)
        return false;
    if (++r->pthi_requests == r->hang_up_after)
        return false;
    struct wr b = wr_of(body, sizeof body), w = wr_of(out, sizeof out);
    uint32_t status = rq.status;
    if (rq.cmd < PTHI_CMD_COUNT && r->mute[rq.cmd])
        return true;
    if (status == 0 && rq.cmd < PTHI_CMD_COUNT && r->status[rq.cmd])
        status = r->status[rq.cmd];
    if (status == 0 && !body_of(r, &rq, &b, &status))
        status = PTHI_STATUS_INVALID_PARAMETER;
    bool odd = rq.cmd < PTHI_CMD_COUNT && r->odd[rq.cmd];
    pthi_put_response(&w, odd ? rq.command ^ 1 : rq.command, status, wr_done(&b));
    put_frame(c, wr_done(&w));
    return true;
}

static bool wd(struct mei_rig *r, struct rig_conn *c, struct slice msg) {
    struct wd_request rq;
    uint8_t out[WD_MSG_MAX];
    struct wr w = wr_of(out, sizeof out);
    if (wd_get_request(msg, &rq) < 0)
        return false;
    if (rq.set)
        wd_put_enable_status(&w, 0);
    else
        wd_put_state(&w, r->wd_flags);
    put_frame(c, wr_done(&w));
    return true;
}

/* --- LME --- */

/* Records of its TLS. */
static void push(struct rig_conn *c, uint32_t chan) {
    struct buf *out = tls_output(c->tls);
    assert_int_equal(apf_send(c->apf, chan, buf_slice(out)), 0);
    buf_clear(out);
}

static void put_answer(struct rig_conn *c, uint32_t chan, const char *text) {
    if (!c->tls) {
        assert_int_equal(apf_send(c->apf, chan, slice_str(text)), 0);
        return;
    }
    assert_int_equal(tls_write(c->tls, slice_str(text)), 0);
    push(c, chan);
}

/* False: no TLS came. */
static bool through_tls(struct rig_conn *c, uint32_t chan, struct slice data) {
    int rc = tls_input(c->tls, data, &c->request);
    push(c, chan);
    return rc == 0;
}

static void answer_http(struct mei_rig *r, struct rig_conn *c, uint32_t chan) {
    struct slice rq = buf_slice(&c->request);
    bool whole = rq.n >= 5 && memcmp(rq.p + rq.n - 5, "0\r\n\r\n", 5) == 0;
    if ((!whole && !memmem(rq.p, rq.n, "\r\n\r\n", 4)) || r->nanswers == 0)
        return;
    if (memmem(rq.p, rq.n, "chunked", 7) && !whole)
        return;
    buf_clear(&c->request);
    size_t i = r->channels ? r->channels - 1 : 0;
    const char *a = r->answers[i < r->nanswers ? i : r->nanswers - 1];
    put_answer(c, chan, a);
    c->closing = !r->keep_open;
    c->chan = chan;
}

static void lme_event(struct mei_rig *r, struct rig_conn *c, const struct apf_ev *ev) {
    static const uint32_t ports[] = {16992, 623, 16993, 664};
    const struct apf_login login = {.uuid = r->uuid, .trigger = 1, .ports = ports, .nports = 4};
    if (ev->kind == APF_EV_VERSION)
        assert_int_equal(apf_login(c->apf, &login), 0);
    if (ev->kind == APF_EV_OPEN) {
        r->channels++;
        buf_clear(&c->request);
        tls_free(&c->tls);
        c->tls = r->tls ? tls_new(r->tls, true, NULL) : NULL;
        (void)!apf_accept(c->apf, ev->chan, NULL);
    }
    if (ev->kind != APF_EV_DATA)
        return;
    buf_put(&r->heard, ev->data);
    size_t n = ev->data.n;
    if (r->echo) {
        assert_int_equal(apf_send(c->apf, ev->chan, ev->data), 0);
    } else if (c->tls) {
        if (through_tls(c, ev->chan, ev->data) && c->request.len)
            answer_http(r, c, ev->chan);
    } else {
        buf_put(&c->request, ev->data);
        answer_http(r, c, ev->chan);
    }
    apf_consumed(c->apf, ev->chan, n);
}

static bool lme(struct mei_rig *r, struct rig_conn *c, struct slice msg) {
    struct apf_ev ev;
    int rc;
    while ((rc = apf_input(c->apf, &msg, (struct mono){0}, &ev)) == 1)
        lme_event(r, c, &ev);
    if (c->closing && apf_room(c->apf, c->chan) >= APF_LIMITS_DEFAULT.queue_bytes) {
        c->closing = false;
        apf_close(c->apf, c->chan);
    }
    for (struct slice out; (out = apf_output(c->apf)).n;) {
        put_frame(c, out);
        apf_sent(c->apf, out.n);
    }
    return rc == 0;
}

/* --- connections --- */

static bool greet(struct mei_rig *r, struct rig_conn *c, struct slice msg) {
    static const char *const guids[] = {
        [KIND_PTHI] = MEI_GUID_PTHI, [KIND_LME] = MEI_GUID_LME, [KIND_WD] = MEI_GUID_WD};
    struct uuid wire, known;
    if (msg.n != sizeof wire.b)
        return false;
    memcpy(wire.b, msg.p, sizeof wire.b);
    for (int k = KIND_PTHI; k <= KIND_WD; k++)
        if (uuid_parse(slice_str(guids[k]), &known) && uuid_eq(known, uuid_swap(wire)))
            c->kind = (enum kind)k;
    if (c->kind == KIND_NEW || (c->kind == KIND_PTHI && r->no_pthi) || (c->kind == KIND_WD && r->no_wd)) {
        put_frame(c, SLICE_EMPTY);
        return false;
    }
    if (c->kind == KIND_LME) {
        c->apf = apf_new(APF_FIRMWARE, &APF_LIMITS_DEFAULT);
        r->lme_sessions++;
    }
    uint8_t out[5];
    struct wr w = wr_of(out, sizeof out);
    wr_le32(&w, r->message_max ? r->message_max : 4096);
    wr_u8(&w, 1);
    put_frame(c, wr_done(&w));
    return true;
}

static bool message(struct mei_rig *r, struct rig_conn *c, struct slice msg) {
    static bool (*const by_kind[])(struct mei_rig *, struct rig_conn *, struct slice) = {greet, pthi, lme,
                                                                                         wd};
    return by_kind[c->kind](r, c, msg);
}

static void conn_end(struct mei_rig *r, int i) {
    struct rig_conn *c = r->conns[i];
    close(c->fd);
    apf_free(&c->apf);
    tls_free(&c->tls);
    buf_free(&c->in);
    buf_free(&c->request);
    free(c);
    r->conns[i] = NULL;
}

static void conn_read(struct mei_rig *r, int i) {
    struct rig_conn *c = r->conns[i];
    uint8_t *room = buf_room(&c->in, 8192);
    ssize_t n = read(c->fd, room, 8192);
    if (n <= 0) {
        conn_end(r, i);
        return;
    }
    buf_commit(&c->in, (size_t)n);
    while (c->in.len >= 4) {
        struct rd rd = rd_of(buf_slice(&c->in));
        uint32_t len = rd_le32(&rd);
        if (c->in.len < 4 + (size_t)len)
            return;
        uint8_t *copy = malloc(len + 1u);
        memcpy(copy, rd_take(&rd, len).p, len);
        buf_consume(&c->in, 4 + (size_t)len);
        bool goes_on = message(r, c, slice_of(copy, len));
        free(copy);
        if (!goes_on) {
            conn_end(r, i);
            return;
        }
    }
}

static void *serve(void *arg) {
    struct mei_rig *r = arg;
    for (;;) {
        struct pollfd p[RIG_CONNS_MAX + 2];
        p[0] = (struct pollfd){.fd = r->stop_fd[0], .events = POLLIN};
        p[1] = (struct pollfd){.fd = r->listen_fd, .events = POLLIN};
        for (int i = 0; i < RIG_CONNS_MAX; i++)
            p[i + 2] = (struct pollfd){.fd = r->conns[i] ? r->conns[i]->fd : -1, .events = POLLIN};
        poll(p, RIG_CONNS_MAX + 2, -1);
        if (p[0].revents)
            return NULL;
        for (int i = 0; i < RIG_CONNS_MAX; i++)
            if (p[i + 2].revents)
                conn_read(r, i);
        for (int i = 0; p[1].revents && i < RIG_CONNS_MAX; i++)
            if (!r->conns[i]) {
                r->conns[i] = calloc(1, sizeof **r->conns);
                r->conns[i]->fd = accept(r->listen_fd, NULL, NULL);
                break;
            }
    }
}

void mei_rig_init(struct mei_rig *r) {
    static unsigned count;
    *r = (struct mei_rig){
        .versions = {.bios = "BIOS 1.0",
                     .n = 3,
                     .all = {{"AMT", "16.1.25"}, {"Sku", "16392"}, {"Build Number", "2124"}}},
        .wired = {true, true, true, 0xC0A80102, 1, {0x02, 0xae, 0xdd, 0x70, 0x37, 0xea}},
        .ras = {.network = 2, .state = 0, .trigger = 0},
        .nhashes = 2,
        .hashes = {{true, true, {0xe7, 0x68}, PTHI_ALG_SHA256, "Root One"},
                   {true, false, {0x11}, PTHI_ALG_SHA1, "Root Two"}},
        .account = {"$$OsAdmin", "very-secret-local-password"},
        .wd_flags = WD_AMT_ENABLED | WD_NEW_INTERFACE,
    };
    assert_true(uuid_parse(SLICE_LIT("55e3ae13-bfd2-61bb-17a0-88aedd7037ea"), &r->uuid));
    snprintf(r->path, sizeof r->path, "/tmp/outband-rpc-%d-%u.sock", (int)getpid(), count++);
    snprintf(r->where, sizeof r->where, "unix:%s", r->path);
}

void mei_rig_start(struct mei_rig *r) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, r->path, sizeof at.sun_path);
    r->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(r->listen_fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(r->listen_fd, 16), 0);
    assert_int_equal(pipe(r->stop_fd), 0);
    assert_int_equal(pthread_create(&r->thread, NULL, serve, r), 0);
}

void mei_rig_stop(struct mei_rig *r) {
    assert_int_equal(write(r->stop_fd[1], "x", 1), 1);
    pthread_join(r->thread, NULL);
    for (int i = 0; i < RIG_CONNS_MAX; i++)
        if (r->conns[i])
            conn_end(r, i);
    close(r->listen_fd);
    close(r->stop_fd[0]);
    close(r->stop_fd[1]);
    unlink(r->path);
    buf_free(&r->heard);
}
