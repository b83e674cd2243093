/* SPDX-License-Identifier: Apache-2.0 */
/* field: what a filter or an order may name of a host: one table of paths into the host's JSON, types and
 * getters, so that a list is filtered without writing JSON. On the host's shard. */
#pragma once

#include "base/slice.h"
#include "core/diagnose.h"

enum host_field_type { HOST_FIELD_TEXT, HOST_FIELD_NUMBER, HOST_FIELD_TIME };

/* A host as it is read once: costly parts are worked out when first asked for. */
struct host_view {
    const struct host *h;
    const struct host_policy *policy;
    struct host_now now;
    bool has_findings;
    uint32_t findings;
    char scratch[384];
};
struct host_value {
    struct slice text; /* TEXT; valid until the next get on the view */
    int64_t number;    /* NUMBER; TIME: microseconds since 1970, 0 = none */
};
struct host_field {
    const char *path; /* "oob.link.state" */
    enum host_field_type type;
    /* The i-th value; false past the last (one value: i 0 only; none at all: never true). */
    bool (*get)(struct host_view *v, unsigned i, struct host_value *out);
};
extern const struct host_field HOST_FIELDS[];
extern const size_t HOST_FIELDS_COUNT;
/* NULL: unknown. */
const struct host_field *host_field_find(struct slice path);

/* What a decision comes to, in one word: "none", "read", "wait", "hold", or the operation's kind. */
const char *decision_action(const struct decision *d);
struct host_view host_view_of(const struct host *h, const struct host_policy *p, struct host_now now);
