/* SPDX-License-Identifier: Apache-2.0 */
/* rng: a seedable generator for simulation, jitter and tests. Never for secrets. Owner: the holder. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t s;
};

/* splitmix64 */
static inline uint64_t rng_u64(struct rng *r) {
    uint64_t z = (r->s += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
/* Uniform in [lo, hi]. */
static inline int64_t rng_range(struct rng *r, int64_t lo, int64_t hi) {
    return hi <= lo ? lo : lo + (int64_t)(rng_u64(r) % (uint64_t)(hi - lo + 1));
}
/* True with probability per_million / 1,000,000. */
static inline bool rng_chance(struct rng *r, uint32_t per_million) {
    return rng_u64(r) % 1000000u < per_million;
}
