/* SPDX-License-Identifier: Apache-2.0 */
/* rps_int: what the files of the RPS door share. rps_door.c: HTTP, who may; rps_conn.c: the WebSocket, its
 * life and its move; rps_admit.c: which host; rps_way.c: WS-MAN over the client; rps_tls.c: through TLS with
 * the firmware; rps_task.c: what the door does itself. */
#pragma once

#include "net/tls.h"
#include "proto/http1.h"
#include "proto/rps.h"
#include "proto/ws.h"
#include "server/provisioning.h"
#include "server/rps_door.h"
#include "server/uuid_scan.h"

enum {
    RPS_PING_MS = 15000,
    RPS_FAREWELL_MS = 1500,      /* for its close frame; then the connection is closed */
    RPS_BACKLOG_BYTES = 1 << 20, /* queued, and not taken by the client: it is cut off */
    RPS_PORT_TLS = 16993,
    RPS_KEY_CAP = 96,
};

/* Who is at the other end. C(symbol, actor when it has no name) */
#define RPS_CALLER_TABLE(C)                                                                                  \
    C(ANONYMOUS, "anonymous")                                                                                \
    C(KEY, "enrolment key")                                                                                  \
    C(ADMIN, "")                                                                                             \
    C(AGENT, "agent")
enum rps_caller_kind {
#define C(sym, actor) RPS_CALLER_##sym,
    RPS_CALLER_TABLE(C)
#undef C
};
struct rps_caller {
    enum rps_caller_kind kind;
    char project[HOST_PROJECT_CAP]; /* hosts of this one only; "": of all */
    char host[HOST_ID_CAP];         /* AGENT: its own */
    char key[RPS_KEY_CAP];          /* KEY: wiped when the host is found or made */
    char of_new[HOST_PROJECT_CAP];  /* KEY: project of a new host */
    bool used_up;                   /* KEY: it speaks only for the node whose activation it began */
    char actor[PROV_ACTOR_CAP];
};

/* S(symbol) */
#define RPS_STATE_TABLE(S)                                                                                   \
    S(FIRST)   /* its command is waited for */                                                               \
    S(LOOKING) /* which host? */                                                                             \
    S(MOVING)  /* on its way to the host's shard */                                                          \
    S(SERVED)  /* attached, or a task of the door runs */                                                    \
    S(ENDING)  /* it was told how it went; its close frame is waited for */
enum rps_state {
#define S(sym) RPS_##sym,
    RPS_STATE_TABLE(S)
#undef S
};

/* One request of WS-MAN at a time. */
enum rps_exchange {
    RPS_EXCHANGE_NONE,
    RPS_EXCHANGE_ASKED,  /* its answer is waited for */
    RPS_EXCHANGE_ORPHAN, /* nobody wants the answer any more: it will be dropped */
};
enum rps_tls_state { RPS_TLS_NONE, RPS_TLS_SWITCHING, RPS_TLS_SHAKING, RPS_TLS_READY };

struct rps_conn {
    struct list_node node; /* shard->rps */
    struct loop_msg msg;   /* one at a time */
    struct shard *shard;
    enum rps_state state; /* written by rps_set_state() only */
    struct rps_caller who;
    char peer[56];
    struct stream *stream; /* NULL: gone, or moving */
    struct stream_moving *moving;
    struct ws *ws;
    struct loop_timer timer;
    struct mono ping_at, silent_at, farewell_at;
    struct request *asks; /* that is being upgraded */
    char accept[WS_ACCEPT_CAP];
    bool posted;  /* msg is under way, or a look-up runs: not to be freed */
    bool closing; /* its stream winds down by itself */

    struct rps_from_client first; /* the command */
    struct uuid_scan find;
    struct errinfo refusal;
    char host[HOST_ID_CAP];

    struct local_way way; /* its dev is what the client told; the rest on the host's shard */

    /* on the host's shard */
    bool task;                /* way.ws is the door's own: maintenance */
    bool turning, turn_again; /* wsc_* calls are worked off */
    int chan;                 /* the open channel's handle; 0: none */
    int last_chan;
    bool open_due; /* wsc_opened() is due */
    int close_due; /* wsc_closed() with this error is due; 0: not */
    enum rps_exchange exchange;
    struct mono answer_at; /* when the client must have answered */
    struct buf request;    /* being gathered */
    struct http1 *gather;  /* knows its end */
    bool tls;              /* WS-MAN goes through TLS with the firmware */
    enum rps_tls_state tls_state;
    struct tls *session;
    struct http1 *answer; /* TLS: knows the end of an answer */
    bool last;            /* TLS: the firmware closes after this answer */
};

/* rps_conn.c */
struct mono rps_now(const struct rps_conn *c);
void rps_set_state(struct rps_conn *c, enum rps_state s);
/* A client that was upgraded, on the shard of its connection; c is freed in any case when it left. */
void rps_begin(struct rps_conn *c);
void rps_conn_free(struct rps_conn *c);
/* A look-up ended: free it if its client left meanwhile. */
void rps_maybe_free(struct rps_conn *c);
/* Send a message, and empty it. */
void rps_send(struct rps_conn *c, struct buf *message);
/* The last words; ok: success. The connection ends. */
void rps_end(struct rps_conn *c, bool ok, const struct rps_outcome *o);
/* The same for a failure in a sentence and a remedy. */
void rps_refuse(struct rps_conn *c, const struct errinfo *ei);
void rps_arm(struct rps_conn *c);
/* Go to the shard of c->host. */
void rps_move(struct rps_conn *c);

/* rps_admit.c */
/* The command is in: find the host, then rps_move() or rps_refuse(). */
void rps_look_up(struct rps_conn *c);
/* On the host's shard (fh NULL: it is gone): may this client speak for it? 0, or ei says why not. */
NODISCARD int rps_may(const struct rps_conn *c, const struct fleet_host *fh, struct errinfo *ei);

/* rps_way.c */
/* Serve it: attach to the host, or begin a task. 0, or ei. */
NODISCARD int rps_serve(struct rps_conn *c, struct fleet_host *fh, struct errinfo *ei);
/* A message that is no command. 0; ERR_PROTO and ei: out of order. */
NODISCARD int rps_take(struct rps_conn *c, const struct rps_from_client *m, struct errinfo *ei);
/* After each wsc_* call: what became due, and results. */
void rps_turn(struct rps_conn *c);
void rps_way_tick(struct rps_conn *c);
struct mono rps_way_deadline(const struct rps_conn *c);
/* Nobody is served any more; what is left of it is freed. */
void rps_way_end(struct rps_conn *c);
/* Plain bytes of the firmware. */
void rps_answer(struct rps_conn *c, struct slice data);
/* The open channel ended. */
void rps_chan_ended(struct rps_conn *c, int err);

/* rps_tls.c */
/* Make the session, if there is none: open_due follows. 0 or ERR_NOMEM, ERR_TLS. */
NODISCARD int rps_tls_open(struct rps_conn *c);
NODISCARD int rps_tls_send(struct rps_conn *c, struct slice plain);
void rps_tls_drop(struct rps_conn *c);
NODISCARD int rps_tls_ack(struct rps_conn *c, struct errinfo *ei);
NODISCARD int rps_tls_take(struct rps_conn *c, struct slice cipher, struct errinfo *ei);

/* rps_task.c */
/* A maintenance that the door does itself: 0 (it ends by rps_end()), or ei. */
NODISCARD int rps_task_begin(struct rps_conn *c, struct fleet_host *fh, struct errinfo *ei);
void rps_task_turn(struct rps_conn *c);
/* What a provisioning came to, as clients show it. */
void rps_outcome_of(const struct provision *p, bool ok, struct rps_outcome *o);
