/* SPDX-License-Identifier: Apache-2.0 */
/* local_wsman: the firmware's WS-MAN as a program at the node may use it: logged in as the local system
 * account ($$OsAdmin), whose password the management engine tells. Blocking. Any thread. Source: reference
 * protocol-redir-activation 5.3. */
#pragma once

#include "proto/amt_setup.h"
#include "rpc/fw.h"

/* What the firmware is set up for as a CIRA client. Classes that this account may not read are passed over.
 * where: as in mei_open(). Errors as fw_account(), local_connect(); ERR_AUTH: it does not take the account;
 * what else a job of wsclient.h ends with. Through TLS where the firmware wants that (local_tls.h): its
 * errors, too. */
NODISCARD int local_wsman_cira(const char *where, struct fw *f, struct amt_cira *out, struct errinfo *ei);
