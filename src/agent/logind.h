/* SPDX-License-Identifier: Apache-2.0 */
/* logind: hears from systemd-logind, before it happens, that the system goes down or to sleep, and delays it
 * until somebody was told (an inhibitor lock of the mode "delay"). Blocking. Owner: its maker; one thread.
 * Source: org.freedesktop.login1(5). */
#pragma once

#include "base/err.h"

#include <stdint.h>

struct logind;
struct logind_hooks {
    const char *systemctl; /* where the kind of an end is found when logind does not tell it */
    /* kind: poweroff, reboot or suspend. The lock is held until it returns. */
    void (*going)(void *ctx, const char *kind);
    void *ctx;
};

/* Connect to the system's bus and take the lock. h and its strings must outlive l. ERR_UNREACHABLE: there is
 * no bus, or no logind on it; ERR_NOMEM. */
NODISCARD int logind_open(struct logind **l, const struct logind_hooks *h, struct errinfo *ei);
void logind_close(struct logind **l);
/* Wait so long for a signal at most, and do what it asks for. An end whose kind nobody knows yet is not told:
 * the lock is let go, and the unit's ExecStop sees the kind. ERR_CLOSED: the bus is gone: close it. */
NODISCARD int logind_turn(struct logind *l, uint32_t wait_ms, struct errinfo *ei);
