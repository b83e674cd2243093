/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences for the numbers that firmware returns. Source: reference protocol-cira-wsman 3.6. */
#include "proto/amt_setup.h"

#include <string.h>

enum { VENDOR_BASE = 32768 /* RequestPowerStateChange: 32768 + PT_STATUS */ };

struct row {
    int value;
    const char *text;
};

static const struct row POWER_RETURNS[] = {
    {0, "accepted"},
    {1, "the firmware does not support this power action"},
    {2, "the firmware could not do it in the present state (unknown error)"},
    {3, "the firmware gave up waiting (timeout)"},
    {4, "the power action failed"},
    {5, "the firmware does not take this power action now (invalid parameter)"},
    {6, "the power service is in use"},
    {4096, "the firmware started a job"},
    {4097, "not possible from the present power state"},
    {4098, "the firmware does not take a timeout"},
    {4099, "the firmware is busy with another power action"},
};

static const struct row PT_STATUS[] = {
    {0, "success"},
    {1, "internal error of the firmware"},
    {2, "the firmware is not ready"},
    {3, "not possible in this AMT mode"},
    {4, "a message of a wrong length"},
    {12, "a name is not acceptable"},
    {16, "not permitted"},
    {17, "owned by another user"},
    {23, "the firmware has no room for more"},
    {24, "this authentication type is not acceptable"},
    {25, "authentication failed"},
    {26, "this DHCP mode is not acceptable"},
    {27, "an IP address is not acceptable"},
    {28, "a domain name is not acceptable"},
    {30, "the firmware did not expect this request"},
    {32, "not possible in this provisioning state"},
    {34, "a time is not acceptable"},
    {35, "an index is not acceptable"},
    {36, "a parameter is not acceptable"},
    {37, "a netmask is not acceptable"},
    {38, "the flash write limit is reached; try again later"},
    {45, "a connection of the firmware failed"},
    {46, "too many connections of the firmware"},
    {1024, "disabled by policy"},
    {2049, "unknown OEM number"},
    {2050, "this boot option is not supported"},
    {2051, "a command is not acceptable"},
    {2052, "a special command is not acceptable"},
    {2053, "a handle is not acceptable"},
    {2054, "a password is not acceptable"},
    {2055, "a realm is not acceptable"},
    {2057, "data is missing"},
    {2058, "it exists already"},
    {2059, "the event log is frozen"},
    {2060, "keys are missing"},
    {2061, "keys are being made; try again later"},
    {2062, "a key is not acceptable"},
    {2063, "a certificate is not acceptable"},
    {2064, "certificate and key do not match"},
    {2065, "too many Kerberos domains"},
    {2066, "not supported"},
    {2067, "a priority is not acceptable"},
    {2068, "not found"},
    {2069, "credentials are not acceptable"},
    {2070, "a passphrase is not acceptable"},
    {2072, "an association is missing"},
    {2075, "the audit log refused the action"},
    {2076, "blocked by another component of the firmware"},
    {2081, "the user at the machine must consent first"},
    {2082, "another operation is in progress"},
};

static const char *find(const struct row *rows, size_t n, int64_t value) {
    for (size_t i = 0; i < n; i++)
        if (rows[i].value == value)
            return rows[i].text;
    return NULL;
}

const char *amt_pt_status_text(int64_t value) {
    const char *text = find(PT_STATUS, sizeof PT_STATUS / sizeof PT_STATUS[0], value);
    return text ? text : "a status that is not documented";
}

const char *amt_power_return_text(int64_t value) {
    if (value < 0)
        return "the firmware told no result";
    if (value > VENDOR_BASE)
        return amt_pt_status_text(value - VENDOR_BASE);
    const char *text = find(POWER_RETURNS, sizeof POWER_RETURNS / sizeof POWER_RETURNS[0], value);
    return text ? text : amt_pt_status_text(value);
}

/* What the methods of host set-up return: not PT_STATUS (protocol-redir-activation 5.4). */
static const struct row SETUP_RETURNS[] = {
    {1, "internal error of the firmware"},
    {2, "not possible in this state of the firmware: it is set up already, or its set-up is under way"},
    {3, "the firmware does not accept a parameter"},
    {4, "the firmware has host-based setup disabled"},
    {5, "the firmware does not accept the signature"},
    {6, "the flash write limit is reached; try again later"},
};
static const struct row CHAIN_RETURNS[] = {
    {1, "the firmware does not accept a parameter"},
    {2, "internal error of the firmware"},
    {3,
     "not possible in this state of the firmware: the chain is complete, or the firmware is set up already"},
    {4, "the firmware does not trust the certificate chain"},
    {5, "the certificate chain has too many certificates"},
};
/* RequestStateChange and its like; 3.6 */
static const struct row STATE_RETURNS[] = {
    {1, "the firmware does not support this"},
    {2, "unknown error of the firmware"},
    {3, "the firmware gave up waiting (timeout)"},
    {4, "the change failed"},
    {5, "the firmware does not accept a parameter"},
    {6, "the service is in use"},
    {4096, "the firmware started a job"},
    {4097, "not possible from the present state"},
    {4098, "the firmware does not take a timeout"},
    {4099, "the firmware is busy"},
};

static const struct {
    const char *method;
    const struct row *rows;
    size_t n;
} METHODS[] = {
#define M(method, rows)                                                                                      \
    { method, rows, sizeof rows / sizeof rows[0] }
    M("Setup", SETUP_RETURNS),
    M("AdminSetup", SETUP_RETURNS),
    M("UpgradeClientToAdmin", SETUP_RETURNS),
    M("AddNextCertInChain", CHAIN_RETURNS),
    M("RequestStateChange", STATE_RETURNS),
#undef M
};

const char *amt_setup_return_text(const char *method, int64_t value) {
    if (value < 0)
        return "the firmware told no result";
    for (size_t i = 0; method && i < sizeof METHODS / sizeof METHODS[0]; i++) {
        const char *text =
            strcmp(METHODS[i].method, method) ? NULL : find(METHODS[i].rows, METHODS[i].n, value);
        if (text)
            return text;
    }
    return amt_pt_status_text(value);
}
