/* SPDX-License-Identifier: Apache-2.0 */
/* ider: the client of an IDE-R session after its login: opens it, enables the drives, and answers the host's
 * ATA packet commands from an image. Sans-IO: reads of the image are events. Owner: who made it; one thread.
 * Source: reference protocol-redir-activation 1.5. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"

enum ider_drive { IDER_FLOPPY, IDER_CD, IDER_DRIVE_COUNT };
enum ider_when { IDER_NOW, IDER_GRACEFUL, IDER_ON_REBOOT };
struct ider_media {
    bool present;
    uint32_t blocks; /* of 2048 bytes (CD) or 512 (floppy) */
};
struct ider_config {
    struct ider_media media[IDER_DRIVE_COUNT];
    enum ider_when when;
};

enum ider_ev_kind {
    IDER_EV_OPENED,  /* the firmware agreed to the session */
    IDER_EV_ENABLED, /* the drives are there for the host (at .when) */
    IDER_EV_READ,    /* drive, offset and n bytes of the image are wanted: answer with ider_data() or
                        ider_read_failed() */
    IDER_EV_RESET,   /* the host was reset; what was under way is dropped: a READ that is not answered yet no
                        longer is (ERR_STATE) */
    IDER_EV_CLOSED,  /* the firmware ended it */
};
struct ider_ev {
    enum ider_ev_kind kind;
    enum ider_drive drive;
    uint64_t offset;
    uint32_t n; /* <= 8192 */
};

struct ider;
/* Queues message 0x40. NULL: out of memory. */
struct ider *ider_new(const struct ider_config *cfg, struct mono now);
void ider_free(struct ider **i);
/* As redir_input(): 1 and *ev, 0, or ERR_PROTO / ERR_REFUSED / ERR_LIMIT / ERR_NOMEM, the same from then on.
 * While a read is outstanding no further READ comes, nor while much output waits: call again with an empty
 * input after ider_data(), ider_read_failed() and ider_sent() for what was queued. */
NODISCARD int ider_input(struct ider *i, struct slice *in, struct mono now, struct ider_ev *ev);
/* The bytes of the last IDER_EV_READ, exactly n (ERR_INVALID). ERR_STATE when no READ is outstanding. */
NODISCARD int ider_data(struct ider *i, struct slice data);
/* The image cannot be read there: the host is told a medium error. */
NODISCARD int ider_read_failed(struct ider *i);
/* Queue 0x42 and drop what was under way. IDER_EV_CLOSED comes with the answer. */
void ider_close(struct ider *i);
struct slice ider_output(const struct ider *i);
void ider_sent(struct ider *i, size_t n_bytes);
/* When to call ider_tick() at the latest. tick: queues heartbeats; 0, or ERR_TIMEOUT when an answer did not
 * come in 15 s or nothing at all in 80 s. */
struct mono ider_deadline(const struct ider *i);
NODISCARD int ider_tick(struct ider *i, struct mono now);
/* A sentence of the last error, also of one that the firmware reported (0x4A) and that ended nothing; "" when
 * none. */
const char *ider_error(const struct ider *i);
/* Bytes read from the image for the host so far. */
uint64_t ider_read_bytes(const struct ider *i);
