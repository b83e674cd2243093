/* SPDX-License-Identifier: Apache-2.0 */
/* directory_match: is this machine that host? The rule behind directory_match_node(), without the directory.
 * Pure. */
#pragma once

#include "server/directory.h"

struct node_known {
    const struct node_ids *recorded, *told;
    struct uuid seen; /* nil: never */
};
enum { NODE_FIT_SERIAL = 1, NODE_FIT_UUID = 2 };
/* The sum of what agrees; 0: it is another machine, or nothing tells. */
unsigned node_fit(const struct node_known *k, const struct node_ids *ids);
