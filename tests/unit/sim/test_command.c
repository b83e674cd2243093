/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/command.h"
#include "sim/node_int.h"
#include "unit.h"

enum { NODES = 3 };
struct bench {
    struct loop *loop;
    struct sim_fleet *fleet;
    struct sim_node *nodes[NODES];
};

static void make(struct bench *b) {
    *b = (struct bench){.loop = loop_new()};
    assert_non_null(b->loop);
    struct sim_fleet_config f = {
        .loop = b->loop, .server = "127.0.0.1:1", .times = SIM_TIMES_INSTANT, .seed = 1};
    b->fleet = sim_fleet_new(&f);
    for (uint32_t i = 0; i < NODES; i++) {
        struct sim_node_config c = {.me_in_sleep = true, .mode = SIM_CCM};
        sim_identity_make(&c.id, 1, "node", i + 1);
        b->nodes[i] = sim_node_new(b->fleet, &c);
    }
}

static void unmake(struct bench *b) {
    for (int i = 0; i < NODES; i++)
        sim_node_free(&b->nodes[i]);
    sim_fleet_free(&b->fleet);
    loop_free(&b->loop);
}

/* Run a line as the control socket does, the nodes spread over two parts; the reply into out. */
static const char *reply(struct bench *b, const char *line, struct buf *out) {
    struct errinfo ei = {0};
    struct sim_cmd parsed, cmd;
    buf_clear(out);
    if (sim_cmd_parse(&parsed, slice_str(line), &ei) < 0) {
        buf_putf(out, "error %s\n", ei.text);
        return buf_cstr(out);
    }
    sim_cmd_copy(&cmd, &parsed);
    memset(&parsed, 0xa5, sizeof parsed); /* the copy stands alone */
    struct sim_node *odd[] = {b->nodes[0], b->nodes[2]}, *even[] = {b->nodes[1]};
    struct sim_cmd_result r = {0}, more = {0};
    sim_cmd_run(&cmd, odd, 2, 1, 2, &r);
    sim_cmd_run(&cmd, even, 1, 2, 2, &more);
    sim_cmd_merge(&r, &more);
    sim_cmd_reply(&cmd, &r, out);
    sim_cmd_result_free(&r);
    return buf_cstr(out);
}

static void nodes_are_chosen(void **state) {
    static const struct {
        const char *line, *end;
    } CASES[] = {
        {"list", "ok 3 nodes\n"},
        {"list *", "ok 3 nodes\n"},
        {"list 2", "ok 1 node\n"},
        {"list 2-3", "ok 2 nodes\n"},
        {"list 2-99", "ok 2 nodes\n"},
        {"list node003", "ok 1 node\n"},
        {"  list \t node003 \r\n", "ok 1 node\n"},
        {"list 4", "error there are no such nodes\n"},
        {"list node004", "error there is no node \"node004\"\n"},
    };
    struct bench b;
    struct buf out = {0};
    make(&b);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const char *text = reply(&b, CASES[i].line, &out), *last = strrchr(text, '\t');
        last = last ? strchr(last, '\n') + 1 : text;
        assert_string_equal(last, CASES[i].end);
    }
    buf_free(&out);
    unmake(&b);
}

static void bad_words_get_a_sentence(void **state) {
    static const struct {
        const char *line, *reply;
    } CASES[] = {
        {"", "error a command is missing; help lists them\n"},
        {"jump 1", "error there is no command \"jump\"; help lists them\n"},
        {"state", "error usage: state NODES\n"},
        {"os-shutdown", "error usage: os-shutdown NODES\n"},
        {"state 1 2", "error usage: state NODES\n"},
        {"help me", "error usage: help\n"},
        {"blackhole 1", "error usage: blackhole NODES on|off\n"},
        {"state 3-2", "error \"3-2\" is no range of nodes: give a-b, counted from 1\n"},
        {"state 0", "error \"0\" is no range of nodes: give a-b, counted from 1\n"},
        {"state 1-x", "error \"1-x\" is no range of nodes: give a-b, counted from 1\n"},
        {"blackhole 1 maybe", "error node001: blackhole: \"maybe\" is not one of on, off\n"},
        {"fault 1 warp", "error node001: there is no fault \"warp\"; help lists them\n"},
        {"fault 1 lie 3", "error node001: fault lie takes on or off, not \"3\"\n"},
        {"fault 1 refuse-power 0",
         "error node001: fault refuse-power takes a number above 0, on or off, not \"0\"\n"},
        {"fault * warp", "error 3 of 3 nodes failed; node001: there is no fault \"warp\"; help lists them\n"},
        {"uuid 1 xyz", "error node001: uuid: \"xyz\" is not one of a UUID, placeholder, swapped\n"},
        {"smbios 1 xyz", "error node001: smbios: \"xyz\" is not one of a UUID\n"},
        {"board 1 ASRock", "error usage: board NODES VENDOR NAME\n"},
        {"amt 1 maybe", "error node001: amt: \"maybe\" is not one of on, off, bios-on, bios-off\n"},
        {"foreign 1 h:0", "error node001: the other server is HOST or HOST:PORT\n"},
        {"foreign 1 h tcm", "error node001: foreign: \"tcm\" is not one of ccm, acm\n"},
        {"prov-drop 1", "error usage: prov-drop NODES STEP|none [before|after] [TIMES]\n"},
        {"prov-drop 1 setup later", "error node001: prov-drop: \"later\" is not one of before, after\n"},
        {"prov-drop 1 setup after x",
         "error node001: prov-drop: \"x\" is not one of how many times (0: each time)\n"},
        {"prov-wrong 1 setup much", "error node001: prov-wrong: \"much\" is not one of a ReturnValue\n"},
        {"latency 1 9-1", "error node001: latency: \"9-1\" is not one of MIN-MAX with MIN <= MAX\n"},
        {"consent-policy 1 some", "error node001: consent-policy: \"some\" is not one of none, kvm, all\n"},
        {"consent 1 policy", "error node001: consent: \"policy\" is not one of show, code\n"},
        {"consent 1 code", "error node001: no code is on the screen\n"},
        {"consent-code 1 12345", "error node001: consent-code: \"12345\" is not one of six digits\n"},
        {"consent-code 1 1234567", "error node001: consent-code: \"1234567\" is not one of six digits\n"},
        {"session-close 1 sol", "error node001: no SOL session is open\n"},
        {"busy 1 vga on", "error node001: busy: \"vga\" is not one of kvm, sol, ider\n"},
        {"getty 1 maybe", "error node001: getty: \"maybe\" is not one of on, off\n"},
        {"kvm 1 size 5000x1", "error node001: kvm: \"5000x1\" is not one of WIDTHxHEIGHT up to 4096x4096\n"},
        {"kvm 1 size 640x", "error node001: kvm: \"640x\" is not one of WIDTHxHEIGHT up to 4096x4096\n"},
        {"kvm 1 colour on", "error node001: kvm: \"colour\" is not one of size, still, padded\n"},
        {"kvm-fault 1 smoke", "error node001: there is no KVM fault \"smoke\"; help lists them\n"},
        {"ider 1 eat", "error node001: ider: \"eat\" is not one of show, read, dma, skip, error\n"},
        {"ider 1 read tape", "error node001: ider: \"tape\" is not one of cd, floppy\n"},
        {"ider 1 read cd x", "error node001: ider: \"x\" is not one of a number of blocks\n"},
        {"ider 1 read cd", "error node001: no IDE-R session is open\n"},
        {"consent-times 1 0 9", "error node001: consent-times: \"0\" is not one of seconds from 1 to 3600\n"},
        {"consent-times 1 9", "error usage: consent-times NODES REUSE DISPLAY\n"},
        {"os-boot 1", "error node001: not possible now: the host is in S0, the tunnel is not up\n"},
        {"power-cut 1 softly", "error node001: power-cut: \"softly\" is not one of rst\n"},
        {"a b c d e f g h", "error there is no command \"a\"; help lists them\n"},
        {"list 1 2 3 4 5 6 7", "error usage: list [NODES]\n"},
    };
    struct bench b;
    struct buf out = {0};
    make(&b);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        assert_string_equal(reply(&b, CASES[i].line, &out), CASES[i].reply);
    char endless[2 * SIM_CMD_LINE_MAX];
    memset(endless, 'x', sizeof endless);
    endless[sizeof endless - 1] = 0;
    assert_string_equal(reply(&b, endless, &out), "error the line is longer than 511 bytes\n");
    struct sim_cmd c;
    struct errinfo ei = {0};
    assert_int_equal(sim_cmd_parse(&c, slice_of("li\0st", 5), &ei), ERR_INVALID);
    buf_free(&out);
    unmake(&b);
}

static void commands_act(void **state) {
    struct bench b;
    struct buf out = {0};
    make(&b);
    assert_string_equal(reply(&b, "os-shutdown 1-2", &out), "ok 2 nodes\n");
    assert_int_equal(sim_node_machine(b.nodes[0])->state, MACHINE_S5);
    assert_int_equal(sim_node_machine(b.nodes[1])->state, MACHINE_S5);
    assert_int_equal(sim_node_machine(b.nodes[2])->state, MACHINE_S0);
    assert_string_equal(reply(&b, "os-boot 1", &out), "ok 1 node\n");
    assert_string_equal(reply(&b, "power-button node002", &out), "ok 1 node\n");
    assert_int_equal(sim_node_machine(b.nodes[1])->state, MACHINE_S0);
    assert_string_equal(reply(&b, "os-hibernate 3", &out), "ok 1 node\n");
    assert_int_equal(sim_node_machine(b.nodes[2])->state, MACHINE_S4);
    assert_string_equal(reply(&b, "state 3", &out),
                        "\tnode003 host=S4 cim=7 requests=0 refused=0 hibernate=1\nok 1 node\n");
    assert_string_equal(reply(&b, "bios 3 after-power-loss=off", &out), "ok 1 node\n");
    assert_string_equal(reply(&b, "power-cut 3", &out), "ok 1 node\n");
    assert_int_equal(sim_node_machine(b.nodes[2])->state, MACHINE_G3);
    assert_string_equal(reply(&b, "power-restore 3", &out), "ok 1 node\n");
    assert_int_equal(sim_node_machine(b.nodes[2])->state, MACHINE_S5);
    assert_non_null(strstr(reply(&b, "log 3 1", &out), "power-restore G3->S5 local\nok 1 node\n"));
    assert_string_equal(reply(&b, "bios * me-in-sleep=off", &out), "ok 3 nodes\n");
    assert_false(sim_node_config(b.nodes[0])->me_in_sleep);
    assert_string_equal(reply(&b, "uuid 1 placeholder", &out), "ok 1 node\n");
    assert_true(uuid_is_placeholder(sim_node_config(b.nodes[0])->id.uuid));
    struct uuid before = sim_node_config(b.nodes[1])->id.uuid;
    assert_string_equal(reply(&b, "uuid 2 swap", &out), "ok 1 node\n");
    assert_true(uuid_eq(sim_node_config(b.nodes[1])->id.uuid, uuid_swap(before)));
    assert_string_equal(reply(&b, "lms * off", &out), "ok 3 nodes\n");
    assert_false(sim_node_machine(b.nodes[0])->lms);
    assert_string_equal(reply(&b, "latency 1 5-9", &out), "ok 1 node\n");
    assert_string_equal(reply(&b, "latency 1 default", &out), "ok 1 node\n");
    assert_string_equal(reply(&b, "fault 1 slow-drip 7", &out), "ok 1 node\n");
    assert_true(sim_fault_on(sim_node_faults(b.nodes[0]), SIM_FAULT_SLOW_DRIP));
    assert_int_equal(sim_node_faults(b.nodes[0])->arg[SIM_FAULT_SLOW_DRIP], 7);
    assert_non_null(strstr(reply(&b, "list 1", &out), " fault=slow-drip"));
    assert_string_equal(reply(&b, "fault 1 slow-drip off", &out), "ok 1 node\n");
    assert_int_equal(sim_node_faults(b.nodes[0])->on, 0);
    assert_string_equal(reply(&b, "consent-policy 1 kvm", &out), "ok 1 node\n");
    assert_string_equal(reply(&b, "consent 1 show", &out),
                        "\tnode001 state=not-started required=kvm\nok 1 node\n");
    assert_string_equal(reply(&b, "consent-code * 012345", &out), "ok 3 nodes\n");
    for (int i = 0; i < 2; i++)
        assert_int_equal(node_consent_start(b.nodes[i], loop_now(b.loop)), 0);
    assert_string_equal(reply(&b, "consent 1-2 code", &out), "\t012345\n\t012345\nok 2 nodes\n");
    assert_non_null(strstr(reply(&b, "consent 1", &out), "state=displayed required=kvm code=012345 "));
    assert_string_equal(reply(&b, "busy 1 sol on", &out), "ok 1 node\n");
    assert_int_equal(b.nodes[0]->redir.busy, 1u << REDIR_SOL);
    assert_string_equal(reply(&b, "busy 1 sol off", &out), "ok 1 node\n");
    assert_int_equal(b.nodes[0]->redir.busy, 0);
    assert_string_equal(reply(&b, "getty 2 off", &out), "ok 1 node\n");
    assert_true(b.nodes[1]->redir.no_getty);
    assert_string_equal(reply(&b, "kvm 2 size 1366x768", &out), "ok 1 node\n");
    assert_int_equal(b.nodes[1]->redir.kvm.w, 1366);
    assert_int_equal(b.nodes[1]->redir.kvm.h, 768);
    assert_string_equal(reply(&b, "kvm 2 still on", &out), "ok 1 node\n");
    assert_string_equal(reply(&b, "kvm 2 padded on", &out), "ok 1 node\n");
    assert_true(b.nodes[1]->redir.kvm.still && b.nodes[1]->redir.kvm.padded);
    assert_string_equal(reply(&b, "kvm-fault 2 truncate", &out), "ok 1 node\n");
    assert_int_equal(b.nodes[1]->redir.kvm.faults, 1u << SIM_KVM_FAULT_TRUNCATE);
    assert_string_equal(reply(&b, "kvm-fault 2 truncate off", &out), "ok 1 node\n");
    assert_int_equal(b.nodes[1]->redir.kvm.faults, 0);
    assert_string_equal(reply(&b, "ider 2 dma on", &out), "ok 1 node\n");
    assert_true(b.nodes[1]->redir.ider_dma);
    assert_string_equal(reply(&b, "ider 2 show", &out), "\tnode002 no-session\nok 1 node\n");
    assert_string_equal(reply(&b, "sessions *", &out), "ok 3 nodes\n");
    assert_string_equal(reply(&b, "consent-times 1 7 20", &out), "ok 1 node\n");
    assert_int_equal(b.nodes[0]->optin.code_s, 7);
    assert_int_equal(b.nodes[0]->optin.display_s, 20);
    assert_string_equal(reply(&b, "session 1 on queue", &out), "ok 1 node\n");
    assert_true(sim_node_machine(b.nodes[0])->blocks_off);
    const char *stats = reply(&b, "stats", &out);
    assert_non_null(strstr(stats, "ok connected=0 connects=0"));
    assert_non_null(strstr(stats, " shutdown=2 remote-shutdown=0"));
    assert_non_null(strstr(stats, " power-on=2 "));
    buf_free(&out);
    unmake(&b);
}

static void help_names_every_fault(void **state) {
    struct buf out = {0};
    assert_int_equal(sim_cmd_help(&out), 0);
    for (int f = 0; f < SIM_FAULT_COUNT; f++) {
        assert_non_null(strstr(buf_cstr(&out), sim_fault_name((enum sim_fault)f)));
        assert_int_equal(sim_fault_find(slice_str(sim_fault_name((enum sim_fault)f))), f);
        assert_true(f < SIM_FAULT_ARGS || !sim_fault_arg_name((enum sim_fault)f));
    }
    for (int f = 0; f < SIM_KVM_FAULT_COUNT; f++)
        assert_non_null(strstr(buf_cstr(&out), sim_kvm_fault_name((enum sim_kvm_fault)f)));
    buf_free(&out);
}

static void set_up_is_told_and_changed(void **state) {
    static const struct {
        const char *line, *part;
    } CASES[] = {
        {"prov 1",
         "node001 mode=ccm state=post setups=0 admin-setups=0 upgrades=0 unprovisions=0 mps=127.0.0.1:1"},
        {"secrets 1", "node001 amt-user=admin realm=Digest:"},
        {"secrets 1", " mebx=none cira-user="},
        {"foreign 1 mps.example", "ok 1 node\n"},
        {"prov 1",
         "mode=acm state=post setups=0 admin-setups=0 upgrades=0 unprovisions=0 mps=mps.example:4433"},
        {"foreign 1 mps.example:99 ccm", "ok 1 node\n"},
        {"prov 1", "mode=ccm"},
        {"suffix 1 dhcp acme.example", "ok 1 node\n"},
        {"prov 1", "mebx-suffix=none dhcp-suffix=acme.example"},
        {"suffix 1 wlan acme.example", "\"wlan\" is not one of mebx, dhcp\n"},
        {"amt 1 off", "ok 1 node\n"},
        {"prov 1", "amt=off"},
        {"amt 1 bios-off", "ok 1 node\n"},
        {"prov 1", "amt=bios-off"},
        {"prov-drop 1 AdminSetup after", "ok 1 node\n"},
        {"prov 1", "fault=prov-drop:AdminSetup"},
        {"prov-wrong 1 setup 5 2", "ok 1 node\n"},
        {"prov 1", "fault=prov-wrong:setup"},
        {"prov-garbage 1 none", "ok 1 node\n"},
        {"uuid 1 swapped", "ok 1 node\n"},
        {"smbios 1 11111111-2222-3333-4444-555555555555", "ok 1 node\n"},
        {"board 1 ASRock IMB-1", "ok 1 node\n"},
        {"help", "steps of set-up (or a class, a method, Class.Method):"},
    };
    struct bench b;
    struct buf out = {0};
    make(&b);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        assert_non_null(strstr(reply(&b, CASES[i].line, &out), CASES[i].part));
    assert_null(strstr(reply(&b, "prov 1", &out), "fault="));
    assert_string_equal(sim_node_config(b.nodes[0])->board, "IMB-1");
    buf_free(&out);
    unmake(&b);
}

UNIT_MAIN(T(set_up_is_told_and_changed), T(nodes_are_chosen), T(bad_words_get_a_sentence), T(commands_act),
          T(help_names_every_fault))
