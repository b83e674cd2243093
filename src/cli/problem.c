/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/problem.h"

#include "base/text.h"
#include "cli/commands.h"
#include "cli/exits.h"
#include "cli/jget.h"
#include "proto/http1.h"

#include <ctype.h>
#include <stdio.h>

/* The member of a body, and the option it came from; OPT_NONE: a word of the command, which the sentence
 * names itself. The first row that the command takes counts. */
static const struct member {
    const char *name;
    enum opt opt;
} members[] = {
    {"address", OPT_ADDRESS},
    {"aliases", OPT_ALIAS},
    {"amt.password", OPT_AMT_PASSWORD_FILE},
    {"amt.user", OPT_AMT_USER},
    {"amtControlMode", OPT_CONTROL_MODE},
    {"amtProfile", OPT_AMT_PROFILE},
    {"amtUuid", OPT_AMT_UUID},
    {"approver", OPT_APPROVER},
    {"certificate", OPT_PFX},
    {"cira.password", OPT_CIRA_PASSWORD_FILE},
    {"cira.user", OPT_CIRA_USER},
    {"ciraConfig", OPT_CIRA_CONFIG},
    {"ciraconfig", OPT_NONE},
    {"commonName", OPT_COMMON_NAME},
    {"control", OPT_CONTROL},
    {"controlMode", OPT_CONTROL_MODE},
    {"deadlineSeconds", OPT_TIMEOUT},
    {"desiredAmtState", OPT_AMT_STATE},
    {"desiredPowerState", OPT_POWER},
    {"desiredPowerState", OPT_DESIRED_POWER},
    {"domain", OPT_DOMAIN},
    {"domain", OPT_NONE},
    {"enrolmentkey", OPT_NONE},
    {"exception", OPT_NONE},
    {"expiresAt", OPT_UNTIL},
    {"filter", OPT_FILTER},
    {"holdUntil", OPT_UNTIL},
    {"host", OPT_NONE},
    {"hostProject", OPT_HOST_PROJECT},
    {"maxUses", OPT_USES},
    {"name", OPT_NAME},
    {"name", OPT_NONE},
    {"password", OPT_PASSWORD_FILE},
    {"profile", OPT_NONE},
    {"reason", OPT_REASON},
    {"recoveryPolicy", OPT_RECOVERY_POLICY},
    {"rootCertificate", OPT_ROOT},
    {"secret", OPT_SECRET},
    {"serial", OPT_SERIAL},
    {"serialConsole", OPT_SERIAL_CONSOLE},
    {"sharedPassword", OPT_SHARED_PASSWORD_FILE},
    {"smbiosUuid", OPT_UUID},
    {"suffix", OPT_SUFFIX},
    {"tlsMode", OPT_TLS_MODE},
    {"until", OPT_UNTIL},
    {"userConsent", OPT_USER_CONSENT},
    {"with", OPT_NONE},
};

static const struct member *member_of(const struct args *args, const char *field) {
    for (size_t i = 0; args && args->command && i < sizeof members / sizeof *members; i++)
        if (strcmp(members[i].name, field) == 0 &&
            (members[i].opt == OPT_NONE || command_takes(args->command, members[i].opt)))
            return &members[i];
    return NULL;
}

static bool is_word_at(const char *text, const char *at, const char *word) {
    size_t n = strlen(word);
    return strncmp(at, word, n) == 0 && !isalnum((unsigned char)at[n]) &&
           (at == text || !isalnum((unsigned char)at[-1]));
}

/* "expiresAt is in the past" -> "--until is in the past" */
static void name_option(const char *said, const char *field, enum opt o, char *text, size_t cap) {
    const char *name = opt_row(o)->name;
    if (is_word_at(said, said, field))
        snprintf(text, cap, "--%s%s", name, said + strlen(field));
    else
        snprintf(text, cap, "--%s: %s", name, said);
}

/* The sentence with who it is about before it. */
static void name_field(const char *said, const struct args *args, const char *field, char *text, size_t cap) {
    const struct member *m = member_of(args, field);
    if (m && m->opt != OPT_NONE)
        name_option(said, field, m->opt, text, cap);
    else if (m || !args || !*field || strstr(said, field))
        snprintf(text, cap, "%s", said);
    else
        snprintf(text, cap, "%s: %s", field, said);
}

/* The last part of the problem's type: "/problems/unreachable" -> "unreachable". */
static const char *problem_type(const struct answer *a) {
    const char *type = jget_str(a->json, "type"), *slash = strrchr(type, '/');
    return slash ? slash + 1 : type;
}

int answer_problem(const struct answer *a, const struct args *args, char *text, size_t cap) {
    char said[1024];
    int code = exit_of_problem(a->status, problem_type(a));
    if (code == EXIT_OK)
        return EXIT_OK;
    const char *message = jget_str(a->json, "message");
    if (!*message)
        message = jget_str(a->json, "detail");
    if (!*message)
        message = jget_str(a->json, "title");
    if (*message)
        text_clean(said, sizeof said, slice_str(message));
    else
        snprintf(said, sizeof said, "the server answered with HTTP %d %s", a->status,
                 http1_reason(a->status));
    name_field(said, args, jget_str(a->json, "field"), text, cap);
    return code;
}

/* "GET /v1/projects/default/compute/hosts lists them.": the command that does. */
static const char *command_for_route(const char *remedy) {
    static const char *const lists[][2] = {
        {"/compute/hosts lists", "host"},     {"/profiles lists", "profile"},
        {"/ciraconfigs lists", "ciraconfig"}, {"/domains lists", "domain"},
        {"/exceptions lists", "exception"},   {"/enrolmentkeys lists", "enrolment-key"}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strncmp(remedy, "GET /", 5) == 0 && strstr(remedy, lists[i][0]))
            return lists[i][1];
    return NULL;
}

/* No word of a sentence. */
static bool is_camel_case(const char *name) {
    while (*name && !isupper((unsigned char)*name))
        name++;
    return *name;
}

static bool names_a_route(const char *remedy) {
    static const char *const methods[] = {"GET /", "POST /", "PUT /", "PATCH /", "DELETE /"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strncmp(remedy, methods[i], strlen(methods[i])) == 0)
            return true;
    return false;
}

void answer_remedy(const struct answer *a, const struct args *args, char *text, size_t cap) {
    const char *remedy = jget_str(a->json, "remedy"), *object = command_for_route(remedy),
               *field = jget_str(a->json, "field");
    const struct member *m = member_of(args, field);
    const char *at = m && m->opt != OPT_NONE && is_camel_case(field) ? strstr(remedy, field) : NULL;
    text[0] = 0;
    if (object)
        snprintf(text, cap, "orch-cli list %s shows those there are.", object);
    else if (names_a_route(remedy))
        return;
    else if (at && is_word_at(remedy, at, field))
        snprintf(text, cap, "%.*s--%s%s", (int)(at - remedy), remedy, opt_row(m->opt)->name,
                 at + strlen(field));
    else
        text_clean(text, cap, slice_str(remedy));
}
