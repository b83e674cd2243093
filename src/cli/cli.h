/* SPDX-License-Identifier: Apache-2.0 */
/* cli: one run of orch-cli: what was saved, what was given, the connection, and the ways a command speaks.
 * Handlers give exit codes; whoever finds a failure prints its sentence. Owner: main; main thread, but for
 * what says otherwise. */
#pragma once

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/jget.h"
#include "cli/problem.h"
#include "cli/term.h"
#include "http/client.h"

struct cli {
    struct term term;
    const struct args *args;
    struct config config;
    char config_path[4096];
    struct url url; /* valid once cli_connect() gave 0 */
    struct trust *trust;
    struct client *client;
    bool have_token; /* a token for url is known */
};

/* Reads the saved configuration. An exit code; the reason was printed. */
int cli_start(struct cli *c, const struct args *a);
void cli_end(struct cli *c);
/* The project to work in: --project, the saved one, or "default". */
const char *cli_project(const struct cli *c);

/* Find the server's address and trust, and make c->client (nothing is sent yet). need_login: without a token
 * for this server the command ends with EXIT_AUTH. */
int cli_connect(struct cli *c, bool need_login);
/* Another client like c->client, for a worker or an event stream; after cli_connect(). Any thread. NULL: no
 * memory. */
struct client *cli_client_like(const struct cli *c);
/* The same, that gives up after so many milliseconds. */
struct client *cli_client_within(const struct cli *c, int64_t answer_ms);

/* Print why something failed, with its remedy; give the exit code. */
int cli_fail(struct cli *c, const struct errinfo *ei);
/* A usage error found by a handler: sentence, remedy (NULL: none). Gives EXIT_USAGE. */
int cli_usage(struct cli *c, const char *remedy, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The value of an option as a point in time that has not passed; else printed, and EXIT_USAGE. */
int cli_time_to_come(struct cli *c, enum opt o, struct wall *out);
/* Print the problem of an answer with remedy; gives the exit code, EXIT_OK for a success. */
int cli_answer(struct cli *c, const struct answer *a);

/* One request on c->client (connected when needed, login required). EXIT_OK with the answer in *a (to be
 * freed by the caller), or printed and an exit code. */
int cli_call(struct cli *c, const struct request *rq, struct answer *a);
/* The same for a GET: *out owns the JSON. An answer without JSON counts as failed. */
int cli_get(struct cli *c, const char *target, json_t **out);
/* A request with a JSON body built in body (NULL: none); *out may be NULL, and gets NULL when no JSON came.
 */
int cli_send(struct cli *c, const char *method, const char *target, const struct buf *body, json_t **out);

/* "/v1/projects/P/compute" and what fmt adds, into b (cleared first). Gives buf_cstr(b). Names must be
 * escaped. */
const char *cli_path(const struct cli *c, struct buf *b, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The same without "/compute". */
const char *cli_project_path(const struct cli *c, struct buf *b, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Path of a host, with a suffix such as "/operations", ":look" or "": the id is escaped. */
const char *cli_host_path(const struct cli *c, struct buf *b, const char *host, const char *suffix);
/* Append "&name=value" escaped, with "?" first when the target has no query yet. Nothing when value is NULL.
 */
void path_query(struct buf *b, const char *name, const char *value);

/* What -o asks for. */
enum output { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_NAME, OUTPUT_CSV };
enum output cli_output(const struct cli *c);
/* Print JSON or YAML as -o asks; false (and nothing printed) when it asks for something else. */
bool cli_print_value(struct cli *c, const json_t *v);

/* Ask before count things are changed. threshold: up to so many pass unasked. EXIT_OK to go on. doing: "power
 * off". */
int cli_confirm(struct cli *c, const char *doing, size_t count, size_t threshold);
/* A new random key for Idempotency-Key. Any thread. */
enum { KEY_CAP = 33 };
const char *cli_key(char out[KEY_CAP]);
/* Milliseconds that --timeout allows, or otherwise. */
int64_t cli_timeout_ms(const struct cli *c, int64_t otherwise);
