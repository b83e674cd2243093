/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated device against our own client, in memory: bytes travel in pieces of random size. */
#include "base/ossl.h"

#include "base/rng.h"
#include "sim/ider_side.h"
#include "unit.h"

#include <openssl/sha.h>

enum { CD_BLOCKS = 333, FLOPPY_BLOCKS = 721, IMAGE_MAX = CD_BLOCKS * 2048 };

struct pair {
    struct sim_ider *side;
    struct ider *client;
    struct rng rng;
    size_t piece_max; /* 0: whole */
    struct mono now;
    int client_err, side_err;
    unsigned opened, enabled, resets, closed, reads;
    uint32_t longest; /* piece that was asked for */
    bool unreadable;  /* the second piece of the image */
};

static uint8_t image[IDER_DRIVE_COUNT][IMAGE_MAX];

static struct pair pair_of(const struct sim_ider_config *cfg, enum ider_when when, uint64_t seed) {
    const struct ider_config client = {.media = {{true, FLOPPY_BLOCKS}, {true, CD_BLOCKS}}, .when = when};
    struct pair p = {.rng = {seed}, .piece_max = seed % 3 * 50, .now = {1000000}};
    p.client = ider_new(&client, p.now);
    p.side = sim_ider_new(cfg, p.now);
    assert_non_null(p.client);
    assert_non_null(p.side);
    for (size_t n = 0; n < IMAGE_MAX; n++) {
        uint64_t bits = rng_u64(&p.rng);
        image[IDER_FLOPPY][n] = (uint8_t)bits;
        image[IDER_CD][n] = (uint8_t)(bits >> 8);
    }
    return p;
}

static void pair_free(struct pair *p) {
    ider_free(&p->client);
    sim_ider_free(&p->side);
    assert_null(p->client);
    assert_null(p->side);
}

static void on_event(struct pair *p, const struct ider_ev *ev) {
    p->opened += ev->kind == IDER_EV_OPENED;
    p->enabled += ev->kind == IDER_EV_ENABLED;
    p->resets += ev->kind == IDER_EV_RESET;
    p->closed += ev->kind == IDER_EV_CLOSED;
    if (ev->kind != IDER_EV_READ)
        return;
    p->longest = ev->n > p->longest ? ev->n : p->longest;
    if (p->unreadable && p->reads++ == 1)
        assert_int_equal(ider_read_failed(p->client), 0);
    else
        assert_int_equal(ider_data(p->client, slice_of(image[ev->drive] + ev->offset, ev->n)), 0);
}

/* A piece of what one has to say, copied: the other's answer may move it. */
static struct slice take_piece(struct pair *p, struct slice out, uint8_t *copy, size_t cap) {
    out = slice_head(out, cap);
    if (p->piece_max && out.n > 1)
        out.n = (size_t)rng_range(&p->rng, 1, (int64_t)(out.n < p->piece_max ? out.n : p->piece_max));
    if (out.n)
        memcpy(copy, out.p, out.n);
    return slice_of(copy, out.n);
}

static void to_side(struct pair *p) {
    static uint8_t copy[65536];
    struct slice in = take_piece(p, ider_output(p->client), copy, sizeof copy);
    ider_sent(p->client, in.n);
    if (in.n)
        p->side_err = sim_ider_input(p->side, &in, p->now);
}

static void to_client(struct pair *p) {
    static uint8_t copy[65536];
    struct slice in = take_piece(p, sim_ider_output(p->side), copy, sizeof copy);
    struct ider_ev ev;
    sim_ider_sent(p->side, in.n);
    while ((p->client_err = ider_input(p->client, &in, p->now, &ev)) == 1)
        on_event(p, &ev);
}

/* Until both are silent, or one has failed. */
static void run(struct pair *p) {
    do {
        to_side(p);
        to_client(p);
    } while (p->client_err == 0 && p->side_err >= 0 &&
             (ider_output(p->client).n || sim_ider_output(p->side).n));
}

/* Time passes, with heartbeats. */
static void pass(struct pair *p, int64_t ms) {
    struct mono until = mono_add_ms(p->now, ms);
    for (;;) {
        struct mono next = mono_min(ider_deadline(p->client), sim_ider_deadline(p->side));
        if (!mono_due(next, until))
            break;
        p->now = next;
        assert_int_equal(ider_tick(p->client, p->now), 0);
        assert_int_equal(sim_ider_tick(p->side, p->now), 0);
        run(p);
    }
    p->now = until;
}

static struct pair enabled_pair(const struct sim_ider_config *cfg, uint64_t seed) {
    struct pair p = pair_of(cfg, IDER_NOW, seed);
    run(&p);
    assert_int_equal(p.enabled, 1);
    assert_true(sim_ider_report(p.side).drives);
    return p;
}

static void must_be_whole(const struct pair *p) {
    assert_string_equal(ider_error(p->client), "");
    assert_string_equal(sim_ider_error(p->side), "");
}

/* What the host has read is that part of the image. */
static void must_have_read(struct pair *p, enum ider_drive d, uint64_t offset, uint64_t bytes) {
    struct sim_ider_report seen = sim_ider_report(p->side);
    uint8_t sum[SHA256_DIGEST_LENGTH];
    must_be_whole(p);
    assert_false(seen.busy);
    assert_int_equal(seen.bytes, bytes);
    SHA256(image[d] + offset, bytes, sum);
    assert_memory_equal(seen.sha256, sum, sizeof sum);
}

/* --- reading --- */

static void a_whole_medium(const struct sim_ider_config *cfg, enum ider_drive d, uint64_t seed) {
    struct pair p = enabled_pair(cfg, seed);
    uint32_t blocks = d == IDER_CD ? CD_BLOCKS : FLOPPY_BLOCKS, size = d == IDER_CD ? 2048 : 512;
    assert_int_equal(sim_ider_read(p.side, d, 0, 0), 0);
    assert_int_equal(sim_ider_read(p.side, d, 0, 0), ERR_BUSY);
    assert_true(sim_ider_report(p.side).busy);
    run(&p);
    must_have_read(&p, d, 0, (uint64_t)blocks * size);
    struct sim_ider_report seen = sim_ider_report(p.side);
    assert_int_equal(seen.attentions, 1);
    assert_int_equal(seen.key, 0);
    assert_int_equal(seen.blocks, blocks);
    assert_int_equal(seen.block_bytes, size);
    assert_int_equal(seen.commands, 3 + (blocks + cfg->blocks_per_read - 1) / cfg->blocks_per_read);
    assert_int_equal(p.longest, cfg->read_buffer < cfg->blocks_per_read * size ? cfg->read_buffer
                                                                               : cfg->blocks_per_read * size);
    assert_int_equal(ider_read_bytes(p.client), seen.bytes);
    /* again, a part: the medium is no news any more */
    assert_int_equal(sim_ider_read(p.side, d, 7, 20), 0);
    run(&p);
    must_have_read(&p, d, 7u * size, 20u * size);
    assert_int_equal(sim_ider_report(p.side).attentions, 1);
    pair_free(&p);
}

static void whole_media_by_dma_and_pio(void **s) {
    static const struct {
        uint16_t buffer, blocks, ahead;
    } rows[] = {{8192, 16, 1}, {4096, 7, 1}, {8192, 64, 3}, {512, 3, 8}, {8192, 1, 16}};
    for (uint64_t seed = 0; seed < 3; seed++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            for (int dma = 0; dma < 2; dma++)
                for (int d = 0; d < IDER_DRIVE_COUNT; d++) {
                    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
                    cfg.read_buffer = rows[i].buffer;
                    cfg.blocks_per_read = rows[i].blocks;
                    cfg.reads_ahead = rows[i].ahead;
                    cfg.dma = dma;
                    a_whole_medium(&cfg, (enum ider_drive)d, seed);
                }
}

static void reads_are_sent_ahead(void **s) {
    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
    cfg.reads_ahead = 4;
    struct pair p = enabled_pair(&cfg, 0);
    assert_int_equal(sim_ider_read(p.side, IDER_CD, 0, 0), 0);
    for (int i = 0; i < 3; i++) { /* twice ready, and the capacity */
        assert_int_equal(sim_ider_report(p.side).commands, i + 1);
        to_client(&p);
        to_side(&p);
    }
    assert_int_equal(sim_ider_report(p.side).commands, 3 + 4);
    pair_free(&p);
}

static void beyond_the_medium(void **s) {
    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
    cfg.reads_ahead = 4;
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct pair p = enabled_pair(&cfg, seed);
        assert_int_equal(sim_ider_read(p.side, IDER_CD, 320, 70), 0); /* the first read ends beyond */
        run(&p);
        must_have_read(&p, IDER_CD, 0, 0);
        assert_int_equal(sim_ider_report(p.side).key, 5);
        assert_int_equal(sim_ider_report(p.side).asc, 0x21);
        assert_int_equal(sim_ider_read(p.side, IDER_CD, 300, 50), 0); /* the third one */
        run(&p);
        must_have_read(&p, IDER_CD, 300 * 2048, 32 * 2048);
        assert_int_equal(sim_ider_report(p.side).key, 5);
        assert_int_equal(sim_ider_read(p.side, IDER_CD, 300, 33), 0); /* up to the last block */
        run(&p);
        must_have_read(&p, IDER_CD, 300 * 2048, 33 * 2048);
        assert_int_equal(sim_ider_report(p.side).key, 0);
        pair_free(&p);
    }
}

static void an_unreadable_image(void **s) {
    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
    cfg.reads_ahead = 3;
    struct pair p = enabled_pair(&cfg, 1);
    p.unreadable = true;
    assert_int_equal(sim_ider_read(p.side, IDER_CD, 0, 0), 0);
    run(&p);
    must_have_read(&p, IDER_CD, 0, 8192); /* a piece came before */
    assert_int_equal(sim_ider_report(p.side).key, 3);
    assert_int_equal(sim_ider_report(p.side).asc, 0x11);
    pair_free(&p);
}

static void no_medium(void **s) {
    const struct ider_config none = {.when = IDER_NOW};
    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
    struct pair p = pair_of(&cfg, IDER_NOW, 0);
    ider_free(&p.client);
    p.client = ider_new(&none, p.now);
    run(&p);
    assert_int_equal(sim_ider_read(p.side, IDER_CD, 0, 0), 0);
    run(&p);
    must_have_read(&p, IDER_CD, 0, 0);
    assert_int_equal(sim_ider_report(p.side).key, 2);
    assert_int_equal(sim_ider_report(p.side).asc, 0x3a);
    pair_free(&p);
}

/* --- enabling and reset --- */

static void refusals(void **s) {
    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
    cfg.open_status = 1;
    struct pair p = pair_of(&cfg, IDER_NOW, 0);
    assert_int_equal(sim_ider_read(p.side, IDER_CD, 0, 0), ERR_STATE);
    run(&p);
    assert_int_equal(p.client_err, ERR_REFUSED);
    assert_non_null(strstr(ider_error(p.client), "status 1"));
    pair_free(&p);
    cfg = SIM_IDER_DEFAULT;
    cfg.refuse_enable = true;
    p = pair_of(&cfg, IDER_NOW, 0);
    run(&p);
    assert_int_equal(p.opened, 1);
    assert_int_equal(p.client_err, ERR_REFUSED);
    assert_int_equal(sim_ider_read(p.side, IDER_CD, 0, 0), ERR_STATE);
    pair_free(&p);
}

static void drives_appear_at_reboot(void **s) {
    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
    struct pair p = pair_of(&cfg, IDER_ON_REBOOT, 2);
    run(&p);
    assert_int_equal(p.enabled, 1);
    assert_int_equal(sim_ider_read(p.side, IDER_CD, 0, 0), ERR_STATE);
    assert_int_equal(sim_ider_reset(p.side), 0);
    assert_int_equal(sim_ider_reset(p.side), ERR_BUSY);
    run(&p);
    assert_int_equal(p.resets, 1);
    assert_int_equal(sim_ider_report(p.side).resets, 1);
    assert_int_equal(sim_ider_read(p.side, IDER_CD, 0, 0), 0);
    run(&p);
    must_have_read(&p, IDER_CD, 0, IMAGE_MAX);
    pair_free(&p);
}

/* At any moment of a read; afterwards a read is whole. */
static void a_reset_in_the_middle(void **s) {
    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
    cfg.reads_ahead = 3;
    cfg.dma = true;
    unsigned partial = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct pair p = enabled_pair(&cfg, seed * 3 + 1 + seed % 2);
        assert_int_equal(sim_ider_read(p.side, IDER_CD, 0, 0), 0);
        for (int64_t i = rng_range(&p.rng, 0, 2000); i > 0; i--) {
            to_client(&p);
            to_side(&p);
        }
        partial += sim_ider_report(p.side).bytes > 0 && sim_ider_report(p.side).bytes < IMAGE_MAX;
        assert_int_equal(sim_ider_reset(p.side), 0);
        run(&p);
        must_be_whole(&p);
        assert_false(sim_ider_report(p.side).busy);
        assert_int_equal(sim_ider_read(p.side, IDER_FLOPPY, 1, 9), 0);
        run(&p);
        must_have_read(&p, IDER_FLOPPY, 512, 9 * 512);
        pair_free(&p);
    }
    assert_in_range(partial, 10, 40);
}

/* What the client had answered before it heard of the reset counts no more. */
static void an_answer_that_was_on_its_way(void **s) {
    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
    struct pair p = enabled_pair(&cfg, 0);
    assert_int_equal(sim_ider_read(p.side, IDER_CD, 0, 0), 0);
    to_client(&p);
    assert_int_equal(ider_output(p.client).n, 31);
    assert_int_equal(sim_ider_reset(p.side), 0);
    run(&p);
    must_be_whole(&p);
    assert_int_equal(sim_ider_report(p.side).resets, 1);
    assert_int_equal(sim_ider_report(p.side).attentions, 0);
    pair_free(&p);
}

/* --- what goes wrong --- */

static void a_sequence_gap_of_the_device(void **s) {
    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
    struct pair p = enabled_pair(&cfg, 0);
    sim_ider_skip_sequence(p.side);
    assert_int_equal(sim_ider_read(p.side, IDER_CD, 0, 0), 0);
    run(&p);
    assert_int_equal(p.client_err, ERR_PROTO);
    assert_string_equal(ider_error(p.client), "IDE-R message 0x50 has sequence number 3 where 2 was due");
    pair_free(&p);
}

static void an_error_of_the_device(void **s) {
    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
    struct pair p = enabled_pair(&cfg, 0);
    assert_int_equal(sim_ider_report_error(p.side, (const uint8_t[]){9, 8, 7}), 0);
    run(&p);
    assert_int_equal(p.client_err, 0);
    assert_string_equal(ider_error(p.client), "the firmware reported IDE-R error 09 08 07");
    pair_free(&p);
}

/* --- the end, and time --- */

static void heartbeats_for_an_hour(void **s) {
    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
    struct pair p = enabled_pair(&cfg, 2);
    pass(&p, 3600 * 1000);
    must_be_whole(&p);
    assert_int_equal(sim_ider_read(p.side, IDER_CD, 0, 0), 0);
    run(&p);
    must_have_read(&p, IDER_CD, 0, IMAGE_MAX);
    pair_free(&p);
}

static void a_silent_client(void **s) {
    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
    struct pair p = enabled_pair(&cfg, 0);
    p.now = mono_add_ms(p.now, 29999);
    assert_int_equal(sim_ider_tick(p.side, p.now), 0);
    p.now = mono_add_ms(p.now, 1);
    assert_true(mono_due(sim_ider_deadline(p.side), p.now));
    assert_int_equal(sim_ider_tick(p.side, p.now), ERR_TIMEOUT);
    pair_free(&p);
}

static void both_ends_close(void **s) {
    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
    struct pair p = enabled_pair(&cfg, 1);
    ider_close(p.client);
    run(&p);
    assert_int_equal(p.closed, 1);
    assert_int_equal(p.side_err, 1);
    assert_false(sim_ider_report(p.side).open);
    assert_int_equal(sim_ider_read(p.side, IDER_CD, 0, 0), ERR_STATE);
    pair_free(&p);
    p = enabled_pair(&cfg, 1);
    assert_int_equal(sim_ider_close(p.side), 0);
    run(&p);
    assert_int_equal(p.closed, 1);
    assert_int_equal(p.side_err, 1);
    pair_free(&p);
}

/* 0x12 ends the redirection: it is not ours. */
static void the_end_of_the_redirection_is_left(void **s) {
    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
    struct pair p = enabled_pair(&cfg, 0);
    struct slice in = SLICE_LIT("\x4b\0\0\0\2\0\0\0\x12\0\0\0");
    assert_int_equal(sim_ider_input(p.side, &in, p.now), 1);
    assert_int_equal(in.n, 4);
    pair_free(&p);
}

/* --- the side is strict --- */

/* The client's messages, but with one byte changed on the way. */
static void a_client_that_errs(void **s) {
    static const struct {
        uint8_t id, at, value; /* of the first message of that id */
        const char *text;
    } rows[] = {
        {0x4b, 0, 0x46, "came from the wrong side"},       {0x4b, 0, 0x77, "there is no IDE-R message 0x77"},
        {0x4b, 4, 9, "sequence number 9 where 2 was due"}, {0x51, 3, 3, "COMMAND_END with wrong"},
        {0x51, 20, 0x83, "COMMAND_END with wrong"},        {0x51, 27, 0x50, "COMMAND_END with wrong"},
        {0x54, 3, 0, "DATA_TO_HOST with wrong"}, /* not completed, but registers say so */
        {0x54, 3, 3, "DATA_TO_HOST with wrong"}, /* DMA was not asked for */
        {0x54, 12, 0x84, "DATA_TO_HOST with wrong"},       {0x54, 16, 7, "DATA_TO_HOST with wrong"},
        {0x54, 18, 0xa0, "DATA_TO_HOST with wrong"},       {0x54, 40, 1, "the capacity"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sim_ider_config cfg = SIM_IDER_DEFAULT;
        struct pair p = enabled_pair(&cfg, 0);
        bool beat = rows[i].id == 0x4b;
        if (beat) {
            p.now = mono_add_ms(p.now, 20000);
            assert_int_equal(ider_tick(p.client, p.now), 0);
        } else {
            assert_int_equal(sim_ider_read(p.side, IDER_CD, 0, 0), 0);
        }
        for (bool changed = false; !changed;) {
            uint8_t copy[64];
            if (!beat)
                to_client(&p);
            struct slice out = ider_output(p.client);
            assert_in_range(out.n, 1, sizeof copy);
            memcpy(copy, out.p, out.n);
            if ((changed = copy[0] == rows[i].id))
                copy[rows[i].at] = rows[i].value;
            struct slice in = slice_of(copy, out.n);
            ider_sent(p.client, out.n);
            p.side_err = sim_ider_input(p.side, &in, p.now);
            assert_int_equal(p.side_err, changed ? ERR_PROTO : 0);
        }
        if (!strstr(sim_ider_error(p.side), rows[i].text))
            fail_msg("\"%s\" does not say \"%s\"", sim_ider_error(p.side), rows[i].text);
        assert_int_equal(sim_ider_tick(p.side, p.now), ERR_PROTO);
        pair_free(&p);
    }
}

/* What the device says, but with one byte changed on the way: the client does what it is told, and the side
 * sees that it is not what was asked. */
static void a_client_that_misunderstood(void **s) {
    static const struct {
        uint8_t id, at, value; /* of the first message of that id; a CDB: READ(10) */
        const char *text;
    } rows[] = {
        {0x41, 17, 0x20, "DATA_TO_HOST with wrong"},                   /* a read buffer of 8192, not 4096 */
        {0x50, 16 + 8, 1, "2048 of 4096 bytes, and it says the last"}, /* one block, not two */
        {0x50, 16 + 8, 3, "4096 of 4096 bytes, and it says more"},     /* three */
        {0x50, 16 + 0, 0x1b, "COMMAND_END is good, but"},              /* START STOP */
        {0x50, 14, 0xa0, "DATA_TO_HOST with wrong"},                   /* the other drive */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sim_ider_config cfg = SIM_IDER_DEFAULT;
        cfg.read_buffer = 4096;
        cfg.blocks_per_read = rows[i].id == 0x41 ? 16 : 2;
        struct pair p = pair_of(&cfg, IDER_NOW, 0);
        bool changed = false;
        for (int round = 0; round < 100 && p.side_err == 0; round++) {
            uint8_t copy[128];
            struct ider_ev ev;
            to_side(&p);
            struct slice in = take_piece(&p, sim_ider_output(p.side), copy, sizeof copy);
            sim_ider_sent(p.side, in.n);
            if (in.n && !changed && copy[0] == rows[i].id && (copy[0] != 0x50 || copy[16] == 0x28)) {
                copy[rows[i].at] = rows[i].value;
                changed = true;
            }
            while ((p.client_err = ider_input(p.client, &in, p.now, &ev)) == 1)
                on_event(&p, &ev);
            assert_int_equal(p.client_err, 0);
            if (sim_ider_report(p.side).drives && sim_ider_report(p.side).commands == 0)
                assert_int_equal(sim_ider_read(p.side, IDER_CD, 0, 100), 0);
        }
        assert_int_equal(p.side_err, ERR_PROTO);
        assert_true(changed);
        if (!strstr(sim_ider_error(p.side), rows[i].text))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, sim_ider_error(p.side), rows[i].text);
        pair_free(&p);
    }
}

UNIT_MAIN(T(whole_media_by_dma_and_pio), T(reads_are_sent_ahead), T(beyond_the_medium),
          T(an_unreadable_image), T(no_medium), T(refusals), T(drives_appear_at_reboot),
          T(a_reset_in_the_middle), T(an_answer_that_was_on_its_way), T(a_sequence_gap_of_the_device),
          T(an_error_of_the_device), T(heartbeats_for_an_hour), T(a_silent_client), T(both_ends_close),
          T(the_end_of_the_redirection_is_left), T(a_client_that_errs), T(a_client_that_misunderstood))
