/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/dmi.h"

#include "base/file.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

/* What boards say when nobody has filled it in. */
static const char *const NOTHINGS[] = {
    "default string",
    "to be filled by o.e.m.",
    "to be filled by oem",
    "system serial number",
    "system product name",
    "system manufacturer",
    "system version",
    "not specified",
    "not applicable",
    "none",
    "unknown",
    "n/a",
    "o.e.m.",
    "oem",
    "invalid",
    "0",
    "00000000",
    "0123456789",
    "123456789",
};

static bool stands_for_nothing(struct slice s) {
    for (size_t i = 0; i < sizeof NOTHINGS / sizeof *NOTHINGS; i++)
        if (slice_ieq(s, slice_str(NOTHINGS[i])))
            return true;
    return false;
}

void dmi_text(struct slice content, char out[DMI_TEXT_CAP]) {
    struct slice s = slice_trim(content);
    text_clean(out, DMI_TEXT_CAP, stands_for_nothing(s) ? SLICE_EMPTY : s);
}

struct uuid dmi_uuid(struct slice content, bool *placeholder) {
    struct uuid u, nil = {{0}};
    *placeholder = false;
    if (!uuid_parse(slice_trim(content), &u))
        return nil;
    *placeholder = uuid_is_placeholder(u);
    return *placeholder ? nil : u;
}

/* Into *text, to be freed; empty when it cannot be read. */
static struct slice content_of(const char *root, const char *file, char **text) {
    char path[4096];
    size_t n = 0;
    *text = NULL;
    if (snprintf(path, sizeof path, "%s/%s", root, file) >= (int)sizeof path ||
        file_read(path, DMI_FILE_MAX, text, &n, NULL) < 0)
        return SLICE_EMPTY;
    return slice_of(*text, n);
}

void dmi_read(struct dmi *d, const char *root) {
    *d = (struct dmi){0};
    char *text;
#define F(member, file)                                                                                      \
    dmi_text(content_of(root, file, &text), d->member);                                                      \
    free(text);
    DMI_TABLE(F)
#undef F
    d->uuid = dmi_uuid(content_of(root, "product_uuid", &text), &d->uuid_placeholder);
    free(text);
}
