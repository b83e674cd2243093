/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/firmware.h"

#include "base/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

static const struct {
    const char *subcode;
    bool receiver;
    int status;
    const char *text;
} FAULTS[] = {[FW_OK] = {NULL, false, 200, NULL},
#define F(name, subcode, receiver, status, text) [FW_FAULT_##name] = {subcode, receiver, status, text},
              FW_FAULT_TABLE(F)
#undef F
};

void fw_fault(struct fw_call *c, enum fw_fault_id f) {
    if (c->fault == FW_OK)
        c->fault = f;
}

void fw_fault_status(struct fw_call *c, enum fw_fault_id f, const char *status) {
    if (c->fault == FW_OK)
        c->detail = status;
    fw_fault(c, f);
}

struct prov *fw_prov(struct fw_call *c) {
    struct prov *p = node_prov(c->node);
    if (!p)
        fw_fault(c, FW_FAULT_INTERNAL);
    return p;
}

/* --- property writers --- */

void fw_put_text(struct fw_call *c, const char *name, const char *text) {
    wsman_put_element(c->out, c->pfx, name, slice_str(text));
}

/* Answers are made of thousands of small pieces: plain appends are several times as fast as formats. */
static void tag(struct fw_call *c, const char *open, const char *name) {
    buf_puts(c->out, open);
    buf_puts(c->out, c->pfx);
    buf_puts(c->out, ":");
    buf_puts(c->out, name);
    buf_puts(c->out, ">");
}

void fw_put_uint(struct fw_call *c, const char *name, uint64_t v) {
    char digits[24], *p = digits + sizeof digits - 1;
    *p = 0;
    do
        *--p = (char)('0' + v % 10);
    while (v /= 10);
    tag(c, "<", name);
    buf_puts(c->out, p);
    tag(c, "</", name);
}

void fw_put_bool(struct fw_call *c, const char *name, bool v) {
    fw_put_text(c, name, v ? "true" : "false");
}

void fw_put_base64(struct fw_call *c, const char *name, struct slice raw) {
    struct buf b64 = {0};
    text_base64(&b64, raw);
    wsman_put_element(c->out, c->pfx, name, buf_slice(&b64));
    buf_free(&b64);
}

void fw_put_epr(struct fw_call *c, const char *name, enum wsman_class cls, const char *const *selectors) {
    tag(c, "<", name);
    buf_puts(c->out, "<b:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</b:Address>"
                     "<b:ReferenceParameters><c:ResourceURI>");
    buf_puts(c->out, wsman_class_uri(cls));
    buf_puts(c->out, "</c:ResourceURI><c:SelectorSet>");
    for (; selectors[0]; selectors += 2) {
        buf_puts(c->out, "<c:Selector Name=\"");
        buf_puts(c->out, selectors[0]);
        buf_puts(c->out, "\">");
        buf_puts(c->out, selectors[1]);
        buf_puts(c->out, "</c:Selector>");
    }
    buf_puts(c->out, "</c:SelectorSet></b:ReferenceParameters>");
    tag(c, "</", name);
}

void fw_put_managed_system(struct fw_call *c, const char *name) {
    static const char *const SELECTORS[] = {"CreationClassName", "CIM_ComputerSystem", "Name",
                                            "ManagedSystem", NULL};
    fw_put_epr(c, name, WSMAN_CIM_ComputerSystem, SELECTORS);
}

/* --- classes --- */

const struct fw_class *fw_class_find(const struct sim_node *n, enum wsman_class cls) {
    static const struct fw_class *const TABLES[] = {FW_POWER, FW_SETTINGS, FW_HARDWARE, FW_BOOT, FW_REDIR,
                                                    FW_SETUP, FW_REMOTE,   FW_NETWORK,  FW_CERTS};
    if (cls == WSMAN_CLASS_NONE)
        return NULL;
    for (size_t t = 0; t < FW_LEN(TABLES); t++)
        for (const struct fw_class *k = TABLES[t]; k->cls != WSMAN_CLASS_NONE; k++)
            if (k->cls == cls)
                return !k->present || k->present(n) ? k : NULL;
    return NULL;
}

static unsigned instances(const struct fw_class *k, const struct sim_node *n) {
    return k->count ? k->count(n) : 1;
}

/* One instance as an element of its own. ns: declared on it, or NULL where the envelope has it. */
static void put_instance(struct fw_call *c, const struct fw_class *k, enum wsman_class shown,
                         const char *ns) {
    const char *name = wsman_class_name(shown);
    buf_putf(c->out, "<%s:%s", c->pfx, name);
    if (ns)
        buf_putf(c->out, " xmlns:%s=\"%s\"", c->pfx, ns);
    buf_puts(c->out, ">");
    for (size_t i = 0; i < k->nprops; i++) {
        if (k->props[i].fn)
            k->props[i].fn(c, k->props[i].name);
        else
            fw_put_text(c, k->props[i].name, k->props[i].text);
    }
    buf_putf(c->out, "</%s:%s>", c->pfx, name);
}

/* Which instance the header's selectors mean; faults when there is no such one. */
static void select_instance(struct fw_call *c, const struct fw_class *k) {
    unsigned count = instances(k, c->node);
    c->index = 0;
    struct slice want = SLICE_EMPTY;
    if (k->key)
        want = wsman_selector(c->rq, c->rq->header, k->key);
    if (want.n == 0) {
        if (count == 0)
            fw_fault(c, FW_FAULT_DESTINATION);
        return;
    }
    char scratch[FW_KEY_CAP];
    while (c->index < count && !slice_is(want, k->key_of(c->node, c->index, scratch)))
        c->index++;
    if (c->index == count)
        fw_fault(c, FW_FAULT_DESTINATION);
}

/* --- operations --- */

static void op_get(struct fw_call *c, const struct fw_class *k) {
    select_instance(c, k);
    if (c->fault == FW_OK)
        put_instance(c, k, k->cls, NULL);
}

static void op_put(struct fw_call *c, const struct fw_class *k) {
    if (!k->put) {
        fw_fault(c, FW_FAULT_ACTION);
        return;
    }
    select_instance(c, k);
    if (c->fault == FW_OK && !slice_is(c->rq->nodes[c->payload].name, wsman_class_name(k->cls)))
        fw_fault(c, FW_FAULT_SCHEMA);
    if (c->fault == FW_OK)
        k->put(c);
    if (c->fault == FW_OK && !k->put_quiet)
        put_instance(c, k, k->cls, NULL);
}

/* One of several must be named. */
static void op_delete(struct fw_call *c, const struct fw_class *k) {
    if (!k->del)
        fw_fault(c, FW_FAULT_ACTION);
    else if (k->key && !wsman_selector(c->rq, c->rq->header, k->key).n)
        fw_fault(c, FW_FAULT_SELECTORS);
    else
        select_instance(c, k);
    if (c->fault == FW_OK)
        k->del(c);
}

static void op_create(struct fw_call *c, const struct fw_class *k) {
    if (!k->create)
        fw_fault(c, FW_FAULT_ACTION);
    else if (!slice_is(c->rq->nodes[c->payload].name, wsman_class_name(k->cls)))
        fw_fault(c, FW_FAULT_SCHEMA);
    else
        k->create(c);
}

static void op_invoke(struct fw_call *c, const struct fw_class *k) {
    const struct fw_method *m = NULL;
    for (size_t i = 0; i < k->nmethods && !m; i++)
        if (slice_is(c->rq->method, k->methods[i].name))
            m = &k->methods[i];
    if (!m) {
        fw_fault(c, FW_FAULT_ACTION);
        return;
    }
    select_instance(c, k);
    if (c->fault != FW_OK)
        return;
    buf_putf(c->out, "<g:%s_OUTPUT>", m->name);
    uint32_t rv = c->wrong ? c->wrong->value : m->fn(c);
    fw_put_uint(c, "ReturnValue", rv);
    buf_putf(c->out, "</g:%s_OUTPUT>", m->name);
}

static struct fw_enum *enum_find(struct fw_call *c, uint32_t id) {
    for (size_t i = 0; c->node->enums && i < FW_ENUMS; i++) {
        struct fw_enum *e = &c->node->enums[i];
        if (e->id && mono_due(e->until, c->now))
            e->id = 0;
        if (e->id == id)
            return e;
    }
    return NULL;
}

static struct fw_enum *enum_of_request(struct fw_call *c) {
    struct slice text = wsman_text(c->rq, c->payload, "EnumerationContext");
    uint64_t id;
    struct fw_enum *e = NULL;
    /* "14000000-0000-…": the first group is the number, little-endian */
    if (slice_hex_to_u64(slice_head(text, 8), UINT32_MAX, &id) && id)
        e = enum_find(c, __builtin_bswap32((uint32_t)id));
    if (!e || e->cls != c->rq->cls) {
        fw_fault(c, FW_FAULT_CONTEXT);
        return NULL;
    }
    return e;
}

static void put_context(struct fw_call *c, uint32_t id) {
    buf_putf(c->out, "<g:EnumerationContext>%08" PRIX32 "-0000-0000-0000-000000000000</g:EnumerationContext>",
             __builtin_bswap32(id));
}

static void enums_release(struct sim_node *n) {
    for (size_t i = 0; i < FW_ENUMS; i++)
        if (n->enums[i].id)
            return;
    free(n->enums);
    n->enums = NULL;
}

static void op_enumerate(struct fw_call *c, const struct fw_class *k) {
    struct sim_node *n = c->node;
    if (!n->enums)
        n->enums = calloc(FW_ENUMS, sizeof *n->enums);
    struct fw_enum *e = enum_find(c, 0);
    if (!e) {
        c->detail = "AMT-STATUS 23"; /* MAX_LIMIT_REACHED */
        fw_fault(c, FW_FAULT_INTERNAL);
        return;
    }
    n->fleet->message_counter += 8;
    *e = (struct fw_enum){.id = (uint32_t)(n->fleet->message_counter | 1),
                          .cls = (uint16_t)k->cls,
                          .until = mono_add_ms(c->now, FW_ENUM_MS)};
    buf_puts(c->out, "<g:EnumerateResponse>");
    put_context(c, e->id);
    buf_puts(c->out, "</g:EnumerateResponse>");
}

static void op_pull(struct fw_call *c, const struct fw_class *k) {
    struct fw_enum *e = enum_of_request(c);
    if (!e)
        return;
    uint64_t max;
    if (!wsman_u64(c->rq, c->payload, "MaxElements", UINT32_MAX, &max))
        max = 1; /* WS-Enumeration: one when the client does not say */
    unsigned count = instances(k, c->node);
    enum wsman_class shown = k->shown_as ? k->shown_as : k->cls;
    bool more = count > e->index && count - e->index > max;
    buf_puts(c->out, "<g:PullResponse>");
    if (more)
        put_context(c, e->id);
    buf_puts(c->out, "<g:Items>");
    c->pfx = "h";
    for (; max > 0 && e->index < count; max--, e->index++) {
        c->index = e->index;
        put_instance(c, k, shown, shown == k->cls ? NULL : wsman_class_uri(shown));
    }
    buf_puts(c->out, "</g:Items>");
    if (!more) {
        buf_puts(c->out, "<g:EndOfSequence></g:EndOfSequence>");
        e->id = 0;
        enums_release(c->node);
    }
    buf_puts(c->out, "</g:PullResponse>");
}

static void op_release(struct fw_call *c, const struct fw_class *k) {
    struct fw_enum *e = enum_of_request(c);
    if (!e)
        return;
    e->id = 0;
    enums_release(c->node);
}

static void op_refused(struct fw_call *c, const struct fw_class *k) {
    fw_fault(c, FW_FAULT_ACTION);
}

static void (*const OPS[])(struct fw_call *, const struct fw_class *) = {
    [WSMAN_GET] = op_get,
    [WSMAN_PUT] = op_put,
    [WSMAN_CREATE] = op_create,
    [WSMAN_DELETE] = op_delete,
    [WSMAN_ENUMERATE] = op_enumerate,
    [WSMAN_PULL] = op_pull,
    [WSMAN_RELEASE] = op_release,
    [WSMAN_INVOKE] = op_invoke,
    [WSMAN_UNKNOWN_OP] = op_refused,
};

static bool allowed(const struct fw_call *c, const struct fw_class *k) {
    enum wsman_op op = c->rq->op;
    bool reads = op == WSMAN_GET || op == WSMAN_ENUMERATE || op == WSMAN_PULL || op == WSMAN_RELEASE;
    const struct prov *p = c->node->prov;
    unsigned may = c->who == FW_ADMIN ? FW_OS_ALL : k->os_admin;
    return (may & FW_OS_ALL) || ((may & FW_OS_READS) && reads) ||
           ((may & FW_OS_IN_SETUP) && p && p->state == 1);
}

int fw_answer(struct sim_node *n, const struct wsman_msg *rq, struct mono now, struct buf *out) {
    return fw_answer_as(n, FW_ADMIN, rq, now, out);
}

int fw_answer_as(struct sim_node *n, enum fw_user who, const struct wsman_msg *request, struct mono now,
                 struct buf *out) {
    struct wsman_msg rq = *request; /* a shallow copy: a fault may change one header */
    struct fw_call c = {.node = n, .rq = &rq, .who = who, .now = now, .out = out, .pfx = "g"};
    c.payload = wsman_payload(&rq);
    n->fleet->counters.requests++;
    if (sim_fault_on(&n->faults, SIM_FAULT_WRONG_RELATESTO))
        rq.message_id = SLICE_LIT("86868686");
    enum sim_step_fault_kind step = sim_step_fault_take(&n->faults.step, &rq);
    bool unanswered = step == SIM_STEP_DROP || step == SIM_STEP_MUTE;
    int unsaid = step == SIM_STEP_DROP ? FW_DROP : FW_MUTE;
    if (unanswered && !n->faults.step.after)
        return unsaid;
    if (step == SIM_STEP_WRONG)
        c.wrong = &n->faults.step;
    uint64_t counter = ++n->fleet->message_counter;
    assert(out->len == 0);
    wsman_put_response_open(out, &rq, counter);
    const struct fw_class *k = fw_class_find(n, rq.cls);
    if (!k)
        fw_fault(&c, FW_FAULT_DESTINATION);
    else if (!allowed(&c, k))
        fw_fault(&c, FW_FAULT_ACCESS);
    else if (c.wrong && rq.op != WSMAN_INVOKE)
        fw_fault(&c, FW_FAULT_INTERNAL);
    else if (!k->prov || fw_prov(&c))
        OPS[rq.op](&c, k);
    if (unanswered)
        return unsaid;
    if (step == SIM_STEP_GARBAGE) {
        buf_clear(out);
        buf_puts(out, "<a:Envelope\x01 this is no XML");
        return 200;
    }
    if (c.fault == FW_OK) {
        wsman_put_response_close(out);
        return 200;
    }
    n->fleet->counters.faults++;
    buf_clear(out);
    wsman_put_fault(out, &rq, FAULTS[c.fault].receiver, FAULTS[c.fault].subcode, FAULTS[c.fault].text,
                    c.detail, counter);
    return FAULTS[c.fault].status;
}
