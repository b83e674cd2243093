/* SPDX-License-Identifier: Apache-2.0 */
/* The domain of the world, for admin control mode: a row as the REST door leaves it, made of one PFX file
 * that is the same in every world, so that a seed replays. provisioning.pfx is what `tools/test-pki DIR
 * acme.example 2026-11-01 2056-11-01` made. */
#include "activation.h"

#include "base/text.h"
#include "server/objects_int.h"
#include "server/pfx.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define PFX_PASSWORD "00ad15ded38f8aca930d5af6"

extern const unsigned char provisioning_pfx[];
extern const size_t provisioning_pfx_n;

static int put_row(struct world *w, struct pfx *p) {
    struct store_object row = {.kind = "domain",
                               .project = "default",
                               .name = "acme",
                               .version = 1,
                               .created = loop_wall(w->outside),
                               .updated = loop_wall(w->outside)};
    char context[OBJECT_KEY_MAX];
    struct buf secret = {0};
    json_t *body = json_pack("{s:s}", "suffix", ACT_SUFFIX);
    struct store_txn *t = store_txn_new(NULL, NULL);
    objects_put_pfx(body, p);
    objects_context(OBJECT_DOMAIN, row.project, row.name, context);
    row.body = json_dumps(body, JSON_COMPACT);
    int r = t && row.body ? seal_put_text(w->seal, context, buf_slice(&p->key_base64), &secret) : ERR_NOMEM;
    row.secret = strdup(buf_cstr(&secret));
    if (r == 0)
        r = store_txn_add(t, STORE_OBJECT_PUT, &row);
    if (r == 0)
        r = store_submit(disk_store(w->disk), t);
    else
        store_txn_free(&t);
    free(row.body);
    free(row.secret);
    json_decref(body);
    buf_free(&secret);
    return r;
}

int world_domain_make(struct world *w, struct errinfo *ei) {
    struct pfx p;
    int r = pfx_open(slice_of(provisioning_pfx, provisioning_pfx_n), PFX_PASSWORD, ACT_SUFFIX,
                     loop_wall(w->outside), &p, ei);
    if (r == 0)
        r = text_unhex(slice_str(p.root_hash[1]), w->activation->root_sha256,
                       sizeof w->activation->root_sha256)
                ? put_row(w, &p)
                : ERR_INTERNAL;
    pfx_free(&p);
    return r;
}
