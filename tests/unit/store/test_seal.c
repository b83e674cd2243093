/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/outband-seal-XXXXXX";
static char path[64];

static struct seal_key *new_key(const char *name) {
    struct errinfo ei = {0};
    struct seal_key *k;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(seal_key_create(path, &ei), 0);
    assert_int_equal(seal_key_load(path, &k, &ei), 0);
    return k;
}
static int make_dir(void **state) {
    return mkdtemp(dir) ? 0 : -1;
}
static int remove_dir(void **state) {
    return rmdir(dir);
}

static void a_secret_comes_back(void **state) {
    struct seal_key *k = new_key("key");
    struct sealed s, t;
    char out[SEALED_MAX];
    assert_int_equal(seal_put(k, "host-1/cira", SLICE_LIT("P@ssw0rd"), &s), 0);
    assert_int_equal(s.n, 8 + SEAL_OVERHEAD);
    assert_int_equal(s.b[0], 1);
    assert_int_equal(seal_open(k, "host-1/cira", &s, out, sizeof out), 0);
    assert_string_equal(out, "P@ssw0rd");
    assert_int_equal(seal_put(k, "host-1/cira", SLICE_LIT("P@ssw0rd"), &t), 0);
    assert_memory_not_equal(s.b, t.b, s.n); /* a nonce of its own */
    assert_int_equal(seal_put(k, "c", SLICE_EMPTY, &s), 0);
    assert_int_equal(seal_open(k, "c", &s, out, 1), 0);
    assert_string_equal(out, "");
    unlink(path);
    seal_key_free(&k);
    assert_null(k);
    seal_key_free(&k);
}

static void it_opens_only_whole_and_in_its_place(void **state) {
    struct seal_key *k = new_key("a"), *other;
    unlink(path);
    other = new_key("b");
    unlink(path);
    struct sealed s, bad;
    char out[SEALED_MAX];
    assert_true(seal_key_id(k) != seal_key_id(other));
    assert_int_equal(seal_put(k, "host-1/cira", SLICE_LIT("secret"), &s), 0);
    assert_int_equal(seal_open(k, "host-2/cira", &s, out, sizeof out), ERR_CRYPTO);
    assert_int_equal(seal_open(other, "host-1/cira", &s, out, sizeof out), ERR_CRYPTO);
    for (uint8_t i = 0; i < s.n; i++) { /* each byte counts */
        bad = s;
        bad.b[i] ^= 1;
        assert_int_equal(seal_open(k, "host-1/cira", &bad, out, sizeof out), ERR_CRYPTO);
        assert_string_equal(out, "");
        bad = s;
        bad.n = i;
        assert_int_equal(seal_open(k, "host-1/cira", &bad, out, sizeof out), ERR_CRYPTO);
    }
    assert_int_equal(seal_open(k, "host-1/cira", &s, out, 6), ERR_LIMIT);
    assert_int_equal(seal_open(k, "host-1/cira", &s, out, 7), 0);
    assert_int_equal(seal_put(k, "c", slice_of("a\0b", 3), &s), 0);
    assert_int_equal(seal_open(k, "c", &s, out, sizeof out), ERR_CRYPTO);
    seal_key_free(&k);
    seal_key_free(&other);
}

static void lengths_are_limited(void **state) {
    struct seal_key *k = new_key("key");
    unlink(path);
    struct sealed s;
    char secret[SEAL_SECRET_MAX + 1], out[SEAL_SECRET_MAX + 1];
    memset(secret, 'x', sizeof secret);
    assert_int_equal(seal_put(k, "c", slice_of(secret, SEAL_SECRET_MAX), &s), 0);
    assert_int_equal(seal_open(k, "c", &s, out, sizeof out), 0);
    assert_int_equal(strlen(out), SEAL_SECRET_MAX);
    assert_int_equal(seal_put(k, "c", slice_of(secret, SEAL_SECRET_MAX + 1), &s), ERR_LIMIT);
    assert_int_equal(s.n, 0);
    seal_key_free(&k);
}

static void long_secrets_as_text(void **state) {
    struct seal_key *k = new_key("key");
    unlink(path);
    static uint8_t big[SEAL_TEXT_MAX + 1];
    const size_t sizes[] = {0, 1, 2, 3, 1000, SEAL_TEXT_MAX};
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buf text = {0}, out = {0};
        assert_int_equal(seal_put_text(k, "token", slice_of(big, sizes[i]), &text), 0);
        assert_int_equal(seal_open_text(k, "token", buf_slice(&text), &out), 0);
        assert_true(slice_eq(buf_slice(&out), slice_of(big, sizes[i])));
        out.len = 0;
        assert_int_equal(seal_open_text(k, "tokens", buf_slice(&text), &out), ERR_CRYPTO);
        assert_int_equal(out.len, 0);
        buf_free(&text);
        buf_free(&out);
    }
    struct buf out = {0};
    assert_int_equal(seal_put_text(k, "token", slice_of(big, sizeof big), &out), ERR_LIMIT);
    assert_int_equal(seal_open_text(k, "token", SLICE_LIT("not base64 !"), &out), ERR_SYNTAX);
    assert_int_equal(seal_open_text(k, "token", SLICE_LIT("AAAA"), &out), ERR_CRYPTO);
    assert_int_equal(out.len, 0);
    buf_free(&out);
    seal_key_free(&k);
}

static void write_file(const char *text) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, 0600), 0);
}

static void key_files(void **state) {
    struct errinfo ei = {0};
    struct stat st;
    struct seal_key *k = new_key("key"), *again;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(seal_key_create(path, &ei), ERR_EXISTS); /* and keeps it */
    assert_int_equal(seal_key_load(path, &again, &ei), 0);
    assert_true(seal_key_id(k) == seal_key_id(again));
    seal_key_free(&again);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(seal_key_load(path, &again, &ei), ERR_DENIED);
    assert_non_null(strstr(ei.text, "0640"));
    assert_null(again);
    write_file("outband-master-key-1:00");
    assert_int_equal(seal_key_load(path, &again, &ei), ERR_SYNTAX);
    write_file("-----BEGIN PRIVATE "
               "KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
    assert_int_equal(seal_key_load(path, &again, &ei), ERR_SYNTAX);
    unlink(path);
    assert_int_equal(seal_key_load(path, &again, &ei), ERR_NOT_FOUND);
    assert_non_null(strstr(ei.text, "cannot be made anew"));
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof path, "%s/no/such/dir", dir);
    assert_int_equal(seal_key_create(path, &ei), ERR_IO);
    seal_key_free(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {T(a_secret_comes_back), T(it_opens_only_whole_and_in_its_place),
                                       T(lengths_are_limited), T(long_secrets_as_text), T(key_files)};
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
