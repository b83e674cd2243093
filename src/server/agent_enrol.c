/* SPDX-License-Identifier: Apache-2.0 */
/* agent_enrol: how an agent comes: its key is checked, the host that its node is is found or made, and it
 * gets a certificate. Steps: the key (peeked, then counted), the host, the identity, the answer. A key's use
 * is given back when it came to nothing. Source: docs/activation.md */
#include "server/api.h"

#include "base/text.h"
#include "server/agent_facts.h"
#include "server/agents.h"
#include "server/audit.h"
#include "server/directory.h"
#include "server/objects.h"
#include "server/persist.h"
#include "server/provisioning.h"

#include <stdio.h>
#include <stdlib.h>

static const struct field ENROL_FIELDS[] = {
    {"key", FIELD_TEXT, .required = true, .secret = true, .min = 1, .max = 200, .doc = "An enrolment key."},
    {"csr", FIELD_TEXT, .required = true, .min = 1, .max = 8192, .doc = "Certificate request in PEM."},
    {"facts", FIELD_OBJECT, .required = true, .object = &SCHEMA_AGENT_FACTS},
    {0}};
const struct schema SCHEMA_AGENT_ENROL = {"AgentEnrol", ENROL_FIELDS};

struct enrolment {
    struct request *r;
    struct objects_enrol key;
    bool counted;
    struct agent_facts facts;
    struct fleet_create *create;
    unsigned tries; /* names for a new host */
    bool fresh;     /* the host was made now */
    struct fleet_call call;
    struct agent_cert cert;
    struct persist_wait w;
    struct store_agent row;
    char name[HOST_NAME_CAP], project[HOST_PROJECT_CAP];
};

static struct app *app_of(const struct enrolment *e) {
    return e->r->shard->app;
}

/* Nobody is signed in, so the line is written here. */
static void audit(const struct enrolment *e, const char *result, const char *detail) {
    const struct request *r = e->r;
    audit_add(r->shard, "agent", "agent.enrol", e->call.host, result, detail[0] ? detail : e->key.key_name,
              r->id, r->peer);
}

static void refuse(struct enrolment *e, const struct errinfo *ei) {
    char result[24];
    snprintf(result, sizeof result, "refused %d", error_status(ei->code));
    audit(e, result, ei->text);
    if (e->counted)
        objects_enrol_back(app_of(e)->objects, e->key.project, e->key.key_name);
    buf_free(&e->cert.pem);
    reply_error(e->r, ei);
}

/* --- the answer --- */

static void answer(struct enrolment *e) {
    struct app *a = app_of(e);
    struct json j = request_json(e->r);
    audit(e, "ok 201", "");
    json_obj(&j);
    json_kstr(&j, "host", e->call.host);
    json_kstr(&j, "name", e->name);
    json_kstr(&j, "project", e->project);
    json_key(&j, "certificate");
    json_slice(&j, buf_slice(&e->cert.pem));
    json_key(&j, "ca");
    json_slice(&j, agent_ca_cert(a->agent_ca));
    json_kint(&j, "heartbeatSeconds", agents_heartbeat_s(a));
    json_kwall(&j, "notAfter", e->cert.until);
    json_obj_end(&j);
    buf_free(&e->cert.pem);
    reply_json(e->r, 201);
}

static void identity_done(struct fleet_call *call) {
    struct enrolment *e = CONTAINER_OF(call, struct enrolment, call);
    if (call->err)
        refuse(e, &call->error);
    else
        answer(e);
}

/* --- the identity, on the host's shard --- */

static void identity_written(struct persist_wait *w) {
    struct enrolment *e = CONTAINER_OF(w, struct enrolment, w);
    struct fleet_call *call = &e->call;
    struct fleet_host *fh = fleet_host_find(w->shard, call->host);
    int r = w->err < 0 ? w->err : fh ? agents_enter(fh, &e->row) : ERR_NOT_FOUND;
    if (r < 0) {
        call->err = err_set(&call->error, r, "", "the identity could not be stored: %s",
                            w->why[0] ? w->why : err_text(r));
    } else {
        char text[STORE_USER_CAP + 48];
        snprintf(text, sizeof text, "The agent enrolled by the key %s", e->row.key_name);
        agents_report(fh, e->row.cert, &e->facts);
        fleet_host_event(fh, HOST_EVENT_AGENT, text);
    }
    fleet_answer(call);
}

static int identity_write(struct fleet_host *fh, struct enrolment *e) {
    struct app *a = fh->shard->app;
    struct wall now = loop_wall(fh->shard->loop);
    int r = agent_ca_sign(a->agent_ca, slice_str(body_text(e->r->json, "csr", "")), fh->h.id, now,
                          agents_certificate_days(a), &e->cert, &e->call.error);
    if (r < 0)
        return r;
    e->row = (struct store_agent){.has_cert = true,
                                  .enrolled = now,
                                  .seen = now,
                                  .cert_until = e->cert.until,
                                  .facts_at = now,
                                  .facts = e->facts};
    memcpy(e->row.host, fh->h.id, sizeof e->row.host);
    memcpy(e->row.cert, e->cert.sha256, sizeof e->row.cert);
    snprintf(e->row.key_name, sizeof e->row.key_name, "%s", e->key.key_name);
    memcpy(e->name, fh->h.name, sizeof e->name);
    memcpy(e->project, fh->h.project, sizeof e->project);
    e->w = (struct persist_wait){.shard = fh->shard, .done = identity_written};
    struct store_txn *t = persist_txn();
    r = t ? store_txn_add(t, STORE_AGENT_PUT, &e->row) : ERR_NOMEM;
    if (r < 0) {
        store_txn_free(&t);
        return r;
    }
    return persist_submit(&e->w, t);
}

static void identity_run(struct shard *s, struct fleet_host *fh, struct fleet_call *call) {
    struct enrolment *e = CONTAINER_OF(call, struct enrolment, call);
    (void)s;
    if (!fh) {
        call->err = err_set(&call->error, ERR_NOT_FOUND, "host", "the host %s is gone", call->host);
    } else if (agents_in_use(fh)) {
        call->err = err_set(&call->error, ERR_STATE, "host",
                            "the host %s (%s) has an agent already, and its identity is in use", fh->h.name,
                            fh->h.id);
        err_remedy(&call->error,
                   "Is this another machine with the same UUID or serial? If it is the same one, "
                   "installed anew, revoke the agent first: orch-cli delete agent %s",
                   fh->h.name);
    } else if ((call->err = identity_write(fh, e)) == 0) {
        return;
    } else if (!call->error.code) {
        err_set(&call->error, call->err, "", "the identity could not be stored: %s", err_text(call->err));
    }
    fleet_answer(call);
}

static void identity_start(struct enrolment *e, const char *host) {
    e->call.from = e->r->shard;
    e->call.run = identity_run;
    e->call.done = identity_done;
    snprintf(e->call.host, sizeof e->call.host, "%s", host);
    fleet_ask(&e->call);
}

/* --- the host --- */

static void host_make(struct enrolment *e);

static void host_made(struct fleet_create *c) {
    struct enrolment *e = c->ctx;
    char id[HOST_ID_CAP] = "";
    struct errinfo ei = c->error;
    int err = c->err;
    if (err == 0)
        memcpy(id, c->ids[0], sizeof id);
    fleet_create_free(&e->create);
    if (err == ERR_EXISTS && e->tries < 5)
        host_make(e); /* the name is taken */
    else if (err < 0)
        refuse(e, &ei);
    else
        identity_start(e, id);
}

/* The node's own host name, cut at its domain; with something random behind it when that is taken. */
static void new_name(struct enrolment *e, char out[HOST_NAME_CAP]) {
    char base[40];
    uint8_t r[3];
    char hex[2 * sizeof r + 1];
    struct slice rest = slice_str(e->facts.host_name), first = slice_cut(&rest, '.');
    slice_to_str(text_in_set(first, TEXT_ALNUM "-_", 1, 63) ? first : SLICE_LIT("node"), base, sizeof base);
    loop_random(e->r->shard->loop, r, sizeof r);
    bool plain = e->tries++ == 0 && strcmp(base, "node") != 0 && strncmp(base, "host-", 5) != 0;
    snprintf(out, HOST_NAME_CAP, "%s%s%s", base, plain ? "" : "-",
             plain ? "" : text_hex(slice_of(r, sizeof r), hex));
}

static void host_make(struct enrolment *e) {
    struct fleet_create *c = e->create = calloc(1, sizeof *c);
    struct host_new *v = c ? c->rows = calloc(1, sizeof *v) : NULL;
    if (!v) {
        struct errinfo ei = {0};
        fleet_create_free(&e->create);
        err_set(&ei, ERR_BUSY, "", "out of memory");
        refuse(e, &ei);
        return;
    }
    c->from = e->r->shard;
    c->nrows = 1;
    c->done = host_made;
    c->ctx = e;
    e->fresh = true;
    snprintf(v->project, sizeof v->project, "%s", e->key.host_project);
    snprintf(v->actor, sizeof v->actor, "agent");
    new_name(e, v->name);
    if (!serial_is_placeholder(e->facts.serial))
        slice_to_str(slice_str(e->facts.serial), v->serial, sizeof v->serial);
    v->smbios_uuid = e->facts.smbios_uuid;
    v->amt_uuid = e->facts.amt_uuid;
    v->control_mode = e->facts.control_mode;
    fleet_create(c);
}

static void host_find(struct enrolment *e) {
    struct node_ids ids = {.smbios = e->facts.smbios_uuid, .amt = e->facts.amt_uuid};
    struct directory_entry found;
    struct errinfo ei = {0};
    slice_to_str(slice_str(e->facts.serial), ids.serial, sizeof ids.serial);
    int r = directory_match_node(app_of(e)->directory, e->key.host_project, &ids, &found, &ei);
    if (r == 0)
        identity_start(e, found.id);
    else if (r == ERR_NOT_FOUND)
        host_make(e);
    else
        refuse(e, &ei);
}

/* --- the key --- */

static void key_counted(struct objects_enrol *k) {
    struct enrolment *e = k->ctx;
    if (k->err) {
        refuse(e, &k->error);
        return;
    }
    e->counted = true;
    host_find(e);
}

static void key_start(struct enrolment *e, bool peek, void (*done)(struct objects_enrol *k)) {
    e->key = (struct objects_enrol){.from = e->r->shard, .peek = peek, .done = done, .ctx = e};
    objects_enrol(app_of(e)->objects, slice_str(body_text(e->r->json, "key", "")), &e->key);
}

/* The key is good: a request that no certificate can be made for must not use it up. */
static void key_peeked(struct objects_enrol *k) {
    struct enrolment *e = k->ctx;
    struct agent_cert probe;
    struct errinfo ei = k->error;
    if (k->err == 0 && agent_ca_sign(app_of(e)->agent_ca, slice_str(body_text(e->r->json, "csr", "")),
                                     "probe", request_now(e->r).wall, 1, &probe, &ei) == 0) {
        buf_free(&probe.pem);
        key_start(e, false, key_counted);
        return;
    }
    refuse(e, &ei);
}

void api_agent_enrol(struct request *r) {
    struct app *a = r->shard->app;
    struct errinfo ei = {0};
    struct enrolment *e = arena_alloc(&r->arena, sizeof *e);
    if (!e) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    if (!a->agent_ca || !a->objects) {
        err_set(&ei, ERR_STATE, "", "this server has no authority for agents");
        err_remedy(&ei, "On the server: outbandd init --agent-ca, then start it again.");
        reply_error(r, &ei);
        return;
    }
    e->r = r;
    agent_facts_read(body_object(r->json, "facts"), &e->facts);
    request_hold(r);
    key_start(e, true, key_peeked);
}
