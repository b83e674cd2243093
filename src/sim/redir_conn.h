/* SPDX-License-Identifier: Apache-2.0 */
/* redir_conn: one connection to a redirection port of a node, with or without the firmware's own TLS inside:
 * login (redir_side), then the kind's machine (redir_app), and what an open session means for the node: one
 * of a kind, consent, power, counters. Owner: the channel or direct connection; its loop thread.
 * Source: reference protocol-redir-activation 1.7, protocol-cira-wsman 5.6, 5.7. */
#pragma once

#include "base/buf.h"
#include "proto/redir.h"
#include "sim/node_int.h"

struct redir_conn;
/* tls: the firmware's TLS (port 16995) starts first. NULL when out of memory. */
struct redir_conn *redir_conn_new(struct sim_node *n, bool tls, struct mono now);
/* The session ends, too. */
void redir_conn_free(struct redir_conn **c);
/* Takes all of raw. */
void redir_conn_input(struct redir_conn *c, struct slice raw, struct mono now);
/* Bytes to send, some at a time: take them with buf_consume() and ask again. */
struct buf *redir_conn_output(struct redir_conn *c, struct mono now);
/* Close when the output is sent. */
bool redir_conn_finished(const struct redir_conn *c);
/* Close now, whatever is unsent. */
bool redir_conn_broken(const struct redir_conn *c);
struct mono redir_conn_deadline(const struct redir_conn *c);
void redir_conn_tick(struct redir_conn *c, struct mono now);

/* --- the sessions of a node --- */
/* The host's power changed or it booted, or a knob was turned. */
void redir_changed(struct sim_node *n, bool boots);
/* Is a session of any kind open, or pretended? Tells the machine and the consent service. */
void redir_recount(struct sim_node *n);
/* Is one of this kind open (logged in)? */
bool redir_open(const struct sim_node *n, enum redir_kind k);
/* Its redir_app machine; NULL when none runs. */
void *redir_machine(const struct sim_node *n, enum redir_kind k);
