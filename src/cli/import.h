/* SPDX-License-Identifier: Apache-2.0 */
/* import: the nodes of a public MPS/RPS as hosts of ours: gathered from its REST API, a CSV export and an
 * export of its Vault, then judged: what comes over whole, what in part, what not, and why. No I/O. Owner:
 * the command; one thread. Source: docs/activation.md, "Import"; reference
 * device-management-toolkit 1.4, 3.3, 3.4 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/uuid.h"

#include <jansson.h>

enum { IMPORT_NODES_MAX = 10000, IMPORT_NOTE_CAP = 256 };

/* V(symbol, word) */
#define IMPORT_VERDICT_TABLE(V)                                                                              \
    V(WHOLE, "yes")                                                                                          \
    V(NO_AMT, "without AMT password") /* connects; power and sessions want it */                             \
    V(IDENTITY, "identity only")      /* name and UUID; it cannot connect */                                 \
    V(NOT, "no")
enum import_verdict {
#define V(sym, word) IMPORT_##sym,
    IMPORT_VERDICT_TABLE(V)
#undef V
};
const char *import_verdict_text(enum import_verdict v);

struct import_node {
    struct uuid uuid;
    char host_name[64], friendly_name[64];
    char cira_user[65], cira_password[72], amt_user[65], amt_password[40], mebx_password[40];
    bool tags; /* it has some: hosts here have none */
    /* import_judge() */
    char name[64]; /* of the host */
    bool shared;
    enum import_verdict verdict;
    char note[IMPORT_NOTE_CAP]; /* what does not come over, and why */
};
struct import_list {
    struct import_node *v; /* in the order they were met */
    size_t n, cap;
};
/* Wipes it. */
void import_free(struct import_list *l);

/* Devices as GET /api/v1/devices tells them (an array). ERR_INVALID (no GUID), ERR_LIMIT, ERR_NOMEM. */
NODISCARD int import_devices(struct import_list *l, const json_t *devices, struct errinfo *ei);
/* A CSV export: guid is needed; hostname, friendlyname, mpsusername, mpspassword, amtuser, amtpassword,
 * mebxpassword, tags are read; other columns are passed over. Errors name the line. */
NODISCARD int import_csv(struct import_list *l, struct slice text, struct errinfo *ei);
/* A JSON export of Vault: objects with AMT_PASSWORD, MPS_PASSWORD, MEBX_PASSWORD below a key whose last part
 * is the GUID ("devices/<guid>"), with or without Vault's own "data" around them. Nodes that were not met
 * come with their GUID alone. How many had secrets, or an error. */
NODISCARD int import_vault(struct import_list *l, const json_t *vault, struct errinfo *ei);
/* Names, sharing, verdicts and notes. */
void import_judge(struct import_list *l);
/* Nodes of the verdicts WHOLE and NO_AMT as the server's CSV; it holds secrets. ERR_NOMEM. */
NODISCARD int import_put_csv(const struct import_list *l, struct buf *out);
