/* SPDX-License-Identifier: Apache-2.0 */
/* Reading settings: values, then their sources. */
#include "server/settings_impl.h"

#include "base/text.h"
#include "net/address.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 1 << 20 };

/* --- values --- */
static struct slice take_digits(struct slice *v) {
    size_t n = 0;
    while (n < v->n && v->p[n] >= '0' && v->p[n] <= '9')
        n++;
    struct slice digits = slice_head(*v, n);
    *v = slice_trim(slice_skip(*v, n));
    return digits;
}

/* A number and a unit of the table; without a unit it is the one at index plain. */
static bool in_units(struct slice v, const struct setting_unit *u, size_t n, size_t plain, uint64_t *out) {
    uint64_t number;
    if (!slice_to_u64(take_digits(&v), UINT64_MAX >> 30, &number))
        return false;
    for (size_t i = 0; i < n; i++)
        if (slice_ieq(v, slice_str(u[i].text)) || (i == plain && v.n == 0)) {
            if (number > (UINT64_MAX >> 1) / u[i].factor)
                return false;
            *out = number * u[i].factor;
            return true;
        }
    return false;
}

static bool parse_duration(struct slice v, uint64_t *ms) {
    static const struct setting_unit units[] = {{"s", 1000},    {"ms", 1},      {"m", 60000},
                                                {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    return in_units(v, units, sizeof units / sizeof *units, 0, ms);
}

static bool parse_size(struct slice v, uint64_t *bytes) {
    static const struct setting_unit units[] = {{"B", 1},        {"K", 1 << 10},   {"KiB", 1 << 10},
                                                {"M", 1 << 20},  {"MiB", 1 << 20}, {"G", 1 << 30},
                                                {"GiB", 1 << 30}};
    return in_units(v, units, sizeof units / sizeof *units, 0, bytes);
}

static bool parse_bool(struct slice v, bool *out) {
    static const struct {
        const char *text;
        bool value;
    } words[] = {{"true", true},   {"yes", true}, {"on", true},   {"1", true},
                 {"false", false}, {"no", false}, {"off", false}, {"0", false}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (slice_ieq(v, slice_str(words[i].text))) {
            *out = words[i].value;
            return true;
        }
    return false;
}

static bool parse_choice(struct slice v, const char *words, uint32_t *out) {
    struct slice rest = slice_str(words);
    for (*out = 0; rest.n; ++*out)
        if (slice_ieq(slice_cut(&rest, '|'), v))
            return true;
    return false;
}

/* Whether the host exists shows when it is bound. */
static bool is_address(struct slice v) {
    char text[SETTING_TEXT_CAP];
    struct address a;
    return slice_to_str(v, text, sizeof text) && address_parse(text, &a, NULL) == 0;
}

static bool parse_text(const struct setting_row *r, struct slice v, char *out) {
    if (v.n >= SETTING_TEXT_CAP || !text_is_utf8(v))
        return false;
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] < 0x20 || v.p[i] == 0x7f)
            return false;
    if (r->type == SETTING_ADDRESS && !(v.n == 0 && !*r->def) && !is_address(v))
        return false;
    return slice_to_str(v, out, SETTING_TEXT_CAP);
}

static bool in_range(const struct setting_row *r, uint64_t v) {
    uint64_t lo = (uint64_t)r->min, hi = (uint64_t)r->max;
    if (r->type == SETTING_DURATION) {
        bool ok = parse_duration(slice_str(r->least), &lo) && parse_duration(slice_str(r->most), &hi);
        assert(ok && hi <= UINT32_MAX);
    }
    return v >= lo && v <= hi;
}

/* False, and s as it was, when v is not accepted. */
static bool set_value(struct settings *s, const struct setting_row *r, struct slice v) {
    void *p = (char *)s + r->off;
    uint64_t u64 = 0;
    uint32_t u32;
    bool flag;
    switch (r->type) {
    case SETTING_DURATION:
    case SETTING_NUMBER:
        if (!(r->type == SETTING_DURATION ? parse_duration(v, &u64) : slice_to_u64(v, UINT32_MAX, &u64)) ||
            !in_range(r, u64))
            return false;
        u32 = (uint32_t)u64;
        memcpy(p, &u32, sizeof u32);
        return true;
    case SETTING_SIZE:
        if (!parse_size(v, &u64) || !in_range(r, u64))
            return false;
        memcpy(p, &u64, sizeof u64);
        return true;
    case SETTING_BOOL:
        if (!parse_bool(v, &flag))
            return false;
        *(bool *)p = flag;
        return true;
    case SETTING_CHOICE:
        if (!parse_choice(v, r->words, &u32))
            return false;
        memcpy(p, &u32, sizeof u32);
        return true;
    case SETTING_TEXT:
    case SETTING_ADDRESS:
        return parse_text(r, v, p);
    }
    return false;
}

void settings_defaults(struct settings *s) {
    *s = (struct settings){0};
    for (enum setting k = 0; k < SETTING_COUNT; k++) {
        bool ok = set_value(s, &settings_rows[k], slice_str(settings_rows[k].def));
        assert(ok);
    }
}

/* where: "", or the beginning of the message with file and line. */
static int set_named(struct settings *s, struct slice name, struct slice value, const char *where, int *which,
                     struct errinfo *ei) {
    char shown[64], bad[64];
    struct buf accepted = {0};
    text_clean(shown, sizeof shown, name);
    *which = setting_find(name);
    if (*which < 0) {
        err_set(ei, ERR_NOT_FOUND, shown, "%sthere is no setting %s", where, shown);
        err_remedy(ei, "`outbandd config` prints all settings");
        return ERR_NOT_FOUND;
    }
    const struct setting_row *r = &settings_rows[*which];
    if (set_value(s, r, slice_trim(value)))
        return 0;
    setting_put_accepted(r, &accepted);
    err_set(ei, ERR_INVALID, shown, "%s%s = \"%s\" is not accepted; accepted is %s", where, shown,
            text_clean(bad, sizeof bad, value), buf_cstr(&accepted));
    if (r->type == SETTING_DURATION)
        err_remedy(ei, "write a duration as 500ms, 10s, 2m, 1h or 1d; a plain number is seconds");
    if (r->type == SETTING_SIZE)
        err_remedy(ei, "write a size as 512, 64KiB, 16MiB or 1GiB");
    buf_free(&accepted);
    return ERR_INVALID;
}

int settings_set(struct settings *s, const char *name, const char *value, enum setting_origin from,
                 struct errinfo *ei) {
    int k, err = set_named(s, slice_str(name), slice_str(value), "", &k, ei);
    if (!err) {
        s->origin[k].from = from;
        s->origin[k].line = 0;
    }
    return err;
}

/* --- INI --- */
struct ini_read {
    struct settings *s;
    const char *path;
    struct slice rest; /* lines not yet read */
    unsigned line;     /* the last one read */
    bool seen[SETTING_COUNT];
    struct errinfo *ei;
    int err;
};

/* inih's own errors carry a line, its handler does not: so the lines are counted where they are handed out.
 */
static char *next_line(char *out, int cap, void *arg) {
    struct ini_read *r = arg;
    if (r->err || !r->rest.n)
        return NULL;
    struct slice line = slice_cut(&r->rest, '\n');
    r->line++;
    if (line.n + 1 >= (size_t)cap) {
        r->err = err_set(r->ei, ERR_LIMIT, "", "%s line %u is longer than %d characters", r->path, r->line,
                         cap - 2);
        return NULL;
    }
    slice_to_str(line, out, (size_t)cap);
    return out;
}

static int take_pair(void *arg, const char *section, const char *name, const char *value) {
    struct ini_read *r = arg;
    char full[160], where[SETTING_TEXT_CAP + 32];
    int k;
    if (r->err)
        return 0;
    snprintf(full, sizeof full, "%s%s%s", section, *section ? "." : "", name);
    snprintf(where, sizeof where, "%s line %u: ", r->path, r->line);
    r->err = set_named(r->s, slice_str(full), slice_str(value ? value : ""), where, &k, r->ei);
    if (!r->err && r->seen[k])
        r->err = err_set(r->ei, ERR_EXISTS, full, "%s%s is given a second time in this file", where, full);
    if (r->err)
        return 0;
    r->seen[k] = true;
    r->s->origin[k].from = ORIGIN_FILE;
    r->s->origin[k].line = r->line;
    return 1;
}

int settings_read_ini(struct settings *s, const char *path, struct slice text, struct errinfo *ei) {
    struct settings next = *s;
    struct ini_read r = {.s = &next, .path = path, .rest = text, .ei = ei};
    if (text.n > FILE_MAX)
        return err_set(ei, ERR_LIMIT, "", "%s is longer than 1 MiB", path);
    if (!text_is_utf8(text))
        return err_set(ei, ERR_SYNTAX, "", "%s is not UTF-8 text", path);
    int line = ini_parse_stream((ini_reader)next_line, &r, take_pair, &r);
    if (!r.err && line > 0) {
        r.err = err_set(ei, ERR_SYNTAX, "", "%s line %d is neither \"[section]\" nor \"name = value\"", path,
                        line);
        err_remedy(ei, "a comment begins with # or ;");
    }
    if (!r.err && line < 0)
        r.err = err_set(ei, ERR_NOMEM, "", "%s could not be read: out of memory", path);
    if (r.err)
        return r.err;
    snprintf(next.file, sizeof next.file, "%s", path);
    *s = next;
    return 0;
}

int settings_read_file(struct settings *s, const char *path, struct errinfo *ei) {
    struct buf text = {0};
    FILE *f = fopen(path, "rbe");
    if (!f)
        return err_set(ei, ERR_IO, "", "could not read %s: %s", path, strerror(errno));
    int err = 0;
    while (!err && !feof(f) && text.len <= FILE_MAX) {
        uint8_t *room = buf_room(&text, 4096);
        if (!room)
            err = err_set(ei, ERR_NOMEM, "", "%s could not be read: out of memory", path);
        else
            buf_commit(&text, fread(room, 1, 4096, f));
        if (!err && ferror(f))
            err = err_set(ei, ERR_IO, "", "could not read %s: %s", path, strerror(errno));
    }
    fclose(f);
    err = err ? err : settings_read_ini(s, path, buf_slice(&text), ei);
    buf_free(&text);
    return err;
}

/* --- environment --- */
/* "POWER_POLL_INTERVAL" is the environment's way to say "power.poll_interval". */
static bool env_is(struct slice var, const char *name) {
    if (var.n != strlen(name))
        return false;
    for (size_t i = 0; i < var.n; i++)
        if (var.p[i] != (name[i] == '.' ? '_' : toupper((unsigned char)name[i])))
            return false;
    return true;
}

/* Does it begin like a setting: POWER_…? */
static bool env_section(struct slice var) {
    for (enum setting k = 0; k < SETTING_COUNT; k++) {
        const char *dot = strchr(settings_rows[k].name, '.');
        size_t n = dot ? (size_t)(dot - settings_rows[k].name) : 0;
        if (n && var.n > n && var.p[n] == '_' &&
            slice_ieq(slice_head(var, n), slice_of(settings_rows[k].name, n)))
            return true;
    }
    return false;
}

static int read_variable(struct settings *s, struct slice var, struct slice value, struct errinfo *ei) {
    char shown[64], where[96];
    int k = 0;
    while (k < SETTING_COUNT && !env_is(var, settings_rows[k].name))
        k++;
    text_clean(shown, sizeof shown, var);
    if (k == SETTING_COUNT) {
        if (!env_section(var))
            return 0; /* not ours */
        err_set(ei, ERR_NOT_FOUND, shown, "environment: there is no setting for OUTBAND_%s", shown);
        err_remedy(ei, "`outbandd config` prints all settings");
        return ERR_NOT_FOUND;
    }
    snprintf(where, sizeof where, "environment OUTBAND_%s: ", shown);
    int err = set_named(s, slice_str(settings_rows[k].name), value, where, &k, ei);
    if (!err)
        s->origin[k].from = ORIGIN_ENVIRONMENT;
    return err;
}

int settings_read_env(struct settings *s, char *const *env, struct errinfo *ei) {
    static const char prefix[] = "OUTBAND_";
    int err = 0;
    for (; *env && !err; env++) {
        struct slice value = slice_str(*env), name = slice_cut(&value, '=');
        if (name.n > sizeof prefix - 1 && memcmp(name.p, prefix, sizeof prefix - 1) == 0)
            err = read_variable(s, slice_skip(name, sizeof prefix - 1), value, ei);
    }
    return err;
}

/* --- whole --- */
int settings_public_address(const struct settings *s, char host[PUBLIC_HOST_CAP], uint16_t *port,
                            struct errinfo *ei) {
    const char *text = s->cira_public_address;
    struct address a;
    *host = 0;
    *port = 0;
    if (!*text)
        return 0;
    bool bare = address_is_ip(text) || !strchr(text, ':');
    if (!bare &&
        (address_parse(text, &a, NULL) || a.kind == ADDRESS_UNIX || a.kind == ADDRESS_ANY || !a.port))
        goto bad;
    if (!slice_to_str(slice_str(bare ? text : a.host), host, PUBLIC_HOST_CAP))
        goto bad;
    if (!address_is_ip(host) && !text_in_set(slice_str(host), TEXT_ALNUM "-.", 1, PUBLIC_HOST_CAP - 1))
        goto bad;
    *port = bare ? 0 : a.port;
    return 0;
bad:
    *host = 0;
    err_set(ei, ERR_INVALID, "cira.public_address", "cira.public_address: \"%s\" is not HOST or HOST:PORT",
            text);
    err_remedy(
        ei, "Use a name or address that nodes can dial, such as outband.example:4433 or [2001:db8::1]:4433");
    return ERR_INVALID;
}

int settings_check(const struct settings *s, struct errinfo *ei) {
    char host[PUBLIC_HOST_CAP];
    uint16_t port;
    int r = settings_public_address(s, host, &port, ei);
    if (r)
        return r;
    if (s->power_fresh_ms <= s->power_poll_interval_ms || s->power_fresh_ms <= s->power_poll_doubt_ms)
        return err_set(ei, ERR_INVALID, "power.fresh",
                       "power.fresh must be longer than power.poll_interval and power.poll_doubt, else every "
                       "observation is stale before the next one comes");
    if (s->recovery_backoff_first_ms > s->recovery_backoff_max_ms)
        return err_set(ei, ERR_INVALID, "recovery.backoff_first",
                       "recovery.backoff_first must not be longer than recovery.backoff_max");
    return 0;
}

void settings_host_policy(const struct settings *s, struct host_policy *p) {
    *p = HOST_POLICY_DEFAULT;
    p->link = (struct link_policy){s->link_quiet_ms, s->link_probe_ms, (uint8_t)s->link_probes};
    p->poll_calm_ms = s->power_poll_interval_ms;
    p->poll_doubt_ms = s->power_poll_doubt_ms;
    p->fresh_ms = s->power_fresh_ms;
    p->confirm_ms = s->power_confirm_interval_ms;
    p->read_timeout_ms = s->power_read_timeout_ms;
    p->command_read_timeout_ms = s->power_command_read_timeout_ms;
    p->op_deadline_ms = s->power_operation_deadline_ms;
    p->settle_ms = s->power_settle_ms;
    p->attempts_max = (uint8_t)s->recovery_attempts;
    p->backoff_first_ms = s->recovery_backoff_first_ms;
    p->backoff_max_ms = s->recovery_backoff_max_ms;
    p->ticket_ms = s->session_ticket_ms;
    p->resume_ms = s->session_resume_ms;
    p->kvm_idle_ms = s->session_kvm_idle_ms;
    p->idle_warn_ms = s->session_idle_warning_ms;
}

void settings_wsc_limits(const struct settings *s, struct wsc_limits *l) {
    *l = WSC_LIMITS_DEFAULT;
    l->in_flight_max = (uint8_t)s->wsman_in_flight;
    l->bucket_burst = (uint8_t)s->wsman_burst;
    l->bucket_refill_ms = s->wsman_refill_ms;
}

void settings_apf_limits(const struct settings *s, struct apf_limits *l) {
    *l = APF_LIMITS_DEFAULT;
    l->channels_max = (uint16_t)s->apf_channels_max;
    l->window_bytes = (uint32_t)s->apf_window_bytes;
    l->preauth_bytes = (uint32_t)s->cira_preauth_bytes;
}

void settings_store_opts(const struct settings *s, struct store_opts *o) {
    *o = STORE_OPTS_DEFAULT(s->data_dir);
    o->flush_ms = s->store_flush_ms;
    o->events_max = s->events_keep;
    o->reserve_bytes = s->store_reserve_bytes;
}
