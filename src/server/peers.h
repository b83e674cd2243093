/* SPDX-License-Identifier: Apache-2.0 */
/* peers: how many connections each peer address holds on the CIRA port, over all shards: the limit that stops
 * one address from taking every place. Behind a lock held for a look-up. Any thread. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct peers;
/* NULL when out of memory. */
struct peers *peers_new(uint64_t seed);
void peers_free(struct peers **p);
/* Take a place for the address; false when it holds max of them (or when out of memory). */
NODISCARD bool peers_take(struct peers *p, const char *addr, uint32_t max);
void peers_give(struct peers *p, const char *addr);
uint32_t peers_count(struct peers *p, const char *addr);
