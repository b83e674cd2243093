/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/exits.h"

const struct rpc_exit_row rpc_exits[] = {
#define X(sym, num, text) {num, text},
    RPC_EXIT_TABLE(X)
#undef X
};
const size_t rpc_exits_n = sizeof rpc_exits / sizeof *rpc_exits;

struct rule {
    int err;
    enum rpc_exit exit;
};

static enum rpc_exit look_up(const struct rule *rules, size_t n, int err) {
    for (size_t i = 0; i < n; i++)
        if (rules[i].err == err)
            return rules[i].exit;
    return err == ERR_OK ? RPC_EXIT_OK : RPC_EXIT_FAILED;
}
#define LOOK_UP(rules, err) look_up(rules, sizeof(rules) / sizeof *(rules), err)

enum rpc_exit rpc_exit_of_mei(int err) {
    static const struct rule rules[] = {
        {ERR_DENIED, RPC_EXIT_PERMISSION},  {ERR_NOT_FOUND, RPC_EXIT_NO_MEI},
        {ERR_UNSUPPORTED, RPC_EXIT_NO_AMT}, {ERR_BUSY, RPC_EXIT_NOT_READY},
        {ERR_IO, RPC_EXIT_NOT_READY},       {ERR_TIMEOUT, RPC_EXIT_NOT_READY},
        {ERR_CLOSED, RPC_EXIT_NOT_READY},   {ERR_PROTO, RPC_EXIT_NOT_READY},
    };
    return LOOK_UP(rules, err);
}

enum rpc_exit rpc_exit_of_server(int err) {
    static const struct rule rules[] = {
        {ERR_TLS, RPC_EXIT_CERTIFICATE}, {ERR_UNREACHABLE, RPC_EXIT_SERVER}, {ERR_CLOSED, RPC_EXIT_SERVER},
        {ERR_TIMEOUT, RPC_EXIT_TIMEOUT}, {ERR_PROTO, RPC_EXIT_SERVER},       {ERR_AUTH, RPC_EXIT_LOGIN},
        {ERR_DENIED, RPC_EXIT_LOGIN},    {ERR_NOT_FOUND, RPC_EXIT_URL},      {ERR_INVALID, RPC_EXIT_USAGE},
    };
    return LOOK_UP(rules, err);
}
