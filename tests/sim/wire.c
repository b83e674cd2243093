/* SPDX-License-Identifier: Apache-2.0 */
/* What is said over a session, and whether it arrives: the firmware's hooks tell what its side sends and
 * gets, the viewer what it gets and sends; neither is the server's word. */
#include "sessions.h"

#include "proto/redir_wire.h"

#include <assert.h>
#include <stdio.h>

enum { SOL_HEAD = 10, NUDGE_BYTES = 6 };

/* --- comparison --- */

static void due(struct flow *f, struct slice s) {
    int err = buf_put(&f->due, s);
    assert(err == 0);
    (void)err;
}

/* Is s what comes next? */
static bool arrive(struct flow *f, struct slice s) {
    bool good = s.n <= f->due.len && slice_eq(slice_head(buf_slice(&f->due), s.n), s);
    buf_consume(&f->due, s.n);
    f->bytes += s.n;
    return good;
}

/* --- the viewer's end --- */

void wire_flush(struct viewer *v) {
    struct slice out;
    while (v->stream && (out = ws_output(v->ws)).n && stream_write(v->stream, out) == 0)
        ws_sent(v->ws, out.n);
}

/* passes: the server hands it on (it takes a looker's input away). */
static void say(struct viewer *v, struct slice s, bool passes) {
    if (ws_binary(v->ws, s) < 0)
        return;
    if (passes)
        due(&v->up, s);
    wire_flush(v);
}

static void say_sol(struct viewer *v) {
    static const char *const lines[] = {"root\r", "secret\r", "count 40\r", "help\r", "echo a b c\r",
                                        "\x04",   "uptime\r", "sum\r",      "exit\r"};
    char line[32];
    int64_t pick = rng_range(&v->rng, 0, 13);
    if (pick == 13 && rng_chance(&v->rng, 100000))
        snprintf(line, sizeof line, "%s\r", rng_chance(&v->rng, 500000) ? "poweroff" : "reboot");
    else if (pick >= 9)
        snprintf(line, sizeof line, "flood %lld\r", (long long)rng_range(&v->rng, 100, 20000));
    else
        snprintf(line, sizeof line, "%s", lines[pick]);
    say(v, slice_str(line), true);
}

static void say_kvm(struct viewer *v) {
    static const uint8_t update[] = {3, 1, 0, 0, 0, 0, 0, 64, 0, 48};
    static const uint8_t press[] = {4, 1, 0, 0, 0, 0, 0, 'a'}, release[] = {4, 0, 0, 0, 0, 0, 0, 'a'};
    if (v->rfb_step < 4)
        return;
    say(v, slice_of(update, sizeof update), true);
    if (!v->lazy && rng_chance(&v->rng, 300000)) {
        say(v, slice_of(press, sizeof press), !v->view_only);
        say(v, slice_of(release, sizeof release), !v->view_only);
    }
}

static void push_ider(struct viewer *v) {
    struct slice out;
    while (v->ider && (out = ider_output(v->ider)).n) {
        say(v, out, true);
        ider_sent(v->ider, out.n);
    }
}

static void hear_ider(struct viewer *v, struct slice in) {
    static const uint8_t disk[8192];
    struct mono now = sim_now(v->ss->w->sim);
    struct ider_ev ev;
    int got = 0;
    while (v->ider && (got = ider_input(v->ider, &in, now, &ev)) > 0) {
        if (ev.kind == IDER_EV_READ && ider_data(v->ider, slice_of(disk, ev.n)) < 0)
            world_broken(v->ss->w, "IDE-R asks for %u bytes and does not take them", ev.n);
        push_ider(v);
    }
    if (got < 0)
        world_broken(v->ss->w, "IDE-R of node %u breaks: %s", v->of + 1, ider_error(v->ider));
    push_ider(v);
}

/* The handshake as it comes: banner, types, result, ServerInit; what follows is not looked into. */
static void hear_kvm(struct viewer *v) {
    static const uint8_t one = 1;
    static const uint8_t raw[] = {2, 0, 0, 1, 0, 0, 0, 0}, first[] = {3, 0, 0, 0, 0, 0, 0, 64, 0, 48};
    static const uint8_t wants[] = {12, 14, 18, 42};
    while (v->rfb_step < sizeof wants && v->down.bytes >= wants[v->rfb_step])
        switch (v->rfb_step++) {
        case 0:
            say(v, SLICE_LIT("RFB 003.008\n"), true);
            break;
        case 1:
        case 2:
            say(v, slice_of(&one, 1), true);
            break;
        default:
            say(v, slice_of(raw, sizeof raw), true);
            say(v, slice_of(first, sizeof first), true);
        }
}

void wire_say(struct viewer *v) {
    if (v->kind == REDIR_SOL)
        say_sol(v);
    else if (v->kind == REDIR_KVM)
        say_kvm(v);
    else if (v->ider && ider_tick(v->ider, sim_now(v->ss->w->sim)) < 0)
        viewer_drop(v); /* the firmware is silent */
    else
        push_ider(v);
}

void wire_hear(struct viewer *v, struct slice data) {
    struct world *w = v->ss->w;
    v->ss->w->tally.to_viewer += data.n;
    if (!v->opened)
        world_broken(w, "%s: %zu bytes came before the device's side was said to be open", v->session,
                     data.n);
    if (!arrive(&v->down, data))
        world_broken(w, "%s: the viewer's bytes up to %llu are not what the firmware sent", v->session,
                     (unsigned long long)v->down.bytes);
    if (v->kind == REDIR_KVM)
        hear_kvm(v);
    else if (v->kind == REDIR_IDER)
        hear_ider(v, data);
}

/* --- the firmware's end --- */

static struct viewer *numbered(struct sessions *ss, uint64_t number) {
    LIST_EACH (n, &ss->viewers) {
        struct viewer *v = CONTAINER_OF(n, struct viewer, node);
        if (v->number == number)
            return v;
    }
    return NULL;
}

static uint32_t index_of(const struct world *w, const struct sim_node *n) {
    uint32_t i = 0;
    while (w->nodes[i] != n)
        i++;
    return i;
}

static void bind(struct viewer *v, uint64_t number) {
    if (v->number && (v->down.bytes || v->up.bytes))
        world_broken(v->ss->w, "%s: the firmware opens a second session for one viewer", v->session);
    buf_free(&v->down.due);
    buf_free(&v->down.part);
    v->number = number;
    v->at_firmware = true;
}

void wire_session(void *ctx, struct sim_node *n, enum redir_kind k, uint64_t number, bool open) {
    struct world *w = ctx;
    struct sessions *ss = w->sessions;
    uint32_t i = index_of(w, n);
    if (open && ss->at_firmware[i][k]++)
        world_broken(w, "node %u: the firmware has two %s sessions", i + 1, redir_kind_name(k));
    if (open && ss->newest[i][k])
        bind(ss->newest[i][k], number);
    if (open)
        return;
    struct viewer *v = numbered(ss, number);
    ss->at_firmware[i][k]--;
    if (!v)
        return;
    v->at_firmware = false;
    viewer_maybe_free(v);
}

/* The payload in SOL's messages of this id. */
static void unwrap(struct world *w, struct flow *f, enum redir_from from, uint8_t id, struct slice bytes,
                   struct viewer *v, void (*fn)(struct viewer *v, struct slice data)) {
    buf_put(&f->part, bytes);
    while (f->part.len) {
        struct slice all = buf_slice(&f->part);
        int n = redir_msg_length(from, all);
        if (n < 0)
            world_broken(w, "%s: message 0x%02x is not of SOL", v->session, all.p[0]);
        if (n <= 0 || (size_t)n > all.n)
            return;
        if (all.p[0] == id && n > SOL_HEAD)
            fn(v, slice_of(all.p + SOL_HEAD, (size_t)n - SOL_HEAD));
        buf_consume(&f->part, (size_t)n);
    }
}

static void firmware_said(struct viewer *v, struct slice data) {
    struct world *w = v->ss->w;
    static const uint8_t wrong = '?';
    if (w->cfg.broken == WORLD_BROKEN_BYTES && v->down.bytes > 2000) { /* as if the server had changed one */
        due(&v->down, slice_of(&wrong, 1));
        data = slice_skip(data, 1);
    }
    due(&v->down, data);
}

/* The server's own input: a pointer event where the pointer is; our viewers have none. */
static struct slice without_nudge(struct viewer *v, struct slice s) {
    static const uint8_t nudge[NUDGE_BYTES] = {5};
    while (s.n && v->kind == REDIR_KVM) {
        bool begins = s.p[0] == nudge[0] && !(v->up.due.len && v->up.due.mem[v->up.due.head] == s.p[0]);
        if (!v->nudge && !begins)
            break;
        if (s.p[0] != nudge[v->nudge])
            break;
        v->nudge = (uint8_t)((v->nudge + 1) % NUDGE_BYTES);
        s = slice_skip(s, 1);
    }
    return s;
}

/* IDE-R's end is the server's: 0x12 behind what the viewer said. */
static bool is_end(const struct viewer *v, struct slice s) {
    static const uint8_t end[] = {REDIR_MSG_END, 0, 0, 0};
    return v->kind == REDIR_IDER && slice_eq(s, slice_of(end, sizeof end));
}

static void firmware_heard(struct viewer *v, struct slice data) {
    v->ss->w->tally.to_device += data.n;
    data = without_nudge(v, data);
    if (!is_end(v, data) && !arrive(&v->up, data))
        world_broken(v->ss->w, "%s: the firmware's bytes up to %llu are not what the viewer sent", v->session,
                     (unsigned long long)v->up.bytes);
}

void wire_bytes(void *ctx, uint64_t number, bool to_client, struct slice bytes) {
    struct world *w = ctx;
    struct viewer *v = numbered(w->sessions, number);
    if (!v)
        return;
    if (v->kind != REDIR_SOL)
        (to_client ? firmware_said : firmware_heard)(v, bytes);
    else if (to_client)
        unwrap(w, &v->down, REDIR_FROM_DEVICE, REDIR_MSG_SOL_FROM_HOST, bytes, v, firmware_said);
    else
        unwrap(w, &v->up, REDIR_FROM_CLIENT, REDIR_MSG_SOL_TO_HOST, bytes, v, firmware_heard);
}
