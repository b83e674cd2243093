/* SPDX-License-Identifier: Apache-2.0 */
/* kvm-bridge: any VNC viewer on this machine, spliced to KVM sessions, one viewer at a time. */
#include "cli/handlers.h"
#include "cli/signals.h"
#include "cli/splice.h"
#include "proto/rfb_translate.h"

#include <unistd.h>

enum {
    GUESTS = 4,          /* connections: the viewer, and others who are told why they must go */
    GREETING_MS = 10000, /* a guest that does not say what it is */
    FAREWELL_MS = 2000,  /* last words that nobody reads */
};

struct guest {
    int fd; /* -1: the place is free */
    struct rfb_translate *t;
    struct mono until; /* MONO_NEVER for the viewer: else it is gone by then */
    bool leaving;
    bool listens;      /* leaving, once it was told why */
    bool hung_up;      /* both ways, found while it was not read */
    struct slice rest; /* read, and not taken by t yet */
    uint8_t in[4096];
};

struct bridge {
    struct cli *c;
    const char *host, *consent_code;
    bool view_only, take_over, once, over;
    struct splice_door door;
    struct guest guests[GUESTS];
    struct guest *viewer; /* who has the session; NULL: there is none */
    struct session session;
    struct buf from_device; /* not taken by the viewer's translator yet */
    size_t moved;           /* bytes, in this turn of the loop */
    char said[256];         /* the session's last line: why, when it ends */
    int exit;
};

/* --- guests --- */

static void guest_free(struct guest *g) {
    if (g->fd >= 0)
        close(g->fd);
    rfb_translate_free(&g->t);
    *g = (struct guest){.fd = -1};
}

/* Gone once the output is out. */
static void guest_leave(struct guest *g, const char *reason) {
    g->listens = reason && rfb_translate_refuse(g->t, reason);
    g->leaving = true;
    g->until = mono_add_ms(now_mono(), FAREWELL_MS);
}

static void guest_come(struct bridge *b, int fd) {
    const struct rfb_translate_limits lim = RFB_TRANSLATE_LIMITS_DEFAULT;
    for (struct guest *g = b->guests; g < b->guests + GUESTS; g++) {
        if (g->fd >= 0)
            continue;
        g->t = rfb_translate_new(&lim);
        if (!g->t)
            break;
        g->fd = fd;
        g->until = mono_add_ms(now_mono(), GREETING_MS);
        return;
    }
    close(fd);
}

/* Bytes that went, ERR_CLOSED. */
static int guest_send(struct guest *g) {
    int n = splice_write(g->fd, rfb_translate_output(g->t, RFB_VIEWER));
    if (n > 0)
        rfb_translate_sent(g->t, RFB_VIEWER, (size_t)n);
    return n;
}

/* What the guest says is taken, what is for it is sent. ERR_CLOSED: it is gone; or why it must go. */
static int guest_move(struct bridge *b, struct guest *g) {
    bool full = g == b->viewer && splice_full(&b->session);
    if (g->hung_up)
        return ERR_CLOSED;
    if (!g->rest.n && !full) {
        int n = splice_read(g->fd, g->in, sizeof g->in);
        if (n < 0)
            return n;
        g->rest = slice_of(g->in, (size_t)n);
        b->moved += (size_t)n;
    }
    int rc = rfb_translate_input(g->t, RFB_VIEWER, &g->rest), sent = guest_send(g);
    b->moved += sent > 0 ? (size_t)sent : 0;
    return sent < 0 ? sent : rc;
}

/* --- the session --- */

static void hear(void *ctx, const char *text) {
    struct bridge *b = ctx;
    slice_to_str(slice_str(text), b->said, sizeof b->said);
    term_say(&b->c->term, "%s", text);
}

static void session_over(struct bridge *b, int exit_code) {
    session_end(&b->session);
    buf_free(&b->from_device);
    b->viewer = NULL;
    b->exit = exit_code;
    b->over |= b->once;
}

static void session_begin(struct bridge *b, struct guest *g) {
    b->viewer = g;
    b->session = (struct session){.c = b->c,
                                  .kind = REDIR_KVM,
                                  .host = b->host,
                                  .view_only = b->view_only,
                                  .take_over = b->take_over,
                                  .consent_code = b->consent_code,
                                  .ui = {.say = hear, .ctx = b}};
    b->consent_code = NULL; /* of one session: the next one needs another */
    g->until = MONO_NEVER;
    b->said[0] = 0;
    int code = session_start(&b->session);
    if (code == EXIT_OK) {
        term_say(&b->c->term, "%s: a viewer is connected", b->session.host_name);
        return;
    }
    guest_leave(g, *b->said ? b->said : "no KVM session could be started; orch-cli has said why");
    session_over(b, code);
}

/* The firmware's bytes to the translator, and what is for it back. */
static int device_move(struct bridge *b) {
    struct rfb_translate *t = b->viewer->t;
    struct slice in = buf_slice(&b->from_device);
    int rc = rfb_translate_input(t, RFB_DEVICE, &in);
    b->moved += b->from_device.len - in.n;
    buf_consume(&b->from_device, b->from_device.len - in.n);
    struct slice out = rfb_translate_output(t, RFB_DEVICE);
    if (out.n && !splice_full(&b->session)) {
        int sent = session_send(&b->session, out);
        if (sent == ERR_NOMEM)
            return sent;
        b->moved += sent == 0 ? out.n : 0;
        rfb_translate_sent(t, RFB_DEVICE, sent == 0 ? out.n : 0);
    }
    session_hold(&b->session, b->from_device.len > 0); /* the viewer reads slower than the firmware sends */
    return rc;
}

/* The viewer's connection or the firmware's side cannot go on. */
static void viewer_trouble(struct bridge *b, int rc) {
    struct guest *g = b->viewer;
    bool closed = rc == ERR_CLOSED, device = !closed && rfb_translate_culprit(g->t) == RFB_DEVICE;
    const char *why = rfb_translate_error(g->t);
    slice_to_str(slice_str(closed ? "the viewer has gone"
                           : *why ? why
                                  : err_text(rc)),
                 b->said, sizeof b->said);
    term_say(&b->c->term, "%s: %s", b->session.host_name, b->said);
    if (closed)
        guest_free(g);
    else
        guest_leave(g, b->said);
    session_over(b, closed ? EXIT_OK : device ? EXIT_REFUSED : EXIT_FAILED);
}

static void take_event(struct bridge *b, const struct session_ev *ev) {
    int rc = 0;
    switch (ev->kind) {
    case SESSION_EV_DATA:
        rc = buf_put(&b->from_device, ev->data);
        break;
    case SESSION_EV_NOTE: /* RFB has no words for it */
        session_say_note(&b->session, ev->note);
        break;
    case SESSION_EV_DOWN: /* the viewer stays; why, the session has said */
        buf_free(&b->from_device);
        rc = rfb_translate_device_lost(b->viewer->t);
        break;
    case SESSION_EV_ENDED:
        guest_leave(b->viewer, *b->said ? b->said : "the KVM session has ended");
        session_over(b, ev->exit);
        break;
    default:
        break;
    }
    if (rc < 0)
        viewer_trouble(b, rc);
}

/* --- the loop --- */

/* Until nothing moves without waiting. */
static void serve_viewer(struct bridge *b) {
    int rc = 0;
    do {
        b->moved = 0;
        rc = guest_move(b, b->viewer);
        if (rc == 0)
            rc = device_move(b);
    } while (rc == 0 && b->moved);
    if (rc < 0)
        viewer_trouble(b, rc);
}

static void serve_guest(struct bridge *b, struct guest *g) {
    int rc = guest_move(b, g);
    bool said_all = g->leaving && rfb_translate_output(g->t, RFB_VIEWER).n == 0 &&
                    (!g->listens || rfb_translate_told(g->t));
    if (rc < 0 || said_all || mono_due(g->until, now_mono())) {
        if (rc < 0 && rc != ERR_CLOSED && !g->leaving)
            term_say(&b->c->term, "%s", rfb_translate_error(g->t));
        guest_free(g);
        return;
    }
    if (g->leaving || !rfb_translate_viewer_known(g->t))
        return;
    if (b->viewer)
        guest_leave(g, "another viewer has this screen; orch-cli kvm-bridge serves one at a time");
    else
        session_begin(b, g);
}

static size_t watch(struct bridge *b, struct pollfd fds[2 + GUESTS], struct mono *deadline) {
    size_t n = 2;
    bool place = false;
    *deadline = MONO_NEVER;
    for (struct guest *g = b->guests; g < b->guests + GUESTS; g++) {
        fds[n].fd = g->fd;
        fds[n].events = 0;
        place |= g->fd < 0;
        if (g->fd >= 0) {
            bool full = g == b->viewer && splice_full(&b->session);
            fds[n].events = (short)((g->rest.n || full ? 0 : POLLIN) |
                                    (rfb_translate_output(g->t, RFB_VIEWER).n ? POLLOUT : 0));
            *deadline = mono_min(*deadline, g->until);
        }
        n++;
    }
    fds[0] = (struct pollfd){.fd = signals_fd(), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = place ? b->door.fd : -1, .events = POLLIN};
    return n;
}

static void turn(struct bridge *b) {
    struct pollfd fds[2 + GUESTS];
    struct session_ev ev;
    struct mono deadline;
    size_t n = watch(b, fds, &deadline);
    splice_wait(b->viewer ? &b->session : NULL, fds, n, deadline, &ev);
    if (signals_came())
        return;
    for (size_t i = 0; i < GUESTS; i++)
        b->guests[i].hung_up = !(fds[2 + i].events & POLLIN) && fds[2 + i].revents & (POLLHUP | POLLERR);
    if (b->viewer)
        take_event(b, &ev);
    int fd = fds[1].revents ? splice_accept(&b->door) : -1;
    if (fd >= 0)
        guest_come(b, fd);
    if (b->viewer)
        serve_viewer(b);
    for (struct guest *g = b->guests; g < b->guests + GUESTS; g++)
        if (g->fd >= 0 && g != b->viewer)
            serve_guest(b, g);
}

/* Last words go out, also after Ctrl-C. */
static void close_guests(struct bridge *b) {
    for (struct guest *g = b->guests; g < b->guests + GUESTS; g++) {
        if (g->fd >= 0 && g->t)
            g->leaving = guest_send(g) >= 0; /* what does not go at once is lost */
        guest_free(g);
    }
}

static bool has_leaving(const struct bridge *b) {
    for (const struct guest *g = b->guests; g < b->guests + GUESTS; g++)
        if (g->fd >= 0 && g->leaving)
            return true;
    return false;
}

static int run(struct bridge *b) {
    while (!signals_came() && (!b->over || has_leaving(b))) {
        if (b->over) /* nobody else may come */
            splice_close_door(&b->door);
        turn(b);
    }
    if (b->viewer) {
        (void)rfb_translate_refuse(b->viewer->t, "orch-cli was ended");
        session_over(b, EXIT_OK);
    }
    return b->once ? b->exit : EXIT_OK;
}

static void announce(struct bridge *b, const json_t *host) {
    const char *name = jget_str(host, "name");
    term_line(&b->c->term, "%s: waiting for a VNC viewer on %s", *name ? name : b->host, b->door.shown);
    fflush(b->c->term.out);
    if (!b->door.loopback)
        term_say(&b->c->term,
                 "warning: whoever reaches %s sees and steers this screen: there is no password and no "
                 "encryption on it",
                 b->door.shown);
}

int cmd_kvm_bridge(struct cli *c, const struct args *a) {
    struct bridge b = {.c = c,
                       .host = a->words[0],
                       .consent_code = arg_text(a, OPT_CONSENT_CODE),
                       .view_only = arg_given(a, OPT_VIEW_ONLY),
                       .take_over = arg_given(a, OPT_TAKE_OVER),
                       .once = arg_given(a, OPT_ONCE),
                       .door = {.fd = -1}};
    const char *where = arg_text(a, OPT_LISTEN);
    struct errinfo ei = {0};
    struct buf path = {0};
    json_t *host = NULL;
    for (int i = 0; i < GUESTS; i++)
        b.guests[i].fd = -1;
    int code = cli_get(c, cli_host_path(c, &path, b.host, ""), &host); /* a wrong name shows now */
    if (code == EXIT_OK && splice_listen(&b.door, "listen", where ? where : "127.0.0.1:5900", &ei) < 0)
        code = cli_fail(c, &ei);
    if (code == EXIT_OK && signals_begin() < 0)
        code = EXIT_FAILED;
    if (code == EXIT_OK) {
        announce(&b, host);
        code = run(&b);
    }
    close_guests(&b);
    splice_close_door(&b.door);
    signals_end();
    json_decref(host);
    buf_free(&path);
    return code;
}
