/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope builders: requests as clients write them, responses and faults as firmware writes them. */
#include "proto/wsman.h"
#include "proto/wsman_int.h"

#include <inttypes.h>

static int result(const struct buf *out) {
    return out->failed ? ERR_NOMEM : 0;
}

static const char *entity(uint8_t c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\t':
        return "&#9;";
    case '\n':
        return "&#10;";
    case '\r':
        return "&#13;";
    default:
        return c < 0x20 ? "?" : NULL;
    }
}

int wsman_put_escaped(struct buf *out, struct slice text) {
    size_t plain = 0;
    for (size_t i = 0; i < text.n; i++) {
        const char *e = entity(text.p[i]);
        if (!e)
            continue;
        buf_put(out, slice_of(text.p + plain, i - plain));
        buf_puts(out, e);
        plain = i + 1;
    }
    return buf_put(out, slice_skip(text, plain));
}

static void put_tag(struct buf *out, const char *open, const char *prefix, const char *name) {
    buf_puts(out, open);
    if (prefix && *prefix) {
        buf_puts(out, prefix);
        buf_puts(out, ":");
    }
    buf_puts(out, name);
    buf_puts(out, ">");
}

int wsman_put_element(struct buf *out, const char *prefix, const char *name, struct slice text) {
    put_tag(out, "<", prefix, name);
    wsman_put_escaped(out, text);
    put_tag(out, "</", prefix, name);
    return result(out);
}

static void put_selectors(struct buf *out, const struct wsman_selector *s, struct slice more) {
    if ((!s || !s->name) && !more.n)
        return;
    buf_puts(out, "<w:SelectorSet>");
    for (; s && s->name; s++) {
        buf_puts(out, "<w:Selector Name=\"");
        wsman_put_escaped(out, slice_str(s->name));
        buf_puts(out, "\">");
        wsman_put_escaped(out, slice_str(s->value));
        buf_puts(out, "</w:Selector>");
    }
    buf_put(out, more);
    buf_puts(out, "</w:SelectorSet>");
}

int wsman_put_epr(struct buf *out, enum wsman_class cls, const struct wsman_selector *selectors) {
    buf_puts(out, "<a:Address>" URI_ANONYMOUS "</a:Address><a:ReferenceParameters><w:ResourceURI>");
    buf_puts(out, wsman_class_uri(cls));
    buf_puts(out, "</w:ResourceURI>");
    put_selectors(out, selectors, SLICE_EMPTY);
    buf_puts(out, "</a:ReferenceParameters>");
    return result(out);
}

int wsman_put_epr_selector(struct buf *out, const char *name, enum wsman_class cls,
                           const struct wsman_selector *selectors) {
    buf_putf(out, "<w:Selector Name=\"%s\"><a:EndpointReference>", name);
    wsman_put_epr(out, cls, selectors);
    return buf_puts(out, "</a:EndpointReference></w:Selector>");
}

/* --- requests --- */

static void put_action(struct buf *out, const struct wsman_request *rq) {
    static const char *const ACTIONS[] = {
#define O(name, space, uri, verb) [WSMAN_##name] = uri "/" verb,
        WSMAN_OP_TABLE(O)
#undef O
    };
    if (rq->op < WSMAN_INVOKE) {
        buf_puts(out, ACTIONS[rq->op]);
        return;
    }
    buf_puts(out, wsman_class_uri(rq->cls));
    buf_puts(out, "/");
    buf_puts(out, rq->method);
}

static void put_body(struct buf *out, const struct wsman_request *rq) {
    const char *name = rq->op == WSMAN_ENUMERATE ? "Enumerate" : rq->op == WSMAN_PULL ? "Pull" : "Release";
    if (rq->op != WSMAN_ENUMERATE && rq->op != WSMAN_PULL && rq->op != WSMAN_RELEASE) {
        buf_put(out, rq->body);
        return;
    }
    buf_puts(out, "<n:");
    buf_puts(out, name);
    buf_puts(out, " xmlns:n=\"" URI_ENUMERATION "\">");
    if (rq->op != WSMAN_ENUMERATE)
        wsman_put_element(out, "n", "EnumerationContext", rq->enum_context);
    if (rq->op == WSMAN_PULL)
        buf_puts(out, "<n:MaxElements>999</n:MaxElements><n:MaxCharacters>99999</n:MaxCharacters>");
    put_tag(out, "</", "n", name);
}

int wsman_put_request(struct buf *out, const struct wsman_request *rq, uint64_t message_id) {
    buf_puts(out, "<?xml version=\"1.0\" encoding=\"utf-8\"?><Envelope xmlns=\"" URI_SOAP
                  "\" xmlns:a=\"" URI_ADDRESSING "\" xmlns:w=\"" URI_WSMAN "\"><Header><a:Action>");
    put_action(out, rq);
    buf_puts(out, "</a:Action><a:To>/wsman</a:To><w:ResourceURI>");
    buf_puts(out, wsman_class_uri(rq->cls));
    buf_putf(out, "</w:ResourceURI><a:MessageID>%" PRIu64 "</a:MessageID>", message_id);
    buf_puts(out, "<a:ReplyTo><a:Address>" URI_ANONYMOUS "</a:Address></a:ReplyTo>"
                  "<w:OperationTimeout>PT60S</w:OperationTimeout>");
    put_selectors(out, rq->selectors, rq->epr_selectors);
    buf_puts(out, "</Header><Body>");
    put_body(out, rq);
    buf_puts(out, "</Body></Envelope>");
    return result(out);
}

/* --- responses --- */

/* Header lines that a response and a fault share. The action is escaped text. */
static void put_header(struct buf *out, const struct wsman_msg *rq, struct slice action, const char *suffix,
                       uint64_t message_counter) {
    buf_puts(out, "<a:Header><b:To>" URI_ANONYMOUS "</b:To>");
    if (rq)
        wsman_put_element(out, "b", "RelatesTo", rq->message_id);
    buf_puts(out, "<b:Action a:mustUnderstand=\"true\">");
    wsman_put_escaped(out, action);
    buf_puts(out, suffix);
    buf_putf(out, "</b:Action><b:MessageID>uuid:00000000-8086-8086-8086-%012" PRIX64 "</b:MessageID>",
             message_counter & 0xffffffffffffu);
}

static void put_namespace(struct buf *out, const char *prefix, struct slice uri) {
    buf_puts(out, " xmlns:");
    buf_puts(out, prefix);
    buf_puts(out, "=\"");
    wsman_put_escaped(out, uri);
    buf_puts(out, "\"");
}

int wsman_put_response_open(struct buf *out, const struct wsman_msg *rq, uint64_t message_counter) {
    buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a:Envelope xmlns:a=\"" URI_SOAP
                  "\" xmlns:b=\"" URI_ADDRESSING "\" xmlns:c=\"" URI_WSMAN "\" xmlns:d=\"" URI_TRUST
                  "\" xmlns:e=\"" URI_WSSE "\" xmlns:f=\"" URI_CIMBINDING "\"");
    bool enumeration = rq->op == WSMAN_ENUMERATE || rq->op == WSMAN_PULL || rq->op == WSMAN_RELEASE;
    if (enumeration)
        put_namespace(out, "g", SLICE_LIT(URI_ENUMERATION));
    else if (rq->op == WSMAN_CREATE)
        put_namespace(out, "g", SLICE_LIT(URI_TRANSFER));
    else if (rq->resource_uri.n)
        put_namespace(out, "g", rq->resource_uri);
    if (rq->op == WSMAN_PULL && rq->resource_uri.n)
        put_namespace(out, "h", rq->resource_uri);
    put_namespace(out, "xsi", SLICE_LIT(URI_XSI));
    buf_puts(out, ">");
    put_header(out, rq, rq->action, "Response", message_counter);
    wsman_put_element(out, "c", "ResourceURI", rq->resource_uri);
    buf_puts(out, "</a:Header><a:Body>");
    return result(out);
}

int wsman_put_response_close(struct buf *out) {
    return buf_puts(out, "</a:Body></a:Envelope>");
}

int wsman_put_fault(struct buf *out, const struct wsman_msg *rq, bool receiver, const char *subcode,
                    const char *text, const char *detail, uint64_t message_counter) {
    buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a:Envelope xmlns:a=\"" URI_SOAP
                  "\" xmlns:b=\"" URI_ADDRESSING "\" xmlns:c=\"" URI_ENUMERATION "\" xmlns:d=\"" URI_TRANSFER
                  "\" xmlns:e=\"" URI_WSMAN "\" xmlns:f=\"" URI_EVENTING "\" xmlns:g=\"" URI_CIMBINDING
                  "\" xmlns:h=\"" URI_TRUST "\" xmlns:i=\"" URI_WSSE "\">");
    bool addressing = subcode[0] == 'b' && subcode[1] == ':';
    put_header(out, rq, slice_str(addressing ? URI_ADDRESSING "/fault" : URI_WSMAN_FAULT), "",
               message_counter);
    buf_puts(out, "</a:Header><a:Body><a:Fault><a:Code>");
    wsman_put_element(out, "a", "Value", slice_str(receiver ? "a:Receiver" : "a:Sender"));
    buf_puts(out, "<a:Subcode>");
    wsman_put_element(out, "a", "Value", slice_str(subcode));
    buf_puts(out, "</a:Subcode></a:Code><a:Reason><a:Text xml:lang=\"en-US\">");
    wsman_put_escaped(out, slice_str(text));
    buf_puts(out, "</a:Text></a:Reason>");
    wsman_put_element(out, "a", "Detail", slice_str(detail));
    buf_puts(out, "</a:Fault></a:Body></a:Envelope>");
    return result(out);
}
