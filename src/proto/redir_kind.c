/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/redir.h"

#include <string.h>

static const struct {
    const char *id, *name;
} KINDS[] = {
#define K(sym, id, letters, byte1, name) [REDIR_##sym] = {id, name},
    REDIR_KIND_TABLE(K)
#undef K
};

const char *redir_kind_id(enum redir_kind k) {
    return KINDS[k].id;
}

const char *redir_kind_name(enum redir_kind k) {
    return KINDS[k].name;
}

bool redir_kind_parse(const char *id, enum redir_kind *k) {
    for (unsigned i = 0; i < REDIR_KIND_COUNT; i++)
        if (strcmp(KINDS[i].id, id) == 0) {
            *k = (enum redir_kind)i;
            return true;
        }
    return false;
}
