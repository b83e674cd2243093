/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware profiles and the identities of a fleet (reference 7, 2.3). */
#include "sim/node_int.h"

#include "base/map.h"

#include <stdio.h>

/* forwarded ports in the order older firmware registers them (1.7) */
static const uint32_t PORTS_A11[] = {16993, 16992, 664, 623, 16995, 16994, 5900};
static const uint32_t PORTS_A15[] = {16993, 16992, 664, 623, 16995, 16994};
static const uint32_t PORTS_A19[] = {16993, 664, 16995};
#define PORTS(a) .ports = a, .nports = sizeof(a) / sizeof((a)[0])

static const struct sim_profile_info PROFILES[] = {
#define P(n, v, b)  [SIM_##n] = {.name = #n, .version = v, .build = b, PROFILE_##n},
#define PROFILE_A11 PORTS(PORTS_A11)
#define PROFILE_A12 PORTS(PORTS_A11)
#define PROFILE_A14 PORTS(PORTS_A15), .qop_both = true
#define PROFILE_A15 PORTS(PORTS_A15), .qop_both = true, .has_ocr = true
#define PROFILE_A16 PORTS(PORTS_A15), .qop_both = true, .has_ocr = true, .has_rpe = true
#define PROFILE_A18 PROFILE_A16
#define PROFILE_A19 PORTS(PORTS_A19), .qop_both = true, .has_ocr = true, .has_rpe = true, .tls_only = true
    SIM_PROFILE_TABLE(P)
#undef P
};

const struct sim_profile_info *sim_profile_info(enum sim_profile p) {
    return &PROFILES[p];
}

const char *sim_profile_name(enum sim_profile p) {
    return PROFILES[p].name;
}

const char *sim_profile_firmware(enum sim_profile p) {
    static const char *const TEXTS[] = {
#define P(n, v, b) [SIM_##n] = "0:" v "." b,
        SIM_PROFILE_TABLE(P)
#undef P
    };
    return TEXTS[p];
}

enum sim_profile sim_profile_find(struct slice name) {
    for (int i = 0; i < SIM_PROFILE_COUNT; i++)
        if (slice_is(name, PROFILES[i].name))
            return (enum sim_profile)i;
    return SIM_PROFILE_COUNT;
}

/* --- identities --- */

enum { PASSWORD_LEN = 20 };

static void random_text(struct rng *r, const char *set, size_t n, char *out) {
    size_t len = strlen(set);
    for (size_t i = 0; i < n; i++)
        out[i] = set[rng_u64(r) % len];
    out[n] = 0;
}

/* Upper, lower, digit and special are each there for certain; no character that needs quoting anywhere. */
static void random_password(struct rng *r, char *out) {
    random_text(r, "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789", PASSWORD_LEN, out);
    static const struct {
        size_t at;
        const char *set;
    } MUST[] = {
        {3, "ABCDEFGHJKLMNPQRSTUVWXYZ"}, {7, "abcdefghijkmnopqrstuvwxyz"}, {11, "23456789"}, {15, "!*+-"}};
    for (size_t i = 0; i < sizeof MUST / sizeof MUST[0]; i++)
        out[MUST[i].at] = MUST[i].set[rng_u64(r) % strlen(MUST[i].set)];
}

void sim_identity_make(struct sim_identity *id, uint64_t seed, const char *prefix, uint32_t index) {
    *id = (struct sim_identity){0};
    struct rng r = {.s = map_hash(slice_str(prefix), seed)};
    r.s = rng_u64(&r) ^ ((uint64_t)index << 32);
    snprintf(id->name, sizeof id->name, "%.28s%03u", prefix, index);
    for (size_t i = 0; i < sizeof id->uuid.b; i++)
        id->uuid.b[i] = (uint8_t)rng_u64(&r);
    id->uuid.b[6] = (uint8_t)((id->uuid.b[6] & 0x0f) | 0x40); /* RFC 9562: version 4 */
    id->uuid.b[8] = (uint8_t)((id->uuid.b[8] & 0x3f) | 0x80);
    id->smbios = id->uuid;
    memcpy(id->serial, "SIM", 3);
    random_text(&r, "0123456789ABCDEFGHJKLMNPQRSTUVWX", 10, id->serial + 3);
    id->cira_user[0] = 'c';
    random_text(&r, "0123456789abcdef", 12, id->cira_user + 1);
    random_password(&r, id->cira_password);
    memcpy(id->amt_user, "admin", 6);
    random_password(&r, id->amt_password);
}
