/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/redir_conn.h"

#include "base/log.h"
#include "base/text.h"
#include "net/tls.h"
#include "sim/firmware.h"
#include "sim/redir_app.h"
#include "sim/redir_side.h"

#include <stdlib.h>

enum {
    LOGIN_MS = 30000,     /* a connection that does not log in is dropped [G] */
    LINGER_MS = 5000,     /* for what is unsent at the end */
    OUT_BYTES = 4096,     /* made ahead of what the transport has taken */
    UNREAD_MAX = 1 << 16, /* answers that a client does not read */
};

enum redir_conn_state {
    REDIR_CONN_LOGIN,
    REDIR_CONN_SESSION,
    REDIR_CONN_PROMPT, /* KVM that waits for consent before it says anything (a fault) */
    REDIR_CONN_FINISHED,
    REDIR_CONN_BROKEN,
};

struct redir_conn {
    struct sim_node *node;
    struct tls *tls;
    struct redir_side *side;
    const struct redir_app *app; /* NULL until the kind's own protocol runs */
    void *machine;
    enum redir_kind kind; /* REDIR_KIND_COUNT until the firmware has agreed to it */
    enum redir_conn_state state;
    struct mono until; /* of the state */
    struct wall since; /* of the login */
    uint64_t number;   /* of the session; 0: not logged in */
    uint64_t bytes_in, bytes_out;
    struct buf out;
};

static bool faulty(const struct redir_conn *c, enum sim_fault f) {
    return sim_fault_on(&c->node->faults, f);
}

static void redir_conn_set_state(struct redir_conn *c, enum redir_conn_state s, struct mono until) {
    c->state = s;
    c->until = until;
}

bool redir_conn_finished(const struct redir_conn *c) {
    return c->state == REDIR_CONN_FINISHED || c->state == REDIR_CONN_BROKEN;
}
bool redir_conn_broken(const struct redir_conn *c) {
    return c->state == REDIR_CONN_BROKEN;
}

static void tell(struct redir_conn *c, bool open) {
    const struct sim_fleet_config *cfg = &c->node->fleet->cfg;
    if (cfg->on_session)
        cfg->on_session(cfg->ctx, c->node, c->kind, c->number, open);
}

static void tell_bytes(struct redir_conn *c, bool to_client, struct slice bytes) {
    const struct sim_fleet_config *cfg = &c->node->fleet->cfg;
    if (cfg->on_session_bytes)
        cfg->on_session_bytes(cfg->ctx, c->number, to_client, bytes);
}

/* The connection ends, and its kind is free for the next one. */
static void end(struct redir_conn *c, enum redir_conn_state how, const char *why) {
    struct sim_node *n = c->node;
    bool was_open = c->state != REDIR_CONN_LOGIN;
    if (redir_conn_finished(c))
        return;
    redir_conn_set_state(c, how, mono_add_ms(node_now(n), LINGER_MS));
    if (c->kind == REDIR_KIND_COUNT)
        return;
    log_info("redir", "%s: %s ends: %s", n->cfg.id.name, redir_kind_name(c->kind), why);
    n->redir.conns[c->kind] = NULL;
    if (was_open)
        tell(c, false);
    c->kind = REDIR_KIND_COUNT;
    if (was_open) {
        n->fleet->counters.sessions--;
        redir_recount(n);
    }
}

/* --- life --- */

static struct redir_side *side_make(struct sim_node *n) {
    struct redir_side_config cfg = {.user = n->cfg.id.amt_user,
                                    .legacy = n->cfg.profile == SIM_A11,
                                    .no_digest = sim_fault_on(&n->faults, SIM_FAULT_REDIR_NO_DIGEST),
                                    .bare_reject = sim_fault_on(&n->faults, SIM_FAULT_REDIR_BARE_REJECT),
                                    .bad_length = sim_fault_on(&n->faults, SIM_FAULT_REDIR_BAD_LENGTH)};
    if (!fw_ha1(n) || !*fw_ha1(n))
        return NULL;
    memcpy(cfg.ha1, fw_ha1(n), sizeof cfg.ha1);
    node_realm(n, cfg.realm);
    uint8_t nonce[16];
    loop_random(n->fleet->cfg.loop, nonce, sizeof nonce);
    text_hex(slice_of(nonce, sizeof nonce), cfg.nonce);
    struct slice minor = slice_str(sim_profile_info(n->cfg.profile)->version);
    struct slice major = slice_cut(&minor, '.');
    uint64_t v[2] = {0};
    slice_to_u64(major, UINT8_MAX, &v[0]);
    slice_to_u64(slice_cut(&minor, '.'), UINT8_MAX, &v[1]);
    cfg.major = (uint8_t)v[0];
    cfg.minor = (uint8_t)v[1];
    return redir_side_new(&cfg);
}

struct redir_conn *redir_conn_new(struct sim_node *n, bool tls, struct mono now) {
    struct redir_conn *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->node = n;
    c->kind = REDIR_KIND_COUNT;
    redir_conn_set_state(c, REDIR_CONN_LOGIN, mono_add_ms(now, LOGIN_MS));
    c->side = side_make(n);
    if (tls)
        c->tls = tls_new(node_tls_ctx(n), true, NULL);
    if (!c->side || (tls && !c->tls))
        redir_conn_free(&c);
    return c;
}

void redir_conn_free(struct redir_conn **cp) {
    struct redir_conn *c = *cp;
    if (!c)
        return;
    end(c, REDIR_CONN_BROKEN, "the connection is gone");
    if (c->machine)
        c->app->free(c->machine);
    redir_side_free(&c->side);
    tls_free(&c->tls);
    buf_free(&c->out);
    free(c);
    *cp = NULL;
}

/* --- start and login --- */

static bool kind_enabled(const struct sim_node *n, enum redir_kind k) {
    if (k == REDIR_KVM)
        return n->kvm_enabled;
    /* 32768 + bit 0 IDE-R, bit 1 SOL (4.7) */
    return (n->redir_state & (k == REDIR_IDER ? 1 : 2)) != 0;
}

/* Must the user at the machine consent first, and has not? */
static bool consent_missing(struct sim_node *n, enum redir_kind k, struct mono now) {
    optin_advance(&n->optin, node_screen(n), now);
    bool wanted = n->optin.required == OPTIN_ALL || (n->optin.required == OPTIN_KVM && k == REDIR_KVM);
    if (k == REDIR_SOL && sim_fault_on(&n->faults, SIM_FAULT_SOL_NO_CONSENT))
        wanted = false;
    return wanted && !optin_granted(&n->optin);
}

static uint8_t start_status(struct redir_conn *c, enum redir_kind k, struct mono now, const char **why) {
    struct sim_node *n = c->node;
    *why = "refused by a fault";
    if (faulty(c, SIM_FAULT_REDIR_STATUS))
        return (uint8_t)n->faults.arg[SIM_FAULT_REDIR_STATUS];
    *why = "there is no such kind";
    if (k == REDIR_KIND_COUNT || (k == REDIR_KVM && n->cfg.no_kvm))
        return REDIR_START_STATUS_TYPE;
    *why = "disabled";
    if (!kind_enabled(n, k))
        return REDIR_START_STATUS_UNSUPPORTED;
    *why = "another session of the kind is open";
    if (n->redir.conns[k] || (n->redir.busy & (1u << k)))
        return REDIR_START_STATUS_BUSY;
    *why = "the user at the machine has not consented";
    /* KVM opens without (4.2), and ends when its picture would begin */
    return k != REDIR_KVM && consent_missing(n, k, now) ? REDIR_START_STATUS_UNSUPPORTED
                                                        : REDIR_START_STATUS_OK;
}

static void on_start(struct redir_conn *c, enum redir_kind k, struct mono now) {
    struct sim_node *n = c->node;
    const char *why;
    uint8_t status = start_status(c, k, now, &why);
    if (status == REDIR_START_STATUS_OK) {
        c->kind = k;
        n->redir.conns[k] = c;
    } else {
        n->fleet->counters.sessions_refused++;
        log_info("redir", "%s: %s answered with status %u: %s", n->cfg.id.name,
                 k < REDIR_KIND_COUNT ? redir_kind_name(k) : "unknown kind", status, why);
    }
    redir_side_start(c->side, status);
}

static void on_login(struct redir_conn *c) {
    struct sim_node *n = c->node;
    redir_conn_set_state(c, REDIR_CONN_SESSION, MONO_NEVER);
    c->since = loop_wall(n->fleet->cfg.loop);
    n->fleet->counters.sessions++;
    c->number = ++n->fleet->counters.sessions_opened;
    redir_recount(n);
    tell(c, true);
}

static void make_app(struct redir_conn *c, struct mono now) {
    c->app = redir_app_find(c->kind);
    c->machine = c->app->make(c->node, now);
    if (!c->machine)
        end(c, REDIR_CONN_BROKEN, "out of memory");
}

/* The kind's own protocol begins. */
static void open_app(struct redir_conn *c, struct mono now) {
    struct sim_node *n = c->node;
    if (c->kind != REDIR_KVM || !consent_missing(n, c->kind, now)) {
        make_app(c, now);
    } else if (faulty(c, SIM_FAULT_KVM_PROMPT)) {
        redir_conn_set_state(c, REDIR_CONN_PROMPT,
                             mono_add_ms(now, (int64_t)n->redir.kvm.opt_in_timeout_s * 1000));
        (void)node_consent_start(n, now); /* one that is displayed already will do */
    } else {
        end(c, REDIR_CONN_FINISHED, "the user at the machine has not consented");
    }
}

/* Has the consent come that the prompt waits for? */
static void look_at_consent(struct redir_conn *c, struct mono now) {
    if (c->state != REDIR_CONN_PROMPT || consent_missing(c->node, c->kind, now))
        return;
    redir_conn_set_state(c, REDIR_CONN_SESSION, MONO_NEVER);
    make_app(c, now);
    redir_recount(c->node);
}

/* What the machine says of itself after each call. */
static void look_at_app(struct redir_conn *c, int err, struct mono now) {
    if (err < 0) {
        end(c, REDIR_CONN_BROKEN, err == ERR_TIMEOUT ? "the client was silent" : err_text(err));
        return;
    }
    enum machine_action a = c->app->wish ? c->app->wish(c->machine) : MACHINE_ACT_NONE;
    if (a != MACHINE_ACT_NONE && machine_local(&c->node->host, a, &c->node->fleet->cfg.times.host, now) < 0)
        log_info("redir", "%s: %s came too late", c->node->cfg.id.name, machine_action_name(a));
    const char *why = c->app->ended(c->machine);
    if (why)
        end(c, REDIR_CONN_FINISHED, why);
}

static void on_event(struct redir_conn *c, const struct redir_side_ev *ev, struct mono now) {
    switch (ev->kind) {
    case REDIR_SIDE_START:
        on_start(c, ev->session, now);
        break;
    case REDIR_SIDE_LOGIN:
        on_login(c);
        break;
    case REDIR_SIDE_WRONG:
        c->node->fleet->counters.unauthorized++;
        end(c, REDIR_CONN_FINISHED, "wrong user or password");
        break;
    case REDIR_SIDE_DATA:
        c->bytes_in += ev->data.n;
        tell_bytes(c, false, ev->data);
        if (c->machine)
            look_at_app(c, c->app->input(c->machine, ev->data, now), now);
        break;
    }
}

static void input_plain(struct redir_conn *c, struct slice in, struct mono now) {
    struct redir_side_ev ev;
    int r = 0;
    if (faulty(c, SIM_FAULT_REDIR_MUTE))
        return;
    while (in.n && !redir_conn_finished(c)) {
        r = redir_side_input(c->side, &in, &ev);
        if (r > 0)
            on_event(c, &ev, now);
        if (r < 0)
            end(c, REDIR_CONN_BROKEN, err_text(r));
        if (c->state == REDIR_CONN_SESSION && !c->machine && redir_side_is_open(c->side))
            open_app(c, now);
        if (redir_side_finished(c->side))
            end(c, REDIR_CONN_FINISHED, "the client ended it");
    }
    if (c->machine && c->app->output(c->machine, now).n > UNREAD_MAX)
        end(c, REDIR_CONN_BROKEN, "the client does not read");
}

void redir_conn_input(struct redir_conn *c, struct slice raw, struct mono now) {
    if (redir_conn_finished(c))
        return;
    if (!c->tls) {
        input_plain(c, raw, now);
        return;
    }
    struct buf plain = {0};
    int r = tls_input(c->tls, raw, &plain);
    input_plain(c, buf_slice(&plain), now);
    buf_free(&plain);
    if (r < 0)
        end(c, REDIR_CONN_FINISHED, "TLS ended");
}

/* --- output --- */

/* What is to be said next, before TLS. */
static struct slice next_piece(struct redir_conn *c, struct mono now) {
    struct slice s = buf_slice(redir_side_output(c->side));
    if (s.n || !c->machine)
        return s;
    return c->app->output(c->machine, now);
}

static void piece_sent(struct redir_conn *c, size_t n) {
    struct buf *login = redir_side_output(c->side);
    if (login->len) {
        buf_consume(login, n);
        return;
    }
    c->bytes_out += n;
    c->app->sent(c->machine, n);
}

/* The cut-login fault: the acceptance of the login stops in its middle. */
static size_t cut_login(struct redir_conn *c, struct slice piece, size_t n) {
    bool accepted = c->state == REDIR_CONN_SESSION && redir_side_output(c->side)->len;
    if (!accepted || !faulty(c, SIM_FAULT_REDIR_CUT))
        return n;
    end(c, REDIR_CONN_FINISHED, "cut in the middle of the login (fault)");
    return piece.n / 2;
}

struct buf *redir_conn_output(struct redir_conn *c, struct mono now) {
    struct buf *out = c->tls ? tls_output(c->tls) : &c->out;
    look_at_consent(c, now);
    while (out->len < OUT_BYTES && c->state != REDIR_CONN_BROKEN) {
        struct slice piece = slice_head(next_piece(c, now), OUT_BYTES);
        if (piece.n == 0)
            break;
        size_t n = cut_login(c, piece, piece.n);
        int r = c->tls ? tls_write(c->tls, slice_head(piece, n)) : buf_put(out, slice_head(piece, n));
        if (r < 0)
            end(c, REDIR_CONN_BROKEN, err_text(r));
        if (!redir_side_output(c->side)->len)
            tell_bytes(c, true, piece);
        piece_sent(c, piece.n);
    }
    return out;
}

/* --- time --- */

struct mono redir_conn_deadline(const struct redir_conn *c) {
    struct mono at = c->until;
    if (c->machine && !redir_conn_finished(c))
        at = mono_min(at, c->app->deadline(c->machine));
    return at;
}

void redir_conn_tick(struct redir_conn *c, struct mono now) {
    if (mono_due(c->until, now) && c->state == REDIR_CONN_FINISHED)
        redir_conn_set_state(c, REDIR_CONN_BROKEN, MONO_NEVER);
    if (mono_due(c->until, now))
        end(c, REDIR_CONN_BROKEN,
            c->state == REDIR_CONN_PROMPT ? "no consent came in time" : "no login came in time");
    if (c->machine && !redir_conn_finished(c) && mono_due(c->app->deadline(c->machine), now))
        look_at_app(c, c->app->tick(c->machine, now), now);
}

/* --- the sessions of a node --- */

bool redir_open(const struct sim_node *n, enum redir_kind k) {
    const struct redir_conn *c = n->redir.conns[k];
    return c && c->state != REDIR_CONN_LOGIN;
}

void *redir_machine(const struct sim_node *n, enum redir_kind k) {
    return n->redir.conns[k] ? n->redir.conns[k]->machine : NULL;
}

void redir_recount(struct sim_node *n) {
    struct mono now = node_now(n);
    bool any = n->session;
    for (int k = 0; k < REDIR_KIND_COUNT; k++)
        any = any || redir_open(n, (enum redir_kind)k);
    optin_advance(&n->optin, node_screen(n), now);
    optin_session(&n->optin, any, now);
    machine_set_session(&n->host, any, &n->fleet->cfg.times.host, now);
}

void redir_changed(struct sim_node *n, bool boots) {
    struct mono now = node_now(n);
    for (int k = 0; k < REDIR_KIND_COUNT; k++) {
        struct redir_conn *c = n->redir.conns[k];
        if (c && !node_me_runs(n))
            end(c, REDIR_CONN_BROKEN, "the firmware has no power");
        if (!n->redir.conns[k] || !c->machine)
            continue;
        c->app->changed(c->machine, n, boots, now);
        look_at_app(c, 0, now);
    }
}

/* --- what is told and asked of them --- */

int sim_node_sessions_describe(const struct sim_node *n, struct buf *out) {
    for (int k = 0; k < REDIR_KIND_COUNT; k++) {
        const struct redir_conn *c = n->redir.conns[k];
        char since[WALL_TEXT_CAP];
        if (!redir_open(n, (enum redir_kind)k))
            continue;
        buf_putf(out, "%s %s since=%s bytes-in=%llu bytes-out=%llu%s\n", n->cfg.id.name,
                 redir_kind_id((enum redir_kind)k), wall_rfc3339(c->since, since),
                 (unsigned long long)c->bytes_in, (unsigned long long)c->bytes_out,
                 c->state == REDIR_CONN_PROMPT ? " waits-for-consent" : "");
    }
    return out->failed ? ERR_NOMEM : 0;
}

int sim_node_session_close(struct sim_node *n, enum redir_kind k) {
    if (!n->redir.conns[k])
        return ERR_NOT_FOUND;
    end(n->redir.conns[k], REDIR_CONN_BROKEN, "closed at the firmware");
    node_settle(n);
    return 0;
}
