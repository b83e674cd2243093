/* SPDX-License-Identifier: Apache-2.0 */
#include "server/upgrade.h"

/* Is word one of a list with commas, in any case? */
static bool lists(struct slice header, const char *word) {
    while (header.n)
        if (slice_ieq(slice_trim(slice_cut(&header, ',')), slice_str(word)))
            return true;
    return false;
}

/* A browser says where its page is from; that must be this server. Others say nothing. */
static bool origin_ok(const struct request *r) {
    struct slice origin = r->headers[REQUEST_H_ORIGIN], host = r->headers[REQUEST_H_HOST];
    if (!origin.n)
        return true;
    return origin.n == 8 + host.n && slice_ieq(slice_head(origin, 8), SLICE_LIT("https://")) &&
           slice_ieq(slice_skip(origin, 8), host);
}

int upgrade_check(struct request *r, char accept[WS_ACCEPT_CAP]) {
    struct errinfo ei = {0};
    if (!slice_ieq(r->headers[REQUEST_H_UPGRADE], SLICE_LIT("websocket")) ||
        !lists(r->headers[REQUEST_H_CONNECTION], "upgrade")) {
        err_set(&ei, ERR_UNSUPPORTED, "Upgrade", "this is a WebSocket: it wants Upgrade: websocket");
        request_put_header(r, "Upgrade", "websocket");
        reply_problem(r, 426, &ei);
        return -1;
    }
    if (!slice_is(r->headers[REQUEST_H_WS_VERSION], "13")) {
        err_set(&ei, ERR_UNSUPPORTED, "Sec-WebSocket-Version", "only version 13 of WebSocket is spoken here");
        request_put_header(r, "Sec-WebSocket-Version", "13");
        reply_problem(r, 426, &ei);
        return -1;
    }
    if (!ws_accept_key(r->headers[REQUEST_H_WS_KEY], accept)) {
        reply_fail(r, ERR_INVALID, "Sec-WebSocket-Key", "Sec-WebSocket-Key must be 16 bytes in base64");
        return -1;
    }
    if (!origin_ok(r)) {
        reply_fail(r, ERR_DENIED, "Origin", "the page that asks is not from this server");
        return -1;
    }
    if (atomic_load(&r->shard->app->draining)) {
        request_put_header(r, "Retry-After", "5");
        reply_fail(r, ERR_BUSY, "", "the server is stopping");
        return -1;
    }
    return 0;
}
