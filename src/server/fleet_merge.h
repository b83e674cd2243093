/* SPDX-License-Identifier: Apache-2.0 */
/* fleet_merge: two hosts that are one machine become one; one host that is two machines becomes two. What
 * belongs to the firmware (CIRA user, AMT account, their secrets, pin, device card, AMT UUID) goes together.
 * Written in one transaction or not at all. From a shard's thread. Source: docs/activation.md */
#pragma once

#include "server/fleet.h"

struct store_host;

/* The host that has the agent keeps its id (an agent's certificate names it), else the one in call.host; name
 * and intent are those of call.host. The firmware is the one with the live tunnel, else the one seen last. */
struct fleet_merge {
    struct fleet_call call; /* first; host: the one that is named */
    char project[HOST_PROJECT_CAP], with[HOST_ID_CAP], actor[OP_ACTOR_CAP];
    char id[HOST_ID_CAP], gone[HOST_ID_CAP]; /* out: who stays, who went */
    void (*done)(struct fleet_merge *m);
    void *ctx;
    void *impl;
};
/* done on call.from; call.error: ERR_NOT_FOUND; ERR_INVALID (with itself); ERR_STATE (two agents, two live
 * tunnels, work under way: with what to do); ERR_STORE. */
void fleet_merge(struct fleet_merge *m);

enum split_alias { SPLIT_SMBIOS_UUID = 1, SPLIT_AMT_UUID = 2, SPLIT_SERIAL = 4, SPLIT_CIRA_USER = 8 };
struct fleet_split {
    struct fleet_call call; /* first */
    char project[HOST_PROJECT_CAP], name[HOST_NAME_CAP], actor[OP_ACTOR_CAP];
    unsigned aliases;     /* of enum split_alias; the CIRA user takes its firmware with it */
    char id[HOST_ID_CAP]; /* out: the new host */
    void (*done)(struct fleet_split *c);
    void *ctx;
    void *impl;
};
/* done on call.from; call.error: ERR_NOT_FOUND; ERR_INVALID (no alias, or one that the host does not have);
 * ERR_EXISTS (name); ERR_STATE (work under way); ERR_STORE. */
void fleet_split(struct fleet_split *c);

/* --- on a host's shard --- */
/* ERR_STATE while an operation, a session, a provisioning or a change of secrets is under way. */
NODISCARD int merge_busy(const struct fleet_host *fh, struct errinfo *ei);
/* What the row says of the firmware is now true. */
void merge_apply_firmware(struct fleet_host *fh, const struct store_host *row);

/* --- the rules, without the fleet --- */
/* What merging looks at. */
struct merge_side {
    const struct store_host *row;
    bool live, agent;
};
/* Is b's firmware the one that counts? */
bool merge_takes_firmware(const struct merge_side *keep, const struct merge_side *gone);
/* 0; ERR_STATE with the reason. names: as people call them. */
NODISCARD int merge_allowed(const struct merge_side *a, const struct merge_side *b, struct errinfo *ei);
/* The row of the one that stays; named: whose name and intent count. Secrets are copied as they are sealed:
 * reseal them. */
void merge_rows(const struct store_host *keep, const struct store_host *gone, const struct store_host *named,
                bool firmware_of_gone, struct store_host *out);
/* Firmware members from one row to another. */
void merge_move_firmware(const struct store_host *from, struct store_host *to);
/* Leaves to without firmware. */
void merge_forget_firmware(struct store_host *to);
