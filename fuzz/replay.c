/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files of the given directories: each file as it is, cut short at pseudo-random
 * places, and with one byte changed. The same files give the same run. */
#include "base/rng.h"
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX = 1 << 20, CUTS = 24 };

/* Exactly n bytes on the heap: reading past the end shows in the sanitizer. */
static void once(const uint8_t *data, size_t n) {
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy)
        abort();
    memcpy(copy, data, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static void replay(uint8_t *data, size_t n) {
    struct rng rng = {n};
    once(data, n);
    for (int i = 0; n && i < CUTS; i++) {
        once(data, (size_t)rng_range(&rng, 0, (int64_t)n - 1));
        size_t at = (size_t)rng_range(&rng, 0, (int64_t)n - 1);
        uint8_t keep = data[at];
        data[at] = (uint8_t)rng_range(&rng, 0, 255);
        once(data, n);
        data[at] = keep;
    }
}

/* Number of files replayed, or -1. */
static int replay_dir(const char *dir, uint8_t *data) {
    DIR *d = opendir(dir);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[1024];
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        FILE *f = fopen(path, "rb");
        if (!f) {
            closedir(d);
            return -1;
        }
        replay(data, fread(data, 1, FILE_MAX, f));
        fclose(f);
        n++;
    }
    if (!d)
        return -1;
    closedir(d);
    return n;
}

int main(int argc, char **argv) {
    uint8_t *data = malloc(FILE_MAX);
    int bad = !data;
    for (int i = 1; !bad && i < argc; i++) {
        int n = replay_dir(argv[i], data);
        printf("%s: %d files\n", argv[i], n);
        bad = n <= 0; /* an empty corpus proves nothing */
    }
    free(data);
    return bad;
}
