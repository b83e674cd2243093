/* SPDX-License-Identifier: Apache-2.0 */
/* args: the option table, and the command line read against it and the command table. An option has one name,
 * one letter and one kind everywhere; what it means for a command is said in the command's row (commands.h).
 * Options may stand before or after words; "--" ends them. Owner: main. */
#pragma once

#include "base/err.h"
#include "base/slice.h"

/* O(symbol, name, letter or 0, kind, argument: its name, or the accepted words with |) */
#define OPTION_TABLE(O)                                                                                      \
    O(API_ENDPOINT, "api-endpoint", 0, TEXT, "URL")                                                          \
    O(ORCH_CA, "orch-ca", 0, FILE, "PEM")                                                                    \
    O(PROJECT, "project", 'p', TEXT, "PROJECT")                                                              \
    O(TIMEOUT, "timeout", 0, NUMBER, "SECONDS")                                                              \
    O(HELP, "help", 'h', FLAG, "")                                                                           \
    O(OUTPUT, "output", 'o', CHOICE, "table|wide|json|yaml|name|csv")                                        \
    O(WATCH, "watch", 'w', FLAG, "")                                                                         \
    O(FILTER, "filter", 'f', TEXT, "FILTER")                                                                 \
    O(ORDER_BY, "order-by", 0, TEXT, "FIELDS")                                                               \
    O(POWER, "power", 0, CHOICE, "on|off|reset|power-cycle|sleep|hibernate")                                 \
    O(GRACEFUL, "graceful", 0, FLAG, "")                                                                     \
    O(FORCE, "force", 0, FLAG, "")                                                                           \
    O(WAIT, "wait", 0, FLAG, "")                                                                             \
    O(SERIAL_CONSOLE, "serial-console", 0, CHOICE, "enable|disable")                                         \
    O(RECOVERY_POLICY, "recovery-policy", 0, CHOICE, "keep|respect-local|hold")                              \
    O(UNTIL, "until", 0, TEXT, "TIME")                                                                       \
    O(NAME, "name", 0, TEXT, "NAME")                                                                         \
    O(DRY_RUN, "dry-run", 0, FLAG, "")                                                                       \
    O(YES, "yes", 'y', FLAG, "")                                                                             \
    O(FANOUT, "fanout", 0, NUMBER, "N")                                                                      \
    O(IMPORT_FROM_CSV, "import-from-csv", 0, FILE, "FILE")                                                   \
    O(CIRA_USER, "cira-user", 0, TEXT, "USER")                                                               \
    O(CIRA_PASSWORD_FILE, "cira-password-file", 0, FILE, "FILE")                                             \
    O(AMT_USER, "amt-user", 0, TEXT, "USER")                                                                 \
    O(AMT_PASSWORD_FILE, "amt-password-file", 0, FILE, "FILE")                                               \
    O(AMT_UUID, "amt-uuid", 0, TEXT, "UUID")                                                                 \
    O(UUID, "uuid", 0, TEXT, "UUID")                                                                         \
    O(SERIAL, "serial", 0, TEXT, "SERIAL")                                                                   \
    O(DESIRED_POWER, "desired-power", 0, CHOICE, "on|off|sleep|hibernate")                                   \
    O(CONTROL_MODE, "control-mode", 0, CHOICE, "acm|ccm")                                                    \
    O(AMT_STATE, "amt-state", 0, CHOICE, "provisioned|unprovisioned")                                        \
    O(AMT_PROFILE, "amt-profile", 0, TEXT, "NAME")                                                           \
    O(SECRET, "secret", 0, CHOICE, "amt|cira|all")                                                           \
    O(PASSWORD_FILE, "password-file", 0, FILE, "FILE")                                                       \
    O(OLD_PASSWORD_FILE, "old-password-file", 0, FILE, "FILE")                                               \
    O(ROLE, "role", 0, CHOICE, "viewer|operator|admin")                                                      \
    O(HOST, "host", 0, HOST, "HOST")                                                                         \
    O(STATE, "state", 0, CHOICE, "accepted|waiting|running|confirming|done|failed|expired|cancelled")        \
    O(KIND, "kind", 0, TEXT, "KIND")                                                                         \
    O(SINCE, "since", 0, NUMBER, "SEQ")                                                                      \
    O(MAX_COUNT, "count", 0, NUMBER, "N")                                                                    \
    O(LIMIT, "limit", 0, NUMBER, "N")                                                                        \
    O(SESSION_TYPE, "session-type", 0, CHOICE, "kvm|sol")                                                    \
    O(SESSION_STATE, "session-state", 0, CHOICE, "start|stop")                                               \
    O(CONSENT_CODE, "consent-code", 0, TEXT, "CODE")                                                         \
    O(VIEW_ONLY, "view-only", 0, FLAG, "")                                                                   \
    O(TAKE_OVER, "take-over", 0, FLAG, "")                                                                   \
    O(LOG, "log", 0, FILE, "FILE")                                                                           \
    O(LINGER, "linger", 0, NUMBER, "SECONDS")                                                                \
    O(FLOPPY, "floppy", 0, FLAG, "")                                                                         \
    O(WHEN, "when", 0, CHOICE, "now|graceful|reboot")                                                        \
    O(LISTEN, "listen", 0, TEXT, "ADDRESS:PORT")                                                             \
    O(ONCE, "once", 0, FLAG, "")                                                                             \
    O(NO_BROWSER, "no-browser", 0, FLAG, "")                                                                 \
    O(DOMAIN, "domain", 0, TEXT, "DOMAIN")                                                                   \
    O(CIRA_CONFIG, "cira-config", 0, TEXT, "NAME")                                                           \
    O(TLS_MODE, "tls-mode", 0, CHOICE, "none|server")                                                        \
    O(USER_CONSENT, "user-consent", 0, CHOICE, "none|kvm|all")                                               \
    O(WITHOUT, "without", 0, TEXT, "FEATURES")                                                               \
    O(SHARED_PASSWORD_FILE, "shared-password-file", 0, FILE, "FILE")                                         \
    O(ADDRESS, "address", 0, TEXT, "HOST[:PORT]")                                                            \
    O(COMMON_NAME, "common-name", 0, TEXT, "NAME")                                                           \
    O(ROOT, "root", 0, FILE, "PEM")                                                                          \
    O(SUFFIX, "suffix", 0, TEXT, "SUFFIX")                                                                   \
    O(PFX, "pfx", 0, FILE, "FILE")                                                                           \
    O(USES, "uses", 0, NUMBER, "N")                                                                          \
    O(HOST_PROJECT, "host-project", 0, TEXT, "PROJECT")                                                      \
    O(CONTROL, "control", 0, TEXT, "CONTROL")                                                                \
    O(REASON, "reason", 0, TEXT, "TEXT")                                                                     \
    O(APPROVER, "approver", 0, TEXT, "NAME")                                                                 \
    O(FROM_MPS, "from-mps", 0, TEXT, "URL")                                                                  \
    O(MPS_USER, "mps-user", 0, TEXT, "USER")                                                                 \
    O(MPS_CA, "mps-ca", 0, FILE, "PEM")                                                                      \
    O(FROM_CSV, "from-csv", 0, FILE, "FILE")                                                                 \
    O(VAULT_JSON, "vault-json", 0, FILE, "FILE")                                                             \
    O(ALIAS, "alias", 0, TEXT, "ALIAS[,ALIAS…]")

enum opt_kind {
    OPT_KIND_FLAG,
    OPT_KIND_TEXT,
    OPT_KIND_FILE,
    OPT_KIND_NUMBER,
    OPT_KIND_CHOICE,
    OPT_KIND_HOST
};

enum opt {
    OPT_NONE, /* ends a list of options */
#define O(sym, ...) OPT_##sym,
    OPTION_TABLE(O)
#undef O
        OPT_COUNT
};

struct opt_row {
    const char *name, *arg;
    char letter;
    enum opt_kind kind;
};
/* OPT_NONE < o < OPT_COUNT. */
const struct opt_row *opt_row(enum opt o);

struct command;
struct args {
    const struct command *command; /* NULL: no words at all */
    const char *const *words;      /* what stands behind the command's own words; borrowed from argv */
    const char **word_mem;
    size_t nwords;
    const char *value[OPT_COUNT]; /* NULL: not given; "" for a flag that was */
};

/* Read argv[1..argc). 0; ERR_INVALID with a sentence and a remedy in ei. With --help nothing but the
 * command's name is checked. Free with args_free() in every case. */
NODISCARD int args_parse(struct args *a, int argc, const char *const argv[], struct errinfo *ei);
void args_free(struct args *a);

static inline bool arg_given(const struct args *a, enum opt o) {
    return a->value[o] != NULL;
}
/* The value, NULL when not given. */
static inline const char *arg_text(const struct args *a, enum opt o) {
    return a->value[o];
}
/* The value of a NUMBER option, or otherwise. */
uint64_t arg_number(const struct args *a, enum opt o, uint64_t otherwise);
