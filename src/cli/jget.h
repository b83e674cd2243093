/* SPDX-License-Identifier: Apache-2.0 */
/* jget: reading members of a server's JSON by dotted path, with defaults, never failing. Any thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The member at "oob.link.state", NULL when any part is missing. Borrowed from o. o may be NULL. */
json_t *jget(const json_t *o, const char *path);
/* A string member; "" when absent or of another type. Borrowed. */
const char *jget_str(const json_t *o, const char *path);
/* An integer member (a real is cut); otherwise when absent or of another type. */
int64_t jget_int(const json_t *o, const char *path, int64_t otherwise);
bool jget_bool(const json_t *o, const char *path);
