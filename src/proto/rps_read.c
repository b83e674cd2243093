/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "proto/rps_int.h"

#include <jansson.h>

#include <stdio.h>
#include <string.h>

static struct slice text_of(const json_t *v) {
    return slice_of(json_string_value(v), json_string_length(v));
}

/* What jansson keeps of a message may be a password. */
static void wipe(const json_t *v) {
    if (json_is_string(v))
        explicit_bzero((char *)(uintptr_t)json_string_value(v), json_string_length(v));
}

static void object_free(json_t *o) {
    if (!o)
        return;
    wipe(json_object_get(o, "method"));
    wipe(json_object_get(o, "payload"));
    json_decref(o);
}

static int parse(struct slice text, json_t **o, struct errinfo *ei) {
    json_error_t e;
    *o = NULL;
    if (text.n > RPS_MESSAGE_MAX)
        return err_set(ei, ERR_LIMIT, "", "a message is at most %d bytes", RPS_MESSAGE_MAX);
    *o = text.n ? json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &e) : NULL;
    if (json_is_object(*o))
        return 0;
    json_decref(*o);
    *o = NULL;
    return err_set(ei, ERR_SYNTAX, "", "the message is not a JSON object");
}

static int decode(const json_t *v, struct buf *out, struct errinfo *ei) {
    struct slice s = text_of(v);
    if (!v || json_is_null(v) || (json_is_string(v) && !s.n))
        return 0;
    if (!json_is_string(v))
        return err_set(ei, ERR_SYNTAX, "payload", "payload must be text in base64");
    size_t cap = s.n / 4 * 3 + 3;
    uint8_t *room = buf_room(out, cap);
    if (!room)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    int n = text_unbase64(s, room, cap);
    if (n < 0)
        return err_set(ei, ERR_SYNTAX, "payload", "payload is not base64");
    buf_commit(out, (size_t)n);
    return 0;
}

/* --- a client's message --- */

static int check_version(const json_t *o, struct errinfo *ei) {
    const json_t *v = json_object_get(o, "protocolVersion");
    char seen[24];
    if (rps_version_ok(text_of(v)))
        return 0;
    text_clean(seen, sizeof seen, text_of(v));
    err_set(ei, ERR_UNSUPPORTED, "protocolVersion",
            "this server speaks protocol " RPS_PROTOCOL_VERSION ", the client %s%s",
            *seen ? "" : "names none", seen);
    err_remedy(ei, "Use a client of protocol " RPS_PROTOCOL_VERSION ".");
    return ERR_UNSUPPORTED;
}

static int read_info(struct slice text, struct rps_info *info, struct errinfo *ei) {
    json_error_t e;
    json_t *o = text.n ? json_loadb((const char *)text.p, text.n, 0, &e) : NULL;
    int err =
        o ? rps_info_read(o, info, ei) : err_set(ei, ERR_SYNTAX, "payload", "payload is not JSON in base64");
    wipe(json_object_get(o, "password"));
    json_decref(o);
    return err;
}

static int read_command(const json_t *o, struct slice line, struct rps_from_client *m, struct errinfo *ei) {
    int err = check_version(o, ei);
    if (err == 0)
        err = rps_command_read(line, &m->command, ei);
    if (err == 0)
        err = decode(json_object_get(o, "payload"), &m->payload, ei);
    if (err == 0)
        err = read_info(buf_slice(&m->payload), &m->info, ei);
    buf_wipe(&m->payload);
    return err;
}

int rps_read_client(struct slice text, struct rps_from_client *m, struct errinfo *ei) {
    json_t *o;
    enum rps_client_kind k = RPS_C_COMMAND + 1;
    int err = parse(text, &o, ei);
    if (err < 0)
        return err;
    struct slice method = text_of(json_object_get(o, "method"));
    while (k < RPS_C_COUNT && !slice_is(method, rps_client_method(k)))
        k++;
    m->kind = k < RPS_C_COUNT ? k : RPS_C_COMMAND;
    if (m->kind == RPS_C_COMMAND)
        err = read_command(o, method, m, ei);
    else
        err = decode(json_object_get(o, "payload"), &m->payload, ei);
    object_free(o);
    if (err < 0)
        rps_from_client_free(m);
    return err;
}

/* --- a server's message --- */

static void read_parts(const json_t *o, struct rps_outcome *out) {
    for (enum rps_part i = 0; i < RPS_PART_COUNT; i++) {
        const json_t *p = json_object_get(o, rps_part_key(i));
        struct slice result = text_of(json_object_get(p, "Result"));
        for (enum rps_result r = 0; r < RPS_RESULT_COUNT; r++)
            if (slice_is(result, rps_result_word(r)))
                out->parts[i].result = r;
        rps_member_text(p, "Mode", out->parts[i].mode, sizeof out->parts[i].mode);
        rps_member_text(p, "Details", out->parts[i].details, sizeof out->parts[i].details);
    }
}

/* The message is JSON in text, or just text. */
static void read_outcome(struct rps_from_server *m, struct slice text) {
    struct rps_outcome *out = &m->outcome;
    json_error_t e;
    json_t *o = text.n ? json_loadb((const char *)text.p, text.n, 0, &e) : NULL;
    if (!json_is_object(o)) {
        text_clean(m->text, sizeof m->text, text);
        memcpy(out->status, m->text, sizeof out->status);
        json_decref(o);
        return;
    }
    rps_member_text(o, "Status", out->status, sizeof out->status);
    rps_member_text(o, "Network", out->network, sizeof out->network);
    rps_member_text(o, "CIRAConnection", out->cira, sizeof out->cira);
    rps_member_text(o, "TLSConfiguration", out->tls, sizeof out->tls);
    const json_t *parts = json_object_get(o, "Components");
    out->has_parts = json_is_object(parts);
    read_parts(parts, out);
    json_decref(o);
}

/* An object, or text that is one; numbers may be texts. */
static int read_port_switch(const json_t *payload, struct rps_from_server *m, struct errinfo *ei) {
    enum { DELAY_MAX_S = 60 };
    char port[8], delay[24];
    uint64_t p, d = 0;
    json_error_t e;
    struct slice text = text_of(payload);
    json_t *own = text.n ? json_loadb((const char *)text.p, text.n, 0, &e) : NULL;
    const json_t *o = own ? own : payload;
    rps_member_text(o, "port", port, sizeof port);
    rps_member_text(o, "delay", delay, sizeof delay);
    bool ok = slice_to_u64(slice_str(port), UINT16_MAX, &p) && p > 0 &&
              (!*delay || slice_to_u64(slice_str(delay), INT32_MAX, &d));
    json_decref(own);
    if (!ok)
        return err_set(ei, ERR_INVALID, "payload", "port_switch names no port, or a delay that is no number");
    m->port = (uint16_t)p;
    m->delay_s = d < DELAY_MAX_S ? (uint32_t)d : DELAY_MAX_S;
    return 0;
}

static int read_by_kind(const json_t *o, struct rps_from_server *m, struct errinfo *ei) {
    struct slice message = text_of(json_object_get(o, "message"));
    const json_t *payload = json_object_get(o, "payload");
    switch (m->kind) {
    case RPS_S_PORT_SWITCH:
        return read_port_switch(payload, m, ei);
    case RPS_S_PROGRESS:
        text_clean(m->text, sizeof m->text, message);
        return 0;
    case RPS_S_SUCCESS:
    case RPS_S_ERROR:
        read_outcome(m, message);
        return 0;
    case RPS_S_HEARTBEAT_REQUEST:
        return buf_put(&m->payload, text_of(payload)) < 0 ? ERR_NOMEM : 0;
    default:
        return decode(payload, &m->payload, ei);
    }
}

int rps_read_server(struct slice text, struct rps_from_server *m, struct errinfo *ei) {
    json_t *o;
    enum rps_server_kind k = 0;
    int err = parse(text, &o, ei);
    if (err < 0)
        return err;
    struct slice method = text_of(json_object_get(o, "method"));
    while (k < RPS_S_COUNT && !slice_is(method, rps_server_method(k)))
        k++;
    m->kind = k;
    if (k == RPS_S_COUNT)
        err = err_set(ei, ERR_UNSUPPORTED, "method", "the server sent a message of an unknown kind");
    else
        err = read_by_kind(o, m, ei);
    object_free(o);
    if (err < 0)
        rps_from_server_free(m);
    return err;
}
