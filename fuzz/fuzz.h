/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: what the targets share. A target reads its input whole and in pieces, folds all that it sees into a
 * number, and the two numbers must be equal: any split of a stream is legal. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Fold n bytes; the same bytes in other pieces give the same number. */
static inline void fuzz_fold(uint64_t *h, const void *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        *h = (*h ^ ((const uint8_t *)p)[i]) * 0x100000001b3u;
}
static inline void fuzz_fold_int(uint64_t *h, uint64_t v) {
    fuzz_fold(h, &v, sizeof v);
}
/* A property that must hold for every input. */
static inline void fuzz_check(bool ok) {
    if (!ok)
        abort();
}
