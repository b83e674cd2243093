/* SPDX-License-Identifier: Apache-2.0 */
#include "server/expiry.h"

#include "base/json.h"
#include "core/diagnose.h"
#include "net/pki.h"
#include "server/agent_ca.h"
#include "server/objects.h"
#include "server/schema.h"

#include <stdio.h>
#include <stdlib.h>

struct look {
    struct json *j;
    const struct app *app;
    struct wall now;
    unsigned n;
};

static void tell(struct look *l, const char *name, struct wall until, const char *what, const char *remedy) {
    char at[WALL_TEXT_CAP], sentence[256];
    if (!until.us || until.us - l->now.us >= (int64_t)l->app->policy.expiry_warn_s * 1000000)
        return;
    snprintf(sentence, sizeof sentence, "%s %s on %s", what, until.us <= l->now.us ? "ended" : "ends",
             wall_rfc3339(until, at));
    json_obj(l->j);
    json_kstr(l->j, "host", ""); /* of no host */
    json_kstr(l->j, "name", name);
    json_kstr(l->j, "id", finding_text_id(FINDING_CERTIFICATE));
    json_kstr(l->j, "severity", until.us <= l->now.us ? "error" : finding_severity(FINDING_CERTIFICATE));
    json_kstr(l->j, "sentence", sentence);
    json_kstr(l->j, "remedy", remedy);
    json_kstr(l->j, "paragraph", "");
    json_obj_end(l->j);
    l->n++;
}

static void root(struct look *l, const char *name, struct slice pem, const char *what, const char *remedy) {
    struct pki_facts f;
    if (pem.n && pki_read(pem, &f, NULL) == 0)
        tell(l, name, f.not_after, what, remedy);
}

static void domains(struct look *l, const char *project) {
    struct object *v = NULL;
    size_t n = 0;
    if (!l->app->objects || objects_list(l->app->objects, OBJECT_DOMAIN, project, &v, &n) < 0)
        return;
    for (size_t i = 0; i < n; i++) {
        struct wall until = {0};
        char what[OBJECT_NAME_CAP + 64];
        (void)wall_parse(body_text(v[i].body, "notAfter", ""), &until);
        snprintf(what, sizeof what, "The provisioning certificate of the domain %s", v[i].name);
        tell(l, v[i].name, until, what,
             "Buy a new one and replace the domain: without it no node can be set up in admin control mode.");
        object_free(&v[i]);
    }
    free(v);
}

unsigned expiry_findings(struct json *j, const struct app *a, const char *project, struct wall now) {
    struct look l = {.j = j, .app = a, .now = now};
    struct slice own = buf_slice(&a->ca_pem), cira = buf_slice(&a->cira_root_pem);
    root(
        &l, "server", own, "The root certificate of this server",
        "Clients and nodes trust it: plan a new data directory, and activate the nodes anew under its root.");
    if (!slice_eq(own, cira))
        root(&l, "cira", cira, "The imported root certificate of the CIRA port",
             "Nodes that trust it are lost when it ends: activate them again under a root of this server.");
    if (a->agent_ca)
        root(&l, "agents", agent_ca_cert(a->agent_ca), "The authority of the agents",
             "Agents enrol again under a new one: outbandd init --agent-ca in a data directory without it.");
    domains(&l, project);
    return l.n;
}
