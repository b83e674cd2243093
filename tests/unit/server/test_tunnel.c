/* SPDX-License-Identifier: Apache-2.0 */
/* The CIRA port against scripted devices, with two shards, so that logins also move. */
#include "base/rd.h"
#include "server/peers.h"
#include "server/quarantine.h"
#include "server/tunnel_impl.h"
#include "unit.h"
#include "world.h"

enum { SOON = 100 };

static bool link_is(struct world *w, const char *id, enum link_state s) {
    return world_find(w, id)->h.link.state == s;
}

static void assert_clean(struct world *w) {
    assert_int_equal(world_metric(w, METRIC_TUNNELS_PENDING), 0);
    for (unsigned i = 0; i < w->nshards; i++)
        assert_int_equal(tunnels_held(w->app->shards[i]->tunnels), 0);
}

static void a_login_becomes_the_link(void **s) {
    struct world w;
    world_make(&w, 2, false);
    world_listen(&w, NULL);
    /* enough hosts that both shards have some, and some logins move */
    struct device d[8] = {0};
    char id[8][HOST_ID_CAP], name[16], user[32], pass[32], source[64];
    unsigned on_shard[2] = {0};
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "n%d", i);
        world_host(&w, name, id[i]);
        on_shard[app_shard_of(w.app, id[i])->index]++;
        snprintf(user, sizeof user, "u-%s", name);
        snprintf(pass, sizeof pass, "p-%s", name);
        snprintf(source, sizeof source, "10.0.1.%d:5000", i + 1);
        device_open(&d[i], &w, source, user, pass);
        world_run(&w, SOON);
        assert_true(d[i].ready);
        assert_true(link_is(&w, id[i], LINK_UP));
        const struct fleet_host *fh = world_find(&w, id[i]);
        assert_string_equal(fh->h.link.peer, source);
        assert_int_equal(fh->h.link.generation, 1);
        assert_true(uuid_eq(fh->h.seen_uuid, d[i].login.uuid));
        assert_int_equal(fh->h.duplicate_uuid, i > 0); /* all claim the same one */
    }
    assert_true(on_shard[0] > 0 && on_shard[1] > 0);
    assert_true(world_find(&w, id[0])->h.duplicate_uuid);
    assert_int_equal(world_metric(&w, METRIC_TUNNELS_UP), 8);
    assert_int_equal(world_metric(&w, METRIC_LOGINS), 8);
    world_run(&w, 500);
    assert_int_equal(d[0].keepalive_interval, 15); /* message 210, after the forwards were quiet */
    assert_true(d[0].opens > 0);                   /* the power state is read at once */
    /* an end is noticed at once, with its reason */
    stream_close(d[0].s);
    stream_abort(d[1].s);
    world_run(&w, SOON);
    assert_int_equal(world_find(&w, id[0])->h.link.why, LINK_WHY_EOF);
    assert_int_equal(world_find(&w, id[1])->h.link.why, LINK_WHY_RESET);
    assert_int_equal(world_metric(&w, METRIC_TUNNELS_UP), 6);
    for (int i = 0; i < 8; i++)
        device_close(&d[i]);
    world_run(&w, SOON);
    assert_clean(&w);
    world_unmake(&w);
}

static void a_shared_placeholder_is_no_twin(void **s) {
    struct world w;
    char id[2][HOST_ID_CAP];
    world_make(&w, 2, false);
    world_listen(&w, NULL);
    world_host(&w, "n1", id[0]);
    world_host(&w, "n2", id[1]);
    struct device d[2] = {0};
    device_open(&d[0], &w, "10.0.1.1:5000", "u-n1", "p-n1");
    device_open(&d[1], &w, "10.0.1.2:5000", "u-n2", "p-n2");
    for (int i = 0; i < 2; i++)
        assert_true(uuid_parse(SLICE_LIT("03000200-0400-0500-0006-000700080009"), &d[i].login.uuid));
    world_run(&w, SOON);
    for (int i = 0; i < 2; i++) {
        assert_true(link_is(&w, id[i], LINK_UP));
        assert_false(world_find(&w, id[i])->h.duplicate_uuid);
        device_close(&d[i]);
    }
    world_run(&w, SOON);
    world_unmake(&w);
}

static void only_the_needed_port_counts(void **s) {
    struct world w;
    char id[HOST_ID_CAP];
    world_make(&w, 1, false);
    world_listen(&w, NULL);
    world_host(&w, "n1", id);
    struct device d = {0};
    device_open(&d, &w, "10.0.1.1:5000", "u-n1", "p-n1");
    d.ports[0] = 16993; /* the only one it will forward */
    d.login.nports = 1;
    world_run(&w, SOON);
    assert_true(d.ready);
    assert_true(link_is(&w, id, LINK_NEVER)); /* 16992 may still come */
    world_run(&w, 300);
    assert_true(link_is(&w, id, LINK_UP));
    device_close(&d);
    world_run(&w, SOON);
    assert_clean(&w);
    world_unmake(&w);
}

/* Its forwards come slower than the quiet time, one after the answer to the other: the first one is not all.
 */
static void a_far_device_gets_time(void **s) {
    enum { ONE_WAY_MS = 200 };
    struct world w;
    char id[HOST_ID_CAP];
    world_make(&w, 1, false);
    world_listen(&w, NULL);
    world_host(&w, "n1", id);
    sim_weather_set(w.sim, &(struct sim_weather){.delay_min_ms = ONE_WAY_MS, .delay_max_ms = ONE_WAY_MS});
    struct device d = {0};
    device_open(&d, &w, "10.0.1.1:5000", "u-n1", "p-n1"); /* 16993 comes before 16992 */
    for (int ms = 0; ms < 10000 && !link_is(&w, id, LINK_UP); ms += 10)
        world_run(&w, 10);
    assert_true(link_is(&w, id, LINK_UP));
    assert_true(apf_forwards(world_find(&w, id)->tunnel->apf, 16992));
    world_run(&w, 5000);
    assert_int_equal(d.keepalive_interval, 15); /* and its forwards end, too */
    device_close(&d);
    world_run(&w, 1000);
    assert_clean(&w);
    world_unmake(&w);
}

/* Passwords are kept as strings: the right one with a NUL and more behind it is another one. */
static void a_password_with_a_nul_is_wrong(void **s) {
    struct world w;
    char id[HOST_ID_CAP];
    uint8_t mem[512];
    world_make(&w, 1, false);
    world_listen(&w, NULL);
    world_host(&w, "n1", id);
    struct device d = {0};
    device_open_mute(&d, &w, "10.0.1.1:5000");
    world_run(&w, SOON);
    struct wr m = wr_of(mem, sizeof mem);
    wr_u8(&m, 192);
    wr_be32(&m, 1);
    wr_zero(&m, 4 + 4 + 16 + 64);
    wr_u8(&m, 5);
    wr_str32(&m, SLICE_LIT("auth@amt.intel.com"));
    wr_u8(&m, 50);
    wr_str32(&m, SLICE_LIT("u-n1"));
    wr_str32(&m, SLICE_LIT("pfwd@amt.intel.com"));
    wr_str32(&m, SLICE_LIT("password"));
    wr_u8(&m, 0);
    wr_str32(&m, SLICE_LIT("p-n1\0x"));
    device_send(&d, wr_done(&m));
    world_run(&w, SOON);
    assert_int_equal(world_metric(&w, METRIC_LOGINS), 0);
    assert_int_equal(world_metric(&w, METRIC_LOGINS_REFUSED), 1);
    device_close(&d);
    world_run(&w, SOON);
    assert_clean(&w);
    world_unmake(&w);
}

static void wrong_logins_are_listed(void **s) {
    struct world w;
    char id[HOST_ID_CAP];
    world_make(&w, 2, false);
    world_listen(&w, NULL);
    world_host(&w, "n1", id);
    struct device wrong = {0}, unknown = {0}, empty = {0};
    device_open(&wrong, &w, "10.0.1.1:5000", "u-n1", "p-n2");
    device_open(&unknown, &w, "10.0.1.2:5000", "u-n9", "p-n1");
    device_open(&empty, &w, "10.0.1.3:5000", "u-n1", "");
    world_run(&w, SOON);
    assert_true(wrong.denied && unknown.denied && empty.denied);
    assert_true(link_is(&w, id, LINK_NEVER));
    assert_int_equal(world_metric(&w, METRIC_LOGINS_REFUSED), 3);
    size_t n;
    struct store_quarantine *v = quarantine_list(w.app->quarantine, loop_wall(w.out), &n);
    assert_int_equal(n, 2);
    bool seen = false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].user, "u-n9") == 0) {
            seen = true;
            assert_string_equal(v[i].peer, "10.0.1.2:5000");
            assert_string_equal(v[i].reason, "no host has this CIRA user");
            assert_int_equal(quarantine_deny(w.app->quarantine, v[i].id), 0);
        }
    assert_true(seen);
    free(v);
    device_close(&unknown);
    device_open(&unknown, &w, "10.0.1.2:5000", "u-n9", "p-n1");
    world_run(&w, SOON);
    assert_false(unknown.denied); /* a denied one is not even told */
    world_run(&w, 2000);
    assert_true(unknown.ended);
    device_close(&wrong);
    device_close(&unknown);
    device_close(&empty);
    world_run(&w, SOON);
    assert_clean(&w);
    world_unmake(&w);
}

static void a_silent_connection_ends(void **s) {
    struct world w;
    world_make(&w, 2, false);
    world_listen(&w, NULL);
    struct device d[2] = {0};
    device_open_mute(&d[0], &w, "10.0.1.1:5000");
    device_open_mute(&d[1], &w, "10.0.1.2:5000");
    world_run(&w, SOON);
    device_send(&d[1], SLICE_LIT("\xc0\0\0\0\1")); /* begins message 192 and stops */
    world_run(&w, 9500);
    assert_false(d[0].ended);
    world_run(&w, 2000);
    assert_true(d[0].ended && d[1].ended);
    assert_clean(&w);
    device_close(&d[0]);
    device_close(&d[1]);
    world_unmake(&w);
}

static void a_login_without_forwards_comes_up_or_ends(void **s) {
    struct world w;
    char id[HOST_ID_CAP];
    world_make(&w, 1, false);
    world_listen(&w, NULL);
    world_host(&w, "n1", id);
    struct device d = {0};
    device_open_mute(&d, &w, "10.0.1.1:5000");
    world_run(&w, SOON);
    /* 192, 5 auth, 50: logged in, but pfwd is never asked for */
    static const char version[93] = "\xc0\0\0\0\1\0\0\0\0\0\0\0\4";
    device_send(&d, slice_of(version, sizeof version));
    device_send(&d, SLICE_LIT("\x05\0\0\0\x12"
                              "auth@amt.intel.com"));
    device_send(&d,
                SLICE_LIT("\x32\0\0\0\4u-n1\0\0\0\x12pfwd@amt.intel.com\0\0\0\x08password\0\0\0\0\4p-n1"));
    world_run(&w, SOON);
    assert_int_equal(world_metric(&w, METRIC_LOGINS), 1);
    assert_int_equal(world_metric(&w, METRIC_TUNNELS_PENDING), 0);
    assert_non_null(world_find(&w, id)->joining);
    world_run(&w, 12000);
    assert_true(d.ended);
    assert_null(world_find(&w, id)->joining);
    assert_true(link_is(&w, id, LINK_NEVER));
    device_close(&d);
    assert_clean(&w);
    world_unmake(&w);
}

static void before_login_little_is_read(void **s) {
    struct world w;
    world_make(&w, 1, false);
    w.app->apf_limits.preauth_bytes = 1024;
    world_listen(&w, NULL);
    struct device d = {0};
    device_open_mute(&d, &w, "10.0.1.1:5000");
    world_run(&w, SOON);
    static const char version[93] = "\xc0\0\0\0\1\0\0\0\0\0\0\0\4";
    device_send(&d, slice_of(version, sizeof version));
    for (int i = 0; i < 50; i++) /* service requests for ever */
        device_send(&d, SLICE_LIT("\x05\0\0\0\x12"
                                  "auth@amt.intel.com"));
    world_run(&w, 2000);
    assert_true(d.ended);
    assert_int_equal(world_metric(&w, METRIC_APF_ERRORS), 1);
    device_close(&d);
    /* and what is no APF at all ends at once */
    device_open_mute(&d, &w, "10.0.1.1:5001");
    world_run(&w, SOON);
    device_send(&d, SLICE_LIT("\x16\x03\x01"));
    world_run(&w, 2000);
    assert_true(d.ended);
    device_close(&d);
    assert_clean(&w);
    world_unmake(&w);
}

static void a_browser_is_told_where_it_is(void **s) {
    struct world w;
    world_make(&w, 1, false);
    world_listen(&w, NULL);
    for (size_t split = 0; split <= 4; split++) {
        struct device d = {0};
        device_open_mute(&d, &w, "10.0.1.1:5000");
        world_run(&w, SOON);
        device_send(&d, slice_of("GET / HTTP/1.1\r\n\r\n", split));
        world_run(&w, 10);
        device_send(&d, slice_skip(SLICE_LIT("GET / HTTP/1.1\r\n\r\n"), split));
        world_run(&w, 2000);
        const char *text = buf_cstr(&d.got);
        assert_ptr_equal(strstr(text, "HTTP/1.1 200 OK"), text);
        assert_non_null(strstr(text, "CIRA port"));
        assert_true(d.ended);
        device_close(&d);
    }
    struct device d = {0};
    device_open_mute(&d, &w, "10.0.1.1:5000");
    world_run(&w, SOON);
    device_send(&d, SLICE_LIT("GEX"));
    world_run(&w, 2000);
    assert_true(d.ended);
    device_close(&d);
    assert_clean(&w);
    world_unmake(&w);
}

static void an_address_holds_so_many(void **s) {
    struct world w;
    world_make(&w, 2, false);
    w.app->tunnel_limits.per_peer_max = 3;
    world_listen(&w, NULL);
    struct device d[5] = {0};
    char source[32];
    for (int i = 0; i < 4; i++) {
        snprintf(source, sizeof source, "10.0.1.1:%d", 5000 + i);
        device_open_mute(&d[i], &w, source);
        world_run(&w, 10);
    }
    device_open_mute(&d[4], &w, "10.0.1.2:5000");
    world_run(&w, 10);
    assert_false(d[0].ended || d[1].ended || d[2].ended || d[4].ended);
    assert_true(d[3].ended);
    assert_int_equal(world_metric(&w, METRIC_TUNNELS_LIMITED), 1);
    device_close(&d[0]);
    world_run(&w, SOON);
    assert_int_equal(peers_count(w.app->peers, "10.0.1.1"), 2);
    device_close(&d[3]);
    device_open_mute(&d[3], &w, "10.0.1.1:6000");
    world_run(&w, 10);
    assert_false(d[3].ended);
    for (int i = 0; i < 5; i++)
        device_close(&d[i]);
    world_run(&w, SOON);
    assert_clean(&w);
    assert_int_equal(peers_count(w.app->peers, "10.0.1.1"), 0);
    world_unmake(&w);
}

static void pending_and_all_are_limited(void **s) {
    struct world w;
    world_make(&w, 1, false);
    w.app->tunnel_limits.pending_max = 2;
    world_listen(&w, NULL);
    struct device d[3] = {0};
    for (int i = 0; i < 3; i++)
        device_open_mute(&d[i], &w, "10.0.1.1:5000");
    world_run(&w, 10);
    assert_int_equal(d[0].ended + d[1].ended + d[2].ended, 1);
    for (int i = 0; i < 3; i++)
        device_close(&d[i]);
    world_run(&w, SOON);
    w.app->tunnel_limits.pending_max = 100;
    w.app->tunnel_limits.tunnels_max = 1;
    for (int i = 0; i < 3; i++)
        device_open_mute(&d[i], &w, "10.0.1.1:5000");
    world_run(&w, 10);
    assert_int_equal(d[0].ended + d[1].ended + d[2].ended, 2);
    for (int i = 0; i < 3; i++)
        device_close(&d[i]);
    world_run(&w, SOON);
    assert_clean(&w);
    world_unmake(&w);
}

static void the_newest_login_wins(void **s) {
    struct world w;
    char id[HOST_ID_CAP];
    world_make(&w, 2, false);
    world_listen(&w, NULL);
    world_host(&w, "n1", id);
    struct device a = {0}, b = {0};
    device_open(&a, &w, "10.0.1.1:5000", "u-n1", "p-n1");
    world_run(&w, 1000);
    /* the old tunnel does not know yet that it is dead */
    sim_blackhole(w.sim, "10.0.1.1:5000", true);
    device_open(&b, &w, "10.0.1.1:5001", "u-n1", "p-n1");
    world_run(&w, 1000);
    const struct fleet_host *fh = world_find(&w, id);
    assert_int_equal(fh->h.link.state, LINK_UP);
    assert_int_equal(fh->h.link.generation, 2);
    assert_string_equal(fh->h.link.peer, "10.0.1.1:5001");
    sim_blackhole(w.sim, "10.0.1.1:5000", false);
    world_run(&w, 100);
    assert_true(a.disconnected || a.ended);
    /* its late end changes nothing */
    device_close(&a);
    world_run(&w, 8000);
    assert_int_equal(fh->h.link.state, LINK_UP);
    assert_int_equal(fh->h.link.generation, 2);
    assert_int_equal(world_metric(&w, METRIC_TUNNELS_UP), 1);
    /* a wrong password does not push the right one out */
    device_open(&a, &w, "10.0.1.9:5000", "u-n1", "guess");
    world_run(&w, 500);
    assert_true(a.denied);
    assert_int_equal(fh->h.link.generation, 2);
    device_close(&a);
    device_close(&b);
    world_run(&w, SOON);
    assert_clean(&w);
    world_unmake(&w);
}

/* A device that is cut after any byte of its login leaves nothing behind, and the next login works. */
static void cut_anywhere(void **s) {
    struct world w;
    char id[HOST_ID_CAP];
    world_make(&w, 2, false);
    w.app->tunnel_limits.login_ms = 200;
    world_listen(&w, NULL);
    world_host(&w, "n1", id);
    for (size_t cut = 1; cut < 330; cut += cut < 93 ? 31 : 3) {
        struct device d = {.cut_after = cut};
        device_open(&d, &w, "10.0.1.1:5000", "u-n1", "p-n1");
        world_run(&w, 40);
        device_close(&d);
        world_run(&w, 40);
        assert_clean(&w);
        assert_int_equal(world_metric(&w, METRIC_TUNNELS_UP), 0);
        assert_null(world_find(&w, id)->tunnel);
        assert_null(world_find(&w, id)->joining);
    }
    struct device d = {0};
    device_open(&d, &w, "10.0.1.1:5000", "u-n1", "p-n1");
    world_run(&w, SOON);
    assert_true(link_is(&w, id, LINK_UP));
    device_close(&d);
    world_run(&w, SOON);
    world_unmake(&w);
}

/* All of a login in one write: what comes behind message 50 goes along to the other shard. */
static void one_record_login_moves_whole(void **s) {
    struct world w;
    world_make(&w, 2, false);
    world_listen(&w, NULL);
    for (int i = 0; i < 6; i++) {
        char id[HOST_ID_CAP], name[16];
        snprintf(name, sizeof name, "n%d", i);
        world_host(&w, name, id);
        struct device d = {0};
        struct buf all = {0};
        device_open_mute(&d, &w, "10.0.1.1:5000");
        world_run(&w, 10);
        static const char version[93] = "\xc0\0\0\0\1\0\0\0\0\0\0\0\4";
        buf_put(&all, slice_of(version, sizeof version));
        buf_put(&all, SLICE_LIT("\x05\0\0\0\x12"
                                "auth@amt.intel.com"));
        buf_put(&all, SLICE_LIT("\x32\0\0\0\4"));
        buf_putf(&all, "u-%s", name);
        buf_put(&all, SLICE_LIT("\0\0\0\x12pfwd@amt.intel.com\0\0\0\x08password\0\0\0\0\4"));
        buf_putf(&all, "p-%s", name);
        buf_put(&all, SLICE_LIT("\x05\0\0\0\x12pfwd@amt.intel.com"));
        buf_put(&all, SLICE_LIT("\x50\0\0\0\x0dtcpip-forward\1\0\0\0\0\0\0\x42\x60"));
        for (int k = 0; k < 60; k++) /* more than a turn's share */
            buf_put(&all, SLICE_LIT("\xd0\0\0\0\1"));
        device_send(&d, buf_slice(&all));
        world_run(&w, SOON);
        assert_true(link_is(&w, id, LINK_UP));
        /* 60 answers of 5 bytes among what came back */
        assert_true(d.got.len > 300);
        buf_free(&all);
        device_close(&d);
        world_run(&w, SOON);
    }
    assert_clean(&w);
    world_unmake(&w);
}

/* One device floods; another's login on the same shard does not wait for it. */
static void a_flood_waits_its_turn(void **s) {
    struct world w;
    char id[2][HOST_ID_CAP];
    world_make(&w, 1, false);
    w.app->apf_limits.output_bytes = 1 << 20;
    world_listen(&w, NULL);
    world_host(&w, "n1", id[0]);
    world_host(&w, "n2", id[1]);
    struct device loud = {0}, quiet = {0};
    device_open(&loud, &w, "10.0.1.1:5000", "u-n1", "p-n1");
    world_run(&w, 1000);
    struct buf flood = {0};
    for (int k = 0; k < 20000; k++)
        buf_put(&flood, SLICE_LIT("\xd0\0\0\0\1"));
    device_send(&loud, buf_slice(&flood));
    buf_free(&flood);
    device_open(&quiet, &w, "10.0.1.2:5000", "u-n2", "p-n2");
    world_run(&w, SOON);
    assert_true(link_is(&w, id[1], LINK_UP));
    device_close(&loud);
    device_close(&quiet);
    world_run(&w, SOON);
    assert_clean(&w);
    world_unmake(&w);
}

/* A peer that asks and never reads is closed by a limit, not by an empty memory. */
static void who_does_not_read_is_closed(void **s) {
    struct world w;
    char id[HOST_ID_CAP];
    world_make(&w, 1, false);
    w.app->apf_limits.output_bytes = 4096;
    w.app->tunnel_limits.backlog_bytes = 4096;
    world_listen(&w, NULL);
    world_host(&w, "n1", id);
    struct device d = {0};
    device_open(&d, &w, "10.0.1.1:5000", "u-n1", "p-n1");
    world_run(&w, 1000);
    stream_pause(d.s);
    for (int i = 0; i < 400 && link_is(&w, id, LINK_UP); i++) {
        struct buf flood = {0};
        for (int k = 0; k < 400; k++)
            buf_put(&flood, SLICE_LIT("\xd0\0\0\0\1"));
        device_send(&d, buf_slice(&flood));
        buf_free(&flood);
        world_run(&w, 5);
    }
    assert_true(link_is(&w, id, LINK_DOWN));
    assert_int_equal(world_find(&w, id)->h.link.why, LINK_WHY_PROTOCOL);
    device_close(&d);
    world_run(&w, 8000);
    assert_clean(&w);
    world_unmake(&w);
}

static void silence_is_noticed_and_ended(void **s) {
    struct world w;
    char id[HOST_ID_CAP];
    world_make(&w, 2, false);
    w.app->policy.poll_doubt_ms = 3600 * 1000; /* answers to reads are signs of life, too */
    world_listen(&w, NULL);
    world_host(&w, "n1", id);
    struct device d = {0};
    device_open(&d, &w, "10.0.1.1:5000", "u-n1", "p-n1");
    world_run(&w, 60000);
    assert_true(link_is(&w, id, LINK_UP)); /* it answers our probes */
    assert_true(d.keepalives > 0);
    sim_blackhole(w.sim, "10.0.1.1:5000", true);
    world_run(&w, 27000);
    assert_true(link_is(&w, id, LINK_SUSPECT));
    sim_blackhole(w.sim, "10.0.1.1:5000", false);
    world_run(&w, 1000);
    assert_true(link_is(&w, id, LINK_UP));
    sim_blackhole(w.sim, "10.0.1.1:5000", true);
    world_run(&w, 45000);
    assert_true(link_is(&w, id, LINK_DOWN));
    assert_int_equal(world_find(&w, id)->h.link.why, LINK_WHY_SILENT);
    assert_int_equal(world_metric(&w, METRIC_TUNNELS_SILENT), 1);
    assert_clean(&w);
    device_close(&d);
    world_unmake(&w);
}

static void a_drain_says_goodbye(void **s) {
    struct world w;
    char id[HOST_ID_CAP];
    world_make(&w, 2, false);
    world_listen(&w, NULL);
    world_host(&w, "n1", id);
    struct device d = {0}, late = {0};
    device_open(&d, &w, "10.0.1.1:5000", "u-n1", "p-n1");
    world_run(&w, 1000);
    w.app->draining = 1;
    for (unsigned i = 0; i < 2; i++)
        app_drain_shard(w.app->shards[i]);
    world_run(&w, 3000);
    assert_true(d.disconnected);
    assert_int_equal(d.disconnect_reason, APF_DISC_TEMPORARILY_UNAVAILABLE);
    assert_int_equal(world_find(&w, id)->h.link.why, LINK_WHY_SERVER_STOP);
    assert_false(app_shard_busy(w.app->shards[0]) || app_shard_busy(w.app->shards[1]));
    device_open(&late, &w, "10.0.1.1:5001", "u-n1", "p-n1");
    world_run(&w, 1000);
    assert_true(late.ended && !late.ready);
    device_close(&d);
    device_close(&late);
    world_unmake(&w);
}

UNIT_MAIN(T(a_login_becomes_the_link), T(a_shared_placeholder_is_no_twin), T(only_the_needed_port_counts),
          T(a_far_device_gets_time), T(wrong_logins_are_listed), T(a_password_with_a_nul_is_wrong),
          T(a_silent_connection_ends), T(a_login_without_forwards_comes_up_or_ends),
          T(before_login_little_is_read), T(a_browser_is_told_where_it_is), T(an_address_holds_so_many),
          T(pending_and_all_are_limited), T(the_newest_login_wins), T(cut_anywhere),
          T(one_record_login_moves_whole), T(a_flood_waits_its_turn), T(who_does_not_read_is_closed),
          T(silence_is_noticed_and_ended), T(a_drain_says_goodbye))
