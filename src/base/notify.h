/* SPDX-License-Identifier: Apache-2.0 */
/* notify: what systemd wants to hear (sd_notify(3)), without its library. Without NOTIFY_SOCKET every call
 * does nothing. The main thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* One or more lines "READY=1\nSTATUS=…". */
void notify_send(const char *lines);
/* "RELOADING=1" with the time stamp that Type=notify-reload wants. */
void notify_reloading(void);
/* How often the watchdog wants to hear from us, in ms; 0: it does not. Half of WATCHDOG_USEC. */
uint32_t notify_watchdog_ms(void);
