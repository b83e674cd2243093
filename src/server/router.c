/* SPDX-License-Identifier: Apache-2.0 */
/* router: finds the route of a request and checks all that its table row says before the handler runs. */
#include "server/router.h"

#include "base/text.h"
#include "proto/http1.h"
#include "server/request.h"

#include <stdio.h>

static const struct query_row QUERIES[] = {
#define Q(sym, name, type, min, max, fallback, doc)                                                          \
    [QUERY_##sym] = {name, QUERY_TYPE_##type, min, max, fallback, doc},
    QUERY_TABLE(Q)
#undef Q
};
const struct query_row *query_row(enum query_param q) {
    return &QUERIES[q];
}

/* --- finding --- */
/* One segment against one of the pattern: a literal, "{name}", or "{name}:verb". */
static bool segment_matches(struct slice pattern, struct slice seg, struct slice *param) {
    *param = SLICE_EMPTY;
    if (!pattern.n || pattern.p[0] != '{')
        return slice_eq(pattern, seg);
    struct slice tail = pattern;
    slice_cut(&tail, '}');
    if (seg.n <= tail.n || !slice_eq(slice_skip(seg, seg.n - tail.n), tail))
        return false;
    *param = slice_head(seg, seg.n - tail.n);
    return true;
}

static bool path_matches(const char *pattern, struct slice path, char (*params)[REQUEST_PARAM_CAP]) {
    struct slice want = slice_str(pattern);
    unsigned n = 0;
    for (unsigned i = 0; i < REQUEST_PARAMS_MAX; i++)
        params[i][0] = 0;
    for (bool more = true; more;) {
        more = want.n && memchr(want.p, '/', want.n);
        if (more != (path.n && memchr(path.p, '/', path.n)))
            return false;
        struct slice param, seg = slice_cut(&path, '/');
        if (!segment_matches(slice_cut(&want, '/'), seg, &param))
            return false;
        if (param.n && (n >= REQUEST_PARAMS_MAX || http1_unescape(param, params[n++], REQUEST_PARAM_CAP)))
            return false;
    }
    return true;
}

static void allow_add(char allow[64], const char *method) {
    size_t n = strlen(allow);
    if (!strstr(allow, method))
        snprintf(allow + n, 64 - n, "%s%s%s", n ? ", " : "", method,
                 strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

const struct route *router_find(struct slice method, struct slice path, char (*params)[REQUEST_PARAM_CAP],
                                int *status, char allow[64]) {
    struct slice wanted = slice_is(method, "HEAD") ? SLICE_LIT("GET") : method;
    char scratch[REQUEST_PARAMS_MAX][REQUEST_PARAM_CAP];
    *status = 404;
    *allow = 0;
    for (size_t i = 0; i < ROUTES_COUNT; i++) {
        const struct route *r = &ROUTES[i];
        if (!path_matches(r->pattern, path, scratch))
            continue;
        if (slice_is(wanted, r->method)) {
            memcpy(params, scratch, sizeof scratch);
            *status = r->status;
            return r;
        }
        *status = 405;
        allow_add(allow, r->method);
    }
    return NULL;
}

/* --- query --- */
/* The text of an escaped query value in the arena; forms write a blank as '+'. NULL when malformed. */
static char *query_text(struct request *r, struct slice value) {
    char *plain = arena_str(&r->arena, value), *text = arena_alloc(&r->arena, value.n + 1);
    if (!plain || !text)
        return NULL;
    for (char *p = plain; (p = strchr(p, '+'));)
        *p = ' ';
    return http1_unescape(slice_of(plain, value.n), text, value.n + 1) ? NULL : text;
}

static int query_check(const struct query_row *row, struct query_value *v, struct errinfo *ei) {
    struct slice text = slice_str(v->text);
    switch (row->type) {
    case QUERY_TYPE_TEXT:
        if (text.n >= row->min && text.n <= row->max && text_is_utf8(text))
            return 0;
        return err_set(ei, ERR_INVALID, row->name, "%s must be a text of %d to %d bytes", row->name,
                       (int)row->min, (int)row->max);
    case QUERY_TYPE_NUMBER:
        if (slice_to_u64(text, row->max, &v->number) && v->number >= row->min)
            return 0;
        return err_set(ei, ERR_INVALID, row->name, "%s must be a number from %d to %d", row->name,
                       (int)row->min, (int)row->max);
    default:
        v->number = !text.n || slice_is(text, "true") || slice_is(text, "1");
        if (v->number || slice_is(text, "false") || slice_is(text, "0"))
            return 0;
        return err_set(ei, ERR_INVALID, row->name, "%s must be true or false", row->name);
    }
}

static int query_unknown(const struct request *r, const char *key, struct errinfo *ei) {
    char clean[32];
    text_clean(clean, sizeof clean, slice_str(key));
    err_set(ei, ERR_INVALID, clean, "the query parameter \"%s\" is not known here", clean);
    struct buf known = {0};
    for (unsigned q = 0; q < QUERY_COUNT; q++)
        if (r->route->query & (1u << q))
            buf_putf(&known, "%s%s", known.len ? ", " : "", QUERIES[q].name);
    if (known.len)
        err_remedy(ei, "Known are: %s.", buf_cstr(&known));
    else
        err_remedy(ei, "This route takes none.");
    buf_free(&known);
    return ERR_INVALID;
}

static int query_one(struct request *r, struct slice name, struct slice value, struct errinfo *ei) {
    const char *key = query_text(r, name), *text = query_text(r, value);
    if (!key || !text)
        return err_set(ei, ERR_INVALID, "", "the query holds a bad escape");
    if (r->route->query & QUERY_ANY)
        return 0;
    for (unsigned q = 0; q < QUERY_COUNT; q++) {
        const struct query_row *row = &QUERIES[q];
        struct query_value *v = &r->query[q];
        if (strcmp(row->name, key) != 0 || !(r->route->query & (1u << q)))
            continue;
        if (v->given)
            return err_set(ei, ERR_INVALID, row->name, "%s is given twice", row->name);
        v->given = true;
        v->text = text;
        return query_check(row, v, ei);
    }
    return query_unknown(r, key, ei);
}

static int query_all(struct request *r, struct slice query, struct errinfo *ei) {
    for (unsigned q = 0; q < QUERY_COUNT; q++)
        r->query[q] = (struct query_value){.text = "", .number = QUERIES[q].fallback};
    while (query.n) {
        struct slice value = slice_cut(&query, '&');
        struct slice name = slice_cut(&value, '=');
        int err = name.n ? query_one(r, name, value, ei) : 0;
        if (err)
            return err;
    }
    return 0;
}

/* --- who asks --- */
/* The token of `Authorization: Bearer` or of the page's cookie. */
static struct slice find_token(const struct request *r, bool *cookie) {
    struct slice a = r->headers[REQUEST_H_AUTHORIZATION];
    *cookie = false;
    if (a.n > 7 && slice_ieq(slice_head(a, 7), SLICE_LIT("Bearer ")))
        return slice_trim(slice_skip(a, 7));
    struct slice jar = r->headers[REQUEST_H_COOKIE];
    while (jar.n) {
        struct slice value = slice_trim(slice_cut(&jar, ';'));
        struct slice name = slice_cut(&value, '=');
        if (slice_is(name, COOKIE_NAME)) {
            *cookie = true;
            return value;
        }
    }
    return SLICE_EMPTY;
}

static bool is_loopback(const char *addr) {
    return strncmp(addr, "127.", 4) == 0 || strcmp(addr, "::1") == 0 ||
           strncmp(addr, "::ffff:127.", 11) == 0 || strcmp(addr, "[::1]") == 0;
}

/* A cookie comes with every request a browser is led to make; the page alone knows the CSRF token. */
static int check_csrf(const struct request *r, struct errinfo *ei) {
    char want[CSRF_CAP];
    auth_csrf(&r->session, want);
    if (slice_eq_secret(r->headers[REQUEST_H_CSRF], slice_str(want)))
        return 0;
    err_set(ei, ERR_DENIED, "X-CSRF-Token", "the X-CSRF-Token header is missing or not that of this sign-in");
    err_remedy(ei, "Reload the page, or use Authorization: Bearer.");
    return ERR_DENIED;
}

/* An agent speaks for its host through its own routes, and through no other. */
static int authorise_agent(const struct request *r, struct errinfo *ei) {
    if (r->route->scope == SCOPE_AGENT && r->agent_host[0])
        return 0;
    if (r->agent_host[0])
        return err_set(ei, ERR_DENIED, "", "an agent's certificate opens the routes of agents only");
    if (!r->shard->app->agent_ca) {
        err_set(ei, ERR_AUTH, "", "this server has no authority for agents");
        err_remedy(ei, "On the server: outbandd init --agent-ca, then start it again.");
    } else if (r->agent_why) {
        err_set(ei, ERR_AUTH, "", "the certificate of this agent is not taken: %s", r->agent_why);
        err_remedy(ei, "Revoke the agent of the host, then enrol it again: pm-agent enrol.");
    } else {
        err_set(ei, ERR_AUTH, "", "this is for agents: it wants the certificate that an enrolment gives");
        err_remedy(ei, "On the node: pm-agent enrol.");
    }
    return ERR_AUTH;
}

static int authorise(struct request *r, struct slice method, struct errinfo *ei) {
    const struct route *t = r->route;
    if (t->scope == SCOPE_AGENT || (r->agent_host[0] && t->scope != SCOPE_OPEN))
        return authorise_agent(r, ei);
    bool cookie = false;
    struct slice token = find_token(r, &cookie);
    if (t->scope == SCOPE_OPEN || (t->scope == SCOPE_LOCAL && !token.n && is_loopback(r->peer_addr)))
        return 0;
    if (token.n) {
        int err = auth_token(r->shard->app->auth, r->shard, token, &r->who, &r->session, ei);
        if (err)
            return err;
        r->by_cookie = cookie;
        if (cookie && !slice_is(method, "GET") && !slice_is(method, "HEAD")) {
            err = check_csrf(r, ei);
            if (err)
                return err;
        }
    }
    const char *project = t->scope == SCOPE_PROJECT ? r->params[0] : NULL;
    return auth_allow(&r->who, t->role, project, t->scope == SCOPE_ALL, ei);
}

bool project_name_ok(const char *name) {
    return text_in_set(slice_str(name), TEXT_LOWER TEXT_DIGITS "-", 1, HOST_PROJECT_CAP - 1);
}

static int check_project(const struct request *r, struct errinfo *ei) {
    if (r->route->scope != SCOPE_PROJECT || project_name_ok(r->params[0]))
        return 0;
    err_set(ei, ERR_NOT_FOUND, "project", "there is no project of that name");
    err_remedy(ei, "Project names have lower-case letters, digits and dashes; the first one is default.");
    return ERR_NOT_FOUND;
}

static int refuse(struct request *r, int status, const struct errinfo *ei) {
    r->refused = *ei;
    r->refused_status = status;
    return ei->code;
}

/* RFC 9112 3.2.2: a proxy's client may send the whole URI. */
static struct slice origin_form(struct slice target) {
    if (target.n > 8 && slice_ieq(slice_head(target, 8), SLICE_LIT("https://"))) {
        struct slice rest = slice_skip(target, 8);
        const uint8_t *slash = memchr(rest.p, '/', rest.n);
        return slash ? slice_of(slash, (size_t)(rest.p + rest.n - slash)) : SLICE_LIT("/");
    }
    return target;
}

static int find_route(struct request *r, struct slice method, struct errinfo *ei) {
    int status;
    char allow[64], path[96];
    r->head = slice_is(method, "HEAD");
    r->route = router_find(method, r->path, r->params, &status, allow);
    if (r->route)
        return 0;
    text_clean(path, sizeof path, r->path);
    if (status == 405) {
        request_put_header(r, "Allow", allow);
        err_set(ei, ERR_UNSUPPORTED, "", "%s takes %s only", path, allow);
    } else {
        err_set(ei, ERR_NOT_FOUND, "", "there is nothing at %s", path);
        err_remedy(ei, "/openapi.json lists every route.");
    }
    return refuse(r, status, ei);
}

void router_head(struct request *r, struct slice method, struct slice target) {
    struct errinfo ei = {0};
    struct slice query = arena_slice(&r->arena, origin_form(target));
    r->path = slice_cut(&query, '?');
    if (!r->path.n || r->path.p[0] != '/' || !r->headers[REQUEST_H_HOST].p) {
        err_set(&ei, ERR_SYNTAX, "", "the request wants a path that begins with / and a Host header");
        refuse(r, 400, &ei);
        return;
    }
    if (find_route(r, method, &ei))
        return;
    int err = authorise(r, method, &ei);
    if (!err)
        err = check_project(r, &ei);
    if (!err)
        err = query_all(r, query, &ei);
    if (err == ERR_AUTH && r->route->scope != SCOPE_AGENT)
        request_put_header(r, "WWW-Authenticate", "Bearer realm=\"outband\"");
    if (err)
        refuse(r, error_status(err), &ei);
}

/* --- the body --- */
/* "application/json; charset=utf-8" is application/json. */
static bool media_is(struct slice content_type, const char *want) {
    struct slice type = slice_trim(slice_cut(&content_type, ';'));
    return slice_ieq(type, slice_str(want));
}

static int check_body(struct request *r, int *status, struct errinfo *ei) {
    const struct route *t = r->route;
    struct slice type = r->headers[REQUEST_H_CONTENT_TYPE];
    const char *want = t->media ? t->media : "application/json";
    if (!t->body && !t->media) {
        if (!r->body.len || (slice_is(slice_trim(buf_slice(&r->body)), "{}")))
            return 0;
        return err_set(ei, ERR_INVALID, "", "this route takes no body");
    }
    /* what `curl -d` says of everything; no form of a browser can send JSON under it */
    bool curl = t->body && media_is(type, "application/x-www-form-urlencoded");
    if (type.n ? !media_is(type, want) && !curl : t->media != NULL) {
        *status = 415;
        return err_set(ei, ERR_UNSUPPORTED, "Content-Type", "this route takes %s only", want);
    }
    return t->body ? schema_parse(t->body, buf_slice(&r->body), &r->json, ei) : 0;
}

void router_run(struct request *r) {
    if (r->refused_status) {
        reply_problem(r, r->refused_status, &r->refused);
        return;
    }
    struct errinfo ei = {0};
    int status = 400, err = check_body(r, &status, &ei);
    if (err)
        reply_problem(r, err == ERR_NOMEM ? 503 : status, &ei);
    else
        r->route->handle(r);
}
