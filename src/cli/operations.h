/* SPDX-License-Identifier: Apache-2.0 */
/* operations: starting a power operation and waiting for its end. Any thread (each with its own client). */
#pragma once

#include "cli/cli.h"

/* What became of one request about one node. */
struct outcome {
    int exit; /* enum exit_code */
    char text[640], remedy[256];
    json_t *json; /* what the server answered last; may be NULL; owned */
    bool
        server_gone; /* the server itself did not answer, or refuses the login: further tries are of no use */
};
void outcome_free(struct outcome *o);
/* One request on cl; o->exit tells. *a is freed by the caller (answer_free) in every case. */
int outcome_call(const struct cli *c, struct client *cl, const struct request *rq, struct answer *a,
                 struct outcome *o);

bool operation_ended(const json_t *op);
/* "power off done: off (S0) …" into out. */
void operation_text(const json_t *op, char *out, size_t cap);
/* Something of the server that goes on by itself and has an end. */
struct followed {
    const char *target; /* of the GET that shows it: members state, code, remedy */
    const char *later;  /* where to look when this one's time is up */
    bool (*ended)(const json_t *v);
    void (*text)(const json_t *v, char *out, size_t cap);
    void (*changed)(void *ctx, const json_t *v); /* for every new text; may be NULL */
    void *ctx;
};
/* Poll until it has ended or the deadline passes; o gets its last state, sentence and exit code. */
void follow(const struct cli *c, struct client *cl, const struct followed *f, struct mono deadline,
            struct outcome *o);
enum { OPERATION_WAIT_MS = 900000 };
/* The same for an operation. */
void operation_wait(const struct cli *c, struct client *cl, const char *id, struct mono deadline,
                    struct outcome *o, void (*changed)(void *ctx, const json_t *op), void *ctx);
