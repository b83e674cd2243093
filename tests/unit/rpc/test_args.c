/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "rpc/amtinfo.h"
#include "rpc/args.h"
#include "rpc/exits.h"
#include "rpc/os.h"
#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

static struct rpc_args a;
static struct errinfo ei;

static int parse(char *const argv[]) {
    int n = 0;
    while (argv[n])
        n++;
    ei = (struct errinfo){0};
    return rpc_args_parse(&a, n, argv, &ei);
}
#define PARSE(...) parse((char *const[]){"rpc", __VA_ARGS__, NULL})

static void command_lines(void **s) {
    assert_int_equal(parse((char *const[]){"rpc", NULL}), 0);
    assert_int_equal(a.command, RPC_AMTINFO);
    assert_int_equal(PARSE("activate", "--url", "wss://h/activate", "--profile=p"), 0);
    assert_int_equal(a.command, RPC_ACTIVATE);
    assert_string_equal(a.value[RPC_OPT_URL], "wss://h/activate");
    assert_string_equal(a.value[RPC_OPT_PROFILE], "p");
    assert_null(a.value[RPC_OPT_FORCE]);
    assert_int_equal(PARSE("--local", "deactivate"), 0);
    assert_int_equal(PARSE("-h"), 0);
    assert_true(a.help);
}

static void wrong_command_lines(void **s) {
    assert_int_equal(PARSE("format"), ERR_INVALID);
    assert_non_null(strstr(ei.text, "\"format\""));
    assert_int_equal(PARSE("amtinfo", "more"), ERR_INVALID);
    assert_int_equal(PARSE("amtinfo", "--nothing"), ERR_INVALID);
    assert_int_equal(PARSE("amtinfo", "--url", "x"), ERR_INVALID);
    assert_string_equal(ei.field, "url");
    assert_int_equal(PARSE("activate", "--url"), ERR_INVALID);
    assert_int_equal(PARSE("activate", "--url="), ERR_INVALID);
    assert_int_equal(PARSE("activate", "--url", "x", "--url", "y"), ERR_INVALID);
    assert_int_equal(PARSE("amtinfo", "--json=yes"), ERR_INVALID);
    /* a secret has no place on the command line */
    assert_int_equal(PARSE("deactivate", "--password", "x"), ERR_INVALID);
}

static char *file_of(const char *path) {
    char *text = calloc(1, 100000);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(text, 1, 99999, f) > 0);
    fclose(f);
    return text;
}

/* docs/rpc.md has the options and exit codes of the tables */
static void help_and_document(void **s) {
    struct buf out = {0};
    rpc_help(&out);
    char *doc = file_of(SOURCE_ROOT "/docs/rpc.md"), row[256];
    for (size_t i = 0; i < rpc_exits_n; i++) {
        assert_non_null(strstr(buf_cstr(&out), rpc_exits[i].text));
        snprintf(row, sizeof row, "| %d | %s |\n", rpc_exits[i].code, rpc_exits[i].text);
        if (!strstr(doc, row))
            fail_msg("docs/rpc.md lacks: %s", row);
        assert_true(i == 0 || rpc_exits[i].code > rpc_exits[i - 1].code);
        assert_true(rpc_exits[i].code < 256);
    }
#define O(sym, name, arg, commands, help)                                                                    \
    assert_non_null(strstr(buf_cstr(&out), "--" name));                                                      \
    if (strcmp(name, "help") != 0)                                                                           \
        assert_non_null(strstr(doc, "`--" name));
    RPC_OPTION_TABLE(O)
#undef O
    free(doc);
    buf_free(&out);
}

static void exits_of_errors(void **s) {
    assert_int_equal(rpc_exit_of_mei(ERR_DENIED), 1);
    assert_int_equal(rpc_exit_of_mei(ERR_NOT_FOUND), 2);
    assert_int_equal(rpc_exit_of_mei(ERR_UNSUPPORTED), 3);
    assert_int_equal(rpc_exit_of_mei(ERR_BUSY), 4);
    assert_int_equal(rpc_exit_of_mei(ERR_NOMEM), 10);
    assert_int_equal(rpc_exit_of_mei(0), 0);
    assert_int_equal(rpc_exit_of_server(ERR_AUTH), 70);
    assert_int_equal(rpc_exit_of_server(ERR_TLS), 22);
    assert_int_equal(rpc_exit_of_server(ERR_NOT_FOUND), 20);
}

static void features_of_skus(void **s) {
    char out[64];
    amtinfo_features("16.1.25", "16392", out, sizeof out);
    assert_string_equal(out, "AMT Pro Corporate");
    amtinfo_features("12.0.6", "16400", out, sizeof out);
    assert_string_equal(out, "Intel Standard Manageability Corporate");
    amtinfo_features("5.0", "2", out, sizeof out);
    assert_string_equal(out, "iQST");
    amtinfo_features("", "x", out, sizeof out);
    assert_string_equal(out, "");
    amtinfo_features("5.0", "65535", out, 8);
    assert_int_equal(strlen(out), 7);
}

static void dns_suffixes(void **s) {
    static const char *const files[][2] = {
        {"nameserver 192.0.2.1\nsearch example.com corp.example.com\n", "example.com"},
        {"# search no.example\ndomain example.net\n", "example.net"},
        {"search .\n", ""},
        {"", ""},
    };
    char path[] = "/tmp/outband-resolv-XXXXXX", out[OS_NAME_CAP];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, files[i][0], strlen(files[i][0]), 0), strlen(files[i][0]));
        os_dns_suffix(path, out);
        assert_string_equal(out, files[i][1]);
    }
    close(fd);
    unlink(path);
    os_dns_suffix(path, out);
    assert_string_equal(out, "");
    os_host_name(out);
    assert_true(strlen(out) > 0);
}

static void networks(void **s) {
    struct os_net n;
    static const uint8_t nobody[6] = {0x02, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe};
    assert_false(os_net_of(nobody, &n));
    assert_string_equal(n.address, "");
}

UNIT_MAIN(T(command_lines), T(wrong_command_lines), T(help_and_document), T(exits_of_errors),
          T(features_of_skus), T(dns_suffixes), T(networks))
