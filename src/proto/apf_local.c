/* SPDX-License-Identifier: Apache-2.0 */
/* The ends of apf inside a node (LME over MEI): the host's first word, and output by whole messages, since a
 * message of MEI carries one of APF. Reference protocol-redir-activation 5.3. */
#include "proto/apf_int.h"

#include <assert.h>

enum { TRIGGER_LOCAL = 9 }; /* what programs at the node say */

int apf_host_hello(struct apf *a) {
    return apf_put_version(a, (struct uuid){{0}}, TRIGGER_LOCAL);
}

void apf_message_max(struct apf *a, uint32_t n_bytes) {
    assert(a->local && n_bytes >= APF_MESSAGE_MIN);
    a->chunk_max = n_bytes - APF_DATA_HEAD < APF_CHUNK_MAX ? n_bytes - APF_DATA_HEAD : APF_CHUNK_MAX;
}

int apf_mark(struct apf *a, size_t n, bool fresh) {
    uint32_t mark = (uint32_t)n;
    if (!a->local)
        return 0;
    if (fresh)
        return buf_put(&a->marks, slice_of(&mark, sizeof mark));
    uint8_t *last = a->marks.mem + a->marks.head + a->marks.len - sizeof mark;
    memcpy(&mark, last, sizeof mark);
    mark += (uint32_t)n;
    memcpy(last, &mark, sizeof mark);
    return 0;
}

struct slice apf_local_output(const struct apf *a) {
    uint32_t mark = 0;
    if (a->marks.len)
        memcpy(&mark, buf_slice(&a->marks).p, sizeof mark);
    return slice_head(buf_slice(&a->out), mark);
}

void apf_local_sent(struct apf *a, size_t n_bytes) {
    if (n_bytes == 0)
        return;
    assert(n_bytes == apf_local_output(a).n);
    buf_consume(&a->marks, sizeof(uint32_t));
}
