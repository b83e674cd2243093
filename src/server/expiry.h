/* SPDX-License-Identifier: Apache-2.0 */
/* expiry: certificates that are nobody's host's and end soon: the roots of server, CIRA port and agents, and
 * the provisioning certificates of a project. Any thread. */
#pragma once

#include "server/app.h"

struct json;
/* Put a finding certificate-expiry for each into the array of findings of this project; how many. */
unsigned expiry_findings(struct json *j, const struct app *a, const char *project, struct wall now);
