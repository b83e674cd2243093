/* SPDX-License-Identifier: Apache-2.0 */
/* The user's consent: six digits that the node's screen shows are asked for here. */
#include "base/json.h"
#include "base/text.h"
#include "cli/session_int.h"
#include "cli/signals.h"
#include "cli/tty.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { DIGITS = 6, LOOK_MS = 2000, REQUEST_MS = 15000 };
enum { KEY_INTERRUPT = 3, KEY_END = 4, KEY_BACK = 8, KEY_DELETE = 127, KEY_KILL = 21 };

/* The prompt while it stands. */
struct prompt {
    struct session *s;
    struct tty tty;
    bool redraws; /* a terminal on which a line can be written again */
    bool drawn;
    char typed[32];
    size_t n;
    struct mono next_look, next_request;
};

static const json_t *consent_of(const struct session *s) {
    return jget(s->json, "consent");
}

/* What is left of a count of seconds that the server told; -1 when it told none. */
static int64_t seconds_left(const struct session *s, const char *member) {
    int64_t told = jget_int(consent_of(s), member, -1);
    int64_t left = told - mono_ms_between(s->json_at, now_mono()) / 1000;
    return told < 0 ? -1 : left < 0 ? 0 : left;
}

static int64_t seconds_until(const char *rfc3339) {
    struct wall at;
    if (!wall_parse(rfc3339, &at) || at.us == 0)
        return -1;
    int64_t left = (at.us - now_wall().us) / 1000000;
    return left < 0 ? 0 : left;
}

enum { CLOCK_CAP = 32 };
static const char *clock_text(int64_t s, char out[CLOCK_CAP]) {
    snprintf(out, CLOCK_CAP, "%" PRId64 ":%02" PRId64, s / 60, s % 60);
    return out;
}

/* What to read, where, and both countdowns. */
static void status_text(const struct session *s, char *out, size_t cap) {
    char clock[CLOCK_CAP];
    const json_t *c = consent_of(s);
    int64_t shown = seconds_left(s, "displaySeconds"), reuse = seconds_left(s, "reuseSeconds");
    int64_t next = seconds_until(jget_str(c, "nextCodeAt"));
    if (shown > 0)
        snprintf(out, cap, "The code is on %s's screen for %s more", s->host_name, clock_text(shown, clock));
    else if (*jget_str(c, "text"))
        snprintf(out, cap, "%s", jget_str(c, "text"));
    else
        snprintf(out, cap, "%s's screen will show a code", s->host_name);
    size_t at = strlen(out);
    if (reuse > 0)
        snprintf(out + at, cap - at, "; the one given before is good for %s more", clock_text(reuse, clock));
    at = strlen(out);
    if (next > 0)
        snprintf(out + at, cap - at, "; a new code can be had in %s", clock_text(next, clock));
}

void consent_say_reuse(struct session *s) {
    int64_t left = seconds_left(s, "reuseSeconds");
    if (left > 0)
        session_say(s, "%s: no code is needed, the consent given before is good for %" PRId64 " s more",
                    s->host_name, left);
}

/* --- one code --- */

bool consent_is_code(const char *text) {
    return text_in_set(slice_str(text), TEXT_DIGITS, DIGITS, DIGITS);
}

/* The consent object of an answer takes the place of the one known. */
static void take_consent(struct session *s, json_t *consent) {
    if (!json_is_object(consent) || !s->json)
        return;
    json_object_set(s->json, "consent", consent);
    s->json_at = now_mono();
}

static void say_wrong(struct session *s, const struct answer *a, const char *text) {
    int64_t tries = jget_int(a->json, "consent.triesLeft", -1);
    char left[48] = "";
    if (tries >= 0 && !strstr(text, "left"))
        snprintf(left, sizeof left, ". %" PRId64 " %s left", tries, tries == 1 ? "try is" : "tries are");
    session_say(s, "%s%s", text, left);
}

/* The server took the code: its session follows soon. */
static int wait_taken(struct session *s) {
    struct mono end = mono_add_ms(now_mono(), SESSION_SETTLE_MS);
    int status;
    do {
        int code = session_look(s, &status);
        if (code != EXIT_OK) {
            session_say(s, "%s", s->why);
            return code;
        }
        if (strcmp(session_state(s), "consent") != 0)
            return EXIT_OK;
    } while (!session_pause(-1, SESSION_POLL_MS) && !mono_due(end, now_mono()));
    session_say(s, "the code was taken, but the session still waits for consent");
    return EXIT_TIMEOUT;
}

/* EXIT_OK when it was right; else said. *again: another code may be given. */
static int give_code(struct session *s, const char *code_text, bool *again) {
    struct buf body = {0};
    struct json j = json_of(&body);
    json_obj(&j);
    json_kstr(&j, "code", code_text); /* a text: leading zeros count */
    json_obj_end(&j);
    struct answer a;
    struct errinfo ei = {0};
    char text[512];
    int code;
    *again = false;
    if (session_ask(s, s->c->client, "POST", "/consent", &body, &a, &ei) < 0) {
        session_say(s, "%s", ei.text);
        code = exit_of_err(ei.code);
    } else if ((code = answer_problem(&a, s->c->args, text, sizeof text)) != EXIT_OK) {
        say_wrong(s, &a, text);
        take_consent(s, jget(a.json, "consent"));
        *again = (a.status == 409 || a.status == 400 || a.status == 422) &&
                 strcmp(jget_str(consent_of(s), "action"), "unavailable") != 0;
    } else {
        take_consent(s, a.json);
    }
    answer_free(&a);
    buf_free(&body);
    return code == EXIT_OK ? wait_taken(s) : code;
}

/* The firmware shows none and may: ask for one, not too often. */
static void request_code(struct prompt *p) {
    struct session *s = p->s;
    const json_t *c = consent_of(s);
    struct mono now = now_mono();
    bool none =
        strcmp(jget_str(c, "state"), "not-started") == 0 && strcmp(jget_str(c, "action"), "unavailable") != 0;
    if (!none || seconds_until(jget_str(c, "nextCodeAt")) > 0 || !mono_due(p->next_request, now))
        return;
    p->next_request = mono_add_ms(now, REQUEST_MS);
    struct answer a;
    struct errinfo ei = {0};
    if (session_ask(s, s->c->client, "POST", "/consent:request", NULL, &a, &ei) == 0 && a.status == 200)
        take_consent(s, a.json);
    answer_free(&a);
}

/* --- the prompt on a terminal --- */

static void draw(struct prompt *p) {
    struct term *t = &p->s->c->term;
    char text[400], clean[400];
    if (p->drawn && !p->redraws)
        return;
    status_text(p->s, text, sizeof text);
    text_clean(clean, sizeof clean, slice_str(text));
    unsigned width = t->width > 1 ? t->width - 1 : 79;
    size_t fit = p->redraws ? text_fit(slice_str(clean), width) : strlen(clean);
    if (p->redraws && p->drawn)
        fputs("\r\033[A\033[K", t->err);
    fprintf(t->err, "%.*s\n%sEnter consent code: %s", (int)fit, clean, p->redraws ? "\033[K" : "", p->typed);
    fflush(t->err);
    p->drawn = true;
}

/* The line is left; what is said next stands on its own. */
static void leave(struct prompt *p) {
    if (p->drawn)
        fputc('\n', p->s->c->term.err);
    p->drawn = false;
    p->n = 0;
    p->typed[0] = 0;
}

static void echo(struct prompt *p, const char *text) {
    if (p->redraws)
        return; /* the next draw() shows it */
    fputs(text, p->s->c->term.err);
    fflush(p->s->c->term.err);
}

enum key_result { KEY_TAKEN, KEY_ENTER, KEY_CANCEL };

static enum key_result take_key(struct prompt *p, uint8_t key) {
    if (key == KEY_INTERRUPT || key == KEY_END)
        return KEY_CANCEL;
    if (key == '\r' || key == '\n')
        return KEY_ENTER;
    if (key == KEY_KILL) {
        p->n = 0;
    } else if (key == KEY_BACK || key == KEY_DELETE) {
        if (p->n) {
            p->n--;
            echo(p, "\b \b");
        }
    } else if (key > ' ' && key < KEY_DELETE && p->n + 1 < sizeof p->typed) {
        p->typed[p->n++] = (char)key;
        echo(p, (const char[]){(char)key, 0});
    }
    p->typed[p->n] = 0;
    return KEY_TAKEN;
}

/* What is typed until Enter. False: cancelled, or the state changed meanwhile (see session_state()). */
static bool read_typed(struct prompt *p) {
    struct session *s = p->s;
    int status;
    for (;;) {
        request_code(p);
        draw(p);
        uint8_t key;
        bool ready = session_pause(p->s->c->term.in_fd, 1000);
        if (signals_came())
            return false;
        if (ready) {
            ssize_t got = read(p->s->c->term.in_fd, &key, 1);
            enum key_result r = got == 1 ? take_key(p, key) : KEY_CANCEL;
            if (r != KEY_TAKEN)
                return r == KEY_ENTER;
        } else if (mono_due(p->next_look, now_mono())) { /* somebody else may have given the code */
            p->next_look = mono_add_ms(now_mono(), LOOK_MS);
            if (session_look(s, &status) == EXIT_OK && strcmp(session_state(s), "consent") != 0)
                return false;
        }
    }
}

static int cancelled(struct session *s) {
    session_say(s, "cancelled: no %s session was opened on %s", redir_kind_name(s->kind), s->host_name);
    return EXIT_FAILED;
}

/* Until the right code, or why not. */
static int prompt_run(struct prompt *p) {
    struct session *s = p->s;
    for (;;) {
        char typed[sizeof p->typed];
        bool again = true, entered = read_typed(p);
        memcpy(typed, p->typed, sizeof typed);
        leave(p);
        if (strcmp(session_state(s), "consent") != 0)
            return EXIT_OK; /* the caller looks at what it is now */
        if (!entered || !*typed)
            return cancelled(s);
        if (!consent_is_code(typed)) {
            session_say(s, "a consent code is six digits, such as 012345; nothing was sent");
            continue;
        }
        int code = give_code(s, typed, &again);
        if (code == EXIT_OK || !again)
            return code;
    }
}

static int ask_on_terminal(struct session *s) {
    struct term *t = &s->c->term;
    const char *kind = getenv("TERM");
    struct prompt p = {.s = s, .redraws = t->err_tty && !(kind && strcmp(kind, "dumb") == 0)};
    p.next_look = mono_add_ms(now_mono(), LOOK_MS);
    fflush(t->out);
    session_say(s, "%s asks its user for consent. Read the six digits on its screen; an empty line cancels.",
                s->host_name);
    tty_set(&p.tty, t->in_fd, TTY_KEYS);
    int code = prompt_run(&p);
    tty_restore(&p.tty);
    return code;
}

/* --- for scripts --- */

/* Byte by byte: what follows the line is the session's. */
static bool read_code_line(int fd, char *out, size_t cap) {
    size_t n = 0;
    char c;
    while (read(fd, &c, 1) == 1 && c != '\n')
        if (c != '\r' && n + 1 < cap)
            out[n++] = c;
    out[n] = 0;
    return n > 0;
}

static int use_given(struct session *s) {
    char line[32];
    const char *text = s->consent_code;
    bool again;
    s->consent_code = NULL; /* once; what comes later is asked for */
    if (strcmp(text, "-") == 0) {
        if (!read_code_line(s->c->term.in_fd, line, sizeof line))
            return cli_usage(s->c, NULL, "--consent-code -: no code came from standard input");
        text = line;
    }
    if (!consent_is_code(text))
        return cli_usage(s->c, "Leading zeros count: 012345.",
                         "--consent-code: a code is exactly six digits");
    return give_code(s, text, &again);
}

static int no_terminal(struct session *s) {
    session_say(s,
                "%s asks its user for consent, and there is no terminal to enter the code on. Pass "
                "--consent-code -, which reads the code from standard input while the node's screen shows "
                "it, or use a terminal",
                *s->host_name ? s->host_name : s->host);
    return EXIT_USAGE;
}

/* Would a session of this kind wait for a code? From a consent object of the server. */
static bool wants_code(const json_t *consent, enum redir_kind kind) {
    const char *required = jget_str(consent, "required"), *action = jget_str(consent, "action");
    bool covered = strcmp(required, "all") == 0 || (strcmp(required, "kvm") == 0 && kind == REDIR_KVM);
    return covered && (strcmp(action, "enter-code") == 0 || strcmp(action, "wait") == 0);
}

int consent_foresee(struct session *s) {
    struct answer a;
    struct errinfo ei = {0};
    if (s->consent_code || s->c->term.in_tty)
        return EXIT_OK;
    bool wanted = session_ask(s, s->client, "GET", "/consent", NULL, &a, &ei) == 0 && a.status == 200 &&
                  wants_code(a.json, s->kind);
    answer_free(&a);
    return wanted ? no_terminal(s) : EXIT_OK;
}

int consent_get(struct session *s) {
    const json_t *c = consent_of(s);
    if (strcmp(jget_str(c, "action"), "unavailable") == 0) {
        session_say(s, "%s cannot be asked for consent: %s", s->host_name, jget_str(c, "text"));
        return EXIT_REFUSED;
    }
    if (s->consent_code)
        return use_given(s);
    if (!s->c->term.in_tty)
        return no_terminal(s); /* wanted since consent_foresee() */
    return ask_on_terminal(s);
}
