/* SPDX-License-Identifier: Apache-2.0 */
#include "http/sse.h"

void sse_reset(struct sse *s) {
    buf_free(&s->line);
    buf_free(&s->data);
    s->after_cr = s->has_data = s->clear_type = false;
    s->type[0] = 0;
}

void sse_free(struct sse *s) {
    sse_reset(s);
    s->last_id[0] = 0;
}

static int put_data(struct sse *s, struct slice value) {
    if (s->data.len + value.n + 1 > SSE_DATA_MAX)
        return ERR_LIMIT;
    if (s->has_data && buf_puts(&s->data, "\n") < 0)
        return ERR_NOMEM;
    s->has_data = true;
    return buf_put(&s->data, value);
}

/* One whole line; 1 when it ends an event. */
static int take_line(struct sse *s, struct slice line) {
    if (line.n == 0) {
        s->clear_type = true;
        return s->has_data ? 1 : 0;
    }
    const uint8_t *colon = memchr(line.p, ':', line.n);
    struct slice name = colon ? slice_head(line, (size_t)(colon - line.p)) : line;
    struct slice value = slice_skip(line, name.n + 1);
    if (value.n && value.p[0] == ' ')
        value = slice_skip(value, 1);
    if (slice_is(name, "data"))
        return put_data(s, value);
    if (slice_is(name, "event"))
        slice_to_str(value, s->type, sizeof s->type);
    else if (slice_is(name, "id") && value.n <= SSE_ID_MAX && !(value.n && memchr(value.p, 0, value.n)))
        slice_to_str(value, s->last_id, sizeof s->last_id);
    return 0; /* comments have an empty name; others are to be ignored */
}

/* Forget the event given by the last call. */
static void begin(struct sse *s) {
    if (!s->clear_type)
        return;
    s->clear_type = s->has_data = false;
    s->type[0] = 0;
    buf_clear(&s->data);
}

int sse_input(struct sse *s, struct slice *in, struct sse_event *ev) {
    begin(s);
    while (in->n) {
        if (s->after_cr && in->p[0] == '\n')
            *in = slice_skip(*in, 1);
        s->after_cr = false;
        size_t n = 0;
        while (n < in->n && in->p[n] != '\n' && in->p[n] != '\r')
            n++;
        if (s->line.len + n > SSE_LINE_MAX)
            return ERR_LIMIT;
        if (n && buf_put(&s->line, slice_head(*in, n)) < 0)
            return ERR_NOMEM;
        bool ended = n < in->n;
        s->after_cr = ended && in->p[n] == '\r';
        *in = slice_skip(*in, n + (ended ? 1 : 0));
        if (!ended)
            return 0;
        int rc = take_line(s, buf_slice(&s->line));
        buf_clear(&s->line);
        if (rc < 0)
            return rc;
        if (rc == 1) {
            *ev = (struct sse_event){s->last_id, s->type, buf_slice(&s->data)};
            return 1;
        }
        begin(s);
    }
    return 0;
}
