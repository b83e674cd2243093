/* SPDX-License-Identifier: Apache-2.0 */
/* A message of either side. A command that was understood is written again and must be read as the same. */
#include "fuzz.h"
#include "proto/rps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct rps_from_client a, b;
    struct rps_from_server s = {0};
    struct errinfo ei = {0};
    struct buf again = {0};
    if (rps_read_client(slice_of(data, size), &a, &ei) == 0 && a.kind == RPS_C_COMMAND) {
        rps_put_command(&again, &a.command, &a.info);
        fuzz_check(rps_read_client(buf_slice(&again), &b, &ei) == 0);
        fuzz_check(memcmp(&a.command, &b.command, sizeof a.command) == 0);
        fuzz_check(memcmp(&a.info, &b.info, sizeof a.info) == 0);
    }
    if (rps_read_server(slice_of(data, size), &s, &ei) == 0)
        rps_from_server_free(&s);
    rps_from_client_free(&a);
    rps_from_client_free(&b);
    buf_free(&again);
    return 0;
}
