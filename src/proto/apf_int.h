/* SPDX-License-Identifier: Apache-2.0 */
/* apf_int: what the sources of the apf machine share; nobody else includes it. apf.c: stream, table, output;
 * apf_local.c: host and firmware; apf_login.c: login, forwards, keepalives; apf_chan.c: channels. Same owner
 * and thread as apf.h says. */
#pragma once

#include "base/buf.h"
#include "base/list.h"
#include "base/rd.h"
#include "proto/apf.h"

/* S(NAME, text): where a tunnel stands. The first five are of the server role, the next five of the device.
 */
#define APF_STATE_TABLE(S)                                                                                   \
    S(VERSION, "before the protocol version")                                                                \
    S(AUTH_SVC, "before the auth service")                                                                   \
    S(AUTH, "before the user name")                                                                          \
    S(AUTH_WAIT, "while the login is being checked")                                                         \
    S(PFWD_SVC, "before the pfwd service")                                                                   \
    S(D_START, "before the login")                                                                           \
    S(D_AUTH_SVC, "while the auth service is asked for")                                                     \
    S(D_AUTH, "while the login is on its way")                                                               \
    S(D_DENIED, "after a refused login")                                                                     \
    S(D_PFWD_SVC, "while the pfwd service is asked for")                                                     \
    S(RUN, "in a running tunnel")                                                                            \
    S(CLOSED, "after a disconnect")                                                                          \
    S(FAILED, "after an error")
enum apf_state {
#define S(name, text) APF_ST_##name,
    APF_STATE_TABLE(S)
#undef S
        APF_ST_COUNT
};
#define APF_IN(name) (1u << APF_ST_##name)
#define APF_S_LOGIN  (APF_IN(VERSION) | APF_IN(AUTH_SVC) | APF_IN(AUTH) | APF_IN(AUTH_WAIT) | APF_IN(PFWD_SVC))
#define APF_D_LOGIN                                                                                          \
    (APF_IN(D_START) | APF_IN(D_AUTH_SVC) | APF_IN(D_AUTH) | APF_IN(D_DENIED) | APF_IN(D_PFWD_SVC))
#define APF_S_ANY (APF_S_LOGIN | APF_IN(RUN))
#define APF_D_ANY (APF_D_LOGIN | APF_IN(RUN))

/* M(NAME, number, layout, states of the server role, of the device role, handler). Reference 1.3.
 * layout of what follows the type byte: 1 2 4 = unsigned integers, g = 16 bytes, r = 64 bytes, s = str,
 * u = str of a user name, * = the rest depends on what came before (apf_layout_tail). DATA's payload is not
 * part of the message: it is streamed. */
#define APF_MSG_TABLE(M)                                                                                     \
    M(DISCONNECT, 1, "42", APF_S_ANY, APF_D_ANY, apf_on_disconnect)                                          \
    M(SERVICE_REQUEST, 5, "s", APF_IN(AUTH_SVC) | APF_IN(PFWD_SVC), 0, apf_on_service_request)               \
    M(SERVICE_ACCEPT, 6, "s", 0, APF_IN(D_AUTH_SVC) | APF_IN(D_PFWD_SVC), apf_on_service_accept)             \
    M(USERAUTH_REQUEST, 50, "uss*", APF_IN(AUTH), 0, apf_on_userauth)                                        \
    M(USERAUTH_FAILURE, 51, "s1", 0, APF_IN(D_AUTH), apf_on_userauth_failure)                                \
    M(USERAUTH_SUCCESS, 52, "", 0, APF_IN(D_AUTH), apf_on_userauth_success)                                  \
    M(GLOBAL_REQUEST, 80, "s1*", APF_IN(RUN), APF_IN(RUN), apf_on_global_request)                            \
    M(REQUEST_SUCCESS, 81, "*", 0, APF_IN(RUN), apf_on_request_success)                                      \
    M(REQUEST_FAILURE, 82, "", 0, APF_IN(RUN), apf_on_request_failure)                                       \
    M(CHANNEL_OPEN, 90, "s444s4s4", APF_IN(RUN), APF_IN(RUN), apf_on_open)                                   \
    M(CHANNEL_OPEN_CONFIRMATION, 91, "4444", APF_IN(RUN), APF_IN(RUN), apf_on_open_confirmation)             \
    M(CHANNEL_OPEN_FAILURE, 92, "4444", APF_IN(RUN), APF_IN(RUN), apf_on_open_failure)                       \
    M(CHANNEL_WINDOW_ADJUST, 93, "44", APF_IN(RUN), APF_IN(RUN), apf_on_window_adjust)                       \
    M(CHANNEL_DATA, 94, "44", APF_IN(RUN), APF_IN(RUN), apf_on_data)                                         \
    M(CHANNEL_CLOSE, 97, "4", APF_IN(RUN), APF_IN(RUN), apf_on_close)                                        \
    M(PROTOCOLVERSION, 192, "444gr", APF_IN(VERSION), APF_D_ANY, apf_on_version)                             \
    M(KEEPALIVE_REQUEST, 208, "4", APF_S_ANY, APF_D_ANY, apf_on_keepalive)                                   \
    M(KEEPALIVE_REPLY, 209, "4", APF_S_ANY, APF_D_ANY, apf_on_keepalive_reply)                               \
    M(KEEPALIVE_OPTIONS_REQUEST, 210, "44", 0, APF_IN(D_PFWD_SVC) | APF_IN(RUN), apf_on_keepalive_options)   \
    M(KEEPALIVE_OPTIONS_REPLY, 211, "44", APF_IN(PFWD_SVC) | APF_IN(RUN), 0, apf_on_options_reply)
enum apf_msg_number {
#define M(name, number, layout, server, device, handler) APF_##name = (number),
    APF_MSG_TABLE(M)
#undef M
};
/* Rows of the table, in its order. */
enum apf_msg_row {
#define M(name, number, layout, server, device, handler) APF_ROW_##name,
    APF_MSG_TABLE(M)
#undef M
        APF_ROW_COUNT
};

#define APF_SVC_AUTH "auth@amt.intel.com"
#define APF_SVC_PFWD "pfwd@amt.intel.com"
enum { APF_MSG_OUT_CAP = APF_MESSAGE_MIN, APF_CHUNK_MAX = 16384, APF_DATA_HEAD = 9 };

enum apf_chan_state {
    CHAN_OFFERED,   /* the peer's 90 waits for apf_accept()/apf_refuse() */
    CHAN_OPENING,   /* our 90 is out */
    CHAN_ABANDONED, /* our 90 is out, and the user said apf_close() */
    CHAN_OPEN,
    CHAN_CLOSING, /* our 97 is out */
};
struct apf_chan {
    struct list_node node; /* in apf.chans */
    uint32_t id, peer_id;
    enum apf_chan_state state;
    bool limited;        /* the user met a full queue and waits for APF_EV_WRITABLE */
    bool writable_due;   /* counted in apf.nwritable */
    bool timed;          /* deadline holds; a CLOSING one gets it at the next tick */
    uint32_t credit;     /* bytes that the peer can take */
    uint32_t window;     /* bytes that the peer may still send … */
    uint32_t window_max; /* … when all is consumed */
    uint32_t given;      /* bytes shown in events and not consumed */
    uint32_t consumed;   /* bytes consumed and not yet credited to the peer */
    struct mono deadline;
    struct buf queue; /* waits for credit or for room in the output */
    void *user;
};

/* A global request of the device role. */
struct apf_request {
    uint32_t port;
    bool cancel;
};
/* Copy of the credentials, gone when they are sent. */
struct apf_credentials {
    char user[APF_USER_MAX + 1], password[APF_PASSWORD_MAX + 1];
    bool none; /* method `none` */
};

/* 100,000 of these live in one server: what is rare is allocated when needed and freed after. */
struct apf {
    uint8_t role;       /* APF_SERVER (a host, too) or APF_DEVICE (firmware, too) */
    bool local;         /* host or firmware */
    uint8_t state;      /* enum apf_state; written by apf_set_state() */
    bool stray_ok;      /* one 0 byte after message 51 is tolerated */
    bool request_out;   /* the first of requests is on the wire */
    bool partial_done;  /* partial was handed to the user and goes with the next input */
    int16_t err;        /* sticky */
    uint16_t nforwards; /* of lim.forwards_max */
    uint16_t nwritable; /* channels with APF_EV_WRITABLE due */
    struct apf_limits lim;
    uint32_t next_id;   /* channel numbers below were given out once */
    uint32_t chunk_max; /* of a DATA message's payload */
    uint32_t widest;    /* window that a channel ever had */
    uint32_t preauth_used;
    uint32_t data_left, data_chan; /* payload of a DATA message still to come */
    uint32_t strays, unknown;
    uint32_t counts[APF_ROW_COUNT];
    struct buf partial; /* a message that is not complete yet */
    struct buf out;
    struct buf marks;    /* local: uint32_t, the lengths of the messages in out */
    struct buf requests; /* device: struct apf_request, in order */
    struct list chans;   /* struct apf_chan; its length is the number of channels */
    struct apf_credentials *cred;
    char *error;         /* allocated; NULL when out of memory then */
    uint16_t forwards[]; /* lim.forwards_max ports */
};

void apf_set_state(struct apf *a, enum apf_state to);
/* Queue DISCONNECT, make the error sticky, return err. */
int apf_fail(struct apf *a, int err, enum apf_disconnect reason, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Append one message to the output. Fails the tunnel with ERR_LIMIT when the peer does not read, with
 * ERR_NOMEM; ERR_CLOSED when the tunnel is over. */
int apf_put(struct apf *a, struct slice msg);
/* n more bytes of out belong to the last message (fresh: are a new one). Local roles only need it. ERR_NOMEM
 */
int apf_mark(struct apf *a, size_t n, bool fresh);
/* Queue message 192. */
int apf_put_version(struct apf *a, struct uuid uuid, uint32_t trigger);
/* A message of a type byte and n (at most 4) integers. */
int apf_put_u32s(struct apf *a, uint8_t type, const uint32_t *v, size_t n);
#define APF_PUT(a, type, ...)                                                                                \
    apf_put_u32s(a, type, (const uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / 4)
/* The layout of the rest of a message whose part before the `*` is in have. NULL: not decodable. */
const char *apf_layout_tail(const struct apf *a, uint8_t type, struct slice have);
bool apf_alive(const struct apf *a);

/* Handlers: body is what follows the type byte, complete by its layout. 1 with *ev; 0; an error. */
#define M(name, number, layout, server, device, handler)                                                     \
    int handler(struct apf *a, struct rd *body, struct apf_ev *ev);
APF_MSG_TABLE(M)
#undef M

/* apf_local.c */
int apf_host_hello(struct apf *a);
struct slice apf_local_output(const struct apf *a);
void apf_local_sent(struct apf *a, size_t n_bytes);

/* apf_chan.c, for apf.c */
struct apf_chan *apf_chan_find(const struct apf *a, uint32_t id);
void apf_chans_free(struct apf *a);
/* A due APF_EV_WRITABLE: 1 and *ev. */
int apf_take_writable(struct apf *a, struct apf_ev *ev);
/* Move queued data to the output as far as credit and output allow. */
void apf_pump(struct apf *a);
/* Hand a piece of DATA payload, cut off *in, to its channel: 1 and *ev; 0 when it was discarded. */
int apf_stream_data(struct apf *a, struct slice *in, struct apf_ev *ev);
