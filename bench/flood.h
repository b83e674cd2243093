/* SPDX-License-Identifier: Apache-2.0 */
/* flood: what bench-device sends and bench-view reads: chunks without a pause between them, each with its
 * CLOCK_MONOTONIC in microseconds, little-endian, at its start. */
#pragma once

enum { FLOOD_CHUNK_BYTES = 4096, FLOOD_STAMP_BYTES = 8 };
