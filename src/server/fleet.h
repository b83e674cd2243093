/* SPDX-License-Identifier: Apache-2.0 */
/* fleet: the hosts of a server: where each lives, asking one, asking all, creating, changing, deleting. Doors
 * use only this. A host is touched on its own shard's thread only; whoever wants something of it sends a call
 * there. */
#pragma once

#include "base/buf.h"
#include "server/app.h"

struct tunnel;

/* A host with what the glue keeps beside the pure machine. */
struct fleet_host {
    struct host h;        /* first */
    struct map_node node; /* shard->hosts, by h.id */
    struct shard *shard;
    struct tunnel *tunnel;   /* the authenticated one, NULL when none */
    struct loop_timer timer; /* host_deadline() */
    struct sealed cira_secret, amt_secret;
    bool has_pin;
    uint8_t pin[32];
    bool deleting;
    struct list waiting; /* calls that wait for ACT_REPLY */
};

/* --- ask one host --- */
struct fleet_call {
    struct loop_msg msg;
    struct shard *from; /* who asks; done runs there */
    char host[HOST_ID_CAP];
    /* On the host's shard; fh NULL: no such host. Work, then call fleet_answer(c), now or later. */
    void (*run)(struct shard *s, struct fleet_host *fh, struct fleet_call *c);
    void (*done)(struct fleet_call *c);
    void *ctx;
    int err; /* free use of run for done */
    struct errinfo error;
};
/* From from's thread. c lives until done was called. */
void fleet_ask(struct fleet_call *c);
void fleet_answer(struct fleet_call *c);

/* --- ask every host --- */
struct fleet_scan {
    struct shard *from;
    /* On each shard in turn of its own thread; part is the shard's index. Must not keep pointers to hosts. */
    void (*visit)(struct shard *s, struct fleet_scan *scan, unsigned part);
    /* On from, when all shards have visited. */
    void (*done)(struct fleet_scan *scan);
    void *ctx;
    void *impl;
};
/* ERR_NOMEM. */
NODISCARD int fleet_scan(struct fleet_scan *scan);

/* --- change --- */
struct host_new {
    char project[HOST_PROJECT_CAP], name[HOST_NAME_CAP], serial[HOST_SERIAL_CAP];
    char cira_user[HOST_USER_CAP], cira_password[72];
    char amt_user[HOST_USER_CAP], amt_password[40];
    struct uuid amt_uuid, smbios_uuid;
    enum amt_control_mode control_mode;
    enum power_state desired;
    char actor[OP_ACTOR_CAP];
};
/* All of them or none, durably. done on from with err 0 and the ids, or the index of the refused row and why
 * (name or CIRA user taken, …). rows are copied; secrets are sealed before anything is stored. */
struct fleet_create {
    struct loop_msg msg;
    struct shard *from;
    struct host_new *rows; /* owned; wiped and freed by the fleet */
    size_t nrows;
    char (
        *ids)[HOST_ID_CAP]; /* nrows of them when err == 0; owned by the struct, freed by fleet_create_free */
    int err;
    size_t bad_row;
    struct errinfo error;
    void (*done)(struct fleet_create *c);
    void *ctx;
};
void fleet_create(struct fleet_create *c);
void fleet_create_free(struct fleet_create **c);

/* Send a command to a host's machine; done on from: err/error when refused, else op (copy; kind unset when
 * none: id ""). */
struct fleet_command {
    struct fleet_call call; /* first */
    struct host_command cmd;
    struct operation op; /* out */
    void (*done)(struct fleet_command *c);
    void *ctx;
};
void fleet_command(struct fleet_command *c);

/* What an operator may change of identity. Bits say which members count. */
enum patch_bits {
    PATCH_NAME = 1,
    PATCH_CIRA_SECRET = 2, /* user and/or password: a live tunnel is closed */
    PATCH_AMT_SECRET = 4,
    PATCH_UUIDS = 8,
    PATCH_SERIAL = 16,
};
struct fleet_patch {
    struct fleet_call call; /* first */
    unsigned bits;
    struct host_new v;
    uint64_t if_version; /* 0: any; else ERR_STATE when the host has changed since */
    void (*done)(struct fleet_patch *c);
    void *ctx;
};
void fleet_patch(struct fleet_patch *c);
/* Remove the host: operation cancelled, tunnel closed, rows deleted durably. */
struct fleet_delete {
    struct fleet_call call;
    char actor[OP_ACTOR_CAP];
    void (*done)(struct fleet_delete *c);
    void *ctx;
};
void fleet_delete(struct fleet_delete *c);

/* --- of one host, on its shard --- */
/* The host as the API shows it (docs/api.md). */
void fleet_host_json(struct buf *out, const struct fleet_host *fh);
/* Feed an event to the machine and do its actions. */
void fleet_host_input(struct fleet_host *fh, const struct host_ev *ev);
/* Bring the host's timer in line with host_deadline(). */
void fleet_host_arm(struct fleet_host *fh);
/* Load all hosts and open operations from the store, before the loops run. */
NODISCARD int fleet_load(struct app *a, struct errinfo *ei);
/* Fresh random ids: "host-xxxxxxxx" that the directory does not know, "op-xxxxxxxxxxxx". */
void fleet_new_op_id(struct loop *l, char out[OP_ID_CAP]);
