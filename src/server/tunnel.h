/* SPDX-License-Identifier: Apache-2.0 */
/* tunnel: the CIRA port: from accept over the APF login to the link of a host, and WS-MAN over it. A
 * connection is accepted on any shard and goes to its host's shard once its user name is known. A host is
 * bound by CIRA user and password, never by UUID. Owner: the shard; its thread only. Source: reference
 * protocol-cira-wsman 1, 6.1; design 4, 7. */
#pragma once

#include "server/fleet.h"

struct tunnels;
/* NULL when out of memory. */
struct tunnels *tunnels_new(struct shard *s);
/* Open a port of this shard; several may be open (IPv4, IPv6). */
NODISCARD int tunnels_listen(struct tunnels *ts, const char *address, struct tls_ctx *tls, bool reuse_port,
                             struct errinfo *ei);
/* Listener i's real address, NULL when there is none. */
const char *tunnels_address(const struct tunnels *ts, size_t i);
/* Of the first listener; 0 when none is open. */
uint16_t tunnels_port(const struct tunnels *ts);
/* New connections of listener i use this context. */
void tunnels_set_tls(struct tunnels *ts, size_t i, struct tls_ctx *tls);
/* Stop accepting; close every connection for this reason. */
void tunnels_drain(struct tunnels *ts, enum link_reason why);
/* Connections held, also those that shake hands or wind down. */
size_t tunnels_held(const struct tunnels *ts);
/* Frees every connection without a word to its peer (the loop may be gone). */
void tunnels_free(struct tunnels **ts);

/* --- for the host's glue --- */
/* Queue a WS-MAN job; its result comes as HOST_EV_RESULT, never from inside this call. 0, or ERR_FULL,
 * ERR_CLOSED, ERR_CRYPTO (the AMT password cannot be opened), ERR_NOMEM: no result comes then. */
NODISCARD int tunnel_submit(struct tunnel *t, enum wsc_job_kind job, uint32_t arg, enum wsc_priority prio,
                            uint32_t deadline_ms);
/* The same for a job with texts; urgent. Its result is provisioning's. */
NODISCARD int tunnel_submit_with(struct tunnel *t, enum wsc_job_kind job, uint32_t arg,
                                 const struct wsc_args *args);
/* WS-MAN logs in as this one from here on, until tunnel_forget_amt_secret(). ERR_CLOSED, ERR_NOMEM. */
NODISCARD int tunnel_use_account(struct tunnel *t, const char *user, const char *password);
/* Send an APF keepalive request. */
void tunnel_ask_alive(struct tunnel *t);
/* End it. The host is told (HOST_EV_LINK_LOST) if the tunnel carried its link, and forgets it at once; what
 * is left winds down by itself. */
void tunnel_close(struct tunnel *t, enum link_reason why);
/* The AMT password was changed: the next job takes the new one. */
void tunnel_forget_amt_secret(struct tunnel *t);
