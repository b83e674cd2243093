/* SPDX-License-Identifier: Apache-2.0 */
/* From settings to running loops, and back. */
#include "base/log.h"
#include "base/notify.h"
#include "server/auth.h"
#include "server/fleet.h"
#include "server/httpd.h"
#include "server/serve_impl.h"

#include "base/ossl.h"

#include <errno.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static struct wall wall_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (struct wall){(int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000};
}

void serve_setup_log(const struct settings *s) {
    log_setup((enum log_level)s->log_level, s->log_format == LOG_FORMAT_JSON, wall_now);
}

enum pki_key serve_leaf_kind(const struct settings *s) {
    static const enum pki_key kinds[] = {
        [LEAF_KEY_RSA_2048] = PKI_RSA_2048, [LEAF_KEY_RSA_3072] = PKI_RSA_3072, [LEAF_KEY_P_256] = PKI_P256};
    return kinds[s->tls_leaf_key];
}

/* --- the process --- */

static void harden_process(void) {
    struct rlimit lim;
    /* no secret in a core dump or to a debugger of the same user */
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        log_warn("serve", "PR_SET_DUMPABLE: %s", strerror(errno));
    if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < lim.rlim_max) {
        lim.rlim_cur = lim.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &lim) != 0)
            log_warn("serve", "RLIMIT_NOFILE: %s", strerror(errno));
    }
    signal(SIGPIPE, SIG_IGN);
    /* taken by the main thread alone; threads inherit the mask */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* --- loops and listeners --- */

void worker_free_tls(struct worker_tls *t) {
    tls_ctx_unref(&t->modern);
    tls_ctx_unref(&t->legacy);
    tls_ctx_unref(&t->https);
}

int worker_make_tls(struct worker *w, struct worker_tls *out, struct errinfo *ei) {
    const struct server *sv = w->server;
    struct slice chain = buf_slice(&sv->dd.leaf.chain_pem), key = buf_slice(&sv->dd.leaf.key_pem);
    const struct datadir_leaf *cl = datadir_cira_leaf(&sv->dd);
    struct slice cira_chain = buf_slice(&cl->chain_pem), cira_key = buf_slice(&cl->key_pem);
    struct slice agent_ca = buf_slice(&sv->dd.agent_ca_pem);
    *out = (struct worker_tls){0};
    int r = ERR_TLS;
    if (!(out->modern = tls_server_ctx_in(w->lib, cira_chain, cira_key, TLS_MODERN, ei)) ||
        !(out->https = tls_server_ctx_in(w->lib, chain, key, TLS_MODERN, ei)))
        goto out;
    if (sv->settings->cira_legacy_listen[0] &&
        !(out->legacy = tls_server_ctx_in(w->lib, cira_chain, cira_key, TLS_LEGACY, ei)))
        goto out;
    r = agent_ca.n ? tls_ask_client(out->https, agent_ca, ei) : 0;
out:
    if (r < 0)
        worker_free_tls(out);
    return r;
}

static int make_worker(struct server *sv, unsigned i, struct errinfo *ei) {
    struct worker *w = &sv->workers[i];
    w->server = sv;
    if (!(w->loop = loop_new()) || !(w->lib = tls_lib_new()))
        return err_set(ei, ERR_NOMEM, "", "a loop could not be made: out of memory or descriptors");
    return worker_make_tls(w, &w->tls, ei);
}

/* Several workers share their ports; nobody else is to have a part in them. */
static int probe_ports(const struct settings *s, const struct worker *w, struct errinfo *ei) {
    int r = listener_probe(s->cira_listen, ei);
    if (r == 0 && w->tls.legacy)
        r = listener_probe(s->cira_legacy_listen, ei);
    return r == 0 ? listener_probe(s->https_listen, ei) : r;
}

/* The first worker's port may be 0: the others listen on what it got. */
static int open_ports(struct server *sv, struct worker *w, struct errinfo *ei) {
    const struct settings *s = sv->settings;
    bool first = w == &sv->workers[0], many = sv->nworkers > 1;
    struct shard *s0 = sv->workers[0].shard;
    const char *https = first ? s->https_listen : httpd_address(s0->httpd);
    const char *cira = first ? s->cira_listen : app_cira_address(s0, 0);
    const char *legacy = first ? s->cira_legacy_listen : app_cira_address(s0, 1);
    w->shard->amt_tls = tls_client_ctx_in(w->lib, SLICE_EMPTY, false, TLS_MODERN, ei);
    if (!w->shard->amt_tls)
        return ERR_TLS;
    int r = first && many ? probe_ports(s, w, ei) : 0;
    if (r == 0)
        r = app_open_cira(w->shard, cira, w->tls.modern, many, ei);
    if (r == 0 && w->tls.legacy)
        r = app_open_cira(w->shard, legacy, w->tls.legacy, many, ei);
    if (r == 0 && !(w->shard->httpd = httpd_new(w->shard, https, w->tls.https, ei)))
        r = ei->code;
    return r;
}

static unsigned loops_wanted(const struct settings *s) {
    long cores = s->loops ? (long)s->loops : sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > SHARDS_MAX ? SHARDS_MAX : (unsigned)cores;
}

static int make_app(struct server *sv, struct errinfo *ei) {
    char name[DATADIR_NAME_CAP], cira_name[DATADIR_NAME_CAP];
    datadir_server_name(&sv->dd, name);
    datadir_cira_name(&sv->dd, cira_name);
    struct app_opts o = {.nshards = sv->nworkers,
                         .store = sv->store,
                         .seal = sv->dd.seal,
                         .settings = sv->settings,
                         .ca_pem = buf_slice(&sv->dd.ca_pem),
                         .cira_root_pem = datadir_cira_root(&sv->dd),
                         .cira_name = cira_name,
                         .agent_ca_pem = buf_slice(&sv->dd.agent_ca_pem),
                         .agent_key_pem = buf_slice(&sv->dd.agent_key_pem),
                         .server_name = name,
                         .last_event = store_last_event(sv->store)};
    if (RAND_bytes((unsigned char *)&o.instance, sizeof o.instance) != 1)
        return err_set(ei, ERR_CRYPTO, "", "the system gives no random bytes");
    for (unsigned i = 0; i < sv->nworkers; i++)
        o.loops[i] = sv->workers[i].loop;
    if (!(sv->app = app_new(&o, ei)))
        return ei->code;
    for (unsigned i = 0; i < sv->nworkers; i++)
        sv->workers[i].shard = sv->app->shards[i];
    int r = auth_new(&sv->app->auth, sv->app, ei);
    return r < 0 ? r : fleet_load(sv->app, ei);
}

static int prepare(struct server *sv, struct errinfo *ei) {
    const struct settings *s = sv->settings;
    int r;
    if ((r = datadir_open(&sv->dd, s->data_dir, s->tls_hostname, serve_leaf_kind(s), wall_now(), ei)) < 0)
        return r;
    struct store_opts opts;
    settings_store_opts(s, &opts);
    if ((r = store_open(&sv->store, &opts, false, ei)) < 0)
        return r;
    sv->nworkers = loops_wanted(s);
    for (unsigned i = 0; i < sv->nworkers; i++)
        if ((r = make_worker(sv, i, ei)) < 0)
            return r;
    if ((r = make_app(sv, ei)) < 0)
        return r;
    for (unsigned i = 0; i < sv->nworkers; i++)
        if ((r = open_ports(sv, &sv->workers[i], ei)) < 0)
            return r;
    return 0;
}

/* --- threads --- */

static void *run_loop(void *arg) {
    struct worker *w = arg;
    loop_run(w->loop);
    return NULL;
}

static int start_threads(struct server *sv, struct errinfo *ei) {
    for (unsigned i = 0; i < sv->nworkers; i++) {
        struct worker *w = &sv->workers[i];
        char name[16];
        if (pthread_create(&w->thread, NULL, run_loop, w) != 0)
            return err_set(ei, ERR_NOMEM, "", "a thread could not be started");
        w->started = true;
        snprintf(name, sizeof name, "loop-%u", i);
        pthread_setname_np(w->thread, name);
    }
    return 0;
}

static void stop_threads(struct server *sv) {
    for (unsigned i = 0; i < sv->nworkers; i++)
        if (sv->workers[i].started)
            loop_stop(sv->workers[i].loop);
    for (unsigned i = 0; i < sv->nworkers; i++)
        if (sv->workers[i].started)
            pthread_join(sv->workers[i].thread, NULL);
}

/* --- the end --- */

/* Let what loops and store still have for each other arrive; every loop is ours now. */
static void settle_mail(struct server *sv) {
    enum { ROUNDS = 4 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (sv->store)
            store_sync(sv->store);
        for (unsigned i = 0; i < sv->nworkers; i++)
            if (sv->workers[i].loop) {
                loop_stop(sv->workers[i].loop);
                loop_run(sv->workers[i].loop);
            }
    }
}

static void release(struct server *sv) {
    settle_mail(sv);
    for (unsigned i = 0; i < sv->nworkers; i++)
        if (sv->workers[i].shard)
            httpd_free(&sv->workers[i].shard->httpd);
    settle_mail(sv);
    store_close(&sv->store);
    if (sv->app)
        auth_free(&sv->app->auth);
    app_free(&sv->app);
    for (unsigned i = 0; i < SHARDS_MAX; i++) {
        struct worker *w = &sv->workers[i];
        worker_free_tls(&w->tls);
        tls_lib_unref(&w->lib);
        if (w->loop)
            loop_free(&w->loop);
    }
    datadir_close(&sv->dd);
    for (size_t i = 0; i < sv->nretired; i++)
        free(sv->retired[i]);
    free(sv->retired);
    free(sv->settings);
}

static void say_where(const struct server *sv) {
    const struct shard *s = sv->workers[0].shard;
    printf("listening https %s\n", httpd_address(s->httpd));
    printf("listening cira %s\n", app_cira_address(s, 0));
    if (sv->workers[0].tls.legacy)
        printf("listening cira-legacy %s\n", app_cira_address(s, 1));
    fflush(stdout);
}

int serve_run(const struct serve_opts *o, struct errinfo *ei) {
    struct server *sv = calloc(1, sizeof *sv);
    if (!sv) {
        free(o->settings);
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    }
    sv->opts = *o;
    sv->settings = o->settings;
    serve_setup_log(sv->settings);
    harden_process();
    int r = prepare(sv, ei);
    if (r == 0)
        r = start_threads(sv, ei);
    if (r == 0) {
        say_where(sv);
        sv->app->ready = 1;
        notify_send("READY=1");
        log_info("serve", "outbandd " OUTBAND_VERSION " is ready: %u loops", sv->nworkers);
        if (!sv->app->agent_ca)
            log_warn("serve",
                     "the agents' door is shut: %s has no " DATADIR_AGENT_CERT
                     "; make it with outbandd init --agent-ca, then start the server again",
                     sv->settings->data_dir);
        serve_until_end(sv);
    }
    stop_threads(sv);
    release(sv);
    free(sv);
    if (r == 0)
        log_info("serve", "stopped");
    return r < 0 && !ei->code ? err_set(ei, r, "", "%s", err_text(r)) : r < 0 ? r : 0;
}
