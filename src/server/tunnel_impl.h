/* SPDX-License-Identifier: Apache-2.0 */
/* tunnel_impl: what the files of the tunnel share. tunnel.c: life, input, output; tunnel_login.c: who it is;
 * tunnel_accept.c: the listeners and their limits; tunnel_wsman.c: WS-MAN over channels. */
#pragma once

#include "proto/apf.h"
#include "server/tunnel.h"

/* S(symbol, text) */
#define TUNNEL_STATE_TABLE(S)                                                                                \
    S(HELLO, "hello")           /* not a byte seen, or a prefix of "GET " */                                 \
    S(LOGIN, "login")           /* APF, user not known yet */                                                \
    S(MOVING, "moving")         /* user known, on its way to the host's shard */                             \
    S(FORWARDING, "forwarding") /* logged in; ports come in */                                               \
    S(UP, "up")                 /* carries the host's link */                                                \
    S(ENDED, "ended")           /* bound to nothing; winds down */
enum tunnel_state {
#define S(sym, text) TUNNEL_##sym,
    TUNNEL_STATE_TABLE(S)
#undef S
};

enum { TUNNEL_HELLO_BYTES = 4, LISTENERS_MAX = 4, PEER_ADDR_CAP = 64 };

struct wsman;

/* Who says it is; lives only from message 50 until the password was checked, and is wiped then. */
struct login {
    char host[HOST_ID_CAP];
    char user[APF_USER_MAX + 1], password[APF_PASSWORD_MAX + 1];
    bool method_none;
    char peer_addr[PEER_ADDR_CAP]; /* while no stream is there to tell */
    struct stream_moving *moving;
};

struct tunnel {
    struct tunnels *set;   /* NULL while moving */
    struct shard *to;      /* where it moves */
    struct stream *stream; /* NULL while moving and after its end */
    struct apf *apf;
    struct fleet_host *fh; /* bound after the password was checked; NULL before and after */
    struct wsman *ws;      /* NULL: no job for a while */
    struct list chans;     /* struct tunnel_chan */
    struct login *login;
    struct list_node node; /* set->all */
    struct loop_timer timer;
    struct loop_msg turn; /* the rest of a turn, or the move to another shard */
    struct buf in;        /* input not worked off yet */
    struct mono login_by; /* MONO_NEVER once up */
    struct mono quiet_at; /* forwards are complete then; MONO_NEVER when that was seen */
    struct mono step_at;  /* of the last answer that the device waits for before its next forward */
    uint32_t slowest_ms;  /* its longest pause between two of them */
    struct mono wsman_free_at;
    struct uuid uuid;
    uint32_t generation; /* of the host's link; 0 before */
    uint32_t cookie;
    enum tunnel_state state; /* written by tunnel_set_state() only */
    uint8_t hello[TUNNEL_HELLO_BYTES], nhello;
    bool turn_posted, pumping;
    bool soon;    /* the timer must fire in the next turn */
    bool pending; /* counted in set->pending */
    bool held;    /* counted in set->held, and in peers */
    bool by_next; /* logged in with the fresh CIRA secret */
};

struct tunnels {
    struct shard *shard;
    struct listener *listeners[LISTENERS_MAX];
    size_t nlisteners;
    struct list all;
    uint32_t held;    /* of tunnels_max: admitted and not freed, handshakes too */
    uint32_t pending; /* of pending_max: held and not logged in */
    bool draining;
};

static inline struct shard *tunnel_shard(const struct tunnel *t) {
    return t->set->shard;
}
static inline const struct tunnel_limits *tunnel_lim(const struct tunnel *t) {
    return &t->set->shard->app->tunnel_limits;
}

/* --- tunnel.c --- */
/* A connection that is ready; t->stream may be NULL (then attach one). NULL when out of memory. */
struct tunnel *tunnel_new(struct tunnels *ts, struct stream *s);
void tunnel_free(struct tunnel **t);
void tunnel_set_state(struct tunnel *t, enum tunnel_state s);
/* Hand apf's output to the stream, as far as the peer takes it. */
void tunnel_flush(struct tunnel *t);
/* Set the timer to whatever comes first. */
void tunnel_arm(struct tunnel *t);
void tunnel_post_turn(struct tunnel *t);
/* End a connection that is bound to no host: say why in APF and close. */
void tunnel_refuse(struct tunnel *t, enum apf_disconnect reason);
extern const struct stream_handler tunnel_stream_handler;
/* t->turn's function but for the move. */
void tunnel_turn_fn(struct loop *l, struct loop_msg *m);

/* --- tunnel_accept.c --- */
/* One more, or one less, that has not logged in. */
void tunnels_count_pending(struct tunnels *ts, int n);
/* Give back the places of a connection. */
void tunnel_release(struct tunnel *t, const char *peer_addr);
/* From one shard to the other; its place in peers goes along. */
void tunnel_leave(struct tunnel *t);
void tunnel_join(struct tunnel *t, struct tunnels *ts);

/* --- tunnel_login.c --- */
void tunnel_on_version(struct tunnel *t, const struct apf_ev *ev);
void tunnel_on_auth(struct tunnel *t, const struct apf_ev *ev);
void tunnel_on_ready(struct tunnel *t, const struct apf_ev *ev);
void tunnel_on_forward(struct tunnel *t, const struct apf_ev *ev);
/* The quiet time is over. */
void tunnel_forwards_complete(struct tunnel *t);
/* From state MOVING, in a turn of its own: leave for the host's shard. */
void tunnel_move(struct tunnel *t);
void login_free(struct login **l);

/* --- tunnel_chan.c --- */
void tunnel_chan_on_opened(struct tunnel *t, const struct apf_ev *ev);
void tunnel_chan_on_open_failed(struct tunnel *t, const struct apf_ev *ev);
void tunnel_chan_on_data(struct tunnel *t, const struct apf_ev *ev);
void tunnel_chan_on_writable(struct tunnel *t, const struct apf_ev *ev);
void tunnel_chan_on_closed(struct tunnel *t, const struct apf_ev *ev);
/* The tunnel has ended: its channels go without apf. */
void tunnel_chans_cut(struct tunnel *t);

/* --- tunnel_wsman.c --- */
/* The AMT password of the tunnel's host, "" when it has none; wipe it. ERR_CRYPTO. */
NODISCARD int tunnel_amt_secret(const struct tunnel *t, char secret[SEALED_MAX]);
/* Deadlines of the client; gives finished jobs to the host. */
void wsman_turn(struct tunnel *t);
struct mono wsman_deadline(const struct tunnel *t);
void wsman_free(struct wsman **w);
