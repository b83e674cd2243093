/* SPDX-License-Identifier: Apache-2.0 */
/* Which host is this client's node, and may it speak for it? */
#include "server/rps_int.h"

#include "base/text.h"
#include "server/objects.h"

#include <stdio.h>
#include <stdlib.h>

/* --- is this firmware one that can be set up? --- */

/* Reference 5.5: older than 7 cannot; 7.0 to 11.6 only from build 3000. */
static int check_firmware(const struct rps_info *info, struct errinfo *ei) {
    struct slice rest = slice_str(info->ver);
    uint64_t major = 0, minor = 0, build = 0;
    bool read = slice_to_u64(slice_cut(&rest, '.'), 999, &major);
    if (!slice_to_u64(slice_cut(&rest, '.'), 999, &minor))
        minor = 0;
    if (!slice_to_u64(slice_str(info->build), UINT32_MAX, &build))
        build = 0;
    if (!read)
        return err_set(ei, ERR_INVALID, "ver", "\"%s\" is no version of AMT", info->ver);
    if (major < 7)
        return err_set(ei, ERR_UNSUPPORTED, "ver",
                       "AMT %s is too old: 7 is the oldest that is set up from inside", info->ver);
    if ((major < 11 || (major == 11 && minor <= 6)) && build < 3000) {
        err_set(ei, ERR_UNSUPPORTED, "build", "AMT %s build %s has a known fault in its host setup",
                info->ver, info->build);
        err_remedy(ei, "Update the firmware of the node to build 3000 or later.");
        return ERR_UNSUPPORTED;
    }
    return 0;
}

/* --- does the command make sense? --- */

/* Anything that would end an activation before it began, whichever host it is for: said before a host is
 * made. */
static int check_command(const struct rps_conn *c, struct errinfo *ei) {
    const struct rps_command *k = &c->first.command;
    if (k->verb == RPS_ACTIVATE && !*k->profile) {
        err_set(ei, ERR_INVALID, "profile", "the command names no profile");
        err_remedy(ei, "Add --profile NAME; orch-cli list profile shows them.");
        return ERR_INVALID;
    }
    if (*k->new_password) {
        err_set(ei, ERR_INVALID, "changepassword", "the server makes AMT passwords itself");
        err_remedy(ei, "Leave the new password out.");
        return ERR_INVALID;
    }
    if (c->tls && !c->shard->amt_tls)
        return err_set(ei, ERR_UNSUPPORTED, "tlsEnforced", "this server has no TLS towards firmware");
    return k->verb == RPS_ACTIVATE ? check_firmware(&c->first.info, ei) : 0;
}

enum { AMT_TLS_ONLY = 19 }; /* from here on the local ports speak TLS only; reference 5.4 */

static bool wants_tls(const struct rps_info *i) {
    struct slice rest = slice_str(i->ver);
    uint64_t major = 0;
    return i->tls_enforced || i->tls_tunnel ||
           (slice_to_u64(slice_cut(&rest, '.'), 999, &major) && major >= AMT_TLS_ONLY);
}

static void describe(struct rps_conn *c) {
    const struct rps_info *i = &c->first.info;
    struct rps_device *d = &c->way.dev;
    *d = (struct rps_device){.uuid = i->uuid,
                             .current_mode = i->current_mode,
                             .root_hashes = c->first.info.cert_hashes,
                             .nroot_hashes = i->ncert_hashes,
                             .tls_enforced = c->tls};
    memcpy(d->version, i->ver, sizeof d->version);
    memcpy(d->build, i->build, sizeof d->build);
    memcpy(d->sku, i->sku, sizeof d->sku);
    memcpy(d->fqdn, i->fqdn, sizeof d->fqdn);
    memcpy(d->host_name, i->host_name, sizeof d->host_name);
    memcpy(d->dns_suffix_os, i->dns_suffix_os, sizeof d->dns_suffix_os);
    memcpy(d->user, i->user, sizeof d->user);
    memcpy(d->password, i->password, sizeof d->password);
    explicit_bzero(c->first.info.password, sizeof c->first.info.password);
}

/* --- on the host's shard --- */

/* A key that is used up speaks on for the node that it made, until its activation has ended. */
static int check_used_up(const struct rps_conn *c, const struct fleet_host *fh, struct errinfo *ei) {
    const char *by = provisioning_activator(fh);
    if (!c->who.used_up || (by && strcmp(by, c->who.actor) == 0))
        return 0;
    err_set(ei, ERR_AUTH, "key",
            "the enrolment key is not valid: it is unknown, expired, used up or revoked");
    err_remedy(ei, "Ask an admin for a new one: orch-cli create enrolment-key NAME");
    return ERR_AUTH;
}

/* A host that is not set up yet, and nobody's: what a caller without an identity of its own may speak for. */
static int check_free(const struct rps_conn *c, const struct fleet_host *fh, struct errinfo *ei) {
    if (c->first.command.verb != RPS_ACTIVATE) {
        err_set(ei, ERR_DENIED, "method", "%s wants an agent's certificate or the token of an admin",
                rps_verb_word(c->first.command.verb));
        return ERR_DENIED;
    }
    if (fh->agent || fh->h.agent) {
        err_set(ei, ERR_STATE, "uuid", "the host has an agent: it alone speaks for the node");
        err_remedy(ei, "Order it: orch-cli set host %s --amt-state provisioned.", fh->h.name);
        return ERR_STATE;
    }
    /* an activation that was cut short goes on, though the firmware is set up */
    if (fh->h.amt.state == AMT_STATE_PROVISIONED && !provisioning_activator(fh)) {
        err_set(ei, ERR_STATE, "uuid", "the host is provisioned already");
        err_remedy(ei, "To set it up again use the token of an admin.");
        return ERR_STATE;
    }
    return 0;
}

static int check_wanted(const struct fleet_host *fh, struct errinfo *ei) {
    if (fh->h.amt_intent.desired == AMT_STATE_PROVISIONED)
        return 0;
    err_set(ei, ERR_DENIED, "uuid", "the host is not wanted provisioned");
    err_remedy(ei, "An admin orders it: orch-cli set host ... --amt-state provisioned.");
    return ERR_DENIED;
}

/* The certificate says which host; the UUID must not say that it is another one. */
static int check_own(const struct rps_conn *c, const struct fleet_host *fh, struct errinfo *ei) {
    const struct uuid seen = uuid_is_nil(fh->h.seen_uuid) ? fh->h.amt_uuid : fh->h.seen_uuid;
    bool other = c->find.found ? !c->find.own_found
                               : !uuid_is_placeholder(seen) && !uuid_is_placeholder(c->first.info.uuid);
    if (!other)
        return 0;
    err_set(ei, ERR_DENIED, "uuid", "the AMT UUID is that of another node than the certificate's");
    err_remedy(
        ei, "If the board was changed, an admin sets the UUID of the host anew, and the agent enrols again.");
    return ERR_DENIED;
}

int rps_may(const struct rps_conn *c, const struct fleet_host *fh, struct errinfo *ei) {
    if (!fh)
        return err_set(ei, ERR_NOT_FOUND, "host", "the host was removed from the list");
    if (c->who.kind == RPS_CALLER_AGENT)
        return check_own(c, fh, ei);
    if (c->who.kind == RPS_CALLER_ADMIN)
        return 0;
    int err = check_used_up(c, fh, ei);
    if (err == 0)
        err = check_free(c, fh, ei);
    return err == 0 && c->who.kind == RPS_CALLER_ANONYMOUS ? check_wanted(fh, ei) : err;
}

/* --- a new host, by an enrolment key --- */

struct birth {
    struct objects_enrol use; /* of the key */
    struct provision order;   /* what the host begins with: from its first moment the key may go on with it */
    struct rps_conn *c;
    unsigned tries;
};

static void birth_failed(struct birth *b) {
    struct rps_conn *c = b->c;
    objects_enrol_back(c->shard->app->objects, b->use.project, b->use.key_name);
    free(b);
}

static void give_up(struct rps_conn *c) {
    if (c->stream)
        rps_refuse(c, &c->refusal);
}

static void resume(struct rps_conn *c) {
    c->posted = false;
    explicit_bzero(c->who.key, sizeof c->who.key);
    if (c->stream && c->state == RPS_LOOKING && !c->refusal.code)
        rps_move(c);
    else
        give_up(c);
    rps_maybe_free(c);
}

/* The UUID that tells this node from others: that of the firmware, else that of the machine; nil: neither. */
static struct uuid own_uuid(const struct rps_info *info) {
    if (!uuid_is_placeholder(info->uuid))
        return info->uuid;
    return uuid_is_placeholder(info->smbios) ? (struct uuid){{0}} : info->smbios;
}

/* The name that the OS has, or one of its UUID; the second try has both. */
static void name_of(const struct rps_info *info, unsigned tries, char out[HOST_NAME_CAP]) {
    char u[UUID_TEXT_CAP];
    bool good = text_in_set(slice_str(info->host_name), TEXT_ALNUM "-._", 1, HOST_NAME_CAP - 12) &&
                strncmp(info->host_name, "host-", 5) != 0;
    uuid_text(own_uuid(info), u);
    if (good && tries == 0)
        snprintf(out, HOST_NAME_CAP, "%s", info->host_name);
    else
        snprintf(out, HOST_NAME_CAP, "%.*s-%.*s", tries > 1 ? 26 : 50, good ? info->host_name : "amt",
                 tries > 1 ? UUID_TEXT_CAP : 8, u); /* some boards' UUIDs begin alike */
}

static void create(struct birth *b);

static void created(struct fleet_create *fc) {
    struct birth *b = fc->ctx;
    struct rps_conn *c = b->c;
    bool again = fc->err == ERR_EXISTS && b->tries < 2;
    if (fc->err == 0)
        memcpy(c->host, fc->ids[0], sizeof c->host);
    else
        c->refusal = fc->error;
    fleet_create_free(&fc);
    if (again) {
        b->tries++;
        c->refusal = (struct errinfo){0};
        create(b);
        return;
    }
    if (c->refusal.code)
        birth_failed(b);
    else
        free(b);
    resume(c);
}

static void create(struct birth *b) {
    struct rps_conn *c = b->c;
    struct fleet_create *fc = calloc(1, sizeof *fc);
    struct host_new *v = calloc(1, sizeof *v);
    if (!fc || !v) {
        free(fc);
        free(v);
        err_set(&c->refusal, ERR_NOMEM, "", "the server is out of memory");
        birth_failed(b);
        resume(c);
        return;
    }
    *fc = (struct fleet_create){
        .from = c->shard, .rows = v, .nrows = 1, .order = &b->order, .done = created, .ctx = b};
    snprintf(v->project, sizeof v->project, "%s", c->who.of_new);
    name_of(&c->first.info, b->tries, v->name);
    v->amt_uuid = c->first.info.uuid;
    v->smbios_uuid = c->first.info.smbios;
    snprintf(v->actor, sizeof v->actor, "%s", c->who.actor);
    fleet_create(fc);
}

static void key_used(struct objects_enrol *e) {
    struct birth *b = CONTAINER_OF(e, struct birth, use);
    struct rps_conn *c = b->c;
    if (e->err == 0 && c->stream) {
        create(b);
        return;
    }
    c->refusal = e->error;
    if (e->err == 0) /* the client is gone: nobody would activate the host */
        birth_failed(b);
    else
        free(b);
    resume(c);
}

/* Admitted: the use of the key is counted, and the host is made with its activation. False: c->refusal. */
static bool use_key(struct rps_conn *c) {
    struct birth *b = calloc(1, sizeof *b);
    int err = b ? provisioning_admit(c->shard, c->who.of_new, c->first.command.profile, &c->way.dev,
                                     c->who.actor, &b->order, &c->refusal)
                : err_set(&c->refusal, ERR_NOMEM, "", "the server is out of memory");
    if (err < 0) {
        free(b);
        return false;
    }
    b->c = c;
    b->use.from = c->shard;
    b->use.done = key_used;
    objects_enrol(c->shard->app->objects, slice_str(c->who.key), &b->use);
    return true;
}

/* --- look it up --- */

static void not_found(struct rps_conn *c, struct errinfo *ei) {
    char u[UUID_TEXT_CAP];
    err_set(ei, ERR_NOT_FOUND, "uuid", "no host of the list has the %s UUID %s",
            uuid_is_placeholder(c->first.info.uuid) ? "SMBIOS" : "AMT", uuid_text(c->find.uuid, u));
    err_remedy(ei, "Add it first: orch-cli create host, with its UUID; or use an enrolment key.");
}

/* Found, or made by the key. True: resume() is due later. */
static bool settle(struct rps_conn *c) {
    struct uuid_scan *f = &c->find;
    struct errinfo *ei = &c->refusal;
    if (c->who.kind == RPS_CALLER_AGENT) {
        memcpy(c->host, c->who.host, sizeof c->host);
    } else if (f->found > 1) {
        err_set(ei, ERR_STATE, "uuid", "%u hosts have this UUID", f->found);
        err_remedy(ei, "Enrol the node with pm-agent, which has an identity of its own.");
    } else if (f->found == 1) {
        memcpy(c->host, f->host, sizeof c->host);
    } else if (uuid_is_nil(f->uuid)) {
        err_set(ei, ERR_INVALID, "uuid",
                "the AMT UUID of the node is one that many boards share, and it told no SMBIOS UUID");
        err_remedy(ei, "Enrol the node with pm-agent, which has an identity of its own.");
    } else if (c->who.kind == RPS_CALLER_KEY && c->first.command.verb == RPS_ACTIVATE) {
        return use_key(c);
    } else {
        not_found(c, ei);
    }
    return false;
}

static void looked(struct fleet_scan *scan) {
    struct rps_conn *c = CONTAINER_OF(scan, struct rps_conn, find.scan);
    bool wanted = c->stream && c->state == RPS_LOOKING;
    if (!wanted || !settle(c))
        resume(c);
}

void rps_look_up(struct rps_conn *c) {
    struct uuid_scan *f = &c->find;
    struct errinfo ei = {0};
    const struct rps_info *info = &c->first.info;
    const bool agent = c->who.kind == RPS_CALLER_AGENT; /* its certificate says which node it is */
    c->tls = wants_tls(&c->first.info);
    describe(c);
    int err = check_command(c, &ei);
    if (err == 0) {
        *f = (struct uuid_scan){.scan = {.from = c->shard, .done = looked},
                                .uuid = agent ? info->uuid : own_uuid(info)};
        if (!agent)
            f->smbios = info->smbios;
        memcpy(f->project, c->who.project, sizeof f->project);
        memcpy(f->own, c->who.host, sizeof f->own);
        if (uuid_scan(f) < 0)
            err = err_set(&ei, ERR_NOMEM, "", "the server is out of memory");
    }
    if (err < 0)
        rps_refuse(c, &ei);
    else
        c->posted = true;
}
