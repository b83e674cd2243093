/* SPDX-License-Identifier: Apache-2.0 */
/* rps_rig: clients of the RPS protocol at a desk, with the firmware of the desk's machine behind them, and a
 * stand-in for the provisioning: it takes whoever attaches, runs the jobs that the test wants over the
 * client, and ends well when all of them did. Linked with --wrap for what it stands for. */
#pragma once

#include "desk.h"
#include "net/tls.h"
#include "proto/rps.h"
#include "server/provisioning.h"
#include "sim/port_side.h"

/* What the stand-in was told, and what it is to do. */
struct stand_in {
    struct local_way *way; /* attached; NULL: nobody */
    enum prov_goal goal;
    char profile[PROV_PROFILE_CAP], actor[PROV_ACTOR_CAP], host[HOST_ID_CAP];
    unsigned attached, lost, results, failed;
    char why[160];             /* of the last failure */
    enum wsc_job_kind jobs[4]; /* to run, one after the other, with the machine's password … */
    unsigned njobs;            /* … 0: it stays attached */
    const char *progress;      /* said at the beginning */
    const char *refuse;        /* attach is refused with this */
};
extern struct stand_in stand_in;

/* The rig is without TLS: new connections show the certificate {7} of this host; NULL: none. */
extern const char *rps_shown;

/* What nodes are to trust, and to dial: without it no profile can be carried out. */
void rps_make_root(struct desk *d);

struct lender {
    struct viewer v; /* first: its notes are the messages of the server, one a line */
    size_t read;     /* bytes of them that were taken */
    struct port_side side;
    bool side_open, side_tls;
    char heard[6000];           /* " wsman progress success" */
    struct rps_from_server end; /* the last words */
    char progress[RPS_TEXT_CAP];
    unsigned cut_at;      /* the connection breaks with this request for the firmware; 0: never … */
    bool cut_late;        /* … after the firmware had it, before its answer is passed on */
    unsigned requests;    /* so many came … */
    unsigned kept_open;   /* … of them without "Connection: close": a client that waits for it is slow */
    bool deaf;            /* answers nothing, but pings */
    const char *switched; /* port of the last port_switch; "" none */
};
/* What a client of the desk's machine tells. */
struct rps_info rps_info_of(struct desk *d);
/* Upgrade with these header lines ("Authorization: Bearer …\r\n"). The status is in l->v.status. */
void lender_knock(struct lender *l, struct desk *d, const char *more);
/* As a user, with a token. */
void lender_open(struct lender *l, struct desk *d, const char *user);
void lender_command(struct lender *l, const struct rps_command *c, const struct rps_info *info);
/* Send one raw text frame. */
void lender_text(struct lender *l, struct slice text);
/* Serve until the server has said its last words, or ms. True: it has. */
bool lender_run(struct lender *l, int64_t ms);
void lender_free(struct lender *l);
#define assert_end(l, ok, text)                                                                              \
    do {                                                                                                     \
        if (!lender_run(l, 5000))                                                                            \
            fail_msg("no end: heard%s", (l)->heard);                                                         \
        if (!strstr((l)->end.outcome.status, text))                                                          \
            fail_msg("\"%s\" is not in \"%s\"", text, (l)->end.outcome.status);                              \
        assert_int_equal((l)->end.kind, (ok) ? RPS_S_SUCCESS : RPS_S_ERROR);                                 \
    } while (0)
