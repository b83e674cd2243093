/* SPDX-License-Identifier: Apache-2.0 */
#include "server/hostbody.h"

#include "base/text.h"

#include <stdio.h>

static const struct field CIRA_FIELDS[] = {
    {"user", FIELD_TEXT, .min = 1, .max = HOST_USER_CAP - 1, .doc = "User name of the CIRA login."},
    {"password", FIELD_TEXT, .secret = true, .min = 8, .max = 71},
    {"shared", FIELD_FLAG,
     .doc = "With user: others may have the same user; amtUuid tells them apart, the password proves."},
    {0}};
const struct schema SCHEMA_CIRA = {"Cira", CIRA_FIELDS};
static const struct field AMT_FIELDS[] = {
    {"user", FIELD_TEXT, .min = 1, .max = HOST_USER_CAP - 1, .doc = "User name in the firmware: admin."},
    {"password", FIELD_TEXT, .secret = true, .min = 1, .max = 39},
    {0}};
const struct schema SCHEMA_AMT = {"Amt", AMT_FIELDS};

const char *const CONTROL_MODE_VALUES[] = {"AMT_CONTROL_MODE_ACM", "AMT_CONTROL_MODE_CCM",
                                           "AMT_CONTROL_MODE_UNSPECIFIED", NULL};
#define DESIRED                                                                                              \
    "POWER_STATE_ON", "POWER_STATE_OFF", "POWER_STATE_SLEEP", "POWER_STATE_HIBERNATE",                       \
        "POWER_STATE_UNSPECIFIED"
const char *const DESIRED_VALUES[] = {DESIRED, NULL};
const char *const DESIRED_OR_ONCE_VALUES[] = {DESIRED, "POWER_STATE_RESET", "POWER_STATE_POWER_CYCLE", NULL};

enum amt_control_mode hostbody_mode(const char *text) {
    return strcmp(text, CONTROL_MODE_VALUES[0]) == 0   ? AMT_MODE_ACM
           : strcmp(text, CONTROL_MODE_VALUES[1]) == 0 ? AMT_MODE_CCM
                                                       : AMT_MODE_UNKNOWN;
}

int hostbody_check_name(const char *name, struct errinfo *ei) {
    if (strncmp(name, "host-", 5) == 0 && strlen(name) == 13)
        return err_set(ei, ERR_INVALID, "name", "a name must not look like a host's id");
    if (strpbrk(name, "/\t\r\n"))
        return err_set(ei, ERR_INVALID, "name", "a name must not hold a slash, tab or line end");
    return 0;
}

/* The firmware's user names are printable ASCII. */
static int check_user(const char *user, const char *field, struct errinfo *ei) {
    for (const char *p = user; *p; p++)
        if (*p <= ' ' || *p > '~')
            return err_set(ei, ERR_INVALID, field, "%s must be printable ASCII without blanks", field);
    return 0;
}

static int read_uuid(const struct json_t *body, const char *name, struct uuid *out, unsigned bit,
                     unsigned *bits) {
    const char *text = body_text(body, name, NULL);
    if (!text)
        return 0;
    *bits |= bit;
    *out = (struct uuid){0};
    /* the schema has seen that it is one, or empty */
    return *text && !uuid_parse(slice_str(text), out) ? ERR_INVALID : 0;
}

int hostbody_read(const struct json_t *body, struct host_new *v, unsigned *bits, struct errinfo *ei) {
    const struct json_t *cira = body_object(body, "cira"), *amt = body_object(body, "amt");
    *bits = 0;
    if (body_copy(body, "name", v->name, sizeof v->name) && *v->name)
        *bits |= PATCH_NAME;
    if (body_copy(body, "serialNumber", v->serial, sizeof v->serial))
        *bits |= PATCH_SERIAL;
    if (body_has(cira, "user") || body_has(cira, "password"))
        *bits |= PATCH_CIRA_SECRET;
    if (body_has(amt, "user") || body_has(amt, "password"))
        *bits |= PATCH_AMT_SECRET;
    body_copy(cira, "user", v->cira_user, sizeof v->cira_user);
    body_copy(cira, "password", v->cira_password, sizeof v->cira_password);
    v->cira_shared = body_flag(cira, "shared", false);
    body_copy(amt, "user", v->amt_user, sizeof v->amt_user);
    body_copy(amt, "password", v->amt_password, sizeof v->amt_password);
    int err = read_uuid(body, "amtUuid", &v->amt_uuid, PATCH_AMT_UUID, bits);
    if (!err)
        err = read_uuid(body, "uuid", &v->smbios_uuid, PATCH_SMBIOS_UUID, bits);
    if (!err)
        err = hostbody_check_name(v->name, ei);
    if (!err)
        err = check_user(v->cira_user, "cira.user", ei);
    if (!err)
        err = check_user(v->amt_user, "amt.user", ei);
    return err;
}
