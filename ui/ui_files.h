/* SPDX-License-Identifier: Apache-2.0 */
/* ui_files: the pages and their parts, embedded into whoever links this: outbandd, and orch-cli for its own
 * user. Read only, any thread. */
#pragma once

#include <stddef.h>

struct ui_file {
    const char *name, *type;
    const unsigned char *bytes;
    const size_t *n_bytes;
    const char *tag; /* strong entity tag, quotes and all */
};

/* NULL: there is none. "" is the first page. */
const struct ui_file *ui_file_find(const char *name);
