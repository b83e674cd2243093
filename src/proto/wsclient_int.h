/* SPDX-License-Identifier: Apache-2.0 */
/* wsclient_int: what the three sources of wsclient share. wsclient.c: queue, limits, results.
 * wsclient_chan.c: channels, HTTP, digest. wsclient_job.c: which requests a job makes and what their answers
 * mean. */
#pragma once

#include "base/list.h"
#include "proto/digest.h"
#include "proto/http1.h"
#include "proto/wsclient.h"

enum {
    WSC_SHARERS_MAX = 64,     /* submissions that share one job */
    WSC_OPEN_TRIES = 3,       /* quirk Q2: a forward comes back on demand … */
    WSC_OPEN_PAUSE_MS = 250,  /* … within this */
    WSC_FRESH_MS = 2000,      /* an idle channel older than this is not trusted with a request that must
                                 not be sent twice: the firmware may be closing it right now */
    WSC_PULLS_MAX = 100,      /* of one enumeration, 6.2 */
    WSC_INSTANCES_MAX = 1000, /* of one enumeration, 6.2 */
    WSC_BREAKER_GROWTH_MAX = 16,
    WSC_POOL_MAX = 8, /* stops one crowded moment from keeping its memory for ever */
};

/* The device card is shared by all results of one job. */
struct wsc_card {
    uint32_t refs;
    struct amt_info info;
};

/* One wsc_submit(); becomes its result, so that no result is ever lost for want of memory. */
struct wsc_waiter {
    struct list_node node; /* in job.waiters, then in busy.results */
    struct mono deadline;
    struct wsc_result result;
    struct wsc_card *card;
};

enum wsc_job_state {
    WSC_JOB_WAITING, /* has not sent anything yet; may be shared */
    WSC_JOB_READY,   /* between two requests, or before another try */
    WSC_JOB_BUSY,    /* has a channel */
};

struct wsc_job {
    struct list_node node; /* in busy.jobs, in the order of submission */
    enum wsc_job_state state;
    enum wsc_job_kind kind;
    enum wsc_priority prio;
    uint32_t arg;
    struct list waiters; /* never empty while the job lives */
    struct mono not_before;
    struct mono first_out; /* MONO_NEVER until a byte was sent */
    /* the request at hand */
    uint8_t step;        /* index in the plan of its kind */
    uint64_t message_id; /* RelatesTo must say this */
    uint8_t open_tries, unauthorized;
    bool retried;       /* once after a close */
    bool maybe_sent;    /* the power request went out, its answer has not come */
    struct buf context; /* enumeration: the next request is a Pull */
    struct buf body;    /* of the Put to come */
    uint16_t pulls, instances, answered;
    bool destructive; /* boot options that erase something are set */
    /* the outcome */
    struct amt_power power;
    struct amt_optin optin;
    struct wsc_card *card;
    int64_t return_value;
    char fault[128]; /* the last fault that was passed over */
};

enum wsc_chan_state { WSC_CHAN_OPENING, WSC_CHAN_BUSY, WSC_CHAN_IDLE };

struct wsc_chan {
    struct list_node node;
    enum wsc_chan_state state;
    int handle;
    struct wsc_job *job; /* NULL when idle */
    struct http1 *http;
    struct wsman_parser *parser; /* while a body comes in */
    int parse_err;
    bool served;     /* has answered an earlier request */
    bool got_bytes;  /* of the answer at hand */
    bool authorized; /* the request carried credentials … */
    uint64_t nonce;  /* … for this nonce (its hash) */
    struct mono idle_since;
};

struct wsc_pool {
    struct wsman_parser *idle[WSC_POOL_MAX];
    uint32_t nidle;
    uint32_t bytes_max; /* the limit that they were made with */
};

/* All that an idle client does not need. */
struct wsc_busy {
    struct list jobs, chans, results;
    uint32_t waiting, in_flight;  /* jobs in those states */
    struct wsc_waiter *delivered; /* its card is still looked at */
};

struct wsclient {
    struct wsc_limits lim;
    struct wsc_io io;
    struct wsc_pool *pool; /* may be NULL */
    char *user, *password; /* one block, wiped before it is freed */
    size_t secret_bytes;
    struct digest_client digest;
    struct wsc_busy *busy;
    uint64_t message_id; /* counts per device */
    uint32_t next_id;
    bool answered; /* the device has shown a challenge, or that it wants none */
    uint8_t failures, breaker_growth;
    bool breaker_open;
    uint8_t tokens;
    struct mono breaker_until, bucket_at;
};

/* --- wsclient.c --- */
void wsc_job_set_state(struct wsclient *c, struct wsc_job *job, enum wsc_job_state state);
/* Try (or go on) no earlier than at that time. */
void wsc_job_ready(struct wsclient *c, struct wsc_job *job, struct mono at);
/* End the job: every waiter gets its result; job is gone. */
void wsc_job_done(struct wsclient *c, struct wsc_job *job, struct mono now);
void wsc_job_failed(struct wsclient *c, struct wsc_job *job, struct mono now, int err, const char *fmt, ...)
    PRINTF_LIKE(5, 6);

/* --- wsclient_limit.c --- */
/* The device gave an answer that makes sense. */
void wsc_breaker_close(struct wsclient *c);
void wsc_breaker_failed(struct wsclient *c, struct mono now);
/* One request goes out. */
void wsc_token_take(struct wsclient *c, struct mono now);
/* When the job may send its next request; MONO_NEVER: when another request has ended. */
struct mono wsc_ready_at(const struct wsclient *c, const struct wsc_job *job);

/* --- wsclient_chan.c --- */
/* Send the job's next request over an idle channel or a new one. */
void wsc_start(struct wsclient *c, struct wsc_job *job, struct mono now);
/* Forget the channel; tell: close it through io. */
void wsc_chan_drop(struct wsclient *c, struct wsc_chan *ch, bool tell);
struct wsc_chan *wsc_chan_find(const struct wsclient *c, int handle);
void wsc_chan_opened(struct wsclient *c, struct wsc_chan *ch, struct mono now);
void wsc_chan_data(struct wsclient *c, struct wsc_chan *ch, struct slice data, struct mono now);
void wsc_chan_closed(struct wsclient *c, struct wsc_chan *ch, int err, struct mono now);
struct wsc_chan *wsc_chan_of_job(const struct wsclient *c, const struct wsc_job *job);

/* --- wsclient_job.c: the plans; wsclient_redir.c: those of consent and KVM --- */
/* What an answer leads to: the index of the next step, or one of these. */
enum {
    WSC_STEP_DONE = 255,
    WSC_STEP_NO_SENSE = 254,
    WSC_STEP_REFUSED = 253,
    WSC_STEP_FAULT = 252,
    WSC_STEP_NOMEM = 251
};
struct wsc_step {
    enum wsman_class cls;
    enum wsman_op op;
    const char *method;
    bool unsafe; /* must not be sent twice */
    /* NULL: an empty body */
    int (*put_body)(const struct wsc_job *job, struct buf *out);
    uint8_t (*answer)(struct wsc_job *job, const struct wsman_msg *m);
    /* where to go on after a fault; WSC_STEP_FAULT ends the job */
    uint8_t (*fault)(struct wsc_job *job);
};
struct wsc_plan {
    const struct wsc_step *steps;
    uint8_t n;
};
#define WSC_PLAN(steps)                                                                                      \
    { steps, sizeof steps / sizeof steps[0] }
#define J(name, ...) extern const struct wsc_plan WSC_PLAN_##name;
WSC_JOB_TABLE(J)
#undef J
uint8_t wsc_must_not_fault(struct wsc_job *job);

struct wsc_answer {
    int status;            /* of HTTP */
    struct wsman_msg *msg; /* NULL when there was none, or err */
    int err;               /* of the parser */
    char why[128];
};
bool wsc_kind_safe(enum wsc_job_kind kind);
uint32_t wsc_kind_deadline_ms(enum wsc_job_kind kind);
uint8_t wsc_first_step(enum wsc_job_kind kind, uint32_t arg);
/* May the request at hand be sent again when it is not known whether it arrived? */
bool wsc_step_safe(const struct wsc_job *job);
/* Append the envelope of the request at hand. */
int wsc_put_step(const struct wsc_job *job, struct buf *out);
/* The request at hand is to be sent again. */
void wsc_step_again(struct wsc_job *job);
/* A complete answer but 401: go on with the next step, or end the job. */
void wsc_step_answered(struct wsclient *c, struct wsc_job *job, const struct wsc_answer *a, struct mono now);
