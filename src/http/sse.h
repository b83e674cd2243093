/* SPDX-License-Identifier: Apache-2.0 */
/* sse: reader of a server-sent event stream. Sans-IO: any split of the bytes gives the same events.
 * Owner: the client that reads. Source: WHATWG HTML 9.2.5-9.2.6. */
#pragma once

#include "base/buf.h"

enum { SSE_LINE_MAX = 1 << 20, SSE_DATA_MAX = 1 << 20, SSE_ID_MAX = 127 }; /* stop an endless line or event */

struct sse {
    struct buf line, data;
    char type[64], last_id[SSE_ID_MAX + 1]; /* last_id lasts over events: what to resume behind */
    bool after_cr, has_data;
    bool clear_type; /* the event just given has been seen */
};

struct sse_event {
    const char *id, *type; /* "" when none; valid until the next call */
    struct slice data;
};

/* Take bytes off *in until one event: 1; 0 when used up; ERR_LIMIT, ERR_NOMEM. */
NODISCARD int sse_input(struct sse *s, struct slice *in, struct sse_event *ev);
/* A new stream begins; last_id stays. */
void sse_reset(struct sse *s);
void sse_free(struct sse *s);
