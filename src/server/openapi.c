/* SPDX-License-Identifier: Apache-2.0 */
/* openapi: the route table as OpenAPI 3.1. */
#include "base/json.h"
#include "server/httpd.h"
#include "server/router.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void put_ref(struct json *j, const char *what, const char *name) {
    char ref[96];
    snprintf(ref, sizeof ref, "#/components/%s/%s", what, name);
    json_obj(j);
    json_kstr(j, "$ref", ref);
    json_obj_end(j);
}

static void put_path_params(struct json *j, const char *pattern) {
    struct slice rest = slice_str(pattern);
    for (;;) {
        slice_cut(&rest, '{');
        if (!rest.n)
            return;
        struct slice name = slice_cut(&rest, '}');
        json_obj(j);
        json_key(j, "name");
        json_slice(j, name);
        json_kstr(j, "in", "path");
        json_kbool(j, "required", true);
        json_key(j, "schema");
        json_raw(j, SLICE_LIT("{\"type\":\"string\"}"));
        json_obj_end(j);
    }
}

static void put_query_params(struct json *j, unsigned query) {
    static const char *const types[] = {
        [QUERY_TYPE_TEXT] = "string", [QUERY_TYPE_NUMBER] = "integer", [QUERY_TYPE_FLAG] = "boolean"};
    for (unsigned q = 0; q < QUERY_COUNT; q++) {
        const struct query_row *row = query_row((enum query_param)q);
        if (!(query & (1u << q)))
            continue;
        json_obj(j);
        json_kstr(j, "name", row->name);
        json_kstr(j, "in", "query");
        json_kstr(j, "description", row->doc);
        json_key(j, "schema");
        json_obj(j);
        json_kstr(j, "type", types[row->type]);
        if (row->type == QUERY_TYPE_NUMBER) {
            json_kint(j, "minimum", (int64_t)row->min);
            json_kint(j, "maximum", (int64_t)row->max);
            json_kint(j, "default", (int64_t)row->fallback);
        } else if (row->type == QUERY_TYPE_TEXT) {
            json_kint(j, "maxLength", (int64_t)row->max);
        }
        json_obj_end(j);
        json_obj_end(j);
    }
}

static void put_body(struct json *j, const struct route *r) {
    if (!r->body && !r->media)
        return;
    json_key(j, "requestBody");
    json_obj(j);
    json_kbool(j, "required", true);
    json_key(j, "content");
    json_obj(j);
    json_key(j, r->media ? r->media : "application/json");
    json_obj(j);
    json_key(j, "schema");
    if (r->body)
        put_ref(j, "schemas", r->body->name);
    else
        json_raw(j, SLICE_LIT("{\"type\":\"string\"}"));
    json_obj_end(j);
    json_obj_end(j);
    json_obj_end(j);
}

static void put_operation(struct json *j, const struct route *r) {
    char method[8], status[8];
    size_t n = 0;
    for (; r->method[n] && n + 1 < sizeof method; n++)
        method[n] = (char)tolower((unsigned char)r->method[n]);
    method[n] = 0;
    json_key(j, method);
    json_obj(j);
    json_kstr(j, "summary", r->doc);
    json_kstr(j, "x-role", role_text(r->role));
    if (r->scope == SCOPE_OPEN) {
        json_key(j, "security");
        json_raw(j, SLICE_LIT("[]"));
    }
    json_key(j, "parameters");
    json_arr(j);
    put_path_params(j, r->pattern);
    put_query_params(j, r->query);
    json_arr_end(j);
    put_body(j, r);
    json_key(j, "responses");
    json_obj(j);
    snprintf(status, sizeof status, "%d", r->status);
    json_key(j, status);
    json_raw(j, SLICE_LIT("{\"description\":\"done\"}"));
    json_key(j, "default");
    put_ref(j, "responses", "Problem");
    json_obj_end(j);
    json_obj_end(j);
}

/* Has an earlier row this pattern? Its methods are printed there. */
static bool seen_before(size_t i) {
    for (size_t k = 0; k < i; k++)
        if (strcmp(ROUTES[k].pattern, ROUTES[i].pattern) == 0)
            return true;
    return false;
}

static void put_paths(struct json *j) {
    json_key(j, "paths");
    json_obj(j);
    for (size_t i = 0; i < ROUTES_COUNT; i++) {
        if (seen_before(i))
            continue;
        json_key(j, ROUTES[i].pattern);
        json_obj(j);
        for (size_t k = i; k < ROUTES_COUNT; k++)
            if (strcmp(ROUTES[k].pattern, ROUTES[i].pattern) == 0)
                put_operation(j, &ROUTES[k]);
        json_obj_end(j);
    }
    json_obj_end(j);
}

static void put_components(struct json *j) {
    json_key(j, "components");
    json_obj(j);
    json_key(j, "securitySchemes");
    json_raw(j, SLICE_LIT("{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\"}}"));
    json_key(j, "responses");
    json_raw(
        j, SLICE_LIT(
               "{\"Problem\":{\"description\":\"RFC 9457 problem\",\"content\":{\"application/problem+json\":"
               "{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}}}"));
    json_key(j, "schemas");
    json_obj(j);
    json_key(j, "Problem");
    json_raw(
        j,
        SLICE_LIT("{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{\"type\":"
                  "\"string\"},\"status\":{\"type\":\"integer\"},\"code\":{\"type\":\"string\"},\"message\":"
                  "{\"type\":\"string\"},\"detail\":{\"type\":\"string\"},\"field\":{\"type\":\"string\"},"
                  "\"remedy\":{\"type\":\"string\"},\"requestId\":{\"type\":\"string\"}}}"));
    for (size_t i = 0; i < ROUTES_COUNT; i++)
        if (ROUTES[i].body) {
            json_key(j, ROUTES[i].body->name);
            schema_print(j, ROUTES[i].body);
        }
    json_obj_end(j);
    json_obj_end(j);
}

void httpd_openapi(struct buf *out) {
    struct json j = json_of(out);
    json_obj(&j);
    json_kstr(&j, "openapi", "3.1.0");
    json_key(&j, "info");
    json_obj(&j);
    json_kstr(&j, "title", "Outband");
    json_kstr(&j, "version", OUTBAND_VERSION);
    json_obj_end(&j);
    json_key(&j, "security");
    json_raw(&j, SLICE_LIT("[{\"bearer\":[]}]"));
    put_paths(&j);
    put_components(&j);
    json_obj_end(&j);
}
