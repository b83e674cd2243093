/* SPDX-License-Identifier: Apache-2.0 */
/* exits: what rpc tells the shell; printed by rpc --help and docs/rpc.md. Numbers as the programs around know
 * them (reference device-management-toolkit, Appendix B); 73 and 74 are ours. */
#pragma once

#include "base/err.h"

/* X(SYMBOL, number, meaning) */
#define RPC_EXIT_TABLE(X)                                                                                    \
    X(OK, 0, "done")                                                                                         \
    X(PERMISSION, 1, "the management engine's device may not be opened: not root")                           \
    X(NO_MEI, 2, "no management engine device: no driver")                                                   \
    X(NO_AMT, 3, "the management engine has no AMT")                                                         \
    X(NOT_READY, 4, "the firmware does not answer, resets, or is in use by another program")                 \
    X(FAILED, 10, "it was tried and failed")                                                                 \
    X(URL, 20, "--url is missing or wrong")                                                                  \
    X(PROFILE, 21, "--profile is missing or wrong")                                                          \
    X(CERTIFICATE, 22, "the server's certificate is not to be trusted")                                      \
    X(PASSWORD, 23, "a password is missing or cannot be read")                                               \
    X(USAGE, 28, "the command line is wrong")                                                                \
    X(FILE, 34, "a file given cannot be read or holds something else")                                       \
    X(UUID, 37, "the firmware's UUID is one that many machines share, and nothing else says which it is")    \
    X(LOGIN, 70, "the server does not know this key, token or certificate")                                  \
    X(LOCAL, 71, "the firmware's web server cannot be reached at the node")                                  \
    X(SERVER, 73, "the server cannot be reached, or hung up")                                                \
    X(TIMEOUT, 74, "the server did not answer in time")                                                      \
    X(ACTIVATION, 102, "the activation failed")                                                              \
    X(CANNOT_DEACTIVATE, 109, "not possible at the node: admin control")                                     \
    X(DEACTIVATION, 110, "the deactivation failed")                                                          \
    X(NOT_ACTIVATED, 115, "the firmware is not activated")                                                   \
    X(SYNC_TIME, 150, "the clock was not set")                                                               \
    X(SYNC_HOST_NAME, 151, "the host name was not set")                                                      \
    X(SYNC_IP, 152, "the address was not set")                                                               \
    X(CHANGE_PASSWORD, 153, "the password was not changed")                                                  \
    X(SYNC_DEVICE_INFO, 154, "the server was not told")
enum rpc_exit {
#define X(sym, num, text) RPC_EXIT_##sym = (num),
    RPC_EXIT_TABLE(X)
#undef X
};
struct rpc_exit_row {
    int code;
    const char *text;
};
extern const struct rpc_exit_row rpc_exits[];
extern const size_t rpc_exits_n;

/* For an error at the firmware's interfaces (mei.h, fw.h, local.h). */
enum rpc_exit rpc_exit_of_mei(int err);
/* For an error on the way to the server. */
enum rpc_exit rpc_exit_of_server(int err);
