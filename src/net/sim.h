/* SPDX-License-Identifier: Apache-2.0 */
/* sim: the simulated implementation of loop.h: a world with a virtual clock and a memory network, on one
 * thread. Loops of one world share time and network. Everything is decided by the seed: a run replays. Owner:
 * the test or the whole-system simulation. */
#pragma once

#include "base/rng.h"
#include "net/loop.h"

struct sim_world;
struct sim_world *sim_world_new(uint64_t seed, struct wall start);
/* All loops of the world must be freed before. */
void sim_world_free(struct sim_world **w);
struct loop *sim_loop_new(struct sim_world *w);
/* Drop a loop as a crash does: its streams vanish (peers see a reset after the network delay), its timers and
 * messages never fire, no callback runs. The memory of its owners is theirs to free, afterwards (armed timers
 * are in it); listeners and streams are freed here. Not from inside a callback of that loop: note the crash
 * there and call this between two steps. */
void sim_loop_crash(struct loop **l);
/* The first half of a crash in the middle of a callback: from here on nothing that is written leaves the
 * loop. Crash it when the callback is over. */
void sim_loop_freeze(struct loop *l);

struct mono sim_now(const struct sim_world *w);
/* Run all that is due, moving the clock, until no event is left before `until`, or loop_stop() says so.
 * Returns the events run. */
uint64_t sim_run_until(struct sim_world *w, struct mono until);
/* One event; false when none is left. */
bool sim_step(struct sim_world *w);
/* Jump the wall clock (monotonic time never jumps). */
void sim_wall_jump(struct sim_world *w, int64_t ms);

/* Network weather, for connections made from then on and those alive. Addresses are plain texts such as
 * "10.0.0.7:4433"; rules match the connecting side's name (sim_next_source) with or without its port, or "*"
 * for all. A delay of 1 ms each way is the default. */
struct sim_weather {
    uint32_t delay_min_ms, delay_max_ms; /* one way, in order */
    uint32_t cut_per_million;            /* a delivery cuts the connection instead (both sides see a reset) */
    uint32_t split_per_million;          /* a delivery arrives in two pieces */
    uint32_t refuse_per_million;         /* a connect is refused */
};
void sim_weather_set(struct sim_world *w, const struct sim_weather *weather);
/* The name under which a stream's own side is known; call before it connects: the next stream_connect of this
 * loop. */
void sim_next_source(struct loop *l, const char *address);
/* Silence: nothing of this source's streams is delivered any more, both ways, and nobody is told (a power
 * cut). What is on the way waits, as TCP sends again, until it is lifted. */
void sim_blackhole(struct sim_world *w, const char *source, bool on);
/* Reset all streams of this source. */
void sim_cut(struct sim_world *w, const char *source);
struct rng *sim_rng(struct sim_world *w);
