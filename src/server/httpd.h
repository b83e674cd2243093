/* SPDX-License-Identifier: Apache-2.0 */
/* httpd: the HTTPS doors of one shard: connections, requests, the route table. Owner: the shard; its thread
 * only. */
#pragma once

#include "server/app.h"

/* Open the listener of this shard (reuse_port when the port is already taken by another shard of ours). port
 * of the first shard may be 0; the others then get the real one. NULL and ei filled. */
struct httpd *httpd_new(struct shard *s, const char *address, struct tls_ctx *tls, struct errinfo *ei);
/* New connections use this context; live ones keep theirs. */
void httpd_set_tls(struct httpd *h, struct tls_ctx *tls);
uint16_t httpd_port(const struct httpd *h);
/* Stop accepting; close idle connections; others after their answer. */
void httpd_drain(struct httpd *h);
/* Close all at once. */
void httpd_free(struct httpd **h);
/* The printed route table: OpenAPI 3.1 JSON. */
void httpd_openapi(struct buf *out);
