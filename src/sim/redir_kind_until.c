/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the kinds until proto/redir.c is there. */
#include "proto/redir.h"

static const char *const IDS[] = {"kvm", "sol", "ider"}, *const NAMES[] = {"KVM", "SOL", "IDE-R"};

__attribute__((weak)) const char *redir_kind_id(enum redir_kind k) {
    return IDS[k];
}
__attribute__((weak)) const char *redir_kind_name(enum redir_kind k) {
    return NAMES[k];
}
__attribute__((weak)) bool redir_kind_parse(const char *id, enum redir_kind *k) {
    for (int i = 0; i < REDIR_KIND_COUNT; i++)
        if (strcmp(IDS[i], id) == 0) {
            *k = (enum redir_kind)i;
            return true;
        }
    return false;
}
