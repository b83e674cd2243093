/* SPDX-License-Identifier: Apache-2.0 */
/* wsclient: the WS-MAN client of one device: a queue of jobs with priorities over HTTP channels. Sans-IO.
 * It spares weak firmware: few requests in flight, a token bucket, a circuit breaker; it survives a channel
 * closed early, an endless body, a wrong RelatesTo, 401 for ever, a zero window (by deadline).
 * Owner: the device's tunnel; its loop thread only. Source: reference protocol-cira-wsman 1.7, 2, 6.2. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"
#include "proto/amt.h"
#include "proto/amt_setup.h"

/* A job is one or several WS-MAN requests with one result. J(name, retry-safe, default deadline ms). */
#define WSC_JOB_TABLE(J)                                                                                     \
    J(POWER_READ, true, 15000)    /* Get CIM_AssociatedPowerManagementService */                             \
    J(INFO_READ, true, 60000)     /* the device card; a class that is absent is not an error */              \
    J(POWER_CHANGE, false, 30000) /* wake OS if saving, clear boot settings, RequestPowerStateChange(arg) */ \
    J(OPTIN_READ, true, 10000)    /* Get IPS_OptInService */                                                 \
    J(OPTIN_START, false, 15000)  /* StartOptIn, then read */                                                \
    J(OPTIN_SEND, false, 15000)   /* SendOptInCode(arg), then read */                                        \
    J(OPTIN_CANCEL, false, 15000) /* CancelOptIn, then read */                                               \
    J(KVM_TIMEOUT, false, 15000)  /* IPS_KVMRedirectionSettingData.SessionTimeout = arg, where it is not */  \
    /* set-up (amt_setup.h). Never shared; a method's ReturnValue is a fact (return_value), not a failure */ \
    J(SETUP_READ, false, 20000)  /* result.setup */                                                          \
    J(SETUP_CCM, false, 30000)   /* realm, then Setup(user, password): once */                               \
    J(CHAIN_ADD, false, 20000)   /* AddNextCertInChain(certificate); arg: bit 0 leaf, bit 1 root */          \
    J(SETUP_ACM, false, 30000)   /* realm, then AdminSetup(user, password, nonce, signature): once */        \
    J(UPGRADE_ACM, false, 30000) /* UpgradeClientToAdmin(nonce, signature): once */                          \
    J(ADMIN_SET, false, 20000)   /* realm, then SetAdminAclEntryEx(user, password) */                        \
    J(MEBX_SET, false, 20000)    /* SetMEBxPassword(password) */                                             \
    J(CLEAN, false, 60000)       /* unconfigure: remote access, TLS, certificates, detection; 5.6 */         \
    J(NETWORK_SET, false, 20000) /* AMT_GeneralSettings: host_name, domain, where they differ */             \
    J(CIRA_READ, false, 30000)   /* result.cira; classes that are denied or absent are passed over */        \
    J(CIRA_SET, false, 60000)    /* certificate, address, common_name, user, password, domain; arg: port |   \
                                    format << 16 (3 IPv4, 4 IPv6, 201 FQDN). What is as wanted is left */    \
    J(CIRA_SECRET, false, 20000) /* AMT_MPSUsernamePassword: user, password */                               \
    J(TLS_KEY, false, 60000)     /* GenerateKeyPair(RSA 2048): result.text: its public key, base64 DER */    \
    J(TLS_SET, false, 60000)     /* certificate (root), leaf; arg: bit 0 mutual, bit 1 plain allowed, too */ \
    J(FEATURES_SET, false, 30000) /* arg: bit 0 KVM, 1 SOL, 2 IDE-R; bits 8-9 consent: 0 none 1 KVM 2 all */ \
    J(CLOCK_SET, false, 15000)    /* arg: seconds since 1970 */                                              \
    J(UNPROVISION, false, 30000)  /* Unprovision(1): once */

enum wsc_job_kind {
#define J(name, safe, ms) WSC_##name,
    WSC_JOB_TABLE(J)
#undef J
        WSC_JOB_COUNT
};
enum wsc_priority { WSC_URGENT, WSC_NORMAL, WSC_IDLE, WSC_PRIORITY_COUNT };

struct wsc_limits {
    uint8_t in_flight_max;     /* requests at once; stops us from flooding firmware */
    uint8_t queue_max;         /* jobs waiting */
    uint8_t bucket_burst;      /* token bucket: requests at once after a rest … */
    uint32_t bucket_refill_ms; /* … and one more each this long */
    uint8_t breaker_failures;  /* consecutive failures that open the breaker */
    uint32_t breaker_open_ms;  /* first pause; doubles up to 16 times */
    uint32_t response_bytes_max;
    uint32_t idle_close_ms;   /* close an idle kept-alive channel before the firmware does */
    uint8_t unauthorized_max; /* 401 answers in a row before a job fails with ERR_AUTH */
    bool one_request;         /* a channel is for one request, and each says "Connection: close" */
};
#define WSC_LIMITS_DEFAULT                                                                                   \
    ((struct wsc_limits){.in_flight_max = 3,                                                                 \
                         .queue_max = 32,                                                                    \
                         .bucket_burst = 8,                                                                  \
                         .bucket_refill_ms = 250,                                                            \
                         .breaker_failures = 5,                                                              \
                         .breaker_open_ms = 2000,                                                            \
                         .response_bytes_max = 262144,                                                       \
                         .idle_close_ms = 20000,                                                             \
                         .unauthorized_max = 3})

/* The way to the device; ctx is handed back. Called from inside wsc_* calls, never re-entered.
 * APF binding: apf_open/apf_send/apf_close; with TLS (16993) the glue puts a TLS filter between. */
struct wsc_io {
    void *ctx;
    /* Open a channel to WS-MAN. A handle > 0, or an error: ERR_UNREACHABLE, ERR_LIMIT (no slot now). */
    int (*open)(void *ctx);
    int (*send)(void *ctx, int chan, struct slice data);
    void (*close)(void *ctx, int chan);
    /* Fresh random bytes for cnonces. */
    void (*random)(void *ctx, uint8_t *out, size_t n);
};

struct wsc_result {
    uint32_t id; /* what wsc_submit() returned */
    enum wsc_job_kind kind;
    void *user;
    int err;       /* 0, or why: ERR_TIMEOUT, ERR_CLOSED, ERR_AUTH, ERR_FAULT, ERR_REFUSED, ERR_PROTO … */
    char why[160]; /* sentence for err */
    /* of RequestPowerStateChange, StartOptIn, SendOptInCode, CancelOptIn; -1 when it was not reached. Set-up:
     * of the method that answered last (0 after a job without one); another value than 0 ended the job with
     * err 0: see amt_setup_return_text() */
    int64_t return_value;
    const char *method; /* whose return_value it is; static text; set-up only, NULL: none was reached */
    bool maybe_sent;    /* it failed without an answer after a request that must not be sent twice may have
                           reached the firmware */
    struct amt_power power;        /* POWER_READ */
    struct amt_optin optin;        /* OPTIN_…, as read last */
    const struct amt_info *info;   /* INFO_READ; valid until the next wsc_* call */
    const struct amt_setup *setup; /* SETUP_READ; the same */
    const struct amt_cira *cira;   /* CIRA_READ; the same */
    const char *text;              /* TLS_KEY; the same; NULL: none */
    int64_t rtt_us;                /* from first byte out to result */
};

struct wsclient;
/* lim, io, user and password are copied. NULL when out of memory. Under 600 bytes while no job is queued and
 * no channel is open; queues, channels and parsers exist only while they are needed. */
struct wsclient *wsc_new(const struct wsc_limits *lim, const struct wsc_io *io, const char *user,
                         const char *password);
/* Jobs that wait or run end without a result; open channels are closed through io. Secrets are wiped. */
void wsc_free(struct wsclient **c);
/* Parsers without work, shared by the clients of one loop. A parser is twelve kilobytes of expat, and needed
 * only while an answer comes in. NULL when out of memory. */
struct wsc_pool;
struct wsc_pool *wsc_pool_new(void);
/* After its clients. */
void wsc_pool_free(struct wsc_pool **p);
/* Without one the client makes a parser for each answer. p must outlive the client. */
void wsc_set_pool(struct wsclient *c, struct wsc_pool *p);
/* For the requests to come; the challenge is kept. Out of memory: the old ones stay, ERR_NOMEM. */
NODISCARD int wsc_set_password(struct wsclient *c, const char *user, const char *password);

/* Queue a job. arg: POWER_CHANGE's CIM code, OPTIN_SEND's code, KVM_TIMEOUT's minutes. deadline_ms 0: the
 * table's. An equal retry-safe job that still waits is shared: it is raised to the higher priority, and each
 * id gets its own result at its own deadline. Id (> 0); ERR_FULL; ERR_NOMEM. */
NODISCARD int wsc_submit(struct wsclient *c, enum wsc_job_kind kind, uint32_t arg, enum wsc_priority prio,
                         uint32_t deadline_ms, struct mono now, void *user);
/* The same for a job with texts; args is copied, its secrets are wiped when the job ends. NULL: none.
 * ERR_INVALID when a text that the kind needs is missing or empty; ERR_LIMIT: more than 64 KiB of texts. */
NODISCARD int wsc_submit_with(struct wsclient *c, enum wsc_job_kind kind, uint32_t arg,
                              const struct wsc_args *args, enum wsc_priority prio, uint32_t deadline_ms,
                              struct mono now, void *user);
/* Events of a channel opened through io.open; those of a handle that is gone are ignored. */
void wsc_opened(struct wsclient *c, int chan, struct mono now);
void wsc_data(struct wsclient *c, int chan, struct slice data, struct mono now);
/* The channel closed or failed to open (err: ERR_CLOSED, ERR_TIMEOUT, ERR_UNREACHABLE, ERR_TLS). The handle
 * is gone. */
void wsc_closed(struct wsclient *c, int chan, int err, struct mono now);
/* The tunnel is gone: all jobs fail with ERR_CLOSED; no io call is made any more for old channels. */
void wsc_tunnel_lost(struct wsclient *c, struct mono now);

/* Finished jobs: 1 and *r filled, 0 when none. Call after any other call, until it returns 0. */
int wsc_next_result(struct wsclient *c, struct wsc_result *r);
/* When to call wsc_tick() at the latest; MONO_NEVER when idle. */
struct mono wsc_deadline(const struct wsclient *c);
void wsc_tick(struct wsclient *c, struct mono now);
/* When the breaker is open: until then; MONO_NEVER when closed. */
struct mono wsc_breaker_until(const struct wsclient *c);
/* Jobs that wait for their first request. */
size_t wsc_queue_length(const struct wsclient *c);
