/* SPDX-License-Identifier: Apache-2.0 */
/* A session's events, and how it is taken up again. */
#include "base/ossl.h"
#include "base/text.h"
#include "cli/session_int.h"

#include <inttypes.h>
#include <openssl/crypto.h>

enum {
    WINDOW_MS = 300000, /* until the server says until when it keeps the session */
    FIRST_PAUSE_MS = 1000,
    LAST_PAUSE_MS = 8000,
    CLOSE_LOST = 1006, /* RFC 6455 7.1.5 */
    STEADY_MS = 10000, /* a stream that lived so long was no failure */
};

static int64_t next_pause(int64_t ms) {
    return ms >= LAST_PAUSE_MS / 2 ? LAST_PAUSE_MS : ms * 2;
}

/* docs/sessions.md, close codes. C(code, resumable, exit code, sentence when the server gave none) */
#define CLOSE_TABLE(C)                                                                                       \
    C(1000, false, EXIT_OK, "the session has ended")                                                         \
    C(1001, true, EXIT_UNREACHABLE, "the server goes away")                                                  \
    C(1006, true, EXIT_UNREACHABLE, "the connection broke")                                                  \
    C(1012, true, EXIT_UNREACHABLE, "the server is being restarted")                                         \
    C(4001, false, EXIT_OK, "the session was stopped")                                                       \
    C(4002, false, EXIT_REFUSED, "the session was taken over")                                               \
    C(4003, false, EXIT_REFUSED, "the session was ended for a power operation")                              \
    C(4004, false, EXIT_FAILED, "the session was ended for want of input")                                   \
    C(4005, false, EXIT_REFUSED, "another session is open at the device")                                    \
    C(4006, false, EXIT_REFUSED, "the device has this kind of session disabled")                             \
    C(4007, false, EXIT_FAILED, "the device refused the server's login")                                     \
    C(4008, true, EXIT_UNREACHABLE, "the device closed the connection")                                      \
    C(4009, true, EXIT_UNREACHABLE, "the device's link was lost")                                            \
    C(4010, false, EXIT_REFUSED, "there is no consent")                                                      \
    C(4011, false, EXIT_NOT_FOUND, "the host was deleted")                                                   \
    C(4012, false, EXIT_FAILED, "a rule of the protocol was broken")                                         \
    C(4013, false, EXIT_FAILED, "the device reported an error")                                              \
    C(4014, true, EXIT_UNREACHABLE, "the server heard nothing of here")                                      \
    C(4015, false, EXIT_FAILED, "the session has expired")                                                   \
    C(4016, false, EXIT_AUTH, "the user is gone")

static const struct close_row {
    uint16_t code;
    bool resumable;
    int exit;
    const char *text;
} close_rows[] = {
#define C(num, again, exit_code, sentence) {num, again, exit_code, sentence},
    CLOSE_TABLE(C)
#undef C
};

static const struct close_row *close_row(uint16_t code) {
    static const struct close_row other = {.exit = EXIT_FAILED, .text = "the server ended the session"};
    for (size_t i = 0; i < sizeof close_rows / sizeof *close_rows; i++)
        if (close_rows[i].code == code)
            return &close_rows[i];
    return &other;
}

static void session_set_phase(struct session *s, enum session_phase phase) {
    s->phase = phase;
    s->open = false;
    if (phase != SESSION_UP)
        stream_free(&s->stream);
}

/* It is over; why was said. gone: the server does not have it any more either. */
static void finish(struct session *s, int exit_code, bool gone) {
    s->exit = exit_code;
    s->gone = gone;
    session_set_phase(s, SESSION_OVER);
}

/* The server knows best until when. Its first word holds: a device that comes and goes without ever being
 * open must not put the end off for ever. */
static void set_window(struct session *s, struct mono now) {
    struct wall until;
    if (s->window_known || !mono_before(s->down_since, s->json_at) ||
        !wall_parse(jget_str(s->json, "resumeUntil"), &until) || until.us == 0)
        return;
    int64_t left = (until.us - now_wall().us) / 1000;
    s->down_until = mono_add_ms(now, left > 0 ? left : 0);
    s->window_known = true;
}

/* Another try in a while, or the end when the window has passed. */
static void try_later(struct session *s, int64_t pause_ms) {
    struct mono now = now_mono();
    char away[WALL_TEXT_CAP];
    set_window(s, now);
    if (mono_due(s->down_until, now)) {
        session_say(s, "%s: not taken up again within %s: %s", s->host_name,
                    duration_text(mono_ms_between(s->down_since, now), away), s->why);
        finish(s, EXIT_UNREACHABLE, true);
        return;
    }
    s->pause_ms = pause_ms;
    s->next_try = mono_min(mono_add_ms(now, pause_ms), s->down_until);
}

static void go_down(struct session *s, const char *why) {
    struct mono now = now_mono();
    char window[WALL_TEXT_CAP];
    bool steady = s->phase == SESSION_UP && mono_ms_between(s->up_since, now) >= STEADY_MS;
    if (why != s->why)
        snprintf(s->why, sizeof s->why, "%s", why);
    if (s->down_since.us == 0) { /* else it was not back yet, and everything has been said */
        s->down_since = now;
        s->down_until = mono_add_ms(now, WINDOW_MS);
        s->window_known = false;
        session_say(s, "%s: %s; taking the %s session up again, for up to %s", s->host_name, s->why,
                    redir_kind_name(s->kind), duration_text(WINDOW_MS, window));
    }
    session_set_phase(s, SESSION_WAITING);
    try_later(s, s->pause_ms == 0 || steady ? FIRST_PAUSE_MS : next_pause(s->pause_ms));
}

/* The stream has ended, with this code. */
static void ended_with(struct session *s, uint16_t code, struct slice reason) {
    const struct close_row *row = close_row(code);
    char text[400];
    const char *said = jget_str(s->end, "text");
    text_clean(text, sizeof text, *said ? slice_str(said) : reason.n ? reason : slice_str(row->text));
    bool again = s->end ? jget_bool(s->end, "resumable") : row->resumable;
    if (again) {
        go_down(s, text);
        return;
    }
    session_say(s, "%s: %s", s->host_name, text);
    finish(s, row->exit, true);
}

/* --- an attempt --- */

enum attempt { ATTEMPT_UP, ATTEMPT_LATER, ATTEMPT_OVER };

/* Nobody but a person can change these. */
static bool is_final(int status) {
    return status == 401 || status == 403 || status == 400;
}

static enum attempt failed(struct session *s, int status, int code) {
    if (s->phase == SESSION_WAITING && !is_final(status))
        return ATTEMPT_LATER;
    session_say(s, "%s", s->why);
    finish(s, code, is_final(status) || status == 404);
    return ATTEMPT_OVER;
}

static enum attempt open_stream(struct session *s, const char *ticket) {
    struct buf path = {0};
    char suffix[96];
    struct answer a;
    struct errinfo ei = {0};
    snprintf(suffix, sizeof suffix, "/sessions/%s/stream", s->id);
    const struct stream_opts o = {
        .target = cli_host_path(s->c, &path, s->host, suffix), .protocol = "outband.v1", .ticket = ticket};
    int rc = stream_open(&s->stream, s->client, &o, &a, &ei);
    int code = exit_of_err(ei.code);
    if (rc == ERR_REFUSED)
        code = answer_problem(&a, s->c->args, s->why, sizeof s->why);
    else if (rc < 0)
        snprintf(s->why, sizeof s->why, "%s", ei.text);
    int status = a.status == 401 ? 409 : a.status; /* of the ticket, not of the user: another one may do */
    answer_free(&a);
    buf_free(&path);
    if (rc < 0)
        return failed(s, status, code == EXIT_OK ? EXIT_FAILED : code);
    json_decref(s->end);
    s->end = NULL;
    s->up_since = now_mono();
    session_set_phase(s, SESSION_UP);
    return ATTEMPT_UP;
}

static enum attempt get_ticket(struct session *s) {
    char suffix[96], ticket[160] = "";
    struct answer a;
    struct errinfo ei = {0};
    snprintf(suffix, sizeof suffix, "/sessions/%s/ticket", s->id);
    int code = EXIT_OK, status = 0;
    if (session_ask(s, s->client, "POST", suffix, NULL, &a, &ei) < 0) {
        code = exit_of_err(ei.code);
        snprintf(s->why, sizeof s->why, "%s", ei.text);
    } else {
        status = a.status;
        code = answer_problem(&a, s->c->args, s->why, sizeof s->why);
        snprintf(ticket, sizeof ticket, "ticket.%s", jget_str(a.json, "ticket"));
    }
    answer_free(&a);
    enum attempt result = code == EXIT_OK ? open_stream(s, ticket) : failed(s, status, code);
    OPENSSL_cleanse(ticket, sizeof ticket);
    return result;
}

/* The server does not know it any more: another one in its place. */
static int make_again(struct session *s, int *status) {
    char old[sizeof s->id];
    memcpy(old, s->id, sizeof old);
    int code = session_make(s, old, status);
    if (code != EXIT_OK)
        memcpy(s->id, old, sizeof old);
    return code;
}

static int ask_consent(struct session *s) {
    if (s->ui.cooked)
        s->ui.cooked(s->ui.ctx, true);
    int code = consent_get(s);
    if (s->ui.cooked)
        s->ui.cooked(s->ui.ctx, false);
    return code;
}

/* One try to get a stream, from whatever state the server has the session in. */
static enum attempt attempt(struct session *s) {
    int status, code = session_look(s, &status);
    if (status == 404 && s->phase == SESSION_WAITING)
        code = make_again(s, &status);
    if (code != EXIT_OK)
        return failed(s, status, code);
    const char *state = session_state(s);
    if (strcmp(state, "ended") == 0) {
        session_say(s, "%s: the session has ended: %s", s->host_name, jget_str(s->json, "text"));
        finish(s, EXIT_FAILED, true);
        return ATTEMPT_OVER;
    }
    if (strcmp(state, "consent") == 0) {
        if ((code = ask_consent(s)) != EXIT_OK) {
            finish(s, code, false);
            return ATTEMPT_OVER;
        }
        state = session_state(s);
    }
    if (strcmp(state, "ready") == 0 || strcmp(state, "interrupted") == 0)
        return get_ticket(s);
    snprintf(s->why, sizeof s->why, "the server has not let go of the old connection yet");
    return ATTEMPT_LATER;
}

/* --- the stream's events --- */

static void say_back(struct session *s) {
    char away[WALL_TEXT_CAP];
    if (s->down_since.us == 0)
        return;
    const char *resumed = jget_str(s->json, "resumed");
    session_say(s, "%s: back after %s%s%s", s->host_name,
                duration_text(mono_ms_between(s->down_since, now_mono()), away), *resumed ? ". " : "",
                resumed);
    s->down_since = (struct mono){0};
}

/* False: nothing for the caller. */
static bool take_note(struct session *s, struct slice text, struct session_ev *ev) {
    json_decref(s->note);
    s->note = json_loadb((const char *)text.p, text.n, 0, NULL);
    const char *type = jget_str(s->note, "type");
    *ev = (struct session_ev){.kind = SESSION_EV_NOTE, .text = text, .note = s->note};
    if (strcmp(type, "hello") == 0 && *jget_str(s->note, "resumed") && s->json)
        json_object_set(s->json, "resumed", jget(s->note, "resumed"));
    if (strcmp(type, "end") == 0) {
        json_decref(s->end);
        s->end = json_incref(s->note);
    }
    if (strcmp(type, "open") == 0) {
        s->open = true;
        say_back(s);
        ev->kind = SESSION_EV_OPEN;
    }
    return json_is_object(s->note); /* anything else is not in the contract: passed over */
}

/* False: go on. */
static bool from_stream(struct session *s, struct pollfd *others, size_t n, struct mono deadline,
                        struct session_ev *ev) {
    struct stream_ev e;
    stream_next(s->stream, others, n, deadline, &e);
    switch (e.kind) {
    case STREAM_EV_BINARY:
        *ev = (struct session_ev){.kind = SESSION_EV_DATA, .data = e.data};
        return true;
    case STREAM_EV_TEXT:
        return take_note(s, e.data, ev);
    case STREAM_EV_CLOSE:
        ended_with(s, e.code, e.data);
        break;
    case STREAM_EV_LOST:
        ended_with(s, CLOSE_LOST, e.data);
        break;
    case STREAM_EV_OTHER:
        ev->kind = SESSION_EV_OTHER;
        return true;
    case STREAM_EV_TIME:
        ev->kind = SESSION_EV_TIME;
        return true;
    }
    ev->kind = SESSION_EV_DOWN;
    return s->phase == SESSION_WAITING;
}

/* Between two attempts. False: the next one is due. */
static bool wait_down(struct session *s, struct pollfd *others, size_t n, struct mono deadline,
                      struct session_ev *ev) {
    int got = conn_wait(NULL, 0, others, n, mono_min(deadline, s->next_try));
    ev->kind = got & CONN_OTHER ? SESSION_EV_OTHER : SESSION_EV_TIME;
    struct mono now = now_mono();
    return got == CONN_OTHER || (mono_due(deadline, now) && !mono_due(s->next_try, now));
}

void session_next(struct session *s, struct pollfd *others, size_t n, struct mono deadline,
                  struct session_ev *ev) {
    for (;;) {
        *ev = (struct session_ev){.kind = SESSION_EV_ENDED, .exit = s->exit};
        bool waits = s->phase == SESSION_WAITING;
        if (s->phase == SESSION_OVER)
            return;
        if (s->phase == SESSION_UP) {
            if (from_stream(s, others, n, deadline, ev))
                return;
        } else if (waits && !mono_due(s->next_try, now_mono())) {
            if (wait_down(s, others, n, deadline, ev))
                return;
        } else {
            enum attempt result = attempt(s);
            if (result == ATTEMPT_LATER && waits)
                try_later(s, next_pause(s->pause_ms));
            else if (result == ATTEMPT_LATER)
                go_down(s, s->why);
        }
    }
}
