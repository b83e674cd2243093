/* SPDX-License-Identifier: Apache-2.0 */
/* amtsim: a fleet of simulated AMT machines in one process. The first loop runs on the main thread, with the
 * control socket; each further one on a thread of its own. A node belongs to one loop for life. */
#include "base/log.h"
#include "net/pki.h"
#include "net/tls.h"
#include "sim/ctl.h"
#include "sim/nodefs.h"
#include "sim/options.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { START_EVERY_MS = 20, PEM_MAX = 1 << 20 };

struct amtsim;
struct shard {
    struct amtsim *sim;
    struct sim_fleet *fleet;
    struct ctl_shard part; /* its loop and nodes, as the control socket sees them */
    size_t started;
    struct loop_timer starter;
    pthread_t thread;
    bool has_thread;
};
struct amtsim {
    struct sim_options opt;
    struct shard *shards;
    struct ctl_shard *parts;
    size_t nshards;
    struct tls_ctx *device_tls;
    uint8_t device_sha256[32], root_sha256[32];
    struct buf ca;
    _Atomic uint32_t connected;
    _Atomic bool all_said;
    struct ctl *ctl;
    pthread_t signals;
    bool has_signals;
};

static struct wall wall_clock(void) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (struct wall){(int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000};
}

static int read_file(const char *path, struct buf *out, struct errinfo *ei) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;
    while (fd >= 0 && out->len < PEM_MAX) {
        uint8_t *p = buf_room(out, 4096);
        n = p ? read(fd, p, 4096) : -1;
        if (n <= 0)
            break;
        buf_commit(out, (size_t)n);
    }
    int e = errno;
    if (fd >= 0)
        close(fd);
    return n == 0 ? 0 : err_set(ei, ERR_IO, "", "cannot read %s: %s", path, strerror(e));
}

/* One certificate for the firmware of all nodes: making thousands would take minutes. A leaf, since that of a
 * root is no good for TLS 1.2. */
static int make_device_tls(struct amtsim *s, struct errinfo *ei) {
    static const char *const NAMES[] = {"amt.simulated.example"};
    struct buf key = {0}, root = {0}, chain = {0};
    struct pki_facts facts;
    struct wall from = wall_add_ms(wall_clock(), -86400000);
    int r = pki_make_key(PKI_P256, &key, ei);
    if (r == 0)
        r = pki_make_root(buf_slice(&key), "Intel(R) AMT (simulated)", from, 3650, &root, ei);
    if (r == 0)
        r = pki_make_leaf(buf_slice(&root), buf_slice(&key), buf_slice(&key), NAMES, 1, from, 3650, &chain,
                          ei);
    if (r == 0)
        r = pki_read(buf_slice(&chain), &facts, ei);
    if (r == 0) {
        buf_put(&chain, buf_slice(&root));
        s->device_tls = tls_server_ctx(buf_slice(&chain), buf_slice(&key), TLS_MODERN, ei);
        r = s->device_tls ? 0 : ERR_TLS;
        memcpy(s->device_sha256, facts.sha256, sizeof s->device_sha256);
    }
    if (key.mem)
        explicit_bzero(key.mem, key.cap);
    buf_free(&key);
    buf_free(&root);
    buf_free(&chain);
    return r;
}

static int read_provisioning_root(struct amtsim *s, struct errinfo *ei) {
    struct buf pem = {0};
    struct pki_facts facts;
    int r = read_file(s->opt.provisioning_root, &pem, ei);
    if (r == 0 && pki_read(buf_slice(&pem), &facts, NULL) < 0)
        r = err_set(ei, ERR_INVALID, "provisioning-root",
                    "--provisioning-root %s holds no certificate in PEM", s->opt.provisioning_root);
    if (r == 0)
        memcpy(s->root_sha256, facts.sha256, sizeof s->root_sha256);
    buf_free(&pem);
    return r;
}

static void on_link(void *ctx, struct sim_node *n, bool up) {
    struct amtsim *s = ctx;
    uint32_t now = up ? atomic_fetch_add(&s->connected, 1) + 1 : atomic_fetch_sub(&s->connected, 1) - 1;
    if (!s->opt.wait || now != s->opt.plan.count || atomic_exchange(&s->all_said, true))
        return;
    printf("amtsim: all %u nodes are connected\n", now);
    fflush(stdout);
}

static void on_identity(void *ctx, struct sim_node *n) {
    struct amtsim *s = ctx;
    struct errinfo ei = {0};
    if (s->opt.mei && nodefs_write(s->opt.mei, n, &ei) < 0)
        log_warn("mei", "%s", ei.text);
}

/* --- one loop and its nodes --- */

static int shard_open(struct amtsim *s, size_t index, struct errinfo *ei) {
    struct shard *h = &s->shards[index];
    const struct sim_options *o = &s->opt;
    h->sim = s;
    h->part = (struct ctl_shard){.loop = loop_new(), .first = (uint32_t)index + 1, .step = o->threads};
    if (!h->part.loop)
        return err_set(ei, ERR_NOMEM, "", "no memory or descriptors for a loop");
    struct tls_ctx *tls =
        tls_client_ctx(buf_slice(&s->ca), false, o->legacy_tls ? TLS_LEGACY : TLS_ONLY_12, ei);
    if (!tls)
        return ERR_TLS;
    if (tls_share_peers(tls) < 0) {
        tls_ctx_unref(&tls);
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    }
    struct sim_fleet_config cfg = {.loop = h->part.loop,
                                   .server = o->server,
                                   .tls = tls,
                                   .device_tls = s->device_tls,
                                   .verify_name = o->verify_name,
                                   .legacy_tls = o->legacy_tls,
                                   .root_sha256 = o->provisioning_root ? s->root_sha256 : NULL,
                                   .dns_suffix = o->dns_suffix,
                                   .times = o->times,
                                   .seed = o->plan.seed + index,
                                   .ctx = s,
                                   .on_link = on_link,
                                   .on_identity = on_identity};
    memcpy(cfg.device_sha256, s->device_sha256, sizeof cfg.device_sha256);
    h->fleet = sim_fleet_new(&cfg);
    tls_ctx_unref(&tls);
    h->part.nodes = calloc(o->plan.count / o->threads + 1, sizeof *h->part.nodes);
    if (!h->fleet || !h->part.nodes)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    for (uint32_t i = (uint32_t)index + 1; i <= o->plan.count; i += o->threads) {
        struct sim_node_config node;
        sim_plan_node(&o->plan, i, &node);
        h->part.nodes[h->part.n] = sim_node_new(h->fleet, &node);
        if (!h->part.nodes[h->part.n])
            return err_set(ei, ERR_NOMEM, "", "out of memory");
        if (i <= o->plan.foreign_first) {
            int r = sim_node_foreign(h->part.nodes[h->part.n], o->plan.foreign, 2, ei);
            if (r < 0)
                return r;
        }
        h->part.n++;
    }
    return 0;
}

/* What programs at the nodes find. */
static int open_mei(struct amtsim *s, struct errinfo *ei) {
    int r = nodefs_dir(s->opt.mei, ei);
    for (size_t i = 0; r == 0 && i < s->nshards; i++)
        for (size_t k = 0; r == 0 && k < s->shards[i].part.n; k++)
            r = nodefs_open(s->opt.mei, s->shards[i].part.nodes[k], ei);
    return r;
}

static void shard_close(struct shard *h) {
    for (size_t i = 0; i < h->part.n; i++)
        sim_node_free(&h->part.nodes[i]);
    free(h->part.nodes);
    sim_fleet_free(&h->fleet);
    if (h->part.loop)
        loop_free(&h->part.loop);
}

/* Start nodes at the rate asked for; this loop's part of it. */
static void on_starter(struct loop_timer *t) {
    struct shard *h = CONTAINER_OF(t, struct shard, starter);
    uint32_t rate = h->sim->opt.connect_rate;
    size_t turn = (size_t)rate * START_EVERY_MS / 1000 / h->sim->opt.threads + 1;
    if (rate == 0)
        turn = h->part.n;
    for (; turn > 0 && h->started < h->part.n; turn--)
        sim_node_start(h->part.nodes[h->started++]);
    if (h->started < h->part.n)
        loop_timer_set(h->part.loop, t, mono_add_ms(loop_now(h->part.loop), START_EVERY_MS));
}

static void *shard_main(void *arg) {
    struct shard *h = arg;
    loop_run(h->part.loop);
    return NULL;
}

/* --- direct listeners: the first nodes, on consecutive ports --- */

static int open_direct(struct amtsim *s, const char *address,
                       int (*listen_at)(struct sim_node *n, const char *address, struct errinfo *ei),
                       struct errinfo *ei) {
    const char *colon = strrchr(address, ':');
    uint64_t port;
    if (!slice_to_u64(slice_str(colon + 1), 65535, &port))
        return err_set(ei, ERR_INVALID, "listen", "\"%s\" has no port number", address);
    for (uint32_t i = 0; i < s->opt.direct && i < s->opt.plan.count; i++) {
        struct ctl_shard *p = &s->shards[i % s->nshards].part;
        char own[256];
        snprintf(own, sizeof own, "%.*s:%u", (int)(colon - address), address, port ? (uint32_t)port + i : 0);
        int r = listen_at(p->nodes[i / s->nshards], own, ei);
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- signals --- */

static void *signal_main(void *arg) {
    struct amtsim *s = arg;
    sigset_t set;
    int sig;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR2); /* main's own: everything has ended */
    if (sigwait(&set, &sig) == 0)
        for (size_t i = 0; i < s->nshards; i++)
            loop_stop(s->shards[i].part.loop);
    return NULL;
}

static int start_signals(struct amtsim *s, struct errinfo *ei) {
    if (pthread_create(&s->signals, NULL, signal_main, s) != 0)
        return err_set(ei, ERR_NOMEM, "", "cannot start a thread");
    s->has_signals = true;
    return 0;
}

/* --- life --- */

static int sim_open(struct amtsim *s, struct errinfo *ei) {
    const struct sim_options *o = &s->opt;
    int r = 0;
    if (o->ca)
        r = read_file(o->ca, &s->ca, ei);
    if (r == 0 && o->provisioning_root)
        r = read_provisioning_root(s, ei);
    if (r == 0 && o->csv_out)
        r = sim_plan_write_csv(&o->plan, o->csv_out, ei);
    if (r == 0)
        r = make_device_tls(s, ei);
    s->shards = calloc(o->threads, sizeof *s->shards);
    s->parts = calloc(o->threads, sizeof *s->parts);
    if (!s->shards || !s->parts)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    for (size_t i = 0; r == 0 && i < o->threads; i++) {
        s->nshards++;
        r = shard_open(s, i, ei);
        s->parts[i] = s->shards[i].part;
    }
    if (r == 0 && o->listen_direct)
        r = open_direct(s, o->listen_direct, sim_node_listen, ei);
    if (r == 0 && o->redirection_listen)
        r = open_direct(s, o->redirection_listen, sim_node_listen_redirection, ei);
    if (r == 0 && o->mei)
        r = open_mei(s, ei);
    if (r == 0 && o->control) {
        s->ctl = ctl_open(s->shards[0].part.loop, o->control, s->parts, s->nshards, ei);
        r = s->ctl ? 0 : ERR_IO;
    }
    return r == 0 ? start_signals(s, ei) : r;
}

static int sim_run(struct amtsim *s, struct errinfo *ei) {
    for (size_t i = 0; i < s->nshards; i++) {
        struct shard *h = &s->shards[i];
        h->starter.fn = on_starter;
        if (!s->opt.hold)
            loop_timer_set(h->part.loop, &h->starter, loop_now(h->part.loop));
    }
    for (size_t i = 1; i < s->nshards; i++) {
        if (pthread_create(&s->shards[i].thread, NULL, shard_main, &s->shards[i]) != 0)
            return err_set(ei, ERR_NOMEM, "", "cannot start a thread");
        s->shards[i].has_thread = true;
    }
    printf("amtsim: %u nodes to %s, seed %llu%s%s\n", s->opt.plan.count, s->opt.server,
           (unsigned long long)s->opt.plan.seed, s->opt.csv_out ? ", rows in " : "",
           s->opt.csv_out ? s->opt.csv_out : "");
    fflush(stdout);
    loop_run(s->shards[0].part.loop);
    return 0;
}

static void sim_close(struct amtsim *s) {
    for (size_t i = 1; i < s->nshards; i++) {
        if (!s->shards[i].has_thread)
            continue;
        loop_stop(s->shards[i].part.loop);
        pthread_join(s->shards[i].thread, NULL);
    }
    if (s->has_signals) {
        pthread_kill(s->signals, SIGUSR2);
        pthread_join(s->signals, NULL);
    }
    ctl_close(&s->ctl);
    for (size_t i = 0; i < s->nshards; i++)
        shard_close(&s->shards[i]);
    free(s->shards);
    free(s->parts);
    tls_ctx_unref(&s->device_tls);
    buf_free(&s->ca);
}

int main(int argc, char **argv) {
    static struct amtsim sim; /* too large for the stack */
    struct errinfo ei = {0};
    if (argc >= 2 && strcmp(argv[1], "ctl") == 0) {
        if (argc < 4) {
            fprintf(stderr, "usage: amtsim ctl SOCK COMMAND…\n");
            return 2;
        }
        return ctl_client(argv[2], argv + 3, argc - 3);
    }
    if (sim_options_parse(&sim.opt, argc, argv, &ei) < 0) {
        fprintf(stderr, "amtsim: %s\n", ei.text);
        return 2;
    }
    if (sim.opt.help) {
        struct buf text = {0};
        sim_options_help(&text);
        fputs(buf_cstr(&text), stdout);
        buf_free(&text);
        return 0;
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* the signal thread waits for them */
    log_setup(LOG_INFO, false, wall_clock);
    int r = sim_open(&sim, &ei);
    if (r == 0)
        r = sim_run(&sim, &ei);
    if (r < 0)
        fprintf(stderr, "amtsim: %s\n", ei.text);
    sim_close(&sim);
    return r < 0 ? 1 : 0;
}
