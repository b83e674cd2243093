/* SPDX-License-Identifier: Apache-2.0 */
/* port_side: the firmware's end of one connection to one of its ports, HTTP or redirection, behind the same
 * calls. Owner: the channel or direct connection; its loop thread. */
#pragma once

#include "sim/http_side.h"
#include "sim/redir_conn.h"

enum port_kind { PORT_NONE, PORT_WSMAN, PORT_REDIRECTION };
/* What the firmware has at this port, and whether its own TLS comes first. */
enum port_kind port_kind_of(const struct sim_node *n, uint32_t port, bool *tls);
bool port_is_redirection(uint32_t port);
/* Is it forwarded by the tunnel now? Redirection only while the listener is on (5.7), plain ones only while
 * TLS is not enforced. */
bool port_forwarded(const struct sim_node *n, uint32_t port);
/* The same, asked by the host itself (LME): WS-MAN alone, and also while nothing is set up. */
enum port_kind port_kind_of_local(const struct sim_node *n, uint32_t port, bool *tls);

/* One of the two is set. */
struct port_side {
    struct http_conn *http;
    struct redir_conn *redir;
};
/* local: the peer is the host itself. False when out of memory. */
bool port_side_open(struct port_side *p, struct sim_node *n, enum port_kind kind, bool tls, bool local,
                    struct mono now);
void port_side_close(struct port_side *p);
void port_side_input(struct port_side *p, struct slice in, struct mono now);
/* Bytes to send, some at a time: take them with buf_consume() and ask again. */
struct buf *port_side_output(struct port_side *p, struct mono now);
/* Close when the output is sent; broken: now. */
bool port_side_finished(const struct port_side *p);
bool port_side_broken(const struct port_side *p);
struct mono port_side_deadline(const struct port_side *p);
void port_side_tick(struct port_side *p, struct mono now);
