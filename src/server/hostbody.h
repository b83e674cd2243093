/* SPDX-License-Identifier: Apache-2.0 */
/* hostbody: the members of a host as clients send them: one set of fields for create, change and adopt, and
 * their way into struct host_new. */
#pragma once

#include "server/fleet.h"
#include "server/schema.h"

extern const struct schema SCHEMA_CIRA, SCHEMA_AMT;
extern const char *const CONTROL_MODE_VALUES[], *const DESIRED_VALUES[], *const DESIRED_OR_ONCE_VALUES[];

#define HOST_BODY_NAME                                                                                       \
    { "name", FIELD_TEXT, .min = 0, .max = HOST_NAME_CAP - 1 }
#define HOST_BODY_IDENTITY                                                                                   \
    {"cira", FIELD_OBJECT, .object = &SCHEMA_CIRA}, {"amt", FIELD_OBJECT, .object = &SCHEMA_AMT},            \
        {"amtUuid", FIELD_UUID, .doc = "UUID that the firmware tells."},                                     \
        {"uuid", FIELD_UUID, .doc = "SMBIOS UUID."}, {                                                       \
        "serialNumber", FIELD_TEXT, .min = 0, .max = HOST_SERIAL_CAP - 1                                     \
    }

struct json_t;
/* Fill v from a checked body; bits says which members were given. ERR_INVALID with the field. */
NODISCARD int hostbody_read(const struct json_t *body, struct host_new *v, unsigned *bits,
                            struct errinfo *ei);
/* Names stand in paths and tables: ERR_INVALID (field "name"). */
NODISCARD int hostbody_check_name(const char *name, struct errinfo *ei);
/* "AMT_CONTROL_MODE_ACM" … */
enum amt_control_mode hostbody_mode(const char *text);
