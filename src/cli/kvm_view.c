/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/kvm_view.h"

#include "cli/local_page.h"
#include "cli/signals.h"
#include "cli/splice.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CONNS = 12,                /* a browser makes six, and the stream */
    PAGE_MS = 600000,          /* until a page comes */
    PAGE_BACK_MS = 20000,      /* until one comes back that was there */
    IDLE_MS = 30000,           /* of a connection that is no stream */
    FAREWELL_MS = 2000,        /* last words that nobody reads */
    PAGE_QUEUE_BYTES = 262144, /* to the page: above it the session is not read */
    CLOSE_LINK_LOST = 4009,    /* docs/sessions.md */
};

/* One of the browser's connections. */
struct door_conn {
    int fd; /* -1: the place is free */
    struct local_conn *page;
    struct mono until;
    bool leaving; /* closed once the output is out */
    bool hung_up; /* both ways, found while it was not read */
    struct slice rest;
    uint8_t in[8192];
};

struct view {
    struct cli *c;
    struct session *s;
    struct splice_door door;
    struct local_site site;
    struct door_conn conns[CONNS];
    struct door_conn *stream; /* who shows the screen; NULL: nobody */
    struct mono until;        /* a page must be there by then */
    bool started;             /* s is at the server */
    bool over, end_told;
    char said[256]; /* the session's last line */
    int exit;
};

extern char **environ;

/* --- connections --- */

static void conn_drop(struct door_conn *d) {
    if (d->fd >= 0)
        close(d->fd);
    local_conn_free(&d->page);
    *d = (struct door_conn){.fd = -1};
}

static void conn_leave(struct door_conn *d) {
    local_conn_release(d->page);
    d->leaving = true;
    d->until = mono_add_ms(now_mono(), FAREWELL_MS);
}

static void conn_come(struct view *v, int fd) {
    for (struct door_conn *d = v->conns; d < v->conns + CONNS; d++) {
        if (d->fd >= 0)
            continue;
        d->page = local_conn_new(&v->site);
        if (!d->page)
            break;
        d->fd = fd;
        d->until = mono_add_ms(now_mono(), IDLE_MS);
        return;
    }
    close(fd);
}

/* --- the session and the page's stream --- */

static void hear(void *ctx, const char *text) {
    struct view *v = ctx;
    slice_to_str(slice_str(text), v->said, sizeof v->said);
    term_say(&v->c->term, "%s", text);
}

/* The page is told why its stream ends, and that is it. */
static void stream_close(struct view *v, uint16_t code, const char *why) {
    if (!v->stream)
        return;
    ws_close(local_ws(v->stream->page), code, why);
    conn_leave(v->stream);
    v->stream = NULL;
    v->until = mono_add_ms(now_mono(), PAGE_BACK_MS);
}

static void over(struct view *v, int exit_code, const char *why) {
    if (v->stream && !v->end_told && local_end(local_ws(v->stream->page), why) == ERR_NOMEM)
        term_say(&v->c->term, "out of memory");
    stream_close(v, WS_CLOSE_NORMAL, why);
    v->exit = exit_code;
    v->over = true;
}

/* A session like the one before, for a page that came back. */
static void start_again(struct view *v) {
    struct session *s = v->s;
    *s =
        (struct session){.c = s->c, .kind = s->kind, .host = s->host, .view_only = s->view_only, .ui = s->ui};
    int code = session_start(s);
    v->started = true;
    if (code != EXIT_OK)
        over(v, code, v->said);
}

static void stream_opened(struct view *v, struct door_conn *d) {
    v->stream = d;
    d->until = v->until = MONO_NEVER;
    v->end_told = false;
    if (!v->started)
        start_again(v);
}

/* The page closed it, or is gone: nobody looks at the screen. */
static void stream_gone(struct view *v) {
    v->stream = NULL;
    v->until = mono_add_ms(now_mono(), PAGE_BACK_MS);
    session_end(v->s);
    v->started = false;
}

static int to_page(struct view *v, const struct session_ev *ev) {
    struct ws *ws = local_ws(v->stream->page);
    if (ev->kind == SESSION_EV_DATA)
        return ws_binary(ws, ev->data);
    v->end_told |= strcmp(jget_str(ev->note, "type"), "end") == 0;
    return ws_text(ws, ev->text);
}

static void take_event(struct view *v, const struct session_ev *ev) {
    int rc = 0;
    switch (ev->kind) {
    case SESSION_EV_OPEN:
    case SESSION_EV_NOTE:
    case SESSION_EV_DATA:
        rc = to_page(v, ev);
        break;
    case SESSION_EV_DOWN:
        stream_close(v, CLOSE_LINK_LOST, v->said);
        break;
    case SESSION_EV_ENDED:
        over(v, ev->exit, *v->said ? v->said : "the KVM session has ended");
        break;
    default:
        break;
    }
    if (rc == ERR_NOMEM)
        over(v, EXIT_FAILED, "out of memory");
}

/* --- the loop --- */

static bool is_full(const struct view *v, const struct door_conn *d) {
    return d == v->stream && splice_full(v->s);
}

static void take_page_event(struct view *v, struct door_conn *d, const struct local_ev *ev) {
    if (ev->kind == LOCAL_EV_STREAM)
        stream_opened(v, d);
    else if (ev->kind == LOCAL_EV_CLOSED && d == v->stream)
        stream_gone(v);
    else if (ev->kind == LOCAL_EV_DATA && d == v->stream && session_send(v->s, ev->data) < 0)
        over(v, EXIT_FAILED, "the device does not take what the page sends");
}

/* Everything that moves without waiting. False: it is gone. */
static bool conn_move(struct view *v, struct door_conn *d) {
    struct local_ev ev;
    int rc = 0;
    if (d->hung_up)
        return false;
    if (!d->rest.n && !is_full(v, d)) {
        int n = splice_read(d->fd, d->in, sizeof d->in);
        if (n < 0)
            return false;
        d->rest = slice_of(d->in, (size_t)n);
        if (n && d != v->stream && !d->leaving)
            d->until = mono_add_ms(now_mono(), IDLE_MS);
    }
    while (d->rest.n && !is_full(v, d) && (rc = local_conn_input(d->page, &d->rest, &ev)) == 1)
        take_page_event(v, d, &ev);
    if (rc < 0) {
        d->rest = SLICE_EMPTY;
        if (!d->leaving)
            conn_leave(d);
    }
    int n = splice_write(d->fd, local_conn_output(d->page));
    if (n > 0)
        local_conn_sent(d->page, (size_t)n);
    return n >= 0 && !(d->leaving && local_conn_output(d->page).n == 0) && !mono_due(d->until, now_mono());
}

static void serve(struct view *v) {
    for (struct door_conn *d = v->conns; d < v->conns + CONNS; d++) {
        if (d->fd < 0 || conn_move(v, d))
            continue;
        if (d == v->stream)
            stream_gone(v);
        conn_drop(d);
    }
    if (v->stream)
        session_hold(v->s, local_conn_output(v->stream->page).n >= PAGE_QUEUE_BYTES);
}

static size_t watch(struct view *v, struct pollfd fds[2 + CONNS], struct mono *deadline) {
    bool place = false;
    *deadline = v->until;
    for (size_t i = 0; i < CONNS; i++) {
        struct door_conn *d = &v->conns[i];
        fds[2 + i] = (struct pollfd){.fd = d->fd};
        place |= d->fd < 0;
        if (d->fd < 0)
            continue;
        fds[2 + i].events =
            (short)((d->rest.n || is_full(v, d) ? 0 : POLLIN) | (local_conn_output(d->page).n ? POLLOUT : 0));
        *deadline = mono_min(*deadline, d->until);
    }
    fds[0] = (struct pollfd){.fd = signals_fd(), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = place ? v->door.fd : -1, .events = POLLIN};
    return 2 + CONNS;
}

/* The session is listened to while a page is there to show it. */
static void turn(struct view *v) {
    struct pollfd fds[2 + CONNS];
    struct session_ev ev;
    struct mono deadline;
    size_t n = watch(v, fds, &deadline);
    bool shown = v->stream && !v->over;
    splice_wait(shown ? v->s : NULL, fds, n, deadline, &ev);
    if (signals_came())
        return;
    for (size_t i = 0; i < CONNS; i++)
        v->conns[i].hung_up = !(fds[2 + i].events & POLLIN) && fds[2 + i].revents & (POLLHUP | POLLERR);
    if (shown)
        take_event(v, &ev);
    int fd = fds[1].revents ? splice_accept(&v->door) : -1;
    if (fd >= 0)
        conn_come(v, fd);
    serve(v);
    if (!v->over && mono_due(v->until, now_mono())) {
        v->over = true;
        if (v->site.key_used)
            term_say(&v->c->term, "%s: the page was closed", v->s->host_name);
        else
            over(v, EXIT_TIMEOUT, "no page came within 10 minutes");
    }
}

static bool has_leaving(const struct view *v) {
    for (const struct door_conn *d = v->conns; d < v->conns + CONNS; d++)
        if (d->fd >= 0 && d->leaving)
            return true;
    return false;
}

/* For a desktop only, and never where its output would mix with ours. What it shows in a process list is good
 * once. */
static pid_t open_browser(const char *url) {
    char *argv[] = {(char *)(uintptr_t) "xdg-open", (char *)(uintptr_t)url, NULL};
    posix_spawn_file_actions_t fa;
    pid_t pid = -1;
    if (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY"))
        return -1;
    if (posix_spawn_file_actions_init(&fa) != 0)
        return -1;
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy(&fa);
    return pid;
}

static int run(struct view *v) {
    char url[LOCAL_URL_CAP];
    local_site_url(&v->site, url);
    term_say(&v->c->term,
             "%s: the screen is at the address below, for this machine's browser; Ctrl-C ends it",
             v->s->host_name);
    term_line(&v->c->term, "%s", url);
    fflush(v->c->term.out);
    pid_t browser = arg_given(v->c->args, OPT_NO_BROWSER) ? -1 : open_browser(url);
    while (!signals_came() && (!v->over || has_leaving(v)))
        turn(v);
    if (signals_came() && !v->over)
        over(v, EXIT_OK, "orch-cli was ended");
    serve(v);
    if (browser > 0)
        waitpid(browser, NULL, WNOHANG); /* it lives on without us */
    return v->exit;
}

int kvm_view(struct cli *c, struct session *s) {
    struct view v = {.c = c, .s = s, .started = true, .door = {.fd = -1}};
    struct errinfo ei = {0};
    const struct session_ui given = s->ui;
    for (int i = 0; i < CONNS; i++)
        v.conns[i].fd = -1;
    v.until = mono_add_ms(now_mono(), PAGE_MS);
    s->ui.say = hear;
    s->ui.ctx = &v;
    char host[sizeof s->host_name];
    memcpy(host, s->host_name, sizeof host);
    int code = EXIT_OK;
    if (splice_listen(&v.door, "listen", "127.0.0.1:0", &ei) < 0)
        code = cli_fail(c, &ei);
    v.site =
        (struct local_site){.port = v.door.port, .host = s->host, .title = host, .view_only = s->view_only};
    if (code == EXIT_OK && local_site_seal(&v.site) < 0)
        code = EXIT_FAILED;
    if (code == EXIT_OK)
        code = run(&v);
    for (int i = 0; i < CONNS; i++)
        conn_drop(&v.conns[i]);
    splice_close_door(&v.door);
    s->ui = given;
    return code;
}
