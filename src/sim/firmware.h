/* SPDX-License-Identifier: Apache-2.0 */
/* firmware: answers WS-MAN requests from a dispatch table of (class, operation, method). What a class looks
 * like is a table of properties in a wsman_*.c file. Pure but for the node it changes.
 * Owner: struct sim_node; its loop thread. Source: reference protocol-cira-wsman 3, 4, 5.8. */
#pragma once

#include "sim/node_int.h"

/* F(name, subcode with the fault envelope's prefixes, receiver, HTTP status, text) (3.5) */
#define FW_FAULT_TABLE(F)                                                                                    \
    F(DESTINATION, "b:DestinationUnreachable", false, 400,                                                   \
      "No route can be determined to reach the destination role defined by the WSAddressing To.")            \
    F(ACTION, "b:ActionNotSupported", false, 400, "The action is not supported by the service.")             \
    F(ACCESS, "e:AccessDenied", false, 400, "The sender was not authorized to access the resource.")         \
    F(EXISTS, "e:AlreadyExists", false, 400,                                                                 \
      "The sender attempted to create a resource which already exists.")                                     \
    F(SELECTORS, "e:InvalidSelectors", false, 400, "The Selectors for the resource were not valid.")         \
    F(SCHEMA, "e:SchemaValidationError", false, 400,                                                         \
      "The supplied SOAP violates the corresponding XML "                                                    \
      "Schema definition.")                                                                                  \
    F(CONTEXT, "c:InvalidEnumerationContext", false, 400, "The supplied enumeration context is invalid.")    \
    F(INTERNAL, "e:InternalError", true, 500,                                                                \
      "The service cannot comply with the request due to internal "                                          \
      "processing errors.")

enum fw_fault_id {
    FW_OK = 0,
#define F(name, subcode, receiver, status, text) FW_FAULT_##name,
    FW_FAULT_TABLE(F)
#undef F
        FW_FAULT_COUNT
};

/* PT_STATUS (3.6), the ReturnValue of AMT_ methods */
enum fw_pt {
    PT_OK = 0,
    PT_INTERNAL = 1,
    PT_NOT_READY = 2,
    PT_NAME = 12,
    PT_NOT_PERMITTED = 16,
    PT_MAX_LIMIT = 23,
    PT_IP = 27,
    PT_PROVISIONING_STATE = 32,
    PT_PARAMETER = 36,
    PT_PASSWORD = 2054,
    PT_DUPLICATE = 2058,
    PT_CERT = 2063,
    PT_KEY_NOT_MATCH = 2064,
    PT_UNSUPPORTED = 2066
};

/* Who asks. $$OsAdmin (reference protocol-redir-activation 5.3) exists at the local interface only; it does
 * host set-up and a few reads, no more. */
enum fw_user { FW_NOBODY, FW_ADMIN, FW_OS_ADMIN };
#define FW_OS_ADMIN_NAME "$$OsAdmin"

/* One request while it is answered. */
struct fw_call {
    struct sim_node *node;
    const struct wsman_msg *rq;
    enum fw_user who;
    struct mono now;
    struct buf *out;  /* body of the answer */
    const char *pfx;  /* prefix of the properties: "g", or "h" inside a Pull */
    unsigned index;   /* of the instance being written */
    uint32_t payload; /* first element of the request's body */
    enum fw_fault_id fault;
    const char *detail;
    const struct sim_step_fault *wrong; /* its value is returned, and nothing executed; NULL: honest */
};
/* Answer with a fault; the first one counts. */
void fw_fault(struct fw_call *c, enum fw_fault_id f);
/* The same with "AMT-STATUS n" in its detail (3.5); status: such a literal. */
void fw_fault_status(struct fw_call *c, enum fw_fault_id f, const char *status);
/* The node's set-up state; NULL after a fault: out of memory. */
struct prov *fw_prov(struct fw_call *c);

/* A property: constant text, or a function that writes it (once, several times, or not at all). */
struct fw_prop {
    const char *name, *text;
    void (*fn)(struct fw_call *c, const char *name);
};
#define FW_TEXT(name, text)                                                                                  \
    { name, text, NULL }
#define FW_FN(name, fn)                                                                                      \
    { name, NULL, fn }

/* A method: writes its output parameters and returns ReturnValue (ignored when it faults). */
struct fw_method {
    const char *name;
    uint32_t (*fn)(struct fw_call *c);
};

/* What $$OsAdmin may do with a class: bits. */
enum { FW_OS_READS = 1, FW_OS_ALL = 2, FW_OS_IN_SETUP = 4 /* all, while a set-up over TLS runs (5.4) */ };

enum { FW_KEY_CAP = 64 };

struct fw_class {
    enum wsman_class cls;
    enum wsman_class shown_as; /* enumerations yield this subclass; 0: itself (3.3) */
    const struct fw_prop *props;
    size_t nprops;
    unsigned (*count)(const struct sim_node *n); /* instances; NULL: 1 */
    const char *key;                             /* selector that tells instances apart; NULL: none */
    /* The value of that selector: static text, or written to scratch (FW_KEY_CAP bytes). */
    const char *(*key_of)(const struct sim_node *n, unsigned index, char *scratch);
    void (*put)(struct fw_call *c); /* NULL: Put is not supported */
    bool put_quiet;                 /* … and answers without a body (3.3) */
    /* NULL: not supported. create writes the selectors' EPR: fw_put_epr(c, "ResourceCreated", …). */
    void (*create)(struct fw_call *c), (*del)(struct fw_call *c);
    uint8_t os_admin;
    bool prov; /* its functions find node->prov made */
    const struct fw_method *methods;
    size_t nmethods;
    bool (*present)(const struct sim_node *n); /* NULL: on every SKU */
};
#define FW_LEN(a)     (sizeof(a) / sizeof((a)[0]))
#define FW_PROPS(a)   .props = (a), .nprops = FW_LEN(a)
#define FW_METHODS(a) .methods = (a), .nmethods = FW_LEN(a)

/* The tables of the wsman_*.c files, each ended by a row without class. */
extern const struct fw_class FW_POWER[], FW_SETTINGS[], FW_HARDWARE[], FW_BOOT[], FW_REDIR[], FW_SETUP[],
    FW_REMOTE[], FW_NETWORK[], FW_CERTS[];

/* No HTTP status: nothing is answered, or the connection just closes (step_fault.h). */
enum { FW_MUTE = 0, FW_DROP = -1 };
/* Answer one request: append the envelope to out and return the HTTP status, FW_MUTE or FW_DROP. */
int fw_answer(struct sim_node *n, const struct wsman_msg *rq, struct mono now, struct buf *out);
/* fw_answer() is for the administrator; the same for another user. */
int fw_answer_as(struct sim_node *n, enum fw_user who, const struct wsman_msg *rq, struct mono now,
                 struct buf *out);
/* Find a class; NULL when this node has none. */
const struct fw_class *fw_class_find(const struct sim_node *n, enum wsman_class cls);
/* The host booted: consume boot options (5.2). */
void fw_booted(struct sim_node *n);

/* --- property writers --- */
void fw_put_text(struct fw_call *c, const char *name, const char *text);
void fw_put_uint(struct fw_call *c, const char *name, uint64_t v);
void fw_put_bool(struct fw_call *c, const char *name, bool v);
void fw_put_base64(struct fw_call *c, const char *name, struct slice raw);
/* <p:name><b:Address/>…</p:name> with selectors name, value, …, NULL. */
void fw_put_epr(struct fw_call *c, const char *name, enum wsman_class cls, const char *const *selectors);
/* The EPR of the managed computer system. */
void fw_put_managed_system(struct fw_call *c, const char *name);

/* --- digest --- */
/* MD5(user:realm:password) of the node's user, in hex; "" while nothing is set up; NULL when out of memory.
 * Valid until the set-up changes. */
const char *fw_ha1(struct sim_node *n);
/* Of $$OsAdmin: made at the first need. "" when out of memory. */
const char *fw_os_admin_password(struct sim_node *n);
/* A WWW-Authenticate value with a fresh nonce. */
int fw_challenge(struct sim_node *n, struct mono now, struct buf *out);
/* Whose Authorization value is this? local: the host itself asks. */
enum fw_user fw_login(struct sim_node *n, struct slice authorization, const char *method, bool local,
                      struct mono now);
/* Is it the administrator's? */
static inline bool fw_authorized(struct sim_node *n, struct slice authorization, const char *method,
                                 struct mono now) {
    return fw_login(n, authorization, method, false, now) == FW_ADMIN;
}
