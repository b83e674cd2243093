/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file, password files, and addresses of servers. */
#include "unit.h"

#include "cli/config.h"
#include "http/url.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], path[96];
static struct errinfo ei;

static int setup(void **state) {
    snprintf(dir, sizeof dir, "/tmp/orch-cli-test-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/config", dir);
    return 0;
}
static int teardown(void **state) {
    unlink(path);
    return rmdir(dir);
}

static void put(const char *text, size_t n, mode_t mode) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void saved_and_read_again(void **state) {
    struct config c = {0}, d;
    assert_int_equal(config_set(&c.endpoint, "https://o:8443"), 0);
    assert_int_equal(config_set(&c.token, "secret\"token"), 0);
    assert_int_equal(config_set(&c.ca_pem, "-----BEGIN\nx\n"), 0);
    c.expires = (struct wall){1795356131000000};
    mode_t old = umask(0);
    assert_int_equal(config_save(&c, path, &ei), 0);
    umask(old);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(config_load(&d, path, &ei), 0);
    assert_string_equal(d.endpoint, "https://o:8443");
    assert_string_equal(d.token, "secret\"token");
    assert_string_equal(d.ca_pem, "-----BEGIN\nx\n");
    assert_null(d.project);
    assert_int_equal(d.expires.us, c.expires.us);
    config_free(&c);
    config_free(&d);
}

/* A file that others may read is not used, and a save over it ends that. */
static void loose_permissions(void **state) {
    struct config c;
    put("{}", 2, 0644);
    assert_int_equal(config_load(&c, path, &ei), ERR_DENIED);
    assert_non_null(strstr(ei.remedy, "chmod 600"));
    c = (struct config){0};
    assert_int_equal(config_save(&c, path, &ei), 0);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    /* and nothing stays beside it */
    int files = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        files += e->d_name[0] != '.';
    closedir(d);
    assert_int_equal(files, 1);
}

static void missing_broken_and_unwritable(void **state) {
    struct config c;
    unlink(path);
    assert_int_equal(config_load(&c, path, &ei), 0);
    assert_null(c.token);
    put("{\"token\":", 9, 0600);
    assert_int_equal(config_load(&c, path, &ei), ERR_SYNTAX);
    put("[1]", 3, 0600);
    assert_int_equal(config_load(&c, path, &ei), ERR_SYNTAX);
    assert_int_equal(config_load(&c, dir, &ei), ERR_IO);
    c = (struct config){0};
    assert_int_equal(config_save(&c, "/nonexistent/dir/config", &ei), ERR_IO);
    assert_non_null(strstr(ei.text, "/nonexistent/dir/config"));
}

static void where_it_is(void **state) {
    char out[256];
    setenv("ORCH_CLI_CONFIG", "/x/y", 1);
    assert_int_equal(config_path(out, sizeof out, &ei), 0);
    assert_string_equal(out, "/x/y");
    unsetenv("ORCH_CLI_CONFIG");
    setenv("HOME", "/home/u", 1);
    assert_int_equal(config_path(out, sizeof out, &ei), 0);
    assert_string_equal(out, "/home/u/.orch-cli");
    assert_int_equal(config_path(out, 5, &ei), ERR_LIMIT);
    unsetenv("HOME");
    assert_int_equal(config_path(out, sizeof out, &ei), ERR_NOT_FOUND);
}

static void passwords(void **state) {
    char *p = NULL;
    put("s3cret pass\n", 12, 0600);
    assert_int_equal(password_read(path, &p, &ei), 0);
    assert_string_equal(p, "s3cret pass");
    secret_free(&p);
    assert_null(p);
    static const struct {
        const char *text;
        size_t n;
    } bad[] = {{"", 0}, {"\n\n", 2}, {"a\nb\n", 4}, {"a\0b", 3}};
    for (size_t i = 0; i < 4; i++) {
        put(bad[i].text, bad[i].n, 0600);
        assert_int_equal(password_read(path, &p, &ei), ERR_INVALID);
        assert_null(p);
    }
    char big[2000];
    memset(big, 'x', sizeof big);
    put(big, sizeof big, 0600);
    assert_int_equal(password_read(path, &p, &ei), ERR_LIMIT);
    assert_int_equal(password_read("/nonexistent", &p, &ei), ERR_IO);
    assert_non_null(strstr(ei.text, "/nonexistent"));
    assert_int_equal(password_read(dir, &p, &ei), ERR_IO);
    assert_non_null(strstr(ei.text, "is a directory"));
}

static void addresses(void **state) {
    static const struct {
        const char *text, *origin, *host, *port;
    } good[] = {
        {"https://o.example:8443", "https://o.example:8443", "o.example", "8443"},
        {"https://o.example/", "https://o.example", "o.example", "443"},
        {"o.example:8443", "https://o.example:8443", "o.example", "8443"},
        {"HTTPS://o:443/pre/", "https://o/pre", "o", "443"},
        {"https://[::1]:8443", "https://[::1]:8443", "::1", "8443"},
        {"http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1", "8080"},
        {"http://localhost", "http://localhost", "localhost", "80"},
    };
    struct url u;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(url_parse(&u, good[i].text, &ei), 0);
        assert_string_equal(u.origin, good[i].origin);
        assert_string_equal(u.host, good[i].host);
        assert_string_equal(u.port, good[i].port);
    }
    static const char *const bad[] = {"",
                                      "https://",
                                      "http://example.net",
                                      "ftp://x",
                                      "https://u:p@h",
                                      "https://h?",
                                      "https://h:0",
                                      "https://h:99999",
                                      "https://h:",
                                      "https://a b",
                                      "https://[::1",
                                      "https://[x]:1",
                                      "https://h\r\nX: y",
                                      "http://128.0.0.1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (url_parse(&u, bad[i], &ei) != ERR_INVALID)
            fail_msg("%s was taken", bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(saved_and_read_again), T(loose_permissions), T(missing_broken_and_unwritable),
        T(where_it_is),          T(passwords),         T(addresses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
