/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/watch.h"

#include "cli/hosts.h"

#include <inttypes.h>
#include <unistd.h>

enum { SILENCE_MS = 45000, FIRST_WAIT_MS = 200, LAST_WAIT_MS = 10000 }; /* the server speaks every 15 s */

static void build_target(const struct watch *w, struct buf *target) {
    buf_puts(target, "/v1/events");
    path_query(target, "host", w->host);
    path_query(target, "kind", w->kind);
}

/* Hand one event on. False: the watch has ended. */
static bool give(struct cli *c, const struct watch *w, const struct sse_event *ev, uint64_t *given) {
    json_t *o = json_loadb((const char *)ev->data.p, ev->data.n, 0, NULL);
    bool gap = strcmp(ev->type, "gap") == 0 || strcmp(jget_str(o, "type"), "gap") == 0;
    bool go_on = true;
    if (gap) {
        term_say(&c->term, "some events before this are no longer kept by the server");
    } else if (json_is_object(o)) {
        go_on = w->event(w->ctx, o) && fflush(c->term.out) == 0;
        go_on = go_on && !(w->count && ++*given == w->count);
    }
    json_decref(o);
    return go_on;
}

/* Open the stream. EXIT_OK, or the exit code with *final when another try is of no use. */
static int open_stream(struct cli *c, struct client *cl, const char *target, bool again, bool *final) {
    struct answer a;
    struct errinfo ei = {0};
    int rc = client_stream(cl, target, &a, &ei);
    *final = !again;
    if (rc < 0)
        return again ? exit_of_err(ei.code) : cli_fail(c, &ei);
    int code = EXIT_OK;
    if (a.status != 200) {
        bool passing = a.status == 429 || a.status >= 500;
        *final = !again || !passing;
        code = *final ? cli_answer(c, &a) : exit_of_problem(a.status, "");
    }
    answer_free(&a);
    return code;
}

/* Read the open stream until it ends. True: the watch is over; false: the connection is lost. */
static bool read_stream(struct cli *c, struct client *cl, const struct watch *w, struct mono end,
                        uint64_t *given) {
    for (;;) {
        struct sse_event ev;
        int rc = client_event(cl, end, SILENCE_MS, &ev);
        if (rc == 0 || (rc == 1 && !give(c, w, &ev, given)))
            return true;
        if (rc < 0) {
            term_say(&c->term, "the event stream was lost (%s); taking it up again%s%s", err_text(rc),
                     *client_last_id(cl) ? " behind event " : "", client_last_id(cl));
            return false;
        }
    }
}

static void wait_ms(int64_t ms) {
    if (ms > 0)
        usleep((useconds_t)ms * 1000);
}

int watch_run(struct cli *c, const struct watch *w) {
    int code = cli_connect(c, true);
    if (code != EXIT_OK)
        return code;
    struct client *cl = cli_client_like(c);
    if (!cl)
        return EXIT_FAILED;
    struct buf target = {0};
    build_target(w, &target);
    if (w->since)
        client_set_last_id(cl, w->since);
    struct mono end = w->max_ms ? mono_add_ms(now_mono(), w->max_ms) : MONO_NEVER;
    uint64_t given = 0;
    int64_t pause = FIRST_WAIT_MS;
    bool opened = false, over = false, final = false;
    while (!over && mono_before(now_mono(), end)) {
        code = open_stream(c, cl, buf_cstr(&target), opened, &final);
        if (code != EXIT_OK && final)
            break;
        if (code == EXIT_OK && !opened && w->opened && (code = w->opened(w->ctx)) != EXIT_OK)
            break;
        if (code == EXIT_OK) {
            opened = true;
            fflush(c->term.out);
            over = read_stream(c, cl, w, end, &given);
            pause = FIRST_WAIT_MS;
        }
        int64_t left = mono_is_never(end) ? pause : mono_ms_between(now_mono(), end);
        if (!over)
            wait_ms(pause < left ? pause : left);
        pause = pause * 2 < LAST_WAIT_MS ? pause * 2 : LAST_WAIT_MS;
        code = EXIT_OK;
    }
    buf_free(&target);
    client_free(&cl);
    return code;
}

static enum colour kind_colour(const char *kind) {
    static const struct {
        const char *kind;
        enum colour colour;
    } known[] = {{"link-up", COLOUR_GOOD},   {"link-lost", COLOUR_BAD},      {"link-suspect", COLOUR_DOUBT},
                 {"recovered", COLOUR_GOOD}, {"recovery-held", COLOUR_BAD},  {"mismatch", COLOUR_BAD},
                 {"finding", COLOUR_DOUBT},  {"link-recovered", COLOUR_GOOD}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].kind, kind) == 0)
            return known[i].colour;
    return COLOUR_NONE;
}

static uint64_t event_number(const json_t *event) {
    uint64_t n;
    return slice_to_u64(slice_str(jget_str(event, "id")), UINT64_MAX, &n) ? n : 0;
}

void event_print(struct cli *c, const json_t *event, bool with_host, bool with_date) {
    char when[WALL_TEXT_CAP], head[96], seq[32] = "";
    when_text(jget_str(event, "time"), when);
    const char *type = jget_str(event, "type"), *kind = strncmp(type, "host.", 5) == 0 ? type + 5 : type;
    const char *host = host_label(jget(event, "data.host"));
    if (!*host)
        host = jget_str(event, "subject");
    if (with_date)
        snprintf(seq, sizeof seq, "%7" PRIu64 "  ", event_number(event));
    char clock[16];
    snprintf(clock, sizeof clock, "%.8s", strlen(when) > 11 ? when + 11 : when);
    fprintf(c->term.out, "%s%s  ", seq, with_date ? when : clock);
    snprintf(head, sizeof head, "%-15s", kind);
    term_line_head(&c->term, kind_colour(kind), head, " %s%s%s", with_host ? host : "", with_host ? ": " : "",
                   jget_str(event, "data.text"));
}
