/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "proto/rps_int.h"

#include <string.h>

static const char *const CLIENT_METHODS[] = {
#define M(sym, method) method,
    RPS_CLIENT_TABLE(M)
#undef M
};
static const struct {
    const char *method, *status;
} SERVER_METHODS[] = {
#define M(sym, method, status) {method, status},
    RPS_SERVER_TABLE(M)
#undef M
};
static const char *const VERBS[] = {
#define V(sym, word) word,
    RPS_VERB_TABLE(V)
#undef V
};
static const char *const TASKS[] = {
#define T(sym, option) option,
    RPS_TASK_TABLE(T)
#undef T
};
static const char *const RESULTS[] = {
#define R(sym, word) word,
    RPS_RESULT_TABLE(R)
#undef R
};
static const char *const PARTS[] = {
#define P(sym, key) key,
    RPS_PART_TABLE(P)
#undef P
};

const char *rps_client_method(enum rps_client_kind k) {
    return CLIENT_METHODS[k];
}
const char *rps_server_method(enum rps_server_kind k) {
    return SERVER_METHODS[k].method;
}
const char *rps_verb_word(enum rps_verb v) {
    return VERBS[v];
}
const char *rps_task_option(enum rps_task t) {
    return TASKS[t];
}
const char *rps_result_word(enum rps_result r) {
    return RESULTS[r];
}
const char *rps_part_key(enum rps_part p) {
    return PARTS[p];
}

/* major, minor and revision, at most three digits each. Reference 5.5 */
static bool version_read(struct slice s, uint64_t v[3]) {
    for (int i = 0; i < 3; i++)
        if (!slice_to_u64(slice_cut(&s, '.'), 999, &v[i]))
            return false;
    return s.n == 0;
}

bool rps_version_ok(struct slice version) {
    uint64_t theirs[3], ours[3];
    if (!version_read(version, theirs) || !version_read(SLICE_LIT(RPS_PROTOCOL_VERSION), ours))
        return false;
    return theirs[0] == ours[0] && (theirs[1] < ours[1] || (theirs[1] == ours[1] && theirs[2] <= ours[2]));
}

void rps_from_client_free(struct rps_from_client *m) {
    buf_wipe(&m->payload);
    explicit_bzero(m, sizeof *m);
}

void rps_from_server_free(struct rps_from_server *m) {
    buf_wipe(&m->payload);
    explicit_bzero(m, sizeof *m);
}

/* --- writing --- */

static void put_base64(struct json *j, const char *key, struct slice raw) {
    json_key(j, key);
    json_raw(j, SLICE_LIT("\""));
    text_base64(j->out, raw);
    buf_puts(j->out, "\"");
}

static struct json begin(struct buf *out, struct slice method, const char *key, const char *status,
                         struct slice message) {
    struct json j = json_of(out);
    json_obj(&j);
    json_key(&j, "method");
    json_slice(&j, method);
    json_kstr(&j, "apiKey", key);
    json_kstr(&j, "appVersion", OUTBAND_VERSION);
    json_kstr(&j, "protocolVersion", RPS_PROTOCOL_VERSION);
    json_kstr(&j, "status", status);
    json_key(&j, "message");
    json_slice(&j, message);
    json_kstr(&j, "tenantId", "");
    return j;
}

static struct json begin_server(struct buf *out, enum rps_server_kind k, struct slice message) {
    return begin(out, slice_str(rps_server_method(k)), "", SERVER_METHODS[k].status, message);
}

void rps_put_server(struct buf *out, enum rps_server_kind k, struct slice payload) {
    struct json j = begin_server(out, k, SLICE_LIT("ok"));
    put_base64(&j, "payload", payload);
    json_obj_end(&j);
}

/* The payload is text that is JSON itself. Reference 5.5 */
void rps_put_port_switch(struct buf *out, uint16_t port, uint32_t delay_s) {
    struct json j = begin_server(out, RPS_S_PORT_SWITCH, SLICE_LIT("ok"));
    json_key(&j, "payload");
    json_raw(&j, SLICE_LIT(""));
    buf_putf(out, "\"{\\\"port\\\":\\\"%u\\\",\\\"delay\\\":%u}\"", port, delay_s);
    json_obj_end(&j);
}

void rps_put_progress(struct buf *out, const char *text) {
    struct json j = begin_server(out, RPS_S_PROGRESS, slice_str(text));
    json_kstr(&j, "payload", "");
    json_obj_end(&j);
}

static void put_given(struct json *j, const char *key, const char *text) {
    if (*text)
        json_kstr(j, key, text);
}

static void put_parts(struct json *j, const struct rps_outcome *o) {
    json_key(j, "Components");
    json_obj(j);
    for (enum rps_part i = 0; i < RPS_PART_COUNT; i++) {
        json_key(j, rps_part_key(i));
        json_obj(j);
        json_kstr(j, "Result", rps_result_word(o->parts[i].result));
        put_given(j, "Mode", o->parts[i].mode);
        put_given(j, "Details", o->parts[i].details);
        json_obj_end(j);
    }
    json_obj_end(j);
}

void rps_put_end(struct buf *out, bool ok, const struct rps_outcome *o) {
    struct buf text = {0};
    struct json j = json_of(&text);
    json_obj(&j);
    put_given(&j, "Status", o->status);
    put_given(&j, "Network", o->network);
    put_given(&j, "CIRAConnection", o->cira);
    put_given(&j, "TLSConfiguration", o->tls);
    if (o->has_parts)
        put_parts(&j, o);
    json_obj_end(&j);
    j = begin_server(out, ok ? RPS_S_SUCCESS : RPS_S_ERROR, buf_slice(&text));
    json_kstr(&j, "payload", "");
    json_obj_end(&j);
    if (text.failed)
        out->failed = true;
    buf_free(&text);
}

/* --- a client's --- */

static struct json begin_client(struct buf *out, struct slice method, const char *status,
                                struct slice message, const char *fqdn) {
    struct json j = begin(out, method, "key", status, message);
    json_kstr(&j, "fqdn", fqdn);
    return j;
}

enum { COMMAND_ROOM = 512, INFO_ROOM = 12 << 10 };

void rps_put_command(struct buf *out, const struct rps_command *c, const struct rps_info *info) {
    struct buf line = {0}, text = {0};
    /* room at once: growing would leave copies of secrets behind */
    if (!buf_room(&line, COMMAND_ROOM) || !buf_room(&text, INFO_ROOM) || !buf_room(out, 2 * INFO_ROOM))
        out->failed = true;
    rps_command_put(&line, c);
    struct json inner = json_of(&text);
    rps_info_put(&inner, info);
    struct json j = begin_client(out, buf_slice(&line), "ok", SLICE_LIT("ok"), info->fqdn);
    put_base64(&j, "payload", buf_slice(&text));
    json_obj_end(&j);
    if (line.failed || text.failed)
        out->failed = true;
    buf_wipe(&line);
    buf_wipe(&text);
}

void rps_put_client(struct buf *out, enum rps_client_kind k, struct slice payload) {
    bool beat = k == RPS_C_HEARTBEAT_RESPONSE;
    struct json j = begin_client(out, slice_str(rps_client_method(k)), beat ? "success" : "ok",
                                 beat ? SLICE_LIT("success") : SLICE_LIT("ok"), "");
    if (k == RPS_C_CONNECTION_RESET)
        payload = SLICE_LIT("connection_closed");
    else if (k == RPS_C_PORT_SWITCH_ACK)
        payload = SLICE_LIT("ok");
    put_base64(&j, "payload", payload);
    json_obj_end(&j);
}
