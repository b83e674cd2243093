/* SPDX-License-Identifier: Apache-2.0 */
#include "server/audit.h"

#include "base/log.h"
#include "base/text.h"

#include <stdio.h>

void audit_add(struct shard *s, const char *actor, const char *action, const char *target, const char *result,
               const char *detail, const char *request_id, const char *peer) {
    struct store_audit row = {.at = loop_wall(s->loop)};
    text_clean(row.actor, sizeof row.actor, slice_str(actor));
    text_clean(row.action, sizeof row.action, slice_str(action));
    text_clean(row.target, sizeof row.target, slice_str(target));
    text_clean(row.result, sizeof row.result, slice_str(result));
    text_clean(row.detail, sizeof row.detail, slice_str(detail));
    text_clean(row.req, sizeof row.req, slice_str(request_id));
    text_clean(row.peer, sizeof row.peer, slice_str(peer));
    struct store_txn *t = store_txn_new(NULL, NULL);
    if (t)
        t->durable = true;
    if (!t || store_txn_add(t, STORE_AUDIT_ADD, &row) || store_submit(s->app->store, t)) {
        store_txn_free(&t);
        struct log_ctx ctx = {.peer = row.peer, .req = row.req};
        log_line(LOG_ERROR, "audit", &ctx, "the audit line was not written: %s %s %s: %s", row.actor,
                 row.action, row.target, row.result);
    }
}

void audit_request(struct request *r, int status, const struct errinfo *ei) {
    char result[24];
    snprintf(result, sizeof result, ei ? "refused %d" : "ok %d", status);
    /* the last parameter is what is acted on; the project alone names nothing */
    const char *target = *r->target                         ? r->target
                         : *r->params[1]                    ? r->params[1]
                         : r->route->scope == SCOPE_PROJECT ? ""
                                                            : r->params[0];
    audit_add(r->shard, r->who.user, r->route->action, target, result,
              ei          ? ei->text
              : r->detail ? r->detail
                          : "",
              r->id, r->peer);
}
