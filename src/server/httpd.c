/* SPDX-License-Identifier: Apache-2.0 */
/* httpd: the HTTPS door of one shard: its listener, its limits, and its end. */
#include "server/httpd_int.h"

#include "server/settings.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

struct peer {
    struct map_node node;
    uint32_t count;
    char addr[REQUEST_PEER_CAP];
};

/* Before the handshake: an address that has its share already is not worth one. */
static bool admit(void *ctx, const char *peer_addr) {
    struct httpd *h = ctx;
    struct map_node *n = map_get(&h->peers, slice_str(peer_addr));
    struct peer *p = n ? CONTAINER_OF(n, struct peer, node) : NULL;
    if (p && p->count >= h->limits.connections_peer_max)
        return false;
    if (!p) {
        p = calloc(1, sizeof *p);
        if (!p)
            return false;
        slice_to_str(slice_str(peer_addr), p->addr, sizeof p->addr);
        if (map_put(&h->peers, &p->node, slice_str(p->addr))) {
            free(p);
            return false;
        }
    }
    p->count++;
    return true;
}

void httpd_conn_gone(struct httpd *h, const char *peer_addr) {
    struct map_node *n = map_get(&h->peers, slice_str(peer_addr));
    if (!n)
        return;
    struct peer *p = CONTAINER_OF(n, struct peer, node);
    if (--p->count)
        return;
    map_remove(&h->peers, n);
    free(p);
}

static void on_gone(void *ctx, const char *peer_addr) {
    httpd_conn_gone(ctx, peer_addr);
}
static void on_accept(void *ctx, struct stream *s) {
    conn_open(ctx, s);
}

struct httpd *httpd_new(struct shard *s, const char *address, struct tls_ctx *tls, struct errinfo *ei) {
    struct httpd *h = calloc(1, sizeof *h);
    if (!h) {
        err_set(ei, ERR_NOMEM, "", "out of memory for the HTTPS door");
        return NULL;
    }
    h->shard = s;
    httpd_apply_settings(h);
    list_init(&h->conns);
    list_init(&h->requests);
    loop_random(s->loop, &h->ids.s, sizeof h->ids.s);
    loop_random(s->loop, &h->peers.seed, sizeof h->peers.seed);
    h->date_s = -1;
    struct listen_opts o = {.address = address,
                            .tls = tls,
                            .reuse_port = s->app->nshards > 1,
                            .handshakes_max = h->limits.handshakes_max,
                            .handshake_ms = h->limits.handshake_ms,
                            .per_turn_max = 16,
                            .admit = admit,
                            .gone = on_gone,
                            .on_accept = on_accept,
                            .ctx = h};
    h->listener = listener_open(s->loop, &o, ei);
    if (!h->listener) {
        free(h);
        return NULL;
    }
    return h;
}

void httpd_apply_settings(struct httpd *h) {
    const struct settings *s = h->shard->app->settings;
    h->limits = HTTPD_LIMITS_DEFAULT;
    if (!s)
        return;
    h->limits.connections_max = s->http_connections_max;
    h->limits.head_bytes = (uint32_t)s->http_header_max_bytes;
    h->limits.body_bytes = (uint32_t)s->http_body_max_bytes;
    h->limits.idle_ms = s->http_idle_timeout_ms;
}
void httpd_set_limits(struct httpd *h, const struct httpd_limits *l) {
    h->limits = *l;
}
void httpd_set_tls(struct httpd *h, struct tls_ctx *tls) {
    if (h->listener)
        listener_set_tls(h->listener, tls);
}
uint16_t httpd_port(const struct httpd *h) {
    return h->listener ? listener_port(h->listener) : 0;
}
const char *httpd_address(const struct httpd *h) {
    return h->listener ? listener_address(h->listener) : "";
}

void httpd_drain(struct httpd *h) {
    h->draining = true;
    listener_close(&h->listener);
    LIST_EACH (n, &h->conns) {
        struct http_conn *c = CONTAINER_OF(n, struct http_conn, node);
        if (c->state == CONN_IDLE && !c->ended) {
            c->ended = true;
            stream_close(c->stream);
        } else if (c->req && c->req->streaming && c->req->on_gone) {
            c->req->on_gone(c->req);
        }
    }
}

bool httpd_busy(const struct httpd *h) {
    return !list_empty(&h->requests);
}

void httpd_free(struct httpd **hp) {
    struct httpd *h = *hp;
    if (!h)
        return;
    *hp = NULL;
    h->draining = true;
    listener_close(&h->listener);
    LIST_EACH (n, &h->conns) {
        struct http_conn *c = CONTAINER_OF(n, struct http_conn, node);
        conn_drop(&c);
    }
    h->dying = true;
    httpd_maybe_free(h);
}

void httpd_maybe_free(struct httpd *h) {
    if (!h->dying || !list_empty(&h->conns) || !list_empty(&h->requests))
        return;
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(&h->peers, &it));) {
        map_remove(&h->peers, n);
        free(CONTAINER_OF(n, struct peer, node));
    }
    map_free(&h->peers);
    buf_free(&h->out);
    buf_free(&h->json);
    free(h);
}

const char *httpd_date(struct httpd *h) {
    int64_t s = loop_wall(h->shard->loop).us / 1000000;
    if (s == h->date_s)
        return h->date;
    time_t t = (time_t)s;
    struct tm tm;
    gmtime_r(&t, &tm);
    /* the C locale is ours for life: names are English as RFC 9110 5.6.7 wants */
    strftime(h->date, sizeof h->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    h->date_s = s;
    return h->date;
}
