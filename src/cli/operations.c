/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/operations.h"

#include "core/operation.h"
#include "proto/http1.h"

#include <unistd.h>

enum { POLL_FIRST_MS = 100, POLL_LAST_MS = 1000 };

void outcome_free(struct outcome *o) {
    json_decref(o->json);
    o->json = NULL;
}

int outcome_call(const struct cli *c, struct client *cl, const struct request *rq, struct answer *a,
                 struct outcome *o) {
    struct errinfo ei = {0};
    if (client_call(cl, rq, a, &ei) < 0) {
        o->exit = exit_of_err(ei.code);
        o->server_gone = ei.code == ERR_UNREACHABLE || ei.code == ERR_TLS;
        snprintf(o->text, sizeof o->text, "%s", ei.text);
        snprintf(o->remedy, sizeof o->remedy, "%s", ei.remedy);
        return o->exit;
    }
    o->exit = answer_problem(a, c->args, o->text, sizeof o->text);
    if (o->exit != EXIT_OK) {
        answer_remedy(a, c->args, o->remedy, sizeof o->remedy);
        o->server_gone = a->status == 401;
        return o->exit;
    }
    json_decref(o->json);
    o->json = json_incref(a->json);
    return EXIT_OK;
}

bool operation_ended(const json_t *op) {
    enum op_state s;
    return op_state_parse(jget_str(op, "state"), &s) && op_state_final(s);
}

void operation_text(const json_t *op, char *out, size_t cap) {
    const char *text = jget_str(op, "text"), *kind = jget_str(op, "kind");
    enum power_op known;
    if (power_op_parse(slice_str(kind), &known))
        kind = power_op_row(known)->verb;
    snprintf(out, cap, "%s %s%s%s", kind, jget_str(op, "state"), *text ? ": " : "", text);
}

void follow(const struct cli *c, struct client *cl, const struct followed *f, struct mono deadline,
            struct outcome *o) {
    char last[512] = "", now[512];
    int64_t pause = POLL_FIRST_MS;
    const struct request rq = {.method = "GET", .target = f->target};
    for (;;) {
        struct answer a;
        if (outcome_call(c, cl, &rq, &a, o) != EXIT_OK) {
            answer_free(&a);
            return;
        }
        f->text(a.json, now, sizeof now);
        if (f->changed && strcmp(now, last) != 0)
            f->changed(f->ctx, a.json);
        memcpy(last, now, sizeof last);
        bool ended = f->ended(a.json);
        answer_free(&a);
        if (ended) {
            o->exit = exit_of_operation(jget_str(o->json, "state"), jget_str(o->json, "code"));
            snprintf(o->text, sizeof o->text, "%s", now);
            slice_to_str(slice_str(jget_str(o->json, "remedy")), o->remedy, sizeof o->remedy);
            return;
        }
        int64_t left = mono_is_never(deadline) ? pause : mono_ms_between(now_mono(), deadline);
        if (left <= 0) {
            o->exit = EXIT_TIMEOUT;
            snprintf(o->text, sizeof o->text, "still under way: %s", now);
            snprintf(o->remedy, sizeof o->remedy, "%s", f->later);
            return;
        }
        usleep((useconds_t)(pause < left ? pause : left) * 1000);
        pause = pause * 3 / 2 < POLL_LAST_MS ? pause * 3 / 2 : POLL_LAST_MS;
    }
}

void operation_wait(const struct cli *c, struct client *cl, const char *id, struct mono deadline,
                    struct outcome *o, void (*changed)(void *ctx, const json_t *op), void *ctx) {
    struct buf path = {0};
    char later[160];
    cli_path(c, &path, "/operations/");
    http1_escape(&path, slice_str(id));
    snprintf(later, sizeof later, "It goes on at the server: orch-cli get operation %.64s --watch", id);
    const struct followed f = {.target = buf_cstr(&path),
                               .later = later,
                               .ended = operation_ended,
                               .text = operation_text,
                               .changed = changed,
                               .ctx = ctx};
    follow(c, cl, &f, deadline, o);
    buf_free(&path);
}
