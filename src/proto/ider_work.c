/* SPDX-License-Identifier: Apache-2.0 */
/* The work of the IDE-R client: commands of the host in the order in which they came, one at a time; a read
 * goes out in pieces that the owner of the image brings. */
#include "proto/ider_int.h"

#include <assert.h>

static_assert((int)IDER_OUTPUT_ENOUGH + (int)IDER_LEN_DATA_TO_HOST + (int)IDER_CHUNK_MAX <
                  (int)IDER_OUTPUT_MAX,
              "a piece always fits");

/* --- answers --- */

static uint8_t device_of(enum ider_drive d) {
    return d == IDER_CD ? IDER_DEV_CD : IDER_DEV_FLOPPY;
}

static void put_regs(struct wr *w, uint8_t mask, uint8_t error, uint8_t reason, uint16_t count,
                     uint8_t device, uint8_t status) {
    wr_u8(w, mask);
    wr_u8(w, error);
    wr_u8(w, reason);
    wr_u8(w, 0); /* sector number */
    wr_le16(w, count);
    wr_u8(w, device);
    wr_u8(w, status);
}

enum {
    REASON_DONE = IDER_REASON_IN | IDER_REASON_COMMAND,
    STATUS_GOOD = IDER_STATUS_READY | IDER_STATUS_SEEK
};
enum { MASK_DONE = IDER_REG_INT | IDER_REG_REASON | IDER_REG_STATUS };

/* 0x51: without data, or after a read that failed */
static int put_end(struct ider *i, enum ider_drive d, struct ider_sense s) {
    struct wr w;
    int r = ider_begin(i, &w, IDER_MSG_COMMAND_END, IDER_ATTR_COMPLETED, IDER_LEN_COMMAND_END);
    if (r < 0)
        return r;
    wr_zero(&w, 4 + IDER_REGS);
    if (s.key)
        put_regs(&w, MASK_DONE | IDER_REG_ERROR, (uint8_t)(s.key << 4), REASON_DONE, 0, device_of(d),
                 STATUS_GOOD | IDER_STATUS_ERROR);
    else
        put_regs(&w, MASK_DONE | IDER_REG_DEVICE, 0, REASON_DONE, 0, device_of(d), STATUS_GOOD);
    wr_u8(&w, s.key);
    wr_u8(&w, s.asc);
    wr_u8(&w, s.ascq);
    return ider_finish(i, &w);
}

/* 0x54: with PIO the byte count register counts too */
static int put_data(struct ider *i, enum ider_drive d, bool dma, bool last, struct slice data) {
    struct wr w;
    uint8_t attr = (uint8_t)((last ? IDER_ATTR_COMPLETED : 0) | (dma ? IDER_ATTR_DMA : 0));
    uint8_t mask = IDER_REG_REASON | IDER_REG_COUNT_LOW | IDER_REG_COUNT_HIGH | IDER_REG_STATUS;
    int r = ider_begin(i, &w, IDER_MSG_DATA_TO_HOST, attr, IDER_LEN_DATA_TO_HOST + data.n);
    if (r < 0)
        return r;
    uint16_t n = (uint16_t)data.n;
    wr_u8(&w, 0);
    wr_le16(&w, n);
    wr_u8(&w, 0); /* packet number */
    put_regs(&w, dma ? mask : mask | IDER_REG_INT, 0, IDER_REASON_IN, dma ? 0 : n, device_of(d),
             STATUS_GOOD | IDER_STATUS_DATA);
    if (last)
        put_regs(&w, MASK_DONE, 0, REASON_DONE, 0, device_of(d), STATUS_GOOD);
    else
        wr_zero(&w, IDER_REGS);
    wr_zero(&w, 3 + 3); /* no sense */
    wr_bytes(&w, data);
    return ider_finish(i, &w);
}

/* --- the queue and the transfer --- */

int ider_work_add(struct ider *i, struct slice msg) {
    if (i->ncommands == IDER_COMMANDS_MAX)
        return ider_fail(i, ERR_LIMIT, "more than %d commands of the host wait", IDER_COMMANDS_MAX);
    struct ider_command *c = &i->commands[(i->first_command + i->ncommands++) % IDER_COMMANDS_MAX];
    struct rd r = rd_of(slice_skip(msg, IDER_HEAD + 1));
    c->dma = rd_u8(&r) & IDER_FEATURE_DMA;
    rd_take(&r, 4); /* sector count, sector number, byte count */
    c->drive = rd_u8(&r) & IDER_DEV_CD_BIT ? IDER_CD : IDER_FLOPPY;
    c->ata = rd_u8(&r);
    memcpy(c->cdb, rd_take(&r, IDER_CDB).p, IDER_CDB);
    return 0;
}

/* Answer the oldest command, or begin its read. */
static int take_command(struct ider *i) {
    const struct ider_command *c = &i->commands[i->first_command];
    struct ider_answer a = {.kind = IDER_ANSWER_END, .sense = IDER_SENSE_NO_COMMAND};
    i->first_command = (i->first_command + 1) % IDER_COMMANDS_MAX;
    i->ncommands--;
    if (c->ata == IDER_ATA_PACKET)
        ider_scsi(&i->units[c->drive], c->cdb, &a);
    if (a.kind == IDER_ANSWER_END)
        return put_end(i, c->drive, a.sense);
    if (a.kind == IDER_ANSWER_DATA)
        return put_data(i, c->drive, c->dma, true, slice_of(a.data, a.n));
    uint32_t block = ider_block_bytes(c->drive);
    i->read.active = true;
    i->read.drive = c->drive;
    i->read.dma = c->dma;
    i->read.offset = (uint64_t)a.lba * block;
    i->read.left_bytes = a.blocks * block;
    return 0;
}

int ider_work_next(struct ider *i, struct ider_ev *ev) {
    if (i->state != IDER_ST_ENABLING && i->state != IDER_ST_RUNNING)
        return 0;
    while (!i->read.asked && i->out.len <= IDER_OUTPUT_ENOUGH) {
        if (i->read.active) {
            uint32_t left = i->read.left_bytes;
            i->read.piece_bytes = left < i->chunk_bytes ? left : i->chunk_bytes;
            i->read.asked = true;
            *ev = (struct ider_ev){IDER_EV_READ, i->read.drive, i->read.offset, i->read.piece_bytes};
            return 1;
        }
        if (i->ncommands == 0)
            return 0;
        int r = take_command(i);
        if (r < 0)
            return r;
    }
    return 0;
}

void ider_work_drop(struct ider *i) {
    i->ncommands = 0;
    i->read.active = i->read.asked = false;
}

int ider_data(struct ider *i, struct slice data) {
    if (i->state == IDER_ST_FAILED)
        return i->err;
    if (!i->read.asked)
        return ERR_STATE;
    if (data.n != i->read.piece_bytes)
        return ERR_INVALID;
    bool last = data.n == i->read.left_bytes;
    i->read.asked = false;
    i->read.active = !last;
    i->read.offset += data.n;
    i->read.left_bytes -= (uint32_t)data.n;
    i->read_bytes += data.n;
    return put_data(i, i->read.drive, i->read.dma, last, data);
}

int ider_read_failed(struct ider *i) {
    if (i->state == IDER_ST_FAILED)
        return i->err;
    if (!i->read.asked)
        return ERR_STATE;
    i->read.active = i->read.asked = false;
    return put_end(i, i->read.drive, IDER_SENSE_UNREADABLE);
}
