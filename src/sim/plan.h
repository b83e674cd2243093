/* SPDX-License-Identifier: Apache-2.0 */
/* plan: what a fleet consists of: the configuration of each node by its number, and the CSV file that
 * `create host --import-from-csv` takes. Pure, but for the file. Any thread. */
#pragma once

#include "sim/node.h"

struct sim_plan {
    uint64_t seed;
    const char *prefix;
    uint32_t count;
    enum sim_profile profile;
    bool start_off;                /* host in S5 */
    bool desired_off, desired_set; /* DesiredPowerState; not set: as the start state */
    uint32_t ccm_first;            /* the first K nodes are in client control mode */
    uint32_t me_off_first;         /* … have "ME on in Host Sleep States" off */
    uint32_t placeholder_first;    /* … have a placeholder UUID in the firmware */
    uint32_t same_first;           /* … share one UUID */
    uint32_t unprovisioned_first;  /* … have no set-up, and dial nobody */
    uint32_t foreign_first;        /* … were set up by somebody else, whose server is: */
    struct slice foreign;          /* HOST or HOST:PORT */
    bool no_lms, modern;
    struct slice cira_user, cira_password; /* of every node; empty: each has its own */
};
/* number from 1. */
void sim_plan_node(const struct sim_plan *p, uint32_t number, struct sim_node_config *out);

#define SIM_CSV_HEADER                                                                                       \
    "Name,AmtUUID,SmbiosUUID,Serial,CiraUser,CiraPassword,AmtUser,AmtPassword,DesiredPowerState,ControlMode"
/* The header line and a row a node. */
int sim_plan_csv(const struct sim_plan *p, struct buf *out);
/* Write it to a file of mode 0600 (it holds secrets) in one step. An error with ei filled. */
NODISCARD int sim_plan_write_csv(const struct sim_plan *p, const char *path, struct errinfo *ei);
