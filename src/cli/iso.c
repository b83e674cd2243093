/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/iso.h"

#include "cli/image.h"
#include "cli/signals.h"

#include <inttypes.h>

enum {
    READ_MAX = 8192,
    QUEUE_BYTES = 131072,
    AGAIN_MS = 20, /* until a full queue is looked at again */
    LINE_MS = 1000 /* between two progress lines */
};

struct iso {
    struct session *s;
    const struct iso_options *o;
    struct image image;
    struct ider *ider; /* one a stream: the firmware knows nothing of the one before */
    uint64_t before;   /* bytes read through those that are gone */
    struct mono next_line;
    uint64_t line_bytes; /* read when the last progress line was printed */
    bool line;           /* one stands there */
    bool over;
    int exit;
};

static const char *drive_name(enum ider_drive d) {
    return d == IDER_CD ? "CD" : "floppy";
}

/* --- what is said --- */

enum { SIZE_CAP = 24 };
static const char *size_text(uint64_t n, char out[SIZE_CAP]) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double v = (double)n;
    size_t u = 0;
    while (v >= 1000 && u + 1 < sizeof units / sizeof *units) {
        v /= 1000;
        u++;
    }
    snprintf(out, SIZE_CAP, u ? "%.1f %s" : "%.0f %s", v, units[u]);
    return out;
}

static void say(void *ctx, const char *text) {
    struct iso *i = ctx;
    if (i->line)
        fputs("\r\033[K", i->s->c->term.err);
    i->line = false;
    term_say(&i->s->c->term, "%s", text);
}

static uint64_t total(const struct iso *i) {
    return i->before + (i->ider ? ider_read_bytes(i->ider) : 0);
}

static void progress(struct iso *i) {
    struct mono now = now_mono();
    char read[SIZE_CAP], rate[SIZE_CAP];
    if (!i->s->c->term.err_tty || !mono_due(i->next_line, now))
        return;
    uint64_t n = total(i);
    int64_t ms = LINE_MS + mono_ms_between(i->next_line, now);
    fprintf(i->s->c->term.err, "\r\033[K%s: %s read, %s/s", i->s->host_name, size_text(n, read),
            size_text((n - i->line_bytes) * 1000 / (uint64_t)ms, rate));
    fflush(i->s->c->term.err);
    i->line = true;
    i->line_bytes = n;
    i->next_line = mono_add_ms(now, LINE_MS);
}

static void fail(struct iso *i, int rc, const char *what) {
    session_say(i->s, "%s: %s", i->s->host_name, *what ? what : err_text(rc));
    i->exit = exit_of_err(rc);
    i->over = true;
}

/* --- the drive --- */

static void drop_ider(struct iso *i) {
    i->before = total(i);
    ider_free(&i->ider);
}

static void on_open(struct iso *i) {
    struct ider_config cfg = {.when = i->o->when};
    cfg.media[i->image.drive] = (struct ider_media){.present = true, .blocks = i->image.blocks};
    drop_ider(i);
    i->ider = ider_new(&cfg, now_mono());
    if (!i->ider)
        fail(i, ERR_NOMEM, "");
}

static int answer_read(struct iso *i, const struct ider_ev *ev) {
    uint8_t bytes[READ_MAX];
    if (ev->drive == i->image.drive && ev->n <= sizeof bytes &&
        image_read(&i->image, ev->offset, bytes, ev->n) == 0)
        return ider_data(i->ider, slice_of(bytes, ev->n));
    session_say(i->s, "%s cannot be read at byte %" PRIu64 "; the node is told so", i->o->path, ev->offset);
    return ider_read_failed(i->ider);
}

static int take_event(struct iso *i, const struct ider_ev *ev) {
    char size[SIZE_CAP];
    switch (ev->kind) {
    case IDER_EV_READ:
        return answer_read(i, ev);
    case IDER_EV_ENABLED:
        session_say(i->s, "%s has %s (%s) as its %s%s; Ctrl-C ejects it", i->s->host_name, i->o->path,
                    size_text(i->image.bytes, size), drive_name(i->image.drive),
                    i->o->when == IDER_ON_REBOOT ? " from its next start on" : "");
        break;
    case IDER_EV_RESET:
        session_say(i->s, "%s was reset", i->s->host_name);
        break;
    case IDER_EV_CLOSED:
        session_say(i->s, "%s: the firmware ended it", i->s->host_name);
        i->exit = EXIT_FAILED;
        i->over = true;
        break;
    case IDER_EV_OPENED:
        break;
    }
    return 0;
}

/* To the stream, as much as it takes. True: something went. */
static bool send_some(struct iso *i) {
    bool went = false;
    struct slice out;
    while ((out = ider_output(i->ider)).n && session_queued(i->s) < QUEUE_BYTES) {
        size_t n = out.n < QUEUE_BYTES ? out.n : QUEUE_BYTES;
        if (session_send(i->s, slice_head(out, n)) < 0)
            break;
        ider_sent(i->ider, n);
        went = true;
    }
    return went;
}

/* What came, what it asks for, and what is to be sent, until nothing moves. */
static void pump(struct iso *i, struct slice in) {
    int rc;
    bool moved;
    do {
        struct ider_ev ev;
        while ((rc = ider_input(i->ider, &in, now_mono(), &ev)) == 1 && !i->over)
            if ((rc = take_event(i, &ev)) < 0)
                break;
        moved = send_some(i);
    } while (rc >= 0 && moved && !i->over);
    if (rc < 0 && !i->over)
        fail(i, rc, ider_error(i->ider));
}

static struct mono next_deadline(const struct iso *i) {
    struct mono at = i->s->c->term.err_tty ? i->next_line : MONO_NEVER;
    if (i->ider)
        at = mono_min(at, ider_deadline(i->ider));
    if (i->ider && ider_output(i->ider).n)
        at = mono_min(at, mono_add_ms(now_mono(), AGAIN_MS));
    return at;
}

static void on_time(struct iso *i) {
    struct mono now = now_mono();
    if (!i->ider)
        return;
    int rc = mono_due(ider_deadline(i->ider), now) ? ider_tick(i->ider, now) : 0;
    if (rc < 0)
        fail(i, rc, ider_error(i->ider));
    else
        pump(i, SLICE_EMPTY);
}

static void step(struct iso *i) {
    struct pollfd fd = {.fd = signals_fd(), .events = POLLIN};
    struct session_ev ev;
    session_next(i->s, &fd, 1, next_deadline(i), &ev);
    if (ev.kind == SESSION_EV_OPEN)
        on_open(i);
    else if (ev.kind == SESSION_EV_DOWN)
        drop_ider(i);
    else if (ev.kind == SESSION_EV_NOTE)
        session_say_note(i->s, ev.note);
    if (ev.kind == SESSION_EV_ENDED || signals_came()) {
        i->exit = ev.kind == SESSION_EV_ENDED ? ev.exit : EXIT_OK;
        i->over = true;
    } else if (ev.kind == SESSION_EV_DATA && i->ider) {
        pump(i, ev.data);
    } else {
        on_time(i);
    }
}

static int mounted(struct iso *i) {
    char size[SIZE_CAP];
    i->s->ui = (struct session_ui){.say = say, .ctx = i};
    i->next_line = mono_add_ms(now_mono(), LINE_MS);
    while (!i->over) {
        step(i);
        progress(i);
    }
    if (i->ider && i->s->open) {
        ider_close(i->ider);
        (void)send_some(i);
    }
    session_say(i->s, "%s: ejected; the node read %s", i->s->host_name, size_text(total(i), size));
    i->s->ui = (struct session_ui){0};
    ider_free(&i->ider);
    return i->exit;
}

int iso_run(struct session *s, const struct iso_options *o) {
    struct iso i = {.s = s, .o = o};
    struct errinfo ei = {0};
    if (image_open(&i.image, o->path, o->floppy, &ei) < 0) {
        cli_fail(s->c, &ei);
        return EXIT_USAGE;
    }
    int code = signals_begin() < 0 ? EXIT_FAILED : session_start(s);
    if (code == EXIT_OK)
        code = mounted(&i);
    session_end(s);
    signals_end();
    image_close(&i.image);
    return code;
}
