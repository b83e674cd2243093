/* SPDX-License-Identifier: Apache-2.0 */
/* simulate: run worlds. simulate [--seed S] [--seeds N] [--hours H] [--nodes K] [--shards N] [--poll MS]
 * [--broken] [--calm] [--tls] [--no-crash]
 * [--verbose]. H are node-hours a seed. Exit 1 and the seed when an invariant breaks; with --broken
 * (a careless decide() in place of the real one) exit 0 when it was caught. */
#include "base/log.h"
#include "world.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

/* A crash loses what was on its way between threads, as a crash does: only a world without one must not leak.
 */
static bool crashed;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) {
    return crashed;
}

/* What a careless reconciler would do: it acts on whatever was read last. */
static struct decision broken_decide(const struct host *h, const struct host_policy *p, struct host_now now) {
    struct decision d = decide(h, p, now);
    if (!h->op && !h->journal && link_usable(&h->link) && h->intent.desired != POWER_UNKNOWN &&
        h->power.state != h->intent.desired) {
        d.kind = DECIDE_ACT;
        d.op = power_op_for(h->intent.desired);
    }
    return world_judge(d, h, p, now);
}

static int run_one(const struct world_config *cfg, uint64_t *events, uint64_t counts[WORLD_EVENT_COUNT]) {
    struct world *w = world_new(cfg);
    if (!w)
        return 2;
    int r = world_run(w);
    if (r == 0)
        r = world_converge(w, 3600000);
    *events += w->events;
    for (unsigned k = 0; k < WORLD_EVENT_COUNT; k++)
        counts[k] += w->counts[k];
    if (r < 0)
        fprintf(stderr, "BROKEN: %s\nreplay: simulate --seed %llu --nodes %u --shards %u --hours %g\n",
                w->fault, (unsigned long long)cfg->seed, cfg->nodes, cfg->shards, cfg->hours * cfg->nodes);
    world_free(&w);
    return r < 0 ? 1 : 0;
}

static void tell(const uint64_t counts[WORLD_EVENT_COUNT]) {
    static const char *const names[] = {
#define X(sym, ...) #sym,
        WORLD_EVENT_TABLE(X) WORLD_SERVER_EVENT_TABLE(X)
#undef X
    };
    for (unsigned k = 0; k < WORLD_EVENT_COUNT; k++)
        printf("%s%s %llu", k ? ", " : "", names[k], (unsigned long long)counts[k]);
    printf("\n");
}

int main(int argc, char **argv) {
    static const struct option opts[] = {
        {"seed", 1, 0, 's'},   {"seeds", 1, 0, 'n'},    {"hours", 1, 0, 'h'},   {"nodes", 1, 0, 'k'},
        {"shards", 1, 0, 'l'}, {"poll", 1, 0, 'p'},     {"broken", 0, 0, 'b'},  {"calm", 0, 0, 'c'},
        {"tls", 0, 0, 't'},    {"no-crash", 0, 0, 'x'}, {"verbose", 0, 0, 'v'}, {0}};
    struct world_config cfg = {.seed = 1, .nodes = 20, .shards = 2, .poll_ms = 120000};
    double node_hours = 20;
    uint64_t seeds = 1, events = 0, counts[WORLD_EVENT_COUNT] = {0};
    for (int c; (c = getopt_long(argc, argv, "", opts, NULL)) != -1;)
        switch (c) {
        case 's':
            cfg.seed = strtoull(optarg, NULL, 10);
            break;
        case 'n':
            seeds = strtoull(optarg, NULL, 10);
            break;
        case 'h':
            node_hours = strtod(optarg, NULL);
            break;
        case 'k':
            cfg.nodes = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'l':
            cfg.shards = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'p':
            cfg.poll_ms = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'b':
            cfg.decide = broken_decide;
            break;
        case 'c':
            cfg.calm = true;
            break;
        case 'x':
            cfg.no_crash = true;
            break;
        case 't':
            cfg.tls = true;
            break;
        case 'v':
            cfg.verbose = true;
            break;
        default:
            fprintf(stderr, "usage: simulate [--seed S] [--seeds N] [--hours NODE-HOURS] [--nodes K] "
                            "[--shards N] [--poll MS] "
                            "[--broken] [--calm] [--tls] [--no-crash] [--verbose]\n");
            return 2;
        }
    if (cfg.nodes < 1 || cfg.nodes > WORLD_NODES_MAX || cfg.shards < 1 || cfg.shards > 4) {
        fprintf(stderr, "simulate: 1 to %d nodes and 1 to 4 shards\n", WORLD_NODES_MAX);
        return 2;
    }
    cfg.hours = node_hours / cfg.nodes;
    crashed = !cfg.no_crash;
    log_setup(LOG_ERROR, false, NULL);
    for (uint64_t i = 0; i < seeds; i++, cfg.seed++) {
        int r = run_one(&cfg, &events, counts);
        if (cfg.decide && r == 1) {
            printf("caught\n");
            return 0;
        }
        if (r)
            return r;
    }
    if (cfg.decide) {
        fprintf(stderr, "a broken decide() passed every invariant\n");
        return 1;
    }
    printf("%llu seeds, %g node-hours, %llu events: every invariant held\n", (unsigned long long)seeds,
           node_hours * (double)seeds, (unsigned long long)events);
    tell(counts);
    return 0;
}
