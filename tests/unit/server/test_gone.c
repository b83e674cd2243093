/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that were given up and whose firmware still dials. */
#include "core/diagnose.h"
#include "server/gone.h"
#include "server/quarantine.h"
#include "unit.h"
#include "world.h"

enum { SOON = 3000 };

static bool flag_is_set(void *ctx) {
    return *(bool *)ctx;
}
static void was_deleted(struct fleet_delete *d) {
    *(bool *)d->ctx = true;
}
static void delete_host(struct world *w, const char *id) {
    bool done = false;
    struct fleet_delete d = {
        .call.from = w->app->shards[0], .actor = "ann", .done = was_deleted, .ctx = &done};
    snprintf(d.call.host, sizeof d.call.host, "%s", id);
    fleet_delete(&d);
    assert_true(world_until(w, flag_is_set, &done, SOON));
    assert_int_equal(d.call.err, 0);
}
static void reason(struct world *w, char out[STORE_TEXT_CAP]) {
    size_t n;
    struct store_quarantine *v = quarantine_list(w->app->quarantine, loop_wall(w->loops[0]), &n);
    assert_true(n > 0);
    snprintf(out, STORE_TEXT_CAP, "%s", v[0].reason);
    free(v);
}
static void dial(struct world *w, struct device *d, const char *password) {
    device_open(d, w, "10.0.7.1:50000", "u-n1", password);
    world_run(w, SOON);
}

static void a_deleted_host_that_dials_is_told(void **s) {
    struct world w;
    struct device d;
    char id[HOST_ID_CAP], why[STORE_TEXT_CAP];
    world_make(&w, 2, true);
    world_listen(&w, NULL);
    world_host(&w, "n1", id);
    dial(&w, &d, "p-n1");
    assert_int_equal(world_find(&w, id)->h.link.state, LINK_UP);
    delete_host(&w, id);
    world_run(&w, 100);
    device_close(&d);
    assert_int_equal(gone_count(w.app->gone), 1);
    dial(&w, &d, "p-n1");
    assert_true(d.denied);
    reason(&w, why);
    assert_non_null(strstr(why, "orphan: this was n1"));
    assert_non_null(strstr(why, "ann"));
    device_close(&d);
    /* also after a restart */
    world_restart(&w);
    assert_int_equal(gone_count(w.app->gone), 1);
    struct gone_host h;
    assert_true(gone_find(w.app->gone, SLICE_LIT("u-n1"), (struct uuid){{0}}, &h));
    assert_string_equal(h.id, id);
    assert_false(gone_find(w.app->gone, SLICE_LIT("u-n2"), (struct uuid){{0}}, &h));
    world_unmake(&w);
}

static void one_that_was_taken_down_is_forgotten(void **s) {
    struct store_host row = {.cira_user = "u", .link_generation = 3};
    struct gone_host h;
    assert_true(gone_of_row(&row, "ann", (struct wall){5}, &h));
    row.amt_state = AMT_STATE_UNPROVISIONED;
    assert_false(gone_of_row(&row, "ann", (struct wall){5}, &h));
    row.amt_state = AMT_STATE_PROVISIONED;
    row.link_generation = 0; /* it never came */
    assert_false(gone_of_row(&row, "ann", (struct wall){5}, &h));
}

static void the_table_is_bounded(void **s) {
    struct gone *g = gone_new(NULL);
    struct gone_host h = {.at = {1}}, got;
    for (unsigned i = 0; i <= GONE_MAX; i++) {
        snprintf(h.cira_user, sizeof h.cira_user, "u%u", i);
        h.at.us = i + 1;
        h.amt = (struct uuid){{0xaa, (uint8_t)(i >> 8), (uint8_t)i}};
        gone_enter(g, &h);
    }
    assert_int_equal(gone_count(g), GONE_MAX);
    assert_false(gone_find(g, SLICE_LIT("u0"), (struct uuid){{0}}, &got)); /* the oldest went */
    assert_true(gone_find(g, SLICE_LIT("u1"), (struct uuid){{0}}, &got));
    assert_true(gone_find(g, SLICE_LIT("other"), uuid_swap(h.amt), &got)); /* by its UUID in either order */
    assert_string_equal(got.cira_user, h.cira_user);
    /* a user that others share says nothing by itself */
    snprintf(h.cira_user, sizeof h.cira_user, "admin");
    h.cira_shared = true;
    h.at.us++;
    gone_enter(g, &h);
    assert_false(gone_find(g, SLICE_LIT("admin"), (struct uuid){{7, 7, 7}}, &got));
    gone_free(&g);
}

static void a_deauthorized_host_that_dials_is_a_finding(void **s) {
    struct world w;
    struct device d;
    char id[HOST_ID_CAP], why[STORE_TEXT_CAP];
    world_make(&w, 2, true);
    world_listen(&w, NULL);
    world_host(&w, "n1", id);
    dial(&w, &d, "p-n1");
    device_close(&d);
    world_run(&w, 100);
    struct fleet_host *fh = world_find(&w, id);
    fh->cira_secret = (struct sealed){0};
    assert_false(diagnose_bits(&fh->h, &w.app->policy, shard_now(fh->shard)) & 1u << FINDING_ORPHAN);
    dial(&w, &d, "p-n1");
    assert_true(d.denied);
    reason(&w, why);
    assert_non_null(strstr(why, "deauthorized"));
    assert_true(diagnose_bits(&fh->h, &w.app->policy, shard_now(fh->shard)) & 1u << FINDING_ORPHAN);
    assert_string_equal(fh->h.orphan_peer, "10.0.7.1:50000");
    device_close(&d);
    world_unmake(&w);
}

UNIT_MAIN(T(a_deleted_host_that_dials_is_told), T(one_that_was_taken_down_is_forgotten),
          T(the_table_is_bounded), T(a_deauthorized_host_that_dials_is_a_finding))
