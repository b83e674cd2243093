/* SPDX-License-Identifier: Apache-2.0 */
/* mei_rig: a scripted management engine behind a socket (docs/activation.md, "At the node"): PTHI, watchdog
 * and LME clients, answered by a thread of its own from what the test has set. Set up before mei_rig_start(),
 * or while no request is under way; counters may be read after an answer came. */
#pragma once

#include "base/buf.h"
#include "net/tls.h"
#include "proto/apf.h"
#include "proto/pthi.h"

#include <pthread.h>

enum { RIG_CONNS_MAX = 16, RIG_ANSWERS_MAX = 16 };

struct mei_rig {
    char path[108], where[116]; /* where: "unix:PATH" */
    /* what it says */
    struct pthi_versions versions;
    struct uuid uuid;
    uint32_t control_mode, provisioning_state;
    struct pthi_lan wired;
    struct pthi_ras ras;
    struct pthi_hash hashes[3];
    size_t nhashes;
    struct pthi_account account;
    uint8_t wd_flags;
    bool no_pthi, no_wd;       /* there is no such client */
    bool mute[PTHI_CMD_COUNT]; /* no answer */
    bool odd[PTHI_CMD_COUNT];  /* an answer that echoes another command */
    uint32_t status[PTHI_CMD_COUNT];
    unsigned hang_up_after; /* close the n-th PTHI request's connection instead of answering; 0 never */
    uint32_t message_max;   /* 0: 4096 */
    /* LME: what the firmware's web server answers, one after the other; the last one again and again */
    const char *answers[RIG_ANSWERS_MAX];
    size_t nanswers;
    bool keep_open;      /* it does not close behind an answer */
    struct tls_ctx *tls; /* its port speaks TLS; the test's own */
    bool echo;           /* its port sends back what comes, as a TLS end would: no HTTP */
    /* what happened */
    unsigned pthi_requests, lme_sessions, channels, unprovisions, stops;
    struct buf heard; /* all that was sent to the web server, as it came */
    /* its own */
    int listen_fd, stop_fd[2];
    pthread_t thread;
    struct rig_conn *conns[RIG_CONNS_MAX];
};

/* A firmware before provisioning, at a fresh path. */
void mei_rig_init(struct mei_rig *r);
void mei_rig_start(struct mei_rig *r);
void mei_rig_stop(struct mei_rig *r);
