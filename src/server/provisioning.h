/* SPDX-License-Identifier: Apache-2.0 */
/* provisioning: runs a host's provisioning (core/provision) over the ways there are: the tunnel, or a client
 * of the RPS protocol at the node. It alone opens, makes and stores the node's secrets. Owner: the host's
 * shard; its thread only, but provisioning_order(). Source: docs/activation.md */
#pragma once

#include "core/provision.h"
#include "server/fleet.h"

/* What is asked for; done on call.from. */
struct provisioning_order {
    struct fleet_call call; /* first */
    enum prov_goal goal;    /* NONE: cancel what is under way */
    enum amt_control_mode mode;
    char profile[PROV_PROFILE_CAP], actor[PROV_ACTOR_CAP];
    bool force; /* DEACTIVATE: go on when the node cannot be reached; the host is then only forgotten here */
    bool wait;  /* done is called when it has ended, else when it is written down */
    bool quiet; /* nothing to do (it is as wanted) is no error */
    bool void_secrets; /* DEACTIVATE: all its secrets are void here afterwards, MEBx's too; also when the
                          node is free already */
    char project[HOST_PROJECT_CAP]; /* the host must be in it; "": any */
    char left_behind[320];          /* out: with force, what stays as it was; "" nothing */
    struct mono until;              /* provisioning's own */
    void (*done)(struct provisioning_order *o);
    void *ctx;
};
/* From call.from's thread. Also ERR_UNREACHABLE with wait, ERR_TIMEOUT (it goes on). Errors: ERR_STATE
 * (another one is under way, the way is missing: with what to do), ERR_NOT_FOUND, ERR_INVALID (profile),
 * ERR_STORE. */
void provisioning_order(struct provisioning_order *o);
/* Would an ACTIVATE or DEACTIVATE be refused at once? Nothing is done. The same errors, with the field
 * amtProfile where that is what is wrong. On the host's shard. */
NODISCARD int provisioning_check(const struct fleet_host *fh, const struct provisioning_order *o,
                                 struct errinfo *ei);

/* --- the local way: one client of the RPS protocol (server/rps_door.c) --- */
/* What the client told of the node, cleaned. */
struct rps_device {
    struct uuid uuid;
    char version[AMT_TEXT_CAP], build[AMT_TEXT_CAP], sku[AMT_TEXT_CAP];
    char fqdn[AMT_HOST_CAP], host_name[AMT_TEXT_CAP], dns_suffix_os[AMT_HOST_CAP];
    char user[40], password[72];            /* $$OsAdmin, or an account it was given; wiped by provisioning */
    uint8_t current_mode;                   /* 0, 1 CCM, 2 ACM */
    char (*root_hashes)[AMT_CERT_HASH_CAP]; /* lower-case hex, SHA-1/256/384; owned by the door */
    size_t nroot_hashes;
    bool tls_enforced; /* else the client makes a connection for each request, and waits for its end */
};
struct local_way;
struct local_way_ops {
    /* A complete text for people; only when the client supports it. */
    void (*progress)(struct local_way *w, const char *text);
    /* It is over: ok, and what the client shows. The way is gone afterwards. */
    void (*finish)(struct local_way *w, bool ok, const struct provision *p);
};
/* Embedded in the door's connection. */
struct local_way {
    const struct local_way_ops *ops;
    struct fleet_host *fh; /* NULL: not attached */
    struct rps_device dev;
    struct wsclient *ws; /* made by provisioning with io, driven by the door (wsc_opened, wsc_data …);
                            call provisioning_local_turn() after each wsc_* call */
    struct wsc_io io;    /* the door's */
};
/* May an activation with this profile begin for a node of the project that no host stands for yet? The
 * profile, and what it names, must be there: ERR_NOT_FOUND, ERR_STATE, ERR_CRYPTO, ERR_NOMEM with a sentence.
 * 0: order is what the new host is to begin with (struct fleet_create). Any shard's thread. */
NODISCARD int provisioning_admit(const struct shard *s, const char *project, const char *profile,
                                 const struct rps_device *dev, const char *actor, struct provision *order,
                                 struct errinfo *ei);
/* Attach to the host on its shard; the wanted goal and profile as the client's command says; refused with a
 * sentence (finish is not called then). A way that was attached before is finished as interrupted. */
NODISCARD int provisioning_local_attach(struct fleet_host *fh, struct local_way *w, enum prov_goal goal,
                                        const char *profile, const char *actor, struct errinfo *ei);
/* Work off results of w->ws. */
void provisioning_local_turn(struct local_way *w);
/* The connection is gone. */
void provisioning_local_lost(struct local_way *w);

/* --- for the glue of hosts and tunnels, on the host's shard --- */
/* From the store, before the loops run. ERR_NOMEM. */
NODISCARD int provisioning_restore(struct fleet_host *fh, const struct provision *p);
/* The host goes; err: what orders that wait are answered with, 0: nobody is told. */
void provisioning_free(struct fleet_host *fh, int err);
/* The server stops: orders that wait for an end are answered ERR_CLOSED; what they began goes on after it. */
void provisioning_drain(struct shard *s);
/* The tunnel came up (by_next: it logged in with the fresh CIRA secret), or went. */
void provisioning_link(struct fleet_host *fh, bool up, bool by_next);
/* Another tunnel of the node took the place of the one that a run used. */
void provisioning_way_lost(struct fleet_host *fh);
/* Is the result of such a job provisioning's? */
bool provisioning_takes(enum wsc_job_kind kind);
void provisioning_result(struct fleet_host *fh, const struct wsc_result *r);
/* --- for the agent's door: what this host's agent is to do now; kind NONE: nothing; ordered: which
 * order it is --- */
enum prov_goal provisioning_for_agent(const struct fleet_host *fh, const char **profile,
                                      struct wall *ordered);
/* Who ordered the activation that has not ended; NULL: there is none. */
const char *provisioning_activator(const struct fleet_host *fh);
/* The agent's facts, tunnel and AMT observations changed: look again. */
void provisioning_look(struct fleet_host *fh);
/* The object of docs/activation.md, or null. */
struct json;
/* Of the one that is under way; "" when none is. */
const char *provisioning_profile(const struct fleet_host *fh);
void provisioning_json(struct json *j, const char *key, const struct fleet_host *fh);
/* EMF's amtStatus and amtStatusIndicator. */
void provisioning_status_json(struct json *j, const struct fleet_host *fh);
