/* SPDX-License-Identifier: Apache-2.0 */
/* link: the state of a host's CIRA tunnel: never -> up -> suspect -> down. Pure. Part of struct host.
 * Silence past the quiet time makes it suspect and asks; after `probes` unanswered questions it is down. */
#pragma once

#include "base/clock.h"
#include "base/err.h"

/* L(symbol, text) */
#define LINK_STATE_TABLE(L) L(NEVER, "never") L(UP, "up") L(SUSPECT, "suspect") L(DOWN, "down")
enum link_state {
#define L(sym, text) LINK_##sym,
    LINK_STATE_TABLE(L)
#undef L
};
const char *link_state_text(enum link_state s);

/* Why a link went down or came up. W(symbol, id, sentence part) */
#define LINK_REASON_TABLE(W)                                                                                 \
    W(NONE, "none", "no reason known")                                                                       \
    W(LOGIN, "login", "logged in")                                                                           \
    W(RESET, "reset", "reset by peer")                                                                       \
    W(EOF, "closed", "closed by peer")                                                                       \
    W(DISCONNECT, "disconnect", "disconnected by the firmware")                                              \
    W(SILENT, "silent", "silent, no answer to probes")                                                       \
    W(PROTOCOL, "protocol", "broke the protocol")                                                            \
    W(REPLACED, "replaced", "replaced by a newer login")                                                     \
    W(TLS, "tls", "TLS failure")                                                                             \
    W(SERVER_STOP, "server-stop", "the server was stopped")                                                  \
    W(SERVER_CRASH, "server-crash", "the server ended without warning")                                      \
    W(DELETED, "deleted", "the host was deleted")                                                            \
    W(SECRET, "secret", "its CIRA password was changed")                                                     \
    W(ADMIN, "admin", "closed by an operator")
enum link_reason {
#define W(sym, ...) LINK_WHY_##sym,
    LINK_REASON_TABLE(W)
#undef W
        LINK_WHY_COUNT
};
const char *link_reason_id(enum link_reason r);
const char *link_reason_text(enum link_reason r);
bool link_reason_parse(const char *id, enum link_reason *r);
bool link_state_parse(const char *text, enum link_state *s);

enum { LINK_PEER_CAP = 56 };
struct link {
    enum link_state state; /* written by link_set_state() only */
    enum link_reason why;
    uint32_t generation; /* counts authenticated logins of this host; newest wins */
    struct wall since;   /* of state */
    struct mono heard;   /* last byte from the device; link_heard() */
    struct mono asked;   /* last probe sent; MONO_NEVER when none is open */
    uint8_t misses;      /* probes without an answer */
    char peer[LINK_PEER_CAP];
};

struct link_policy {
    uint32_t quiet_ms; /* silence before we ask */
    uint32_t probe_ms; /* how long an answer may take */
    uint8_t probes;    /* unanswered questions until it is down */
};
/* quiet 20 s + 4 probes of 5 s: down after 40 s of silence at the latest (design: <= 45 s). */
#define LINK_POLICY_DEFAULT ((struct link_policy){.quiet_ms = 20000, .probe_ms = 5000, .probes = 4})

/* Is a tunnel there that may carry a request? */
static inline bool link_usable(const struct link *l) {
    return l->state == LINK_UP || l->state == LINK_SUSPECT;
}
/* A byte came. */
static inline void link_heard(struct link *l, struct mono now) {
    l->heard = now;
}

enum link_verdict {
    LINK_KEEP,      /* nothing to do until link_deadline() */
    LINK_ASK,       /* send a keepalive (and, when suspect, a WS-MAN read) */
    LINK_RECOVERED, /* suspect before, heard since: up again */
    LINK_DEAD,      /* down by silence: close the tunnel */
};
/* To be called at link_deadline(), and any time. Changes probes and suspect/up; DEAD leaves the state to the
 * host. */
enum link_verdict link_check(struct link *l, const struct link_policy *p, struct mono now, struct wall wall);
struct mono link_deadline(const struct link *l, const struct link_policy *p);
/* Ask now, whatever the silence (an operator's command to a quiet node). */
enum link_verdict link_ask_now(struct link *l, struct mono now, struct wall wall);
void link_set_state(struct link *l, enum link_state s, enum link_reason why, struct wall wall);
