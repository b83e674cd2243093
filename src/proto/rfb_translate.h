/* SPDX-License-Identifier: Apache-2.0 */
/* rfb_translate: stands between any RFB 3.3, 3.7 or 3.8 viewer and AMT's dialect. Towards the viewer an
 * honest server of RFB 3.8 that gives any true-colour format; towards the firmware a client that asks for
 * what AMT can (RAW and DesktopSize, 16 bits, or 8 for screens above its cap). Pixels are converted as they
 * pass: no rectangle is ever gathered. The firmware's side may be lost and begin anew behind a viewer that
 * stays. Sans-IO. Owner: the bridge that made it; one thread. Source: RFC 6143; reference
 * protocol-redir-activation 2. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum rfb_side { RFB_VIEWER, RFB_DEVICE, RFB_SIDES };

struct rfb_translate_limits {
    uint32_t cut_text_bytes; /* of a clipboard, dropped either way */
    uint32_t encodings_max;  /* of a viewer's list */
    uint32_t queue_bytes; /* output to one side: a side that does not read stops the other; 1024 … 49152 */
};
#define RFB_TRANSLATE_LIMITS_DEFAULT                                                                         \
    ((struct rfb_translate_limits){.cut_text_bytes = 1 << 20, .encodings_max = 256, .queue_bytes = 32768})
/* Bytes that AMT's frame buffer may have; above it a pixel must be 8 bits. Reference 2.6 */
enum { RFB_DEVICE_FRAME_BYTES = 9216000, RFB_NAME_MAX = 255 };

struct rfb_translate;
/* Queues the banner for the viewer, who then waits until the firmware's ServerInit is in (or for a refusal).
 * NULL: out of memory. */
struct rfb_translate *rfb_translate_new(const struct rfb_translate_limits *lim);
void rfb_translate_free(struct rfb_translate **t);

/* Bytes of one side are taken off *in, any split. What is left in *in waits for room: send the outputs and
 * call again. 0; ERR_PROTO, ERR_LIMIT, ERR_UNSUPPORTED (a viewer that cannot be served: its palette, or a
 * size that it cannot follow), ERR_REFUSED (the firmware says no), ERR_NOMEM; the same from then on.
 * rfb_translate_culprit() says whose side must be closed. */
NODISCARD int rfb_translate_input(struct rfb_translate *t, enum rfb_side from, struct slice *in);
struct slice rfb_translate_output(const struct rfb_translate *t, enum rfb_side to);
void rfb_translate_sent(struct rfb_translate *t, enum rfb_side to, size_t n_bytes);

/* The firmware's connection is gone; a new one, from its banner on, may come. What the viewer was promised of
 * an update is filled up; a full update follows the new handshake. Unsent output to the firmware is dropped.
 * 0; ERR_NOMEM. */
NODISCARD int rfb_translate_device_lost(struct rfb_translate *t);
/* The firmware's handshake is over: a picture may come. */
bool rfb_translate_device_ready(const struct rfb_translate *t);

/* The viewer's banner is in: it is one. */
bool rfb_translate_viewer_known(const struct rfb_translate *t);
/* Tell the viewer in RFB's own words why it is not served: possible until it was let in (false after that:
 * only closing is left). The viewer's banner is waited for; rfb_translate_told(): the words are in the
 * output. */
bool rfb_translate_refuse(struct rfb_translate *t, const char *reason);
bool rfb_translate_told(const struct rfb_translate *t);

/* A sentence of the last error, "" when none. */
const char *rfb_translate_error(const struct rfb_translate *t);
enum rfb_side rfb_translate_culprit(const struct rfb_translate *t);
/* The name that the firmware gave, cleaned; "" before. */
const char *rfb_translate_name(const struct rfb_translate *t);
