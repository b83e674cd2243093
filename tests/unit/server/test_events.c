/* SPDX-License-Identifier: Apache-2.0 */
#include "http_rig.h"

#include "server/quarantine.h"

/* How an event begins; the number that a fresh stream is told has no data. */
#define EVENT "\ndata: {\"specversion\":\"1.0\",\"id\":"

static struct client *subscribe(struct rig *g, const char *user, const char *path, const char *extra) {
    char token[TOKEN_MAX_BYTES];
    struct client *c = client_open(g);
    struct buf b = {0};
    buf_putf(&b, "GET %s HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer %s\r\n%s\r\n", path,
             rig_token(g, user, token), extra ? extra : "");
    client_send(c, buf_cstr(&b));
    rig_run(g, 50);
    buf_free(&b);
    return c;
}
static void publish(struct rig *g, const char *host, const char *project, const char *kind, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        hub_publish(g->app->shards[i % 2], host, project, kind, "some text", SLICE_LIT("{\"name\":\"n1\"}"));
    rig_run(g, 300);
}
static const char *text(struct client *c) {
    return buf_cstr(&c->body);
}
static unsigned occurs(struct client *c, const char *what) {
    unsigned n = 0;
    for (const char *p = text(c); (p = strstr(p, what)); p += strlen(what))
        n++;
    return n;
}

static void events_are_framed(void **s) {
    struct rig *g = rig_new();
    struct client *c = subscribe(g, "viewer", "/v1/events", NULL);
    assert_non_null(strstr(c->head, "Content-Type: text/event-stream"));
    assert_non_null(strstr(c->head, "Transfer-Encoding: chunked"));
    publish(g, "host-1", "default", "power-changed", 1);
    const char *want = "id: 1\ndata: {\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/outband\","
                       "\"type\":\"host.power-changed\",\"subject\":\"host-1\",\"time\":\"";
    assert_non_null(strstr(text(c), want));
    assert_non_null(strstr(text(c), ",\"data\":{\"text\":\"some text\",\"host\":{\"name\":\"n1\"}}}\n\n"));
    /* proxies stay awake */
    rig_run(g, 31000);
    assert_int_equal(occurs(c, "\n: still here\n"), 2);
    assert_false(c->ended);
    client_close(&c);
    rig_run(g, 100);
    assert_false(httpd_busy(g->httpd)); /* and it is gone when its client is */
    rig_free(&g);
}

static void filters_hold(void **s) {
    struct rig *g = rig_new();
    struct client *all = subscribe(g, "admin", "/v1/events", NULL);
    struct client *host = subscribe(g, "viewer", "/v1/events?host=host-00000001", NULL);
    struct client *kind = subscribe(g, "viewer", "/v1/events?kind=link-up,created", NULL);
    struct client *bound = subscribe(g, "bound", "/v1/events", NULL);
    publish(g, "host-00000001", "default", "power-changed", 1);
    publish(g, "host-00000002", "default", "link-up", 1);
    publish(g, "host-00000003", "other", "created", 1);
    publish(g, "", "", "quarantine", 1);
    assert_int_equal(occurs(all, EVENT), 4);
    assert_non_null(strstr(text(all), "\"type\":\"quarantine\""));
    assert_int_equal(occurs(host, EVENT), 1);
    assert_int_equal(occurs(kind, EVENT), 2);
    assert_int_equal(occurs(bound, EVENT), 1);
    assert_non_null(strstr(text(bound), "host-00000003"));
    client_close(&all);
    client_close(&host);
    client_close(&kind);
    client_close(&bound);
    /* a name that is no host; an id that is no number */
    struct client *c = subscribe(g, "viewer", "/v1/events?host=nobody", NULL);
    assert_int_equal(c->status, 404);
    client_close(&c);
    c = subscribe(g, "viewer", "/v1/events", "Last-Event-ID: x\r\n");
    assert_int_equal(c->status, 400);
    client_close(&c);
    rig_free(&g);
}

static void resuming_loses_nothing(void **s) {
    struct rig *g = rig_new();
    publish(g, "host-1", "default", "created", 700); /* more than one batch of the store */
    store_sync(g->store);
    struct client *c = subscribe(g, "viewer", "/v1/events", "Last-Event-ID: 100\r\n");
    rig_run(g, 300);
    publish(g, "host-1", "default", "deleted", 3);
    assert_int_equal(occurs(c, EVENT), 603);
    assert_null(strstr(text(c), "id: 100\n"));
    assert_non_null(strstr(text(c), "id: 101\n"));
    assert_non_null(strstr(text(c), "id: 703\n"));
    assert_int_equal(occurs(c, "gap"), 0);
    unsigned long last = 100;
    for (const char *p = text(c); (p = strstr(p, "id: ")); p++) {
        unsigned long id = strtoul(p + 4, NULL, 10);
        assert_int_equal(id, last + 1);
        last = id;
    }
    client_close(&c);
    /* by the query, too, and from the present when nothing is said */
    c = subscribe(g, "viewer", "/v1/events?after=702", NULL);
    assert_int_equal(occurs(c, EVENT), 1);
    client_close(&c);
    c = subscribe(g, "viewer", "/v1/events", NULL);
    assert_int_equal(occurs(c, EVENT), 0);
    client_close(&c);
    rig_free(&g);
}

static void what_is_lost_is_said(void **s) {
    struct rig *g = rig_new();
    publish(g, "host-1", "default", "created", 3);
    /* numbers of the future: another server, or one that lost its newest events */
    struct client *c = subscribe(g, "viewer", "/v1/events", "Last-Event-ID: 900\r\n");
    assert_int_equal(occurs(c, "event: gap\n"), 1);
    publish(g, "host-1", "default", "created", 1);
    assert_int_equal(occurs(c, EVENT), 1);
    client_close(&c);
    rig_free(&g);
}

/* A client that does not read costs no memory without end; one that reads again gets all. */
static void slow_readers_are_waited_for(void **s) {
    struct rig *g = rig_new();
    struct httpd_limits lim = HTTPD_LIMITS_DEFAULT;
    lim.stream_bytes = 20000;
    httpd_set_limits(g->httpd, &lim);
    struct client *c = subscribe(g, "viewer", "/v1/events", NULL);
    stream_pause(c->s);
    size_t most = 0;
    for (int i = 0; i < 40; i++) {
        publish(g, "host-1", "default", "created", 50);
        LIST_EACH (n, &g->httpd->conns) {
            size_t q = stream_queued(CONTAINER_OF(n, struct http_conn, node)->stream);
            most = q > most ? q : most;
        }
    }
    assert_true(most > 8000 && most < 60000);
    stream_resume(c->s);
    rig_run(g, 3000);
    publish(g, "host-1", "default", "deleted", 1);
    rig_run(g, 1000);
    assert_non_null(strstr(text(c), "id: 2001\n"));
    assert_int_equal(occurs(c, EVENT), 2001);
    client_close(&c);
    rig_free(&g);
}

static void streams_end_with_their_sign_in(void **s) {
    struct rig *g = rig_new();
    struct client *c = subscribe(g, "viewer", "/v1/events", NULL);
    rig_run(g, 20000);
    assert_false(c->ended);
    sim_wall_jump(g->w, 2 * 3600 * 1000);
    rig_run(g, 20000);
    assert_true(c->ended);
    client_close(&c);
    /* and with the server */
    c = subscribe(g, "viewer", "/v1/events", NULL);
    httpd_drain(g->httpd);
    rig_run(g, 1000);
    assert_true(c->ended);
    assert_int_equal(c->why, STREAM_EOF);
    assert_false(httpd_busy(g->httpd));
    client_close(&c);
    rig_free(&g);
}

/* --- history --- */
static void a_host_has_a_history(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES], path[160];
    struct directory_entry e;
    struct client *c = client_open(g);
    rig_token(g, "viewer", token);
    rig_host(g, "default", "n1");
    assert_int_equal(directory_by_name(g->app->directory, "default", "n1", &e), 0);
    rig_run(g, 300);
    publish(g, e.id, "default", "link-up", 5);
    store_sync(g->store);
    assert_int_equal(
        client_ask(c, token, "GET", "/v1/projects/default/compute/hosts/n1/history?pageSize=2", NULL, NULL),
        200);
    assert_string_equal(answer_text(c, "hasNext"), "true");
    assert_string_equal(answer_text(c, "events.0.seq"), "5");
    assert_string_equal(answer_text(c, "events.1.seq"), "6");
    snprintf(path, sizeof path, "/v1/projects/default/compute/hosts/%s/history?pageSize=4&after=1", e.id);
    assert_int_equal(client_ask(c, token, "GET", path, NULL, NULL), 200);
    assert_string_equal(answer_text(c, "events.0.seq"), "2");
    assert_string_equal(answer_text(c, "events.3.seq"), "5");
    assert_string_equal(answer_text(c, "events.4.seq"), "");
    assert_string_equal(answer_text(c, "hasNext"), "true");
    assert_string_equal(answer_text(c, "events.0.kind"), "link-up");
    client_close(&c);
    rig_free(&g);
}

/* --- quarantine --- */
static void refused_logins_are_handled(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES], id[32], path[96];
    struct client *c = client_open(g);
    rig_token(g, "admin", token);
    struct quarantine_knock k = {.user = SLICE_LIT("stranger"),
                                 .peer = "192.0.2.9:5000",
                                 .peer_addr = "192.0.2.9",
                                 .reason = "unknown CIRA user",
                                 .at = loop_wall(g->loops[0]),
                                 .random = 7};
    assert_int_equal(quarantine_note(g->app->quarantine, &k), QUARANTINE_NEW);
    assert_int_equal(client_ask(c, token, "GET", "/api/v1/quarantine", NULL, NULL), 200);
    assert_string_equal(answer_text(c, "entries.0.user"), "stranger");
    assert_string_equal(answer_text(c, "entries.0.verdict"), "none");
    slice_to_str(slice_str(answer_text(c, "entries.0.id")), id, sizeof id);
    snprintf(path, sizeof path, "/api/v1/quarantine/%s:deny", id);
    assert_int_equal(client_ask(c, token, "POST", path, NULL, NULL), 204);
    snprintf(path, sizeof path, "/api/v1/quarantine/%s:adopt", id);
    assert_int_equal(client_ask(c, token, "POST", path, NULL, "{\"name\":\"s1\"}"), 400);
    assert_int_equal(
        client_ask(c, token, "POST", path, NULL, "{\"name\":\"s1\",\"ciraPassword\":\"P@ssw0rd!\"}"), 201);
    assert_string_equal(answer_text(c, "name"), "s1");
    assert_string_equal(answer_text(c, "oob.aliases.ciraUser"), "stranger");
    assert_int_equal(
        client_ask(c, token, "POST", path, NULL, "{\"name\":\"s2\",\"ciraPassword\":\"P@ssw0rd!\"}"), 404);
    snprintf(path, sizeof path, "/api/v1/quarantine/%s", id);
    assert_int_equal(client_ask(c, token, "DELETE", path, NULL, NULL), 404);
    client_close(&c);
    rig_free(&g);
}

UNIT_MAIN(T(events_are_framed), T(filters_hold), T(resuming_loses_nothing), T(what_is_lost_is_said),
          T(slow_readers_are_waited_for), T(streams_end_with_their_sign_in), T(a_host_has_a_history),
          T(refused_logins_are_handled))
