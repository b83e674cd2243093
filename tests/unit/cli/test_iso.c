/* SPDX-License-Identifier: Apache-2.0 */
/* iso mount: the device's side is played message by message (reference protocol-redir-activation 1.5). */
#include "rig_pty.h"

#include "cli/exits.h"
#include "proto/ider_wire.h"
#include "session_rows.h"

#include <signal.h>
#include <stdlib.h>

enum { IMAGE_BYTES = 5000 }; /* three blocks of a CD, the last one not whole */
static uint8_t image[3 * IDER_CD_BLOCK];
static char image_path[128];

static void put32le(uint8_t *p, uint32_t v) {
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* A message of the device, its sequence number counted. */
static void say(struct peer *p, uint8_t *m, size_t n, uint32_t *seq) {
    put32le(m + 4, (*seq)++);
    peer_binary(p, slice_of(m, n));
}

/* The client's next message must be this one; its bytes into m. */
static bool hear(struct peer *p, uint8_t id, uint8_t *m, size_t n) {
    char line[64];
    if (!peer_read(p, m, n))
        return false;
    if (m[0] == id)
        return true;
    snprintf(line, sizeof line, "wanted message %02x, got %02x", id, m[0]);
    peer_log(p, line);
    return false;
}

static bool open_drive(struct peer *p, uint32_t *seq) {
    uint8_t m[64] = {0};
    char line[64];
    peer_text(p, HELLO);
    peer_text(p, OPEN);
    if (!hear(p, IDER_MSG_OPEN, m, IDER_LEN_OPEN))
        return false;
    uint8_t reply[IDER_LEN_OPEN_REPLY] = {IDER_MSG_OPEN_REPLY};
    reply[8] = 1;     /* protocol 1.0 */
    reply[17] = 0x20; /* 8192 bytes */
    reply[19] = 0x20;
    say(p, reply, sizeof reply, seq);
    if (!hear(p, IDER_MSG_FEATURES, m, IDER_LEN_FEATURES))
        return false;
    snprintf(line, sizeof line, "features %u %02x", m[8], m[9]);
    peer_log(p, line);
    uint8_t done[IDER_LEN_FEATURES_REPLY] = {IDER_MSG_FEATURES_REPLY};
    done[8] = IDER_OP_SET;
    done[9] = 1;
    say(p, done, sizeof done, seq);
    return true;
}

/* A packet command with a block number and a count; the client's answer into m: its whole length, 0 on end.
 */
static size_t command(struct peer *p, uint8_t device, uint8_t op, uint8_t block, uint8_t count, uint32_t *seq,
                      uint8_t *m) {
    uint8_t c[IDER_LEN_COMMAND] = {IDER_MSG_COMMAND};
    c[14] = device;
    c[15] = IDER_ATA_PACKET;
    c[16] = op;
    c[21] = block;
    c[24] = count;
    say(p, c, sizeof c, seq);
    if (!peer_read(p, m, 8))
        return 0;
    size_t n = m[0] == IDER_MSG_COMMAND_END ? IDER_LEN_COMMAND_END : IDER_LEN_DATA_TO_HOST;
    if (!peer_read(p, m + 8, n - 8))
        return 0;
    size_t tail = m[0] == IDER_MSG_DATA_TO_HOST ? (size_t)(m[9] | m[10] << 8) : 0;
    return peer_read(p, m + n, tail) ? n + tail : 0;
}

static void check_read(struct peer *p, uint8_t block, uint8_t count, uint32_t *seq) {
    uint8_t m[20000];
    size_t n = command(p, IDER_DEV_CD, 0x28, block, count, seq, m), want = (size_t)count * IDER_CD_BLOCK;
    bool same = n == IDER_LEN_DATA_TO_HOST + want &&
                memcmp(m + IDER_LEN_DATA_TO_HOST, image + (size_t)block * IDER_CD_BLOCK, want) == 0;
    peer_log(p, same ? "the right blocks" : "wanted other blocks");
}

static void reads(struct peer *p) {
    uint32_t seq = 0;
    uint8_t m[256];
    if (!open_drive(p, &seq))
        return;
    (void)command(p, IDER_DEV_CD, 0x00, 0, 0, &seq, m); /* unit attention: the medium is new */
    size_t n = command(p, IDER_DEV_CD, 0x25, 0, 0, &seq, m);
    bool capacity = n == IDER_LEN_DATA_TO_HOST + 8 && memcmp(m + n - 8, "\0\0\0\2\0\0\x08\0", 8) == 0;
    peer_log(p, capacity ? "the right capacity" : "wanted another capacity");
    check_read(p, 0, 1, &seq);
    check_read(p, 1, 2, &seq);
    peer_pause(p, 1200); /* a progress line */
    peer_log(p, "the node is through");
    peer_wait_close(p);
}

static unsigned count_of(const char *text) {
    unsigned n = 0;
    for (const char *at = rig.log; (at = strstr(at, text)) != NULL; at++)
        n++;
    return n;
}

static void no_complaint(void) {
    if (strstr(rig.log, "ws: wanted") || strstr(rig.log, "too little"))
        fail_msg("%s", rig.log);
}

static void blocks_are_served_until_interrupted(void **state) {
    static const struct script rows[] = {ROWS_READY("ider", reads), {0}};
    pty_start(rows, "iso", "mount", "host", "n1", image_path, NULL);
    pty_expect("node003 has ");
    pty_expect("(5.0 kB) as its CD; Ctrl-C ejects it");
    pty_expect("node003: 6.1 kB read, ");
    pty_type("\003");
    pty_expect("node003: ejected; the node read 6.1 kB");
    assert_int_equal(pty_end(), EXIT_OK);
    no_complaint();
    if (count_of("ws: the right blocks") != 2 || count_of("ws: the right capacity") != 1)
        fail_msg("%s", rig.log);
    assert_int_equal(count_of("DELETE " H "/sessions/ses-1\n"), 1);
    assert_non_null(strstr(rig.log, "ws: features 3 19\n")); /* set, enable at once */
    assert_non_null(strstr(rig.log, "{\"kind\":\"ider\"}"));
}

static void ejected(struct peer *p) {
    uint32_t seq = 0;
    if (open_drive(p, &seq))
        peer_close(p, 4001, "Stopped by admin");
    peer_wait_close(p);
}

static void ejected_from_elsewhere(void **state) {
    static const struct script rows[] = {ROWS_READY("ider", ejected), {0}};
    rig_run(rows, "iso", "mount", "n1", image_path, "--when", "reboot", NULL);
    rig_expect(EXIT_OK, "", "node003: Stopped by admin\norch-cli: node003: ejected");
    assert_non_null(strstr(rig.err, "as its CD from its next start on"));
    assert_non_null(strstr(rig.log, "ws: features 3 09\n"));
    rig_run(rows, "iso", "mount", "n1", image_path, "--when", "graceful", "--floppy", NULL);
    rig_expect(EXIT_OK, "", "as its floppy");
    assert_non_null(strstr(rig.log, "ws: features 3 11\n"));
}

static void cut_short(struct peer *p) {
    uint32_t seq = 0;
    if (open_drive(p, &seq))
        check_read(p, 2, 1, &seq);
}

/* A new stream begins with a new 0x40: the firmware knows nothing of the one before. */
static void taken_up_again(void **state) {
    static const struct script rows[] = {
        ROW_TICKET,
        {.method = "GET", .target = H "/sessions/ses-1/stream", .status = 101, .play = cut_short, .times = 1},
        ROW_STREAM(ejected),
        ROW_GET(SES("ider", "interrupted")),
        ROW_DELETE,
        ROW_POST(SES("ider", "ready")),
        {0}};
    rig_run(rows, "iso", "mount", "n1", image_path, NULL);
    rig_expect(EXIT_OK, "", "taking the IDE-R session up again");
    assert_non_null(strstr(rig.err, "back after "));
    assert_non_null(strstr(rig.err, "the node read 2.0 kB"));
    assert_int_equal(count_of("ws: features 3 19\n"), 2);
    no_complaint();
}

static void refuses(struct peer *p) {
    uint8_t m[64], reply[IDER_LEN_OPEN_REPLY] = {IDER_MSG_OPEN_REPLY, 1};
    uint32_t seq = 0;
    peer_text(p, OPEN);
    if (hear(p, IDER_MSG_OPEN, m, IDER_LEN_OPEN))
        say(p, reply, sizeof reply, &seq);
    peer_wait_close(p);
}

static void what_stops_it(void **state) {
    static const struct script rows[] = {ROWS_READY("ider", refuses), {0}};
    rig_run(rows, "iso", "mount", "n1", image_path, NULL);
    assert_int_not_equal(rig.code, EXIT_OK);
    rig_expect(rig.code, "", "orch-cli: node003: ");
    assert_int_equal(count_of("DELETE " H "/sessions/ses-1\n"), 1);
    /* nothing is asked for an image that is none */
    rig_run(rows, "iso", "mount", "n1", "/nonexistent.iso", NULL);
    rig_expect(EXIT_USAGE, "", "cannot open /nonexistent.iso: No such file or directory");
    assert_string_equal(rig.log, "");
    rig_run(rows, "iso", "mount", "n1", rig_file("empty.iso", ""), NULL);
    rig_expect(EXIT_USAGE, "", "empty.iso is empty");
    rig_run(rows, "iso", "mount", "n1", NULL);
    rig_expect(EXIT_USAGE, "", "usage: orch-cli iso mount [host] HOST FILE");
    rig_run(rows, "iso", "mount", "n1", "a", "b", NULL);
    rig_expect(EXIT_USAGE, "", "usage: orch-cli iso mount [host] HOST FILE");
}

static int begin(void **state) {
    snprintf(image_path, sizeof image_path, "%s/rescue.iso", rig.dir);
    FILE *f = fopen(image_path, "w");
    for (size_t i = 0; i < IMAGE_BYTES; i++)
        image[i] = (uint8_t)(i * 11 + i / 255);
    return f && fwrite(image, 1, IMAGE_BYTES, f) == IMAGE_BYTES && fclose(f) == 0 ? 0 : -1;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        T(blocks_are_served_until_interrupted),
        T(ejected_from_elsewhere),
        T(taken_up_again),
        T(what_stops_it),
    };
    if (argc < 2 || rig_begin(argv[1]) < 0)
        return 99;
    int failed = cmocka_run_group_tests(tests, begin, NULL);
    return failed + (rig_end() != 0);
}
