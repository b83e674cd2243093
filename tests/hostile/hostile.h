/* SPDX-License-Identifier: Apache-2.0 */
/* hostile: devices and clients that behave badly against a running outbandd, one process a kind. Blocking
 * sockets, OpenSSL and our own APF in the device role: nothing of the server is linked. What a kind expects
 * of the server is checked, so that an attack that never arrived is no success. Owner: the process. */
#pragma once

#include "base/ossl.h"

#include "base/buf.h"
#include "base/rd.h"
#include "proto/apf.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

enum door { CIRA, HTTPS };
/* How far the driver brings the connection before the script runs. */
enum stage { AT_TCP, AT_TLS, AT_UP };
/* What the server must have done with the connection in the end. */
enum expect {
    CLOSED, /* ended it within a few seconds */
    STAYS,  /* kept it: the tunnel answers a keepalive */
    EITHER, /* the script looks itself, or there is nothing to see */
};

struct peer;
typedef void script(struct peer *p);
/* One complete WS-MAN request came; id is its MessageID. */
typedef void answerer(struct peer *p, uint32_t chan, unsigned id);

struct kind {
    const char *name;
    enum door door;
    enum stage stage;
    enum expect expect;
    script *run;
    answerer *answer; /* with run == serve */
};
extern const struct kind KINDS_TCP[], KINDS_LOGIN[], KINDS_UP[], KINDS_HTTP[], KINDS_HTTPS[], KINDS_WS[],
    KINDS_REDIR[];

struct target {
    uint16_t cira, https;
    char token[2048];
};

enum { GOT_MAX = 65536, REQUEST_MAX = 65536, CHANS_MAX = 64 };
struct peer {
    const struct target *to;
    const struct kind *kind;
    unsigned index; /* of the kind: its own host */
    char user[32], password[32];
    int fd;
    SSL *ssl;
    bool ended;     /* the server has closed or reset it */
    struct buf got; /* what came while no apf reads; the newest bytes are dropped when it is full */
    struct apf *apf;
    bool up, denied, no_accept, replied;
    unsigned opens, requests;
    uint32_t last_chan;
    bool asks_consent;   /* the last request: of IPS_OptInService */
    bool keep_redir;     /* opens of the redirection port are neither accepted nor refused */
    uint32_t redir_chan; /* the channel of it that was opened last */
    unsigned redir_opens, redir_closes;
    struct buf redir; /* what the server said there */
    struct buf request[CHANS_MAX];
    void (*on_event)(struct peer *p, const struct apf_ev *ev); /* instead of the usual device */
    int64_t until;                                             /* of serve */
    uint64_t rng;
};

int64_t now_ms(void);
void nap_ms(int64_t ms);
/* The attack did not arrive, or the server did not do what it must: say it and end the process. */
void must(struct peer *p, bool ok, const char *fmt, ...) PRINTF_LIKE(3, 4);
uint64_t noise(struct peer *p);

/* --- connections (peer.c) --- */
void peer_dial(struct peer *p);
/* A failed handshake ends the process unless it may fail. */
bool peer_tls(struct peer *p, bool may_fail);
void peer_connect(struct peer *p); /* both */
/* Close it, by FIN or RST. */
void peer_drop(struct peer *p, bool rst);
/* False when the server has ended it, or takes nothing for seconds. */
bool peer_send(struct peer *p, struct slice s);
bool peer_send_tcp(struct peer *p, struct slice s); /* below TLS */
/* Read for at most ms, into got or the APF machine. False when it has ended. */
bool peer_read(struct peer *p, int64_t ms);
bool peer_ends(struct peer *p, int64_t ms);

/* --- APF (tunnel.c) --- */
/* Log in as the kind's host, or as user; until all forwards are granted. */
void tunnel_up(struct peer *p);
bool tunnel_login(struct peer *p, const char *user, const char *password);
void tunnel_begin(struct peer *p);
/* Everything the device role wants to say. */
void tunnel_flush(struct peer *p);
/* Run the device for ms. False when the tunnel has ended. */
bool tunnel_run(struct peer *p, int64_t ms);
void serve(struct peer *p);
/* All of s over the channel, as windows allow, while time is left; false when the channel or tunnel ended. */
bool chan_put(struct peer *p, uint32_t chan, struct slice s);
bool chan_puts(struct peer *p, uint32_t chan, const char *s);
/* A whole WS-MAN answer around inner. */
void answer_soap(struct peer *p, uint32_t chan, unsigned id, const char *inner);
void answer_power(struct peer *p, uint32_t chan, unsigned id);
/* The power state is on, and nobody has to consent. */
answerer answer_healthy;

/* --- sessions (session.c) --- */
struct session {
    struct kind kind;
    struct peer rest, viewer;
    struct peer *device; /* served meanwhile; NULL: a healthy node has the other end */
    bool small_buffer;   /* of the viewer's socket */
    char path[160], ticket[96];
};
/* p is the device, or any client. */
void session_init(struct session *s, struct peer *p);
/* One of that kind on the host of that name, with a ticket. */
void session_open(struct session *s, const char *host, const char *kind);
void session_ticket(struct session *s);
/* The upgrade as it should be, and its headers; or with other headers: the status. */
void session_watch(struct session *s);
void session_headers(const struct session *s, char *out, size_t cap);
int session_upgrade(struct session *s, const char *headers);
/* Does the viewer get these bytes within ms? The device is served. */
bool session_hears(struct session *s, const char *word, int64_t ms);
void session_end(struct session *s);
/* Status of a request; the answer is in rest.got. */
int session_rest(struct session *s, const char *method, const char *path, const char *body);
/* A masked frame: its first byte, the length that it says, and payload. */
void put_frame(struct buf *b, uint8_t first, uint64_t length, struct slice payload);

/* Messages as the reference writes them; each is complete. */
void put_version(struct buf *b);
void put_service(struct buf *b, const char *name);
void put_auth(struct buf *b, struct slice user, const char *service, const char *method,
              struct slice password);
void put_forward(struct buf *b, const char *kind, struct slice address, uint32_t port);
void put_u32s(struct buf *b, uint8_t type, unsigned n, ...);
void put_str(struct buf *b, struct slice s);
void put_u8(struct buf *b, uint8_t v);
void put_be32(struct buf *b, uint32_t v);
/* Send what is in b and empty it. */
bool peer_send_buf(struct peer *p, struct buf *b);
