/* SPDX-License-Identifier: Apache-2.0 */
/* The settings table as rows. Private to settings*.c. */
#pragma once

#include "server/settings.h"

enum setting_type {
    SETTING_DURATION,
    SETTING_SIZE,
    SETTING_NUMBER,
    SETTING_BOOL,
    SETTING_TEXT,
    SETTING_ADDRESS,
    SETTING_CHOICE,
};
struct setting_row {
    const char *name;
    enum setting_type type;
    size_t off; /* of the member in struct settings */
    const char *def;
    const char *least, *most; /* of a duration */
    int64_t min, max;         /* of a size or number */
    const char *words;
    bool live;
    const char *doc;
};
struct setting_unit {
    const char *text;
    uint64_t factor;
};
extern const struct setting_row settings_rows[SETTING_COUNT];

/* Index of the row, -1 when there is none. */
int setting_find(struct slice name);
void setting_put_duration(struct buf *out, uint64_t ms);
void setting_put_size(struct buf *out, uint64_t bytes);
void setting_put_accepted(const struct setting_row *r, struct buf *out);
