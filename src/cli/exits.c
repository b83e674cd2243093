/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/exits.h"

#include <string.h>

const char *exit_text(int code) {
    static const char *const text[] = {
#define X(sym, num, text) [num] = text,
        EXIT_TABLE(X)
#undef X
    };
    return code >= 0 && code < EXIT_COUNT ? text[code] : NULL;
}

enum exit_from { FROM_TYPE, FROM_STATUS, FROM_STATE, FROM_CODE };

/* The one table. Local errors go by their err_name(), which is also the server's problem type. */
static const struct exit_rule {
    enum exit_from from;
    const char *key;
    int status;
    enum exit_code exit;
} rules[] = {
    {FROM_TYPE, "invalid", 0, EXIT_USAGE},
    {FROM_TYPE, "syntax", 0, EXIT_USAGE},
    {FROM_TYPE, "not-found", 0, EXIT_NOT_FOUND},
    {FROM_TYPE, "auth", 0, EXIT_AUTH},
    {FROM_TYPE, "denied", 0, EXIT_AUTH},
    {FROM_TYPE, "exists", 0, EXIT_REFUSED},
    {FROM_TYPE, "state", 0, EXIT_REFUSED},
    {FROM_TYPE, "busy", 0, EXIT_REFUSED},
    {FROM_TYPE, "limit", 0, EXIT_REFUSED},
    {FROM_TYPE, "full", 0, EXIT_REFUSED},
    {FROM_TYPE, "refused", 0, EXIT_REFUSED},
    {FROM_TYPE, "unsupported", 0, EXIT_REFUSED},
    {FROM_TYPE, "unreachable", 0, EXIT_UNREACHABLE},
    {FROM_TYPE, "closed", 0, EXIT_UNREACHABLE},
    {FROM_TYPE, "tls", 0, EXIT_UNREACHABLE},
    {FROM_TYPE, "timeout", 0, EXIT_TIMEOUT},
    {FROM_TYPE, "unknown-outcome", 0, EXIT_TIMEOUT},
    {FROM_STATUS, NULL, 400, EXIT_USAGE},
    {FROM_STATUS, NULL, 401, EXIT_AUTH},
    {FROM_STATUS, NULL, 403, EXIT_AUTH},
    {FROM_STATUS, NULL, 404, EXIT_NOT_FOUND},
    {FROM_STATUS, NULL, 405, EXIT_REFUSED},
    {FROM_STATUS, NULL, 408, EXIT_TIMEOUT},
    {FROM_STATUS, NULL, 409, EXIT_REFUSED},
    {FROM_STATUS, NULL, 412, EXIT_REFUSED},
    {FROM_STATUS, NULL, 413, EXIT_REFUSED},
    {FROM_STATUS, NULL, 429, EXIT_REFUSED},
    {FROM_STATUS, NULL, 502, EXIT_UNREACHABLE},
    {FROM_STATUS, NULL, 503, EXIT_UNREACHABLE},
    {FROM_STATUS, NULL, 504, EXIT_TIMEOUT},
    {FROM_STATE, "done", 0, EXIT_OK},
    {FROM_STATE, "expired", 0, EXIT_TIMEOUT},
    {FROM_CODE, "unreachable", 0, EXIT_UNREACHABLE},
    {FROM_CODE, "not-available", 0, EXIT_REFUSED},
    {FROM_CODE, "refused", 0, EXIT_REFUSED},
    {FROM_CODE, "no-way", 0, EXIT_UNREACHABLE},
    {FROM_CODE, "interrupted", 0, EXIT_UNREACHABLE},
    {FROM_CODE, "foreign", 0, EXIT_REFUSED},
    {FROM_CODE, "not-allowed", 0, EXIT_REFUSED},
    {FROM_CODE, "no-certificate", 0, EXIT_REFUSED},
    {FROM_CODE, "chain-refused", 0, EXIT_REFUSED},
    {FROM_CODE, "setup-refused", 0, EXIT_REFUSED},
    {FROM_CODE, "unsupported", 0, EXIT_REFUSED},
    {FROM_CODE, "downgrade", 0, EXIT_REFUSED},
    {FROM_CODE, "profile", 0, EXIT_REFUSED},
    {FROM_CODE, "unclear", 0, EXIT_TIMEOUT},
    {FROM_CODE, "still-here", 0, EXIT_TIMEOUT},
    {FROM_CODE, "not-confirmed", 0, EXIT_TIMEOUT},
    {FROM_CODE, "outcome-unknown", 0, EXIT_TIMEOUT},
    {FROM_CODE, "timed-out", 0, EXIT_TIMEOUT},
    {FROM_CODE, "deadline", 0, EXIT_TIMEOUT},
};

static int look_up(enum exit_from from, const char *key, int status) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct exit_rule *r = &rules[i];
        if (r->from == from && (r->key ? key && strcmp(r->key, key) == 0 : r->status == status))
            return (int)r->exit;
    }
    return -1;
}

int exit_of_problem(int status, const char *type) {
    if (status >= 200 && status < 300)
        return EXIT_OK;
    int by_type = look_up(FROM_TYPE, type, 0);
    if (by_type >= 0)
        return by_type;
    int by_status = look_up(FROM_STATUS, NULL, status);
    return by_status >= 0 ? by_status : EXIT_FAILED;
}

int exit_of_err(int err) {
    if (err == ERR_OK)
        return EXIT_OK;
    int code = look_up(FROM_TYPE, err_name(err), 0);
    return code >= 0 ? code : EXIT_FAILED;
}

int exit_of_operation(const char *state, const char *code) {
    int by_state = look_up(FROM_STATE, state, 0);
    if (by_state >= 0)
        return by_state;
    int by_code = look_up(FROM_CODE, code, 0);
    return by_code >= 0 ? by_code : EXIT_FAILED;
}
