/* SPDX-License-Identifier: Apache-2.0 */
/* Maintenance that is one job of WS-MAN or none, with the node's stored password; and the words in which
 * clients are told how it went. */
#include "server/rps_int.h"

#include "store/seal.h"

#include <stdio.h>

/* --- tasks --- */

static void done(struct rps_conn *c, const char *text) {
    struct rps_outcome o = {0};
    snprintf(o.status, sizeof o.status, "%s", text);
    rps_end(c, true, &o);
}

/* A WS-MAN client of the door's own, logged in as the server. */
static int make_client(struct rps_conn *c, const struct fleet_host *fh, struct errinfo *ei) {
    const struct app *a = c->shard->app;
    struct wsc_limits lim = a->wsc_limits;
    char context[HOST_ID_CAP + 8], secret[SEALED_MAX] = "";
    if (!fh->amt_secret.n || !c->way.dev.current_mode) {
        err_set(ei, ERR_STATE, "", "the node is not provisioned by this server");
        err_remedy(ei, "Activate it first.");
        return ERR_STATE;
    }
    snprintf(context, sizeof context, "%s/amt", fh->h.id);
    if (seal_open(a->seal, context, &fh->amt_secret, secret, sizeof secret) < 0)
        return err_set(ei, ERR_CRYPTO, "", "the node's AMT password cannot be opened with the server's key");
    lim.one_request = !c->way.dev.tls_enforced;
    c->way.ws = wsc_new(&lim, &c->way.io, *fh->h.amt_user ? fh->h.amt_user : "admin", secret);
    explicit_bzero(secret, sizeof secret);
    if (!c->way.ws)
        return err_set(ei, ERR_NOMEM, "", "the server is out of memory");
    wsc_set_pool(c->way.ws, c->shard->wsc_pool);
    c->task = true;
    return 0;
}

static int submit(struct rps_conn *c, enum wsc_job_kind job, uint32_t arg, const struct wsc_args *args,
                  struct errinfo *ei) {
    int id = wsc_submit_with(c->way.ws, job, arg, args, WSC_URGENT, 0, rps_now(c), NULL);
    return id < 0 ? err_set(ei, id, "", "the job could not begin: %s", err_text(id)) : 0;
}

static int sync_time(struct rps_conn *c, const struct fleet_host *fh, struct errinfo *ei) {
    int err = make_client(c, fh, ei);
    return err ? err : submit(c, WSC_CLOCK_SET, (uint32_t)(loop_wall(c->shard->loop).us / 1000000), NULL, ei);
}

static int sync_host_name(struct rps_conn *c, const struct fleet_host *fh, struct errinfo *ei) {
    const struct rps_device *d = &c->way.dev;
    struct wsc_args args = {.host_name = d->host_name,
                            .domain = *d->dns_suffix_os ? d->dns_suffix_os : d->fqdn};
    if (!*d->host_name)
        return err_set(ei, ERR_INVALID, "hostname", "the client told no host name");
    int err = make_client(c, fh, ei);
    return err ? err : submit(c, WSC_NETWORK_SET, 0, &args, ei);
}

static int sync_ip(struct rps_conn *c, const struct fleet_host *fh, struct errinfo *ei) {
    (void)fh;
    if (!c->first.info.dhcp && c->first.info.static_ip)
        return err_set(ei, ERR_UNSUPPORTED, "ipConfiguration",
                       "fixed addresses are not set by this server: the firmware keeps its own");
    done(c, "Nothing to do: the firmware takes its address by DHCP, as the node does.");
    return 0;
}

static int sync_device_info(struct rps_conn *c, const struct fleet_host *fh, struct errinfo *ei) {
    (void)fh, (void)ei;
    done(c, "The server reads what it shows of the node by itself.");
    return 0;
}

static int (*const TASKS[RPS_TASK_COUNT])(struct rps_conn *c, const struct fleet_host *fh,
                                          struct errinfo *ei) = {
    [RPS_TASK_SYNC_TIME] = sync_time,
    [RPS_TASK_SYNC_IP] = sync_ip,
    [RPS_TASK_SYNC_HOST_NAME] = sync_host_name,
    [RPS_TASK_SYNC_DEVICE_INFO] = sync_device_info,
};

int rps_task_begin(struct rps_conn *c, struct fleet_host *fh, struct errinfo *ei) {
    return TASKS[c->first.command.task](c, fh, ei);
}

void rps_task_turn(struct rps_conn *c) {
    struct wsc_result r;
    struct errinfo ei = {0};
    if (!c->way.ws || !wsc_next_result(c->way.ws, &r))
        return;
    if (r.err)
        err_set(&ei, r.err, "", "%s failed: %s", rps_task_option(c->first.command.task), r.why);
    else if (r.return_value > 0)
        err_set(&ei, ERR_REFUSED, "", "%s failed: %s (%lld)", rps_task_option(c->first.command.task),
                amt_setup_return_text(r.method, r.return_value), (long long)r.return_value);
    if (ei.code)
        rps_refuse(c, &ei);
    else
        done(c, c->first.command.task == RPS_TASK_SYNC_TIME ? "Time Synchronized" : "Host Name Updated");
}

/* --- how a provisioning went --- */

/* P(part, first step of it, last step) */
#define PARTS(P)                                                                                             \
    P(ACTIVATION, READ, MEBX)                                                                                \
    P(WIRED, NETWORK, NETWORK) P(CIRA, CIRA, CIRA_SECRET) P(TLS, TLS_KEY, TLS)

static const char *mode_text(const struct provision *p) {
    return p->mode == AMT_MODE_ACM   ? "admin control mode"
           : p->mode == AMT_MODE_CCM ? "client control mode"
                                     : "";
}

static void set_part(struct rps_outcome *o, const struct provision *p, bool ok, enum rps_part part,
                     enum prov_step first, enum prov_step last) {
    if (ok || p->step > last)
        o->parts[part].result = RPS_RESULT_SUCCESS;
    else if (p->step >= first)
        o->parts[part].result = RPS_RESULT_FAILURE;
    if (o->parts[part].result == RPS_RESULT_FAILURE)
        snprintf(o->parts[part].details, RPS_TEXT_CAP, "%s", p->text);
}

void rps_outcome_of(const struct provision *p, bool ok, struct rps_outcome *o) {
    *o = (struct rps_outcome){0};
    if (ok)
        snprintf(o->status, sizeof o->status, "%s", p->text);
    else
        snprintf(o->status, sizeof o->status, "%s%s%s", p->text, *p->remedy ? ". " : "", p->remedy);
    if (p->goal != PROV_GOAL_ACTIVATE)
        return;
    o->has_parts = true;
#define P(part, first, last) set_part(o, p, ok, RPS_PART_##part, PROV_STEP_##first, PROV_STEP_##last);
    PARTS(P)
#undef P
    if (!p->tls)
        o->parts[RPS_PART_TLS].result = (enum rps_result)0;
    snprintf(o->parts[RPS_PART_ACTIVATION].mode, AMT_TEXT_CAP, "%s", mode_text(p));
    if (ok) {
        snprintf(o->network, sizeof o->network, "Wired Network Configured");
        snprintf(o->cira, sizeof o->cira, "Configured");
    }
}
