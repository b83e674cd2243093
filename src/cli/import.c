/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/import.h"

#include "base/csv.h"
#include "base/text.h"
#include "cli/jget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *import_verdict_text(enum import_verdict v) {
    static const char *const TEXT[] = {
#define V(sym, word) [IMPORT_##sym] = word,
        IMPORT_VERDICT_TABLE(V)
#undef V
    };
    return TEXT[v];
}

void import_free(struct import_list *l) {
    if (l->v)
        explicit_bzero(l->v, l->cap * sizeof *l->v);
    free(l->v);
    *l = (struct import_list){0};
}

/* Growing leaves no copy of secrets behind. */
static int grow(struct import_list *l, struct errinfo *ei) {
    size_t cap = l->cap ? l->cap * 2 : 64;
    struct import_node *v = calloc(cap, sizeof *v);
    if (!v)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    if (l->n)
        memcpy(v, l->v, l->n * sizeof *v);
    size_t n = l->n;
    import_free(l);
    *l = (struct import_list){v, n, cap};
    return 0;
}

/* The node with this UUID, made when it was not met yet. NULL: ei says why. */
static struct import_node *node_of(struct import_list *l, struct uuid u, struct errinfo *ei) {
    for (size_t i = 0; i < l->n; i++)
        if (uuid_eq(l->v[i].uuid, u))
            return &l->v[i];
    if (l->n == IMPORT_NODES_MAX) {
        err_set(ei, ERR_LIMIT, "", "there are more than %d nodes", IMPORT_NODES_MAX);
        err_remedy(ei, "Import them in parts: CSV files of fewer lines.");
        return NULL;
    }
    if (l->n == l->cap && grow(l, ei) < 0)
        return NULL;
    l->v[l->n] = (struct import_node){.uuid = u};
    return &l->v[l->n++];
}

/* What does not fit is no value of that kind; it stays empty, and the verdict tells. */
static void take(char *to, size_t cap, struct slice v) {
    if (v.n && v.n < cap && text_is_utf8(v))
        slice_to_str(v, to, cap);
}
static void take_text(char *to, size_t cap, const char *v) {
    take(to, cap, slice_str(v));
}

/* --- the REST API --- */

int import_devices(struct import_list *l, const json_t *devices, struct errinfo *ei) {
    if (!json_is_array(devices))
        return err_set(ei, ERR_INVALID, "", "the MPS did not answer with a list of devices");
    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *d = json_array_get(devices, i);
        struct uuid u;
        if (!uuid_parse(slice_str(jget_str(d, "guid")), &u))
            return err_set(ei, ERR_INVALID, "guid", "device %zu of the MPS has no GUID", i + 1);
        struct import_node *n = node_of(l, u, ei);
        if (!n)
            return ei ? ei->code : ERR_NOMEM;
        take_text(n->host_name, sizeof n->host_name, jget_str(d, "hostname"));
        take_text(n->friendly_name, sizeof n->friendly_name, jget_str(d, "friendlyName"));
        take_text(n->cira_user, sizeof n->cira_user, jget_str(d, "mpsusername"));
        n->tags |= json_array_size(jget(d, "tags")) > 0;
    }
    return 0;
}

/* --- CSV --- */

static void put_tags(struct import_node *n, struct slice v) {
    n->tags |= v.n > 0 && !slice_is(v, "[]") && !slice_is(v, "{}");
}
#define TAKER(member)                                                                                        \
    static void put_##member(struct import_node *n, struct slice v) {                                        \
        take(n->member, sizeof n->member, v);                                                                \
    }
TAKER(host_name)
TAKER(friendly_name)
TAKER(cira_user)
TAKER(cira_password)
TAKER(amt_user)
TAKER(amt_password)
TAKER(mebx_password)
#undef TAKER
static const struct {
    const char *name;
    void (*put)(struct import_node *n, struct slice v); /* NULL: the GUID */
} columns[] = {
    {"guid", NULL},
    {"hostname", put_host_name},
    {"friendlyname", put_friendly_name},
    {"mpsusername", put_cira_user},
    {"mpspassword", put_cira_password},
    {"amtuser", put_amt_user},
    {"username", put_amt_user},
    {"amtpassword", put_amt_password},
    {"password", put_amt_password},
    {"mebxpassword", put_mebx_password},
    {"tags", put_tags},
};
enum { COLUMNS = sizeof columns / sizeof *columns, PLACES_MAX = 64, LINE_MAX_BYTES = 8192, OTHER = -1 };

struct sheet {
    int place[PLACES_MAX]; /* column of each place, OTHER */
    size_t nplaces;
    unsigned line;
    char text[LINE_MAX_BYTES];
    struct slice value[PLACES_MAX];
};

static int split(struct sheet *s, struct slice line, size_t *n, struct errinfo *ei) {
    struct csv_line l;
    const char *wrong = line.n >= sizeof s->text ? "the line is longer than 8191 bytes" : NULL;
    csv_begin(&l, line, s->text);
    for (*n = 0; !wrong && l.more; ++*n) {
        wrong = *n == PLACES_MAX ? "there are more than 64 values" : csv_next(&l, &s->value[*n]);
        if (wrong)
            break;
        s->value[*n] = slice_trim(s->value[*n]);
    }
    return wrong ? err_set(ei, ERR_SYNTAX, "", "line %u: %s", s->line, wrong) : 0;
}

static int take_header(struct sheet *s, struct slice line, struct errinfo *ei) {
    bool guid = false;
    int r = split(s, line, &s->nplaces, ei);
    for (size_t i = 0; r == 0 && i < s->nplaces; i++) {
        s->place[i] = OTHER;
        for (int c = 0; c < COLUMNS; c++)
            if (slice_ieq(s->value[i], slice_str(columns[c].name)))
                s->place[i] = c;
        guid |= s->place[i] == 0;
    }
    return r < 0 || guid ? r : err_set(ei, ERR_INVALID, "guid", "the header line has no column guid");
}

static int take_line(struct import_list *l, struct sheet *s, struct slice line, struct errinfo *ei) {
    struct uuid u = {{0}};
    size_t n;
    int r = split(s, line, &n, ei);
    if (r == 0 && n != s->nplaces)
        r = err_set(ei, ERR_SYNTAX, "", "line %u has %zu values, and the header names %zu columns", s->line,
                    n, s->nplaces);
    for (size_t i = 0; r == 0 && i < n; i++)
        if (s->place[i] == 0 && !uuid_parse(s->value[i], &u))
            r = err_set(ei, ERR_INVALID, "guid", "line %u: the guid is no UUID", s->line);
    struct import_node *node = r == 0 ? node_of(l, u, ei) : NULL;
    for (size_t i = 0; node && i < n; i++)
        if (s->place[i] > 0)
            columns[s->place[i]].put(node, s->value[i]);
    return r < 0 || node ? r : ei ? ei->code : ERR_NOMEM;
}

int import_csv(struct import_list *l, struct slice text, struct errinfo *ei) {
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    if (text.n >= sizeof mark && memcmp(text.p, mark, sizeof mark) == 0)
        text = slice_skip(text, sizeof mark);
    struct sheet *s = calloc(1, sizeof *s);
    int r = s ? 0 : err_set(ei, ERR_NOMEM, "", "out of memory");
    bool header = false;
    while (r == 0 && text.n) {
        struct slice line = slice_cut(&text, '\n');
        s->line++;
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (!slice_trim(line).n)
            continue;
        r = header ? take_line(l, s, line, ei) : take_header(s, line, ei);
        header = true;
    }
    if (r == 0 && !header)
        r = err_set(ei, ERR_SYNTAX, "", "the file is empty: it needs a header line that names the columns");
    if (s)
        explicit_bzero(s, sizeof *s);
    free(s);
    return r;
}

/* --- Vault --- */

enum { VAULT_DEPTH_MAX = 6 };

/* The UUID that the last part of a path is. */
static bool uuid_of_path(const char *path, struct uuid *u) {
    const char *last = strrchr(path, '/');
    return uuid_parse(slice_str(last ? last + 1 : path), u);
}

static int take_secrets(struct import_list *l, struct uuid u, const json_t *o, struct errinfo *ei) {
    struct import_node *n = node_of(l, u, ei);
    if (!n)
        return ei ? ei->code : ERR_NOMEM;
    take_text(n->cira_password, sizeof n->cira_password, jget_str(o, "MPS_PASSWORD"));
    take_text(n->amt_password, sizeof n->amt_password, jget_str(o, "AMT_PASSWORD"));
    take_text(n->mebx_password, sizeof n->mebx_password, jget_str(o, "MEBX_PASSWORD"));
    return 1;
}

static int walk(struct import_list *l, const json_t *o, const struct uuid *below, unsigned depth,
                struct errinfo *ei) {
    const char *key;
    json_t *child;
    int found = 0;
    if (!json_is_object(o) || depth > VAULT_DEPTH_MAX)
        return 0;
    if (below && (json_object_get(o, "AMT_PASSWORD") || json_object_get(o, "MPS_PASSWORD")))
        return take_secrets(l, *below, o, ei);
    json_object_foreach((json_t *)(uintptr_t)o, key, child) {
        struct uuid u;
        int r = walk(l, child, uuid_of_path(key, &u) ? &u : below, depth + 1, ei);
        if (r < 0)
            return r;
        found += r;
    }
    return found;
}

int import_vault(struct import_list *l, const json_t *vault, struct errinfo *ei) {
    int found = walk(l, vault, NULL, 0, ei);
    if (found == 0) {
        err_set(ei, ERR_INVALID, "", "no secrets of a device are in the file");
        err_remedy(ei,
                   "It should look like {\"devices/GUID\":{\"AMT_PASSWORD\":\"…\",\"MPS_PASSWORD\":\"…\"}}.");
        return ERR_INVALID;
    }
    return found;
}

/* --- judging --- */

static void note(struct import_node *n, const char *text) {
    size_t at = strlen(n->note);
    snprintf(n->note + at, sizeof n->note - at, "%s%s", at ? "; " : "", text);
}

static bool name_is_taken(const struct import_list *l, size_t before, const char *name) {
    for (size_t i = 0; i < before; i++)
        if (strcmp(l->v[i].name, name) == 0)
            return true;
    return false;
}

/* Host name, else the friendly one, else the GUID; with a piece of the GUID where the name is taken. */
static void give_name(const struct import_list *l, size_t i) {
    struct import_node *n = &l->v[i];
    char uuid[UUID_TEXT_CAP];
    const char *want = n->host_name[0] ? n->host_name : n->friendly_name;
    uuid_text(n->uuid, uuid);
    bool usable = want[0] && !strpbrk(want, "/\t\r\n") && !strchr("=+-@ ", want[0]);
    snprintf(n->name, sizeof n->name, "%s", usable ? want : uuid);
    if (name_is_taken(l, i, n->name))
        snprintf(n->name, sizeof n->name, "%.50s-%.8s", want, uuid);
}

static unsigned users_like(const struct import_list *l, const char *user) {
    unsigned count = 0;
    for (size_t i = 0; i < l->n; i++)
        count += strcmp(l->v[i].cira_user, user) == 0;
    return count;
}

static void judge_cira(const struct import_list *l, struct import_node *n) {
    n->verdict = IMPORT_IDENTITY;
    if (!n->cira_user[0]) {
        note(n, "no CIRA user is known");
    } else if (!n->cira_password[0]) {
        note(n, "no CIRA password: it does not come over REST, give --vault-json or --from-csv");
    } else if (strlen(n->cira_password) < 8) {
        note(n, "its CIRA password is shorter than 8 characters: set a longer one there first");
    } else if (uuid_is_placeholder(n->uuid) && users_like(l, n->cira_user) > 1) {
        n->verdict = IMPORT_NOT;
        note(n, "its UUID is the factory's and its CIRA user is shared: nothing tells it apart; give it a "
                "user of "
                "its own there first");
    } else {
        /* the other MPS tells nodes apart by UUID: so must we, also when only one of them comes now */
        n->shared = !uuid_is_placeholder(n->uuid);
        n->verdict = n->amt_password[0] ? IMPORT_WHOLE : IMPORT_NO_AMT;
    }
}

void import_judge(struct import_list *l) {
    for (size_t i = 0; i < l->n; i++) {
        struct import_node *n = &l->v[i];
        n->note[0] = 0;
        give_name(l, i);
        judge_cira(l, n);
        if (!n->amt_password[0] && n->verdict != IMPORT_NOT)
            note(n, "no AMT password: power and sessions want it");
        if (n->tags)
            note(n, "its tags stay behind: hosts have none");
    }
}

/* --- the server's CSV --- */

static void put_value(struct buf *b, const char *v, bool last) {
    buf_puts(b, "\"");
    for (; *v; v++)
        buf_puts(b, *v == '"' ? "\"\"" : (char[2]){*v, 0});
    buf_puts(b, last ? "\"\r\n" : "\",");
}

int import_put_csv(const struct import_list *l, struct buf *out) {
    buf_puts(out, "Name,AmtUUID,CiraUser,CiraPassword,CiraShared,AmtUser,AmtPassword,MebxPassword\r\n");
    for (size_t i = 0; i < l->n; i++) {
        const struct import_node *n = &l->v[i];
        char uuid[UUID_TEXT_CAP];
        if (n->verdict > IMPORT_NO_AMT)
            continue;
        put_value(out, n->name, false);
        put_value(out, uuid_text(n->uuid, uuid), false);
        put_value(out, n->cira_user, false);
        put_value(out, n->cira_password, false);
        put_value(out, n->shared ? "true" : "false", false);
        put_value(out, !n->amt_password[0] ? "" : n->amt_user[0] ? n->amt_user : "admin", false);
        put_value(out, n->amt_password, false);
        put_value(out, n->mebx_password, true);
    }
    return out->failed ? ERR_NOMEM : 0;
}
