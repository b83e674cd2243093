/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that become one, and one that becomes two: rows, directory, store, tunnels. */
#include "server/directory.h"
#include "server/fleet_merge.h"
#include "store/seal.h"
#include "unit.h"
#include "world.h"

#include <unistd.h>

enum { SOON = 3000 };

struct rig {
    struct world w;
    char a[HOST_ID_CAP], b[HOST_ID_CAP];
    struct device dev;
    struct fleet_merge merge;
    struct fleet_split split;
    bool done;
};

static void make(struct rig *r) {
    *r = (struct rig){0};
    world_make(&r->w, 2, true);
    world_listen(&r->w, NULL);
    world_host(&r->w, "n1", r->a);
    world_host(&r->w, "n2", r->b);
}
static bool is_done(void *ctx) {
    return ((struct rig *)ctx)->done;
}
static void merged(struct fleet_merge *m) {
    ((struct rig *)m->ctx)->done = true;
}
static int merge(struct rig *r, const char *host, const char *with) {
    r->merge = (struct fleet_merge){
        .call.from = r->w.app->shards[0], .project = "default", .actor = "ann", .done = merged, .ctx = r};
    snprintf(r->merge.call.host, HOST_ID_CAP, "%s", host);
    snprintf(r->merge.with, HOST_ID_CAP, "%s", with);
    r->done = false;
    fleet_merge(&r->merge);
    assert_true(world_until(&r->w, is_done, r, SOON));
    return r->merge.call.err;
}
static void was_split(struct fleet_split *c) {
    ((struct rig *)c->ctx)->done = true;
}
static int split(struct rig *r, const char *host, unsigned aliases, const char *name) {
    r->split = (struct fleet_split){.call.from = r->w.app->shards[1],
                                    .project = "default",
                                    .actor = "ann",
                                    .aliases = aliases,
                                    .done = was_split,
                                    .ctx = r};
    snprintf(r->split.call.host, HOST_ID_CAP, "%s", host);
    snprintf(r->split.name, HOST_NAME_CAP, "%s", name);
    r->done = false;
    fleet_split(&r->split);
    assert_true(world_until(&r->w, is_done, r, SOON));
    return r->split.call.err;
}
static bool up(struct rig *r, const char *id) {
    const struct fleet_host *fh = world_find(&r->w, id);
    return fh && fh->h.link.state == LINK_UP;
}
static bool dial(struct rig *r, const char *user, const char *password, const char *id) {
    device_open(&r->dev, &r->w, "10.0.7.1:50000", user, password);
    world_run(&r->w, SOON);
    return up(r, id);
}

/* The MEBx passwords of a host: the stored one, and one that its firmware may have. */
static void give_mebx(struct rig *r, const char *id) {
    char context[HOST_ID_CAP + 8];
    struct fleet_host *fh = world_find(&r->w, id);
    snprintf(context, sizeof context, "%s/mebx", id);
    assert_int_equal(seal_put(r->w.app->seal, context, SLICE_LIT("present"), &fh->mebx_secret), 0);
    assert_int_equal(seal_put(r->w.app->seal, context, SLICE_LIT("next"), &fh->mebx_next), 0);
}
static void assert_mebx(struct rig *r, const char *id) {
    char context[HOST_ID_CAP + 8], secret[SEALED_MAX];
    const struct fleet_host *fh = world_find(&r->w, id);
    snprintf(context, sizeof context, "%s/mebx", id);
    assert_int_equal(seal_open(r->w.app->seal, context, &fh->mebx_secret, secret, sizeof secret), 0);
    assert_string_equal(secret, "present");
    assert_int_equal(seal_open(r->w.app->seal, context, &fh->mebx_next, secret, sizeof secret), 0);
    assert_string_equal(secret, "next");
}

static void the_firmware_of_the_live_tunnel_stays(void **s) {
    struct rig r;
    make(&r);
    give_mebx(&r, r.b);
    assert_true(dial(&r, "u-n2", "p-n2", r.b));
    struct uuid board = {{1, 2, 3}};
    world_find(&r.w, r.a)->h.smbios_uuid = board;
    assert_int_equal(merge(&r, r.a, r.b), 0);
    assert_string_equal(r.merge.id, r.a);
    assert_string_equal(r.merge.gone, r.b);
    assert_null(world_find(&r.w, r.b));
    const struct host *h = &world_find(&r.w, r.a)->h;
    assert_string_equal(h->name, "n1");
    assert_string_equal(h->cira_user, "u-n2");
    assert_true(uuid_eq(h->smbios_uuid, board));
    assert_int_equal(h->version, 2);
    assert_mebx(&r, r.a);
    world_run(&r.w, 100);
    assert_true(r.dev.ended); /* its tunnel was the other host's … */
    struct directory_entry e;
    assert_int_equal(directory_by_user(r.w.app->directory, SLICE_LIT("u-n2"), &e), 0);
    assert_string_equal(e.id, r.a);
    assert_int_equal(directory_by_user(r.w.app->directory, SLICE_LIT("u-n1"), &e), ERR_NOT_FOUND);
    assert_int_equal(directory_by_name(r.w.app->directory, "default", "n2", &e), ERR_NOT_FOUND);
    device_close(&r.dev);
    assert_true(dial(&r, "u-n2", "p-n2", r.a)); /* … and comes again as this one's: the secret went along */
    device_close(&r.dev);
    /* and after a restart */
    world_restart(&r.w);
    assert_int_equal(directory_count(r.w.app->directory), 1);
    assert_mebx(&r, r.a);
    world_listen(&r.w, NULL);
    assert_true(dial(&r, "u-n2", "p-n2", r.a));
    device_close(&r.dev);
    world_unmake(&r.w);
}

static void the_one_with_the_agent_keeps_its_id(void **s) {
    struct rig r;
    make(&r);
    world_find(&r.w, r.b)->h.agent = calloc(1, sizeof(struct host_agent));
    assert_int_equal(merge(&r, r.a, r.b), 0);
    assert_string_equal(r.merge.id, r.b);
    assert_string_equal(r.merge.gone, r.a);
    const struct host *h = &world_find(&r.w, r.b)->h;
    assert_string_equal(h->name, "n1"); /* but is called as the one that was named */
    assert_string_equal(h->cira_user, "u-n2");
    world_unmake(&r.w);
}

static void two_machines_are_refused(void **s) {
    struct rig r;
    make(&r);
    assert_int_equal(merge(&r, r.a, r.a), ERR_INVALID);
    assert_string_equal(r.merge.call.error.field, "with");
    assert_int_equal(merge(&r, r.a, "host-none"), ERR_NOT_FOUND);
    assert_int_equal(merge(&r, "host-none", r.a), ERR_NOT_FOUND);

    assert_true(dial(&r, "u-n1", "p-n1", r.a));
    struct device second;
    device_open(&second, &r.w, "10.0.7.2:50000", "u-n2", "p-n2");
    world_run(&r.w, SOON);
    assert_true(up(&r, r.b));
    assert_int_equal(merge(&r, r.a, r.b), ERR_STATE);
    assert_non_null(strstr(r.merge.call.error.text, "u-n2"));
    assert_true(up(&r, r.a) && up(&r, r.b));
    device_close(&second);
    device_close(&r.dev);
    world_run(&r.w, 100);

    world_find(&r.w, r.a)->h.agent = calloc(1, sizeof(struct host_agent));
    world_find(&r.w, r.b)->h.agent = calloc(1, sizeof(struct host_agent));
    assert_int_equal(merge(&r, r.a, r.b), ERR_STATE);
    assert_non_null(strstr(r.merge.call.error.text, "agent"));
    assert_int_equal(directory_count(r.w.app->directory), 2);
    world_unmake(&r.w);
}

static void work_under_way_is_waited_for(void **s) {
    struct rig r;
    make(&r);
    world_find(&r.w, r.b)->amt_next.n = 3;
    assert_int_equal(merge(&r, r.a, r.b), ERR_STATE);
    assert_non_null(strstr(r.merge.call.error.text, "secrets of n2 is under way"));
    assert_int_equal(split(&r, r.b, SPLIT_CIRA_USER, "n3"), ERR_STATE);
    assert_non_null(world_find(&r.w, r.b));
    world_unmake(&r.w);
}

static void a_full_disk_changes_nothing(void **s) {
    struct rig r;
    make(&r);
    store_pretend_full(r.w.store, true);
    assert_int_equal(merge(&r, r.a, r.b), ERR_STORE_FULL);
    assert_int_equal(split(&r, r.a, SPLIT_CIRA_USER, "n3"), ERR_STORE_FULL);
    store_pretend_full(r.w.store, false);
    struct directory_entry e;
    assert_int_equal(directory_by_user(r.w.app->directory, SLICE_LIT("u-n1"), &e), 0);
    assert_string_equal(e.id, r.a);
    assert_int_equal(directory_count(r.w.app->directory), 2);
    assert_true(dial(&r, "u-n2", "p-n2", r.b));
    device_close(&r.dev);
    for (int i = 0; i < 400 && !store_healthy(r.w.store); i++)
        usleep(10000);
    assert_int_equal(merge(&r, r.a, r.b), 0);
    world_unmake(&r.w);
}

static void a_split_takes_the_firmware_along(void **s) {
    struct rig r;
    make(&r);
    assert_true(dial(&r, "u-n1", "p-n1", r.a));
    snprintf(world_find(&r.w, r.a)->h.serial, HOST_SERIAL_CAP, "S1");
    assert_int_equal(split(&r, r.a, SPLIT_CIRA_USER | SPLIT_SERIAL, "n3"), 0);
    const struct host *old = &world_find(&r.w, r.a)->h, *fresh = &world_find(&r.w, r.split.id)->h;
    assert_string_equal(old->cira_user, "");
    assert_string_equal(old->serial, "");
    assert_string_equal(fresh->cira_user, "u-n1");
    assert_string_equal(fresh->serial, "S1");
    assert_string_equal(fresh->name, "n3");
    world_run(&r.w, 100);
    assert_true(r.dev.ended);
    device_close(&r.dev);
    assert_true(dial(&r, "u-n1", "p-n1", r.split.id));
    device_close(&r.dev);
    char fresh_id[HOST_ID_CAP];
    memcpy(fresh_id, r.split.id, sizeof fresh_id);
    world_restart(&r.w);
    assert_int_equal(directory_count(r.w.app->directory), 3);
    assert_string_equal(world_find(&r.w, fresh_id)->h.cira_user, "u-n1");
    /* and back */
    assert_int_equal(merge(&r, r.a, fresh_id), 0);
    assert_string_equal(world_find(&r.w, r.a)->h.cira_user, "u-n1");
    world_unmake(&r.w);
}

static void bad_splits_change_nothing(void **s) {
    struct rig r;
    make(&r);
    assert_int_equal(split(&r, r.a, 0, "n3"), ERR_INVALID);
    assert_string_equal(r.split.call.error.field, "aliases");
    assert_int_equal(split(&r, r.a, SPLIT_SERIAL, "n3"), ERR_INVALID);
    assert_non_null(strstr(r.split.call.error.text, "n1 has no serial"));
    assert_int_equal(split(&r, r.a, SPLIT_CIRA_USER, "n2"), ERR_EXISTS);
    assert_string_equal(r.split.call.error.field, "name");
    assert_int_equal(split(&r, "host-none", SPLIT_CIRA_USER, "n3"), ERR_NOT_FOUND);
    assert_string_equal(world_find(&r.w, r.a)->h.cira_user, "u-n1");
    assert_int_equal(directory_count(r.w.app->directory), 2);
    assert_true(dial(&r, "u-n1", "p-n1", r.a));
    device_close(&r.dev);
    world_unmake(&r.w);
}

static void rows_say_who_was_seen_last(void **s) {
    struct store_host a = {.cira_user = "a", .link_generation = 2, .link_since = {5}},
                      b = {.cira_user = "b", .link_generation = 1, .link_since = {9}}, out;
    struct merge_side x = {.row = &a}, y = {.row = &b};
    assert_true(merge_takes_firmware(&x, &y));
    b.link_generation = 0; /* never came */
    assert_false(merge_takes_firmware(&x, &y));
    x.live = true;
    b.link_generation = 7;
    assert_false(merge_takes_firmware(&x, &y));
    x.live = false;
    a.cira_user[0] = 0;
    assert_true(merge_takes_firmware(&x, &y));
    snprintf(b.serial, sizeof b.serial, "S");
    b.amt_uuid = (struct uuid){{4}};
    b.version = 9;
    merge_rows(&a, &b, &a, false, &out);
    assert_string_equal(out.serial, "S");
    assert_true(uuid_eq(out.amt_uuid, b.amt_uuid));
    assert_int_equal(out.version, 10);
}

UNIT_MAIN(T(the_firmware_of_the_live_tunnel_stays), T(the_one_with_the_agent_keeps_its_id),
          T(two_machines_are_refused), T(work_under_way_is_waited_for), T(a_full_disk_changes_nothing),
          T(a_split_takes_the_firmware_along), T(bad_splits_change_nothing), T(rows_say_who_was_seen_last))
