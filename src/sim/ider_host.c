/* SPDX-License-Identifier: Apache-2.0 */
/* The host: what it asks for when it reads a medium, and the check of what comes. */
#include "sim/ider_side_int.h"

enum { TRIES_MAX = 3, CAPACITY_BYTES = 8 };

static uint8_t device_of(enum ider_drive d) {
    return d == IDER_CD ? IDER_DEV_CD : IDER_DEV_FLOPPY;
}

/* 0x50 with a CDB whose first ten bytes are operation, lba and length. */
static int command(struct sim_ider *s, uint8_t operation, uint32_t lba, uint16_t n) {
    uint8_t mem[IDER_LEN_COMMAND - IDER_HEAD];
    struct wr w = wr_of(mem, sizeof mem);
    wr_u8(&w, 0);
    wr_u8(&w, s->cfg.dma ? IDER_FEATURE_DMA : 0);
    wr_zero(&w, 4);
    wr_u8(&w, device_of(s->drive));
    wr_u8(&w, IDER_ATA_PACKET);
    wr_u8(&w, operation);
    wr_u8(&w, 0);
    wr_be32(&w, lba);
    wr_u8(&w, 0);
    wr_be16(&w, n);
    wr_zero(&w, 3);
    s->inflight++;
    s->seen.commands++;
    return sim_ider_put(s, IDER_MSG_COMMAND, 0, wr_done(&w));
}

static int test_ready(struct sim_ider *s) {
    s->step = SIM_IDER_STEP_READY;
    s->tries++;
    return command(s, 0x00, 0, 0);
}

/* Blocks of the read that begins there. */
static uint32_t blocks_from(const struct sim_ider *s, uint32_t lba) {
    uint32_t left = s->end - lba;
    return left < s->cfg.blocks_per_read ? left : s->cfg.blocks_per_read;
}

static int read_on(struct sim_ider *s) {
    int r = 0;
    while (r == 0 && s->next < s->end && s->inflight < s->cfg.reads_ahead) {
        uint32_t n = blocks_from(s, s->next);
        r = command(s, 0x28, s->next, (uint16_t)n);
        s->next += n;
    }
    if (s->inflight == 0)
        s->step = SIM_IDER_STEP_IDLE;
    return r;
}

int sim_ider_read(struct sim_ider *s, enum ider_drive drive, uint32_t lba, uint32_t blocks) {
    if (s->state != SIM_IDER_ST_OPEN || !s->seen.drives)
        return ERR_STATE;
    if (s->step != SIM_IDER_STEP_IDLE)
        return ERR_BUSY;
    if (!EVP_DigestInit_ex(s->sum, EVP_sha256(), NULL))
        return ERR_NOMEM;
    s->drive = drive;
    s->next = s->done = lba;
    s->end =
        blocks && blocks <= UINT32_MAX - lba ? lba + blocks : UINT32_MAX; /* until the capacity is known */
    s->tries = s->got_bytes = 0;
    s->seen.key = s->seen.asc = s->seen.ascq = 0;
    s->seen.bytes = 0;
    return test_ready(s);
}

/* The oldest command is answered with this sense. */
static int on_end_of_command(struct sim_ider *s, uint8_t key, uint8_t asc, uint8_t ascq) {
    bool spoiled = s->seen.key;
    s->inflight--;
    if (s->step == SIM_IDER_STEP_READ)
        s->done += blocks_from(s, s->done);
    s->got_bytes = 0;
    if (s->step == SIM_IDER_STEP_READY && key == 6 && asc == 0x28 && s->tries < TRIES_MAX) {
        s->seen.attentions++;
        return test_ready(s);
    }
    if (key && !spoiled) {
        s->seen.key = key;
        s->seen.asc = asc;
        s->seen.ascq = ascq;
    }
    if (s->seen.key) { /* what was sent ahead is still answered */
        s->next = s->end;
        return read_on(s);
    }
    if (s->step == SIM_IDER_STEP_READY) {
        s->step = SIM_IDER_STEP_CAPACITY;
        return command(s, 0x25, 0, 0);
    }
    if (s->step == SIM_IDER_STEP_CAPACITY && s->end == UINT32_MAX)
        s->end = s->next < s->seen.blocks ? s->seen.blocks : s->next;
    s->step = SIM_IDER_STEP_READ;
    return read_on(s);
}

/* Registers of a finished command: mask with INT, reason and status; reason; device; status. */
static bool regs_done(struct slice regs, uint8_t error, uint8_t device) {
    const uint8_t mask = IDER_REG_INT | IDER_REG_REASON | IDER_REG_STATUS;
    uint8_t flag = error ? IDER_REG_ERROR : 0;
    return (regs.p[0] & ~IDER_REG_DEVICE) == (mask | flag) && regs.p[1] == error &&
           regs.p[2] == (IDER_REASON_IN | IDER_REASON_COMMAND) && regs.p[6] == device &&
           regs.p[7] == (IDER_STATUS_READY | IDER_STATUS_SEEK | (error ? IDER_STATUS_ERROR : 0));
}

int sim_ider_on_command_end(struct sim_ider *s, struct rd *r, uint8_t attr, struct mono now) {
    rd_take(r, 4 + IDER_REGS);
    struct slice regs = rd_take(r, IDER_REGS);
    uint8_t key = rd_u8(r), asc = rd_u8(r), ascq = rd_u8(r);
    if (s->step == SIM_IDER_STEP_RESET) /* was on its way */
        return 0;
    if (s->inflight == 0)
        return sim_ider_fail(s, ERR_PROTO, "COMMAND_END without a command");
    if (attr != IDER_ATTR_COMPLETED || !regs_done(regs, (uint8_t)(key << 4), device_of(s->drive)))
        return sim_ider_fail(s, ERR_PROTO, "COMMAND_END with wrong attributes or registers");
    if (!key && s->step != SIM_IDER_STEP_READY)
        return sim_ider_fail(s, ERR_PROTO, "COMMAND_END is good, but the host waits for data");
    return on_end_of_command(s, key, asc, ascq);
}

/* The registers of a 0x54 and its length, against the command. */
static bool data_head_good(const struct sim_ider *s, struct slice in, struct slice out, uint8_t attr,
                           size_t n) {
    uint8_t device = device_of(s->drive);
    const uint8_t mask = IDER_REG_REASON | IDER_REG_COUNT_LOW | IDER_REG_COUNT_HIGH | IDER_REG_STATUS;
    const uint8_t none[IDER_REGS] = {0};
    uint16_t count = (uint16_t)(in.p[4] | in.p[5] << 8);
    bool done = attr & IDER_ATTR_COMPLETED;
    return (attr & IDER_ATTR_DMA) == (s->cfg.dma ? IDER_ATTR_DMA : 0) && n && n <= s->cfg.read_buffer &&
           (in.p[0] & mask) == mask && in.p[2] == IDER_REASON_IN && count == (s->cfg.dma ? 0 : n) &&
           in.p[6] == device && in.p[7] == (IDER_STATUS_READY | IDER_STATUS_SEEK | IDER_STATUS_DATA) &&
           (done ? regs_done(out, 0, device) : slice_eq(out, slice_of(none, sizeof none)));
}

/* Data of READ(10); *all: bytes of the command. */
static int take_data(struct sim_ider *s, struct slice data, uint32_t *all) {
    *all = blocks_from(s, s->done) * s->seen.block_bytes;
    if (s->seen.key)
        return 0;
    if (!EVP_DigestUpdate(s->sum, data.p, data.n))
        return sim_ider_fail(s, ERR_NOMEM, "out of memory");
    s->seen.bytes += data.n;
    return 0;
}

static int take_capacity(struct sim_ider *s, struct slice data, uint32_t *all) {
    struct rd r = rd_of(data);
    *all = CAPACITY_BYTES;
    s->seen.blocks = rd_be32(&r) + 1;
    s->seen.block_bytes = rd_be32(&r);
    if (r.bad || s->seen.block_bytes != (s->drive == IDER_CD ? IDER_CD_BLOCK : IDER_FLOPPY_BLOCK))
        return sim_ider_fail(s, ERR_PROTO, "the capacity is not one of this drive");
    return 0;
}

int sim_ider_on_data(struct sim_ider *s, struct rd *r, uint8_t attr, struct mono now) {
    uint32_t all;
    rd_u8(r);
    uint16_t n = rd_le16(r);
    rd_u8(r);
    struct slice in = rd_take(r, IDER_REGS), out = rd_take(r, IDER_REGS);
    rd_take(r, 6);
    struct slice data = rd_take(r, n);
    if (s->step == SIM_IDER_STEP_RESET)
        return 0;
    if (s->step != SIM_IDER_STEP_READ && s->step != SIM_IDER_STEP_CAPACITY)
        return sim_ider_fail(s, ERR_PROTO, "DATA_TO_HOST that the host does not wait for");
    if (!data_head_good(s, in, out, attr, n))
        return sim_ider_fail(s, ERR_PROTO, "DATA_TO_HOST with wrong attributes, registers or length");
    int err = s->step == SIM_IDER_STEP_READ ? take_data(s, data, &all) : take_capacity(s, data, &all);
    if (err < 0)
        return err;
    s->got_bytes += n;
    bool done = attr & IDER_ATTR_COMPLETED;
    if (s->got_bytes > all || done != (s->got_bytes == all))
        return sim_ider_fail(s, ERR_PROTO, "DATA_TO_HOST: %u of %u bytes, and it says %s", s->got_bytes, all,
                             done ? "the last" : "more");
    if (!done)
        return 0;
    return on_end_of_command(s, 0, 0, 0);
}
