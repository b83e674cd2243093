/* SPDX-License-Identifier: Apache-2.0 */
/* api_patch: changing a host. What may be refused by the device goes first: a refused change
 * changes nothing. Order: checks, power, policy, identity, AMT. */
#include "server/api.h"

#include "base/text.h"
#include "server/agents.h"
#include "server/compliance.h"
#include "server/directory.h"
#include "server/hostbody.h"
#include "server/provisioning.h"
#include "server/reading.h"

#include <stdio.h>

static const char *const POLICY_VALUES[] = {
#define P(sym, text) text,
    RECOVERY_POLICY_TABLE(P)
#undef P
        NULL};
static const char *const AMT_VALUES[] = {"AMT_STATE_PROVISIONED", "AMT_STATE_UNPROVISIONED", NULL};
static const struct field PATCH_FIELDS[] = {
    HOST_BODY_NAME, /* "" changes nothing: some clients send it */
    {"desiredPowerState", FIELD_ENUM, .values = DESIRED_OR_ONCE_VALUES},
    {"recoveryPolicy", FIELD_ENUM, .values = POLICY_VALUES},
    {"holdUntil", FIELD_TIME, .nullable = true, .doc = "With the policy hold; null: until told otherwise."},
    {"desiredAmtState", FIELD_ENUM, .values = AMT_VALUES},
    {"amtControlMode", FIELD_ENUM, .values = CONTROL_MODE_VALUES, .doc = "With desiredAmtState."},
    {"amtProfile", FIELD_TEXT, .max = PROV_PROFILE_CAP - 1, .doc = "With AMT_STATE_PROVISIONED."},
    {"amtEnabled", FIELD_FLAG, .doc = "The firmware's own switch of AMT, thrown by the node's agent."},
    {"serialConsole", FIELD_FLAG, .doc = "A login on the AMT serial port, which the agent sees to."},
    HOST_BODY_IDENTITY,
    {0}};
const struct schema SCHEMA_HOST_PATCH = {"ChangeHost", PATCH_FIELDS};

struct change {
    struct request *r;
    char id[HOST_ID_CAP];
    struct fleet_call check;
    struct fleet_command command;
    struct fleet_patch patch;
    struct provisioning_order amt;
    bool has_power, has_policy, has_amt;
    unsigned done;    /* 1u << enum part */
    uint64_t version; /* of If-Match; 0: any */
};
enum part { PART_POWER, PART_POLICY, PART_IDENTITY, PART_AMT, PARTS };

static void change_policy(struct change *ch);
static void change_identity(struct change *ch);

static void change_done(struct change *ch) {
    explicit_bzero(&ch->patch.v, sizeof ch->patch.v);
    reading_answer_id(ch->r, ch->id, 200, reading_host);
}
/* What was done before it was refused is told. */
static void change_refused(struct change *ch, const struct errinfo *ei) {
    static const char *const NAMES[PARTS] = {"power", "policy", "identity", "AMT"};
    struct errinfo e = *ei;
    char done[48] = "";
    explicit_bzero(&ch->patch.v, sizeof ch->patch.v);
    for (unsigned i = 0, n = 0; i < PARTS; i++)
        if (ch->done & 1u << i)
            n += (unsigned)snprintf(done + n, sizeof done - n, "%s%s", n ? ", " : "", NAMES[i]);
    if (*done)
        err_remedy(&e, "These parts of the request were done already: %s. Repeat the rest only.", done);
    if (strcmp(e.field, "If-Match") == 0)
        reply_problem(ch->r, 412, &e);
    else
        reply_error(ch->r, &e);
}

/* Write the part of the patch that its bits say. */
static void start_patch(struct change *ch, uint64_t if_version, void (*done)(struct fleet_patch *p)) {
    ch->patch.call = (struct fleet_call){.from = ch->r->shard};
    memcpy(ch->patch.call.host, ch->id, sizeof ch->patch.call.host);
    ch->patch.if_version = if_version;
    ch->patch.ctx = ch;
    ch->patch.done = done;
    fleet_patch(&ch->patch);
}

/* --- AMT: last, for it is under way when it is answered; what is wanted is kept when the order is taken ---
 */
static void amt_kept(struct fleet_patch *p) {
    struct change *ch = p->ctx;
    if (p->call.err || p->call.error.code)
        change_refused(ch, &p->call.error);
    else
        change_done(ch);
}

static void amt_done(struct provisioning_order *o) {
    struct change *ch = o->ctx;
    if (o->call.err) {
        change_refused(ch, &o->call.error);
        return;
    }
    ch->done |= 1u << PART_AMT;
    ch->patch.bits = PATCH_AMT_INTENT;
    start_patch(ch, 0, amt_kept);
}

static void change_amt(struct change *ch) {
    if (!ch->has_amt) {
        change_done(ch);
        return;
    }
    ch->amt.call.from = ch->r->shard;
    memcpy(ch->amt.call.host, ch->id, sizeof ch->amt.call.host);
    provisioning_order(&ch->amt);
}

/* --- identity --- */
static void identity_done(struct fleet_patch *p) {
    struct change *ch = p->ctx;
    if (p->call.err || p->call.error.code) {
        change_refused(ch, &p->call.error);
        return;
    }
    ch->done |= 1u << PART_IDENTITY;
    change_amt(ch);
}

static void change_identity(struct change *ch) {
    /* a policy or intent of this very request counts the version up */
    if (ch->patch.bits)
        start_patch(ch, ch->has_power || ch->has_policy ? 0 : ch->version, identity_done);
    else
        change_amt(ch);
}

/* --- policy --- */
static void command_start(struct change *ch, void (*done)(struct fleet_command *c)) {
    struct fleet_command *c = &ch->command;
    c->call.from = ch->r->shard;
    memcpy(c->call.host, ch->id, sizeof c->call.host);
    snprintf(c->cmd.actor, sizeof c->cmd.actor, "%s", ch->r->who.user);
    c->ctx = ch;
    c->done = done;
    fleet_command(c);
}

static void policy_done(struct fleet_command *c) {
    struct change *ch = c->ctx;
    if (c->call.err || c->call.error.code) {
        change_refused(ch, &c->call.error);
        return;
    }
    ch->done |= 1u << PART_POLICY;
    change_identity(ch);
}

static void change_policy(struct change *ch) {
    const struct json_t *body = ch->r->json;
    if (!ch->has_policy) {
        change_identity(ch);
        return;
    }
    ch->command.cmd = (struct host_command){.kind = CMD_POLICY};
    (void)recovery_policy_parse(body_text(body, "recoveryPolicy", "keep"), &ch->command.cmd.policy);
    const char *until = body_text(body, "holdUntil", NULL);
    if (until)
        (void)wall_parse(until, &ch->command.cmd.hold_until);
    command_start(ch, policy_done);
}

/* --- power --- */
static void power_done(struct fleet_command *c) {
    struct change *ch = c->ctx;
    if (c->call.err || c->call.error.code) {
        change_refused(ch, &c->call.error);
        return;
    }
    ch->done |= 1u << PART_POWER;
    if (*c->op.id)
        request_put_header(ch->r, "X-Operation-Id", c->op.id);
    change_policy(ch);
}

static void change_power(struct change *ch) {
    const char *desired = body_text(ch->r->json, "desiredPowerState", NULL);
    if (!ch->has_power) {
        change_policy(ch);
        return;
    }
    struct host_command *c = &ch->command.cmd;
    *c = (struct host_command){.kind = CMD_INTENT};
    if (strcmp(desired, "POWER_STATE_RESET") == 0 || strcmp(desired, "POWER_STATE_POWER_CYCLE") == 0) {
        c->kind = CMD_OPERATE;
        c->op = strcmp(desired, "POWER_STATE_RESET") == 0 ? POWER_OP_RESET : POWER_OP_CYCLE;
    } else {
        (void)power_state_parse(slice_str(desired), &c->desired);
    }
    struct slice key = ch->r->headers[REQUEST_H_IDEMPOTENCY_KEY];
    if (text_in_set(key, TEXT_ALNUM "-_.:", 1, OP_KEY_CAP - 1))
        slice_to_str(key, c->key, sizeof c->key);
    command_start(ch, power_done);
}

/* --- checks --- */
static void check_run(struct shard *s, struct fleet_host *fh, struct fleet_call *call) {
    struct change *ch = CONTAINER_OF(call, struct change, check);
    call->err = host_check(fh, ch->r->params[0], call->host, &call->error);
    if (!call->err && ch->version && ch->version != fh->h.version) {
        call->err =
            err_set(&call->error, ERR_STATE, "If-Match", "the host was changed since: its version is %llu",
                    (unsigned long long)fh->h.version);
        err_remedy(&call->error, "Read it again, then decide.");
    }
    if (!call->err && body_has(ch->r->json, "amtEnabled"))
        call->err = compliance_switch(fh, body_flag(ch->r->json, "amtEnabled", true), &call->error);
    if (!call->err && ch->patch.bits & PATCH_SERIAL_CONSOLE && ch->patch.v.amt_intent.serial_console)
        call->err = agents_serial_ready(fh, &call->error);
    if (!call->err && ch->has_amt)
        call->err = provisioning_check(fh, &ch->amt, &call->error);
    fleet_answer(call);
}
static void check_done(struct fleet_call *call) {
    struct change *ch = CONTAINER_OF(call, struct change, check);
    if (call->err)
        change_refused(ch, &call->error);
    else
        change_power(ch);
}

static int read_amt(const struct json_t *body, struct host_new *v, unsigned *bits, struct errinfo *ei) {
    const char *desired = body_text(body, "desiredAmtState", NULL);
    const char *mode = body_text(body, "amtControlMode", NULL), *profile = body_text(body, "amtProfile", "");
    if (!desired && (mode || profile[0]))
        return err_set(
            ei, ERR_INVALID, mode ? "amtControlMode" : "amtProfile",
            "%s goes with desiredAmtState only: a node changes its control mode by being activated",
            mode ? "amtControlMode" : "amtProfile");
    if (!desired)
        return 0;
    *bits |= PATCH_AMT_INTENT;
    v->amt_intent.desired =
        strcmp(desired, "AMT_STATE_PROVISIONED") == 0 ? AMT_STATE_PROVISIONED : AMT_STATE_UNPROVISIONED;
    v->amt_intent.mode = mode ? hostbody_mode(mode) : AMT_MODE_UNKNOWN;
    snprintf(v->amt_intent.profile, sizeof v->amt_intent.profile, "%s", profile);
    return 0;
}

/* What the intent asks for: kept when it is taken. */
static void make_order(struct change *ch) {
    const struct amt_intent *want = &ch->patch.v.amt_intent;
    ch->has_amt = ch->patch.bits & PATCH_AMT_INTENT;
    ch->patch.bits &= ~(unsigned)PATCH_AMT_INTENT;
    ch->amt = (struct provisioning_order){
        .goal = want->desired == AMT_STATE_PROVISIONED ? PROV_GOAL_ACTIVATE : PROV_GOAL_DEACTIVATE,
        .mode = want->mode,
        .quiet = true,
        .done = amt_done,
        .ctx = ch};
    snprintf(ch->amt.profile, sizeof ch->amt.profile, "%s", want->profile);
    snprintf(ch->amt.actor, sizeof ch->amt.actor, "%s", ch->r->who.user);
}

static int check_body(struct request *r, struct change *ch, struct errinfo *ei) {
    struct directory_entry e;
    ch->has_power = body_has(r->json, "desiredPowerState");
    ch->has_policy = body_has(r->json, "recoveryPolicy");
    int err = hostbody_read(r->json, &ch->patch.v, &ch->patch.bits, ei);
    if (!err)
        err = read_amt(r->json, &ch->patch.v, &ch->patch.bits, ei);
    if (body_has(r->json, "serialConsole"))
        ch->patch.bits |= PATCH_SERIAL_CONSOLE;
    ch->patch.v.amt_intent.serial_console = body_flag(r->json, "serialConsole", false);
    slice_to_str(slice_str(r->params[0]), ch->patch.v.project, sizeof ch->patch.v.project);
    snprintf(ch->patch.v.actor, sizeof ch->patch.v.actor, "%s", r->who.user);
    if (!err && body_has(r->json, "amtEnabled") && body_count(r->json) > 1)
        err = err_set(ei, ERR_INVALID, "amtEnabled", "amtEnabled goes alone, without other changes");
    if (!err && (ch->patch.bits & ~(unsigned)PATCH_SERIAL_CONSOLE || body_has(r->json, "amtEnabled")))
        err = auth_allow(&r->who, ROLE_ADMIN, r->params[0], false, ei);
    if (!err && body_text(r->json, "holdUntil", NULL) &&
        strcmp(body_text(r->json, "recoveryPolicy", ""), "hold") != 0)
        err = err_set(ei, ERR_INVALID, "holdUntil", "holdUntil goes with the recoveryPolicy hold only");
    if (!err && (ch->patch.bits & PATCH_NAME) &&
        directory_by_name(r->shard->app->directory, r->params[0], ch->patch.v.name, &e) == 0 &&
        strcmp(e.id, ch->id) != 0) {
        err = err_set(ei, ERR_EXISTS, "name", "the name %s is taken by %s", ch->patch.v.name, e.id);
        err_remedy(ei, "Choose another one.");
    }
    return err;
}

void api_host_patch(struct request *r) {
    struct change *ch = arena_alloc(&r->arena, sizeof *ch);
    struct errinfo ei = {0};
    if (!ch) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    if (!host_id_param(r, ch->id))
        return;
    ch->r = r;
    ch->version = host_version_wanted(r->headers[REQUEST_H_IF_MATCH]);
    if (check_body(r, ch, &ei)) {
        change_refused(ch, &ei);
        return;
    }
    make_order(ch);
    ch->check = (struct fleet_call){.from = r->shard, .run = check_run, .done = check_done};
    memcpy(ch->check.host, ch->id, sizeof ch->check.host);
    request_hold(r);
    fleet_ask(&ch->check);
}
