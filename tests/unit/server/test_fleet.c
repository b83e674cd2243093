/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts from creation to deletion, with a database and simulated machines. */
#include "net/pki.h"
#include "server/directory.h"
#include "server/quarantine.h"
#include "sim/node.h"
#include "unit.h"
#include "world.h"

enum { SOON = 3000 };

/* --- a simulated machine --- */

struct rig {
    struct world w;
    struct sim_fleet *fleet;
    struct sim_node *node;
    unsigned port;
    char id[HOST_ID_CAP];
    struct fleet_command cmd;
    struct fleet_patch patch;
    struct fleet_delete del;
    int done;
};

static void before_connect(void *ctx, struct sim_node *n) {
    struct rig *r = ctx;
    char source[32];
    (void)n;
    snprintf(source, sizeof source, "10.0.7.1:%u", r->port++);
    sim_next_source(r->w.out, source);
}

/* The machine of host n1; device_tls: it speaks WS-MAN over TLS only. */
static void plug_in(struct rig *r, struct tls_ctx *device_tls) {
    struct sim_fleet_config f = {.loop = r->w.out,
                                 .server = WORLD_CIRA,
                                 .device_tls = device_tls,
                                 .times = SIM_TIMES_INSTANT,
                                 .seed = 1,
                                 .ctx = r,
                                 .before_connect = before_connect};
    r->port = 50000;
    r->fleet = sim_fleet_new(&f);
    struct sim_node_config c = {.profile = device_tls ? SIM_A19 : SIM_A15, .me_in_sleep = true};
    sim_identity_make(&c.id, 1, "node", 1);
    snprintf(c.id.cira_user, sizeof c.id.cira_user, "u-n1");
    snprintf(c.id.cira_password, sizeof c.id.cira_password, "p-n1");
    snprintf(c.id.amt_user, sizeof c.id.amt_user, "admin");
    snprintf(c.id.amt_password, sizeof c.id.amt_password, "P@ssw0rd");
    r->node = sim_node_new(r->fleet, &c);
    assert_non_null(r->node);
    sim_node_start(r->node);
}
static void unplug(struct rig *r) {
    sim_node_free(&r->node);
    sim_fleet_free(&r->fleet);
}

static void make(struct rig *r, bool store) {
    *r = (struct rig){0};
    world_make(&r->w, 2, store);
    world_listen(&r->w, NULL);
    world_host(&r->w, "n1", r->id);
}
static void unmake(struct rig *r) {
    unplug(r);
    world_unmake(&r->w);
}

static struct fleet_host *host(struct rig *r) {
    return world_find(&r->w, r->id);
}
static bool is_read(void *ctx) {
    const struct fleet_host *fh = host(ctx);
    return fh->h.power.state == POWER_ON && fh->h.power.agreeing > 0;
}
static bool is_up(void *ctx) {
    return host(ctx)->h.link.state == LINK_UP;
}
static bool is_down(void *ctx) {
    return host(ctx)->h.link.state == LINK_DOWN;
}
static bool read_failed(void *ctx) {
    return host(ctx)->h.read_error[0] != 0;
}
static bool is_done(void *ctx) {
    return ((struct rig *)ctx)->done > 0;
}

/* --- calls --- */

static void command_done(struct fleet_command *c) {
    ((struct rig *)c->ctx)->done++;
}
static int command(struct rig *r, struct host_command c) {
    r->done = 0;
    r->cmd = (struct fleet_command){
        .call = {.from = r->w.app->shards[0]}, .cmd = c, .done = command_done, .ctx = r};
    memcpy(r->cmd.call.host, r->id, HOST_ID_CAP);
    snprintf(r->cmd.cmd.actor, sizeof r->cmd.cmd.actor, "ann");
    fleet_command(&r->cmd);
    assert_true(world_until(&r->w, is_done, r, 1000));
    return r->cmd.call.err;
}

static void patch_done(struct fleet_patch *c) {
    ((struct rig *)c->ctx)->done++;
}
static void patch_begin(struct rig *r, unsigned bits, struct host_new v, uint64_t if_version) {
    r->patch = (struct fleet_patch){.call = {.from = r->w.app->shards[1]},
                                    .bits = bits,
                                    .v = v,
                                    .if_version = if_version,
                                    .done = patch_done,
                                    .ctx = r};
    memcpy(r->patch.call.host, r->id, HOST_ID_CAP);
    fleet_patch(&r->patch);
}
static int patch(struct rig *r, unsigned bits, struct host_new v, uint64_t if_version) {
    r->done = 0;
    patch_begin(r, bits, v, if_version);
    assert_true(world_until(&r->w, is_done, r, 1000));
    return r->patch.call.err;
}

static void delete_done(struct fleet_delete *c) {
    ((struct rig *)c->ctx)->done++;
}
static int delete (struct rig *r) {
    r->done = 0;
    r->del = (struct fleet_delete){
        .call = {.from = r->w.app->shards[0]}, .actor = "ann", .done = delete_done, .ctx = r};
    memcpy(r->del.call.host, r->id, HOST_ID_CAP);
    fleet_delete(&r->del);
    assert_true(world_until(&r->w, is_done, r, 1000));
    return r->del.call.err;
}

/* --- tests --- */

static void the_json_is_as_written_down(void **s) {
    struct rig r;
    make(&r, false); /* no thread of a store: every byte of time is virtual */
    plug_in(&r, NULL);
    world_run(&r.w, 16000);
    assert_true(is_read(&r));
    struct buf out = {0}, want = {0};
    fleet_host_json(&out, host(&r));
    FILE *f = fopen(GOLDEN, "r");
    assert_non_null(f);
    for (int c; (c = fgetc(f)) != EOF && c != '\n';)
        buf_put(&want, slice_of(&(char){(char)c}, 1));
    fclose(f);
    bool same = slice_eq(buf_slice(&out), buf_slice(&want));
    if (!same)
        fprintf(stderr, "if this change is meant, put it into host.golden.json:\n%s\n", buf_cstr(&out));
    assert_true(same);
    buf_free(&out);
    buf_free(&want);
    unmake(&r);
}

static struct fleet_create *two_rows(struct world *w, const char *name, const char *user) {
    struct fleet_create *c = calloc(1, sizeof *c);
    *c = (struct fleet_create){.from = w->app->shards[1], .nrows = 2, .rows = calloc(2, sizeof *c->rows)};
    snprintf(c->rows[0].name, sizeof c->rows[0].name, "fresh");
    snprintf(c->rows[1].name, sizeof c->rows[1].name, "%s", name);
    snprintf(c->rows[1].cira_user, sizeof c->rows[1].cira_user, "%s", user);
    return c;
}
static void created(struct fleet_create *c) {
    *(bool *)c->ctx = true;
}
static bool flag_is_set(void *ctx) {
    return *(bool *)ctx;
}

static void creating_is_all_or_nothing(void **s) {
    struct rig r;
    make(&r, true);
    static const struct {
        const char *name, *user, *field;
    } bad[] = {{"n1", "x", "name"}, {"n2", "u-n1", "cira.user"}, {"fresh", "x", "name"}, {"", "x", "name"}};
    for (size_t i = 0; i < 4; i++) {
        bool done = false;
        struct fleet_create *c = two_rows(&r.w, bad[i].name, bad[i].user);
        c->done = created;
        c->ctx = &done;
        fleet_create(c);
        assert_true(world_until(&r.w, flag_is_set, &done, 1000));
        assert_true(c->err == ERR_EXISTS || c->err == ERR_INVALID);
        assert_int_equal(c->bad_row, 1);
        assert_string_equal(c->error.field, bad[i].field);
        assert_null(c->rows); /* wiped and freed at once */
        assert_null(c->ids);
        fleet_create_free(&c);
        assert_int_equal(directory_count(r.w.app->directory), 1);
    }
    world_restart(&r.w);
    assert_int_equal(directory_count(r.w.app->directory), 1);
    unmake(&r);
}

static void power_commands_reach_the_machine(void **s) {
    struct rig r;
    make(&r, true);
    assert_int_equal(command(&r, (struct host_command){.kind = CMD_INTENT, .desired = POWER_OFF}),
                     ERR_UNREACHABLE);
    assert_non_null(strstr(r.cmd.call.error.text, "Device not found/connected"));
    plug_in(&r, NULL);
    assert_true(world_until(&r.w, is_read, &r, SOON));
    assert_int_equal(command(&r, (struct host_command){.kind = CMD_INTENT, .desired = POWER_OFF}), 0);
    assert_string_equal(r.cmd.op.actor, "ann");
    assert_int_equal(r.cmd.op.kind, POWER_OP_OFF);
    assert_memory_equal(r.cmd.op.id, "op-", 3);
    for (int i = 0; i < 200 && host(&r)->h.op; i++) {
        store_sync(r.w.store);
        world_run(&r.w, 50);
    }
    assert_null(host(&r)->h.op);
    assert_int_equal(host(&r)->h.last->state, OP_DONE);
    assert_int_equal(host(&r)->h.power.state, POWER_OFF);
    assert_int_equal(world_metric(&r.w, METRIC_OPERATIONS_DONE), 1);
    store_sync(r.w.store);
    struct store_op row;
    assert_int_equal(store_op_get(r.w.store, r.cmd.op.id, &row), 0);
    assert_int_equal(row.op.state, OP_DONE);
    assert_string_equal(row.host, r.id);
    snprintf(r.id, sizeof r.id, "host-none");
    assert_int_equal(command(&r, (struct host_command){.kind = CMD_INTENT, .desired = POWER_ON}),
                     ERR_NOT_FOUND);
    unmake(&r);
}

static void a_patch_is_durable_and_fenced(void **s) {
    struct rig r;
    make(&r, true);
    plug_in(&r, NULL);
    assert_true(world_until(&r.w, is_up, &r, SOON));
    struct directory_entry e;
    assert_int_equal(
        patch(&r, PATCH_NAME | PATCH_SERIAL, (struct host_new){.name = "renamed", .serial = "S1"}, 1), 0);
    assert_int_equal(host(&r)->h.version, 2);
    assert_string_equal(host(&r)->h.name, "renamed");
    assert_int_equal(directory_by_name(r.w.app->directory, "default", "renamed", &e), 0);
    assert_int_equal(directory_by_name(r.w.app->directory, "default", "n1", &e), ERR_NOT_FOUND);
    assert_int_equal(patch(&r, PATCH_NAME, (struct host_new){.name = "late"}, 1), ERR_STATE);
    assert_true(is_up(&r));
    char other[HOST_ID_CAP];
    world_host(&r.w, "n2", other);
    assert_int_equal(patch(&r, PATCH_NAME, (struct host_new){.name = "n2"}, 0), ERR_EXISTS);
    assert_string_equal(r.patch.call.error.field, "name");
    assert_string_equal(host(&r)->h.name, "renamed");
    /* behind a journal that is being written */
    r.done = 0;
    r.cmd = (struct fleet_command){.call = {.from = r.w.app->shards[0]},
                                   .cmd = {.kind = CMD_POLICY, .policy = RECOVERY_RESPECT_LOCAL},
                                   .done = command_done,
                                   .ctx = &r};
    memcpy(r.cmd.call.host, r.id, HOST_ID_CAP);
    fleet_command(&r.cmd);
    patch_begin(&r, PATCH_SERIAL, (struct host_new){.serial = "S2"}, 0);
    for (int i = 0; i < 50 && r.done < 2; i++) {
        store_sync(r.w.store);
        world_run(&r.w, 5);
    }
    assert_int_equal(r.done, 2);
    assert_int_equal(r.cmd.call.err + r.patch.call.err, 0);
    world_restart(&r.w);
    assert_string_equal(host(&r)->h.name, "renamed");
    assert_string_equal(host(&r)->h.serial, "S2");
    assert_int_equal(host(&r)->h.version, 3);
    assert_int_equal(host(&r)->h.intent.policy, RECOVERY_RESPECT_LOCAL);
    unmake(&r);
}

static void a_new_cira_password_ends_the_tunnel(void **s) {
    struct rig r;
    make(&r, true);
    plug_in(&r, NULL);
    assert_true(world_until(&r.w, is_up, &r, SOON));
    assert_int_equal(patch(&r, PATCH_CIRA_SECRET, (struct host_new){.cira_password = "another"}, 0), 0);
    assert_true(is_down(&r));
    assert_int_equal(host(&r)->h.link.why, LINK_WHY_SECRET);
    world_run(&r.w, 5000); /* the machine tries with the old one */
    assert_true(is_down(&r));
    assert_true(quarantine_count(r.w.app->quarantine) > 0);
    assert_int_equal(patch(&r, PATCH_CIRA_SECRET, (struct host_new){.cira_password = "p-n1"}, 0), 0);
    assert_true(world_until(&r.w, is_up, &r, SOON));
    unmake(&r);
}

static void a_new_amt_password_is_used_at_once(void **s) {
    struct rig r;
    make(&r, true);
    plug_in(&r, NULL);
    assert_true(world_until(&r.w, is_read, &r, SOON));
    assert_int_equal(patch(&r, PATCH_AMT_SECRET, (struct host_new){.amt_password = "wrong"}, 0), 0);
    /* the firmware knows the old nonce's answers by the old password only; the new one is asked for */
    assert_true(world_until(&r.w, read_failed, &r, 60000));
    assert_true(is_up(&r));
    assert_int_equal(patch(&r, PATCH_AMT_SECRET, (struct host_new){.amt_password = "P@ssw0rd"}, 0), 0);
    assert_true(world_until(&r.w, is_read, &r, 60000));
    unmake(&r);
}

static int count_row(void *ctx, const struct store_host *row) {
    (void)row;
    ++*(int *)ctx;
    return 0;
}

static void a_deleted_host_is_gone(void **s) {
    struct rig r;
    make(&r, true);
    plug_in(&r, NULL);
    assert_true(world_until(&r.w, is_up, &r, SOON));
    assert_int_equal(delete (&r), 0);
    assert_null(host(&r));
    assert_int_equal(directory_count(r.w.app->directory), 0);
    assert_int_equal(world_metric(&r.w, METRIC_TUNNELS_UP), 0);
    int rows = 0;
    store_sync(r.w.store);
    assert_int_equal(store_each_host(r.w.store, count_row, &rows), 0);
    assert_int_equal(rows, 0);
    assert_int_equal(delete (&r), ERR_NOT_FOUND);
    assert_int_equal(command(&r, (struct host_command){.kind = CMD_POLICY}), ERR_NOT_FOUND);
    world_run(&r.w, 5000);
    assert_int_equal(quarantine_count(r.w.app->quarantine), 1); /* its machine is a stranger now */
    /* the name is free again */
    world_host(&r.w, "n1", r.id);
    assert_true(world_until(&r.w, is_up, &r, 10000));
    unmake(&r);
}

static void a_crash_is_told_as_such(void **s) {
    struct rig r;
    make(&r, true);
    plug_in(&r, NULL);
    assert_true(world_until(&r.w, is_read, &r, SOON));
    world_run(&r.w, 10);
    world_restart(&r.w);
    const struct fleet_host *fh = host(&r);
    assert_int_equal(fh->h.link.state, LINK_DOWN);
    assert_int_equal(fh->h.link.why, LINK_WHY_SERVER_CRASH);
    assert_int_equal(fh->h.power.state, POWER_ON); /* the last known one */
    assert_int_equal(host_power_now(&fh->h, &r.w.app->policy, loop_now(r.w.loops[0])), POWER_UNKNOWN);
    world_listen(&r.w, NULL);
    assert_true(world_until(&r.w, is_read, &r, 10000));
    assert_int_equal(host(&r)->h.link.generation, 2);
    unmake(&r);
}

static struct tls_ctx *device_tls(void) {
    struct buf key = {0}, cert = {0};
    struct errinfo ei = {0};
    assert_int_equal(pki_make_key(PKI_P256, &key, &ei), 0);
    assert_int_equal(
        pki_make_root(buf_slice(&key), "device", (struct wall){1600000000000000}, 3650, &cert, &ei), 0);
    struct tls_ctx *c = tls_server_ctx(buf_slice(&cert), buf_slice(&key), TLS_MODERN, &ei);
    assert_non_null(c);
    buf_free(&key);
    buf_free(&cert);
    return c;
}

static void offer_tls(struct world *w) {
    struct errinfo ei = {0};
    for (unsigned i = 0; i < w->nshards; i++)
        w->app->shards[i]->amt_tls = tls_client_ctx(SLICE_EMPTY, false, TLS_MODERN, &ei);
}

static void the_first_certificate_is_pinned(void **s) {
    struct rig r;
    struct tls_ctx *first = device_tls(), *second = device_tls();
    make(&r, true);
    offer_tls(&r.w);
    plug_in(&r, first);
    assert_true(world_until(&r.w, is_read, &r, SOON));
    assert_true(host(&r)->has_pin);
    unplug(&r);
    world_restart(&r.w);
    world_listen(&r.w, NULL);
    offer_tls(&r.w);
    assert_true(host(&r)->has_pin);
    plug_in(&r, second);
    assert_true(world_until(&r.w, read_failed, &r, 60000));
    assert_true(is_up(&r));
    assert_non_null(strstr(host(&r)->h.read_error, "certificate of the device is not the one seen first"));
    assert_int_equal(host_power_now(&host(&r)->h, &r.w.app->policy, loop_now(r.w.loops[0])), POWER_UNKNOWN);
    unplug(&r);
    world_run(&r.w, 100);
    plug_in(&r, first);
    assert_true(world_until(&r.w, is_read, &r, 60000));
    unmake(&r);
    tls_ctx_unref(&first);
    tls_ctx_unref(&second);
}

/* A client that was idle is freed with its password, and made anew when it is needed. */
static void an_idle_client_is_freed(void **s) {
    struct rig r;
    make(&r, false);
    r.w.app->tunnel_limits.wsman_idle_ms = 2000;
    plug_in(&r, NULL);
    assert_true(world_until(&r.w, is_read, &r, SOON));
    int64_t before = world_metric(&r.w, METRIC_WSMAN_JOBS);
    world_run(&r.w, 120000);
    assert_true(is_read(&r));
    assert_true(world_metric(&r.w, METRIC_WSMAN_JOBS) >= before + 4);
    assert_int_equal(world_metric(&r.w, METRIC_WSMAN_FAILED), 0);
    unmake(&r);
}

static void visit(struct shard *s, struct fleet_scan *scan, unsigned part) {
    assert_int_equal(part, s->index);
    *(size_t *)scan->ctx += s->hosts.count;
}
static void scanned(struct fleet_scan *scan) {
    *(size_t *)scan->ctx += 1000;
}

static void a_scan_sees_every_host(void **s) {
    struct rig r;
    make(&r, false);
    char id[HOST_ID_CAP], name[16];
    for (int i = 2; i <= 20; i++) {
        snprintf(name, sizeof name, "n%d", i);
        world_host(&r.w, name, id);
    }
    size_t n = 0;
    struct fleet_scan scan = {.from = r.w.app->shards[1], .visit = visit, .done = scanned, .ctx = &n};
    assert_int_equal(fleet_scan(&scan), 0);
    world_run(&r.w, 10);
    assert_int_equal(n, 1020);
    unmake(&r);
}

UNIT_MAIN(T(the_json_is_as_written_down), T(creating_is_all_or_nothing), T(power_commands_reach_the_machine),
          T(a_patch_is_durable_and_fenced), T(a_new_cira_password_ends_the_tunnel),
          T(a_new_amt_password_is_used_at_once), T(a_deleted_host_is_gone), T(a_crash_is_told_as_such),
          T(the_first_certificate_is_pinned), T(an_idle_client_is_freed), T(a_scan_sees_every_host))
