/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: one table of counters and gauges; each shard counts its own, /metrics adds them up. */
#pragma once

#include "base/buf.h"

#include <stdatomic.h>
#include <stdint.h>

/* M(symbol, prometheus name, type, help) */
#define METRIC_TABLE(M)                                                                                      \
    M(TUNNELS_UP, "outband_tunnels", "gauge", "Authenticated CIRA tunnels open now")                         \
    M(TUNNELS_PENDING, "outband_tunnels_pending", "gauge",                                                   \
      "Connections on the CIRA port not authenticated yet")                                                  \
    M(LOGINS, "outband_logins_total", "counter", "CIRA logins accepted")                                     \
    M(LOGINS_REFUSED, "outband_logins_refused_total", "counter",                                             \
      "CIRA logins refused: unknown user, wrong password, denied")                                           \
    M(TUNNELS_LOST, "outband_tunnels_lost_total", "counter", "Tunnels that ended, whatever the cause")       \
    M(TUNNELS_SILENT, "outband_tunnels_silent_total", "counter", "Tunnels given up after silence")           \
    M(TUNNELS_LIMITED, "outband_tunnels_limited_total", "counter",                                           \
      "Connections refused by a limit of the CIRA port")                                                     \
    M(APF_ERRORS, "outband_apf_errors_total", "counter", "Tunnels closed because the peer broke APF")        \
    M(WSMAN_JOBS, "outband_wsman_jobs_total", "counter", "WS-MAN jobs finished")                             \
    M(WSMAN_FAILED, "outband_wsman_failed_total", "counter", "WS-MAN jobs that failed")                      \
    M(OPERATIONS_DONE, "outband_operations_done_total", "counter", "Power operations confirmed")             \
    M(OPERATIONS_FAILED, "outband_operations_failed_total", "counter", "Power operations failed or expired") \
    M(RECOVERIES, "outband_recoveries_total", "counter", "Power operations started by reconcile")            \
    M(HTTP_CONNECTIONS, "outband_http_connections", "gauge", "HTTPS connections open now")                   \
    M(HTTP_REQUESTS, "outband_http_requests_total", "counter", "HTTP requests answered")                     \
    M(HTTP_ERRORS, "outband_http_errors_total", "counter", "HTTP requests answered with 5xx")                \
    M(EVENTS, "outband_events_total", "counter", "Events published")                                         \
    M(EVENTS_DROPPED, "outband_events_dropped_total", "counter",                                             \
      "Events a slow subscriber lost (it resumes from the store)")                                           \
    M(SUBSCRIBERS, "outband_event_subscribers", "gauge", "Event stream subscribers now")                     \
    M(SESSIONS, "outband_sessions", "gauge", "KVM, SOL and IDE-R sessions with a viewer now")                \
    M(SESSION_BYTES, "outband_session_bytes_total", "counter", "Bytes of sessions, from nodes to viewers")   \
    M(RPS_CLIENTS, "outband_activation_clients", "gauge", "Clients of /activate connected now")              \
    M(RPS_DONE, "outband_activation_done_total", "counter", "Commands of /activate that succeeded")          \
    M(RPS_FAILED, "outband_activation_failed_total", "counter", "Commands of /activate that failed")         \
    M(RPS_LIMITED, "outband_activation_limited_total", "counter",                                            \
      "Clients of /activate refused by activate.clients_max")                                                \
    M(LOGIN_FAILURES, "outband_user_login_failures_total", "counter", "Failed user logins")

enum metric {
#define M(sym, ...) METRIC_##sym,
    METRIC_TABLE(M)
#undef M
        METRIC_COUNT
};
struct metrics {
    _Atomic int64_t v[METRIC_COUNT];
};
static inline void metric_add(struct metrics *m, enum metric k, int64_t n) {
    atomic_fetch_add_explicit(&m->v[k], n, memory_order_relaxed);
}

struct metric_row {
    const char *name, *type, *help;
};
extern const struct metric_row metric_rows[METRIC_COUNT];
int64_t metric_read(const struct metrics *m, enum metric k);
/* Prometheus text: the sum over all parts. */
void metrics_print(struct buf *out, const struct metrics *const *parts, size_t nparts);
/* The table as Markdown: `outbandd print-docs metrics`. */
void metrics_print_docs(struct buf *out);
