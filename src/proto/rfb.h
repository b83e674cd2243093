/* SPDX-License-Identifier: Apache-2.0 */
/* rfb: what the server needs to know of the RFB bytes that a viewer sends to the firmware: message
 * boundaries, whether a person did something, and the removal of input for a viewer that may only look.
 * Follows the handshake by the viewer's own bytes (12-byte version, security choice, ClientInit). Sans-IO.
 * Owner: the session; its thread only. Source: reference protocol-redir-activation 2.1, 2.4. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

struct rfb_up_limits {
    uint32_t cut_text_bytes, encodings_max;
};
#define RFB_UP_LIMITS_DEFAULT ((struct rfb_up_limits){.cut_text_bytes = 65536, .encodings_max = 256})

struct rfb_up;
struct rfb_up *rfb_up_new(bool view_only, const struct rfb_up_limits *lim);
void rfb_up_free(struct rfb_up **f);
/* Bytes of the viewer, any split; with view_only key and pointer events are removed, and texts but for
 * Intel's commands of the picture's coding; what may go to the firmware is appended to out. *acted is set
 * when a key or pointer event was among them (also when it was removed: false then). 0; ERR_PROTO (unknown
 * message), ERR_LIMIT, ERR_NOMEM. */
NODISCARD int rfb_up_input(struct rfb_up *f, struct slice in, struct buf *out, bool *acted);
/* Between two messages: something may be put in between. */
bool rfb_up_between(const struct rfb_up *f);
/* Append a pointer event at the last known place with the last known buttons: a keep-alive that counts as
 * input. ERR_STATE when not between two messages, or when a button is held. */
NODISCARD int rfb_up_nudge(const struct rfb_up *f, struct buf *out);
const char *rfb_up_error(const struct rfb_up *f);
