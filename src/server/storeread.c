/* SPDX-License-Identifier: Apache-2.0 */
#include "server/storeread.h"

static void work(struct loop_work *w) {
    struct store_read *sr = CONTAINER_OF(w, struct store_read, work);
    sr->err = sr->read(sr);
}
static void done(struct loop_work *w) {
    struct store_read *sr = CONTAINER_OF(w, struct store_read, work);
    sr->done(sr);
}

void store_read_start(struct store_read *sr) {
    struct request *r = sr->r;
    sr->store = r->shard->app->store;
    sr->work.work = work;
    sr->work.done = done;
    request_hold(r);
    if (!sr->store || loop_work(r->shard->loop, &sr->work)) {
        sr->err = ERR_BUSY;
        sr->done(sr);
    }
}

bool store_read_failed(struct store_read *sr) {
    if (!sr->err)
        return false;
    if (sr->err == ERR_BUSY)
        reply_fail(sr->r, ERR_BUSY, "", "no helper thread is free; try again");
    else
        reply_fail(sr->r, sr->err, "", "the database could not be read: %s", err_text(sr->err));
    return true;
}
