/* SPDX-License-Identifier: Apache-2.0 */
/* local_tls: a TLS session of a program at the node with the firmware's own web server, for firmware that
 * speaks nothing else inside (AMT 19 and later, or TLS switched on for its local ports). The certificate is
 * not checked: the firmware made it itself, and both ends are in this machine. Blocking. Owner: its maker;
 * one thread at a time. Source: reference protocol-redir-activation 5.3, 5.4. */
#pragma once

#include "rpc/local.h"

enum { LOCAL_TLS_MS = 10000 /* a handshake: some engines take seconds for it */ };

struct local_tls;
/* Over l, which must outlive it; nothing is opened yet. NULL and ei filled. */
struct local_tls *local_tls_new(struct local *l, struct errinfo *ei);
/* l is disconnected. */
void local_tls_free(struct local_tls **t);

/* Connect, and shake hands. Ends a connection that is open. Errors as local_connect(); ERR_TLS, ERR_TIMEOUT,
 * ERR_CLOSED. */
NODISCARD int local_tls_connect(struct local_tls *t, struct errinfo *ei);
void local_tls_disconnect(struct local_tls *t);
/* All of s. Errors as local_write(); ERR_TLS. */
NODISCARD int local_tls_write(struct local_tls *t, struct slice s, struct mono deadline, struct errinfo *ei);
/* What came is appended to plain: how much; 0 at the end. Errors as local_read(); ERR_TLS. */
NODISCARD int local_tls_read(struct local_tls *t, struct buf *plain, struct mono deadline,
                             struct errinfo *ei);
