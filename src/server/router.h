/* SPDX-License-Identifier: Apache-2.0 */
/* router: the ONE table of routes and what is checked before a handler runs: path, method, who asks, project,
 * query parameters, body. Handlers, OpenAPI, audit and the tests of access all come from this table.
 * Constant data. */
#pragma once

#include "server/auth.h"
#include "server/schema.h"

struct request;

/* Query parameters of all routes. Q(symbol, name, type, min, max, default, doc); for texts min and max are
 * lengths in bytes. */
#define QUERY_TABLE(Q)                                                                                       \
    Q(FILTER, "filter", TEXT, 0, 4000, 0, "Which hosts: `name=\"n1\" AND oob.link.state=\"up\"`.")           \
    Q(ORDER_BY, "orderBy", TEXT, 0, 400, 0, "Order: `name`, `name desc`, `oob.link.since desc, name`.")      \
    Q(PAGE_SIZE, "pageSize", NUMBER, 1, 1000, 100, "Most rows of an answer.")                                \
    Q(OFFSET, "offset", NUMBER, 0, 1000000, 0, "Rows to skip.")                                              \
    Q(AFTER, "after", TEXT, 1, 32, 0, "Go on after this id or sequence number.")                             \
    Q(DRY_RUN, "dryRun", FLAG, 0, 0, 0, "Check only; nothing is changed.")                                   \
    Q(STATE, "state", TEXT, 1, 16, 0, "Only operations in this state.")                                      \
    Q(HOST, "host", TEXT, 1, 63, 0, "Only this host (id or name).")                                          \
    Q(KIND, "kind", TEXT, 1, 200, 0, "Only events of these kinds, separated by commas.")                     \
    Q(RELAY_P, "p", NUMBER, 1, 4, 2, "2: redirection, the server logs in.")                                  \
    Q(RELAY_PORT, "port", NUMBER, 0, 65535, 16994, "Ignored: the server knows the port.")                    \
    Q(RELAY_TLS, "tls", NUMBER, 0, 1, 0, "Ignored.")                                                         \
    Q(RELAY_TLS1, "tls1only", NUMBER, 0, 1, 0, "Ignored.")                                                   \
    Q(RELAY_MODE, "mode", TEXT, 3, 4, 0, "kvm, sol or ider.")                                                \
    Q(FORCE, "force", FLAG, 0, 0, 0, "Go on when the node cannot be reached, and say what is left behind.")  \
    Q(VERBOSE, "verbose", FLAG, 0, 0, 0, "Each check on a line of its own.")
enum query_param {
#define Q(sym, ...) QUERY_##sym,
    QUERY_TABLE(Q)
#undef Q
        QUERY_COUNT
};
enum query_type { QUERY_TYPE_TEXT, QUERY_TYPE_NUMBER, QUERY_TYPE_FLAG };
struct query_row {
    const char *name;
    enum query_type type;
    uint64_t min, max, fallback;
    const char *doc;
};
const struct query_row *query_row(enum query_param q);
#define QBIT(sym) (1u << QUERY_##sym)
#define QUERY_ANY (1u << 31) /* a page's query is the page's own affair */
static_assert(QUERY_COUNT < 31, "a bit each");

/* Whom a route serves, beside the role. */
enum route_scope {
    SCOPE_OPEN,    /* anybody, no token */
    SCOPE_LOCAL,   /* a token, or a loopback peer */
    SCOPE_SELF,    /* any signed-in user, about oneself; or the role when about others (the handler asks) */
    SCOPE_PROJECT, /* the first parameter is a project: users bound to another one are refused */
    SCOPE_OWN,     /* any project: the handler shows a bound user the own one only */
    SCOPE_AGENT,   /* an agent, by its certificate, for its own host; nobody else */
    SCOPE_ALL,     /* users that are not bound to a project */
};

struct route {
    const char *method;
    const char *pattern; /* "/v1/projects/{project}/compute/hosts/{host}:look" */
    enum role role;
    enum route_scope scope;
    void (*handle)(struct request *r);
    const struct schema *body; /* of a JSON body; NULL: none */
    const char *media;         /* another media type of the body ("text/csv"); NULL: JSON or none */
    unsigned query;            /* QBIT()s */
    const char *action;        /* audit word of a route that changes something; NULL: not audited */
    unsigned arg;              /* of handlers that serve several rows: an enum object_kind */
    int status;                /* of success, for the printed table */
    const char *doc;
};
extern const struct route ROUTES[];
extern const size_t ROUTES_COUNT;

enum { BODY_JSON_MAX_BYTES = 65536 };

/* The route of method and path, its parameters unescaped into params. NULL: status 404, or 405 with the
 * methods that would do in allow ("GET, HEAD, POST"). HEAD finds GET's. */
const struct route *router_find(struct slice method, struct slice path, char (*params)[80], int *status,
                                char allow[64]);
/* Lower-case letters, digits and dashes: a project is a word that may stand in a path, and exists as soon as
 * something is in it. */
bool project_name_ok(const char *name);
/* The head is in: find, authenticate, authorise, check the query. Fills r; what is wrong goes to r->refused.
 */
void router_head(struct request *r, struct slice method, struct slice target);
/* The body is in: check it and run the handler, or answer with what was refused. */
void router_run(struct request *r);
