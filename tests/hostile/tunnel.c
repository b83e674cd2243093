/* SPDX-License-Identifier: Apache-2.0 */
/* The well-behaved part of a bad device: login, channels, complete requests; and the messages by hand. */
#include "hostile.h"

#include <stdarg.h>

/* --- messages by hand --- */

static void check(int r) {
    if (r < 0)
        abort();
}
void put_u8(struct buf *b, uint8_t v) {
    check(buf_put(b, slice_of(&v, 1)));
}
void put_be32(struct buf *b, uint32_t v) {
    uint8_t mem[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    check(buf_put(b, slice_of(mem, 4)));
}
void put_str(struct buf *b, struct slice s) {
    put_be32(b, (uint32_t)s.n);
    check(buf_put(b, s));
}
void put_u32s(struct buf *b, uint8_t type, unsigned n, ...) {
    va_list ap;
    va_start(ap, n);
    put_u8(b, type);
    for (unsigned i = 0; i < n; i++)
        put_be32(b, va_arg(ap, uint32_t));
    va_end(ap);
}
void put_version(struct buf *b) {
    uint8_t rest[16 + 64] = {0x55};
    put_u32s(b, 192, 3, 1u, 0u, 4u);
    check(buf_put(b, slice_of(rest, sizeof rest)));
}
void put_service(struct buf *b, const char *name) {
    put_u8(b, 5);
    put_str(b, slice_str(name));
}
void put_auth(struct buf *b, struct slice user, const char *service, const char *method,
              struct slice password) {
    put_u8(b, 50);
    put_str(b, user);
    put_str(b, slice_str(service));
    put_str(b, slice_str(method));
    if (password.p) {
        put_u8(b, 0);
        put_str(b, password);
    }
}
void put_forward(struct buf *b, const char *kind, struct slice address, uint32_t port) {
    put_u8(b, 80);
    put_str(b, slice_str(kind));
    put_u8(b, 1);
    put_str(b, address);
    put_be32(b, port);
}

/* --- the device role --- */

void tunnel_flush(struct peer *p) {
    for (struct slice out; p->apf && !p->ended && (out = apf_output(p->apf)).n > 0;) {
        if (!peer_send(p, slice_head(out, 16384)))
            return;
        apf_sent(p->apf, out.n < 16384 ? out.n : 16384);
    }
}

/* The request in b is whole: its MessageID, else 0. */
static unsigned whole_request(const struct buf *b) {
    struct slice s = buf_slice(b);
    const char *end = memmem(s.p, s.n, "\r\n\r\n", 4), *len = memmem(s.p, s.n, "Content-Length: ", 16),
               *id = memmem(s.p, s.n, "MessageID>", 10);
    if (!end || !len || !id)
        return 0;
    size_t head = (size_t)(end - (const char *)s.p) + 4;
    return s.n >= head + strtoul(len + 16, NULL, 10) ? (unsigned)strtoul(id + 10, NULL, 10) : 0;
}

static void on_request_bytes(struct peer *p, const struct apf_ev *ev) {
    uint32_t chan = ev->chan;
    struct buf *b = &p->request[chan % CHANS_MAX];
    if (b->len < REQUEST_MAX)
        check(buf_put(b, ev->data));
    apf_consumed(p->apf, chan, ev->data.n);
    unsigned id = whole_request(b);
    if (!id)
        return;
    struct slice rq = buf_slice(b);
    p->requests++;
    p->asks_consent = memmem(rq.p, rq.n, "IPS_OptInService", 16) != NULL;
    buf_free(b);
    if (p->kind->answer)
        p->kind->answer(p, chan, id);
}

static void usual_device(struct peer *p, const struct apf_ev *ev) {
    if (ev->kind == APF_EV_READY)
        p->up = true;
    if (ev->kind == APF_EV_AUTH_FAILED || ev->kind == APF_EV_DISCONNECT)
        p->denied = true;
    if (ev->kind == APF_EV_KEEPALIVE_REPLY)
        p->replied |= ev->cookie == 0xc0ffee;
    if (ev->kind == APF_EV_OPEN && ev->port == 16994) {
        p->redir_opens++;
        p->redir_chan = ev->chan;
        buf_free(&p->redir);
        if (!p->keep_redir)
            check(apf_accept(p->apf, ev->chan, p));
        return;
    }
    if (ev->user == p && ev->kind == APF_EV_CLOSED)
        p->redir_closes++;
    if (ev->user == p && ev->kind == APF_EV_DATA) {
        if (p->redir.len < GOT_MAX)
            check(buf_put(&p->redir, ev->data));
        apf_consumed(p->apf, ev->chan, ev->data.n);
        return;
    }
    if (ev->kind == APF_EV_OPEN) {
        p->opens++;
        p->last_chan = ev->chan;
        buf_free(&p->request[ev->chan % CHANS_MAX]);
        if (!p->no_accept)
            check(apf_accept(p->apf, ev->chan, NULL));
    }
    if (ev->kind == APF_EV_DATA)
        on_request_bytes(p, ev);
}

void tunnel_begin(struct peer *p) {
    struct apf_limits lim = APF_LIMITS_DEFAULT;
    lim.channels_max = 64;
    lim.output_bytes = 1 << 20;
    p->apf = apf_new(APF_DEVICE, &lim);
    p->on_event = usual_device;
}

bool tunnel_login(struct peer *p, const char *user, const char *password) {
    static const uint32_t ports[] = {16994, 16992};
    struct apf_login login = {.uuid = {{0x55, (uint8_t)p->index}},
                              .trigger = 4,
                              .user = user,
                              .password = password,
                              .ports = ports,
                              .nports = 2};
    tunnel_begin(p);
    check(apf_login(p->apf, &login));
    int64_t until = now_ms() + 8000;
    while (!p->ended && !p->denied && now_ms() < until && !apf_forwards(p->apf, 16992)) {
        tunnel_flush(p);
        peer_read(p, 100);
    }
    return apf_forwards(p->apf, 16992);
}

void tunnel_up(struct peer *p) {
    must(p, tunnel_login(p, p->user, p->password), "the login as %s failed%s", p->user,
         p->denied  ? " (denied)"
         : p->ended ? " (closed)"
                    : "");
}

bool tunnel_run(struct peer *p, int64_t ms) {
    int64_t until = now_ms() + ms;
    while (!p->ended && now_ms() < until) {
        tunnel_flush(p);
        peer_read(p, 20);
        struct apf_ev ev;
        while (p->apf && mono_due(apf_deadline(p->apf), (struct mono){now_ms() * 1000}) &&
               apf_tick(p->apf, (struct mono){now_ms() * 1000}, &ev) > 0)
            ;
    }
    tunnel_flush(p);
    return !p->ended;
}

void serve(struct peer *p) {
    p->until = now_ms() + 3500;
    while (!p->ended && now_ms() < p->until)
        tunnel_run(p, 50);
    must(p, p->requests > 0, "the server asked nothing");
}

bool chan_put(struct peer *p, uint32_t chan, struct slice s) {
    while (s.n && !p->ended && now_ms() < p->until) {
        size_t room = apf_room(p->apf, chan), n = s.n < room ? s.n : room;
        if (n == 0) {
            size_t open = apf_channels(p->apf);
            tunnel_run(p, 5);
            if (apf_room(p->apf, chan) == 0 && apf_channels(p->apf) < open)
                return false; /* closed by the server */
            continue;
        }
        if (apf_send(p->apf, chan, slice_head(s, n)) < 0)
            return false;
        s = slice_skip(s, n);
        tunnel_flush(p);
    }
    return s.n == 0;
}

bool chan_puts(struct peer *p, uint32_t chan, const char *s) {
    return chan_put(p, chan, slice_str(s));
}

void answer_soap(struct peer *p, uint32_t chan, unsigned id, const char *inner) {
    struct buf body = {0}, out = {0};
    buf_putf(
        &body,
        "<a:Envelope xmlns:a=\"http://www.w3.org/2003/05/soap-envelope\" "
        "xmlns:b=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" "
        "xmlns:n=\"http://schemas.xmlsoap.org/ws/2004/09/enumeration\" "
        "xmlns:g=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_AssociatedPowerManagementService\">"
        "<a:Header><b:RelatesTo>%u</b:RelatesTo><b:Action>"
        "http://schemas.xmlsoap.org/ws/2004/09/transfer/GetResponse</b:Action></a:Header><a:Body>",
        id);
    buf_puts(&body, inner);
    buf_puts(&body, "</a:Body></a:Envelope>");
    buf_putf(&out, "HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: %zu\r\n\r\n",
             body.len);
    check(buf_put(&out, buf_slice(&body)));
    chan_put(p, chan, buf_slice(&out));
    buf_free(&body);
    buf_free(&out);
}

void answer_healthy(struct peer *p, uint32_t chan, unsigned id) {
    if (!p->asks_consent) {
        answer_power(p, chan, id);
        return;
    }
    answer_soap(p, chan, id,
                "<o:IPS_OptInService xmlns:o=\"http://intel.com/wbem/wscim/1/ips-schema/1/IPS_OptInService\">"
                "<o:OptInRequired>0</o:OptInRequired><o:OptInState>0</o:OptInState></o:IPS_OptInService>");
}

void answer_power(struct peer *p, uint32_t chan, unsigned id) {
    answer_soap(p, chan, id,
                "<g:CIM_AssociatedPowerManagementService><g:PowerState>2</g:PowerState>"
                "</g:CIM_AssociatedPowerManagementService>");
}
