/* SPDX-License-Identifier: Apache-2.0 */
/* http_side: the firmware's HTTP server on one connection (an APF channel or a direct TCP connection), with
 * or without its own TLS inside. Sans-IO: bytes in, bytes out, deadlines as values; what goes wrong on
 * purpose (fault.h) goes wrong here. Owner: the channel or connection; its loop thread. Source: reference 2.
 */
#pragma once

#include "sim/firmware.h"

struct http_conn;
/* tls: the firmware's TLS (port 16993) starts first. NULL when out of memory. */
struct http_conn *http_conn_new(struct sim_node *n, bool tls, struct mono now);
void http_conn_free(struct http_conn **c);
/* The peer is the host itself: $$OsAdmin may log in. */
void http_conn_local(struct http_conn *c);
/* Take all of raw. What is wrong with it shows as an answer and http_conn_finished(). */
void http_conn_input(struct http_conn *c, struct slice raw, struct mono now);
/* Bytes to send; take them with buf_consume(). */
struct buf *http_conn_output(struct http_conn *c);
/* Close when the output is sent. */
bool http_conn_finished(const struct http_conn *c);
struct mono http_conn_deadline(const struct http_conn *c);
void http_conn_tick(struct http_conn *c, struct mono now);
