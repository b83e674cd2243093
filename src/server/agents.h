/* SPDX-License-Identifier: Apache-2.0 */
/* agents: the agent of each host: whether it is there, what it told, and the orders that it is to carry out.
 * An order is handed out with a heartbeat, again until the agent says that it works on it, and is over with
 * its result. Owner: the host's shard; its thread only. Source: docs/activation.md, "The agent's door" */
#pragma once

#include "core/provision.h"
#include "server/agent_ca.h"
#include "server/fleet.h"

struct json;

/* O(symbol, word) */
#define AGENT_ORDER_TABLE(O)                                                                                 \
    O(ACTIVATE, "activate")                                                                                  \
    O(DEACTIVATE, "deactivate") O(SERIAL, "serial-console") O(AMT_SWITCH, "amt-switch") O(REPORT, "report")
enum agent_order_kind {
#define O(sym, word) AGENT_ORDER_##sym,
    AGENT_ORDER_TABLE(O)
#undef O
        AGENT_ORDER_COUNT
};
enum {
    AGENT_ORDERS_MAX = AGENT_ORDER_COUNT, /* one of a kind */
    AGENT_ORDER_ID_CAP = 20,
    AGENT_GIVEN_MAX = 5, /* handed out so often and never taken up: it failed */
    AGENT_WAIT_MAX_S = 60,
    AGENT_DEFAULT_HEARTBEAT_S = 30,
    AGENT_DEFAULT_DAYS = 30,
};
struct agent_order {
    char id[AGENT_ORDER_ID_CAP];
    enum agent_order_kind kind;
    bool on;                        /* enable (SERIAL, AMT_SWITCH), local (DEACTIVATE) */
    char profile[PROV_PROFILE_CAP]; /* ACTIVATE */
    uint8_t given;
    bool taken; /* the agent works on it */
};

/* fleet_host.agent: there is one while the host has an agent with an identity. */
struct agent_door {
    struct fleet_host *fh;
    struct host_agent agent; /* fh->h.agent */
    bool has_before;
    uint8_t cert[32], before[32];
    char key_name[STORE_USER_CAP];
    struct agent_order orders[AGENT_ORDERS_MAX];
    size_t norders;
    struct agent_beat *held; /* the heartbeat that waits for an order */
    struct loop_timer wait_timer, gone_timer;
    struct mono rest_until; /* the same activation or deactivation is not handed out again before */
    struct wall work_ordered;
    struct mono serial_again;
    struct wall seen_written;
    bool recording;              /* what it told of the machine is on its way into the host's row */
    char doing[AGENT_LONG_CAP];  /* progress of an order, or its result */
    char serial[AGENT_LONG_CAP]; /* what came of the last order of the serial console; "" none */
};

/* --- identity --- */
/* The host has this agent from now on (loaded, or just enrolled and written). ERR_NOMEM. */
NODISCARD int agents_enter(struct fleet_host *fh, const struct store_agent *row);
/* The row as it is. The host has an agent. */
void agents_row(const struct fleet_host *fh, struct store_agent *row);
/* Is its identity in use: may nobody else enrol for this host? */
bool agents_in_use(const struct fleet_host *fh);
/* Its identity is void at once and for ever, durably; why: for people. No agent: nothing. */
void agents_revoke(struct fleet_host *fh, const char *why);
/* The host goes: free it; a heartbeat that waits is answered with err. */
void agents_drop(struct fleet_host *fh, int err);
/* All agents from the store, when the hosts are there, before the loops run. */
NODISCARD int agents_load(struct app *a, struct errinfo *ei);

/* --- what an agent says; cert: what it showed --- */
struct agent_beat {
    struct fleet_call call;
    uint8_t cert[32];
    uint32_t wait_s;
    enum amt_control_mode mode; /* UNKNOWN: not told */
    char running[AGENT_ORDER_ID_CAP];
    struct wall clock; /* of the node; 0: not told */
    struct buf out;    /* the answer */
};
/* Answers b->call now or later. */
void agents_heartbeat(struct fleet_host *fh, struct agent_beat *b);
void agents_report(struct fleet_host *fh, const uint8_t cert[32], const struct agent_facts *facts);
/* The same kind within a minute is the same shutdown, told twice: ignored. */
void agents_shutdown(struct fleet_host *fh, enum local_kind kind, const char *cause);
/* ERR_NOT_FOUND: there is no such order. */
NODISCARD int agents_progress(struct fleet_host *fh, const char *order, const char *text);
NODISCARD int agents_result(struct fleet_host *fh, const char *order, bool ok, const char *text);

/* agent_record.c: what the facts say of the machine (SMBIOS UUID, serial) and the host's record does not,
 * goes into the record, durably: it outlives the agent's identity. What is recorded is never changed. */
void agents_record(struct fleet_host *fh);

/* --- orders --- */
/* Have the agent do this; a heartbeat that waits is answered at once. ERR_STATE: the host has no agent, with
 * what to do; or the agent is at work on one of this kind. A later order takes the place of one that was not
 * taken up yet. */
NODISCARD int agents_order(struct fleet_host *fh, enum agent_order_kind kind, bool on, struct errinfo *ei);
/* 0 when the agent can see to the serial console; else ERR_STATE, with why not and what to do. */
NODISCARD int agents_serial_ready(const struct fleet_host *fh, struct errinfo *ei);
/* amt_intent.serial_console was set: have the agent do it now. */
void agents_want_serial(struct fleet_host *fh);
/* What the provisioning wants of the agent may be another thing now. */
void agents_look(struct fleet_host *fh);
/* Answer every heartbeat that waits: the server stops. */
void agents_drain(struct shard *s);

/* oob.agent, or null. */
void agents_json(struct json *j, const char *key, const struct fleet_host *fh);
uint32_t agents_heartbeat_s(const struct app *a);
uint32_t agents_certificate_days(const struct app *a);
