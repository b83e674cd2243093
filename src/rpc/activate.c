/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/activate.h"

#include "base/text.h"
#include "http/now.h"
#include "http/stream.h"
#include "rpc/device.h"
#include "rpc/ready.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { READ_BYTES = 16384, TARGET_CAP = 128, FAREWELL_MS = 2000 };
#define DEFAULT_TARGET "/activate"

/* One connection to the server, from its first message to its last. */
struct run {
    const struct activate_opts *o;
    struct activate_end *end;
    struct errinfo *ei;
    struct local *local;
    struct stream *stream;
    uint16_t port;         /* where WS-MAN goes */
    struct mono switch_at; /* MONO_NEVER: no switch of ports is due */
    bool ended;
};

static void say(const struct activate_opts *o, const char *text) {
    if (o->say && *text)
        o->say(o->ctx, text);
}

/* --- to the server --- */

static int send_text(struct run *r, struct buf *text) {
    int rc = text->failed ? ERR_NOMEM : stream_send_text(r->stream, buf_slice(text));
    buf_wipe(text);
    if (rc < 0)
        return err_set(r->ei, rc == ERR_FULL ? ERR_CLOSED : rc, "", "the server takes no answer: %s",
                       err_text(rc));
    return 0;
}

static int answer(struct run *r, enum rps_client_kind k, struct slice payload) {
    struct buf text = {0};
    rps_put_client(&text, k, payload);
    return send_text(r, &text);
}

/* --- to the firmware --- */

/* The interface itself is missing or forbidden: nothing that the server could do about it. */
static bool is_hopeless(int rc) {
    return rc == ERR_NOT_FOUND || rc == ERR_DENIED || rc == ERR_UNSUPPORTED || rc == ERR_BUSY ||
           rc == ERR_NOMEM;
}

/* The firmware did not do its part: say so, and let the server decide. */
static int reset(struct run *r, int rc, const struct errinfo *why) {
    local_disconnect(r->local);
    if (is_hopeless(rc)) {
        *r->ei = *why;
        r->end->mei = true;
        return rc;
    }
    say(r->o, why->text);
    return answer(r, RPS_C_CONNECTION_RESET, SLICE_EMPTY);
}

static int on_wsman(struct run *r, const struct rps_from_server *m) {
    struct buf got = {0};
    struct errinfo why = {0};
    int rc = local_exchange(r->local, r->port, buf_slice(&m->payload), &got, &why);
    if (rc == 0 && got.len > RPS_PAYLOAD_MAX)
        rc = err_set(&why, ERR_LIMIT, "", "the firmware's answer is longer than %d bytes", RPS_PAYLOAD_MAX);
    rc = rc < 0 ? reset(r, rc, &why) : answer(r, RPS_C_RESPONSE, buf_slice(&got));
    buf_wipe(&got);
    return rc;
}

static int on_tls_data(struct run *r, const struct rps_from_server *m) {
    struct errinfo why = {0};
    int rc = local_connected(r->local) ? 0 : local_connect(r->local, LOCAL_PORT_TLS, &why);
    if (rc == 0)
        rc = local_write(r->local, buf_slice(&m->payload), mono_add_ms(now_mono(), LOCAL_REST_MS), &why);
    return rc < 0 ? reset(r, rc, &why) : 0;
}

/* What the firmware sends in a TLS session goes to the server as it comes. */
static int from_firmware(struct run *r) {
    uint8_t mem[READ_BYTES];
    struct errinfo why = {0};
    int n = local_read(r->local, mem, sizeof mem, now_mono(), &why);
    if (n == ERR_TIMEOUT)
        return 0;
    if (n > 0)
        return answer(r, RPS_C_TLS_DATA, slice_of(mem, (size_t)n));
    if (n == 0)
        n = err_set(&why, ERR_CLOSED, "", "the firmware closed its TLS connection");
    return reset(r, n, &why);
}

static int on_port_switch(struct run *r, const struct rps_from_server *m) {
    local_disconnect(r->local);
    r->port = m->port;
    r->switch_at = mono_add_ms(now_mono(), (int64_t)m->delay_s * 1000);
    return 0;
}

static int switch_port(struct run *r) {
    struct errinfo why = {0};
    r->switch_at = MONO_NEVER;
    int rc = local_connect(r->local, r->port, &why);
    return rc < 0 ? reset(r, rc, &why) : answer(r, RPS_C_PORT_SWITCH_ACK, SLICE_EMPTY);
}

static int on_heartbeat(struct run *r, const struct rps_from_server *m) {
    return answer(r, RPS_C_HEARTBEAT_RESPONSE, buf_slice(&m->payload));
}

static int on_progress(struct run *r, const struct rps_from_server *m) {
    say(r->o, m->text);
    return 0;
}

static int on_end(struct run *r, const struct rps_from_server *m) {
    r->ended = true;
    r->end->outcome = m->outcome;
    if (m->kind == RPS_S_SUCCESS)
        return 0;
    const char *text = *m->outcome.status ? m->outcome.status : m->text;
    return err_set(r->ei, ERR_FAULT, "", "%s", *text ? text : "the server says that it failed");
}

static int (*const HANDLERS[RPS_S_COUNT])(struct run *, const struct rps_from_server *) = {
    [RPS_S_WSMAN] = on_wsman,
    [RPS_S_TLS_DATA] = on_tls_data,
    [RPS_S_PORT_SWITCH] = on_port_switch,
    [RPS_S_HEARTBEAT_REQUEST] = on_heartbeat,
    [RPS_S_PROGRESS] = on_progress,
    [RPS_S_SUCCESS] = on_end,
    [RPS_S_ERROR] = on_end,
};

/* --- the server's messages --- */

static int on_text(struct run *r, struct slice text) {
    struct rps_from_server m = {0};
    struct errinfo why = {0};
    int rc = rps_read_server(text, &m, &why);
    if (rc < 0)
        return err_set(r->ei, rc == ERR_NOMEM ? rc : ERR_PROTO, "", "the server's message is none: %s",
                       why.text);
    rc = HANDLERS[m.kind](r, &m);
    rps_from_server_free(&m);
    return rc;
}

/* RFC 6455 7.4: going away, service restart, try again later. Others are meant. */
static bool will_come_back(uint16_t code) {
    return code == 1001 || code == 1006 || code == 1012 || code == 1013;
}

static int on_close(struct run *r, const struct stream_ev *ev) {
    char why[200];
    text_clean(why, sizeof why, ev->data);
    return err_set(r->ei, will_come_back(ev->code) ? ERR_CLOSED : ERR_REFUSED, "",
                   "the server ended the connection (%u)%s%s", ev->code, *why ? ": " : "", why);
}

static int on_event(struct run *r, const struct stream_ev *ev) {
    switch (ev->kind) {
    case STREAM_EV_TEXT:
        return on_text(r, ev->data);
    case STREAM_EV_BINARY:
        return err_set(r->ei, ERR_PROTO, "", "the server sent binary data");
    case STREAM_EV_CLOSE:
        return on_close(r, ev);
    case STREAM_EV_LOST:
        return err_set(r->ei, ERR_CLOSED, "", "the connection to the server is lost: %.*s", (int)ev->data.n,
                       (const char *)ev->data.p);
    case STREAM_EV_OTHER:
        return from_firmware(r);
    case STREAM_EV_TIME:
        return switch_port(r);
    }
    return 0;
}

static int pump(struct run *r) {
    int rc = 0;
    while (rc == 0 && !r->ended) {
        if (local_connected(r->local) && local_pending(r->local)) {
            rc = from_firmware(r);
            continue;
        }
        struct pollfd other = {.fd = local_fd(r->local), .events = POLLIN};
        struct stream_ev ev;
        stream_next(r->stream, &other, other.fd >= 0, r->switch_at, &ev);
        rc = on_event(r, &ev);
    }
    return rc;
}

/* --- the connection --- */

/* ws and wss are http and https; what stands behind the host is the path. */
static int parse_url(struct url *u, const char **target, const char *text, struct errinfo *ei) {
    char http[512];
    bool ws = strncmp(text, "ws://", 5) == 0, wss = strncmp(text, "wss://", 6) == 0;
    snprintf(http, sizeof http, "%s%s",
             ws    ? "http://"
             : wss ? "https://"
                   : "",
             text + (ws    ? 5
                     : wss ? 6
                           : 0));
    if (url_parse(u, http, ei) < 0) {
        err_set(ei, ERR_INVALID, "url", "\"%.120s\" is not the address of a server", text);
        err_remedy(ei, "It looks like wss://HOST:8443/activate; ws is for this machine only.");
        return ERR_INVALID;
    }
    *target = *u->prefix ? "" : DEFAULT_TARGET;
    return 0;
}

static int make_trust(struct trust **t, const struct activate_opts *o, struct errinfo *ei) {
    int rc = trust_new(t, o->ca_pem, ei);
    if (rc == ERR_INVALID)
        return err_set(ei, rc, "ca", "the file given with --ca holds no PEM certificate");
    if (rc == 0 && o->cert_pem)
        rc = trust_identity(*t, o->cert_pem, o->key_pem ? o->key_pem : "", ei);
    return rc;
}

/* Why the server did not take the connection. */
static int not_upgraded(const struct answer *a, struct errinfo *ei) {
    json_t *detail = json_object_get(a->json, "detail");
    char text[256] = "no reason was told";
    if (json_is_string(detail))
        text_clean(text, sizeof text, slice_str(json_string_value(detail)));
    if (a->status == 401 || a->status == 403) {
        err_set(ei, ERR_AUTH, "", "the server takes no activation from this node (%d): %s", a->status, text);
        err_remedy(ei,
                   "Give an enrolment key with --key-file, or a client certificate with --cert and --key.");
        return ERR_AUTH;
    }
    int code = a->status == 429 || a->status >= 500 ? ERR_CLOSED
               : a->status == 404                   ? ERR_NOT_FOUND
                                                    : ERR_REFUSED;
    err_set(ei, code, "", "the server does not take activations at this address (%d): %s", a->status, text);
    err_remedy(ei, "Is the path of --url right? It is /activate on an Outband server.");
    return code;
}

/* The client's own remedies name another program's options. */
static void own_remedy(int rc, struct errinfo *ei) {
    if (rc == ERR_UNREACHABLE)
        err_remedy(ei, "Is the server running there, and is --url right?");
    if (rc == ERR_TLS)
        err_remedy(ei, "Use the name that the certificate was made for, and the server's ca.pem with --ca.");
    if (rc == ERR_PROTO)
        err_remedy(ei, "Are the address and the port of --url right?");
}

static int connect_server(struct stream **s, const struct activate_opts *o, const struct url *u,
                          const char *target, const struct trust *t, struct errinfo *ei) {
    const struct client_config cfg = {.url = u,
                                      .trust = t,
                                      .token = o->token,
                                      .connect_ms = ACTIVATE_CONNECT_MS,
                                      .answer_ms = ACTIVATE_UPGRADE_MS};
    const struct stream_opts so = {
        .target = target, .text_max = RPS_MESSAGE_MAX, .silence_ms = ACTIVATE_SILENCE_MS};
    struct client *c = client_new(&cfg);
    struct answer refused = {0};
    if (!c)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    int rc = stream_open(s, c, &so, &refused, ei);
    if (rc == ERR_REFUSED)
        rc = not_upgraded(&refused, ei);
    else
        own_remedy(rc, ei);
    answer_free(&refused);
    client_free(&c);
    return rc;
}

static int send_command(struct run *r, struct rps_info *info) {
    struct buf text = {0};
    rps_put_command(&text, r->o->command, info);
    return send_text(r, &text);
}

/* --- one run, and the next --- */

static int run_once(struct run *r, const struct url *u, const char *target, const struct trust *t) {
    struct rps_info *info = calloc(1, sizeof *info);
    r->local = local_new(&r->o->local);
    r->port = LOCAL_PORT;
    r->switch_at = MONO_NEVER;
    r->end->mei = true;
    const struct device_opts d = {.where = r->o->local.where,
                                  .dmi = r->o->dmi,
                                  .any_uuid = r->o->cert_pem != NULL,
                                  .friendly_name = r->o->friendly_name};
    int rc = !info || !r->local ? err_set(r->ei, ERR_NOMEM, "", "out of memory")
                                : device_read(info, r->local, &d, r->ei);
    if (rc == 0) {
        r->end->mei = false;
        rc = connect_server(&r->stream, r->o, u, target, t, r->ei);
    }
    if (rc == 0)
        rc = send_command(r, info);
    if (rc == 0)
        rc = pump(r);
    if (r->stream)
        stream_flush(r->stream, mono_add_ms(now_mono(), FAREWELL_MS));
    stream_free(&r->stream);
    local_free(&r->local);
    if (info)
        explicit_bzero(info, sizeof *info);
    free(info);
    return rc;
}

static bool may_help(int rc, const struct activate_end *end) {
    return !end->mei &&
           (rc == ERR_UNREACHABLE || rc == ERR_CLOSED || rc == ERR_TIMEOUT || rc == ERR_UNKNOWN_OUTCOME);
}

int activate_run(const struct activate_opts *o, struct activate_end *end, struct errinfo *ei) {
    struct url u;
    const char *target;
    struct trust *t = NULL;
    struct errinfo own = {0};
    ei = ei ? ei : &own;
    *end = (struct activate_end){0};
    int rc = parse_url(&u, &target, o->url, ei);
    if (rc == 0)
        rc = make_trust(&t, o, ei);
    for (unsigned n = 0; rc == 0;) {
        struct run r = {.o = o, .end = end, .ei = ei};
        rc = run_once(&r, &u, target, t);
        if (!may_help(rc, end) || n++ >= o->retries)
            break;
        say(o, ei->text);
        say(o, "trying again");
        ready_sleep_ms((o->retry_ms ? o->retry_ms : ACTIVATE_RETRY_MS) * (int64_t)n);
        rc = 0;
    }
    trust_free(&t);
    return rc;
}
