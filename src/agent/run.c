/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/run.h"

#include "agent/door.h"
#include "agent/facts.h"
#include "agent/job.h"
#include "agent/watch.h"
#include "base/json.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/ossl.h"
#include "http/now.h"
#include "rpc/fw.h"

#include <jansson.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    FACTS_MS = 5 * 60 * 1000,   /* how often they are looked at */
    REPORT_MS = 60 * 60 * 1000, /* told at the latest, changed or not */
    BUSY_WAIT_S = 2,            /* of a heartbeat while an order is carried out */
    WAIT_MAX_S = 25,
    BACK_OFF_FIRST_MS = 1000,
    BACK_OFF_MAX_MS = 60 * 1000,
    REFUSED_MS = 5 * 60 * 1000, /* a person must act: no hurry */
    RENEW_AGAIN_MS = 60 * 60 * 1000,
    DONE_MAX = 4,
};

struct agent {
    const struct agent_config *c;
    struct identity id;
    struct door *door;
    struct fw *fw;
    struct job job;
    struct buf told; /* the facts as last reported */
    struct mono facts_at, report_at, renew_at;
    char done[DONE_MAX][JOB_ID_CAP]; /* orders that are over: handed out again when our word was lost */
    struct {
        bool ok;
        char text[JOB_TEXT_CAP];
    } results[DONE_MAX];
    unsigned ndone;
    unsigned failures; /* in a row */
};

/* --- telling --- */

static int tell(struct agent *a, const char *path, struct buf *body, struct errinfo *ei) {
    int r = body->failed ? err_set(ei, ERR_NOMEM, "", "out of memory")
                         : door_post(a->door, path, buf_slice(body), NULL, ei);
    buf_free(body);
    return r;
}

static int tell_result(struct agent *a, const char *order, bool ok, const char *text, struct errinfo *ei) {
    struct buf body = {0};
    struct json j = json_of(&body);
    json_obj(&j);
    json_kstr(&j, "order", order);
    json_kbool(&j, "ok", ok);
    json_kstr(&j, "text", text);
    json_obj_end(&j);
    int r = tell(a, "/v1/agent/result", &body, ei);
    return r == ERR_NOT_FOUND ? 0 : r; /* nobody waits for it any more */
}

static int tell_progress(struct agent *a, struct errinfo *ei) {
    struct buf body = {0};
    struct json j = json_of(&body);
    if (!a->job.progress[0])
        return 0;
    json_obj(&j);
    json_kstr(&j, "order", a->job.id);
    json_kstr(&j, "text", a->job.progress);
    json_obj_end(&j);
    a->job.progress[0] = 0;
    int r = tell(a, "/v1/agent/progress", &body, ei);
    return r == ERR_NOT_FOUND ? 0 : r;
}

static int tell_facts(struct agent *a, bool now, struct errinfo *ei) {
    struct mono t = now_mono();
    struct serial serial;
    struct buf facts = {0}, body = {0};
    if (!now && (a->job.id[0] || mono_before(t, a->facts_at)))
        return 0; /* (an order has the firmware for itself) */
    facts_read(a->c, a->fw, &serial, &facts);
    a->facts_at = mono_add_ms(t, FACTS_MS);
    if (slice_eq(buf_slice(&facts), buf_slice(&a->told)) && mono_before(t, a->report_at) && !now) {
        buf_free(&facts);
        return 0;
    }
    struct json j = json_of(&body);
    json_obj(&j);
    json_key(&j, "facts");
    json_raw(&j, buf_slice(&facts));
    json_obj_end(&j);
    int r = tell(a, "/v1/agent/report", &body, ei);
    if (r < 0) {
        buf_free(&facts);
        a->facts_at = t; /* again as soon as it can be told */
        return r;
    }
    buf_free(&a->told);
    a->told = facts;
    a->report_at = mono_add_ms(t, REPORT_MS);
    return 0;
}

/* --- identity --- */

static int reopen(struct agent *a, struct errinfo *ei) {
    door_close(&a->door);
    return door_open(&a->door, a->c, &a->id, ei);
}

static int renew(struct agent *a, struct errinfo *ei) {
    struct identity next;
    if (!identity_is_due(&a->id, now_wall()) || mono_before(now_mono(), a->renew_at))
        return 0;
    a->renew_at = mono_add_ms(now_mono(), RENEW_AGAIN_MS);
    int r = door_renew(a->door, &a->id, &next, ei);
    if (r == 0 && (r = identity_save(&next, a->c->state_dir, ei)) < 0)
        identity_free(&next); /* the old one counts until the new one was used */
    if (r < 0)
        return r;
    identity_free(&a->id);
    a->id = next;
    log_info("agent", "the certificate was renewed");
    return reopen(a, ei);
}

/* --- orders --- */

static const char *text_of(const json_t *o, const char *name) {
    const char *s = json_string_value(json_object_get(o, name));
    return s ? s : "";
}

static int over(struct agent *a, const char *id, bool ok, const char *text, struct errinfo *ei) {
    unsigned at = a->ndone++ % DONE_MAX;
    snprintf(a->done[at], JOB_ID_CAP, "%s", id);
    a->results[at].ok = ok;
    snprintf(a->results[at].text, JOB_TEXT_CAP, "%s", text);
    log_info("agent", "order %s %s: %s", id, ok ? "is done" : "failed", text);
    return tell_result(a, id, ok, text, ei);
}

static int take_order(struct agent *a, const json_t *o, struct errinfo *ei) {
    struct order order = {.enable = json_is_true(json_object_get(o, "enable")),
                          .local = json_is_true(json_object_get(o, "local"))};
    struct errinfo why = {0};
    if (!slice_to_str(slice_str(text_of(o, "id")), order.id, sizeof order.id) || !order.id[0] ||
        !slice_to_str(slice_str(text_of(o, "kind")), order.kind, sizeof order.kind) ||
        !slice_to_str(slice_str(text_of(o, "profile")), order.profile, sizeof order.profile))
        return err_set(ei, ERR_PROTO, "", "the server gave an order that has no sense");
    if (strcmp(a->job.id, order.id) == 0)
        return 0;
    for (unsigned i = 0; i < DONE_MAX; i++)
        if (strcmp(a->done[i], order.id) == 0)
            return tell_result(a, order.id, a->results[i].ok, a->results[i].text, ei);
    if (strcmp(order.kind, "report") == 0) {
        int r = tell_facts(a, true, ei);
        return r < 0 ? r : over(a, order.id, true, "told", ei);
    }
    int r = job_start(&a->job, &order, a->c, &a->id, &why);
    if (r == ERR_STATE)
        return 0; /* it is handed out again */
    if (r < 0)
        return over(a, order.id, false, why.text, ei);
    log_info("agent", "order %s: %s", order.id, order.kind);
    return 0;
}

static int look_after_job(struct agent *a, struct errinfo *ei) {
    job_look(&a->job);
    if (!a->job.id[0])
        return 0;
    int r = tell_progress(a, ei);
    if (r < 0 || !a->job.ended)
        return r;
    r = tell_facts(a, true, ei); /* what it changed is known before its end is */
    if (r == 0)
        r = over(a, a->job.id, a->job.ok, a->job.text, ei);
    if (r == 0)
        job_clear(&a->job);
    return r;
}

static int heartbeat(struct agent *a, bool once, struct errinfo *ei) {
    struct buf body = {0};
    json_t *o = NULL, *order;
    size_t i;
    int mode = facts_control_mode(a->fw), r = 0;
    uint32_t most = a->id.heartbeat_s && a->id.heartbeat_s < WAIT_MAX_S ? a->id.heartbeat_s : WAIT_MAX_S;
    struct json j = json_of(&body);
    json_obj(&j);
    json_kint(&j, "waitSeconds", once ? 0 : a->job.id[0] ? BUSY_WAIT_S : most);
    if (mode >= 0)
        json_kint(&j, "controlMode", mode);
    json_kstr(&j, "running", a->job.id);
    json_kwall(&j, "clock", now_wall());
    json_obj_end(&j);
    r = door_post(a->door, "/v1/agent/heartbeat", buf_slice(&body), &o, ei);
    buf_free(&body);
    if (r == 0)
        json_array_foreach(json_object_get(o, "orders"), i, order) if (r == 0) r = take_order(a, order, ei);
    json_decref(o);
    return r;
}

/* --- the loop --- */

static int turn(struct agent *a, bool once, struct errinfo *ei) {
    int r = a->door ? 0 : reopen(a, ei);
    if (r == 0)
        r = look_after_job(a, ei);
    if (r == 0)
        r = renew(a, ei);
    if (r == 0)
        r = tell_facts(a, false, ei);
    return r == 0 ? heartbeat(a, once, ei) : r;
}

/* Many agents lose the same server at once: none of them comes back at the same moment. */
static void rest(const struct agent *a, int err) {
    uint32_t random = 0;
    int64_t ms = BACK_OFF_FIRST_MS;
    for (unsigned i = 1; i < a->failures && ms < BACK_OFF_MAX_MS; i++)
        ms *= 2;
    if (ms > BACK_OFF_MAX_MS)
        ms = BACK_OFF_MAX_MS;
    if (err == ERR_AUTH)
        ms = REFUSED_MS;
    (void)!RAND_bytes((unsigned char *)&random, sizeof random);
    ms = ms / 2 + (int64_t)(random % (uint32_t)(ms / 2 + 1));
    struct mono until = mono_add_ms(now_mono(), ms);
    for (int64_t left; (left = mono_ms_between(now_mono(), until)) > 0;) {
        struct timespec ts = {0, (left < 500 ? left : 500) * 1000000};
        notify_send("WATCHDOG=1");
        nanosleep(&ts, NULL);
    }
}

static void failed(struct agent *a, int err, const struct errinfo *ei) {
    a->failures++;
    if (a->failures == 1 || a->failures % 20 == 0 || err == ERR_AUTH)
        log_warn("agent", "%s%s%s", ei->text, ei->remedy[0] ? ". " : "", ei->remedy);
    door_close(&a->door);
    rest(a, err);
    struct identity now;
    if (err == ERR_AUTH && identity_load(&now, a->c->state_dir, NULL) == 0) {
        identity_free(&a->id); /* a person may have enrolled the node anew */
        a->id = now;
    }
}

int agent_run(const struct agent_config *c, bool once, struct errinfo *ei) {
    struct agent a = {.c = c, .job.fd = -1};
    int r = identity_load(&a.id, c->state_dir, ei);
    if (r == 0 && !(a.fw = fw_new(c->mei[0] ? c->mei : NULL)))
        r = err_set(ei, ERR_NOMEM, "", "out of memory");
    if (r == 0 && !once)
        r = watch_start(c, ei);
    if (r == 0)
        r = reopen(&a, ei);
    if (r == 0) {
        log_info("agent", "pm-agent " OUTBAND_VERSION " speaks for %s (%s)", a.id.name, a.id.host);
        notify_send("READY=1");
    }
    while (r == 0) {
        struct errinfo why = {0};
        notify_send("WATCHDOG=1");
        int err = turn(&a, once, &why);
        if (once) {
            if (ei)
                *ei = why;
            r = err;
            break;
        }
        if (err < 0)
            failed(&a, err, &why);
        else
            a.failures = 0;
    }
    while (once && r == 0 && a.job.id[0]) { /* an order that was taken is carried out */
        struct timespec ts = {0, 100 * 1000000};
        nanosleep(&ts, NULL);
        r = look_after_job(&a, ei);
    }
    job_clear(&a.job);
    door_close(&a.door);
    fw_free(&a.fw);
    buf_free(&a.told);
    identity_free(&a.id);
    return r;
}
