/* SPDX-License-Identifier: Apache-2.0 */
/* What programs at a simulated node find in their file system. */
#include "base/file.h"
#include "sim/nodefs.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct bench {
    char dir[32];
    struct loop *loop;
    struct sim_fleet *fleet;
    struct sim_node *node;
    unsigned changed;
};

static void on_identity(void *ctx, struct sim_node *n) {
    struct bench *b = ctx;
    struct errinfo ei;
    b->changed++;
    assert_int_equal(nodefs_write(b->dir, n, &ei), 0);
}

static void make(struct bench *b) {
    *b = (struct bench){.dir = "/tmp/nodefs-XXXXXX", .loop = loop_new()};
    assert_non_null(mkdtemp(b->dir));
    struct sim_fleet_config f = {.loop = b->loop,
                                 .server = "127.0.0.1:1",
                                 .times = SIM_TIMES_INSTANT,
                                 .seed = 1,
                                 .ctx = b,
                                 .on_identity = on_identity};
    b->fleet = sim_fleet_new(&f);
    struct sim_node_config c = {.profile = SIM_A18, .board_vendor = "Simulated", .board = "SIM-1"};
    sim_identity_make(&c.id, 1, "node", 1);
    b->node = sim_node_new(b->fleet, &c);
}

static void unmake(struct bench *b) {
    char command[64];
    sim_node_free(&b->node);
    sim_fleet_free(&b->fleet);
    loop_free(&b->loop);
    snprintf(command, sizeof command, "rm -r %s", b->dir);
    assert_int_equal(system(command), 0);
}

/* The text of a file of the node's tree, without its newline; to be freed. */
static char *text_of(const struct bench *b, const char *name) {
    char path[256], *text = NULL;
    size_t n;
    struct errinfo ei = {0};
    snprintf(path, sizeof path, "%s/node001.sys/%s", b->dir, name);
    assert_int_equal(file_read(path, 4096, &text, &n, &ei), 0);
    text[strcspn(text, "\n")] = 0;
    return text;
}
static void expect(const struct bench *b, const char *name, const char *expected) {
    char *text = text_of(b, name);
    assert_string_equal(text, expected);
    free(text);
}

static void the_tree_tells_the_machine(void **state) {
    struct bench b;
    struct errinfo ei = {0};
    char uuid[UUID_TEXT_CAP], path[128];
    struct stat st;
    make(&b);
    assert_int_equal(nodefs_dir(b.dir, &ei), 0);
    assert_int_equal(nodefs_open(b.dir, b.node, &ei), 0);
    const struct sim_identity *id = &sim_node_config(b.node)->id;
    expect(&b, "class/dmi/id/product_uuid", uuid_text(id->smbios, uuid));
    expect(&b, "class/dmi/id/product_serial", id->serial);
    expect(&b, "class/dmi/id/board_vendor", "Simulated");
    expect(&b, "class/mei/mei0/fw_ver", "0:18.0.10.2285");
    expect(&b, "class/tty/ttyS4/device/vendor", "0x8086"); /* by its link */
    expect(&b, "class/tty/ttyS4/device/class", "0x070002");
    snprintf(path, sizeof path, "%s/node001", b.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    /* changes show at once */
    struct uuid u;
    assert_true(uuid_parse(SLICE_LIT("11111111-2222-3333-4444-555555555555"), &u));
    sim_node_set_smbios(b.node, u);
    sim_node_set_board(b.node, SLICE_LIT("OnLogic"), SLICE_LIT("K804"));
    assert_int_equal(b.changed, 2);
    expect(&b, "class/dmi/id/product_uuid", "11111111-2222-3333-4444-555555555555");
    expect(&b, "class/dmi/id/board_vendor", "OnLogic");
    expect(&b, "class/dmi/id/board_name", "K804");
    unmake(&b);
}

static void what_cannot_be_written_is_told(void **state) {
    struct bench b;
    struct errinfo ei = {0};
    make(&b);
    assert_int_equal(nodefs_dir("/no/such/dir", &ei), ERR_IO);
    assert_non_null(strstr(ei.text, "/no/such/dir"));
    assert_int_equal(nodefs_write("/no/such/dir", b.node, &ei), ERR_IO);
    assert_true(nodefs_open("/no/such/dir", b.node, &ei) < 0);
    unmake(&b);
}

UNIT_MAIN(T(the_tree_tells_the_machine), T(what_cannot_be_written_is_told))
