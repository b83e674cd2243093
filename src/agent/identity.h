/* SPDX-License-Identifier: Apache-2.0 */
/* identity: what an enrolment gives the agent: its certificate and key, and which host it speaks for. One
 * file, 0600, replaced whole or not at all, so that certificate and key always belong together. Owner: main.
 */
#pragma once

#include "base/clock.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct identity {
    char host[16], name[64], project[40];
    uint32_t heartbeat_s;
    struct wall issued, until; /* of the certificate */
    char *key_pem, *cert_pem;  /* owned */
};

/* Of state_dir. ERR_NOT_FOUND: not enrolled; ERR_DENIED: others may read it; ERR_SYNTAX, ERR_IO, ERR_NOMEM;
 * each with a sentence. Free with identity_free(). */
NODISCARD int identity_load(struct identity *id, const char *state_dir, struct errinfo *ei);
/* Makes state_dir (0700) when there is none. ERR_IO. */
NODISCARD int identity_save(const struct identity *id, const char *state_dir, struct errinfo *ei);
/* Wipes the key. */
void identity_free(struct identity *id);
/* Two thirds of the certificate's life are over. */
bool identity_is_due(const struct identity *id, struct wall now);
