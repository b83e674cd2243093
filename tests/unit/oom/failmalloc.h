/* SPDX-License-Identifier: Apache-2.0 */
/* failmalloc: runs a scenario once to count its allocations, then again and again with the i-th one failing:
 * once with that one alone, once with all from there on (design 12.6). The program is linked with --wrap for
 * malloc and its family, so that what our archives allocate comes here; expat's memory comes here too.
 * A scenario of more than a few hundred allocations is sampled. One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* 0 when all went well, ERR_NOMEM when it ran out of memory and said so. It gives back all that it took, and
 * asserts that what it sees is consistent: with 0 the outcome must be whole. */
typedef int failmalloc_scenario(void *ctx);

struct failmalloc_count {
    size_t allocations; /* of the scenario when nothing fails */
    size_t refused;     /* runs that ended with ERR_NOMEM */
    size_t survived;    /* runs that ended well although an allocation failed */
    size_t leaked;      /* blocks that were not given back, of all runs */
};
/* All runs; a leak is counted and not asserted. */
struct failmalloc_count failmalloc_count(failmalloc_scenario *fn, void *ctx);
/* The same, as cmocka assertions: there are allocations, failures are noticed, nothing leaks. */
void failmalloc_each(failmalloc_scenario *fn, void *ctx);

/* For what belongs to the test and not to what is tested: does not fail, is not counted. Nests. */
void failmalloc_pause(void);
void failmalloc_resume(void);
/* Did an allocation fail in this run so far? */
bool failmalloc_hit(void);
/* … one of expat's? It calls some of its own failures an unbound prefix, so the document gets the blame. */
bool failmalloc_hit_expat(void);
