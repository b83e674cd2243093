/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/commands.h"

#include "rpc/amtinfo.h"
#include "rpc/args.h"
#include "rpc/exits.h"

#include <stdlib.h>

struct run {
    const struct rpc_args *args;
    FILE *out, *err;
};

static void print(FILE *to, struct buf *text) {
    fwrite(buf_slice(text).p, 1, text->len, to);
    buf_free(text);
}

static int fail(const struct run *r, const struct errinfo *ei, enum rpc_exit code) {
    fprintf(r->err, "rpc: %s%s\n", ei->text,
            ei->text[0] && ei->text[strlen(ei->text) - 1] != '.' && *ei->remedy ? "." : "");
    if (*ei->remedy)
        fprintf(r->err, "  %s\n", ei->remedy);
    return (int)code;
}

static int amtinfo(const struct run *r) {
    struct errinfo ei = {0};
    struct buf text = {0};
    struct fw *f = fw_new(r->args->value[RPC_OPT_MEI]);
    struct amtinfo *info = calloc(1, sizeof *info);
    int rc = f && info ? amtinfo_read(info, f, &ei) : err_set(&ei, ERR_NOMEM, "", "out of memory");
    if (rc == 0) {
        (r->args->value[RPC_OPT_JSON] ? amtinfo_json : amtinfo_text)(info, &text);
        print(r->out, &text);
    }
    free(info);
    fw_free(&f);
    return rc < 0 ? fail(r, &ei, rpc_exit_of_mei(rc)) : RPC_EXIT_OK;
}

static int version(const struct run *r) {
    fputs("rpc " OUTBAND_VERSION "\n", r->out);
    return RPC_EXIT_OK;
}

static int (*const RUN[RPC_COMMAND_COUNT])(const struct run *) = {
    [RPC_AMTINFO] = amtinfo,
    [RPC_VERSION] = version,
};

int rpc_main(int argc, char *const argv[], FILE *out, FILE *err) {
    struct rpc_args args;
    struct errinfo ei = {0};
    const struct run r = {.args = &args, .out = out, .err = err};
    int rc = rpc_args_parse(&args, argc, argv, &ei);
    if (rc < 0)
        return fail(&r, &ei, RPC_EXIT_USAGE);
    if (args.help) {
        struct buf text = {0};
        rpc_help(&text);
        print(out, &text);
        return RPC_EXIT_OK;
    }
    int code = RUN[args.command](&r);
    if (fflush(out) != 0 && code == RPC_EXIT_OK)
        code = RPC_EXIT_FAILED;
    return code;
}
