/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: every route of the table is tried by every kind of user. */
#include "http_rig.h"

struct asker {
    const char *user; /* NULL: no token */
    enum role role;
    bool bound;
};
static const struct asker ASKERS[] = {{NULL, ROLE_NONE, false},
                                      {"viewer", ROLE_VIEWER, false},
                                      {"operator", ROLE_OPERATOR, false},
                                      {"admin", ROLE_ADMIN, false},
                                      {"bound", ROLE_ADMIN, true}};

/* The pattern with "default" for the project and a name nobody has for the rest. */
static void path_of(const struct route *r, struct buf *out) {
    for (const char *p = r->pattern; *p; p++) {
        if (*p != '{') {
            buf_put(out, slice_of(p, 1));
            continue;
        }
        buf_puts(out, strncmp(p, "{project}", 9) == 0 ? "default" : "nobody");
        p = strchr(p, '}');
    }
}

static int expected(const struct route *r, const struct asker *a) {
    if (r->scope == SCOPE_OPEN)
        return 0;
    if (!a->user || r->scope == SCOPE_AGENT)
        return 401;
    if (a->role < r->role)
        return 403;
    /* bound is bound to "other" */
    return a->bound && (r->scope == SCOPE_PROJECT || r->scope == SCOPE_ALL) ? 403 : 0;
}

static void every_route_by_every_user(void **s) {
    struct rig *g = rig_new();
    unsigned refused = 0, passed = 0;
    for (size_t i = 0; i < ROUTES_COUNT; i++)
        for (size_t k = 0; k < sizeof ASKERS / sizeof *ASKERS; k++) {
            const struct route *r = &ROUTES[i];
            char token[TOKEN_MAX_BYTES];
            struct buf path = {0};
            struct client *c = client_open(g);
            int want = expected(r, &ASKERS[k]);
            path_of(r, &path);
            int got = client_ask(c, ASKERS[k].user ? rig_token(g, ASKERS[k].user, token) : NULL, r->method,
                                 buf_cstr(&path), r->media ? "Content-Type: text/csv\r\n" : NULL,
                                 strcmp(r->method, "GET") == 0 ? NULL : "{}");
            /* an answer that does not end is one, too */
            bool streams = strcmp(r->pattern, "/v1/events") == 0 && got == 0 && !c->ended;
            bool may = got != 401 && got != 403 && (got != 0 || streams);
            if (want ? got != want : !may)
                fail_msg("%s %s by %s: %d, not %d", r->method, r->pattern,
                         ASKERS[k].user ? ASKERS[k].user : "nobody", got, want);
            want ? refused++ : passed++;
            buf_free(&path);
            client_close(&c);
        }
    assert_int_equal(refused + passed, ROUTES_COUNT * 5);
    if (refused < 70 || passed < 70)
        fail_msg("%u refused, %u passed", refused, passed);
    rig_free(&g);
}

/* The table says what the documentation says. */
static void some_rows_by_heart(void **s) {
    static const struct {
        const char *method, *pattern;
        enum role role;
        enum route_scope scope;
    } v[] = {
        {"GET", "/v1/projects/{project}/compute/hosts", ROLE_VIEWER, SCOPE_PROJECT},
        {"PATCH", "/v1/projects/{project}/compute/hosts/{host}", ROLE_OPERATOR, SCOPE_PROJECT},
        {"POST", "/v1/projects/{project}/compute/hosts/{host}/operations", ROLE_OPERATOR, SCOPE_PROJECT},
        {"DELETE", "/v1/projects/{project}/compute/operations/{operation}", ROLE_OPERATOR, SCOPE_PROJECT},
        {"POST", "/v1/projects/{project}/compute/hosts", ROLE_ADMIN, SCOPE_PROJECT},
        {"POST", "/v1/projects/{project}/compute/hosts:import", ROLE_ADMIN, SCOPE_PROJECT},
        {"DELETE", "/v1/projects/{project}/compute/hosts/{host}", ROLE_ADMIN, SCOPE_PROJECT},
        {"GET", "/api/v1/users", ROLE_ADMIN, SCOPE_ALL},
        {"POST", "/api/v1/quarantine/{entry}:adopt", ROLE_ADMIN, SCOPE_ALL},
        {"GET", "/api/v1/audit", ROLE_ADMIN, SCOPE_ALL},
        {"GET", "/v1/events", ROLE_VIEWER, SCOPE_OWN},
        {"GET", "/metrics", ROLE_VIEWER, SCOPE_LOCAL},
    };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        bool found = false;
        for (size_t k = 0; k < ROUTES_COUNT; k++)
            if (strcmp(ROUTES[k].method, v[i].method) == 0 && strcmp(ROUTES[k].pattern, v[i].pattern) == 0) {
                found = true;
                assert_int_equal(ROUTES[k].role, v[i].role);
                assert_int_equal(ROUTES[k].scope, v[i].scope);
            }
        if (!found)
            fail_msg("%s %s", v[i].method, v[i].pattern);
    }
    /* nobody gets by without a token but here */
    for (size_t k = 0; k < ROUTES_COUNT; k++)
        if (ROUTES[k].scope == SCOPE_OPEN)
            assert_true(strcmp(ROUTES[k].pattern, "/") == 0 || strncmp(ROUTES[k].pattern, "/ui/", 4) == 0 ||
                        strcmp(ROUTES[k].pattern, "/healthz") == 0 ||
                        strcmp(ROUTES[k].pattern, "/readyz") == 0 ||
                        strcmp(ROUTES[k].pattern, "/openapi.json") == 0 ||
                        strcmp(ROUTES[k].pattern, "/api/v1/authorize") == 0 ||
                        /* a key, a token or a certificate, asked for by the door itself: test_rps_door.c */
                        strcmp(ROUTES[k].pattern, "/activate") == 0 ||
                        /* an enrolment key instead: test_agents.c */
                        strcmp(ROUTES[k].pattern, "/v1/agent/enrol") == 0 ||
                        /* a one-time ticket instead: test_sessions.c */
                        strcmp(ROUTES[k].pattern, "/relay/webrelay.ashx") == 0 ||
                        strstr(ROUTES[k].pattern, "/sessions/{session}/stream"));
}

/* A host of another project is not there, by id and by name, whatever is done to it. */
static void hosts_of_other_projects_are_not_there(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES], id[HOST_ID_CAP], path[160];
    rig_token(g, "bound", token);
    rig_host(g, "default", "n1");
    struct directory_entry e;
    assert_int_equal(directory_by_name(g->app->directory, "default", "n1", &e), 0);
    memcpy(id, e.id, sizeof id);
    static const struct {
        const char *method, *suffix, *body;
    } v[] = {{"GET", "", NULL},
             {"PATCH", "", "{\"desiredPowerState\":\"POWER_STATE_ON\"}"},
             {"DELETE", "", NULL},
             {"GET", "/explain", NULL},
             {"GET", "/findings", NULL},
             {"POST", ":look", NULL},
             {"POST", "/operations", "{\"kind\":\"power-on\"}"}};
    struct client *c = client_open(g);
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        snprintf(path, sizeof path, "/v1/projects/other/compute/hosts/%s%s", id, v[i].suffix);
        assert_int_equal(client_ask(c, token, v[i].method, path, NULL, v[i].body), 404);
        snprintf(path, sizeof path, "/v1/projects/other/compute/hosts/n1%s", v[i].suffix);
        assert_int_equal(client_ask(c, token, v[i].method, path, NULL, v[i].body), 404);
    }
    assert_int_equal(client_ask(c, token, "GET", "/v1/projects/other/compute/hosts", NULL, NULL), 200);
    assert_string_equal(answer_text(c, "totalElements"), "0");
    /* and it is still there for those it belongs to */
    rig_token(g, "viewer", token);
    assert_int_equal(client_ask(c, token, "GET", "/v1/projects/default/compute/hosts/n1", NULL, NULL), 200);
    client_close(&c);
    rig_free(&g);
}

/* An operator may change power, not identity. */
static void operators_do_not_change_identity(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES];
    rig_token(g, "operator", token);
    rig_host(g, "default", "n1");
    struct client *c = client_open(g);
    const char *path = "/v1/projects/default/compute/hosts/n1";
    assert_int_equal(client_ask(c, token, "PATCH", path, NULL, "{\"name\":\"n2\"}"), 403);
    assert_int_equal(client_ask(c, token, "PATCH", path, NULL, "{\"amt\":{\"password\":\"P@ssw0rd!\"}}"),
                     403);
    assert_int_equal(client_ask(c, token, "PATCH", path, NULL, "{\"recoveryPolicy\":\"respect-local\"}"),
                     200);
    client_close(&c);
    rig_free(&g);
}

static void metrics_want_a_token_from_afar(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES];
    struct client *c = client_open(g);
    assert_int_equal(client_ask(c, NULL, "GET", "/metrics", NULL, NULL), 401);
    assert_int_equal(client_ask(c, rig_token(g, "viewer", token), "GET", "/metrics", NULL, NULL), 200);
    assert_non_null(strstr(buf_cstr(&c->body), "# TYPE outband_http_requests_total counter"));
    client_close(&c);
    sim_next_source(g->client_loop, "127.0.0.1:5555");
    c = client_open(g);
    assert_int_equal(client_ask(c, NULL, "GET", "/metrics", NULL, NULL), 200);
    /* a bad token is a bad token, also from near */
    assert_int_equal(client_ask(c, "nonsense-nonsense", "GET", "/metrics", NULL, NULL), 401);
    client_close(&c);
    rig_free(&g);
}

static void nobody_can_be_more_than_the_table_says(void **s) {
    struct principal p = {.user = "u", .role = ROLE_OPERATOR};
    assert_int_equal(auth_allow(&p, ROLE_OPERATOR, "any", false, NULL), 0);
    assert_int_equal(auth_allow(&p, ROLE_OPERATOR, NULL, true, NULL), 0);
    assert_int_equal(auth_allow(&p, ROLE_ADMIN, "any", false, NULL), ERR_DENIED);
    snprintf(p.project, sizeof p.project, "a");
    assert_int_equal(auth_allow(&p, ROLE_VIEWER, "a", false, NULL), 0);
    assert_int_equal(auth_allow(&p, ROLE_VIEWER, "ab", false, NULL), ERR_DENIED);
    assert_int_equal(auth_allow(&p, ROLE_VIEWER, NULL, true, NULL), ERR_DENIED);
    p.role = ROLE_NONE;
    assert_int_equal(auth_allow(&p, ROLE_VIEWER, "a", false, NULL), ERR_AUTH);
}

UNIT_MAIN(T(every_route_by_every_user), T(some_rows_by_heart), T(hosts_of_other_projects_are_not_there),
          T(operators_do_not_change_identity), T(metrics_want_a_token_from_afar),
          T(nobody_can_be_more_than_the_table_says))
