/* SPDX-License-Identifier: Apache-2.0 */
/* os: what the operating system says of its name and network. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { OS_NAME_CAP = 256, OS_ADDRESS_CAP = 48 };

/* "" when it has none. Cleaned. */
void os_host_name(char out[OS_NAME_CAP]);
/* The first domain of `search`, or that of `domain`, in a resolv.conf; "" none. path: "/etc/resolv.conf". */
void os_dns_suffix(const char *path, char out[OS_NAME_CAP]);

/* IPv4 of the interface with this MAC address. */
struct os_net {
    char address[OS_ADDRESS_CAP], netmask[OS_ADDRESS_CAP], gateway[OS_ADDRESS_CAP];
    char dns1[OS_ADDRESS_CAP], dns2[OS_ADDRESS_CAP];
};
/* False when no interface has it; what is not known stays "". */
bool os_net_of(const uint8_t mac[6], struct os_net *n);
