/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

struct err_row {
    int code;
    const char *symbol, *text;
};

static const struct err_row rows[] = {{ERR_OK, "OK", "ok"},
#define E(name, num, text) {ERR_##name, #name, text},
                                      ERR_TABLE(E)
#undef E
};

static const struct err_row *row_of(int code) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == code)
            return &rows[i];
    return NULL;
}

const char *err_text(int code) {
    const struct err_row *r = row_of(code);
    return r ? r->text : "unknown error";
}

const char *err_name(int code) {
    static _Thread_local char name[32];
    const struct err_row *r = row_of(code);
    const char *s = r ? r->symbol : "UNKNOWN";
    size_t i = 0;
    for (; s[i] && i + 1 < sizeof name; i++)
        name[i] = s[i] == '_' ? '-' : (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] + 32 : s[i]);
    name[i] = 0;
    return name;
}

int err_set(struct errinfo *ei, int code, const char *field, const char *fmt, ...) {
    if (!ei)
        return code;
    ei->code = code;
    ei->remedy[0] = 0;
    snprintf(ei->field, sizeof ei->field, "%s", field ? field : "");
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(ei->text, sizeof ei->text, fmt, ap);
    va_end(ap);
    return code;
}

void err_remedy(struct errinfo *ei, const char *fmt, ...) {
    if (!ei)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(ei->remedy, sizeof ei->remedy, fmt, ap);
    va_end(ap);
}
