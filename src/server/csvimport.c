/* SPDX-License-Identifier: Apache-2.0 */
#include "server/csvimport.h"

#include "base/csv.h"
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum csv_column {
#define C(sym, ...) CSV_##sym,
    CSV_COLUMN_TABLE(C)
#undef C
        CSV_COLUMNS
};
enum {
    NO_COLUMN = -1,
    AMT_PASSWORD_MIN = 8,
    AMT_PASSWORD_MAX = 32,
    AMT_USER_MAX = 32,
    CIRA_PASSWORD_MIN = 8
};

struct column {
    const char *name;
    bool required, secret;
};

/* --- one value --- */
static bool printable_ascii(struct slice v) {
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] < 0x20 || v.p[i] > 0x7e)
            return false;
    return true;
}

static const char *take_name(struct host_new *h, struct slice v) {
    if (strchr("=+-@", v.p[0]))
        return "a name must not begin with = + - or @, which a spreadsheet takes for a formula";
    return slice_to_str(v, h->name, sizeof h->name) ? NULL : "a name has 1 to 63 bytes";
}
static const char *take_amt_uuid(struct host_new *h, struct slice v) {
    return uuid_parse(v, &h->amt_uuid) ? NULL : "a UUID looks like 55e3ae13-bfd2-61bb-17a0-88aedd7037ea";
}
static const char *take_smbios_uuid(struct host_new *h, struct slice v) {
    return uuid_parse(v, &h->smbios_uuid) ? NULL : "a UUID looks like 55e3ae13-bfd2-61bb-17a0-88aedd7037ea";
}
static const char *take_serial(struct host_new *h, struct slice v) {
    return slice_to_str(v, h->serial, sizeof h->serial) ? NULL : "a serial number has at most 63 bytes";
}
static const char *take_cira_user(struct host_new *h, struct slice v) {
    return printable_ascii(v) && slice_to_str(v, h->cira_user, sizeof h->cira_user)
               ? NULL
               : "a CIRA user has 1 to 64 printable ASCII characters";
}
static const char *take_cira_password(struct host_new *h, struct slice v) {
    return printable_ascii(v) && v.n >= CIRA_PASSWORD_MIN &&
                   slice_to_str(v, h->cira_password, sizeof h->cira_password)
               ? NULL
               : "a CIRA password has 8 to 71 printable ASCII characters";
}
static const char *take_amt_user(struct host_new *h, struct slice v) {
    return printable_ascii(v) && v.n <= AMT_USER_MAX && slice_to_str(v, h->amt_user, sizeof h->amt_user)
               ? NULL
               : "an AMT user has at most 32 printable ASCII characters";
}
static const char *take_amt_password(struct host_new *h, struct slice v) {
    return printable_ascii(v) && v.n >= AMT_PASSWORD_MIN && v.n <= AMT_PASSWORD_MAX &&
                   slice_to_str(v, h->amt_password, sizeof h->amt_password)
               ? NULL
               : "an AMT password has 8 to 32 printable ASCII characters";
}
static const char *take_desired(struct host_new *h, struct slice v) {
    enum power_state state;
    bool none = slice_ieq(v, slice_str(power_state_emf(POWER_UNKNOWN)));
    if (!none && (!power_state_parse(v, &state) || state == POWER_UNKNOWN))
        return "a desired power state is on, off, sleep or hibernate, POWER_STATE_ON and so on, or empty for "
               "none";
    h->desired = none ? POWER_UNKNOWN : state;
    return NULL;
}
static const char *take_control_mode(struct host_new *h, struct slice v) {
    static const struct {
        const char *text;
        enum amt_control_mode mode;
    } modes[] = {{"acm", AMT_MODE_ACM},
                 {"AMT_CONTROL_MODE_ACM", AMT_MODE_ACM},
                 {"ccm", AMT_MODE_CCM},
                 {"AMT_CONTROL_MODE_CCM", AMT_MODE_CCM},
                 {"AMT_CONTROL_MODE_UNSPECIFIED", AMT_MODE_UNKNOWN}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (slice_ieq(v, slice_str(modes[i].text))) {
            h->control_mode = modes[i].mode;
            return NULL;
        }
    return "a control mode is acm or ccm, AMT_CONTROL_MODE_ACM or AMT_CONTROL_MODE_CCM, or empty";
}

static const char *take_cira_shared(struct host_new *h, struct slice v) {
    h->cira_shared = slice_ieq(v, SLICE_LIT("true"));
    return h->cira_shared || slice_ieq(v, SLICE_LIT("false")) ? NULL : "it is true or false";
}
static const char *take_mebx_password(struct host_new *h, struct slice v) {
    return printable_ascii(v) && v.n >= AMT_PASSWORD_MIN && v.n <= AMT_PASSWORD_MAX &&
                   slice_to_str(v, h->mebx_password, sizeof h->mebx_password)
               ? NULL
               : "a MEBx password has 8 to 32 printable ASCII characters";
}

static const struct column columns[CSV_COLUMNS] = {
#define C(sym, text, req, sec) [CSV_##sym] = {.name = text, .required = req, .secret = sec},
    CSV_COLUMN_TABLE(C)
#undef C
};
/* NULL, or the rule that v breaks. v is not empty. */
static const char *(*const takers[CSV_COLUMNS])(struct host_new *h, struct slice v) = {
    [CSV_NAME] = take_name,
    [CSV_AMT_UUID] = take_amt_uuid,
    [CSV_SMBIOS_UUID] = take_smbios_uuid,
    [CSV_SERIAL] = take_serial,
    [CSV_CIRA_USER] = take_cira_user,
    [CSV_CIRA_PASSWORD] = take_cira_password,
    [CSV_AMT_USER] = take_amt_user,
    [CSV_AMT_PASSWORD] = take_amt_password,
    [CSV_DESIRED] = take_desired,
    [CSV_CONTROL_MODE] = take_control_mode,
    [CSV_CIRA_SHARED] = take_cira_shared,
    [CSV_MEBX_PASSWORD] = take_mebx_password,
};

/* --- the parser --- */
struct parser {
    struct slice rest;
    unsigned line;
    struct csv_hosts *out;
    size_t cap;
    int place[CSV_COLUMNS]; /* column of each place in the line */
    unsigned nplaces;
    struct slice values[CSV_COLUMNS];
    char text[CSV_LINE_MAX]; /* the line with its quotes taken off */
    struct map names, users;
    struct map_node *nodes; /* two a row */
    struct errinfo *ei;
};

static int bad(struct parser *p, int code, int column, const char *what) {
    const char *name = column == NO_COLUMN ? "" : columns[column].name;
    return err_set(p->ei, code, name, "line %u%s%s: %s", p->line, *name ? ", column " : "", name, what);
}

/* The next line without its end. False at the end of the file. */
static bool next_line(struct parser *p, struct slice *line) {
    if (!p->rest.n)
        return false;
    *line = slice_cut(&p->rest, '\n');
    if (line->n && line->p[line->n - 1] == '\r')
        line->n--;
    p->line++;
    return true;
}

static int check_line(struct parser *p, struct slice line) {
    if (line.n >= CSV_LINE_MAX)
        return bad(p, ERR_LIMIT, NO_COLUMN, "the line is longer than 4095 bytes");
    if (!text_is_wellformed(line))
        return bad(p, ERR_SYNTAX, NO_COLUMN, "the line is not UTF-8 text");
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] < 0x20 || line.p[i] == 0x7f)
            return bad(p, ERR_SYNTAX, NO_COLUMN, "the line has a control character");
    return 0;
}

/* Split the line into p->values. How many, or an error. */
static int split(struct parser *p, struct slice line) {
    struct csv_line l;
    int n = 0;
    csv_begin(&l, line, p->text);
    for (; l.more; n++) {
        if (n == CSV_COLUMNS)
            return bad(p, ERR_SYNTAX, NO_COLUMN, "there are more values than columns");
        const char *wrong = csv_next(&l, &p->values[n]);
        if (wrong)
            return bad(p, ERR_SYNTAX, NO_COLUMN, wrong);
    }
    return n;
}

/* --- header --- */
static int find_column(struct slice name) {
    for (int c = 0; c < CSV_COLUMNS; c++)
        if (slice_ieq(slice_trim(name), slice_str(columns[c].name)))
            return c;
    return NO_COLUMN;
}

static void say_columns(struct errinfo *ei) {
    struct buf all = {0};
    for (int c = 0; c < CSV_COLUMNS; c++)
        buf_putf(&all, "%s%s", c ? "," : "", columns[c].name);
    err_remedy(ei, "the columns are %s; %s", buf_cstr(&all), "Name, CiraUser and CiraPassword are required");
    buf_free(&all);
}

static int check_required(struct parser *p, const bool *seen) {
    struct buf missing = {0};
    for (int c = 0; c < CSV_COLUMNS; c++)
        if (columns[c].required && !seen[c])
            buf_putf(&missing, "%s%s", missing.len ? ", " : "", columns[c].name);
    int err = missing.failed ? err_set(p->ei, ERR_NOMEM, "", "out of memory") : 0;
    if (!err && missing.len) {
        err = err_set(p->ei, ERR_INVALID, buf_cstr(&missing), "line %u: the header lacks %s", p->line,
                      buf_cstr(&missing));
        say_columns(p->ei);
    }
    buf_free(&missing);
    return err;
}

static int read_header(struct parser *p) {
    struct slice line;
    bool seen[CSV_COLUMNS] = {false};
    if (!next_line(p, &line))
        return err_set(p->ei, ERR_SYNTAX, "",
                       "the file is empty: it needs a header line that names the columns");
    int n = check_line(p, line);
    n = n ? n : split(p, line);
    if (n < 0) {
        say_columns(p->ei);
        return n;
    }
    for (int i = 0; i < n; i++) {
        char shown[48];
        int c = find_column(p->values[i]);
        text_clean(shown, sizeof shown, p->values[i]);
        if (c == NO_COLUMN) {
            err_set(p->ei, ERR_INVALID, shown, "line %u: there is no column \"%s\"", p->line, shown);
            say_columns(p->ei);
            return ERR_INVALID;
        }
        if (seen[c])
            return bad(p, ERR_INVALID, c, "the column is there twice");
        seen[c] = true;
        p->place[i] = c;
    }
    p->nplaces = (unsigned)n;
    return check_required(p, seen);
}

/* --- rows --- */
static int take_value(struct parser *p, struct host_new *h, int c, struct slice v) {
    char shown[64], what[320];
    if (!v.n)
        return columns[c].required ? bad(p, ERR_INVALID, c, "the value is missing") : 0;
    if (v.p[0] == ' ' || v.p[v.n - 1] == ' ')
        return bad(p, ERR_INVALID, c, "the value begins or ends with a blank");
    const char *rule = takers[c](h, v);
    if (!rule)
        return 0;
    if (columns[c].secret)
        return bad(p, ERR_INVALID, c, rule);
    snprintf(what, sizeof what, "\"%s\" is not accepted: %s", text_clean(shown, sizeof shown, v), rule);
    return bad(p, ERR_INVALID, c, what);
}

/* A name or user that an earlier line has. */
static int check_new(struct parser *p, struct map *m, struct map_node *node, const char *value, int c) {
    char what[160];
    int err = map_put(m, node, slice_str(value));
    if (err != ERR_EXISTS)
        return err ? bad(p, err, NO_COLUMN, "out of memory") : 0;
    const struct map_node *first = map_get(m, slice_str(value));
    size_t row = (size_t)(first - p->nodes) / 2;
    snprintf(what, sizeof what, "\"%s\" is on line %u already", value, p->out->lines[row]);
    return bad(p, ERR_EXISTS, c, what);
}

static int take_row(struct parser *p, struct slice line) {
    size_t i = p->out->n;
    struct host_new *h = &p->out->rows[i];
    assert(i < p->cap);
    int n = split(p, line);
    if (n < 0)
        return n;
    if ((unsigned)n != p->nplaces) {
        char what[96];
        snprintf(what, sizeof what, "the line has %d values, and the header names %u columns", n, p->nplaces);
        return bad(p, ERR_SYNTAX, NO_COLUMN, what);
    }
    p->out->n++; /* from here on csvimport_free() wipes it */
    p->out->lines[i] = p->line;
    for (int v = 0; v < n; v++) {
        int err = take_value(p, h, p->place[v], p->values[v]);
        if (err)
            return err;
    }
    if (*h->amt_user && !*h->amt_password)
        return bad(p, ERR_INVALID, CSV_AMT_PASSWORD, "there is an AmtUser, and its password is missing");
    if (*h->amt_password && !*h->amt_user)
        slice_to_str(SLICE_LIT("admin"), h->amt_user, sizeof h->amt_user);
    int err = check_new(p, &p->names, &p->nodes[2 * i], h->name, CSV_NAME);
    if (err || h->cira_shared) /* who shares it is told apart by the directory */
        return err;
    return check_new(p, &p->users, &p->nodes[2 * i + 1], h->cira_user, CSV_CIRA_USER);
}

/* Memory for all rows at once: growing would leave copies of secrets behind. */
static int make_room(struct parser *p) {
    for (struct slice rest = p->rest; rest.n;)
        p->cap += slice_trim(slice_cut(&rest, '\n')).n > 0;
    p->line = 0; /* what follows is about the whole file */
    if (p->cap > CSV_ROWS_MAX) {
        err_set(p->ei, ERR_LIMIT, "", "the file has %zu rows; %d are taken at once", p->cap, CSV_ROWS_MAX);
        err_remedy(p->ei, "split the file");
        return ERR_LIMIT;
    }
    if (p->cap == 0)
        return err_set(p->ei, ERR_SYNTAX, "", "the file has a header line and no row");
    p->out->rows = calloc(p->cap, sizeof *p->out->rows);
    p->out->lines = calloc(p->cap, sizeof *p->out->lines);
    p->nodes = calloc(p->cap * 2, sizeof *p->nodes);
    return p->out->rows && p->out->lines && p->nodes ? 0 : err_set(p->ei, ERR_NOMEM, "", "out of memory");
}

static int read_rows(struct parser *p) {
    struct slice line;
    unsigned header = p->line;
    int err = make_room(p);
    if (!err)
        p->line = header;
    while (!err && next_line(p, &line)) {
        if (!slice_trim(line).n)
            continue;
        err = check_line(p, line);
        err = err ? err : take_row(p, line);
    }
    return err;
}

int csvimport_parse(struct slice text, uint64_t seed, struct csv_hosts *out, struct errinfo *ei,
                    unsigned *bad_line) {
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    struct parser p = {.rest = text, .out = out, .names.seed = seed, .users.seed = seed, .ei = ei};
    *out = (struct csv_hosts){0};
    if (text.n >= sizeof mark && memcmp(text.p, mark, sizeof mark) == 0)
        p.rest = slice_skip(text, sizeof mark);
    int err = read_header(&p);
    err = err ? err : read_rows(&p);
    if (bad_line)
        *bad_line = err ? p.line : 0;
    map_free(&p.names);
    map_free(&p.users);
    free(p.nodes);
    explicit_bzero(p.text, sizeof p.text);
    if (err)
        csvimport_free(out);
    return err;
}

void csvimport_free(struct csv_hosts *h) {
    if (h->rows)
        explicit_bzero(h->rows, h->n * sizeof *h->rows);
    free(h->rows);
    free(h->lines);
    *h = (struct csv_hosts){0};
}
