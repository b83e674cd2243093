/* SPDX-License-Identifier: Apache-2.0 */
/* apf: Intel AMT Port Forwarding, one instance a tunnel, any role. Sans-IO: bytes in; events and bytes
 * out. Owner: the tunnel (server) or node (device) that made it; its thread only. Source: reference
 * protocol-cira-wsman 1.2-1.7; for the local roles protocol-redir-activation 5.3. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/uuid.h"

/* HOST and FIRMWARE: the two ends inside a node, over MEI (LME). They are a server and a device that say
 * their version to each other and do without a login; their output comes a whole message at a time. */
enum apf_role { APF_SERVER, APF_DEVICE, APF_HOST, APF_FIRMWARE };

/* Every limit, beside what it stops. Zero is invalid; start from APF_LIMITS_DEFAULT. */
struct apf_limits {
    uint16_t channels_max;    /* stops channel-open floods; AMT itself has 8 slots */
    uint16_t forwards_max;    /* stops tcpip-forward floods */
    uint32_t window_bytes;    /* our receive window a channel */
    uint32_t queue_bytes;     /* a channel's send queue beyond the peer's window */
    uint32_t output_bytes;    /* >= 512. All output not yet taken by apf_sent(): a peer that does not read */
    uint32_t preauth_bytes;   /* bytes taken before authentication is accepted */
    uint32_t open_timeout_ms; /* CHANNEL_OPEN without answer */
};
#define APF_LIMITS_DEFAULT                                                                                   \
    ((struct apf_limits){.channels_max = 8,                                                                  \
                         .forwards_max = 16,                                                                 \
                         .window_bytes = 32768,                                                              \
                         .queue_bytes = 65536,                                                               \
                         .output_bytes = 262144,                                                             \
                         .preauth_bytes = 8192,                                                              \
                         .open_timeout_ms = 10000})
enum {
    APF_STR_MAX = 2048, /* any `str`; reference 1.2 */
    APF_USER_MAX = 64,  /* user name; reference 1.2 */
    APF_PASSWORD_MAX = 256,
    APF_REQUESTS_MAX = 256,   /* stops a device role that asks faster than it is answered */
    APF_MESSAGE_MIN = 512,    /* all but DATA fit into it */
    APF_MESSAGE_LOCAL = 2048, /* longest message of a local role, unless apf_message_max() says otherwise */
    APF_WINDOW_MAX = 0x7fffffff, /* credit is clamped here: 32-bit overflow, reference 1.5 */
};

/* DISCONNECT reasons (message 1) and CHANNEL_OPEN_FAILURE reasons (message 92), reference 1.3. */
enum apf_disconnect {
    APF_DISC_PROTOCOL_ERROR = 2,
    APF_DISC_SERVICE_NOT_AVAILABLE = 7,
    APF_DISC_VERSION_NOT_SUPPORTED = 8,
    APF_DISC_CONNECTION_LOST = 10,
    APF_DISC_BY_APPLICATION = 11,
    APF_DISC_TOO_MANY_CONNECTIONS = 12,
    APF_DISC_NO_MORE_AUTH = 14,
    APF_DISC_ILLEGAL_USER = 15,
    APF_DISC_TIMED_OUT = 16,
    APF_DISC_BY_POLICY = 17,
    APF_DISC_TEMPORARILY_UNAVAILABLE = 18,
};
enum apf_open_failure {
    APF_OPEN_PROHIBITED = 1,
    APF_OPEN_CONNECT_FAILED = 2,
    APF_OPEN_UNKNOWN_TYPE = 3,
    APF_OPEN_NO_RESOURCE = 4,
};

enum apf_ev_kind {
    /* server role */
    APF_EV_VERSION,   /* message 192: uuid (printed order), trigger. Firmware role, too: apf_login() then */
    APF_EV_AUTH,      /* message 50: user, password, method_none; answer with apf_auth_accept/reject */
    APF_EV_FORWARD,   /* tcpip-forward granted: port, again each time it is repeated. Both roles */
    APF_EV_UNFORWARD, /* cancel-tcpip-forward granted: port. Both roles */
    APF_EV_READY,     /* pfwd service accepted: the tunnel is up. Both roles */
    /* device role */
    APF_EV_AUTH_FAILED, /* message 51 */
    APF_EV_OPEN,        /* the server asks for a channel: chan, port, host; answer apf_accept/apf_refuse */
    APF_EV_KEEPALIVE_OPTIONS, /* message 210 was answered: interval_s, timeout_s. On the server: message 211
                               */
    /* both roles */
    APF_EV_OPENED,          /* our apf_open() was confirmed: chan, user */
    APF_EV_OPEN_FAILED,     /* refused, or timed out (reason 0): chan, user, reason. The chan is gone */
    APF_EV_DATA,            /* chan, user, data; say apf_consumed() when it is worked off */
    APF_EV_WRITABLE,        /* a channel whose queue was limited has room again: chan, user */
    APF_EV_CLOSED,          /* both sides closed: chan, user. The chan is gone */
    APF_EV_KEEPALIVE,       /* the peer asked (208); the answer is queued already */
    APF_EV_KEEPALIVE_REPLY, /* the peer answered our apf_keepalive(): cookie */
    APF_EV_DISCONNECT,      /* message 1: reason. Nothing follows */
};

/* Slices are valid until the next apf_* call. */
struct apf_ev {
    enum apf_ev_kind kind;
    uint32_t chan; /* our own number of the channel */
    void *user;    /* what apf_open()/apf_accept() was given */
    uint32_t port, reason, cookie, interval_s, timeout_s, trigger;
    struct uuid uuid;
    struct slice user_name, password, host, data;
    bool method_none; /* message 50 with method `none`: no password came */
};

struct apf;

/* NULL only when out of memory. lim is copied. Free with apf_free(&a). */
struct apf *apf_new(enum apf_role role, const struct apf_limits *lim);
void apf_free(struct apf **a);

/* Take bytes off *in until one event is complete: 1 and *ev filled; 0 when *in is used up without one;
 * ERR_PROTO / ERR_LIMIT when the peer broke a rule (a DISCONNECT is queued: send apf_output(), then close;
 * further calls return the same code); ERR_NOMEM. Any split of the stream gives the same events, but that
 * DATA payloads may come in more pieces. Call until it returns 0; stop earlier for fairness and call again
 * with the rest. */
NODISCARD int apf_input(struct apf *a, struct slice *in, struct mono now, struct apf_ev *ev);
/* Why apf_input() failed, a sentence; "" when it did not. */
const char *apf_error(const struct apf *a);

/* Bytes to send, empty when none; valid until the next apf_* call. Report what was taken with apf_sent().
 * Local roles: exactly one message, which is to be sent whole; empty when there is none. */
struct slice apf_output(const struct apf *a);
void apf_sent(struct apf *a, size_t n_bytes);

/* Timers: call apf_tick() at apf_deadline() (MONO_NEVER when none) until it returns 0; 1 = *ev filled:
 * APF_EV_OPEN_FAILED with reason 0; APF_EV_CLOSED when the peer left our close unanswered for as long;
 * APF_EV_WRITABLE after apf_sent() made room. Ask for the deadline again after each apf_* call: one that is
 * due at once has the time 0. */
struct mono apf_deadline(const struct apf *a);
int apf_tick(struct apf *a, struct mono now, struct apf_ev *ev);

/* Local roles: no message is longer (MEI's max_msg_length); at least APF_MESSAGE_MIN. */
void apf_message_max(struct apf *a, uint32_t n_bytes);

/* --- server role; what it says of forwards is the host's, too --- */
/* After APF_EV_AUTH. accept: message 52. reject: message 51, then DISCONNECT 15; close when output is sent.
 */
void apf_auth_accept(struct apf *a);
void apf_auth_reject(struct apf *a);
/* Message 51 alone: the device may try again, within preauth_bytes. For method `none` when a password is
 * required. */
void apf_auth_again(struct apf *a);
/* Ask the device for keepalives (message 210), in seconds; timeout 0 = never give up. */
int apf_keepalive_options(struct apf *a, uint32_t interval_s, uint32_t timeout_s);
/* True when the device forwards this port now. */
bool apf_forwards(const struct apf *a, uint32_t port);
/* The forwarded ports, most n; how many there are. */
size_t apf_forward_list(const struct apf *a, uint32_t *ports, size_t n);

/* --- device role, and firmware --- */
struct apf_login {
    struct uuid uuid;            /* printed order */
    uint32_t trigger;            /* 1 user, 2 alert, 3 provisioning, 4 periodic */
    const char *user, *password; /* user NULL: method `none`. The firmware role uses neither */
    const uint32_t *ports;       /* forwarded one after the other once logged in */
    size_t nports;
};
/* Queue message 192 and run the login sequence of reference 1.4; APF_EV_READY when pfwd is accepted,
 * before the forwards. login and its strings are copied. ERR_INVALID when a string is too long; ERR_STATE
 * when called twice; ERR_FULL; ERR_NOMEM. */
int apf_login(struct apf *a, const struct apf_login *login);
/* Queue a global request; the next one goes out when the last was answered. ERR_FULL with more than
 * APF_REQUESTS_MAX waiting; ERR_CLOSED; ERR_NOMEM. */
int apf_forward(struct apf *a, uint32_t port);
int apf_unforward(struct apf *a, uint32_t port);
/* After APF_EV_OPEN. user comes back in the channel's events. */
int apf_accept(struct apf *a, uint32_t chan, void *user);
int apf_refuse(struct apf *a, uint32_t chan, enum apf_open_failure reason);

/* --- both roles --- */
/* Open a channel to a forwarded port. Its number (>= 1), or ERR_LIMIT (channels_max), ERR_STATE (not up),
 * ERR_NOT_FOUND (port not forwarded), ERR_NOMEM. */
int apf_open(struct apf *a, uint32_t port, struct mono now, void *user);
/* Queue data: sent as far as the peer's window allows, the rest kept. 0; ERR_FULL when it would exceed
 * queue_bytes (nothing was taken); ERR_CLOSED; ERR_NOMEM. */
int apf_send(struct apf *a, uint32_t chan, struct slice data);
/* Bytes that apf_send() would take now without ERR_FULL. */
size_t apf_room(const struct apf *a, uint32_t chan);
/* Let the peer have up to window_bytes on the way in this channel from now on: for one that is to carry much.
 * Less than it has already is ignored. */
void apf_widen(struct apf *a, uint32_t chan, uint32_t window_bytes);
/* n bytes of APF_EV_DATA are worked off: gives the peer credit again when half the window is used. */
void apf_consumed(struct apf *a, uint32_t chan, size_t n);
/* Close our side once; APF_EV_CLOSED follows when the peer has answered. Unsent data is dropped. A channel
 * that was offered by APF_EV_OPEN and not accepted yet is refused instead, without an event. */
void apf_close(struct apf *a, uint32_t chan);
/* Message 208. */
int apf_keepalive(struct apf *a, uint32_t cookie);
/* Message 1; close the connection when the output is sent. */
void apf_disconnect(struct apf *a, enum apf_disconnect reason);
/* Channels now, in any state. */
size_t apf_channels(const struct apf *a);
/* Messages received of that number (0 for an unknown number), and messages that named no live channel; both
 * wrap at 2^32. */
uint64_t apf_count(const struct apf *a, uint8_t msg);
uint64_t apf_strays(const struct apf *a);
/* Name of a message number, e.g. "CHANNEL_OPEN"; NULL for an unknown one. */
const char *apf_msg_name(uint8_t msg);
