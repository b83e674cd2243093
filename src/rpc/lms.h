/* SPDX-License-Identifier: Apache-2.0 */
/* lms: connections to the LMS service of this machine, which forwards its loopback ports 16992 and 16993 to
 * the firmware. Any thread. Source: reference protocol-redir-activation 5.3. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"

/* A connected descriptor (non-blocking, to be closed); ERR_NOT_FOUND: nobody listens; ERR_TIMEOUT; ERR_IO.
 * host: a literal IPv4 address. */
NODISCARD int lms_connect(const char *host, uint16_t port, struct mono deadline);
/* All of s. ERR_TIMEOUT, ERR_CLOSED. */
NODISCARD int lms_write(int fd, struct slice s, struct mono deadline);
/* 1..cap bytes; 0 at the end; ERR_TIMEOUT (nothing was taken), ERR_CLOSED. */
NODISCARD int lms_read(int fd, uint8_t *into, size_t cap, struct mono deadline);
