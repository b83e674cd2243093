/* SPDX-License-Identifier: Apache-2.0 */
/* Who comes in at /activate, for which host each may speak, and what becomes of clients that break the rules.
 */
#include "server/objects.h" /* its macros come before those of unit.h */

#include "rps_rig.h"

#include "base/ossl.h"
#include "base/text.h"
#include "net/tls.h"
#include "server/agent_ca.h"
#include "server/provisioning_int.h"
#include "server/rps_door.h"

#include <openssl/evp.h>

#define KEY "oek-0123456789abcdef0123456789abcdef"

static struct desk d;
static const struct rps_command ACTIVATE = {.verb = RPS_ACTIVATE, .profile = "p1"};

static int setup(void **state) {
    (void)state;
    stand_in = (struct stand_in){0};
    desk_open(&d, 1);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    desk_close(&d);
    return 0;
}
static size_t clients(void) {
    return d.g->app->shards[0]->rps.count + d.g->app->shards[1]->rps.count;
}
static int64_t counted(enum metric k) {
    return metric_read(&d.g->app->shards[0]->metrics, k) + metric_read(&d.g->app->shards[1]->metrics, k);
}

/* --- callers --- */

static void key_made(struct object_change *c) {
    assert_int_equal(c->err, 0);
    *(bool *)c->ctx = true;
}
static void make_key(const char *project, const char *of_new, unsigned uses) {
    struct object_change c = {
        .from = d.g->app->shards[0], .what = OBJECT_CREATE, .kind = OBJECT_ENROL, .done = key_made};
    uint8_t sum[32];
    char hex[65];
    bool made = false;
    assert_int_equal(EVP_Digest(KEY, strlen(KEY), sum, NULL, EVP_sha256(), NULL), 1);
    snprintf(c.project, sizeof c.project, "%s", project);
    snprintf(c.name, sizeof c.name, "k1");
    c.body = json_pack("{s:s,s:i,s:s,s:s}", "expiresAt", "2030-01-01T00:00:00Z", "maxUses", (int)uses,
                       "hostProject", of_new, "sha256", text_hex(slice_of(sum, sizeof sum), hex));
    c.ctx = &made;
    objects_change(d.g->app->objects, &c);
    desk_run(&d, 50);
    assert_true(made);
}
static void by_key(struct lender *l) {
    lender_knock(l, &d, "Authorization: Bearer " KEY "\r\n");
    if (l->v.status != 101)
        fail_msg("%s", buf_cstr(&l->v.head));
}
static void anonymous(struct lender *l) {
    lender_knock(l, &d, "");
    assert_int_equal(l->v.status, 101);
}

static void by_agent(struct lender *l, const char *host) {
    static const uint8_t sum[32] = {7};
    if (!d.g->app->agent_ca)
        d.g->app->agent_ca = agent_ca_new(SLICE_EMPTY, SLICE_EMPTY, 1);
    assert_int_equal(agent_ca_admit(d.g->app->agent_ca, host, sum, NULL), 0);
    rps_shown = host;
    lender_knock(l, &d, "");
    rps_shown = NULL;
}

/* --- who may come in --- */

static int knock(const char *user, const char *more) {
    struct lender l;
    char token[TOKEN_MAX_BYTES], all[TOKEN_MAX_BYTES + 200];
    snprintf(all, sizeof all, "%s%s%s%s", user ? "Authorization: Bearer " : "",
             user ? rig_token(d.g, user, token) : "", user ? "\r\n" : "", more);
    lender_knock(&l, &d, all);
    int status = l.v.status;
    lender_free(&l);
    return status;
}

static void who_may_come_in(void **state) {
    (void)state;
    assert_int_equal(knock(NULL, ""), 401);
    assert_int_equal(knock(NULL, "Authorization: Bearer nonsense\r\n"), 401);
    assert_int_equal(knock(NULL, "Authorization: Bearer " KEY "\r\n"), 401);
    assert_int_equal(knock(NULL, "Cookie: __Host-outband=x\r\n"), 401);
    assert_int_equal(knock("viewer", ""), 403);
    assert_int_equal(knock("operator", ""), 403);
    assert_int_equal(knock("admin", "Origin: https://elsewhere\r\n"), 403);
    assert_int_equal(knock("admin", "Upgrade: none\r\n"), 426);
    assert_int_equal(knock("admin", "Sec-WebSocket-Key: short\r\n"), 400);
    assert_int_equal(knock("admin", ""), 101);
    assert_int_equal(desk_ask_path(&d, "admin", "GET", "/activate", NULL), 426);
    char more[300];
    snprintf(more, sizeof more, "Authorization: Bearer oek-%0200d\r\n", 1);
    assert_int_equal(knock(NULL, more), 401);
    desk_run(&d, 2000);
    assert_int_equal(clients(), 0);
}

static void too_many(void **state) {
    (void)state;
    struct lender a, b;
    d.g->app->rps_limits.clients_max = 1;
    lender_open(&a, &d, "admin");
    assert_int_equal(knock("admin", ""), 503);
    assert_int_equal(counted(METRIC_RPS_LIMITED), 1);
    lender_free(&a);
    desk_run(&d, 100);
    lender_open(&b, &d, "admin");
    lender_free(&b);
}

/* --- for which host --- */

static void ends_with(struct lender *l, const struct rps_command *c, const struct rps_info *info, bool ok,
                      const char *text) {
    lender_command(l, c, info);
    assert_end(l, ok, text);
    lender_free(l);
}

static void hosts_that_are_not_there(void **state) {
    (void)state;
    struct lender l;
    struct rps_info info = rps_info_of(&d);
    memset(&info.uuid, 0x42, sizeof info.uuid);
    lender_open(&l, &d, "admin");
    ends_with(&l, &ACTIVATE, &info, false, "no host of the list has the AMT UUID 42424242");
    memset(&info.uuid, 0xff, sizeof info.uuid);
    lender_open(&l, &d, "admin");
    ends_with(&l, &ACTIVATE, &info, false, "many boards share");
    info = rps_info_of(&d);
    lender_open(&l, &d, "bound"); /* an admin of another project */
    ends_with(&l, &ACTIVATE, &info, false, "no host of the list");
    rig_host(d.g, "other", "twin");
    struct directory_entry e;
    assert_int_equal(directory_by_name(d.g->app->directory, "other", "twin", &e), 0);
    fleet_host_find(app_shard_of(d.g->app, e.id), e.id)->h.amt_uuid = info.uuid;
    lender_open(&l, &d, "admin");
    ends_with(&l, &ACTIVATE, &info, false, "2 hosts have this UUID");
    assert_int_equal(stand_in.attached, 0);
}

static void firmware_that_is_too_old(void **state) {
    (void)state;
    static const struct {
        const char *ver, *build, *text;
    } CASES[] = {{"6.2.61", "3535", "too old"}, {"11.6.2", "1234", "known fault"}, {"x", "1", "no version"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct lender l;
        struct rps_info info = rps_info_of(&d);
        snprintf(info.ver, sizeof info.ver, "%s", CASES[i].ver);
        snprintf(info.build, sizeof info.build, "%s", CASES[i].build);
        lender_open(&l, &d, "admin");
        ends_with(&l, &ACTIVATE, &info, false, CASES[i].text);
    }
}

static void without_a_profile(void **state) {
    (void)state;
    struct lender l;
    struct rps_info info = rps_info_of(&d);
    lender_open(&l, &d, "admin");
    ends_with(&l, &(struct rps_command){.verb = RPS_ACTIVATE}, &info, false, "names no profile");
    stand_in.refuse = "another one is under way";
    lender_open(&l, &d, "admin");
    ends_with(&l, &ACTIVATE, &info, false, "another one is under way");
}

/* --- an enrolment key --- */

static const struct rps_command OTHER = {.verb = RPS_ACTIVATE, .profile = "other_ccm"};

static const struct fleet_host *host_of(const char *name) {
    struct directory_entry e;
    if (directory_by_name(d.g->app->directory, "other", name, &e) < 0)
        return NULL;
    return fleet_host_find(app_shard_of(d.g->app, e.id), e.id);
}
static unsigned key_uses(void) {
    struct object x;
    struct errinfo ei = {0};
    assert_int_equal(objects_get(d.g->app->objects, OBJECT_ENROL, "other", "k1", &x, &ei), 0);
    unsigned uses = x.uses;
    object_free(&x);
    return uses;
}

static void a_key_makes_a_host(void **state) {
    (void)state;
    struct lender l;
    struct rps_info info = rps_info_of(&d);
    rps_make_root(&d);
    stand_in.refuse = "far enough";
    make_key("other", "other", 2);
    memset(&info.uuid, 0x42, sizeof info.uuid);
    by_key(&l);
    ends_with(&l, &OTHER, &info, false, "far enough");
    const struct fleet_host *fh = host_of("edge-1");
    assert_non_null(fh);
    assert_true(uuid_eq(fh->h.amt_uuid, info.uuid));
    assert_string_equal(provisioning_activator(fh), "key k1"); /* it was made with its order */
    assert_string_equal(fh->prov->m.p.profile, "other_ccm");
    assert_int_equal(fh->prov->m.p.mode, AMT_MODE_CCM);
    /* the same node again: the same host, and no second use */
    by_key(&l);
    ends_with(&l, &OTHER, &info, false, "far enough");
    assert_int_equal(key_uses(), 1);
    size_t hosts = directory_count(d.g->app->directory);
    /* another node of the same name */
    memset(&info.uuid, 0x43, sizeof info.uuid);
    by_key(&l);
    ends_with(&l, &OTHER, &info, false, "far enough");
    assert_int_equal(directory_count(d.g->app->directory), hosts + 1);
    assert_non_null(host_of("edge-1-43434343"));
    /* two uses are used up: it goes on with what it began, and begins nothing more */
    by_key(&l);
    ends_with(&l, &OTHER, &info, false, "far enough");
    memset(&info.uuid, 0x44, sizeof info.uuid);
    by_key(&l);
    ends_with(&l, &OTHER, &info, false, "the enrolment key is not valid");
    assert_int_equal(directory_count(d.g->app->directory), hosts + 1);
}

/* Two boards whose firmware says the same: each is the host of its SMBIOS UUID. */
static void placeholders_are_told_apart_by_smbios(void **state) {
    (void)state;
    static const char *const names[] = {"edge-1", "edge-1-5b006b9c",
                                        "edge-1-5b006b9c-09bf-0000-0000-0000000000ab"};
    struct lender l;
    struct rps_info info = rps_info_of(&d);
    stand_in.refuse = "far enough";
    rps_make_root(&d);
    make_key("other", "other", 9);
    for (uint8_t i = 0; i < 3; i++) {
        struct directory_entry e, again;
        assert_true(uuid_parse(SLICE_LIT("03000200-0400-0500-0006-000700080009"), &info.uuid));
        assert_true(uuid_parse(SLICE_LIT("5b006b9c-09bf-0000-0000-0000000000a9"), &info.smbios));
        info.smbios.b[15] = (uint8_t)(info.smbios.b[15] + i);
        size_t hosts = directory_count(d.g->app->directory);
        by_key(&l);
        ends_with(&l, &OTHER, &info, false, "far enough");
        assert_int_equal(directory_count(d.g->app->directory), hosts + 1);
        assert_int_equal(directory_by_name(d.g->app->directory, "other", names[i], &e), 0);
        assert_true(uuid_eq(e.ids.smbios, info.smbios) && uuid_eq(e.ids.amt, info.uuid));
        info.smbios = uuid_swap(info.smbios); /* the same node again, in whatever byte order */
        by_key(&l);
        ends_with(&l, &OTHER, &info, false, "far enough");
        assert_int_equal(directory_count(d.g->app->directory), hosts + 1);
        assert_int_equal(directory_by_name(d.g->app->directory, "other", names[i], &again), 0);
        assert_string_equal(again.id, e.id);
    }
    /* and a clone of a real AMT UUID is another machine */
    size_t hosts = directory_count(d.g->app->directory);
    memset(&info.uuid, 0x42, sizeof info.uuid);
    memset(&info.smbios, 0x51, sizeof info.smbios);
    by_key(&l);
    ends_with(&l, &OTHER, &info, false, "far enough");
    memset(&info.smbios, 0x52, sizeof info.smbios);
    by_key(&l);
    ends_with(&l, &OTHER, &info, false, "far enough");
    assert_int_equal(directory_count(d.g->app->directory), hosts + 2);
    /* an admin's token finds the host, too */
    lender_open(&l, &d, "admin");
    ends_with(&l, &ACTIVATE, &info, false, "far enough");
    memset(&info.smbios, 0x53, sizeof info.smbios);
    lender_open(&l, &d, "admin");
    ends_with(&l, &ACTIVATE, &info, false, "no host of the list has the AMT UUID 42424242");
}

/* An activation that is not admitted makes no host and uses nothing up. */
static void a_refused_activation_makes_no_host(void **state) {
    (void)state;
    static const struct {
        const char *profile, *ver, *text;
        bool tls, no_root;
    } CASES[] = {{"nobody", "15.0.23", "nobody", false, false},
                 {"default_ccm", "15.0.23", "default_ccm", false, false}, /* of another project */
                 {"", "15.0.23", "names no profile", false, false},
                 {"other_acm", "15.0.23", "no provisioning certificate", false, false},
                 {"other_ccm", "6.0.1", "too old", false, false},
                 {"other_ccm", "15.0.23", "no TLS towards firmware", true, false},
                 {"other_ccm", "15.0.23", "", false, true}};
    make_key("other", "other", 9);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct lender l;
        struct rps_command k = OTHER;
        struct rps_info info = rps_info_of(&d);
        if (!CASES[i].no_root)
            rps_make_root(&d);
        snprintf(k.profile, sizeof k.profile, "%s", CASES[i].profile);
        snprintf(info.ver, sizeof info.ver, "%s", CASES[i].ver);
        info.tls_enforced = CASES[i].tls;
        memset(&info.uuid, 0x60 + (int)i, sizeof info.uuid);
        size_t hosts = directory_count(d.g->app->directory);
        by_key(&l);
        ends_with(&l, &k, &info, false, CASES[i].text);
        buf_free(&d.g->app->cira_root_pem);
        if (directory_count(d.g->app->directory) != hosts || key_uses() || host_of("edge-1"))
            fail_msg("case %zu: %zu hosts, %u uses", i, directory_count(d.g->app->directory) - hosts,
                     key_uses());
    }
    assert_int_equal(stand_in.attached, 0);
}

static void what_a_key_is_not_for(void **state) {
    (void)state;
    struct lender l;
    struct rps_info info = rps_info_of(&d);
    make_key("default", "default", 9);
    by_key(&l); /* the desk's host: its tunnel has logged in */
    ends_with(&l, &ACTIVATE, &info, false, "provisioned already");
    desk_host(&d)->h.amt.state = AMT_STATE_UNPROVISIONED;
    by_key(&l);
    ends_with(&l, &(struct rps_command){.verb = RPS_DEACTIVATE}, &info, false, "deactivate wants an agent");
    memset(&info.uuid, 0x42, sizeof info.uuid);
    by_key(&l);
    ends_with(&l, &(struct rps_command){.verb = RPS_DEACTIVATE}, &info, false, "no host of the list");
    memset(&info.uuid, 0, sizeof info.uuid);
    by_key(&l);
    ends_with(&l, &ACTIVATE, &info, false, "many boards share");
    assert_int_equal(stand_in.attached, 0);
}

/* --- nobody in particular --- */

static void anonymous_clients(void **state) {
    (void)state;
    struct lender l;
    struct rps_info info = rps_info_of(&d);
    d.g->app->rps_limits.anonymous = true;
    stand_in.refuse = "far enough";
    struct fleet_host *fh = desk_host(&d);
    anonymous(&l);
    ends_with(&l, &ACTIVATE, &info, false, "provisioned already");
    fh->h.amt.state = AMT_STATE_UNPROVISIONED;
    anonymous(&l);
    ends_with(&l, &ACTIVATE, &info, false, "not wanted provisioned");
    fh->h.amt_intent.desired = AMT_STATE_PROVISIONED;
    anonymous(&l);
    ends_with(&l, &ACTIVATE, &info, false, "far enough");
    anonymous(&l);
    ends_with(&l, &(struct rps_command){.verb = RPS_DEACTIVATE}, &info, false, "deactivate wants an agent");
    memset(&info.uuid, 0x42, sizeof info.uuid);
    anonymous(&l);
    ends_with(&l, &ACTIVATE, &info, false, "no host of the list");
}

/* --- agents --- */

static void an_agent_speaks_for_its_own_host(void **state) {
    (void)state;
    struct lender l;
    struct directory_entry e;
    struct rps_info info = rps_info_of(&d);
    stand_in.refuse = "far enough";
    by_agent(&l, d.host);
    assert_int_equal(l.v.status, 101);
    ends_with(&l, &(struct rps_command){.verb = RPS_DEACTIVATE}, &info, false, "far enough");
    rig_host(d.g, "default", "b");
    assert_int_equal(directory_by_name(d.g->app->directory, "default", "b", &e), 0);
    by_agent(&l, e.id); /* B's agent with the UUID of A */
    ends_with(&l, &ACTIVATE, &info, false, "that of another node than the certificate's");
    by_agent(&l, d.host); /* A's agent with a UUID of nobody */
    memset(&info.uuid, 0x42, sizeof info.uuid);
    ends_with(&l, &ACTIVATE, &info, false, "that of another node than the certificate's");
    by_agent(&l, e.id); /* nothing is known of B */
    ends_with(&l, &ACTIVATE, &info, false, "far enough");
    by_agent(&l, d.host); /* a placeholder says nothing */
    memset(&info.uuid, 0xff, sizeof info.uuid);
    ends_with(&l, &ACTIVATE, &info, false, "far enough");
    /* a certificate that counts no more does not turn into an anonymous client */
    d.g->app->rps_limits.anonymous = true;
    agent_ca_revoke(d.g->app->agent_ca, d.host);
    rps_shown = d.host;
    lender_knock(&l, &d, "");
    rps_shown = NULL;
    assert_int_equal(l.v.status, 401);
    lender_free(&l);
}

/* --- one connection a host --- */

static void the_newest_wins(void **state) {
    (void)state;
    struct lender a, b;
    struct rps_info info = rps_info_of(&d);
    lender_open(&a, &d, "admin");
    lender_command(&a, &ACTIVATE, &info);
    desk_run(&d, 100);
    assert_int_equal(stand_in.attached, 1);
    lender_open(&b, &d, "admin");
    lender_command(&b, &ACTIVATE, &info);
    assert_end(&a, false, "a newer connection of this node took over");
    assert_int_equal(stand_in.lost, 1);
    assert_int_equal(stand_in.attached, 2);
    assert_non_null(stand_in.way);
    assert_false(lender_run(&b, 200));
    lender_free(&a);
    lender_free(&b);
    desk_run(&d, 50);
    assert_null(stand_in.way);
    assert_int_equal(clients(), 0);
}

static void the_host_goes(void **state) {
    (void)state;
    struct lender l;
    struct rps_info info = rps_info_of(&d);
    lender_open(&l, &d, "admin");
    lender_command(&l, &ACTIVATE, &info);
    desk_run(&d, 100);
    struct fleet_host *fh = desk_host(&d);
    rps_host_gone(fh);
    assert_end(&l, false, "removed from the list");
    assert_int_equal(stand_in.lost, 1);
    lender_free(&l);
}

static void the_server_stops(void **state) {
    (void)state;
    struct lender a, b;
    struct rps_info info = rps_info_of(&d);
    lender_open(&a, &d, "admin");
    lender_open(&b, &d, "admin");
    lender_command(&b, &ACTIVATE, &info);
    desk_run(&d, 100);
    atomic_store(&d.g->app->draining, 1);
    assert_int_equal(knock("admin", ""), 503);
    app_drain_shard(d.g->app->shards[0]);
    app_drain_shard(d.g->app->shards[1]);
    assert_end(&a, false, "the server restarts");
    assert_end(&b, false, "the server restarts");
    assert_int_equal(b.v.code, 1012);
    desk_run(&d, 3000); /* whether they close or not */
    assert_int_equal(clients(), 0);
    lender_free(&a);
    lender_free(&b);
    atomic_store(&d.g->app->draining, 0);
}

/* --- clients that break the rules --- */

static void garbage(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } CASES[] = {{"", "not a JSON object"},
                 {"garbage", "not a JSON object"},
                 {"{\"method\":\"dance\",\"protocolVersion\":\"4.0.0\"}", "must be a command"},
                 {"{\"method\":\"activate --profile p\"}", "speaks protocol"},
                 {"{\"method\":\"activate --profile p\",\"protocolVersion\":\"4.0.0\"}", "payload"},
                 {"{\"method\":\"response\",\"payload\":\"\"}", "first message must be a command"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct lender l;
        lender_open(&l, &d, "admin");
        lender_text(&l, slice_str(CASES[i].text));
        assert_end(&l, false, CASES[i].why);
        assert_true(viewer_ends(&l.v, 3000));
        lender_free(&l);
    }
    assert_int_equal(clients(), 0);
    assert_int_equal(counted(METRIC_RPS_CLIENTS), 0);
}

static void too_long_and_binary(void **state) {
    (void)state;
    struct lender l;
    static char long_text[RPS_MESSAGE_MAX + 1];
    memset(long_text, 'x', sizeof long_text);
    lender_open(&l, &d, "admin");
    lender_text(&l, slice_of(long_text, RPS_MESSAGE_MAX)); /* allowed, and no JSON */
    assert_end(&l, false, "not a JSON object");
    lender_free(&l);
    lender_open(&l, &d, "admin");
    lender_text(&l, slice_of(long_text, sizeof long_text));
    assert_true(viewer_ends(&l.v, 3000));
    assert_int_equal(l.v.code, WS_CLOSE_TOO_BIG);
    lender_free(&l);
    lender_open(&l, &d, "admin");
    viewer_send(&l.v, SLICE_LIT("bytes"));
    assert_end(&l, false, "text, not binary");
    assert_int_equal(l.v.code, WS_CLOSE_UNSUPPORTED);
    lender_free(&l);
}

static void say(struct lender *l, enum rps_client_kind k, const char *payload) {
    struct buf b = {0};
    rps_put_client(&b, k, slice_str(payload));
    lender_text(l, buf_slice(&b));
    buf_free(&b);
}

static void out_of_order(void **state) {
    (void)state;
    struct rps_info info = rps_info_of(&d);
    static const struct {
        enum rps_client_kind kind;
        const char *why;
    } CASES[] = {{RPS_C_RESPONSE, "nobody asked for"},
                 {RPS_C_TLS_DATA, "in the clear"},
                 {RPS_C_PORT_SWITCH_ACK, "nobody asked for"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct lender l;
        lender_open(&l, &d, "admin");
        lender_command(&l, &ACTIVATE, &info);
        desk_run(&d, 100);
        say(&l, CASES[i].kind, "x");
        assert_end(&l, false, CASES[i].why);
        lender_free(&l);
    }
    struct lender l;
    lender_open(&l, &d, "admin");
    lender_command(&l, &ACTIVATE, &info);
    desk_run(&d, 100);
    say(&l, RPS_C_HEARTBEAT_RESPONSE, ""); /* harmless */
    say(&l, RPS_C_CONNECTION_RESET, "");
    assert_false(lender_run(&l, 100));
    lender_command(&l, &ACTIVATE, &info);
    assert_end(&l, false, "one connection serves one command");
    lender_free(&l);
    /* two at once: the second one comes while the host is looked up */
    lender_open(&l, &d, "admin");
    lender_command(&l, &ACTIVATE, &info);
    lender_command(&l, &ACTIVATE, &info);
    assert_true(lender_run(&l, 1000));
    assert_int_equal(l.end.kind, RPS_S_ERROR);
    lender_free(&l);
    desk_run(&d, 3000);
    assert_int_equal(clients(), 0);
    assert_null(stand_in.way);
}

static void silence(void **state) {
    (void)state;
    struct lender l;
    lender_open(&l, &d, "admin");
    l.v.mute = true;
    assert_true(lender_run(&l, 70000));
    assert_non_null(strstr(l.end.outcome.status, "silent"));
    assert_true(viewer_ends(&l.v, 3000));
    lender_free(&l);
    lender_open(&l, &d, "admin"); /* one that answers pings may think as long as it wants */
    assert_false(lender_run(&l, 130000));
    lender_free(&l);
}

static size_t leavers(void) {
    size_t hosts = 0;
    for (int at = 0; at < 12; at++) {
        char name[HOST_NAME_CAP];
        snprintf(name, sizeof name, "leaver-%d", at);
        const struct fleet_host *fh = host_of(name);
        hosts += fh != NULL;
        assert_true(!fh || provisioning_activator(fh)); /* the key may come back for it */
    }
    return hosts;
}

/* At every point of its way the client may leave. One that is gone before it was admitted leaves no host, and
 * there is one for each use that counts. */
static void it_leaves(void **state) {
    (void)state;
    struct rps_info info = rps_info_of(&d);
    size_t before = directory_count(d.g->app->directory);
    rps_make_root(&d);
    make_key("other", "other", 100);
    for (int at = 0; at < 12; at++) {
        struct lender l;
        memset(&info.uuid, 0x50 + at, sizeof info.uuid);
        snprintf(info.host_name, sizeof info.host_name, "leaver-%d", at);
        by_key(&l);
        lender_command(&l, &OTHER, &info);
        for (int ms = 0; ms < at; ms++) /* 0: in the same breath */
            desk_run(&d, 1);
        if (l.v.s)
            stream_abort(l.v.s);
        desk_run(&d, 200);
        lender_free(&l);
        if (at == 0)
            assert_int_equal(directory_count(d.g->app->directory), before);
    }
    size_t ordered = leavers();
    assert_int_equal(directory_count(d.g->app->directory), before + ordered);
    assert_int_equal(key_uses(), ordered);
    assert_true(ordered > 0);
    assert_int_equal(clients(), 0);
    assert_null(stand_in.way);
    assert_int_equal(counted(METRIC_RPS_CLIENTS), 0);
}

#define AT_DESK(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        AT_DESK(who_may_come_in),
        AT_DESK(too_many),
        AT_DESK(hosts_that_are_not_there),
        AT_DESK(firmware_that_is_too_old),
        AT_DESK(without_a_profile),
        AT_DESK(a_key_makes_a_host),
        AT_DESK(placeholders_are_told_apart_by_smbios),
        AT_DESK(a_refused_activation_makes_no_host),
        AT_DESK(what_a_key_is_not_for),
        AT_DESK(anonymous_clients),
        AT_DESK(an_agent_speaks_for_its_own_host),
        AT_DESK(the_newest_wins),
        AT_DESK(the_host_goes),
        AT_DESK(the_server_stops),
        AT_DESK(garbage),
        AT_DESK(too_long_and_binary),
        AT_DESK(out_of_order),
        AT_DESK(silence),
        AT_DESK(it_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
