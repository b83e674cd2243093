/* SPDX-License-Identifier: Apache-2.0 */
/* args: rpc's commands and options: one table each, from which the command line is read and help is printed.
 * No option takes a secret: those come from files or the environment. Owner: main. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* C(SYMBOL, word, summary) */
#define RPC_COMMAND_TABLE(C)                                                                                 \
    C(AMTINFO, "amtinfo", "show what the firmware says of itself")                                           \
    C(ACTIVATE, "activate", "let a server set the firmware up")                                              \
    C(DEACTIVATE, "deactivate", "take the firmware out of management")                                       \
    C(MAINTENANCE, "maintenance", "let a server set one thing of an activated firmware right")               \
    C(VERSION, "version", "show the version of this program")
enum rpc_command {
#define C(sym, word, summary) RPC_##sym,
    RPC_COMMAND_TABLE(C)
#undef C
        RPC_COMMAND_COUNT
};
#define RPC_BIT(command) (1u << RPC_##command)
#define RPC_REMOTE       (RPC_BIT(ACTIVATE) | RPC_BIT(DEACTIVATE) | RPC_BIT(MAINTENANCE))
#define RPC_ANY          (RPC_REMOTE | RPC_BIT(AMTINFO))

/* O(SYMBOL, name, argument or "", commands that take it, help) */
#define RPC_OPTION_TABLE(O)                                                                                  \
    O(MEI, "mei", "DEVICE", RPC_ANY, "/dev/mei0, or unix:PATH; default: every /dev/mei*")                    \
    O(SYSFS, "sysfs", "DIR", RPC_REMOTE,                                                                     \
      "where the machine's SMBIOS UUID is read; default: /sys, with unix: none")                             \
    O(JSON, "json", "", RPC_ANY, "print JSON")                                                               \
    O(URL, "url", "URL", RPC_REMOTE, "the server: wss://HOST:8443/activate")                                 \
    O(PROFILE, "profile", "NAME", RPC_BIT(ACTIVATE), "the profile that the server is to set up")             \
    O(CA, "ca", "PEM", RPC_REMOTE, "file with the server's ca.pem; default: the system's")                   \
    O(CERT, "cert", "PEM", RPC_REMOTE, "file with a client certificate (an agent's)")                        \
    O(KEY, "key", "PEM", RPC_REMOTE, "file with its private key")                                            \
    O(KEY_FILE, "key-file", "FILE", RPC_REMOTE,                                                              \
      "file with an enrolment key or token; default: $OUTBAND_ENROLMENT_KEY")                                \
    O(PASSWORD_FILE, "password-file", "FILE", RPC_REMOTE,                                                    \
      "file with the AMT password, where the server does not know it; default: $AMT_PASSWORD")               \
    O(NAME, "name", "NAME", RPC_BIT(ACTIVATE), "what people are to call this node")                          \
    O(RETRIES, "retries", "N", RPC_REMOTE, "run again after a broken connection, so often; default 3")       \
    O(FORCE, "force", "", RPC_REMOTE, "the server need not know the AMT password")                           \
    O(LOCAL, "local", "", RPC_BIT(DEACTIVATE), "without a server: client control only")                      \
    O(SYNC_TIME, "synctime", "", RPC_BIT(MAINTENANCE), "set the firmware's clock")                           \
    O(SYNC_HOST_NAME, "synchostname", "", RPC_BIT(MAINTENANCE), "give it the operating system's name")       \
    O(SYNC_IP, "syncip", "", RPC_BIT(MAINTENANCE), "give it the operating system's address")                 \
    O(SYNC_DEVICE_INFO, "syncdeviceinfo", "", RPC_BIT(MAINTENANCE), "tell the server of this node again")    \
    O(CHANGE_PASSWORD, "changepassword", "", RPC_BIT(MAINTENANCE), "let the server set a new AMT password")  \
    O(HELP, "help", "", RPC_ANY | RPC_BIT(VERSION), "show this")
enum rpc_option {
#define O(sym, ...) RPC_OPT_##sym,
    RPC_OPTION_TABLE(O)
#undef O
        RPC_OPT_COUNT
};

struct rpc_args {
    enum rpc_command command; /* RPC_AMTINFO when no word was given */
    bool help;
    const char *value[RPC_OPT_COUNT]; /* NULL: not given; "" for a flag that was; borrowed from argv */
};
/* ERR_INVALID with a sentence; field: the option. */
NODISCARD int rpc_args_parse(struct rpc_args *a, int argc, char *const argv[], struct errinfo *ei);
const char *rpc_command_word(enum rpc_command c);
/* Usage, options and exit codes. */
void rpc_help(struct buf *out);
