/* SPDX-License-Identifier: Apache-2.0 */
/* The WebSocket doors of sessions: what is refused before the upgrade, and old clients. */
#include "base/uuid.h"
#include "desk.h"

#define SOL "{\"kind\":\"sol\"}"

struct pass {
    char id[REDIR_SESSION_ID_CAP], ticket[SESSION_TICKET_CAP], path[DESK_PATH_CAP], protocol[128];
};
/* A session with a fresh ticket of another one than whatever is open. */
static void fresh(struct desk *d, struct pass *p, const char *body) {
    desk_session(d, "operator", body, p->id);
    desk_ticket(d, "operator", p->id, p->ticket);
    snprintf(p->path, sizeof p->path, "/v1/projects/default/compute/hosts/%s/sessions/%s/stream", d->host,
             p->id);
    snprintf(p->protocol, sizeof p->protocol, "outband.v1, ticket.%s", p->ticket);
}

static void expect(struct desk *d, const char *path, const char *protocol, const char *more, int status,
                   const char *text) {
    struct viewer v;
    viewer_ask(&v, d, path, protocol, more);
    if (v.status != status || (text && !strstr(buf_cstr(&v.head), text)))
        fail_msg("wanted %d \"%s\" for %s %s %s, got %s", status, text ? text : "", path,
                 protocol ? protocol : "-", more, buf_cstr(&v.head));
    if (status >= 400)
        assert_non_null(strstr(buf_cstr(&v.head), "application/problem+json"));
    viewer_free(&v);
}

static void what_is_refused_before_the_upgrade(void **s) {
    static const struct {
        const char *more;
        int status;
        const char *text;
    } v[] = {
        {"Upgrade: h2c\r\n", 426, "\"field\":\"Upgrade\""},
        {"Upgrade: \r\n", 426, "\"field\":\"Upgrade\""},
        {"Connection: keep-alive\r\n", 426, "\"field\":\"Upgrade\""},
        {"Sec-WebSocket-Version: 8\r\n", 426, "Sec-WebSocket-Version: 13\r\n"},
        {"Sec-WebSocket-Version: 130\r\n", 426, "Sec-WebSocket-Version: 13\r\n"},
        {"Sec-WebSocket-Key: c2hvcnQ=\r\n", 400, "\"field\":\"Sec-WebSocket-Key\""},
        {"Sec-WebSocket-Key: !!!\r\n", 400, "\"field\":\"Sec-WebSocket-Key\""},
        {"Origin: https://evil.example\r\n", 403, "\"field\":\"Origin\""},
        {"Origin: http://test\r\n", 403, "\"field\":\"Origin\""},
        {"Origin: https://test.evil.example\r\n", 403, "\"field\":\"Origin\""},
        {"Origin: https://tes\r\n", 403, "\"field\":\"Origin\""},
        {"Origin: null\r\n", 403, "\"field\":\"Origin\""},
        {"Sec-WebSocket-Protocol: \r\n", 400, "outband.v1"},
        {"Sec-WebSocket-Protocol: outband.v2\r\n", 400, "outband.v1"},
        {"Sec-WebSocket-Protocol: outband.v1\r\n", 401, "missing or malformed"},
        {"Sec-WebSocket-Protocol: outband.v1, ticket.\r\n", 401, "missing or malformed"},
        {"Sec-WebSocket-Protocol: outband.v1, ticket.00\r\n", 401, "not valid"},
    };
    struct desk d;
    struct pass p;
    desk_open(&d, 1);
    fresh(&d, &p, SOL);
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        expect(&d, p.path, p.protocol, v[i].more, v[i].status, v[i].text);
    /* headers that are absent altogether */
    struct viewer raw;
    char request[DESK_PATH_CAP * 2];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", p.path);
    viewer_dial(&raw, &d, request);
    assert_int_equal(raw.status, 426);
    viewer_free(&raw);
    /* a long ticket, and one with a digit changed */
    char more[DESK_PATH_CAP], mangled[SESSION_TICKET_CAP];
    snprintf(more, sizeof more, "Sec-WebSocket-Protocol: outband.v1, ticket.%s0\r\n", p.ticket);
    expect(&d, p.path, NULL, more, 401, "malformed");
    snprintf(mangled, sizeof mangled, "%s", p.ticket);
    mangled[63] = mangled[63] == '0' ? '1' : '0';
    snprintf(more, sizeof more, "Sec-WebSocket-Protocol: outband.v1, ticket.%s\r\n", mangled);
    expect(&d, p.path, NULL, more, 401, "not valid");
    /* none of this has used the ticket up; this server's own page may use it */
    expect(&d, p.path, p.protocol, "Origin: https://test\r\n", 101, "Sec-WebSocket-Protocol: outband.v1\r\n");
    expect(&d, p.path, p.protocol, "", 401, "used already");
    desk_close(&d);
}

static void a_ticket_is_of_one_session(void **s) {
    struct desk d;
    struct pass sol, ider;
    char path[DESK_PATH_CAP];
    desk_open(&d, 1);
    fresh(&d, &sol, SOL);
    fresh(&d, &ider, "{\"kind\":\"ider\"}");
    expect(&d, sol.path, ider.protocol, "", 401, "belongs to another session");
    snprintf(path, sizeof path, "/v1/projects/default/compute/hosts/%s/sessions/ses-000000000000/stream",
             d.host);
    expect(&d, path, sol.protocol, "", 401, "not valid");
    /* another host, another project: not found as anywhere else */
    snprintf(path, sizeof path, "/v1/projects/default/compute/hosts/host-00000000/sessions/%s/stream",
             sol.id);
    expect(&d, path, sol.protocol, "", 404, "host");
    snprintf(path, sizeof path, "/v1/projects/other/compute/hosts/%s/sessions/%s/stream", d.host, sol.id);
    expect(&d, path, sol.protocol, "", 404, "host");
    /* the same by the host's name; the newest ticket is the one */
    struct pass again = sol;
    desk_ticket(&d, "operator", sol.id, again.ticket);
    expect(&d, sol.path, sol.protocol, "", 401, "not valid");
    snprintf(again.protocol, sizeof again.protocol, "ticket.%s ,outband.v1", again.ticket);
    snprintf(path, sizeof path, "/v1/projects/default/compute/hosts/n1/sessions/%s/stream", sol.id);
    expect(&d, path, again.protocol, "", 101, NULL);
    /* time */
    desk_ticket(&d, "operator", ider.id, ider.ticket);
    snprintf(ider.protocol, sizeof ider.protocol, "outband.v1, ticket.%s", ider.ticket);
    desk_run(&d, 30001);
    expect(&d, ider.path, ider.protocol, "", 401, "has expired");
    desk_close(&d);
}

static void a_server_that_stops_takes_no_more(void **s) {
    struct desk d;
    struct pass p;
    desk_open(&d, 1);
    fresh(&d, &p, SOL);
    atomic_store(&d.g->app->draining, 1);
    expect(&d, p.path, p.protocol, "", 503, "Retry-After: 5");
    atomic_store(&d.g->app->draining, 0);
    desk_close(&d);
}

/* One that was let in just before is told to come again. */
static void a_viewer_arrives_while_the_server_stops(void **s) {
    struct desk d;
    struct pass p;
    struct viewer v;
    struct buf b = {0};
    desk_open(&d, 1);
    fresh(&d, &p, SOL);
    buf_putf(&b,
             "GET %s HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
             "Sec-WebSocket-Protocol: %s\r\n\r\n",
             p.path, p.protocol);
    /* until the ticket was taken, event by event: the arrival is on its way then */
    viewer_dial(&v, &d, "");
    assert_int_equal(stream_write(v.s, buf_slice(&b)), 0);
    while (desk_find(&d, p.id)->state == SESSION_READY)
        assert_true(sim_step(d.g->w));
    atomic_store(&d.g->app->draining, 1);
    desk_run(&d, 3000);
    assert_int_equal(v.status, 101);
    assert_int_equal(v.code, 1012);
    assert_true(v.ended);
    assert_string_equal(desk_state(&d, p.id), "interrupted server-stop");
    assert_int_equal(desk_relays(&d), 0);
    viewer_free(&v);
    buf_free(&b);
    desk_close(&d);
}

/* RFC 6455 4.1: a client waits for the answer. One that does not loses its connection, not its session. */
static void bytes_before_the_answer(void **s) {
    struct desk d;
    struct pass p;
    struct viewer v;
    struct buf b = {0};
    desk_open(&d, 1);
    fresh(&d, &p, SOL);
    buf_putf(&b,
             "GET %s HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
             "Sec-WebSocket-Protocol: %s\r\n\r\n\x82\x81",
             p.path, p.protocol);
    viewer_dial(&v, &d, buf_cstr(&b));
    assert_true(viewer_ends(&v, 100));
    assert_string_equal(desk_state(&d, p.id), "interrupted viewer-lost");
    viewer_free(&v);
    viewer_open(&v, &d, "operator", p.id);
    viewer_free(&v);
    buf_free(&b);
    desk_close(&d);
}

/* A client that leaves between its request and the answer. */
static void gone_before_the_answer(void **s) {
    struct desk d;
    desk_open(&d, 1);
    for (int steps = 1; steps < 40; steps++) {
        struct pass p;
        struct viewer v;
        struct buf b = {0};
        fresh(&d, &p, SOL);
        buf_putf(&b,
                 "GET %s HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 "Sec-WebSocket-Protocol: %s\r\n\r\n",
                 p.path, p.protocol);
        viewer_dial(&v, &d, "");
        assert_int_equal(stream_write(v.s, buf_slice(&b)), 0);
        for (int i = 0; i < steps; i++)
            sim_step(d.g->w);
        stream_abort(v.s);
        desk_run(&d, 200);
        const struct session *found = desk_find(&d, p.id);
        assert_true(found->state == SESSION_READY || found->state == SESSION_INTERRUPTED);
        assert_false(found->device_open);
        assert_int_equal(desk_relays(&d), 0);
        viewer_free(&v);
        buf_free(&b);
    }
    desk_close(&d);
}

/* --- old clients --- */

static void relay_path(char out[DESK_PATH_CAP], const char *host, const char *mode) {
    snprintf(out, DESK_PATH_CAP, "/relay/webrelay.ashx?p=2&host=%s&port=16994&tls=0&tls1only=0&mode=%s", host,
             mode);
}

static void the_host_of_an_old_client(void **s) {
    struct desk d;
    struct pass p;
    char path[DESK_PATH_CAP], uuid[UUID_TEXT_CAP];
    desk_open(&d, 1);
    fresh(&d, &p, SOL);
    /* bad requests use nothing up */
    static const char *const bad[][2] = {
        {"p=1&host=%s&mode=sol", "p=2"},
        {"p=two&host=%s&mode=sol", NULL},
        {"p=2&host=%s&mode=vnc", "mode is one of"},
        {"p=2&host=%s", "mode is one of"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf b = {0};
        buf_puts(&b, "/relay/webrelay.ashx?");
        const char *at = strstr(bad[i][0], "%s");
        buf_put(&b, slice_of(bad[i][0], (size_t)(at - bad[i][0])));
        buf_puts(&b, d.host);
        buf_puts(&b, at + 2);
        expect(&d, buf_cstr(&b), p.ticket, "", 400, bad[i][1]);
        buf_free(&b);
    }
    relay_path(path, "host-00000000", "sol");
    expect(&d, path, p.ticket, "", 404, "no host");
    relay_path(path, "01234567-89ab-cdef-0123-456789abcdef", "sol");
    expect(&d, path, p.ticket, "", 404, "no host");
    relay_path(path, "", "sol");
    expect(&d, path, p.ticket, "", 400, "\"field\":\"host\"");
    relay_path(path, d.host, "sol");
    expect(&d, path, NULL, "", 401, "missing or malformed");
    expect(&d, path, "outband.v1", "", 401, "not valid");
    expect(&d, path, p.ticket, "Origin: https://evil.example\r\n", 403, "Origin");
    relay_path(path, d.host, "kvm"); /* another kind */
    expect(&d, path, p.ticket, "", 401, "not valid");
    /* by each of its names; the ticket is echoed */
    struct uuid amt = desk_host(&d)->h.seen_uuid;
    assert_false(uuid_is_nil(amt));
    const struct uuid smbios = {
        {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 9, 10, 11, 12, 13, 14, 15, 16}};
    desk_host(&d)->h.smbios_uuid = smbios;
    const struct uuid names[] = {amt, uuid_swap(amt), smbios, uuid_swap(smbios)};
    for (size_t i = 0; i <= sizeof names / sizeof *names; i++) {
        char want[128];
        if (i)
            fresh(&d, &p, SOL);
        relay_path(path, i < 4 ? uuid_text(names[i], uuid) : d.host, "sol");
        snprintf(want, sizeof want, "Sec-WebSocket-Protocol: %s\r\n", p.ticket);
        expect(&d, path, p.ticket, "", 101, want);
        desk_run(&d, 100);
    }
    /* two hosts with one UUID: which is meant cannot be told */
    fresh(&d, &p, SOL);
    rig_host(d.g, "other", "twin");
    struct directory_entry e;
    assert_int_equal(directory_by_name(d.g->app->directory, "other", "twin", &e), 0);
    fleet_host_find(app_shard_of(d.g->app, e.id), e.id)->h.amt_uuid = amt;
    relay_path(path, uuid_text(amt, uuid), "sol");
    expect(&d, path, p.ticket, "", 409, "2 hosts");
    relay_path(path, d.host, "sol");
    expect(&d, path, p.ticket, "", 101, NULL);
    desk_close(&d);
}

static void old_client(struct viewer *v, struct desk *d, const char *kind, const char *body,
                       char id[REDIR_SESSION_ID_CAP]) {
    struct pass p;
    char path[DESK_PATH_CAP];
    fresh(d, &p, body);
    memcpy(id, p.id, sizeof p.id);
    relay_path(path, d->host, kind);
    viewer_ask(v, d, path, p.ticket, "");
    assert_int_equal(v->status, 101);
    if (v->code)
        fail_msg("%u %s", v->code, v->reason);
}

/* Send bytes as text or binary, in pieces of n. */
static void put_bytes(struct viewer *v, struct slice in, size_t n, bool text) {
    for (; in.n; in = slice_skip(in, n)) {
        struct slice piece = slice_head(in, n);
        if (!text) {
            viewer_send(v, piece);
            continue;
        }
        struct buf b = {0};
        for (size_t i = 0; i < piece.n; i++) {
            uint8_t c = piece.p[i], two[2] = {(uint8_t)(0xc0 | c >> 6), (uint8_t)(0x80 | (c & 0x3f))};
            buf_put(&b, c < 0x80 ? slice_of(&c, 1) : slice_of(two, 2));
        }
        assert_int_equal(ws_text(v->ws, buf_slice(&b)), 0);
        buf_free(&b);
        viewer_send(v, SLICE_EMPTY);
    }
}

static bool has_bytes(struct viewer *v, size_t n, int64_t ms) {
    for (int64_t at = 0; v->data.len < n && at < ms; at += 20)
        desk_run(v->d, 20);
    return v->data.len >= n;
}

static const uint8_t LOGIN_QUERY[9] = {0x13},
                     LOGIN_START[] = {0x13, 0,   0,   0,   4,   0x20, 0,   0,   0,   5,   'n', 'o', 'n', 'e',
                                      '!',  0,   0,   19,  '/', 'R',  'e', 'd', 'i', 'r', 'e', 'c', 't', 'i',
                                      'o',  'n', 'S', 'e', 'r', 'v',  'i', 'c', 'e', 0,   0,   0,   0};

/* A digest answer for any password: nobody checks it here. */
static size_t digest_answer(uint8_t out[200], struct viewer *v) {
    static const char hex[] = "0123456789abcdef0123456789abcdef";
    struct slice challenge = slice_skip(buf_slice(&v->data), v->data.len - 78 - 9);
    assert_int_equal(challenge.p[0], 0x14);
    assert_int_equal(challenge.p[1], 1);
    size_t n = 9;
    const struct slice fields[] = {SLICE_LIT("admin"),
                                   slice_of(challenge.p + 10, 39),
                                   slice_of(challenge.p + 50, 32),
                                   SLICE_LIT("/RedirectionService"),
                                   SLICE_LIT("0a1b2c3d4e"),
                                   SLICE_LIT("00000002"),
                                   slice_str(hex),
                                   SLICE_LIT("auth")};
    memset(out, 0, 9);
    out[0] = 0x13;
    out[4] = 4;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        out[n++] = (uint8_t)fields[i].n;
        memcpy(out + n, fields[i].p, fields[i].n);
        n += fields[i].n;
    }
    out[5] = (uint8_t)(n - 9);
    return n;
}

static void speak_login(struct viewer *v, const char *magic, uint8_t flag, size_t cut, bool text) {
    uint8_t start[8] = {0x10, flag}, answer[200];
    memcpy(start + 4, magic, 4);
    put_bytes(v, slice_of(start, 8), cut, text);
    assert_true(has_bytes(v, 13, 3000));
    assert_int_equal(buf_slice(&v->data).p[0], 0x11);
    assert_int_equal(buf_slice(&v->data).p[1], 0);
    buf_clear(&v->data);
    put_bytes(v, slice_of(LOGIN_QUERY, sizeof LOGIN_QUERY), cut, text);
    assert_true(has_bytes(v, 10, 1000));
    buf_clear(&v->data);
    put_bytes(v, slice_of(LOGIN_START, sizeof LOGIN_START), cut, text);
    assert_true(has_bytes(v, 9 + 78, 1000));
    size_t n = digest_answer(answer, v);
    buf_clear(&v->data);
    put_bytes(v, slice_of(answer, n), cut, text);
    assert_true(has_bytes(v, 9, 1000));
    assert_memory_equal(buf_slice(&v->data).p, "\x14\0\0\0\4\0\0\0\0", 9);
    buf_clear(&v->data);
}

static void an_old_client_of_sol(void **s) {
    static const uint8_t open[24] = {0x20, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x27, 100, 0, 0, 0, 0x10, 0x27, 100};
    static const uint8_t type[] = {0x28, 0, 0, 0, 1, 0, 0, 0, 1, 0, '\r'};
    static const size_t cuts[] = {1, 7, 1000};
    struct desk d;
    desk_open(&d, 1);
    for (int i = 0; i < 6; i++) {
        struct viewer v;
        char id[REDIR_SESSION_ID_CAP];
        bool text = i & 1;
        size_t cut = cuts[i / 2];
        old_client(&v, &d, "sol", SOL, id);
        speak_login(&v, "SOL ", 0, cut, text);
        assert_string_equal(desk_state(&d, id), "active");
        put_bytes(&v, slice_of(open, sizeof open), cut, text);
        assert_true(has_bytes(&v, 23, 1000));
        assert_int_equal(buf_slice(&v.data).p[0], 0x21);
        put_bytes(&v, slice_of(type, sizeof type), cut, text);
        bool said = false;
        for (int k = 0; k < 50 && !said; k++) {
            desk_run(&d, 20);
            said = v.data.len > 40 && memmem(buf_slice(&v.data).p, v.data.len, "login: ", 7);
        }
        assert_true(said);
        assert_int_equal(v.notes.len, 0); /* it would not know what they are */
        viewer_leave(&v, 1000);
        assert_true(viewer_ends(&v, 3000));
        viewer_free(&v);
        assert_string_equal(desk_state(&d, id), "ended closed");
    }
    desk_close(&d);
}

/* What a client may not do, and what it is told. */
static void an_old_client_that_errs(void **s) {
    static const struct {
        const char *bytes;
        size_t n;
        const char *text;
    } v[] = {
        {"\x20\0\0\0", 4, "before its login"},
        {"\x10\1\0\0KVMR", 8, "another kind of session"},
        {"\x12\0\0\0", 4, "ended the session"},
    };
    struct desk d;
    desk_open(&d, 0);
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        struct viewer w;
        char id[REDIR_SESSION_ID_CAP];
        old_client(&w, &d, "sol", SOL, id);
        viewer_send(&w, slice_of(v[i].bytes, v[i].n));
        assert_true(viewer_ends(&w, 5000));
        assert_int_equal(w.code, 4012);
        if (!strstr(w.reason, v[i].text))
            fail_msg("%s", w.reason);
        assert_string_equal(desk_state(&d, id), "ended protocol");
        viewer_free(&w);
    }
    desk_close(&d);
}

static uint64_t bytes_in(struct desk *d, const char *kind) {
    struct buf b = {0};
    char name[16];
    snprintf(name, sizeof name, " %s ", kind);
    assert_int_equal(sim_node_sessions_describe(d->node, &b), 0);
    const char *line = strstr(buf_cstr(&b), name), *at = line ? strstr(line, "bytes-in=") : NULL;
    assert_non_null(at);
    uint64_t n = strtoull(at + 9, NULL, 10);
    buf_free(&b);
    return n;
}

/* KVM of an old client: its input counts against the idle clock, and a view-only session stays one. */
static void an_old_client_of_kvm(void **s) {
    static const uint8_t open[8] = {0x40}, key[8] = {4, 1, 0, 0, 0, 0, 0, 'a'};
    struct desk d;
    desk_open(&d, 1);
    sim_node_consent_policy(d.node, 0);
    sim_node_kvm_still(d.node, true);
    d.g->app->policy.kvm_idle_ms = 60000;
    for (int view_only = 0; view_only < 2; view_only++) {
        struct viewer v;
        char id[REDIR_SESSION_ID_CAP];
        old_client(&v, &d, "kvm", view_only ? "{\"kind\":\"kvm\",\"viewOnly\":true}" : "{\"kind\":\"kvm\"}",
                   id);
        speak_login(&v, "KVMR", 1, 3, true);
        put_bytes(&v, slice_of(open, 8), 5, false);
        assert_true(has_bytes(&v, 8 + 12, 1000));
        assert_memory_equal(buf_slice(&v.data).p, "\x41\0\0\0\0\0\0\0RFB 003.008\n", 20);
        viewer_type(&v, "RFB 003.008\n");
        viewer_type(&v, "\1\1");
        assert_true(has_bytes(&v, 60, 1000));
        uint64_t before = bytes_in(&d, "kvm");
        desk_run(&d, 50000);
        viewer_send(&v, slice_of(key, 8));
        desk_run(&d, 1000);
        assert_int_equal(bytes_in(&d, "kvm") - before, view_only ? 0 : 8);
        desk_run(&d, 20000);
        assert_string_equal(desk_state(&d, id), view_only ? "ended idle" : "active");
        viewer_free(&v);
        desk_run(&d, 200);
    }
    desk_close(&d);
}

UNIT_MAIN(T(what_is_refused_before_the_upgrade), T(a_ticket_is_of_one_session),
          T(a_server_that_stops_takes_no_more), T(a_viewer_arrives_while_the_server_stops),
          T(bytes_before_the_answer), T(gone_before_the_answer), T(the_host_of_an_old_client),
          T(an_old_client_of_sol), T(an_old_client_that_errs), T(an_old_client_of_kvm))
