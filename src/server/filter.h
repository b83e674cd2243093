/* SPDX-License-Identifier: Apache-2.0 */
/* filter: the filter and order languages of lists: a subset of AIP-160. Parsed once into the request's arena,
 * then read-only: any shard may match with it. As in AIP-160, OR binds stronger than AND. */
#pragma once

#include "base/arena.h"
#include "server/field.h"

enum { FILTER_TERMS_MAX = 64, FILTER_DEPTH_MAX = 16, ORDER_MAX = 4 };

struct filter;
/* ERR_INVALID with position and token. An empty text gives *out NULL, which matches all. The text's bytes are
 * copied. */
NODISCARD int filter_parse(struct arena *a, struct slice text, struct filter **out, struct errinfo *ei);
bool filter_match(const struct filter *f, struct host_view *v);

struct order_key {
    const struct host_field *field;
    bool descending;
};
/* "name, oob.link.since desc". The number of keys (0: none given), or ERR_INVALID. */
NODISCARD int order_parse(struct slice text, struct order_key out[ORDER_MAX], struct errinfo *ei);
