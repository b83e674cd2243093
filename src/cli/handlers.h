/* SPDX-License-Identifier: Apache-2.0 */
/* handlers: what the command table's rows run. Each gives an exit code and has printed why when it is not 0.
 * Main thread. */
#pragma once

#include <stdbool.h>

struct cli;
struct args;

int cmd_login(struct cli *c, const struct args *a);
int cmd_logout(struct cli *c, const struct args *a);
int cmd_list_host(struct cli *c, const struct args *a);
int cmd_get_host(struct cli *c, const struct args *a);
int cmd_create_host(struct cli *c, const struct args *a);
int cmd_set_host(struct cli *c, const struct args *a);
int cmd_set_session(struct cli *c, const struct args *a); /* set host, when session_options_given() */
bool session_options_given(const struct args *a);
int cmd_list_session(struct cli *c, const struct args *a);
int cmd_iso_mount(struct cli *c, const struct args *a);
int cmd_iso_eject(struct cli *c, const struct args *a);
int cmd_import_host(struct cli *c, const struct args *a);
int cmd_merge_host(struct cli *c, const struct args *a);
int cmd_split_host(struct cli *c, const struct args *a);
int cmd_report_compliance(struct cli *c, const struct args *a);
int cmd_deauthorize_host(struct cli *c, const struct args *a);
int cmd_rotate_host(struct cli *c, const struct args *a);
int cmd_get_provisioning(struct cli *c, const struct args *a);
int cmd_delete_provisioning(struct cli *c, const struct args *a);
int cmd_delete_host(struct cli *c, const struct args *a);
int cmd_delete_agent(struct cli *c, const struct args *a);
int cmd_doctor_host(struct cli *c, const struct args *a);
int cmd_doctor(struct cli *c, const struct args *a);
int cmd_operations(struct cli *c, const struct args *a);
int cmd_get_operation(struct cli *c, const struct args *a);
int cmd_cancel_operation(struct cli *c, const struct args *a);
int cmd_events(struct cli *c, const struct args *a);
int cmd_quarantine_list(struct cli *c, const struct args *a);
int cmd_quarantine_adopt(struct cli *c, const struct args *a);
int cmd_quarantine_deny(struct cli *c, const struct args *a);
int cmd_quarantine_forget(struct cli *c, const struct args *a);
int cmd_list_user(struct cli *c, const struct args *a);
int cmd_create_user(struct cli *c, const struct args *a);
int cmd_delete_user(struct cli *c, const struct args *a);
int cmd_set_password(struct cli *c, const struct args *a);
int cmd_list_profile(struct cli *c, const struct args *a);
int cmd_get_profile(struct cli *c, const struct args *a);
int cmd_create_profile(struct cli *c, const struct args *a);
int cmd_delete_profile(struct cli *c, const struct args *a);
int cmd_list_ciraconfig(struct cli *c, const struct args *a);
int cmd_get_ciraconfig(struct cli *c, const struct args *a);
int cmd_create_ciraconfig(struct cli *c, const struct args *a);
int cmd_delete_ciraconfig(struct cli *c, const struct args *a);
int cmd_list_domain(struct cli *c, const struct args *a);
int cmd_get_domain(struct cli *c, const struct args *a);
int cmd_create_domain(struct cli *c, const struct args *a);
int cmd_delete_domain(struct cli *c, const struct args *a);
int cmd_list_enrolment_key(struct cli *c, const struct args *a);
int cmd_get_enrolment_key(struct cli *c, const struct args *a);
int cmd_create_enrolment_key(struct cli *c, const struct args *a);
int cmd_delete_enrolment_key(struct cli *c, const struct args *a);
int cmd_list_exception(struct cli *c, const struct args *a);
int cmd_get_exception(struct cli *c, const struct args *a);
int cmd_create_exception(struct cli *c, const struct args *a);
int cmd_delete_exception(struct cli *c, const struct args *a);
int cmd_revoke_enrolment_key(struct cli *c, const struct args *a);
int cmd_kvm_bridge(struct cli *c, const struct args *a);
int cmd_summary(struct cli *c, const struct args *a);
int cmd_version(struct cli *c, const struct args *a);
int cmd_completion(struct cli *c, const struct args *a);
int cmd_man(struct cli *c, const struct args *a);
int cmd_help(struct cli *c, const struct args *a);
