/* SPDX-License-Identifier: Apache-2.0 */
/* filter: a recursive descent over tokens. Grammar:
 *   expression = factor {"AND" factor}      factor = term {"OR" term}
 *   term = ["NOT"] (comparison | "(" expression ")")
 *   comparison = path ("=" | "!=" | "<" | ">" | "<=" | ">=" | ":") value */
#include "server/filter.h"

#include "base/text.h"

#include <stdlib.h>

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_OP, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_BAD };
enum compare { CMP_EQ, CMP_NE, CMP_LT, CMP_GT, CMP_LE, CMP_GE, CMP_HAS };
enum node_kind { NODE_AND, NODE_OR, NODE_NOT, NODE_COMPARE };

struct filter {
    enum node_kind kind;
    struct filter *left, *right;
    const struct host_field *field;
    enum compare compare;
    bool any_before, any_after; /* '*' at the ends of a text */
    bool present;               /* `path:*` */
    struct slice text;
    int64_t number;
};

struct parser {
    struct arena *arena;
    struct slice whole, rest;
    enum token_kind kind; /* the token at hand */
    struct slice token;   /* as written */
    struct slice value;   /* of a string: without quotes and escapes */
    bool star_first, star_last;
    unsigned depth, terms;
    struct errinfo *ei;
};

static int fail(struct parser *p, const char *what) {
    char token[40];
    size_t at = (size_t)(p->token.p - p->whole.p) + 1;
    text_clean(token, sizeof token, p->kind == TOKEN_END ? SLICE_LIT("the end") : p->token);
    err_set(p->ei, ERR_INVALID, "filter", "the filter is wrong at position %zu (%s): %s", at, token, what);
    err_remedy(p->ei, "Write it like name=\"n1\" AND oob.link.state=\"up\".");
    return ERR_INVALID;
}

/* --- tokens --- */
#define WORD_CHARS TEXT_ALNUM "_.-+*/@"

static const struct {
    const char *text;
    enum compare compare;
} OPS[] = {{"!=", CMP_NE}, {"<=", CMP_LE}, {">=", CMP_GE}, {"=", CMP_EQ},
           {"<", CMP_LT},  {">", CMP_GT},  {":", CMP_HAS}};

/* The text of a word or string, with stars at its ends taken off. */
static void stars(struct parser *p) {
    p->star_first = p->value.n && p->value.p[0] == '*';
    if (p->star_first)
        p->value = slice_skip(p->value, 1);
    p->star_last = p->value.n && p->value.p[p->value.n - 1] == '*';
    if (p->star_last)
        p->value.n--;
}

/* A quoted text; a backslash takes the next character as it is (also a star). */
static void string(struct parser *p) {
    uint8_t quote = p->rest.p[0], *out = arena_alloc(p->arena, p->rest.n + 1);
    size_t i = 1, n = 0;
    bool escaped_last = false;
    p->star_first = p->star_last = false;
    for (; out && i < p->rest.n && p->rest.p[i] != quote; i++) {
        escaped_last = p->rest.p[i] == '\\' && i + 1 < p->rest.n;
        if (escaped_last)
            i++;
        else if (p->rest.p[i] == '*' && i == 1) {
            p->star_first = true;
            continue;
        }
        out[n++] = p->rest.p[i];
    }
    p->kind = out && i < p->rest.n ? TOKEN_STRING : TOKEN_BAD;
    if (n && out[n - 1] == '*' && !escaped_last) {
        p->star_last = true;
        n--;
    }
    p->value = slice_of(out, n);
    p->token = slice_head(p->rest, i + 1);
}

static void next(struct parser *p) {
    while (p->rest.n && strchr(" \t\r\n", p->rest.p[0]))
        p->rest = slice_skip(p->rest, 1);
    p->token = slice_head(p->rest, 1);
    p->kind = TOKEN_BAD;
    if (!p->rest.n) {
        p->kind = TOKEN_END;
        p->token = slice_of(p->rest.p, 0);
        return;
    }
    uint8_t c = p->rest.p[0];
    if (c == '(' || c == ')') {
        p->kind = c == '(' ? TOKEN_OPEN : TOKEN_CLOSE;
    } else if (c == '"' || c == '\'') {
        string(p);
    } else if (text_in_set(slice_of(&c, 1), WORD_CHARS, 1, 1)) {
        size_t n = 1;
        while (n < p->rest.n && text_in_set(slice_of(p->rest.p + n, 1), WORD_CHARS, 1, 1))
            n++;
        p->kind = TOKEN_WORD;
        p->token = p->value = slice_head(p->rest, n);
        stars(p);
    } else {
        for (size_t i = 0; i < sizeof OPS / sizeof *OPS && p->kind == TOKEN_BAD; i++)
            if (slice_is(slice_head(p->rest, strlen(OPS[i].text)), OPS[i].text)) {
                p->kind = TOKEN_OP;
                p->token = slice_head(p->rest, strlen(OPS[i].text));
            }
    }
    p->rest = slice_skip(p->rest, p->token.n);
}

static bool is_word(const struct parser *p, const char *word) {
    return p->kind == TOKEN_WORD && slice_is(p->token, word);
}

/* --- the tree --- */
static struct filter *node(struct parser *p, enum node_kind k, struct filter *left, struct filter *right) {
    struct filter *f = arena_alloc(p->arena, sizeof *f);
    if (f) {
        f->kind = k;
        f->left = left;
        f->right = right;
    }
    return f;
}

static int expression(struct parser *p, struct filter **out);

static int value_number(struct parser *p, struct filter *f) {
    char text[40], *end;
    if (p->star_first || p->star_last || !slice_to_str(p->value, text, sizeof text))
        return fail(p, "a number is needed here");
    f->number = strtoll(text, &end, 10);
    return *text && !*end ? 0 : fail(p, "a number is needed here");
}

static int value_time(struct parser *p, struct filter *f) {
    char text[40];
    struct wall t;
    if (p->star_first || p->star_last || !slice_to_str(p->value, text, sizeof text) || !wall_parse(text, &t))
        return fail(p, "a time such as \"2026-11-22T14:02:11Z\" is needed here");
    f->number = t.us;
    return 0;
}

static int value_text(struct parser *p, struct filter *f) {
    f->text = arena_slice(p->arena, p->value);
    f->any_before = p->star_first;
    f->any_after = p->star_last;
    if ((f->any_before || f->any_after) && f->compare != CMP_EQ && f->compare != CMP_NE &&
        f->compare != CMP_HAS)
        return fail(p, "* works with = and != only");
    return f->text.p ? 0 : ERR_NOMEM;
}

static int value(struct parser *p, struct filter *f) {
    if (p->kind != TOKEN_WORD && p->kind != TOKEN_STRING)
        return fail(p, p->kind == TOKEN_BAD ? "the closing quote is missing, or the character is not allowed"
                                            : "a value is needed here");
    bool star = (p->star_first || p->star_last) && !p->value.n;
    int err = 0;
    if (f->compare == CMP_HAS && star)
        f->present = true;
    else if (f->field->type == HOST_FIELD_NUMBER)
        err = value_number(p, f);
    else if (f->field->type == HOST_FIELD_TIME)
        err = value_time(p, f);
    else
        err = value_text(p, f);
    if (!err)
        next(p);
    return err;
}

static int comparison(struct parser *p, struct filter **out) {
    if (p->kind != TOKEN_WORD)
        return fail(p, "a field, NOT or ( is needed here");
    if (++p->terms > FILTER_TERMS_MAX)
        return fail(p, "there are more than 64 comparisons");
    struct filter *f = node(p, NODE_COMPARE, NULL, NULL);
    if (!f)
        return err_set(p->ei, ERR_NOMEM, "filter", "out of memory");
    f->field = host_field_find(p->token);
    if (!f->field)
        return fail(p, "no field of a host has this name");
    next(p);
    if (p->kind != TOKEN_OP)
        return fail(p, "one of = != < > <= >= : is needed here");
    for (size_t i = 0; i < sizeof OPS / sizeof *OPS; i++)
        if (slice_is(p->token, OPS[i].text))
            f->compare = OPS[i].compare;
    next(p);
    *out = f;
    return value(p, f);
}

static int term(struct parser *p, struct filter **out) {
    if (is_word(p, "NOT")) {
        struct filter *inner;
        next(p);
        if (++p->depth > FILTER_DEPTH_MAX)
            return fail(p, "it is nested too deeply");
        int err = term(p, &inner);
        p->depth--;
        if (err)
            return err;
        *out = node(p, NODE_NOT, inner, NULL);
        return *out ? 0 : ERR_NOMEM;
    }
    if (p->kind != TOKEN_OPEN)
        return comparison(p, out);
    if (++p->depth > FILTER_DEPTH_MAX)
        return fail(p, "it is nested too deeply");
    next(p);
    int err = expression(p, out);
    if (!err && p->kind != TOKEN_CLOSE)
        err = fail(p, "a ) is needed here");
    if (!err)
        next(p);
    p->depth--;
    return err;
}

/* parts joined by one word */
static int joined(struct parser *p, const char *word, enum node_kind kind,
                  int (*part)(struct parser *, struct filter **), struct filter **out) {
    int err = part(p, out);
    while (!err && is_word(p, word)) {
        struct filter *right;
        next(p);
        err = part(p, &right);
        if (!err && !(*out = node(p, kind, *out, right)))
            err = ERR_NOMEM;
    }
    return err;
}
static int factor(struct parser *p, struct filter **out) {
    return joined(p, "OR", NODE_OR, term, out);
}
static int expression(struct parser *p, struct filter **out) {
    return joined(p, "AND", NODE_AND, factor, out);
}

int filter_parse(struct arena *a, struct slice text, struct filter **out, struct errinfo *ei) {
    struct parser p = {.arena = a, .whole = text, .rest = text, .ei = ei};
    *out = NULL;
    if (!slice_trim(text).n)
        return 0;
    next(&p);
    int err = expression(&p, out);
    if (!err && p.kind != TOKEN_END)
        err = fail(&p, "AND, OR or the end is needed here");
    if (err)
        *out = NULL;
    return err;
}

/* --- matching --- */
static int order_of(struct slice a, struct slice b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static bool text_equals(const struct filter *f, struct slice s) {
    if (s.n < f->text.n)
        return false;
    if (f->any_before && f->any_after)
        return !f->text.n || memmem(s.p, s.n, f->text.p, f->text.n);
    if (f->any_before)
        return slice_eq(slice_skip(s, s.n - f->text.n), f->text);
    if (f->any_after)
        return slice_eq(slice_head(s, f->text.n), f->text);
    return slice_eq(s, f->text);
}

/* "has": the text holds it, in any case of letters. */
static bool text_has(const struct filter *f, struct slice s) {
    for (size_t i = 0; i + f->text.n <= s.n; i++)
        if (slice_ieq(slice_of(s.p + i, f->text.n), f->text))
            return true;
    return false;
}

static bool compare_one(const struct filter *f, const struct host_value *v) {
    bool is_text = f->field->type == HOST_FIELD_TEXT;
    if (f->present)
        return !is_text || v->text.n > 0;
    if (is_text && (f->compare == CMP_EQ || f->compare == CMP_NE))
        return text_equals(f, v->text);
    if (is_text && f->compare == CMP_HAS)
        return text_has(f, v->text);
    int c = is_text ? order_of(v->text, f->text) : (v->number > f->number) - (v->number < f->number);
    switch (f->compare) {
    case CMP_LT:
        return c < 0;
    case CMP_GT:
        return c > 0;
    case CMP_LE:
        return c <= 0;
    case CMP_GE:
        return c >= 0;
    default:
        return c == 0;
    }
}

static bool compare(const struct filter *f, struct host_view *v) {
    struct host_value one;
    bool any = false;
    for (unsigned i = 0; !any && f->field->get(v, i, &one); i++)
        any = compare_one(f, &one);
    return f->compare == CMP_NE ? !any : any;
}

bool filter_match(const struct filter *f, struct host_view *v) {
    if (!f)
        return true;
    switch (f->kind) {
    case NODE_AND:
        return filter_match(f->left, v) && filter_match(f->right, v);
    case NODE_OR:
        return filter_match(f->left, v) || filter_match(f->right, v);
    case NODE_NOT:
        return !filter_match(f->left, v);
    default:
        return compare(f, v);
    }
}

/* --- order --- */
int order_parse(struct slice text, struct order_key out[ORDER_MAX], struct errinfo *ei) {
    int n = 0;
    char clean[48];
    while (slice_trim(text).n) {
        struct slice one = slice_trim(slice_cut(&text, ','));
        struct slice path = slice_cut(&one, ' ');
        one = slice_trim(one);
        bool desc = slice_is(one, "desc");
        const struct host_field *f = host_field_find(path);
        text_clean(clean, sizeof clean, f ? one : path);
        if (!f)
            return err_set(ei, ERR_INVALID, "orderBy", "no field of a host has the name \"%s\"", clean);
        if (one.n && !desc && !slice_is(one, "asc"))
            return err_set(ei, ERR_INVALID, "orderBy", "\"%s\" is no order; write asc or desc", clean);
        if (n == ORDER_MAX)
            return err_set(ei, ERR_INVALID, "orderBy", "at most %d fields may order a list", ORDER_MAX);
        out[n++] = (struct order_key){f, desc};
    }
    return n;
}
