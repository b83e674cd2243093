/* SPDX-License-Identifier: Apache-2.0 */
/* api_merge: identity mended by hand: two hosts become one, one becomes two. */
#include "server/api.h"

#include "base/text.h"
#include "server/fleet_merge.h"
#include "server/hostbody.h"
#include "server/reading.h"

#include <jansson.h>
#include <stdio.h>

static const struct field MERGE_FIELDS[] = {{"with", FIELD_TEXT, .required = true, .min = 1,
                                             .max = HOST_NAME_CAP - 1, .doc = "The other host: id or name."},
                                            {0}};
const struct schema SCHEMA_MERGE = {"MergeHosts", MERGE_FIELDS};

static const char *const ALIASES[] = {"smbiosUuid", "amtUuid", "serial", "ciraUser"};
enum { ALIASES_N = sizeof ALIASES / sizeof *ALIASES };
static_assert(SPLIT_CIRA_USER == 1 << (ALIASES_N - 1), "in the order of enum split_alias");
static const struct field SPLIT_FIELDS[] = {
    {"name", FIELD_TEXT, .required = true, .min = 1, .max = HOST_NAME_CAP - 1, .doc = "Of the new host."},
    {"aliases", FIELD_TEXTS, .required = true, .min = 1, .max = 16, .items = ALIASES_N,
     .doc = "What the new host takes: smbiosUuid, amtUuid, serial, ciraUser. With ciraUser go its secrets, "
            "the AMT account and what was read of the "
            "firmware."},
    {0}};
const struct schema SCHEMA_SPLIT = {"SplitHost", SPLIT_FIELDS};

static void merged(struct fleet_merge *m) {
    struct request *r = m->ctx;
    if (m->call.err) {
        reply_error(r, &m->call.error);
        return;
    }
    snprintf(r->target, sizeof r->target, "%s+%s", m->id, m->gone);
    reading_answer_id(r, m->id, 200, reading_host);
}

void api_host_merge(struct request *r) {
    struct fleet_merge *m = arena_alloc(&r->arena, sizeof *m);
    struct errinfo ei = {0};
    if (!m) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    if (!host_id_param(r, m->call.host))
        return;
    if (host_id_of(r, r->params[0], body_text(r->json, "with", ""), m->with, &ei)) {
        snprintf(ei.field, sizeof ei.field, "with");
        reply_error(r, &ei);
        return;
    }
    m->call.from = r->shard;
    slice_to_str(slice_str(r->params[0]), m->project, sizeof m->project);
    snprintf(m->actor, sizeof m->actor, "%s", r->who.user);
    m->ctx = r;
    m->done = merged;
    request_hold(r);
    fleet_merge(m);
}

static void was_split(struct fleet_split *c) {
    struct request *r = c->ctx;
    char location[160];
    if (c->call.err) {
        reply_error(r, &c->call.error);
        return;
    }
    snprintf(location, sizeof location, "/v1/projects/%s/compute/hosts/%s", r->params[0], c->id);
    request_put_header(r, "Location", location);
    snprintf(r->target, sizeof r->target, "%s+%s", c->call.host, c->id);
    reading_answer_id(r, c->id, 201, reading_host);
}

static int read_aliases(const json_t *body, unsigned *bits, struct errinfo *ei) {
    const json_t *list = json_object_get(body, "aliases"), *one;
    size_t i;
    *bits = 0;
    json_array_foreach((json_t *)(uintptr_t)list, i, one) {
        unsigned k = 0;
        while (k < ALIASES_N && strcmp(json_string_value(one), ALIASES[k]) != 0)
            k++;
        if (k == ALIASES_N) {
            char clean[24];
            text_clean(clean, sizeof clean, slice_str(json_string_value(one)));
            err_set(ei, ERR_INVALID, "aliases", "aliases: there is no alias \"%s\"", clean);
            err_remedy(ei, "Use some of: smbiosUuid, amtUuid, serial, ciraUser.");
            return ERR_INVALID;
        }
        *bits |= 1u << k;
    }
    return 0;
}

void api_host_split(struct request *r) {
    struct fleet_split *c = arena_alloc(&r->arena, sizeof *c);
    struct errinfo ei = {0};
    if (!c) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    if (!host_id_param(r, c->call.host))
        return;
    body_copy(r->json, "name", c->name, sizeof c->name);
    if (hostbody_check_name(c->name, &ei) || read_aliases(r->json, &c->aliases, &ei)) {
        reply_error(r, &ei);
        return;
    }
    c->call.from = r->shard;
    slice_to_str(slice_str(r->params[0]), c->project, sizeof c->project);
    snprintf(c->actor, sizeof c->actor, "%s", r->who.user);
    c->ctx = r;
    c->done = was_split;
    request_hold(r);
    fleet_split(c);
}
