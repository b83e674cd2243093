/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pthi.h"

#include "base/text.h"

static const struct cmd {
    uint8_t op;
    uint16_t least, most; /* request data */
    uint16_t answer;      /* least data of an answer */
    const char *text;
} CMDS[PTHI_CMD_COUNT] = {
#define P(sym, op, least, most, answer, text) {op, least, most, answer, text},
    PTHI_CMD_TABLE(P)
#undef P
};
static const struct {
    uint32_t num;
    const char *text;
} STATUSES[] = {
#define S(sym, num, text) {num, text},
    PTHI_STATUS_TABLE(S)
#undef S
};
static const struct {
    uint8_t num, bytes;
    const char *name;
} ALGS[] = {
#define A(sym, num, name, bytes) {num, bytes, name},
    PTHI_ALG_TABLE(A)
#undef A
};
enum { STATUS_BYTES = 4, MAJOR = 1, MINOR = 1 };

const char *pthi_status_text(uint32_t status) {
    for (size_t i = 0; i < sizeof STATUSES / sizeof *STATUSES; i++)
        if (STATUSES[i].num == status)
            return STATUSES[i].text;
    return "a status that is not in our table";
}

const char *pthi_cmd_text(enum pthi_cmd cmd) {
    return cmd < PTHI_CMD_COUNT ? CMDS[cmd].text : "an unknown command";
}

const char *pthi_alg_text(uint8_t alg) {
    return alg < sizeof ALGS / sizeof *ALGS ? ALGS[alg].name : "unknown";
}

size_t pthi_alg_bytes(uint8_t alg) {
    return alg < sizeof ALGS / sizeof *ALGS ? ALGS[alg].bytes : 0;
}

/* --- frames --- */

static void put_head(struct wr *w, uint32_t command, size_t length) {
    wr_u8(w, MAJOR);
    wr_u8(w, MINOR);
    wr_le16(w, 0);
    wr_le32(w, command);
    wr_le32(w, (uint32_t)length);
}

struct head {
    bool ours; /* version 1.1 */
    uint32_t command, length;
};
static struct head get_head(struct rd *r) {
    uint8_t major = rd_u8(r), minor = rd_u8(r);
    rd_le16(r);
    struct head h = {.ours = major == MAJOR && minor == MINOR, .command = rd_le32(r)};
    h.length = rd_le32(r);
    return h;
}

static uint32_t command_of(enum pthi_cmd cmd) {
    return (uint32_t)PTHI_COMMAND_OF | CMDS[cmd].op;
}

void pthi_put_request(struct wr *w, enum pthi_cmd cmd, struct slice data) {
    put_head(w, command_of(cmd), data.n);
    wr_bytes(w, data);
}

static int not_an_answer(struct errinfo *ei, enum pthi_cmd cmd, const char *what, unsigned long long got) {
    return err_set(ei, ERR_PROTO, "", "the firmware's answer to \"%s\" is not one: %s (%llu)",
                   pthi_cmd_text(cmd), what, got);
}

int pthi_get_response(struct slice msg, enum pthi_cmd cmd, struct slice *data, uint32_t *status,
                      struct errinfo *ei) {
    uint32_t ignored;
    status = status ? status : &ignored;
    *status = 0;
    *data = SLICE_EMPTY;
    if (msg.n < PTHI_HEAD + STATUS_BYTES)
        return not_an_answer(ei, cmd, "it is too short, bytes", msg.n);
    struct rd r = rd_of(msg);
    struct head h = get_head(&r);
    if (!h.ours)
        return not_an_answer(ei, cmd, "another version, major", msg.p[0]);
    if (h.command != (command_of(cmd) | PTHI_RESPONSE_BIT))
        return not_an_answer(ei, cmd, "it echoes another command", h.command);
    /* bytes behind the announced length are slack of the transport */
    if (h.length < STATUS_BYTES || h.length > msg.n - PTHI_HEAD)
        return not_an_answer(ei, cmd, "its length is wrong", h.length);
    *status = rd_le32(&r);
    if (*status)
        return err_set(ei, ERR_REFUSED, "", "the firmware refused to %s: %s (status 0x%x)",
                       pthi_cmd_text(cmd), pthi_status_text(*status), *status);
    *data = rd_take(&r, h.length - STATUS_BYTES);
    if (data->n < CMDS[cmd].answer)
        return not_an_answer(ei, cmd, "too little data, bytes", data->n);
    return 0;
}

int pthi_get_request(struct slice msg, struct pthi_request *rq) {
    struct rd r = rd_of(msg);
    struct head h = get_head(&r);
    *rq = (struct pthi_request){.cmd = PTHI_CMD_COUNT, .command = h.command};
    if (r.bad || !h.ours || h.command & PTHI_RESPONSE_BIT)
        return ERR_PROTO;
    for (unsigned i = 0; i < PTHI_CMD_COUNT; i++)
        if (command_of((enum pthi_cmd)i) == h.command)
            rq->cmd = (enum pthi_cmd)i;
    rq->data = rd_take(&r, h.length);
    if (r.bad)
        rq->status = PTHI_STATUS_BAD_LENGTH;
    else if (rq->cmd == PTHI_CMD_COUNT)
        rq->status = PTHI_STATUS_INVALID_PARAMETER;
    else if (rq->data.n < CMDS[rq->cmd].least || rq->data.n > CMDS[rq->cmd].most)
        rq->status = PTHI_STATUS_BAD_LENGTH;
    return 0;
}

void pthi_put_response(struct wr *w, uint32_t command, uint32_t status, struct slice data) {
    if (status)
        data = SLICE_EMPTY;
    put_head(w, command | PTHI_RESPONSE_BIT, STATUS_BYTES + data.n);
    wr_le32(w, status);
    wr_bytes(w, data);
}

/* --- pieces --- */

/* A text of a fixed field: up to its NUL. */
static void fixed_text(struct slice s, char *out, size_t cap) {
    const void *nul = s.n ? memchr(s.p, 0, s.n) : NULL;
    text_clean(out, cap, nul ? slice_head(s, (size_t)((const uint8_t *)nul - s.p)) : s);
}

static void put_fixed(struct wr *w, const char *text, size_t n) {
    struct slice s = slice_head(slice_str(text), n);
    wr_bytes(w, s);
    wr_zero(w, n - s.n);
}

/* u16 length, bytes */
static void put_string(struct wr *w, struct slice s) {
    w->bad |= s.n > UINT16_MAX;
    wr_le16(w, (uint16_t)s.n);
    wr_bytes(w, s);
}

/* One NUL at the end belongs to no text; those inside part the members of a list. */
static void get_string(struct rd *r, char *out, size_t cap) {
    uint8_t mem[PTHI_TEXT_CAP];
    struct slice s = rd_take(r, rd_le16(r));
    while (s.n && s.p[s.n - 1] == 0)
        s.n--;
    s = slice_head(s, sizeof mem);
    if (s.n)
        memcpy(mem, s.p, s.n);
    for (size_t i = 0; i < s.n; i++)
        if (mem[i] == 0)
            mem[i] = ',';
    text_clean(out, cap, slice_of(mem, s.n));
}

static void get_bytes(struct rd *r, void *out, size_t n) {
    struct slice s = rd_take(r, n);
    if (s.n)
        memcpy(out, s.p, s.n);
}

/* --- data --- */

void pthi_put_u32(struct wr *w, uint32_t v) {
    wr_le32(w, v);
}
bool pthi_get_u32(struct slice data, uint32_t *v) {
    struct rd r = rd_of(data);
    *v = rd_le32(&r);
    return !r.bad;
}

void pthi_put_text(struct wr *w, const char *text) {
    put_string(w, slice_str(text));
}
bool pthi_get_text(struct slice data, char out[PTHI_TEXT_CAP]) {
    struct rd r = rd_of(data);
    get_string(&r, out, PTHI_TEXT_CAP);
    return !r.bad;
}

void pthi_put_versions(struct wr *w, const struct pthi_versions *v) {
    put_fixed(w, v->bios, PTHI_BIOS_BYTES);
    wr_le32(w, (uint32_t)v->n);
    for (size_t i = 0; i < v->n; i++)
        for (int value = 0; value < 2; value++) {
            const char *text = value ? v->all[i].value : v->all[i].name;
            wr_le16(w, (uint16_t)strlen(text));
            put_fixed(w, text, PTHI_VERSION_CAP - 1);
        }
}

static void get_version_text(struct rd *r, char out[PTHI_VERSION_CAP]) {
    size_t n = rd_le16(r);
    struct slice s = rd_take(r, PTHI_VERSION_CAP - 1);
    r->bad |= n > PTHI_VERSION_CAP - 1;
    fixed_text(slice_head(s, n), out, PTHI_VERSION_CAP);
}

bool pthi_get_versions(struct slice data, struct pthi_versions *v) {
    struct rd r = rd_of(data);
    *v = (struct pthi_versions){0};
    fixed_text(rd_take(&r, PTHI_BIOS_BYTES), v->bios, sizeof v->bios);
    uint32_t n = rd_le32(&r);
    if (n > PTHI_VERSIONS_MAX)
        return false;
    for (v->n = 0; v->n < n && !r.bad; v->n++) {
        get_version_text(&r, v->all[v->n].name);
        get_version_text(&r, v->all[v->n].value);
    }
    return !r.bad;
}

const char *pthi_version_of(const struct pthi_versions *v, const char *name) {
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->all[i].name, name) == 0)
            return v->all[i].value;
    return NULL;
}

void pthi_put_uuid(struct wr *w, struct uuid u) {
    struct uuid wire = uuid_swap(u);
    wr_bytes(w, slice_of(wire.b, sizeof wire.b));
}
bool pthi_get_uuid(struct slice data, struct uuid *u) {
    struct rd r = rd_of(data);
    struct uuid wire = {{0}};
    get_bytes(&r, wire.b, sizeof wire.b);
    *u = uuid_swap(wire);
    return !r.bad;
}

void pthi_put_macs(struct wr *w, const struct pthi_macs *m) {
    wr_bytes(w, slice_of(m->dedicated, 6));
    wr_bytes(w, slice_of(m->host, 6));
}
bool pthi_get_macs(struct slice data, struct pthi_macs *m) {
    struct rd r = rd_of(data);
    *m = (struct pthi_macs){0};
    get_bytes(&r, m->dedicated, 6);
    get_bytes(&r, m->host, 6);
    return !r.bad;
}

void pthi_put_handles(struct wr *w, const struct pthi_handles *h) {
    wr_le32(w, (uint32_t)h->n);
    for (size_t i = 0; i < h->n; i++)
        wr_le32(w, h->all[i]);
}
bool pthi_get_handles(struct slice data, struct pthi_handles *h) {
    struct rd r = rd_of(data);
    *h = (struct pthi_handles){0};
    uint32_t n = rd_le32(&r);
    if (n > PTHI_HASHES_MAX)
        return false;
    for (h->n = 0; h->n < n; h->n++)
        h->all[h->n] = rd_le32(&r);
    return !r.bad;
}

void pthi_put_hash(struct wr *w, const struct pthi_hash *h) {
    wr_le32(w, h->is_default);
    wr_le32(w, h->active);
    wr_bytes(w, slice_of(h->hash, sizeof h->hash));
    wr_u8(w, h->alg);
    put_string(w, slice_str(h->name));
}
bool pthi_get_hash(struct slice data, struct pthi_hash *h) {
    struct rd r = rd_of(data);
    *h = (struct pthi_hash){.is_default = rd_le32(&r) != 0};
    h->active = rd_le32(&r) != 0;
    get_bytes(&r, h->hash, sizeof h->hash);
    h->alg = rd_u8(&r);
    get_string(&r, h->name, sizeof h->name);
    return !r.bad;
}

void pthi_put_ras(struct wr *w, const struct pthi_ras *s) {
    wr_le32(w, s->network);
    wr_le32(w, s->state);
    wr_le32(w, s->trigger);
    put_string(w, slice_str(s->mps));
}
bool pthi_get_ras(struct slice data, struct pthi_ras *s) {
    struct rd r = rd_of(data);
    uint32_t network = rd_le32(&r), state = rd_le32(&r), trigger = rd_le32(&r);
    *s = (struct pthi_ras){.network = network, .state = state, .trigger = trigger};
    get_string(&r, s->mps, sizeof s->mps);
    return !r.bad;
}

void pthi_put_lan(struct wr *w, const struct pthi_lan *l) {
    wr_le32(w, l->enabled);
    wr_le32(w, l->ipv4);
    wr_le32(w, l->dhcp_enabled);
    wr_u8(w, l->dhcp_mode);
    wr_u8(w, l->link_up);
    wr_bytes(w, slice_of(l->mac, sizeof l->mac));
}
bool pthi_get_lan(struct slice data, struct pthi_lan *l) {
    struct rd r = rd_of(data);
    *l = (struct pthi_lan){.enabled = rd_le32(&r) != 0};
    l->ipv4 = rd_le32(&r);
    l->dhcp_enabled = rd_le32(&r) != 0;
    l->dhcp_mode = rd_u8(&r);
    l->link_up = rd_u8(&r) != 0;
    get_bytes(&r, l->mac, sizeof l->mac);
    return !r.bad;
}

void pthi_put_feature(struct wr *w, const struct pthi_feature_state *f) {
    wr_le32(w, f->id);
    wr_le32(w, f->id == PTHI_FEATURE_REDIRECTION ? f->states & 1 : f->states);
    if (f->id == PTHI_FEATURE_REDIRECTION)
        wr_le32(w, f->states >> 1 & 1);
}
bool pthi_get_feature(struct slice data, struct pthi_feature_state *f) {
    struct rd r = rd_of(data);
    *f = (struct pthi_feature_state){.id = rd_le32(&r)};
    f->states = rd_le32(&r);
    if (f->id == PTHI_FEATURE_REDIRECTION)
        f->states = (f->states != 0) | (uint32_t)(rd_le32(&r) != 0) << 1;
    return !r.bad;
}

void pthi_put_fqdn(struct wr *w, const struct pthi_fqdn *f) {
    size_t label = strcspn(f->name, ".");
    wr_le32(w, f->shared);
    wr_zero(w, 12); /* of the dynamic DNS update */
    wr_le32(w, (uint32_t)label);
    put_string(w, slice_str(f->name));
}
bool pthi_get_fqdn(struct slice data, struct pthi_fqdn *f) {
    struct rd r = rd_of(data);
    *f = (struct pthi_fqdn){.shared = rd_le32(&r) != 0};
    rd_take(&r, 16);
    get_string(&r, f->name, sizeof f->name);
    return !r.bad;
}

enum { ACCOUNT_PAD = 2 }; /* the struct ends on a multiple of 4 */
void pthi_put_account(struct wr *w, const struct pthi_account *a) {
    put_fixed(w, a->user, PTHI_ACCOUNT_CAP);
    put_fixed(w, a->password, PTHI_ACCOUNT_CAP);
    wr_zero(w, ACCOUNT_PAD);
}
bool pthi_get_account(struct slice data, struct pthi_account *a) {
    struct rd r = rd_of(data);
    fixed_text(rd_take(&r, PTHI_ACCOUNT_CAP), a->user, sizeof a->user);
    /* not cleaned: it is a secret to be used, not shown */
    struct slice p = rd_take(&r, PTHI_ACCOUNT_CAP);
    size_t n = strnlen(p.n ? (const char *)p.p : "", p.n);
    slice_to_str(slice_head(p, n), a->password, sizeof a->password);
    return !r.bad && a->user[0];
}
void pthi_account_wipe(struct pthi_account *a) {
    explicit_bzero(a, sizeof *a);
}

void pthi_put_start(struct wr *w, const struct pthi_start *s) {
    wr_u8(w, s->alg);
    wr_bytes(w, slice_of(s->hash, sizeof s->hash));
    wr_u8(w, s->host_vpn);
    wr_le32(w, s->suffixes_n);
    wr_bytes(w, slice_of(s->suffixes, sizeof s->suffixes));
}
bool pthi_get_start(struct slice data, struct pthi_start *s) {
    bool wide = data.n == 393;
    if (data.n != 390 && !wide)
        return false;
    struct rd r = rd_of(data);
    *s = (struct pthi_start){.alg = rd_u8(&r)};
    get_bytes(&r, s->hash, sizeof s->hash);
    s->host_vpn = (wide ? rd_le32(&r) : rd_u8(&r)) != 0;
    s->suffixes_n = rd_le32(&r);
    get_bytes(&r, s->suffixes, sizeof s->suffixes);
    return !r.bad && s->suffixes_n <= PTHI_SUFFIXES_BYTES;
}

void pthi_put_started(struct wr *w, const struct pthi_started *s) {
    wr_u8(w, s->alg);
    wr_bytes(w, slice_of(s->hash, sizeof s->hash));
}
bool pthi_get_started(struct slice data, struct pthi_started *s) {
    struct rd r = rd_of(data);
    *s = (struct pthi_started){.alg = rd_u8(&r)};
    get_bytes(&r, s->hash, sizeof s->hash);
    return !r.bad;
}

/* --- the watchdog client --- */

static const uint8_t WD_STATE[] = {0x05, 0x02, 0x51, 0x10}, WD_ENABLE[] = {0x05, 0x03, 0x53, 0x10};
#define BYTES(a) slice_of(a, sizeof a)

void wd_put_state_request(struct wr *w) {
    wr_bytes(w, BYTES(WD_STATE));
}
void wd_put_enable_request(struct wr *w, bool enable) {
    wr_bytes(w, BYTES(WD_ENABLE));
    wr_u8(w, enable);
}

int wd_get_request(struct slice msg, struct wd_request *rq) {
    *rq = (struct wd_request){0};
    if (slice_eq(msg, BYTES(WD_STATE)))
        return 0;
    if (msg.n != sizeof WD_ENABLE + 1 || !slice_eq(slice_head(msg, sizeof WD_ENABLE), BYTES(WD_ENABLE)) ||
        msg.p[4] > 1)
        return ERR_PROTO;
    *rq = (struct wd_request){.set = true, .enable = msg.p[4] == 1};
    return 0;
}

/* Only the last two bytes of the echo are sure to be those that were sent. */
static bool echoes(struct slice msg, const uint8_t request[4]) {
    return msg.n > 4 && msg.p[2] == request[2] && msg.p[3] == request[3];
}

void wd_put_state(struct wr *w, uint8_t flags) {
    wr_bytes(w, BYTES(WD_STATE));
    wr_u8(w, flags);
}
bool wd_get_state(struct slice msg, uint8_t *flags) {
    if (!echoes(msg, WD_STATE))
        return false;
    *flags = msg.p[4];
    return true;
}

void wd_put_enable_status(struct wr *w, uint32_t status) {
    wr_bytes(w, BYTES(WD_ENABLE));
    wr_le32(w, status);
}
bool wd_get_enable_status(struct slice msg, uint32_t *status) {
    struct rd r = rd_of(slice_skip(msg, 4));
    *status = rd_le32(&r);
    return echoes(msg, WD_ENABLE) && !r.bad;
}
