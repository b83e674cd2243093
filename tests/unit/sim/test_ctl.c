/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket, with the nodes on two loops that run on two threads. */
#include "sim/ctl.h"
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { PARTS = 2, NODES = 3 };
struct bench {
    char dir[32], path[64], address[80];
    struct ctl_shard parts[PARTS];
    struct sim_fleet *fleets[PARTS];
    struct sim_node *nodes[PARTS][NODES];
    struct ctl *ctl;
    pthread_t thread;
    struct buf got;
    const char *send;
    unsigned finals, wanted; /* last lines of replies */
};

static void make(struct bench *b) {
    *b = (struct bench){.dir = "/tmp/sim-ctl-XXXXXX"};
    struct errinfo ei = {0};
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->path, sizeof b->path, "%s/s", b->dir);
    snprintf(b->address, sizeof b->address, "unix:%s", b->path);
    for (uint32_t p = 0; p < PARTS; p++) {
        b->parts[p] = (struct ctl_shard){
            .loop = loop_new(), .nodes = b->nodes[p], .n = NODES, .first = p + 1, .step = PARTS};
        struct sim_fleet_config f = {
            .loop = b->parts[p].loop, .server = "127.0.0.1:1", .times = SIM_TIMES_INSTANT, .seed = 1};
        b->fleets[p] = sim_fleet_new(&f);
        for (uint32_t i = 0; i < NODES; i++) {
            struct sim_node_config c = {.me_in_sleep = true};
            sim_identity_make(&c.id, 1, "node", 1 + p + i * PARTS);
            b->nodes[p][i] = sim_node_new(b->fleets[p], &c);
        }
    }
    b->ctl = ctl_open(b->parts[0].loop, b->path, b->parts, PARTS, &ei);
    assert_non_null(b->ctl);
}

static void unmake(struct bench *b) {
    ctl_close(&b->ctl);
    for (int p = 0; p < PARTS; p++) {
        for (int i = 0; i < NODES; i++)
            sim_node_free(&b->nodes[p][i]);
        sim_fleet_free(&b->fleets[p]);
        loop_free(&b->parts[p].loop);
    }
    buf_free(&b->got);
    unlink(b->path);
    rmdir(b->dir);
}

static void *other_loop(void *arg) {
    loop_run(arg);
    return NULL;
}

static void on_open(struct stream *s, void *ctx) {
    struct bench *b = ctx;
    assert_int_equal(stream_write(s, slice_str(b->send)), 0);
}
static void on_data(struct stream *s, void *ctx, struct slice data) {
    struct bench *b = ctx;
    buf_put(&b->got, data);
    b->finals = 0;
    for (struct slice all = buf_slice(&b->got); all.n;)
        b->finals += *slice_cut(&all, '\n').p != '\t';
    if (b->finals == b->wanted)
        stream_close(s);
}
static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct bench *b = ctx;
    loop_stop(b->parts[0].loop);
}

/* Send lines, wait for as many replies. */
static const char *talk(struct bench *b, const char *lines, unsigned replies) {
    static const struct stream_handler H = {.on_open = on_open, .on_data = on_data, .on_end = on_end};
    struct connect_opts o = {.address = b->address, .timeout_ms = 2000};
    b->send = lines;
    b->wanted = replies;
    buf_clear(&b->got);
    assert_int_equal(pthread_create(&b->thread, NULL, other_loop, b->parts[1].loop), 0);
    assert_non_null(stream_connect(b->parts[0].loop, &o, &H, b));
    loop_run(b->parts[0].loop);
    loop_stop(b->parts[1].loop);
    pthread_join(b->thread, NULL);
    return buf_cstr(&b->got);
}

static void commands_reach_both_loops(void **state) {
    struct bench b;
    make(&b);
    assert_string_equal(talk(&b, "os-shutdown *\n", 1), "ok 6 nodes\n");
    for (int p = 0; p < PARTS; p++)
        for (int i = 0; i < NODES; i++)
            assert_int_equal(sim_node_machine(b.nodes[p][i])->state, MACHINE_S5);
    const char *state4 = talk(&b, "state 4\n", 1);
    assert_non_null(strstr(state4, "\tnode004 host=S5 "));
    assert_non_null(strstr(state4, "\nok 1 node\n"));
    unmake(&b);
}

static void replies_come_in_order(void **state) {
    struct bench b;
    make(&b);
    assert_string_equal(talk(&b, "os-shutdown 1\nnonsense\nos-shutdown 1\nlms 1-3 off\n", 4),
                        "ok 1 node\n"
                        "error there is no command \"nonsense\"; help lists them\n"
                        "error node001: not possible now: the host is in S5, the tunnel is not up\n"
                        "ok 3 nodes\n");
    unmake(&b);
}

UNIT_MAIN(T(commands_reach_both_loops), T(replies_come_in_order))
