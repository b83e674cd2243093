/* SPDX-License-Identifier: Apache-2.0 */
/* uuid: 16 bytes in *printed* order. The wire (APF 192, GetUuid, PlatformGUID) carries the first three
 * fields little-endian; convert at the edge. Source: reference protocol-cira-wsman 1.3. Plain values. */
#pragma once

#include "base/slice.h"

struct uuid {
    uint8_t b[16];
};
enum { UUID_TEXT_CAP = 37 };

/* From SMBIOS/GUID byte order, and the same swap back (the swap is its own inverse). */
struct uuid uuid_swap(struct uuid u);
/* "55e3ae13-bfd2-61bb-17a0-88aedd7037ea", lower case. Returns out[UUID_TEXT_CAP]. */
const char *uuid_text(struct uuid u, char *out);
/* With or without dashes, any case. False when malformed. */
bool uuid_parse(struct slice s, struct uuid *out);
bool uuid_eq(struct uuid a, struct uuid b);
/* Equal, or equal once one side's byte order is swapped (a known firmware and agent fault). */
bool uuid_same_node(struct uuid a, struct uuid b);
/* All zero. */
bool uuid_is_nil(struct uuid u);
/* Known factory placeholder: all 0, all F, 03000200-0400-0500-0006-000700080009 in either byte order. */
bool uuid_is_placeholder(struct uuid u);
