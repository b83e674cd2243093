/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/fw.h"

#include "http/now.h"
#include "rpc/mei.h"

#include <stdlib.h>

struct fw {
    const char *where;
    struct mei *pthi; /* NULL: not open */
};

struct fw *fw_new(const char *where) {
    struct fw *f = calloc(1, sizeof *f);
    if (f)
        f->where = where;
    return f;
}

void fw_free(struct fw **f) {
    if (!*f)
        return;
    mei_close(&(*f)->pthi);
    free(*f);
    *f = NULL;
}

/* Which commands change something: they are not sent twice. */
static bool reads(enum pthi_cmd cmd) {
    return cmd != PTHI_CMD_UNPROVISION && cmd != PTHI_CMD_STOP_CONFIGURATION &&
           cmd != PTHI_CMD_START_CONFIGURATION;
}

/* One message and its answer, opened when needed. */
static int exchange(struct fw *f, struct slice rq, struct slice *answer, struct errinfo *ei) {
    int rc = f->pthi ? 0 : mei_open(&f->pthi, f->where, MEI_GUID_PTHI, MEI_BUSY_TRIES, ei);
    struct mono deadline = mono_add_ms(now_mono(), MEI_ANSWER_MS);
    if (rc == 0)
        rc = mei_send(f->pthi, rq, deadline, ei);
    if (rc == 0)
        rc = mei_receive(f->pthi, answer, deadline, ei);
    if (rc < 0)
        mei_close(&f->pthi); /* a late answer must not be taken for the next one's */
    return rc;
}

int fw_call(struct fw *f, enum pthi_cmd cmd, struct slice request, struct slice *data, uint32_t *status,
            struct errinfo *ei) {
    uint8_t mem[512];
    struct wr w = wr_of(mem, sizeof mem);
    pthi_put_request(&w, cmd, request);
    if (status)
        *status = 0;
    *data = SLICE_EMPTY;
    if (w.bad)
        return err_set(ei, ERR_INTERNAL, "", "a request of %zu bytes is too long", request.n);
    struct slice answer;
    int rc = exchange(f, wr_done(&w), &answer, ei);
    if (rc == ERR_CLOSED && reads(cmd))
        rc = exchange(f, wr_done(&w), &answer, ei);
    return rc < 0 ? rc : pthi_get_response(answer, cmd, data, status, ei);
}

static int unreadable(enum pthi_cmd cmd, struct errinfo *ei) {
    return err_set(ei, ERR_PROTO, "", "the firmware's answer to \"%s\" makes no sense", pthi_cmd_text(cmd));
}

int fw_number(struct fw *f, enum pthi_cmd cmd, uint32_t *v, struct errinfo *ei) {
    struct slice data;
    int rc = fw_call(f, cmd, SLICE_EMPTY, &data, NULL, ei);
    return rc == 0 && !pthi_get_u32(data, v) ? unreadable(cmd, ei) : rc;
}

int fw_text(struct fw *f, enum pthi_cmd cmd, char out[PTHI_TEXT_CAP], struct errinfo *ei) {
    struct slice data;
    int rc = fw_call(f, cmd, SLICE_EMPTY, &data, NULL, ei);
    return rc == 0 && !pthi_get_text(data, out) ? unreadable(cmd, ei) : rc;
}

int fw_versions(struct fw *f, struct pthi_versions *v, struct errinfo *ei) {
    struct slice data;
    int rc = fw_call(f, PTHI_CMD_CODE_VERSIONS, SLICE_EMPTY, &data, NULL, ei);
    return rc == 0 && !pthi_get_versions(data, v) ? unreadable(PTHI_CMD_CODE_VERSIONS, ei) : rc;
}

int fw_uuid(struct fw *f, struct uuid *u, struct errinfo *ei) {
    struct slice data;
    int rc = fw_call(f, PTHI_CMD_UUID, SLICE_EMPTY, &data, NULL, ei);
    return rc == 0 && !pthi_get_uuid(data, u) ? unreadable(PTHI_CMD_UUID, ei) : rc;
}

int fw_ras(struct fw *f, struct pthi_ras *r, struct errinfo *ei) {
    struct slice data;
    int rc = fw_call(f, PTHI_CMD_RAS_STATUS, SLICE_EMPTY, &data, NULL, ei);
    return rc == 0 && !pthi_get_ras(data, r) ? unreadable(PTHI_CMD_RAS_STATUS, ei) : rc;
}

/* A request of one number. */
static int call_u32(struct fw *f, enum pthi_cmd cmd, uint32_t v, struct slice *data, uint32_t *status,
                    struct errinfo *ei) {
    uint8_t mem[4];
    struct wr w = wr_of(mem, sizeof mem);
    pthi_put_u32(&w, v);
    return fw_call(f, cmd, wr_done(&w), data, status, ei);
}

int fw_lan(struct fw *f, uint32_t which, struct pthi_lan *l, struct errinfo *ei) {
    struct slice data;
    int rc = call_u32(f, PTHI_CMD_LAN_SETTINGS, which, &data, NULL, ei);
    return rc == 0 && !pthi_get_lan(data, l) ? unreadable(PTHI_CMD_LAN_SETTINGS, ei) : rc;
}

int fw_hashes(struct fw *f, struct pthi_hash *all, size_t *n, struct errinfo *ei) {
    struct slice data;
    struct pthi_handles h = {0};
    *n = 0;
    int rc = fw_call(f, PTHI_CMD_HASH_HANDLES, SLICE_EMPTY, &data, NULL, ei);
    if (rc == 0 && !pthi_get_handles(data, &h))
        return unreadable(PTHI_CMD_HASH_HANDLES, ei);
    for (size_t i = 0; rc == 0 && i < h.n; i++) {
        rc = call_u32(f, PTHI_CMD_HASH_ENTRY, h.all[i], &data, NULL, ei);
        if (rc == 0 && !pthi_get_hash(data, &all[*n]))
            rc = unreadable(PTHI_CMD_HASH_ENTRY, ei);
        *n += rc == 0;
    }
    return rc;
}

int fw_account(struct fw *f, struct pthi_account *a, struct errinfo *ei) {
    static const uint8_t zeros[40];
    struct slice data;
    *a = (struct pthi_account){0};
    int rc = fw_call(f, PTHI_CMD_LOCAL_ACCOUNT, slice_of(zeros, sizeof zeros), &data, NULL, ei);
    if (rc == 0 && !pthi_get_account(data, a))
        rc = unreadable(PTHI_CMD_LOCAL_ACCOUNT, ei);
    if (f->pthi)
        mei_wipe(f->pthi);
    return rc;
}

int fw_unprovision(struct fw *f, uint32_t *status, struct errinfo *ei) {
    struct slice data;
    return call_u32(f, PTHI_CMD_UNPROVISION, 0, &data, status, ei);
}

int fw_stop_configuration(struct fw *f, struct errinfo *ei) {
    struct slice data;
    uint32_t status;
    int rc = fw_call(f, PTHI_CMD_STOP_CONFIGURATION, SLICE_EMPTY, &data, &status, ei);
    return rc == ERR_REFUSED && status == PTHI_STATUS_INVALID_MODE ? 0 : rc;
}

/* --- the watchdog client: a connection for each question --- */

static int wd_exchange(struct fw *f, struct slice rq, struct mei **m, struct slice *answer,
                       struct errinfo *ei) {
    int rc = mei_open(m, f->where, MEI_GUID_WD, 1, ei);
    struct mono deadline = mono_add_ms(now_mono(), MEI_ANSWER_MS);
    if (rc == 0)
        rc = mei_send(*m, rq, deadline, ei);
    return rc < 0 ? rc : mei_receive(*m, answer, deadline, ei);
}

int fw_wd_state(struct fw *f, uint8_t *flags, struct errinfo *ei) {
    uint8_t mem[WD_MSG_MAX];
    struct wr w = wr_of(mem, sizeof mem);
    wd_put_state_request(&w);
    struct mei *m = NULL;
    struct slice answer;
    int rc = wd_exchange(f, wr_done(&w), &m, &answer, ei);
    if (rc == 0 && !wd_get_state(answer, flags))
        rc = err_set(ei, ERR_PROTO, "", "the watchdog client's answer makes no sense");
    mei_close(&m);
    return rc;
}

int fw_wd_enable(struct fw *f, bool enable, uint32_t *status, struct errinfo *ei) {
    uint8_t mem[WD_MSG_MAX];
    struct wr w = wr_of(mem, sizeof mem);
    wd_put_enable_request(&w, enable);
    struct mei *m = NULL;
    struct slice answer;
    int rc = wd_exchange(f, wr_done(&w), &m, &answer, ei);
    if (rc == 0 && !wd_get_enable_status(answer, status))
        rc = err_set(ei, ERR_PROTO, "", "the watchdog client's answer makes no sense");
    mei_close(&m);
    return rc;
}
