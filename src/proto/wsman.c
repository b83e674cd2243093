/* SPDX-License-Identifier: Apache-2.0 */
/* Names (namespaces, classes, operations) and the reading of a parsed message. */
#include "proto/wsman.h"
#include "proto/wsman_int.h"

#include <assert.h>

static const struct {
    const char *name;
    struct slice uri;
    uint8_t base_len;
} CLASSES[WSMAN_CLASS_COUNT] = {[WSMAN_CLASS_NONE] = {"", {NULL, 0}, 0},
#define C(class_name, base)                                                                                  \
    [WSMAN_##class_name] = {                                                                                 \
        #class_name,                                                                                         \
        {(const uint8_t *)URI_BASE_##base #class_name, sizeof(URI_BASE_##base #class_name) - 1},             \
        sizeof(URI_BASE_##base) - 1},
                                WSMAN_CLASS_TABLE(C)
#undef C
};

static const struct {
    struct slice uri;
    enum wsman_ns ns;
} NAMESPACES[] = {
#define NS(name)                                                                                             \
    { {(const uint8_t *)URI_##name, sizeof(URI_##name) - 1}, WSMAN_NS_##name }
    NS(SOAP),     NS(ADDRESSING), NS(WSMAN),  NS(ENUMERATION), NS(TRANSFER),
    NS(EVENTING), NS(CIMBINDING), NS(COMMON), NS(XSI),
#undef NS
};

static const struct {
    struct slice verb;
    enum wsman_ns ns;
} OPS[] = {
#define O(name, space, uri, text)                                                                            \
    [WSMAN_##name] = {{(const uint8_t *)(text), sizeof(text) - 1}, WSMAN_NS_##space},
    WSMAN_OP_TABLE(O)
#undef O
};
static_assert(sizeof OPS / sizeof OPS[0] == WSMAN_INVOKE, "every operation but the methods is in the table");

const char *wsman_class_name(enum wsman_class c) {
    assert(c < WSMAN_CLASS_COUNT);
    return CLASSES[c].name;
}

const char *wsman_class_uri(enum wsman_class c) {
    assert(c < WSMAN_CLASS_COUNT);
    return c ? (const char *)CLASSES[c].uri.p : "";
}

enum wsman_class wsman_class_of_uri(struct slice uri) {
    for (unsigned c = 1; c < WSMAN_CLASS_COUNT; c++)
        if (slice_eq(uri, CLASSES[c].uri))
            return (enum wsman_class)c;
    return WSMAN_CLASS_NONE;
}

enum wsman_ns wsman_ns_of_uri(struct slice uri, enum wsman_class *cls) {
    enum wsman_class c = WSMAN_CLASS_NONE;
    enum wsman_ns ns = WSMAN_NS_OTHER;
    for (size_t i = 0; i < sizeof NAMESPACES / sizeof NAMESPACES[0] && ns == WSMAN_NS_OTHER; i++)
        if (slice_eq(uri, NAMESPACES[i].uri))
            ns = NAMESPACES[i].ns;
    if (ns == WSMAN_NS_OTHER && (c = wsman_class_of_uri(uri)) != WSMAN_CLASS_NONE)
        ns = WSMAN_NS_CLASS;
    if (cls)
        *cls = c;
    return ns;
}

/* --- walking the tree --- */

static uint32_t find(const struct wsman_msg *m, uint32_t node, struct slice name) {
    while (node && !slice_eq(m->nodes[node].name, name))
        node = m->nodes[node].next_sibling;
    return node;
}

uint32_t wsman_child(const struct wsman_msg *m, uint32_t parent, const char *name) {
    return parent < m->nnodes ? find(m, m->nodes[parent].first_child, slice_str(name)) : 0;
}

uint32_t wsman_again(const struct wsman_msg *m, uint32_t node) {
    return node && node < m->nnodes ? find(m, m->nodes[node].next_sibling, m->nodes[node].name) : 0;
}

struct slice wsman_text(const struct wsman_msg *m, uint32_t parent, const char *name) {
    uint32_t node = wsman_child(m, parent, name);
    return node ? m->nodes[node].text : SLICE_EMPTY;
}

bool wsman_u64(const struct wsman_msg *m, uint32_t parent, const char *name, uint64_t max, uint64_t *out) {
    return slice_to_u64(wsman_text(m, parent, name), max, out);
}

bool wsman_bool(const struct wsman_msg *m, uint32_t parent, const char *name, bool *out) {
    struct slice text = wsman_text(m, parent, name);
    if (slice_is(text, "true") || slice_is(text, "1"))
        *out = true;
    else if (slice_is(text, "false") || slice_is(text, "0"))
        *out = false;
    else
        return false;
    return true;
}

uint32_t wsman_payload(const struct wsman_msg *m) {
    return m->body ? m->nodes[m->body].first_child : 0;
}

struct slice wsman_selector(const struct wsman_msg *m, uint32_t set_parent, const char *name) {
    uint32_t set = wsman_child(m, set_parent, "SelectorSet");
    uint32_t params = set ? 0 : wsman_child(m, set_parent, "ReferenceParameters");
    if (params)
        set = wsman_child(m, params, "SelectorSet");
    uint32_t sel = set ? wsman_child(m, set, "Selector") : 0;
    while (sel && !slice_is(m->nodes[sel].attr_name, name))
        sel = wsman_again(m, sel);
    return sel ? m->nodes[sel].text : SLICE_EMPTY;
}

bool wsman_is_instance(const struct wsman_msg *m, uint32_t node, enum wsman_class cls) {
    if (!node || node >= m->nnodes || cls == WSMAN_CLASS_NONE)
        return false;
    const struct wsman_node *n = &m->nodes[node];
    return n->ns == WSMAN_NS_CLASS && n->cls == cls && slice_is(n->name, CLASSES[cls].name);
}

static uint32_t pull_response(const struct wsman_msg *m) {
    uint32_t node = wsman_payload(m);
    return node && m->nodes[node].ns == WSMAN_NS_ENUMERATION ? node : 0;
}

uint32_t wsman_first_instance(const struct wsman_msg *m) {
    uint32_t pull = pull_response(m);
    if (!pull)
        return wsman_payload(m);
    uint32_t items = wsman_child(m, pull, "Items");
    return items ? m->nodes[items].first_child : 0;
}

struct slice wsman_enum_context(const struct wsman_msg *m) {
    uint32_t answer = pull_response(m);
    if (!answer || wsman_child(m, answer, "EndOfSequence"))
        return SLICE_EMPTY;
    return wsman_text(m, answer, "EnumerationContext");
}

/* --- header and fault --- */

static bool is_node(const struct wsman_msg *m, uint32_t node, enum wsman_ns ns, const char *name) {
    return node && m->nodes[node].ns == ns && slice_is(m->nodes[node].name, name);
}

/* Split an action into operation and method. Some firmware answers with the request's own action, so the
 * suffix "Response" is not all that tells a response: RelatesTo does, too. */
static void read_action(struct wsman_msg *m) {
    struct slice base = m->action, verb;
    while (base.n && base.p[base.n - 1] != '/')
        base.n--;
    verb = slice_skip(m->action, base.n);
    if (base.n)
        base.n--;
    const struct slice suffix = SLICE_LIT("Response");
    m->is_response = m->relates_to.n > 0;
    if (verb.n > suffix.n && slice_eq(slice_skip(verb, verb.n - suffix.n), suffix)) {
        m->is_response = true;
        verb.n -= suffix.n;
    }
    m->op = WSMAN_UNKNOWN_OP;
    enum wsman_ns ns = wsman_ns_of_uri(base, NULL);
    for (unsigned op = 0; op < WSMAN_INVOKE; op++)
        if (OPS[op].ns == ns && slice_eq(OPS[op].verb, verb))
            m->op = (enum wsman_op)op;
    if (ns == WSMAN_NS_CLASS || (verb.n && base.n && slice_eq(base, m->resource_uri))) {
        m->op = WSMAN_INVOKE;
        m->method = verb;
    }
}

/* SOAP 1.2: Fault{Code{Value, Subcode{Value}}, Reason{Text}, Detail}; 3.5. The parser has resolved the
 * subcode's QName already, while its prefixes were in scope. */
static void read_fault(struct wsman_msg *m, uint32_t fault) {
    m->is_fault = m->is_response = true;
    uint32_t reason = wsman_child(m, fault, "Reason");
    if (reason)
        m->fault_text = wsman_text(m, reason, "Text");
    uint32_t detail = wsman_child(m, fault, "Detail");
    while (detail && m->nodes[detail].text.n == 0)
        detail = m->nodes[detail].first_child;
    if (detail)
        m->fault_detail = m->nodes[detail].text;
}

void wsman_read_header(struct wsman_msg *m) {
    static const struct {
        const char *name;
        enum wsman_ns ns;
        size_t at;
    } fields[] = {
        {"Action", WSMAN_NS_ADDRESSING, offsetof(struct wsman_msg, action)},
        {"MessageID", WSMAN_NS_ADDRESSING, offsetof(struct wsman_msg, message_id)},
        {"RelatesTo", WSMAN_NS_ADDRESSING, offsetof(struct wsman_msg, relates_to)},
        {"ResourceURI", WSMAN_NS_WSMAN, offsetof(struct wsman_msg, resource_uri)},
    };
    uint32_t node = m->header ? m->nodes[m->header].first_child : 0;
    for (; node; node = m->nodes[node].next_sibling)
        for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
            if (is_node(m, node, fields[i].ns, fields[i].name))
                *(struct slice *)(void *)((uint8_t *)m + fields[i].at) = m->nodes[node].text;
    m->cls = wsman_class_of_uri(m->resource_uri);
    read_action(m);
    uint32_t payload = wsman_payload(m);
    if (is_node(m, payload, WSMAN_NS_SOAP, "Fault"))
        read_fault(m, payload);
}
