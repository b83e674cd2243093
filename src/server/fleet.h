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
    struct tunnel *tunnel;   /* the one that carries the link, NULL when none */
    struct tunnel *joining;  /* logged in later, takes the place of tunnel when it is up; NULL when none */
    struct loop_timer timer; /* host_deadline() */
    struct sealed cira_secret, amt_secret;
    struct sealed cira_next, amt_next; /* on their way to the firmware: tried beside the present ones */
    struct sealed mebx_secret, mebx_next;
    struct provisioning *prov; /* NULL: there never was one */
    struct agent_door *agent;  /* server/agents.h; NULL: never enrolled */
    bool has_pin;
    uint8_t pin[32];
    bool deleting;        /* being deleted: seen by nobody */
    bool patching;        /* its row is being written */
    struct list waiting;  /* calls that wait for ACT_REPLY or ACT_SESSION_REPLY */
    struct list deferred; /* changes that wait for a write under way: rows are written whole */
};

/* --- ask one host --- */
struct fleet_call {
    struct loop_msg msg;
    struct shard *from;    /* who asks; done runs there */
    struct list_node node; /* while it waits for something of its host */
    char host[HOST_ID_CAP];
    /* On the host's shard; fh NULL: no such host. Work, then call fleet_answer(c), now or later. */
    void (*run)(struct shard *s, struct fleet_host *fh, struct fleet_call *c);
    void (*done)(struct fleet_call *c);
    void *ctx;
    /* While it waits in fleet_host.waiting for the machine's answer to this token. Calls fleet_answer(). */
    void (*reply)(struct fleet_call *c, struct fleet_host *fh, const struct action *a);
    uint64_t token;
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
    char amt_user[HOST_USER_CAP], amt_password[40], mebx_password[40];
    bool cira_shared; /* others may have the same CIRA user; amt_uuid is then needed */
    struct uuid amt_uuid, smbios_uuid;
    enum amt_control_mode control_mode;
    enum power_state desired;
    struct amt_intent amt_intent; /* of a patch */
    char actor[OP_ACTOR_CAP];
};
/* All of them or none, durably. done on from with err 0 and the ids, or the index of the refused row and why
 * (name or CIRA user taken, …). rows are copied; secrets are sealed before anything is stored. */
struct fleet_create {
    struct loop_msg msg;
    struct shard *from;
    struct host_new *rows; /* owned; wiped and freed by the fleet */
    size_t nrows;
    const struct provision *order; /* what each begins with, in the same write; NULL: nothing; the caller's,
                                      until done was called */
    char (
        *ids)[HOST_ID_CAP]; /* nrows of them when err == 0; owned by the struct, freed by fleet_create_free */
    int err;
    size_t bad_row;
    struct errinfo error;
    void (*done)(struct fleet_create *c);
    void *ctx;
    void *impl;
};
/* rows must be set; c lives until done was called, then fleet_create_free(). */
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
    PATCH_CIRA_SECRET = 2, /* user and/or password ("" = as it is): a live tunnel is closed */
    PATCH_AMT_SECRET = 4,
    PATCH_SERIAL = 16,
    PATCH_AMT_UUID = 32,
    PATCH_SMBIOS_UUID = 64,
    PATCH_AMT_INTENT = 128,     /* desired, mode and profile of amt_intent */
    PATCH_SERIAL_CONSOLE = 256, /* amt_intent.serial_console */
    PATCH_UUIDS = PATCH_AMT_UUID | PATCH_SMBIOS_UUID,
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
/* NULL when there is none, or when it is being deleted. */
struct fleet_host *fleet_host_find(struct shard *s, const char *id);
/* The host as the API shows it (docs/api.md). */
void fleet_host_json(struct buf *out, const struct fleet_host *fh);
/* An operation as the API shows it; host: the id of its host. */
struct json;
void fleet_op_json(struct json *j, const char *host, const struct operation *o);
/* Feed an event to the machine and do its actions. From inside an action (a submit that fails at once) the
 * event is copied and fed afterwards. */
void fleet_host_input(struct fleet_host *fh, const struct host_ev *ev);
/* Bring the host's timer in line with host_deadline(). */
void fleet_host_arm(struct fleet_host *fh);
/* Publish an event of the host. */
void fleet_host_event(struct fleet_host *fh, enum host_event kind, const char *text);
/* Load all hosts and open operations from the store, before the loops run. */
NODISCARD int fleet_load(struct app *a, struct errinfo *ei);
/* Fresh random ids: "op-xxxxxxxxxxxx". */
void fleet_new_op_id(struct loop *l, char out[OP_ID_CAP]);
/* "host-xxxxxxxx", of no host yet. ERR_INTERNAL. */
NODISCARD int fleet_new_host_id(struct shard *s, char id[HOST_ID_CAP]);

/* --- between the files of the fleet --- */
/* A host object of this row, not yet in shard->hosts. NULL when out of memory. */
struct fleet_host *fleet_host_new(struct shard *s, const struct store_host *row);
/* Into shard->hosts, on its thread. ERR_EXISTS, ERR_NOMEM. */
NODISCARD int fleet_host_enter(struct fleet_host *fh);
/* Its tunnels are closed, waiting calls are answered with err; out of shard->hosts; freed. */
void fleet_host_free(struct fleet_host **fh, int err);
/* Free it without a word to anybody: the app ends. */
void fleet_host_drop(struct fleet_host **fh);
/* An event that waits in shard->later. */
void fleet_later_free(struct list_node *n);
/* Was seen with this UUID: tells the directory, and the hosts whose finding changes by it. */
void fleet_host_saw_uuid(struct fleet_host *fh, struct uuid u);
/* This host may be a duplicate or no longer one. Any thread. */
void fleet_tell_duplicate(struct shard *from, const char *host, bool duplicate);
/* Do what shard->actions says for this host, and what arises from it. */
void fleet_host_do_actions(struct fleet_host *fh);
/* The host of this row, as the directory knows it. */
struct directory_entry;
void fleet_directory_entry(const struct store_host *row, struct directory_entry *e);
/* Another write of this host is under way: call->run comes again when it is done. */
bool fleet_must_wait(struct fleet_host *fh, struct fleet_call *call);
/* What the row says of identity and secrets was written and is now true; bits: what has changed; text: of the
 * event. */
void fleet_apply_row(struct fleet_host *fh, unsigned bits, const struct store_host *row, const char *text);
/* Run the changes that waited for a write. */
void fleet_run_deferred(struct fleet_host *fh);
