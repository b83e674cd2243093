/* SPDX-License-Identifier: Apache-2.0 */
/* The streaming parser: expat's events become a flat tree. All limits are enforced here. */
#include "proto/wsman.h"
#include "proto/wsman_int.h"

#include <assert.h>
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SEPARATOR = 1,      /* between URI and local name; a character that XML cannot carry at all */
    GATHER_BYTES = 1024 /* smallest piece for expat, see wsman_feed() */
};

/* A namespace declaration in scope; needed for the QNames in the text of fault codes. */
struct binding {
    struct slice prefix;
    enum wsman_ns ns;
};
/* An element that is not closed yet. */
struct open_element {
    uint32_t node, last_child;
    size_t text_mark; /* its text so far begins here in parser.text */
};

struct wsman_parser {
    XML_Parser xml;
    struct wsman_limits lim;
    struct wsman_msg *msg; /* being built; NULL between messages */
    uint32_t nodes_cap;
    struct open_element *open; /* depth_max of them */
    uint32_t depth;
    struct buf text; /* of the open elements, one behind the other */
    struct buf pending;
    struct binding *bindings;
    uint32_t nbindings, bindings_cap;
    uint32_t declared; /* namespace declarations of the element to come */
    uint64_t taken_bytes, parsed_bytes;
    bool xml_used; /* expat has seen bytes or was stopped: it must be reset before the next message */
    int err;
    char why[128];
};

static void fail(struct wsman_parser *p, int err, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void fail(struct wsman_parser *p, int err, const char *fmt, ...) {
    if (p->err)
        return;
    p->err = err;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->why, sizeof p->why, fmt, ap);
    va_end(ap);
    if (p->xml)
        XML_StopParser(p->xml, XML_FALSE);
    p->xml_used = true;
}

/* A growable array with room for one more item; NULL when out of memory. */
static void *grown(void *mem, uint32_t used, uint32_t *cap, size_t item) {
    if (used < *cap)
        return mem;
    uint32_t want = *cap ? *cap * 2 : 32;
    void *more = realloc(mem, want * item);
    if (more)
        *cap = want;
    return more;
}

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* --- expat's events; after a failure some may still come, and are ignored --- */

static void on_namespace(void *user, const char *prefix, const char *uri) {
    struct wsman_parser *p = user;
    if (p->err)
        return;
    if (++p->declared > p->lim.attributes_max) {
        fail(p, ERR_LIMIT, "more than %u attributes in one element", p->lim.attributes_max);
        return;
    }
    struct binding *all = grown(p->bindings, p->nbindings, &p->bindings_cap, sizeof *all);
    struct slice name = slice_str(prefix);
    if (all)
        p->bindings = all;
    if (name.n)
        name = arena_slice(&p->msg->arena, name);
    if (!all || (prefix && *prefix && !name.p)) {
        fail(p, ERR_NOMEM, "out of memory");
        return;
    }
    p->bindings[p->nbindings++] = (struct binding){name, wsman_ns_of_uri(slice_str(uri), NULL)};
}

static void on_namespace_end(void *user, const char *prefix) {
    struct wsman_parser *p = user;
    if (p->nbindings)
        p->nbindings--; /* expat takes them back in reverse order */
}

/* The text of attribute Name, and the limits of all attributes. */
static struct slice read_attributes(struct wsman_parser *p, const char **attrs) {
    struct slice name = SLICE_EMPTY;
    uint32_t n = p->declared;
    p->declared = 0;
    for (; attrs[0]; attrs += 2) {
        struct slice value = slice_str(attrs[1]);
        if (++n > p->lim.attributes_max)
            fail(p, ERR_LIMIT, "more than %u attributes in one element", p->lim.attributes_max);
        else if (value.n > p->lim.text_max)
            fail(p, ERR_LIMIT, "an attribute of more than %u bytes", p->lim.text_max);
        else if (strcmp(attrs[0], "Name") == 0)
            name = value;
    }
    return name;
}

/* The element's place in the tree; NULL when a limit is hit. */
static struct wsman_node *add_node(struct wsman_parser *p) {
    struct wsman_msg *m = p->msg;
    if (p->depth == p->lim.depth_max)
        fail(p, ERR_LIMIT, "elements nested more than %u deep", p->lim.depth_max);
    else if (m->nnodes == p->lim.nodes_max)
        fail(p, ERR_LIMIT, "more than %u elements", p->lim.nodes_max);
    if (p->err)
        return NULL;
    struct wsman_node *all = grown(m->nodes, m->nnodes, &p->nodes_cap, sizeof *all);
    if (!all) {
        fail(p, ERR_NOMEM, "out of memory");
        return NULL;
    }
    m->nodes = all;
    uint32_t at = m->nnodes++;
    struct wsman_node *n = &all[at];
    *n = (struct wsman_node){0};
    if (p->depth) {
        struct open_element *up = &p->open[p->depth - 1];
        n->parent = up->node;
        if (up->last_child)
            all[up->last_child].next_sibling = at;
        else
            all[up->node].first_child = at;
        up->last_child = at;
    }
    p->open[p->depth++] = (struct open_element){.node = at, .text_mark = p->text.len};
    return n;
}

static void on_start(void *user, const char *name, const char **attrs) {
    struct wsman_parser *p = user;
    if (p->err)
        return;
    struct slice attr_name = read_attributes(p, attrs);
    struct wsman_node *n = p->err ? NULL : add_node(p);
    if (!n)
        return;
    struct slice local = slice_str(name);
    const uint8_t *cut = memchr(local.p, SEPARATOR, local.n);
    if (cut) {
        n->ns = wsman_ns_of_uri(slice_head(local, (size_t)(cut - local.p)), &n->cls);
        local = slice_skip(local, (size_t)(cut - local.p) + 1);
    }
    struct arena *a = &p->msg->arena;
    n->name = arena_slice(a, local);
    if (attr_name.n)
        n->attr_name = arena_slice(a, attr_name);
    if (!n->name.p || (attr_name.n && !n->attr_name.p)) {
        fail(p, ERR_NOMEM, "out of memory");
        return;
    }
    uint32_t at = p->msg->nnodes - 1;
    if (p->depth == 1 && !(n->ns == WSMAN_NS_SOAP && slice_is(local, "Envelope")))
        fail(p, ERR_SYNTAX, "the document is not a SOAP 1.2 envelope");
    if (p->depth == 2 && n->ns == WSMAN_NS_SOAP && slice_is(local, "Header") && !p->msg->header)
        p->msg->header = at;
    if (p->depth == 2 && n->ns == WSMAN_NS_SOAP && slice_is(local, "Body") && !p->msg->body)
        p->msg->body = at;
}

static void on_text(void *user, const char *s, int len) {
    struct wsman_parser *p = user;
    if (p->err || !p->depth || len <= 0)
        return;
    struct slice piece = slice_of(s, (size_t)len);
    size_t have = p->text.len - p->open[p->depth - 1].text_mark;
    if (have == 0) {
        /* the indentation between elements is not kept */
        while (piece.n && is_blank(*piece.p))
            piece = slice_skip(piece, 1);
    }
    if (piece.n > p->lim.text_max || have > p->lim.text_max - piece.n)
        fail(p, ERR_LIMIT, "a text of more than %u bytes", p->lim.text_max);
    else if (buf_put(&p->text, piece) != 0)
        fail(p, ERR_NOMEM, "out of memory");
}

/* The subcode's text is a QName: its prefix means what is in scope right here. */
static void read_subcode(struct wsman_parser *p, const struct wsman_node *n) {
    struct wsman_msg *m = p->msg;
    if (n->ns != WSMAN_NS_SOAP || m->fault_subcode.n || !slice_is(n->name, "Value") ||
        !slice_is(m->nodes[n->parent].name, "Subcode"))
        return;
    struct slice local = n->text, prefix = SLICE_EMPTY;
    if (local.n && memchr(local.p, ':', local.n)) {
        prefix = slice_cut(&local, ':');
    }
    m->fault_subcode = local;
    for (uint32_t i = p->nbindings; i > 0; i--)
        if (slice_eq(p->bindings[i - 1].prefix, prefix)) {
            m->fault_ns = p->bindings[i - 1].ns;
            return;
        }
}

static void on_end(void *user, const char *name) {
    struct wsman_parser *p = user;
    if (p->err || !p->depth)
        return;
    struct open_element *top = &p->open[--p->depth];
    struct wsman_node *n = &p->msg->nodes[top->node];
    struct slice text = slice_trim(slice_skip(buf_slice(&p->text), top->text_mark));
    if (text.n) {
        n->text = arena_slice(&p->msg->arena, text);
        if (!n->text.p)
            fail(p, ERR_NOMEM, "out of memory");
    }
    p->text.len = top->text_mark;
    read_subcode(p, n);
}

static void on_doctype(void *user, const char *name, const char *sys, const char *pub, int internal) {
    fail(user, ERR_SYNTAX, "DTD not allowed");
}

static void on_instruction(void *user, const char *target, const char *data) {
    fail(user, ERR_SYNTAX, "processing instruction not allowed");
}

/* --- the parser --- */

static int begin(struct wsman_parser *p) {
    if (p->msg)
        return 0;
    p->msg = calloc(1, sizeof *p->msg);
    if (!p->msg || (p->xml_used && !XML_ParserReset(p->xml, NULL))) {
        fail(p, ERR_NOMEM, "out of memory");
        return p->err;
    }
    p->xml_used = false;
    /* names, prefixes and texts together are never longer than the document */
    p->msg->arena.max_bytes = p->lim.bytes_max ? 2 * (size_t)p->lim.bytes_max : 1;
    p->nodes_cap = 0;
    p->taken_bytes = p->parsed_bytes = 0;
    XML_SetUserData(p->xml, p);
    XML_SetElementHandler(p->xml, on_start, on_end);
    XML_SetCharacterDataHandler(p->xml, on_text);
    XML_SetNamespaceDeclHandler(p->xml, on_namespace, on_namespace_end);
    XML_SetStartDoctypeDeclHandler(p->xml, on_doctype);
    XML_SetProcessingInstructionHandler(p->xml, on_instruction);
    return 0;
}

struct wsman_parser *wsman_parser_new(const struct wsman_limits *lim) {
    struct wsman_parser *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->lim = *lim;
    p->open = calloc(lim->depth_max ? lim->depth_max : 1u, sizeof *p->open);
    p->xml = XML_ParserCreateNS(NULL, SEPARATOR);
    if (!p->open || !p->xml)
        wsman_parser_free(&p);
    return p;
}

void wsman_parser_free(struct wsman_parser **pp) {
    struct wsman_parser *p = *pp;
    if (!p)
        return;
    wsman_msg_free(&p->msg);
    if (p->xml)
        XML_ParserFree(p->xml);
    free(p->open);
    free(p->bindings);
    buf_free(&p->text);
    buf_free(&p->pending);
    free(p);
    *pp = NULL;
}

void wsman_parser_reset(struct wsman_parser *p) {
    wsman_msg_free(&p->msg);
    p->depth = p->nbindings = p->declared = 0;
    p->err = 0;
    p->why[0] = 0;
    if (p->text.failed)
        buf_free(&p->text);
    buf_clear(&p->text);
    buf_free(&p->pending);
}

const char *wsman_parser_error(const struct wsman_parser *p) {
    return p->why;
}

static int parse(struct wsman_parser *p, struct slice s, bool last) {
    p->parsed_bytes += s.n;
    p->xml_used = true;
    enum XML_Status st = XML_Parse(p->xml, s.n ? (const char *)s.p : "", (int)s.n, last);
    if (st != XML_STATUS_OK && !p->err) {
        enum XML_Error e = XML_GetErrorCode(p->xml);
        fail(p, e == XML_ERROR_NO_MEMORY ? ERR_NOMEM : ERR_SYNTAX, "line %lu: %s",
             (unsigned long)XML_GetCurrentLineNumber(p->xml), XML_ErrorString(e));
    }
    return p->err;
}

/* expat scans an unfinished token anew with each piece, so a long token in one-byte pieces would cost its
 * length squared. Pieces are gathered until they are a fair part of what was parsed before. */
int wsman_feed(struct wsman_parser *p, struct slice piece) {
    if (p->err || begin(p) != 0)
        return p->err;
    /* some answers begin with a blank, which XML does not allow before its declaration */
    while (piece.n && p->taken_bytes == 0 && is_blank(*piece.p))
        piece = slice_skip(piece, 1);
    if (piece.n > p->lim.bytes_max - p->taken_bytes) {
        fail(p, ERR_LIMIT, "a message of more than %u bytes", p->lim.bytes_max);
        return p->err;
    }
    p->taken_bytes += piece.n;
    size_t least = p->parsed_bytes / 4 > GATHER_BYTES ? (size_t)(p->parsed_bytes / 4) : GATHER_BYTES;
    if (p->pending.len == 0 && piece.n >= least)
        return parse(p, piece, false);
    if (buf_put(&p->pending, piece) != 0) {
        fail(p, ERR_NOMEM, "out of memory");
        return p->err;
    }
    if (p->pending.len < least)
        return 0;
    int err = parse(p, buf_slice(&p->pending), false);
    buf_clear(&p->pending);
    return err;
}

int wsman_finish(struct wsman_parser *p, struct wsman_msg **out) {
    *out = NULL;
    if (p->err || begin(p) != 0)
        return p->err;
    int err = parse(p, buf_slice(&p->pending), true);
    if (err)
        return err;
    wsman_read_header(p->msg);
    *out = p->msg;
    p->msg = NULL;
    wsman_parser_reset(p);
    return 0;
}

void wsman_msg_free(struct wsman_msg **m) {
    if (!*m)
        return;
    arena_free(&(*m)->arena);
    free((*m)->nodes);
    free(*m);
    *m = NULL;
}
