/* SPDX-License-Identifier: Apache-2.0 */
/* simulate: run worlds. simulate [--seed S] [--seeds N] [--hours H] [--nodes K] [--shards N] [--poll MS]
 * [--sessions N]
 * [--set-up ORDERS [--acm] [--drops PERCENT]] [--broken[=PART]] [--calm] [--tls] [--no-crash] [--verbose]. H
 * are node-hours a seed. Exit 1 and the seed when an invariant breaks; with --broken (a careless decide() or
 * another broken part in place of the right one) exit 0 when it was caught. */
#include "activation.h"
#include "base/log.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static const char *const broken_words[] = {
#define B(sym, word) word,
    WORLD_BROKEN_TABLE(B)
#undef B
};

/* "" or NULL: a careless decide(). WORLD_BROKEN_COUNT when unknown. */
static enum world_broken broken_find(const char *word) {
    unsigned i = WORLD_BROKEN_DECIDE;
    while (word && i < WORLD_BROKEN_COUNT && strcmp(broken_words[i], word) != 0)
        i++;
    return (enum world_broken)i;
}

struct total {
    uint64_t events, counts[WORLD_EVENT_COUNT];
    struct world_tally sessions, set_up;
};

static void add(struct total *to, const struct world *w) {
    const struct world_tally *t = &w->tally;
    to->events += w->events;
    for (unsigned k = 0; k < WORLD_EVENT_COUNT; k++)
        to->counts[k] += w->counts[k];
    to->sessions.orders += t->orders;
    to->sessions.answers += t->answers;
    to->sessions.viewers += t->viewers;
    to->sessions.to_viewer += t->to_viewer;
    to->sessions.to_device += t->to_device;
    if (t->most_kept > to->sessions.most_kept)
        to->sessions.most_kept = t->most_kept;
    for (unsigned k = 0; k < SESSION_WHY_COUNT; k++)
        to->sessions.ended[k] += t->ended[k];
    to->set_up.provisionings += t->provisionings;
    to->set_up.requests += t->requests;
    to->set_up.activations += t->activations;
    to->set_up.deactivations += t->deactivations;
    to->set_up.rotations += t->rotations;
    to->set_up.failures += t->failures;
    to->set_up.given_up += t->given_up;
    for (uint32_t i = 0; w->activation && i < w->cfg.nodes; i++) {
        to->set_up.admin_setups += act_firmware(w, i)->admin_setups;
        to->set_up.upgrades += act_firmware(w, i)->upgrades;
    }
    for (unsigned k = 0; k < WORLD_AGENT_FAULTS; k++)
        to->set_up.faults[k] += t->faults[k];
}

static int run_one(const struct world_config *cfg, struct total *total) {
    struct world *w = world_new(cfg);
    if (!w)
        return 2;
    int r = world_run(w);
    if (r == 0)
        r = world_converge(w, 3600000);
    if (r == 0 && cfg->no_crash)
        r = world_stop(w);
    add(total, w);
    if (r < 0)
        fprintf(stderr,
                "BROKEN: %s\nreplay: simulate --seed %llu --nodes %u --shards %u --hours %g --sessions %g "
                "--set-up %g --drops %g%s%s%s\n",
                w->fault, (unsigned long long)cfg->seed, cfg->nodes, cfg->shards, cfg->hours * cfg->nodes,
                cfg->sessions, cfg->set_up, cfg->drops_ppm / 10000.0, cfg->acm ? " --acm" : "",
                cfg->no_crash ? " --no-crash" : "", cfg->tls ? " --tls" : "");
    world_free(&w);
    return r < 0 ? 1 : 0;
}

static void tell_sessions(const struct world_tally *t) {
    printf("sessions: %llu orders, %llu answered; %llu viewers, %llu bytes to them, %llu to the firmware, "
           "a relay kept at most %llu; ended:",
           (unsigned long long)t->orders, (unsigned long long)t->answers, (unsigned long long)t->viewers,
           (unsigned long long)t->to_viewer, (unsigned long long)t->to_device,
           (unsigned long long)t->most_kept);
    for (unsigned k = 1; k < SESSION_WHY_COUNT; k++)
        if (t->ended[k])
            printf(" %s %llu", session_reason_row((enum session_reason)k)->id,
                   (unsigned long long)t->ended[k]);
    printf("\n");
}

static void tell_set_up(const struct world_tally *t) {
    static const char *const names[] = {
#define A(sym, weight, text) #sym,
        AGENT_FAULT_TABLE(A)
#undef A
    };
    printf("set-up: %llu orders; %llu activations, %llu deactivations, %llu rotations done, %llu failed, "
           "%llu given up; %llu AdminSetup, %llu upgrades; %llu requests through agents, of them",
           (unsigned long long)t->provisionings, (unsigned long long)t->activations,
           (unsigned long long)t->deactivations, (unsigned long long)t->rotations,
           (unsigned long long)t->failures, (unsigned long long)t->given_up,
           (unsigned long long)t->admin_setups, (unsigned long long)t->upgrades,
           (unsigned long long)t->requests);
    for (unsigned k = 0; k < WORLD_AGENT_FAULTS; k++)
        printf(" %s %llu", names[k], (unsigned long long)t->faults[k]);
    printf("\n");
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
        {"seed", 1, 0, 's'},     {"seeds", 1, 0, 'n'},   {"hours", 1, 0, 'h'},  {"nodes", 1, 0, 'k'},
        {"shards", 1, 0, 'l'},   {"poll", 1, 0, 'p'},    {"broken", 2, 0, 'b'}, {"calm", 0, 0, 'c'},
        {"sessions", 1, 0, 'S'}, {"tls", 0, 0, 't'},     {"set-up", 1, 0, 'a'}, {"drops", 1, 0, 'd'},
        {"no-crash", 0, 0, 'x'}, {"verbose", 0, 0, 'v'}, {"acm", 0, 0, 'A'},    {0}};
    struct world_config cfg = {.seed = 1, .nodes = 20, .shards = 2, .poll_ms = 120000};
    double node_hours = 20;
    uint64_t seeds = 1;
    struct total total = {0};
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
            cfg.broken = broken_find(optarg);
            cfg.decide = cfg.broken == WORLD_BROKEN_DECIDE ? broken_decide : NULL;
            break;
        case 'S':
            cfg.sessions = strtod(optarg, NULL);
            break;
        case 'a':
            cfg.set_up = strtod(optarg, NULL);
            break;
        case 'd':
            cfg.drops_ppm = (uint32_t)(strtod(optarg, NULL) * 10000);
            break;
        case 'A':
            cfg.acm = true;
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
            fprintf(stderr,
                    "usage: simulate [--seed S] [--seeds N] [--hours NODE-HOURS] [--nodes K] "
                    "[--shards N] [--poll MS] [--sessions STORIES-A-NODE-HOUR] "
                    "[--set-up ORDERS-A-NODE-HOUR [--acm] [--drops PERCENT]] [--broken[=PART]] [--calm] "
                    "[--tls] [--no-crash] [--verbose]\n");
            return 2;
        }
    if (cfg.broken == WORLD_BROKEN_COUNT) {
        fprintf(stderr, "simulate: --broken=decide, sessions, bytes, promote, drop, shown or mode\n");
        return 2;
    }
    if (cfg.nodes < 1 || cfg.nodes > WORLD_NODES_MAX || cfg.shards < 1 || cfg.shards > 4) {
        fprintf(stderr, "simulate: 1 to %d nodes and 1 to 4 shards\n", WORLD_NODES_MAX);
        return 2;
    }
    cfg.hours = node_hours / cfg.nodes;
    cfg.acm = cfg.acm && cfg.set_up > 0;
    crashed = !cfg.no_crash;
    log_setup(cfg.verbose ? LOG_INFO : LOG_ERROR, false, NULL);
    for (uint64_t i = 0; i < seeds; i++, cfg.seed++) {
        int r = run_one(&cfg, &total);
        if (cfg.broken && r == 1) {
            printf("caught\n");
            return 0;
        }
        if (r)
            return r;
    }
    if (cfg.broken) {
        fprintf(stderr, "broken %s passed every invariant\n", broken_words[cfg.broken]);
        return 1;
    }
    printf("%llu seeds, %g node-hours, %llu events: every invariant held\n", (unsigned long long)seeds,
           node_hours * (double)seeds, (unsigned long long)total.events);
    tell(total.counts);
    if (cfg.set_up > 0)
        tell_set_up(&total.set_up);
    else
        tell_sessions(&total.sessions);
    return 0;
}
