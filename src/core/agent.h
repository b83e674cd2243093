/* SPDX-License-Identifier: Apache-2.0 */
/* agent: what pm-agent on a node tells of the machine and its firmware, as plain values. Strings are cleaned
 * and cut by whoever fills them (server/agent_facts.c from JSON). Source: docs/activation.md */
#pragma once

#include "base/clock.h"
#include "base/uuid.h"
#include "proto/amt.h"

enum { AGENT_TEXT_CAP = 64, AGENT_LONG_CAP = 128, AGENT_TTY_CAP = 16, AGENT_HASH_CAP = 65 };

/* M(symbol, word): can the node talk to its firmware? */
#define AGENT_MEI_TABLE(M)                                                                                   \
    M(UNKNOWN, "unknown")                                                                                    \
    M(READY, "ready") M(ABSENT, "absent") M(NO_CLIENT, "no-client") M(BUSY, "busy") M(ERROR, "error")
enum agent_mei {
#define M(sym, word) AGENT_MEI_##sym,
    AGENT_MEI_TABLE(M)
#undef M
        AGENT_MEI_COUNT
};
/* W(symbol, word): may AMT be switched off there? */
#define AGENT_SWITCH_TABLE(W) W(UNKNOWN, "unknown") W(PRESENT, "present") W(ABSENT, "absent")
enum agent_switch {
#define W(sym, word) AGENT_SWITCH_##sym,
    AGENT_SWITCH_TABLE(W)
#undef W
        AGENT_SWITCH_COUNT
};
const char *agent_mei_text(enum agent_mei m);
const char *agent_switch_text(enum agent_switch s);

struct agent_facts {
    char agent_version[AGENT_TEXT_CAP], os[AGENT_TEXT_CAP], host_name[AGENT_TEXT_CAP];
    struct uuid smbios_uuid, amt_uuid;
    char serial[AGENT_TEXT_CAP], vendor[AGENT_TEXT_CAP], product[AGENT_TEXT_CAP];
    char board_vendor[AGENT_TEXT_CAP], board[AGENT_TEXT_CAP];
    char bios_vendor[AGENT_TEXT_CAP], bios_version[AGENT_TEXT_CAP];
    enum agent_mei mei;
    char mei_text[AGENT_LONG_CAP];
    char firmware_version[AGENT_TEXT_CAP], sku[AGENT_TEXT_CAP];
    enum amt_control_mode control_mode; /* UNKNOWN: could not be read */
    uint8_t provisioning_state;         /* 0 pre, 1 in, 2 post */
    char power_policy[AGENT_LONG_CAP];  /* PTHI 47: the ME's power policy */
    char dns_suffix[AGENT_LONG_CAP], os_dns_suffix[AGENT_LONG_CAP];
    /* PTHI 46 */
    char ras_network[AGENT_TEXT_CAP], ras_state[AGENT_TEXT_CAP], ras_trigger[AGENT_TEXT_CAP];
    char ras_mps_host[AGENT_LONG_CAP];
    /* what the firmware is configured for, where the local account may read it */
    char mps_address[AGENT_LONG_CAP];
    char mps_root[AGENT_HASH_CAP]; /* SHA-256 of its trusted root, hex */
    enum agent_switch bios_switch, firmware_switch;
    /* the AMT serial port: never guessed from dmesg */
    char tty[AGENT_TTY_CAP]; /* "" none found */
    bool getty, getty_enabled;
    char tty_text[AGENT_LONG_CAP];
};

/* The agent of a host, as far as the machine needs to know. */
struct host_agent {
    struct agent_facts facts;
    struct wall facts_at;
    struct wall enrolled, seen; /* WALL 0: never */
    struct wall cert_until;
    bool here; /* heard lately (3 heartbeats); the glue sets it */
};
