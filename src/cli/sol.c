/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sol.h"

#include "base/file.h"
#include "cli/escape.h"
#include "cli/signals.h"
#include "cli/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { QUEUE_BYTES = 65536 }; /* no more is read of the keyboard while so much is on its way */

struct sol {
    struct session *s;
    struct term *term;
    struct tty tty;
    struct escape escape;
    bool interactive;   /* keys of a terminal; else bytes of a pipe */
    bool woken;         /* the first CR was sent */
    bool mid_line;      /* the node's last byte was no newline */
    bool off;           /* the host has no power, as the firmware said last */
    bool over;          /* left by the user */
    int log_fd;         /* -1: none */
    struct mono linger; /* when a session on pipes ends; MONO_NEVER while there is input */
    const struct sol_options *o;
    uint64_t from_node, to_node;
    int exit;
};

/* --- what orch-cli itself says: on lines of its own --- */

static void say(void *ctx, const char *text) {
    struct sol *l = ctx;
    bool raw = l->tty.changed && l->term->err_tty;
    if (raw && l->mid_line)
        fputs("\r\n", l->term->err);
    l->mid_line = false;
    term_say(l->term, "%s", text);
    if (raw)
        fputc('\r', l->term->err);
    fflush(l->term->err);
}

static void say_raw_lines(struct sol *l, struct slice text) {
    if (l->mid_line)
        fputs("\r\n", l->term->err);
    l->mid_line = false;
    while (text.n) {
        struct slice line = slice_cut(&text, '\n');
        fprintf(l->term->err, "%.*s\r\n", (int)line.n, (const char *)line.p);
    }
    fflush(l->term->err);
}

/* For the consent prompt of a session that is taken up again. */
static void cooked(void *ctx, bool on) {
    struct sol *l = ctx;
    if (on)
        tty_restore(&l->tty);
    else if (l->interactive)
        tty_set(&l->tty, l->term->in_fd, TTY_RAW);
}

/* --- to the node --- */

static void type(struct sol *l, struct slice bytes) {
    if (!bytes.n || !l->s->open)
        return; /* typed into an interruption: not to be run when it is over */
    if (session_send(l->s, bytes) < 0)
        say(l, "the server does not take what is typed; some of it was dropped");
    else
        l->to_node += bytes.n;
}

static void type_size(struct sol *l) {
    struct winsize w;
    char text[64];
    if (ioctl(l->term->in_fd, TIOCGWINSZ, &w) < 0 || !w.ws_row || !w.ws_col) {
        say(l, "this terminal does not tell its size");
        return;
    }
    int n = snprintf(text, sizeof text, "stty rows %u cols %u\r", w.ws_row, w.ws_col);
    type(l, slice_of(text, (size_t)n));
}

static void act(struct sol *l, int what) {
    struct buf help = {0};
    switch (what) {
    case ESCAPE_QUIT:
        l->over = true;
        break;
    case ESCAPE_RESIZE:
        type_size(l);
        break;
    case ESCAPE_STATUS:
        session_say(l->s, "%s, session %s: %" PRIu64 " bytes from the node, %" PRIu64 " to it%s",
                    l->s->host_name, l->s->id, l->from_node, l->to_node, l->s->open ? "" : "; interrupted");
        break;
    case ESCAPE_HELP:
        escape_help(&help);
        say_raw_lines(l, buf_slice(&help));
        break;
    default:
        break;
    }
    buf_free(&help);
}

static void take_keys(struct sol *l, struct slice keys) {
    struct buf out = {0};
    int what = ESCAPE_NONE;
    do {
        what = escape_input(&l->escape, &keys, &out);
        type(l, buf_slice(&out));
        buf_clear(&out);
        act(l, what);
    } while (what > ESCAPE_NONE && !l->over);
    buf_free(&out);
}

/* What is there of the input; its end begins the linger. */
static void read_input(struct sol *l) {
    uint8_t bytes[4096];
    ssize_t n = read(l->term->in_fd, bytes, sizeof bytes);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0 && l->interactive) /* the terminal is gone */
        l->over = true;
    else if (n <= 0)
        l->linger = mono_add_ms(now_mono(), l->o->linger_ms);
    else if (l->interactive)
        take_keys(l, slice_of(bytes, (size_t)n));
    else
        type(l, slice_of(bytes, (size_t)n));
}

/* --- from the node --- */

static void show(struct sol *l, struct slice data) {
    if (!data.n)
        return;
    l->from_node += data.n;
    l->mid_line = data.p[data.n - 1] != '\n';
    fflush(l->term->out);
    if (file_write_all(fileno(l->term->out), data) < 0) {
        session_say(l->s, "output cannot be written: %s", strerror(errno));
        l->exit = EXIT_FAILED;
        l->over = true;
    }
    if (l->log_fd >= 0 && file_write_all(l->log_fd, data) < 0) {
        session_say(l->s, "--log %s cannot be written any more: %s", l->o->log, strerror(errno));
        close(l->log_fd);
        l->log_fd = -1;
    }
}

static void note_power(struct sol *l, const json_t *note) {
    bool off = !jget_bool(note, "on");
    if (off != l->off)
        session_say(l->s,
                    off ? "%s has no power: nothing answers until it is switched on" : "%s has power again",
                    l->s->host_name);
    l->off = off;
}

static void on_open(struct sol *l) {
    if (l->woken)
        return;
    l->woken = true;
    if (!l->interactive)
        return; /* a script says itself what is to be typed */
    session_say(l->s, "the serial console of %s; ~. ends it, ~? lists the keys", l->s->host_name);
    type(l, SLICE_LIT("\r")); /* wakes a getty */
}

/* --- the loop --- */

static void loop(struct sol *l) {
    while (!l->over) {
        struct pollfd fds[2] = {{.fd = signals_fd(), .events = POLLIN},
                                {.fd = l->term->in_fd, .events = POLLIN}};
        /* a pipe is read only while there is somebody to give it to */
        bool ended = !mono_is_never(l->linger);
        if (ended || session_queued(l->s) > QUEUE_BYTES || (!l->interactive && !l->s->open))
            fds[1].fd = -1;
        struct session_ev ev;
        session_next(l->s, fds, 2, l->linger, &ev);
        switch (ev.kind) {
        case SESSION_EV_OPEN:
            on_open(l);
            break;
        case SESSION_EV_DATA:
            show(l, ev.data);
            break;
        case SESSION_EV_NOTE:
            if (strcmp(jget_str(ev.note, "type"), "power") == 0)
                note_power(l, ev.note);
            session_say_note(l->s, ev.note);
            break;
        case SESSION_EV_OTHER:
            if (fds[1].revents)
                read_input(l);
            break;
        case SESSION_EV_ENDED:
            l->exit = ev.exit;
            l->over = true;
            break;
        case SESSION_EV_TIME: /* the linger is over */
            l->over = true;
            break;
        case SESSION_EV_DOWN:
            break;
        }
        if (signals_came() && !l->over) {
            l->over = true;
            l->exit = EXIT_FAILED;
            session_say(l->s, "ended by a signal");
        }
    }
}

static int open_log(struct sol *l) {
    l->log_fd = -1;
    if (!l->o->log)
        return EXIT_OK;
    l->log_fd = open(l->o->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (l->log_fd >= 0)
        return EXIT_OK;
    return cli_usage(l->s->c, NULL, "--log: cannot open %.200s: %s", l->o->log, strerror(errno));
}

int sol_run(struct session *s, const struct sol_options *o) {
    struct sol l = {.s = s, .term = &s->c->term, .o = o, .linger = MONO_NEVER};
    l.interactive = l.term->in_tty;
    int code = open_log(&l);
    if (code == EXIT_OK && signals_begin() < 0)
        code = EXIT_FAILED;
    if (code == EXIT_OK)
        code = session_start(s);
    if (code == EXIT_OK) {
        s->ui = (struct session_ui){.say = say, .cooked = cooked, .ctx = &l};
        cooked(&l, false);
        loop(&l);
        code = l.exit;
        if (l.mid_line && l.interactive)
            fputs("\r\n", l.term->err);
        tty_restore(&l.tty);
        s->ui = (struct session_ui){0};
    }
    session_end(s);
    if (code == EXIT_OK && !s->gone && l.interactive)
        term_say(l.term, "%s: the session is closed", s->host_name);
    if (l.log_fd >= 0)
        close(l.log_fd);
    signals_end();
    return code;
}
