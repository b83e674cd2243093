/* SPDX-License-Identifier: Apache-2.0 */
/* local_page: the web server of one page for one user of this machine: the viewer's files, /local.json, and
 * the WebSocket /stream. Who may enter: the secret of the printed address, once; then a cookie. A page of
 * another site, or another name for this address, gets nothing. Sans-IO, one struct a connection. Owner:
 * kvm_view; main thread. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "proto/ws.h"

enum { LOCAL_SECRET_CAP = 33, LOCAL_REQUEST_BYTES = 16384 };

struct local_conn;
/* What the connections share. */
struct local_site {
    uint16_t port;
    const char *host, *title; /* for /local.json: as the user and as the server name it; borrowed */
    bool view_only;
    char key[LOCAL_SECRET_CAP], cookie[LOCAL_SECRET_CAP], ticket[LOCAL_SECRET_CAP];
    bool key_used;
    const struct local_conn *stream; /* the page's; another one is told so. NULL: the next one gets it */
};
/* Fill in the secrets; the fields before them are the caller's. ERR_CRYPTO. */
NODISCARD int local_site_seal(struct local_site *s);
/* The address with the key, into out. Returns out. */
enum { LOCAL_URL_CAP = 96 };
const char *local_site_url(const struct local_site *s, char out[LOCAL_URL_CAP]);

enum local_ev_kind {
    LOCAL_EV_STREAM, /* the connection is the page's stream from now on: local_ws() */
    LOCAL_EV_DATA,   /* data: bytes for the device */
    LOCAL_EV_CLOSED, /* the page closed the stream */
};
struct local_ev {
    enum local_ev_kind kind;
    struct slice data; /* valid until the next call */
};

/* site outlives it. NULL: out of memory. */
struct local_conn *local_conn_new(struct local_site *site);
void local_conn_free(struct local_conn **c);
/* It says its last words: another page may have the stream. */
void local_conn_release(struct local_conn *c);
/* Take bytes off *in until one event: 1; 0 when used up; ERR_CLOSED: nothing more is taken: send the output,
 * then close; so with other errors. */
NODISCARD int local_conn_input(struct local_conn *c, struct slice *in, struct local_ev *ev);
struct slice local_conn_output(const struct local_conn *c);
void local_conn_sent(struct local_conn *c, size_t n_bytes);
/* After LOCAL_EV_STREAM, to write to the page; NULL before. */
struct ws *local_ws(const struct local_conn *c);
/* Queue a page's last words: the note "end" of docs/sessions.md with this sentence, not to be resumed, and
 * the close frame. 0; ERR_CLOSED after a close, ERR_NOMEM: without the note. */
NODISCARD int local_end(struct ws *ws, const char *why);
