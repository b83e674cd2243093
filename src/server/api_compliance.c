/* SPDX-License-Identifier: Apache-2.0 */
/* api_compliance: which nodes can have AMT switched off, by what, and which cannot: the report that a
 * security policy asks for, with the exceptions that were granted. */
#include "server/api.h"

#include "core/identity.h"
#include "server/compliance.h"
#include "server/objects.h"
#include "server/reading.h"

#include <stdio.h>

enum compliance compliance_of(const struct host *h, bool excepted) {
    struct bios_switch b = host_bios_switch(h);
    if (b.state == AGENT_SWITCH_PRESENT || host_firmware_switch(h) == AGENT_SWITCH_PRESENT)
        return COMPLIANCE_OK;
    if (excepted)
        return COMPLIANCE_EXCEPTION;
    return b.state == AGENT_SWITCH_ABSENT ? COMPLIANCE_DEVIATION : COMPLIANCE_UNKNOWN;
}

const char *compliance_text(enum compliance c) {
    static const char *const TEXT[] = {
#define C(sym, word) [COMPLIANCE_##sym] = word,
        COMPLIANCE_TABLE(C)
#undef C
    };
    return TEXT[c];
}

static void put_disablers(struct json *j, const struct host *h) {
    json_key(j, "canBeDisabledBy");
    json_arr(j);
    if (host_bios_switch(h).state == AGENT_SWITCH_PRESENT)
        json_str(j, "bios");
    if (host_firmware_switch(h) == AGENT_SWITCH_PRESENT)
        json_str(j, "firmware");
    json_arr_end(j);
}

static void put_exception(struct json *j, const struct exception *e) {
    json_key(j, "exception");
    if (!e) {
        json_nil(j);
        return;
    }
    json_obj(j);
    json_kstr(j, "reason", e->reason);
    json_kstr(j, "approver", e->approver);
    json_kwall(j, "until", e->until);
    json_obj_end(j);
}

static void put_row(struct json *j, const struct fleet_host *fh) {
    static const char *const MODES[] = {[AMT_MODE_UNKNOWN] = "unknown",
                                        [AMT_MODE_NONE] = "none",
                                        [AMT_MODE_CCM] = "ccm",
                                        [AMT_MODE_ACM] = "acm"};
    const struct host *h = &fh->h;
    const struct app *a = fh->shard->app;
    struct bios_switch b = host_bios_switch(h);
    struct exception e;
    bool excepted = a->objects && objects_exception(a->objects, h->project, h->id, COMPLIANCE_CONTROL,
                                                    loop_wall(fh->shard->loop), &e);
    enum compliance c = compliance_of(h, excepted);
    json_obj(j);
    json_kstr(j, "host", h->id);
    json_kstr(j, "name", h->name);
    json_kstr(j, "vendor", host_vendor(h));
    json_kstr(j, "product", host_product(h));
    json_kstr(j, "amtState", amt_state_text(h->amt.state));
    json_kstr(j, "controlMode", MODES[h->control_mode]);
    json_kstr(j, "biosSwitch", agent_switch_text(b.state));
    json_kstr(j, "knownBy", b.source);
    json_kstr(j, "firmwareSwitch", agent_switch_text(host_firmware_switch(h)));
    put_disablers(j, h);
    json_kbool(j, "compliant", c == COMPLIANCE_OK);
    json_kstr(j, "status", compliance_text(c));
    put_exception(j, excepted ? &e : NULL);
    json_obj_end(j);
}

struct report {
    struct fleet_scan scan;
    struct request *r;
    struct buf list;
    struct json json;
    unsigned n;
};

static void visit(struct shard *s, struct fleet_scan *scan, unsigned part) {
    (void)part;
    struct report *rp = CONTAINER_OF(scan, struct report, scan);
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(&s->hosts, &it));) {
        const struct fleet_host *fh = CONTAINER_OF(n, struct fleet_host, node);
        if (fh->deleting || strcmp(fh->h.project, rp->r->params[0]) != 0)
            continue;
        put_row(&rp->json, fh);
        rp->n++;
    }
}

static void visited(struct fleet_scan *scan) {
    struct report *rp = CONTAINER_OF(scan, struct report, scan);
    struct json j = request_json(rp->r);
    json_obj(&j);
    json_kstr(&j, "control", COMPLIANCE_CONTROL);
    json_key(&j, "rows");
    json_arr_end(&rp->json);
    json_raw(&j, buf_slice(&rp->list));
    json_kint(&j, "totalElements", rp->n);
    json_obj_end(&j);
    if (rp->list.failed)
        j.out->failed = true;
    buf_free(&rp->list);
    reply_json(rp->r, 200);
}

void api_compliance(struct request *r) {
    struct report *rp = arena_alloc(&r->arena, sizeof *rp);
    if (!rp) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    rp->r = r;
    rp->json = json_of(&rp->list);
    json_arr(&rp->json);
    rp->scan = (struct fleet_scan){.from = r->shard, .visit = visit, .done = visited};
    request_hold(r);
    if (fleet_scan(&rp->scan)) {
        buf_free(&rp->list);
        reply_fail(r, ERR_BUSY, "", "out of memory");
    }
}

int compliance_switch(struct fleet_host *fh, bool on, struct errinfo *ei) {
    enum agent_switch s = host_firmware_switch(&fh->h);
    if (s == AGENT_SWITCH_PRESENT || !fh->agent) /* without an agent it says what to do */
        return agents_order(fh, AGENT_ORDER_AMT_SWITCH, on, ei);
    err_set(ei, ERR_STATE, "amtEnabled", "AMT of %s cannot be switched %s from inside: %s", fh->h.name,
            on ? "on" : "off",
            s == AGENT_SWITCH_ABSENT ? "its firmware has no such switch"
                                     : "its agent could not read whether the firmware has such a switch");
    if (host_bios_switch(&fh->h).state == AGENT_SWITCH_ABSENT)
        err_remedy(ei, "Its BIOS has none either: deactivate it, and record the exception of this platform.");
    else
        err_remedy(ei, "Use the setting of the BIOS, or deactivate the node: it is then managed by nobody.");
    return ERR_STATE;
}
