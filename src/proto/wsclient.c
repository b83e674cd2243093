/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of jobs: priorities, deadlines, results, and the API. */
#include "proto/wsclient_int.h"

#include "base/ossl.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

/* --- memory that comes and goes with the work --- */

static struct wsc_busy *busy_of(struct wsclient *c) {
    if (c->busy)
        return c->busy;
    c->busy = calloc(1, sizeof *c->busy);
    if (c->busy) {
        list_init(&c->busy->jobs);
        list_init(&c->busy->chans);
        list_init(&c->busy->results);
    }
    return c->busy;
}

static void card_release(struct wsc_card **card) {
    if (*card && --(*card)->refs == 0)
        free(*card);
    *card = NULL;
}

static void waiter_free(struct wsc_waiter **w) {
    if (!*w)
        return;
    card_release(&(*w)->card);
    free(*w);
    *w = NULL;
}

/* At the end of each call: give back what the work at hand does not need. */
static void settle(struct wsclient *c) {
    struct wsc_busy *b = c->busy;
    if (!b || !list_empty(&b->jobs))
        return;
    if (list_empty(&b->chans) && list_empty(&b->results) && !b->delivered) {
        free(b);
        c->busy = NULL;
    }
}

/* At the begin of each call: the result that was given last is not looked at any more. */
static void enter(struct wsclient *c) {
    if (c->busy)
        waiter_free(&c->busy->delivered);
}

/* --- jobs --- */

void wsc_job_set_state(struct wsclient *c, struct wsc_job *job, enum wsc_job_state state) {
    struct wsc_busy *b = c->busy;
    b->waiting -= job->state == WSC_JOB_WAITING;
    b->in_flight -= job->state == WSC_JOB_BUSY;
    b->waiting += state == WSC_JOB_WAITING;
    b->in_flight += state == WSC_JOB_BUSY;
    job->state = state;
}

void wsc_job_ready(struct wsclient *c, struct wsc_job *job, struct mono at) {
    wsc_job_set_state(c, job, WSC_JOB_READY);
    job->not_before = at;
}

static void job_free(struct wsclient *c, struct wsc_job *job) {
    wsc_job_set_state(c, job, WSC_JOB_READY); /* out of both counters */
    list_remove(&c->busy->jobs, &job->node);
    struct list_node *n;
    while ((n = list_pop(&job->waiters))) {
        struct wsc_waiter *w = CONTAINER_OF(n, struct wsc_waiter, node);
        waiter_free(&w);
    }
    card_release(&job->card);
    buf_free(&job->context);
    buf_free(&job->body);
    wsc_work_free(&job->work);
    free(job);
}

/* What the result points to lives as long as the waiter. */
static void give_card(struct wsc_waiter *w, struct wsc_card *card) {
    w->card = card;
    card->refs++;
    if (w->result.kind == WSC_INFO_READ)
        w->result.info = &card->info;
    else if (w->result.kind == WSC_SETUP_READ)
        w->result.setup = &card->setup;
    else if (w->result.kind == WSC_CIRA_READ)
        w->result.cira = &card->cira;
    else
        w->result.text = card->text;
}

static void give_result(struct wsclient *c, struct wsc_job *job, struct wsc_waiter *w, struct mono now,
                        int err, const char *why) {
    struct wsc_result *r = &w->result;
    r->err = err;
    snprintf(r->why, sizeof r->why, "%s", why);
    r->return_value = job->return_value;
    r->method = job->method;
    r->maybe_sent = err != 0 && job->maybe_sent;
    r->power = job->power;
    r->optin = job->optin;
    if (err == 0 && job->card)
        give_card(w, job->card);
    if (!mono_is_never(job->first_out))
        r->rtt_us = now.us - job->first_out.us;
    list_remove(&job->waiters, &w->node);
    list_push(&c->busy->results, &w->node);
}

static void job_end(struct wsclient *c, struct wsc_job *job, struct mono now, int err, const char *why) {
    LIST_EACH (n, &job->waiters)
        give_result(c, job, CONTAINER_OF(n, struct wsc_waiter, node), now, err, why);
    job_free(c, job);
}

void wsc_job_done(struct wsclient *c, struct wsc_job *job, struct mono now) {
    job_end(c, job, now, 0, "");
}

/* Errors that speak of a device in trouble, and not of a wrong request. */
static bool is_trouble(int err) {
    return err == ERR_TIMEOUT || err == ERR_CLOSED || err == ERR_PROTO || err == ERR_LIMIT ||
           err == ERR_UNREACHABLE || err == ERR_TLS;
}

void wsc_job_failed(struct wsclient *c, struct wsc_job *job, struct mono now, int err, const char *fmt, ...) {
    char why[sizeof(((struct wsc_result *)0)->why)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    if (is_trouble(err))
        wsc_breaker_failed(c, now);
    job_end(c, job, now, err, why);
}

/* --- scheduling --- */

static struct wsc_job *next_job(const struct wsclient *c, struct mono now) {
    struct wsc_job *best = NULL;
    LIST_EACH (n, &c->busy->jobs) {
        struct wsc_job *job = CONTAINER_OF(n, struct wsc_job, node);
        if (mono_due(wsc_ready_at(c, job), now) && (!best || job->prio < best->prio))
            best = job;
    }
    return best;
}

static void schedule(struct wsclient *c, struct mono now) {
    struct wsc_job *job;
    while (c->busy && (job = next_job(c, now))) {
        wsc_token_take(c, now);
        wsc_start(c, job, now);
    }
}

/* --- deadlines --- */

static void give_timeout(struct wsclient *c, struct wsc_job *job, struct wsc_waiter *w, struct mono now) {
    const char *why = "no complete answer in time";
    struct wsc_chan *ch = wsc_chan_of_job(c, job);
    if (ch && ch->state == WSC_CHAN_OPENING)
        why = "the device did not open a channel in time";
    else if (!ch && c->breaker_open)
        why = "the device failed repeatedly and is left alone for a while";
    else if (!ch)
        why = "the request did not get its turn in time";
    give_result(c, job, w, now, ERR_TIMEOUT, why);
}

static void job_tick(struct wsclient *c, struct wsc_job *job, struct mono now) {
    LIST_EACH (n, &job->waiters) {
        struct wsc_waiter *w = CONTAINER_OF(n, struct wsc_waiter, node);
        if (mono_due(w->deadline, now))
            give_timeout(c, job, w, now);
    }
    if (!list_empty(&job->waiters))
        return;
    struct wsc_chan *ch = wsc_chan_of_job(c, job);
    if (ch) {
        wsc_breaker_failed(c, now);
        wsc_chan_drop(c, ch, true); /* the answer may still come: nobody else may get it */
    }
    job_free(c, job);
}

static struct mono idle_end(const struct wsclient *c, const struct wsc_chan *ch) {
    return mono_add_ms(ch->idle_since, c->lim.idle_close_ms);
}

void wsc_tick(struct wsclient *c, struct mono now) {
    enter(c);
    if (!c->busy)
        return;
    LIST_EACH (n, &c->busy->jobs)
        job_tick(c, CONTAINER_OF(n, struct wsc_job, node), now);
    schedule(c, now);
    LIST_EACH (n, &c->busy->chans) {
        struct wsc_chan *ch = CONTAINER_OF(n, struct wsc_chan, node);
        if (ch->state == WSC_CHAN_IDLE && mono_due(idle_end(c, ch), now))
            wsc_chan_drop(c, ch, true);
    }
    settle(c);
}

struct mono wsc_deadline(const struct wsclient *c) {
    struct mono at = MONO_NEVER;
    if (!c->busy)
        return at;
    LIST_EACH (n, &c->busy->jobs) {
        struct wsc_job *job = CONTAINER_OF(n, struct wsc_job, node);
        at = mono_min(at, wsc_ready_at(c, job));
        LIST_EACH (k, &job->waiters)
            at = mono_min(at, CONTAINER_OF(k, struct wsc_waiter, node)->deadline);
    }
    LIST_EACH (n, &c->busy->chans) {
        struct wsc_chan *ch = CONTAINER_OF(n, struct wsc_chan, node);
        if (ch->state == WSC_CHAN_IDLE)
            at = mono_min(at, idle_end(c, ch));
    }
    return at;
}

/* --- the API --- */

static void wipe_secrets(struct wsclient *c) {
    if (c->user)
        OPENSSL_cleanse(c->user, c->secret_bytes);
    free(c->user);
    c->user = c->password = NULL;
}

int wsc_set_password(struct wsclient *c, const char *user, const char *password) {
    size_t nu = strlen(user) + 1, np = strlen(password) + 1;
    char *both = malloc(nu + np);
    if (!both)
        return ERR_NOMEM;
    memcpy(both, user, nu);
    memcpy(both + nu, password, np);
    wipe_secrets(c);
    c->user = both;
    c->password = both + nu;
    c->secret_bytes = nu + np;
    return 0;
}

struct wsclient *wsc_new(const struct wsc_limits *lim, const struct wsc_io *io, const char *user,
                         const char *password) {
    struct wsclient *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    assert(lim->in_flight_max && lim->queue_max && lim->bucket_burst && lim->unauthorized_max);
    c->lim = *lim;
    c->io = *io;
    c->tokens = lim->bucket_burst;
    if (wsc_set_password(c, user, password) != 0)
        wsc_free(&c);
    return c;
}

struct wsc_pool *wsc_pool_new(void) {
    return calloc(1, sizeof(struct wsc_pool));
}

void wsc_pool_free(struct wsc_pool **pp) {
    struct wsc_pool *p = *pp;
    if (!p)
        return;
    while (p->nidle > 0)
        wsman_parser_free(&p->idle[--p->nidle]);
    free(p);
    *pp = NULL;
}

void wsc_set_pool(struct wsclient *c, struct wsc_pool *p) {
    c->pool = p;
}

/* Drop all channels and jobs; results that wait stay. */
static void drop_all(struct wsclient *c, bool tell) {
    LIST_EACH (n, &c->busy->chans)
        wsc_chan_drop(c, CONTAINER_OF(n, struct wsc_chan, node), tell);
}

void wsc_free(struct wsclient **cp) {
    struct wsclient *c = *cp;
    if (!c)
        return;
    struct wsc_busy *b = c->busy;
    if (b) {
        struct list_node *n;
        drop_all(c, true);
        while ((n = list_first(&b->jobs)))
            job_free(c, CONTAINER_OF(n, struct wsc_job, node));
        while ((n = list_pop(&b->results))) {
            struct wsc_waiter *w = CONTAINER_OF(n, struct wsc_waiter, node);
            waiter_free(&w);
        }
        waiter_free(&b->delivered);
        free(b);
    }
    wipe_secrets(c);
    free(c);
    *cp = NULL;
}

void wsc_tunnel_lost(struct wsclient *c, struct mono now) {
    enter(c);
    if (!c->busy)
        return;
    drop_all(c, false);
    LIST_EACH (n, &c->busy->jobs)
        job_end(c, CONTAINER_OF(n, struct wsc_job, node), now, ERR_CLOSED,
                "the tunnel to the device was lost");
    settle(c);
}

/* A job that the new submission may share; NULL when there is none. */
static struct wsc_job *shareable(const struct wsc_busy *b, enum wsc_job_kind kind, uint32_t arg) {
    if (!wsc_kind_safe(kind))
        return NULL;
    LIST_EACH (n, &b->jobs) {
        struct wsc_job *job = CONTAINER_OF(n, struct wsc_job, node);
        if (job->state == WSC_JOB_WAITING && job->kind == kind && job->arg == arg)
            return job;
    }
    return NULL;
}

/* Takes *work, when there is one. */
static struct wsc_job *job_new(struct wsclient *c, enum wsc_job_kind kind, uint32_t arg,
                               struct wsc_work **work, enum wsc_priority prio, struct mono now) {
    struct wsc_job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->work = *work;
    *work = NULL;
    job->kind = kind;
    job->arg = arg;
    job->prio = prio;
    job->not_before = now;
    job->first_out = MONO_NEVER;
    job->return_value = -1;
    job->step = wsc_first_step(kind, arg);
    list_init(&job->waiters);
    list_push(&c->busy->jobs, &job->node);
    c->busy->waiting++; /* it is born waiting */
    return job;
}

int wsc_submit(struct wsclient *c, enum wsc_job_kind kind, uint32_t arg, enum wsc_priority prio,
               uint32_t deadline_ms, struct mono now, void *user) {
    return wsc_submit_with(c, kind, arg, NULL, prio, deadline_ms, now, user);
}

int wsc_submit_with(struct wsclient *c, enum wsc_job_kind kind, uint32_t arg, const struct wsc_args *args,
                    enum wsc_priority prio, uint32_t deadline_ms, struct mono now, void *user) {
    struct wsc_work *work = NULL;
    struct wsc_waiter *w = NULL;
    int err = wsc_kind_has_work(kind) ? wsc_work_new(kind, args, &work) : 0;
    if (err)
        return err;
    err = ERR_NOMEM;
    enter(c);
    struct wsc_busy *b = busy_of(c);
    if (!b)
        goto out;
    struct wsc_job *job = shareable(b, kind, arg);
    if (job ? job->waiters.count >= WSC_SHARERS_MAX : b->waiting >= c->lim.queue_max) {
        err = ERR_FULL;
        goto out;
    }
    w = calloc(1, sizeof *w);
    if (!w)
        goto out;
    if (!job && !(job = job_new(c, kind, arg, &work, prio, now)))
        goto out;
    if (prio < job->prio)
        job->prio = prio;
    c->next_id = c->next_id < INT32_MAX ? c->next_id + 1 : 1;
    w->result = (struct wsc_result){.id = c->next_id, .kind = kind, .user = user, .return_value = -1};
    w->deadline = mono_add_ms(now, deadline_ms ? deadline_ms : wsc_kind_deadline_ms(kind));
    err = (int)w->result.id;
    list_push(&job->waiters, &w->node);
    w = NULL;
    schedule(c, now);
out:
    free(w);
    wsc_work_free(&work);
    settle(c);
    return err;
}

/* --- events of channels --- */

void wsc_opened(struct wsclient *c, int chan, struct mono now) {
    enter(c);
    struct wsc_chan *ch = wsc_chan_find(c, chan);
    if (!ch)
        return;
    wsc_chan_opened(c, ch, now);
    schedule(c, now);
    settle(c);
}

void wsc_data(struct wsclient *c, int chan, struct slice data, struct mono now) {
    enter(c);
    struct wsc_chan *ch = wsc_chan_find(c, chan);
    if (!ch)
        return;
    wsc_chan_data(c, ch, data, now);
    schedule(c, now);
    settle(c);
}

void wsc_closed(struct wsclient *c, int chan, int err, struct mono now) {
    enter(c);
    struct wsc_chan *ch = wsc_chan_find(c, chan);
    if (!ch)
        return;
    wsc_chan_closed(c, ch, err ? err : ERR_CLOSED, now);
    schedule(c, now);
    settle(c);
}

int wsc_next_result(struct wsclient *c, struct wsc_result *r) {
    enter(c);
    struct list_node *n = c->busy ? list_pop(&c->busy->results) : NULL;
    if (n) {
        c->busy->delivered = CONTAINER_OF(n, struct wsc_waiter, node);
        *r = c->busy->delivered->result;
    }
    settle(c);
    return n != NULL;
}

size_t wsc_queue_length(const struct wsclient *c) {
    return c->busy ? c->busy->waiting : 0;
}
