/* SPDX-License-Identifier: Apache-2.0 */
#include "http_rig.h"

static const struct route *find(const char *method, const char *path, char (*params)[REQUEST_PARAM_CAP],
                                int *status, char *allow) {
    return router_find(slice_str(method), slice_str(path), params, status, allow);
}

static void every_route_is_found_by_its_own_pattern(void **s) {
    for (size_t i = 0; i < ROUTES_COUNT; i++) {
        char params[REQUEST_PARAMS_MAX][REQUEST_PARAM_CAP], allow[64];
        struct buf path = {0};
        int status;
        for (const char *p = ROUTES[i].pattern; *p; p++) {
            if (*p == '{') {
                buf_puts(&path, "some%20one");
                p = strchr(p, '}');
            } else {
                buf_put(&path, slice_of(p, 1));
            }
        }
        const struct route *r = find(ROUTES[i].method, buf_cstr(&path), params, &status, allow);
        assert_ptr_equal(r, &ROUTES[i]);
        if (strchr(ROUTES[i].pattern, '{'))
            assert_string_equal(params[0], "some one");
        buf_free(&path);
    }
}

static void what_is_not_there(void **s) {
    char params[REQUEST_PARAMS_MAX][REQUEST_PARAM_CAP], allow[64];
    int status;
    static const char *const paths[] = {"/nothing",
                                        "/healthz/",
                                        "//healthz",
                                        "/v1/projects//compute/hosts",
                                        "/v1/projects/p/compute/hosts/",
                                        "/v1/projects/p/compute/hosts/a/b",
                                        "/v1/projects/p%zz/compute/hosts",
                                        "/v1/projects/p/compute/hosts/%00"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_null(find("GET", paths[i], params, &status, allow));
        assert_int_equal(status, 404);
    }
    assert_null(find("PUT", "/v1/projects/p/compute/hosts/h", params, &status, allow));
    assert_int_equal(status, 405);
    assert_string_equal(allow, "GET, HEAD, PATCH, DELETE");
    assert_null(find("GET", "/v1/projects/p/compute/hosts:import", params, &status, allow));
    assert_int_equal(status, 405);
    assert_string_equal(allow, "POST");
    /* HEAD finds GET's */
    assert_non_null(find("HEAD", "/healthz", params, &status, allow));
    /* a verb belongs to the pattern, not to the name */
    assert_non_null(find("POST", "/v1/projects/p/compute/hosts/n1:look", params, &status, allow));
    assert_string_equal(params[1], "n1");
}

static void wrong_methods_are_told_what_would_do(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    assert_int_equal(client_ask(c, NULL, "DELETE", "/healthz", NULL, NULL), 405);
    assert_non_null(strstr(c->head, "Allow: GET, HEAD"));
    assert_int_equal(client_ask(c, NULL, "GET", "/<script>alert(1)</script>", NULL, NULL), 404);
    assert_non_null(strstr(c->head, "Content-Type: application/problem+json"));
    assert_non_null(strstr(c->head, "nosniff"));
    client_close(&c);
    rig_free(&g);
}

static void query_parameters_are_checked(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    char token[TOKEN_MAX_BYTES];
    rig_token(g, "viewer", token);
    static const struct {
        const char *query, *field;
    } bad[] = {{"?nonsense=1", "nonsense"},
               {"?pageSize=0", "pageSize"},
               {"?pageSize=1001", "pageSize"},
               {"?pageSize=x", "pageSize"},
               {"?offset=-1", "offset"},
               {"?pageSize=1&pageSize=2", "pageSize"},
               {"?filter=name%3D%22a", "filter"},
               {"?orderBy=nonsense", "orderBy"},
               {"?filter=%zz", ""}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char path[128];
        snprintf(path, sizeof path, "/v1/projects/default/compute/hosts%s", bad[i].query);
        assert_int_equal(client_ask(c, token, "GET", path, NULL, NULL), 400);
        assert_string_equal(answer_text(c, "field"), bad[i].field);
    }
    assert_int_equal(client_ask(c, token, "GET",
                                "/v1/projects/default/compute/hosts?filter=name+%3D+%22a+b%22&offset=3", NULL,
                                NULL),
                     200);
    assert_int_equal(client_ask(c, token, "GET", "/v1/projects/Default/compute/hosts", NULL, NULL), 404);
    client_close(&c);
    rig_free(&g);
}

static void pages_take_any_query_and_are_kept(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    char extra[128];
    assert_int_equal(
        client_ask(c, NULL, "GET", "/ui/console.html?project=p&host=host-1&kind=kvm", NULL, NULL), 200);
    assert_non_null(strstr(c->head, "Content-Type: text/html"));
    assert_non_null(strstr(c->head, "script-src 'self'; style-src 'self'; connect-src 'self'"));
    const char *at = strstr(c->head, "ETag: \"");
    assert_non_null(at);
    snprintf(extra, sizeof extra, "If-None-Match: %.*s\r\n", (int)strcspn(at + 6, "\r\n"), at + 6);
    assert_int_equal(client_ask(c, NULL, "GET", "/ui/console.html", extra, NULL), 304);
    assert_int_equal(client_ask(c, NULL, "GET", "/ui/app.js", extra, NULL), 200); /* each has its own */
    assert_int_equal(client_ask(c, NULL, "GET", "/ui/nothing.js?x", NULL, NULL), 404);
    assert_int_equal(client_ask(c, NULL, "GET", "/?%zz=1", NULL, NULL), 400);
    client_close(&c);
    rig_free(&g);
}

static void bodies_name_what_is_wrong(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    char token[TOKEN_MAX_BYTES];
    rig_token(g, "admin", token);
    const char *path = "/v1/projects/default/compute/hosts";
    assert_int_equal(client_ask(c, token, "POST", path, NULL, "{\"name\":\"n1\",\n \"uuid\" 1}"), 400);
    assert_non_null(strstr(answer_text(c, "message"), "line 2"));
    assert_int_equal(client_ask(c, token, "POST", path, NULL, ""), 400);
    assert_int_equal(client_ask(c, token, "POST", path, NULL, "[]"), 400);
    assert_int_equal(client_ask(c, token, "POST", path, NULL, "{\"name\":\"n1\",\"name\":\"n2\"}"), 400);
    assert_int_equal(client_ask(c, token, "POST", path, NULL, "{\"name\":\"n1\",\"amt\":{\"pass\":\"x\"}}"),
                     400);
    assert_string_equal(answer_text(c, "field"), "amt.pass");
    assert_int_equal(client_ask(c, token, "POST", path, "Content-Type: text/plain\r\n", "{}"), 415);
    assert_int_equal(
        client_ask(c, token, "DELETE", "/v1/projects/default/compute/hosts/x", NULL, "{\"a\":1}"), 400);
    assert_int_equal(client_ask(c, token, "POST", "/v1/projects/default/compute/hosts:import",
                                "Content-Type: application/json\r\n", "{}"),
                     415);
    client_close(&c);
    rig_free(&g);
}

/* --- problem+json --- */
static void a_problem_looks_like_this(void **s) {
    struct errinfo ei = {0};
    struct buf b = {0};
    err_set(&ei, ERR_UNREACHABLE, "", "Device not found/connected: AMT link lost 14:02:11 (reset by peer)");
    err_remedy(&ei, "Check the power supply of the node.");
    error_json(&b, error_status(ei.code), &ei, "0123456789abcdef", 0);
    assert_string_equal(
        buf_cstr(&b),
        "{\"type\":\"/problems/unreachable\",\"title\":\"the device is not connected\",\"status\":409,"
        "\"code\":\"FailedPrecondition\",\"message\":\"Device not found/connected: AMT link lost 14:02:11 "
        "(reset by peer)\",\"detail\":\"Device not found/connected: AMT link lost 14:02:11 (reset by peer)\","
        "\"field\":\"\",\"remedy\":\"Check the power supply of the "
        "node.\",\"requestId\":\"0123456789abcdef\"}");
    buf_free(&b);
    static const struct {
        int code, status;
        const char *word;
    } v[] = {{ERR_INVALID, 400, "InvalidArgument"},  {ERR_SYNTAX, 400, "InvalidArgument"},
             {ERR_AUTH, 401, "Unauthenticated"},     {ERR_DENIED, 403, "PermissionDenied"},
             {ERR_NOT_FOUND, 404, "NotFound"},       {ERR_EXISTS, 409, "FailedPrecondition"},
             {ERR_STATE, 409, "FailedPrecondition"}, {ERR_LIMIT, 429, "ResourceExhausted"},
             {ERR_STORE_FULL, 503, "Unavailable"},   {ERR_INTERNAL, 500, "Internal"}};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        assert_int_equal(error_status(v[i].code), v[i].status);
        assert_string_equal(error_word(v[i].status), v[i].word);
    }
}

static void etags_are_found_in_lists(void **s) {
    assert_true(etag_listed(SLICE_LIT("\"a\""), "\"a\""));
    assert_true(etag_listed(SLICE_LIT("\"x\", W/\"a\""), "\"a\""));
    assert_true(etag_listed(SLICE_LIT("*"), "\"a\""));
    assert_false(etag_listed(SLICE_LIT("\"ab\""), "\"a\""));
    assert_false(etag_listed(SLICE_EMPTY, "\"a\""));
}

/* --- OpenAPI --- */
static void openapi_lists_every_route(void **s) {
    struct buf b = {0};
    httpd_openapi(&b);
    json_error_t e;
    json_t *doc = json_loadb((const char *)buf_slice(&b).p, b.len, JSON_REJECT_DUPLICATES, &e);
    if (!doc)
        fail_msg("%s at %d", e.text, e.position);
    json_t *paths = json_object_get(doc, "paths");
    for (size_t i = 0; i < ROUTES_COUNT; i++) {
        char method[8] = {0};
        for (size_t k = 0; ROUTES[i].method[k]; k++)
            method[k] = (char)(ROUTES[i].method[k] | 0x20);
        json_t *op = json_object_get(json_object_get(paths, ROUTES[i].pattern), method);
        assert_non_null(op);
        assert_true(strlen(json_string_value(json_object_get(op, "summary"))) > 3);
        if (ROUTES[i].body)
            assert_non_null(json_object_get(json_object_get(json_object_get(doc, "components"), "schemas"),
                                            ROUTES[i].body->name));
    }
    json_decref(doc);
    buf_free(&b);
}

/* A changing route is audited, and one that is not says so by its method. */
static void changing_routes_are_audited(void **s) {
    for (size_t i = 0; i < ROUTES_COUNT; i++) {
        const struct route *r = &ROUTES[i];
        bool opens = r->status == 101; /* a stream is more than a look */
        /* what an agent says is no operator's deed; agent_enrol.c audits enrolments itself */
        bool reads = r->scope == SCOPE_AGENT || (strcmp(r->method, "GET") == 0 && !opens) ||
                     strstr(r->pattern, ":look") || (r->scope == SCOPE_OPEN && !opens);
        if (reads != (r->action == NULL))
            fail_msg("%s %s", r->method, r->pattern);
    }
}

UNIT_MAIN(T(every_route_is_found_by_its_own_pattern), T(what_is_not_there),
          T(wrong_methods_are_told_what_would_do), T(query_parameters_are_checked),
          T(pages_take_any_query_and_are_kept), T(bodies_name_what_is_wrong), T(a_problem_looks_like_this),
          T(etags_are_found_in_lists), T(openapi_lists_every_route), T(changing_routes_are_audited))
