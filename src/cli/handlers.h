/* SPDX-License-Identifier: Apache-2.0 */
/* handlers: what the command table's rows run. Each gives an exit code and has printed why when it is not 0.
 */
#pragma once

struct cli;
struct args;

#define HANDLER_TABLE(H)                                                                                     \
    H(login)                                                                                                 \
    H(logout)                                                                                                \
    H(list_host)                                                                                             \
    H(get_host)                                                                                              \
    H(create_host)                                                                                           \
    H(set_host) H(delete_host) H(doctor_host) H(doctor) H(operations) H(get_operation) H(cancel_operation)   \
        H(events) H(quarantine_list) H(quarantine_adopt) H(quarantine_deny) H(quarantine_forget)             \
            H(list_user) H(create_user) H(delete_user) H(set_password) H(summary) H(version) H(completion)   \
                H(man) H(help)

#define H(name) int cmd_##name(struct cli *c, const struct args *a);
HANDLER_TABLE(H)
#undef H
