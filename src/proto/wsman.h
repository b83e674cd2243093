/* SPDX-License-Identifier: Apache-2.0 */
/* wsman: WS-Management messages as AMT speaks them: envelope builders and a streaming parser, both roles.
 * Names are resolved by namespace, never by prefix. Sans-IO. Owner: the caller; one thread at a time.
 * Source: reference protocol-cira-wsman 3. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* C(class name, URI base). The classes we know by number; more rows as rooms need them. */
#define WSMAN_CLASS_TABLE(C)                                                                                 \
    C(CIM_AssociatedPowerManagementService, CIM)                                                             \
    C(CIM_PowerManagementService, CIM)                                                                       \
    C(CIM_PowerManagementCapabilities, CIM)                                                                  \
    C(CIM_ServiceAvailableToElement, CIM)                                                                    \
    C(CIM_ComputerSystem, CIM)                                                                               \
    C(CIM_ComputerSystemPackage, CIM)                                                                        \
    C(CIM_Chassis, CIM)                                                                                      \
    C(CIM_BIOSElement, CIM)                                                                                  \
    C(CIM_SoftwareIdentity, CIM)                                                                             \
    C(CIM_KVMRedirectionSAP, CIM)                                                                            \
    C(CIM_BootConfigSetting, CIM)                                                                            \
    C(CIM_BootSourceSetting, CIM)                                                                            \
    C(CIM_BootService, CIM)                                                                                  \
    C(CIM_ElementSettingData, CIM)                                                                           \
    C(CIM_WiFiEndpointSettings, CIM)                                                                         \
    C(AMT_GeneralSettings, AMT)                                                                              \
    C(AMT_SetupAndConfigurationService, AMT)                                                                 \
    C(AMT_RedirectionService, AMT)                                                                           \
    C(AMT_BootSettingData, AMT)                                                                              \
    C(AMT_BootCapabilities, AMT)                                                                             \
    C(AMT_SystemPowerScheme, AMT)                                                                            \
    C(AMT_TimeSynchronizationService, AMT)                                                                   \
    C(AMT_EthernetPortSettings, AMT)                                                                         \
    C(AMT_AuthorizationService, AMT)                                                                         \
    C(AMT_RemoteAccessService, AMT)                                                                          \
    C(AMT_RemoteAccessCapabilities, AMT)                                                                     \
    C(AMT_RemoteAccessPolicyRule, AMT)                                                                       \
    C(AMT_RemoteAccessPolicyAppliesToMPS, AMT)                                                               \
    C(AMT_ManagementPresenceRemoteSAP, AMT)                                                                  \
    C(AMT_MPSUsernamePassword, AMT)                                                                          \
    C(AMT_UserInitiatedConnectionService, AMT)                                                               \
    C(AMT_EnvironmentDetectionSettingData, AMT)                                                              \
    C(AMT_PublicKeyManagementService, AMT)                                                                   \
    C(AMT_PublicKeyCertificate, AMT)                                                                         \
    C(AMT_PublicPrivateKeyPair, AMT)                                                                         \
    C(AMT_TLSSettingData, AMT)                                                                               \
    C(AMT_TLSCredentialContext, AMT)                                                                         \
    C(AMT_TLSProtocolEndpointCollection, AMT)                                                                \
    C(IPS_PowerManagementService, IPS)                                                                       \
    C(IPS_OptInService, IPS)                                                                                 \
    C(IPS_HostBasedSetupService, IPS)                                                                        \
    C(IPS_HostBootReason, IPS)                                                                               \
    C(IPS_IEEE8021xSettings, IPS)                                                                            \
    C(IPS_HTTPProxyService, IPS)                                                                             \
    C(IPS_HTTPProxyAccessPoint, IPS)                                                                         \
    C(IPS_KVMRedirectionSettingData, IPS)

enum wsman_class {
    WSMAN_CLASS_NONE = 0, /* unknown or none */
#define C(name, base) WSMAN_##name,
    WSMAN_CLASS_TABLE(C)
#undef C
        WSMAN_CLASS_COUNT
};
/* Class name "CIM_Chassis" and resource URI; "" for NONE. Static text. */
const char *wsman_class_name(enum wsman_class c);
const char *wsman_class_uri(enum wsman_class c);
enum wsman_class wsman_class_of_uri(struct slice uri);

enum wsman_op {
    WSMAN_GET,
    WSMAN_PUT,
    WSMAN_CREATE,
    WSMAN_DELETE,
    WSMAN_ENUMERATE,
    WSMAN_PULL,
    WSMAN_RELEASE,
    WSMAN_INVOKE, /* method name beside it */
    WSMAN_UNKNOWN_OP,
};

/* Namespace of an element or QName (3.1). */
enum wsman_ns {
    WSMAN_NS_OTHER,
    WSMAN_NS_SOAP,
    WSMAN_NS_ADDRESSING,
    WSMAN_NS_WSMAN,
    WSMAN_NS_ENUMERATION,
    WSMAN_NS_TRANSFER,
    WSMAN_NS_EVENTING,
    WSMAN_NS_CIMBINDING,
    WSMAN_NS_COMMON,
    WSMAN_NS_XSI,
    WSMAN_NS_CLASS, /* a resource URI of the class table; see node.cls */
};
/* Namespace of a URI; *cls gets the class with WSMAN_NS_CLASS, else NONE (cls may be NULL). */
enum wsman_ns wsman_ns_of_uri(struct slice uri, enum wsman_class *cls);

struct wsman_limits {
    uint32_t bytes_max; /* whole document */
    uint16_t depth_max;
    uint16_t nodes_max;
    uint16_t attributes_max; /* an element, its namespace declarations included */
    uint32_t text_max;       /* one element's text or one attribute value */
};
#define WSMAN_LIMITS_DEFAULT                                                                                 \
    ((struct wsman_limits){                                                                                  \
        .bytes_max = 262144, .depth_max = 24, .nodes_max = 8192, .attributes_max = 48, .text_max = 65536})

/* One element. Children are the nodes whose parent is this index; document order is array order. */
struct wsman_node {
    struct slice name;      /* local name */
    struct slice text;      /* character data, entities resolved, blanks trimmed */
    struct slice attr_name; /* value of its attribute Name (w:Selector), empty when none */
    uint32_t parent, next_sibling, first_child; /* indexes; 0 = none (node 0 is the Envelope) */
    enum wsman_ns ns;
    enum wsman_class cls; /* with WSMAN_NS_CLASS */
};

/* A parsed message: a flat tree, its strings in one arena. Free with wsman_msg_free(). */
struct wsman_msg {
    struct arena arena;
    struct wsman_node *nodes;
    uint32_t nnodes;
    uint32_t header, body; /* node indexes; 0 = absent */
    /* of the header, whatever its prefixes */
    struct slice action, message_id, relates_to, resource_uri;
    enum wsman_op op; /* from the action; responses give the request's op */
    bool is_response, is_fault;
    enum wsman_class cls; /* from the resource URI */
    struct slice method;  /* with WSMAN_INVOKE */
    /* of a fault */
    enum wsman_ns fault_ns; /* of the subcode's QName */
    struct slice fault_subcode /* local name, e.g. DestinationUnreachable */, fault_text, fault_detail;
};

/* About 12 kB while it lives, most of it expat's. One parser reads one message after the other. lim is
 * copied. NULL when out of memory. */
struct wsman_parser;
struct wsman_parser *wsman_parser_new(const struct wsman_limits *lim);
void wsman_parser_free(struct wsman_parser **p);
/* Feed any piece; it is copied. ERR_SYNTAX (not well-formed, no envelope, a DTD or processing instruction),
 * ERR_LIMIT, ERR_NOMEM; sticky until wsman_parser_reset(). Small pieces are gathered, so an error may show
 * some pieces later, at wsman_finish() at the latest. wsman_parser_error() says which limit or line. */
NODISCARD int wsman_feed(struct wsman_parser *p, struct slice piece);
/* The document is complete: *out gets the message, and the parser is ready for the next one. Errors as
 * above, with *out NULL. */
NODISCARD int wsman_finish(struct wsman_parser *p, struct wsman_msg **out);
/* Forget what was fed and any error. */
void wsman_parser_reset(struct wsman_parser *p);
/* "" when there was none; valid until the next call. */
const char *wsman_parser_error(const struct wsman_parser *p);
void wsman_msg_free(struct wsman_msg **m);

/* First child of parent with that local name (any namespace), 0 when none. */
uint32_t wsman_child(const struct wsman_msg *m, uint32_t parent, const char *name);
/* Next sibling of the same local name, 0 when none: arrays are repeated elements. */
uint32_t wsman_again(const struct wsman_msg *m, uint32_t node);
/* Text of that child, empty when absent. */
struct slice wsman_text(const struct wsman_msg *m, uint32_t parent, const char *name);
/* Number or boolean of that child; false when absent or malformed (xsd booleans: true/false/1/0). */
bool wsman_u64(const struct wsman_msg *m, uint32_t parent, const char *name, uint64_t max, uint64_t *out);
bool wsman_bool(const struct wsman_msg *m, uint32_t parent, const char *name, bool *out);
/* First element inside the body (instance, Method_OUTPUT, PullResponse …), 0 when the body is empty. */
uint32_t wsman_payload(const struct wsman_msg *m);
/* The node is an instance of that class: element and namespace both name it. */
bool wsman_is_instance(const struct wsman_msg *m, uint32_t node, enum wsman_class cls);
/* First element among the instances: the payload of a Get or Put, or the first item of a Pull; 0 when there
 * is none. The next one: m->nodes[i].next_sibling. */
uint32_t wsman_first_instance(const struct wsman_msg *m);
/* Of a Pull or Enumerate response: the context to go on with, empty at the end of the sequence. */
struct slice wsman_enum_context(const struct wsman_msg *m);
/* Selector value in the header's SelectorSet (or in an EPR node), empty when absent. */
struct slice wsman_selector(const struct wsman_msg *m, uint32_t set_parent, const char *name);

/* --- building requests (client role) --- */
struct wsman_selector {
    const char *name, *value;
};
struct wsman_request {
    enum wsman_op op;
    enum wsman_class cls;
    const char *method;                     /* WSMAN_INVOKE */
    const struct wsman_selector *selectors; /* NULL-name terminated, or NULL */
    struct slice epr_selectors;             /* further ones, built with wsman_put_epr_selector() */
    struct slice body;         /* inner XML of the body as it goes out (built with wsman_put_*) */
    struct slice enum_context; /* WSMAN_PULL, WSMAN_RELEASE */
};
/* Append a whole envelope. message_id goes out in decimal. Header order as every client writes it, 3.2.
 * The bodies of Enumerate, Pull and Release are written from enum_context; body is not used for them.
 * The builders return 0 or ERR_NOMEM (then out->failed is set). */
int wsman_put_request(struct buf *out, const struct wsman_request *rq, uint64_t message_id);

/* --- building responses (device role: the simulated firmware) --- */
/* Open and close an envelope answering rq: firmware's own prefix map (3.3). Between the two calls append the
 * body's inner XML. g is bound to the payload: the class with Get, Put and methods; enumeration with
 * Enumerate and Pull (then h is the class of the items); transfer with Create. Where a Pull answers with
 * another class than the one asked for, declare it on the item itself (xmlns:h="…"). op as in the request. */
int wsman_put_response_open(struct buf *out, const struct wsman_msg *rq, uint64_t message_counter);
int wsman_put_response_close(struct buf *out);
/* A fault envelope (its prefix map differs, 3.5). subcode with prefix, e.g. "b:DestinationUnreachable";
 * detail may be NULL; rq NULL when the request could not be read. */
int wsman_put_fault(struct buf *out, const struct wsman_msg *rq, bool receiver, const char *subcode,
                    const char *text, const char *detail, uint64_t message_counter);

/* --- pieces for both --- */
/* <prefix:name>escaped text</prefix:name>; prefix NULL or "": none. */
int wsman_put_element(struct buf *out, const char *prefix, const char *name, struct slice text);
/* Text or attribute value; control characters that XML cannot carry turn into '?'. */
int wsman_put_escaped(struct buf *out, struct slice text);
/* An endpoint reference's inside: Address, ReferenceParameters{ResourceURI, SelectorSet}. The prefixes a and
 * w must be bound to addressing and wsman where it stands (they are, in wsman_put_request's envelope). */
int wsman_put_epr(struct buf *out, enum wsman_class cls, const struct wsman_selector *selectors);
/* A selector whose value is an endpoint reference, as associations have them. */
int wsman_put_epr_selector(struct buf *out, const char *name, enum wsman_class cls,
                           const struct wsman_selector *selectors);
