/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct rig rig;
static const char *program, *input = "/dev/null";
extern char **environ;

static char *slurp(const char *path) {
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1 << 20);
    size_t n = f ? fread(text, 1, (1 << 20) - 1, f) : 0;
    text[n] = 0;
    if (f)
        fclose(f);
    return text;
}

const char *rig_file(const char *name, const char *text) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", rig.dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0600), 0);
    return path;
}

void rig_login(const char *origin, const char *ca_pem) {
    char text[8192], pem[6000] = "null";
    if (ca_pem) {
        size_t n = 0;
        pem[n++] = '"';
        for (const char *p = ca_pem; *p && n < sizeof pem - 4; p++) {
            if (*p == '\n')
                pem[n++] = '\\';
            pem[n++] = *p == '\n' ? 'n' : *p;
        }
        pem[n++] = '"';
        pem[n] = 0;
    }
    snprintf(
        text, sizeof text,
        "{\"apiEndpoint\":\"%s\",\"user\":\"admin\",\"role\":\"admin\",\"token\":\"tok-1\",\"orchCa\":%s}",
        origin, pem);
    rig_file("config", text);
}

int rig_begin(const char *prog) {
    program = prog;
    snprintf(rig.dir, sizeof rig.dir, "/tmp/orch-cli-rig-XXXXXX");
    rig.server = scripted_start(NULL, NULL);
    if (!mkdtemp(rig.dir) || !rig.server)
        return -1;
    char config[128];
    snprintf(config, sizeof config, "%s/config", rig.dir);
    setenv("ORCH_CLI_CONFIG", config, 1);
    setenv("LC_ALL", "C", 1);
    snprintf(rig.origin, sizeof rig.origin, "http://127.0.0.1:%u", scripted_port(rig.server));
    rig_login(rig.origin, NULL);
    return 0;
}

int rig_end(void) {
    scripted_stop(&rig.server);
    free(rig.out);
    free(rig.err);
    free(rig.log);
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", rig.dir);
    return system(command);
}

const char *rig_program(void) {
    return program;
}

void rig_input(const char *path) {
    input = path ? path : "/dev/null";
}

static void run_argv(char *const argv[]) {
    char out[128], err[128];
    snprintf(out, sizeof out, "%s/out", rig.dir);
    snprintf(err, sizeof err, "%s/err", rig.dir);
    posix_spawn_file_actions_t fa;
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, 0, input, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&fa, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&fa, 2, err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t pid;
    int status = 0;
    assert_int_equal(posix_spawn(&pid, program, &fa, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&fa);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    rig.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    free(rig.out);
    free(rig.err);
    free(rig.log);
    rig.out = slurp(out);
    rig.err = slurp(err);
    rig.log = scripted_log(rig.server);
}

void rig_run(const struct script *rows, ...) {
    char *argv[64] = {(char *)(uintptr_t)program};
    size_t n = 1;
    va_list ap;
    va_start(ap, rows);
    for (char *word; n < 63 && (word = va_arg(ap, char *)) != NULL;)
        argv[n++] = word;
    va_end(ap);
    if (rows)
        scripted_play(rig.server, rows);
    run_argv(argv);
}

void rig_expect(int code, const char *out_has, const char *err_has) {
    bool ok = rig.code == code && strstr(rig.out, out_has) && strstr(rig.err, err_has);
    if (!ok)
        fail_msg("exit %d, wanted %d with \"%s\" and \"%s\"\n-- stdout\n%s-- stderr\n%s-- asked\n%s",
                 rig.code, code, out_has, err_has, rig.out, rig.err, rig.log);
}
