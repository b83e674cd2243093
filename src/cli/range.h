/* SPDX-License-Identifier: Apache-2.0 */
/* range: node ranges in host names: "node[001-250]", "rack[1-2]-n[01-10,15]". Any thread. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum { RANGE_NAMES_MAX = 20000 }; /* stops "n[0-999999999]" */

struct names {
    struct arena arena; /* owns list and strings */
    const char **list;
    size_t n, cap;
};

/* Append what text stands for: itself when it has no brackets. A range keeps the width of its first number
 * ("[001-250]"). ERR_INVALID with the reason; ERR_LIMIT over RANGE_NAMES_MAX names; ERR_NOMEM. */
NODISCARD int range_expand(struct names *names, const char *text, struct errinfo *ei);
/* Append one name as it is. ERR_NOMEM, ERR_LIMIT. */
NODISCARD int names_add(struct names *names, struct slice name);
void names_free(struct names *names);
