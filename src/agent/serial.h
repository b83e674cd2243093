/* SPDX-License-Identifier: Apache-2.0 */
/* serial: the AMT serial port of this machine, and whether a login runs on it. The port is the ttyS of the
 * management engine's own PCI function (vendor 0x8086, class 0x0700xx), never simply the first one. Any
 * thread. Source: reference protocol-redir-activation 7. */
#pragma once

#include "base/err.h"

#include <stdbool.h>

enum { SERIAL_TTY_CAP = 16, SERIAL_TEXT_CAP = 128 };

struct serial {
    char tty[SERIAL_TTY_CAP]; /* "ttyS4"; "" none */
    char pci[32];             /* "0000:00:16.3"; "" none */
    bool getty, enabled;      /* runs now; comes with the next boot */
    char text[SERIAL_TEXT_CAP];
};

/* sysfs: "/sys", or a directory that looks like it. Never fails: text says what was found. */
void serial_find(struct serial *s, const char *sysfs);
/* getty and enabled, as systemctl says. */
void serial_ask(struct serial *s, const char *systemctl);
/* Start the login and have it started at each boot, or neither. ERR_STATE: there is no port; ERR_REFUSED:
 * systemctl said no, with what it said; others as program_run(). */
NODISCARD int serial_set(const struct serial *s, const char *systemctl, bool enable, struct errinfo *ei);
