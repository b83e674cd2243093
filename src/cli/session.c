/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/text.h"
#include "cli/session_int.h"
#include "cli/signals.h"
#include "proto/http1.h"

#include <inttypes.h>

enum { QUICK_MS = 10000, FLUSH_MS = 1000 };

void session_say(struct session *s, const char *fmt, ...) {
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (s->ui.say)
        s->ui.say(s->ui.ctx, text);
    else
        term_say(&s->c->term, "%s", text);
}

static void note_mute(struct session *s, const json_t *note) {
    const char *remedy = jget_str(note, "remedy");
    session_say(s, "%s%s%s", jget_str(note, "text"), *remedy ? ". " : "", remedy);
}

static void note_queued(struct session *s, const json_t *note) {
    const char *text = jget_str(note, "text");
    session_say(s, "%s", *text ? text : "no power operation waits for the end of this session any more");
}

static void note_idle(struct session *s, const json_t *note) {
    int64_t left = jget_int(note, "inSeconds", 0);
    if (left > 0)
        session_say(s, "the session ends in %" PRId64 " s for want of input; any input helps", left);
}

void session_say_note(struct session *s, const json_t *note) {
    static const struct {
        const char *type;
        void (*say)(struct session *s, const json_t *note);
    } notes[] = {{"mute", note_mute}, {"queued", note_queued}, {"idle", note_idle}};
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (strcmp(jget_str(note, "type"), notes[i].type) == 0)
            notes[i].say(s, note);
}

int session_ask(struct session *s, struct client *cl, const char *method, const char *suffix,
                const struct buf *body, struct answer *a, struct errinfo *ei) {
    struct buf path = {0};
    const struct request rq = {.method = method,
                               .target = cli_host_path(s->c, &path, s->host, suffix),
                               .body = body ? buf_slice(body) : SLICE_EMPTY};
    int rc = client_call(cl, &rq, a, ei);
    buf_free(&path);
    return rc;
}

const char *session_state(const struct session *s) {
    return jget_str(s->json, "state");
}

void session_take(struct session *s, json_t *json) {
    json_decref(s->json);
    s->json = json_incref(json);
    s->json_at = now_mono();
    slice_to_str(slice_str(jget_str(json, "id")), s->id, sizeof s->id);
    const char *name = jget_str(json, "hostName");
    text_clean(s->host_name, sizeof s->host_name, slice_str(*name ? name : s->host));
}

int session_refused(struct session *s, const struct answer *a) {
    char text[512], remedy[256];
    int code = answer_problem(a, s->c->args, text, sizeof text);
    answer_remedy(a, s->c->args, remedy, sizeof remedy);
    session_say(s, "%s%s%s", text, *remedy ? ". " : "", remedy);
    return code;
}

/* A request whose success is a session; *status 0: no answer. */
static int ask_for_session(struct session *s, struct client *cl, const char *method, const char *suffix,
                           const struct buf *body, int *status) {
    struct answer a;
    struct errinfo ei = {0};
    *status = 0;
    if (session_ask(s, cl, method, suffix, body, &a, &ei) < 0) {
        snprintf(s->why, sizeof s->why, "%s%s%s", ei.text, *ei.remedy ? ". " : "", ei.remedy);
        return exit_of_err(ei.code);
    }
    *status = a.status;
    char text[384], remedy[256];
    int code = answer_problem(&a, s->c->args, text, sizeof text);
    if (code != EXIT_OK) {
        answer_remedy(&a, s->c->args, remedy, sizeof remedy);
        snprintf(s->why, sizeof s->why, "%s%s%.120s", text, *remedy ? ". " : "", remedy);
    } else if (!*jget_str(a.json, "id") || !*jget_str(a.json, "state")) {
        snprintf(s->why, sizeof s->why, "%s does not answer as an Outband server with sessions",
                 s->c->url.authority);
        code = EXIT_FAILED;
    } else {
        session_take(s, a.json);
    }
    answer_free(&a);
    return code;
}

int session_look(struct session *s, int *status) {
    char suffix[96];
    snprintf(suffix, sizeof suffix, "/sessions/%s", s->id);
    return ask_for_session(s, s->client, "GET", suffix, NULL, status);
}

int session_make(struct session *s, const char *resume, int *status) {
    struct buf body = {0};
    struct json j = json_of(&body);
    json_obj(&j);
    json_kstr(&j, "kind", redir_kind_id(s->kind));
    if (s->view_only)
        json_kbool(&j, "viewOnly", true);
    if (s->take_over && !resume)
        json_kbool(&j, "takeOver", true);
    if (resume)
        json_kstr(&j, "resume", resume);
    json_obj_end(&j);
    int code = ask_for_session(s, s->c->client, "POST", "/sessions", &body, status);
    buf_free(&body);
    return code;
}

bool session_pause(int fd, int64_t ms) {
    struct pollfd fds[2] = {{.fd = signals_fd(), .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    return poll(fds, 2, ms < 0 ? 0 : (int)ms) > 0;
}

/* Until the server is ready for a stream. */
static int get_ready(struct session *s) {
    struct mono end = mono_add_ms(now_mono(), SESSION_SETTLE_MS);
    int status, code = EXIT_OK;
    bool asked = false;
    while (code == EXIT_OK && strcmp(session_state(s), "ready") != 0) {
        if (strcmp(session_state(s), "ended") == 0) {
            session_say(s, "the session has ended: %s", jget_str(s->json, "text"));
            return EXIT_REFUSED;
        }
        if (strcmp(session_state(s), "consent") == 0) {
            asked = true;
            if ((code = consent_get(s)) != EXIT_OK)
                return code;
            end = mono_add_ms(now_mono(), SESSION_SETTLE_MS);
            continue;
        }
        if (strcmp(session_state(s), "interrupted") == 0)
            break; /* one of before: a ticket is to be had */
        if (session_pause(-1, SESSION_POLL_MS)) {
            session_say(s, "cancelled");
            return EXIT_FAILED;
        }
        if (mono_due(end, now_mono())) {
            session_say(s, "%s: the session is still %s after %d s", s->host_name, session_state(s),
                        SESSION_SETTLE_MS / 1000);
            return EXIT_TIMEOUT;
        }
        if ((code = session_look(s, &status)) != EXIT_OK)
            session_say(s, "%s", s->why);
    }
    if (code == EXIT_OK && !asked)
        consent_say_reuse(s);
    return code;
}

int session_start(struct session *s) {
    if (s->consent_code && strcmp(s->consent_code, "-") != 0 && !consent_is_code(s->consent_code))
        return cli_usage(s->c, "Leading zeros count: 012345.",
                         "--consent-code takes six digits, not \"%.20s\"", s->consent_code);
    int code = cli_connect(s->c, true), status;
    if (code != EXIT_OK)
        return code;
    s->client = cli_client_within(s->c, QUICK_MS);
    if (!s->client) {
        session_say(s, "out of memory");
        return EXIT_FAILED;
    }
    code = consent_foresee(s);
    if (code != EXIT_OK)
        return code;
    code = session_make(s, NULL, &status);
    if (code != EXIT_OK) {
        session_say(s, "%s", s->why);
        if (status == 409 && !s->take_over)
            term_hint(&s->c->term, "With --take-over that session is ended first.");
        return code;
    }
    return get_ready(s);
}

int session_send(struct session *s, struct slice data) {
    if (!s->open)
        return 0;
    int rc = stream_send(s->stream, data);
    return rc == ERR_CLOSED ? 0 : rc; /* session_next() tells */
}

size_t session_queued(const struct session *s) {
    return s->stream ? stream_queued(s->stream) : 0;
}

void session_hold(struct session *s, bool hold) {
    if (s->stream)
        stream_hold(s->stream, hold);
}

static void end_at_server(struct session *s) {
    char suffix[96];
    struct answer a;
    struct errinfo ei = {0};
    snprintf(suffix, sizeof suffix, "/sessions/%s", s->id);
    if (session_ask(s, s->client, "DELETE", suffix, NULL, &a, &ei) < 0)
        session_say(s, "the session could not be ended at the server, which ends it by itself later: %s",
                    ei.text);
    else if (a.status >= 400 && a.status != 404 && a.status != 409)
        (void)session_refused(s, &a);
    answer_free(&a);
}

void session_end(struct session *s) {
    if (s->stream)
        stream_flush(s->stream, mono_add_ms(now_mono(), FLUSH_MS));
    if (*s->id && s->client && !s->gone)
        end_at_server(s);
    stream_free(&s->stream);
    client_free(&s->client);
    json_decref(s->json);
    json_decref(s->note);
    json_decref(s->end);
    s->json = s->note = s->end = NULL;
}
