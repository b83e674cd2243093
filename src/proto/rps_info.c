/* SPDX-License-Identifier: Apache-2.0 */
/* The node as the first payload describes it. Lenient where the public clients differ: texts may be numbers,
 * members may be missing. */
#include "base/text.h"
#include "proto/rps_int.h"

#include <jansson.h>

#include <stdio.h>
#include <string.h>

void rps_member_text(const json_t *o, const char *key, char *dst, size_t cap) {
    const json_t *v = json_object_get(o, key);
    *dst = 0;
    if (json_is_string(v))
        text_clean(dst, cap, slice_of(json_string_value(v), json_string_length(v)));
    else if (json_is_integer(v))
        snprintf(dst, cap, "%lld", (long long)json_integer_value(v));
}

/* X(member of rps_info, where it is: "" or the object that it is in, key) */
#define TEXT_TABLE(X)                                                                                        \
    X(ver, "", "ver")                                                                                        \
    X(build, "", "build")                                                                                    \
    X(sku, "", "sku")                                                                                        \
    X(features, "", "features")                                                                              \
    X(client, "", "client")                                                                                  \
    X(host_name, "", "hostname")                                                                             \
    X(fqdn, "", "fqdn")                                                                                      \
    X(friendly_name, "", "friendlyName")                                                                     \
    X(dns_suffix_os, "hostnameInfo", "dnsSuffixOS")                                                          \
    X(ip, "ipConfiguration", "ipAddress")                                                                    \
    X(netmask, "ipConfiguration", "netmask")                                                                 \
    X(gateway, "ipConfiguration", "gateway")                                                                 \
    X(dns1, "ipConfiguration", "primaryDns")                                                                 \
    X(dns2, "ipConfiguration", "secondaryDns")
#define FLAG_TABLE(X)                                                                                        \
    X(tls_enforced, "", "tlsEnforced")                                                                       \
    X(tls_tunnel, "", "tlsTunnel")                                                                           \
    X(lms_installed, "", "lmsInstalled")                                                                     \
    X(progress_supported, "", "progressSupported")                                                           \
    X(dhcp, "ipConfiguration", "dhcp")                                                                       \
    X(static_ip, "ipConfiguration", "static")                                                                \
    X(ip_sync, "ipConfiguration", "ipsync")

struct member {
    const char *in, *key;
    size_t at, cap;
};
static const struct member TEXTS[] = {
#define X(m, in, key) {in, key, offsetof(struct rps_info, m), sizeof((struct rps_info *)0)->m},
    TEXT_TABLE(X)
#undef X
};
static const struct member FLAGS[] = {
#define X(m, in, key) {in, key, offsetof(struct rps_info, m), 0},
    FLAG_TABLE(X)
#undef X
};
enum { NTEXTS = sizeof TEXTS / sizeof *TEXTS, NFLAGS = sizeof FLAGS / sizeof *FLAGS };

static const json_t *holder(const json_t *o, const struct member *m) {
    return *m->in ? json_object_get(o, m->in) : o;
}

/* --- reading --- */

/* 36 characters; or 16 numbers, as the firmware gives them. */
static bool read_uuid(const json_t *v, struct uuid *out) {
    if (json_is_string(v))
        return json_string_length(v) == UUID_TEXT_CAP - 1 &&
               uuid_parse(slice_of(json_string_value(v), UUID_TEXT_CAP - 1), out);
    if (json_array_size(v) != sizeof out->b)
        return false;
    for (size_t i = 0; i < sizeof out->b; i++) {
        const json_t *n = json_array_get(v, i);
        json_int_t byte = json_integer_value(n);
        if (!json_is_integer(n) || byte < 0 || byte > 255)
            return false;
        out->b[i] = (uint8_t)byte;
    }
    *out = uuid_swap(*out);
    return true;
}

/* A hash that is none is passed over: it can match nothing. */
static int read_hashes(const json_t *v, struct rps_info *info, struct errinfo *ei) {
    size_t n = json_array_size(v);
    if (n > RPS_HASHES_MAX)
        return err_set(ei, ERR_LIMIT, "certHashes", "more than %d certificate hashes", RPS_HASHES_MAX);
    for (size_t i = 0; i < n; i++) {
        const json_t *h = json_array_get(v, i);
        struct slice s = slice_of(json_string_value(h), json_string_length(h));
        uint8_t raw[48];
        if ((s.n != 40 && s.n != 64 && s.n != 96) || !text_unhex(s, raw, s.n / 2))
            continue;
        text_hex(slice_of(raw, s.n / 2), info->cert_hashes[info->ncert_hashes++]);
    }
    return 0;
}

/* A password is taken as it is, or not at all. */
static int read_secret(const json_t *o, const char *key, char *dst, size_t cap, struct errinfo *ei) {
    const json_t *v = json_object_get(o, key);
    struct slice s = slice_of(json_string_value(v), json_string_length(v));
    if (!json_is_string(v))
        return 0;
    if (!text_is_utf8(s) || !slice_to_str(s, dst, cap))
        return err_set(ei, ERR_INVALID, key, "%s must be text of at most %zu bytes", key, cap - 1);
    return 0;
}

static int missing(const char *key, struct errinfo *ei) {
    return err_set(ei, ERR_INVALID, key, "the description of the node has no %s", key);
}

int rps_info_read(const json_t *o, struct rps_info *info, struct errinfo *ei) {
    char *base = (char *)info;
    *info = (struct rps_info){0};
    if (!json_is_object(o))
        return err_set(ei, ERR_INVALID, "payload", "the payload must be the description of the node");
    for (size_t i = 0; i < NTEXTS; i++)
        rps_member_text(holder(o, &TEXTS[i]), TEXTS[i].key, base + TEXTS[i].at, TEXTS[i].cap);
    for (size_t i = 0; i < NFLAGS; i++)
        *(bool *)(base + FLAGS[i].at) = json_is_true(json_object_get(holder(o, &FLAGS[i]), FLAGS[i].key));
    if (!*info->client)
        return missing("client", ei);
    if (!*info->ver)
        return missing("ver", ei);
    if (!*info->build)
        return missing("build", ei);
    if (!read_uuid(json_object_get(o, "uuid"), &info->uuid))
        return err_set(ei, ERR_INVALID, "uuid", "uuid must be a UUID of 36 characters, or its 16 bytes");
    if (!read_uuid(json_object_get(o, "smbiosUuid"), &info->smbios))
        info->smbios = (struct uuid){{0}};
    const json_t *mode = json_object_get(o, "currentMode");
    json_int_t m = json_is_integer(mode) ? json_integer_value(mode) : 0;
    if ((mode && !json_is_integer(mode)) || m < 0 || m > 2)
        return err_set(ei, ERR_INVALID, "currentMode", "currentMode must be 0, 1 or 2");
    info->current_mode = (uint8_t)m;
    if (!*info->host_name)
        rps_member_text(json_object_get(o, "hostnameInfo"), "hostname", info->host_name,
                        sizeof info->host_name);
    int err = read_secret(o, "username", info->user, sizeof info->user, ei);
    if (err == 0)
        err = read_secret(o, "password", info->password, sizeof info->password, ei);
    return err ? err : read_hashes(json_object_get(o, "certHashes"), info, ei);
}

/* --- writing --- */

static void put_members(struct json *j, const struct rps_info *info, const char *in) {
    const char *base = (const char *)info;
    for (size_t i = 0; i < NTEXTS; i++)
        if (strcmp(TEXTS[i].in, in) == 0)
            json_kstr(j, TEXTS[i].key, base + TEXTS[i].at);
    for (size_t i = 0; i < NFLAGS; i++)
        if (strcmp(FLAGS[i].in, in) == 0)
            json_kbool(j, FLAGS[i].key, *(const bool *)(base + FLAGS[i].at));
}

void rps_info_put(struct json *j, const struct rps_info *info) {
    char uuid[UUID_TEXT_CAP];
    json_obj(j);
    put_members(j, info, "");
    json_kstr(j, "uuid", uuid_text(info->uuid, uuid));
    if (!uuid_is_nil(info->smbios))
        json_kstr(j, "smbiosUuid", uuid_text(info->smbios, uuid));
    json_kstr(j, "username", info->user);
    json_kstr(j, "password", info->password);
    json_kint(j, "currentMode", info->current_mode);
    json_key(j, "certHashes");
    json_arr(j);
    for (unsigned i = 0; i < info->ncert_hashes; i++)
        json_str(j, info->cert_hashes[i]);
    json_arr_end(j);
    json_key(j, "ipConfiguration");
    json_obj(j);
    put_members(j, info, "ipConfiguration");
    json_obj_end(j);
    json_key(j, "hostnameInfo");
    json_obj(j);
    put_members(j, info, "hostnameInfo");
    json_kstr(j, "hostname", info->host_name);
    json_obj_end(j);
    json_obj_end(j);
}
