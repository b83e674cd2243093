/* SPDX-License-Identifier: Apache-2.0 */
/* wsclient_int: what the sources of wsclient share. wsclient.c: queue, limits, results. wsclient_chan.c:
 * channels, HTTP, digest. wsclient_job.c: which requests a job makes and what their answers mean; its plans
 * are there and in wsclient_redir.c, wsclient_setup.c, wsclient_settings.c, wsclient_remote.c,
 * wsclient_clean.c and wsclient_tls.c.
 */
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
    WSC_POOL_MAX = 8,       /* stops one crowded moment from keeping its memory for ever */
    WSC_ARGS_MAX = 65536,   /* bytes of all texts of a job */
    WSC_SECRET_ROOM = 8192, /* a request with secrets in it is built without moving: no copy is left behind */
    WSC_KEY_TEXT_CAP = 1024, /* base64 of a public key */
    WSC_INSTANCE_CAP = 128,  /* a selector's value */
};

/* What a job has read and does not fit into a result; shared by all results of one job. */
struct wsc_card {
    uint32_t refs;
    union {
        struct amt_info info;        /* INFO_READ */
        struct amt_setup setup;      /* SETUP_READ */
        struct amt_cira cira;        /* CIRA_READ */
        char text[WSC_KEY_TEXT_CAP]; /* TLS_KEY */
    };
};

/* What a job of set-up has beside it: a copy of its arguments, and what its steps have learnt. The texts lie
 * behind it in the same block, which is wiped whole. */
struct wsc_work {
    size_t bytes;
    struct wsc_args args;
    char realm[DIGEST_REALM_MAX];
    struct buf names;                /* NUL-ended: the instances that are still to be handled … */
    struct buf later;                /* … and those that must wait for them */
    char instance[WSC_INSTANCE_CAP]; /* the MPS entry, key or certificate at hand */
    bool have_root, have_context, same_server, have_periodic, have_user, changed;
    uint32_t device_time_s;
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
    const char *method;    /* whose ReturnValue that is; NULL: none yet */
    char fault[128];       /* the last fault that was passed over */
    struct wsc_work *work; /* of set-up; else NULL */
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

/* --- wsclient_job.c --- */
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
    /* where to go on after a fault; NULL or WSC_STEP_FAULT: it ends the job */
    uint8_t (*fault)(struct wsc_job *job);
    const char *key;   /* name of the selector; NULL: none … */
    const char *value; /* … and its value; NULL: the first of work->names */
    /* append further selectors, whose values are endpoint references; NULL: none */
    int (*put_selectors)(const struct wsc_job *job, struct buf *out);
    uint16_t pause_ms; /* before this step */
};
#define WSC_GET(class, on, on_fault)                                                                         \
    { .cls = WSMAN_##class, .op = WSMAN_GET, .answer = on, .fault = on_fault }
#define WSC_ENUMERATE(class, on, on_fault)                                                                   \
    { .cls = WSMAN_##class, .op = WSMAN_ENUMERATE, .answer = on, .fault = on_fault }
#define WSC_PUT(class, put, on, on_fault)                                                                    \
    { .cls = WSMAN_##class, .op = WSMAN_PUT, .put_body = put, .answer = on, .fault = on_fault }
#define WSC_DELETE(class, name, on, on_fault)                                                                \
    { .cls = WSMAN_##class, .op = WSMAN_DELETE, .key = name, .answer = on, .fault = on_fault }
#define WSC_CALL(class, name, put, on, on_fault)                                                             \
    {                                                                                                        \
        .cls = WSMAN_##class, .op = WSMAN_INVOKE, .method = name, .put_body = put, .answer = on,             \
        .fault = on_fault                                                                                    \
    }
/* One of the two AMT_TLSSettingData: of the network, or of the host's own ports (4.11). */
#define WSC_TLS_REMOTE "Intel(r) AMT 802.3 TLS Settings"
#define WSC_TLS_LOCAL  "Intel(r) AMT LMS TLS Settings"
#define WSC_TLS_GET(which, on, on_fault)                                                                     \
    {                                                                                                        \
        .cls = WSMAN_AMT_TLSSettingData, .op = WSMAN_GET, .key = "InstanceID", .value = which, .answer = on, \
        .fault = on_fault                                                                                    \
    }
#define WSC_TLS_PUT(which, wait_ms, on)                                                                      \
    {                                                                                                        \
        .cls = WSMAN_AMT_TLSSettingData, .op = WSMAN_PUT, .key = "InstanceID", .value = which,               \
        .put_body = wsc_put_body, .answer = on, .pause_ms = wait_ms                                          \
    }
/* A method that must not be sent twice. */
#define WSC_CALL_ONCE(class, name, put, on, on_fault)                                                        \
    {                                                                                                        \
        .cls = WSMAN_##class, .op = WSMAN_INVOKE, .method = name, .unsafe = true, .put_body = put,           \
        .answer = on, .fault = on_fault                                                                      \
    }
struct wsc_plan {
    const struct wsc_step *steps;
    uint8_t n;
};
#define WSC_PLAN(steps)                                                                                      \
    { steps, sizeof steps / sizeof steps[0] }
#define J(name, ...) extern const struct wsc_plan WSC_PLAN_##name;
WSC_JOB_TABLE(J)
#undef J
/* The method of the step at hand, NULL: none. */
const char *wsc_method_of(const struct wsc_job *job);
/* The last fault of the job is that one. */
bool wsc_fault_is(const struct wsc_job *job, const char *subcode);
/* The job's card, made at the first call; NULL when out of memory. */
struct wsc_card *wsc_card_of(struct wsc_job *job);
/* An answer to Get, Enumerate or Pull: each instance goes to each (false: out of memory), then the step goes
 * on with another Pull or, at the end, where after says. each with instance 0: the sequence begins (anew). */
uint8_t wsc_walk(struct wsc_job *job, const struct wsman_msg *m,
                 bool (*each)(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance),
                 uint8_t (*after)(struct wsc_job *job));
/* Append the <Method_INPUT> of the step at hand; parameters without a value are left out. */
struct wsc_param {
    const char *name, *value;
};
int wsc_put_params(const struct wsc_job *job, struct buf *out, const struct wsc_param *params, size_t n);
#define WSC_PUT_PARAMS(job, out, params) wsc_put_params(job, out, params, sizeof params / sizeof params[0])

/* --- wsclient_setup.c: what the plans of set-up share --- */
/* Those jobs have a struct wsc_work. */
static inline bool wsc_kind_has_work(enum wsc_job_kind kind) {
    return kind >= WSC_SETUP_READ;
}
/* A copy of args (NULL: none) for a job. ERR_INVALID when one that the kind needs is missing, ERR_LIMIT,
 * ERR_NOMEM. */
NODISCARD int wsc_work_new(enum wsc_job_kind kind, const struct wsc_args *args, struct wsc_work **out);
/* Wiped. */
void wsc_work_free(struct wsc_work **w);
/* Steps: what was asked for is done, on with the next one; the same after a fault. */
uint8_t wsc_next(struct wsc_job *job, const struct wsman_msg *m);
uint8_t wsc_pass_over(struct wsc_job *job);
/* The same, when the fault only says that there is nothing to do: absent, or there already. */
uint8_t wsc_pass_absent(struct wsc_job *job);
/* The answer of a method: its ReturnValue is a fact; another one than 0 ends the job. */
uint8_t wsc_on_method(struct wsc_job *job, const struct wsman_msg *m);
/* The same; that it exists already is fine. */
uint8_t wsc_on_add(struct wsc_job *job, const struct wsman_msg *m);
/* A method without parameters; the trusted root of the job's arguments. */
int wsc_put_nothing(const struct wsc_job *job, struct buf *out);
int wsc_put_root(const struct wsc_job *job, struct buf *out);
/* The body of the Put to come is in job->body. */
int wsc_put_body(const struct wsc_job *job, struct buf *out);
/* Make that body from a Get's answer (amt_put_changed) and go on with the next step, the Put. */
uint8_t wsc_change(struct wsc_job *job, const struct wsman_msg *m, enum wsman_class cls,
                   const struct amt_edit *edits, size_t n);
/* work->names, or another list of its kind. A name that no selector of ours could hold is left out; false:
 * out of memory. */
bool wsc_name_add(struct buf *names, struct slice name);
/* "" when there is none */
const char *wsc_name_first(const struct wsc_job *job);
void wsc_name_drop(struct wsc_job *job);

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
