/* SPDX-License-Identifier: Apache-2.0 */
/* objectbody: what clients send of each kind of object, and its way into the body that is kept. One table row
 * a kind: defaults, check, what is shown. */
#pragma once

#include "server/objects.h"
#include "server/request.h"

enum { OBJECT_KEY_TEXT_CAP = 4 + 43 + 1 }; /* "oek-" and 32 bytes in base64url */

/* One create or change on its way. In the request's arena. */
struct object_work {
    struct request *r;
    struct object_change c; /* c.body: the defaults (or the present body) and what was sent */
    struct loop_work work;  /* of checks that take long */
    struct slice file;      /* domain: the PFX file, decoded */
    char *password;         /* … in the arena; wiped */
    struct wall now;
    int err;
    char key[OBJECT_KEY_TEXT_CAP]; /* enrolment key: shown once */
};
struct object_body {
    const char *defaults;       /* JSON */
    const char *const *hidden;  /* members that are nobody's business; NULL-terminated */
    const char *const *secrets; /* members that are sent, but never kept in the body */
    /* Check and complete c.body (and name, secret). ERR_INVALID … with error filled. */
    int (*check)(struct object_work *w, struct errinfo *ei);
    /* More work, on a helper thread; fills c.error. NULL: none */
    int (*slow)(struct object_work *w);
};
extern const struct object_body OBJECT_BODIES[OBJECT_KINDS];

extern const struct schema SCHEMA_PROFILE, SCHEMA_PROFILE_CHANGE, SCHEMA_CIRACONFIG, SCHEMA_CIRACONFIG_CHANGE,
    SCHEMA_DOMAIN, SCHEMA_DOMAIN_CHANGE, SCHEMA_ENROLMENT_KEY, SCHEMA_EXCEPTION, SCHEMA_EXCEPTION_CHANGE;
