// Stands between a program and the disk: counts the calls that change one folder, and fails or ends the program at one of them.
//
// FAULTY_FOLDER  only files below this folder count.
// FAULTY_PLAN    KIND:N[:PART], about the N-th counted call, from 1 on; several with commas between them:
//   before, after   end the program there, as a crash would
//   torn            write only PART bytes (0: half, -1: all but one), then end it
//   power           end it, and leave of what was not synced what a power cut would, drawn from the seed PART (power_cut.h)
//   sync            the N-th sync fails with EIO, once
//   none            only count
// FAULTY_FULL    while this file exists, nothing can be written: ENOSPC.
// FAULTY_SYNCS   while this file exists, syncs fail with EIO: from the N-th on, counted from when it was made, if a number N is in it.
// FAULTY_COUNT   the number of counted calls is written to this file when the program ends.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "power_cut.h"

static atomic_long n_calls, n_syncs;

static int is_below(const char *path) {
    const char *folder = getenv("FAULTY_FOLDER");
    return folder && strncmp(path, folder, strlen(folder)) == 0;
}

static int counts(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    // Shared memory of the database is no state of the disk.
    return is_below(path) && !strstr(path, "-shm") && !strstr(path, ".lock");
}

static int exists(const char *variable) {
    const char *file = getenv(variable);
    return file && syscall(SYS_access, file, F_OK) == 0;
}

static int is_full(void) { return exists("FAULTY_FULL"); }

// Returns whether the next sync fails.
static int fails_by_switch(void) {
    static atomic_long n_since;
    if (!exists("FAULTY_SYNCS")) { atomic_store(&n_since, 0); return 0; }
    char text[32] = "";
    int fd = syscall(SYS_openat, AT_FDCWD, getenv("FAULTY_SYNCS"), O_RDONLY, 0);
    if (fd < 0) return 0;
    if (syscall(SYS_read, fd, text, sizeof text - 1) < 0) text[0] = 0;
    syscall(SYS_close, fd);
    return atol(text) <= atomic_fetch_add(&n_since, 1) + 1;
}

static void note_count(void) {
    const char *file = getenv("FAULTY_COUNT");
    if (!file) return;
    char text[32];
    int n = snprintf(text, sizeof text, "%ld", atomic_load(&n_calls));
    int fd = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (0 <= fd) {
        syscall(SYS_write, fd, text, n);
        syscall(SYS_close, fd);
    }
}

__attribute__((destructor)) static void at_end(void) { note_count(); }

static void end_program(void) {
    note_count();
    syscall(SYS_exit_group, 137);
}

// Returns what stands behind the number in the plan of this kind for the n-th call; NULL if there is none.
static const char *plan_for(const char *kind, long n) {
    size_t len = strlen(kind);
    for (const char *plan = getenv("FAULTY_PLAN"); plan; plan = strchr(plan, ',')) {
        plan += *plan == ',';
        if (strncmp(plan, kind, len) != 0 || plan[len] != ':') continue;
        char *rest;
        if (strtol(plan + len + 1, &rest, 10) == n) return *rest == ':' ? rest + 1 : rest;
    }
    return NULL;
}

static int has_power_plan(void) {
    const char *plan = getenv("FAULTY_PLAN");
    return plan && strstr(plan, "power:");
}

// Between these two one call is made, and no other thread makes one where changes are noted.
static long begin(void) {
    if (has_power_plan()) pthread_mutex_lock(&lock);
    long n = atomic_fetch_add(&n_calls, 1) + 1;
    if (plan_for("before", n)) end_program();
    return n;
}

static void cut_power_at(long n) {
    const char *seed = plan_for("power", n);
    if (!seed) return;
    cut_power(strtoul(seed, NULL, 10));
    end_program();
}

static void finish(long n) {
    if (plan_for("after", n)) end_program();
    cut_power_at(n);
    if (has_power_plan()) pthread_mutex_unlock(&lock);
}

// Returns how much of a write happens before the program ends, or -1.
static ssize_t torn_to(long n, size_t len) {
    const char *part = plan_for("torn", n);
    if (!part) return -1;
    long wanted = atol(part);
    if (wanted == 0) return len / 2;
    if (wanted < 0) return len - 1;
    return wanted < (long)len ? wanted : (long)len;
}

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

ssize_t write(int fd, const void *bytes, size_t len) {
    if (!counts(fd)) return syscall(SYS_write, fd, bytes, len);
    if (is_full()) { errno = ENOSPC; return -1; }
    long n = begin();
    ssize_t torn = torn_to(n, len);
    if (0 <= torn) { syscall(SYS_write, fd, bytes, torn); end_program(); }
    if (has_power_plan()) note_write(fd, syscall(SYS_lseek, fd, 0, SEEK_CUR), len);
    ssize_t done = syscall(SYS_write, fd, bytes, len);
    finish(n);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at) {
    if (!counts(fd)) return syscall(SYS_pwrite64, fd, bytes, len, at);
    if (is_full()) { errno = ENOSPC; return -1; }
    long n = begin();
    ssize_t torn = torn_to(n, len);
    if (0 <= torn) { syscall(SYS_pwrite64, fd, bytes, torn, at); end_program(); }
    if (has_power_plan()) note_write(fd, at, len);
    ssize_t done = syscall(SYS_pwrite64, fd, bytes, len, at);
    finish(n);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) { return pwrite64(fd, bytes, len, at); }

static int sync_with(long number, int fd) {
    if (!counts(fd)) return syscall(number, fd);
    int fails = plan_for("sync", atomic_fetch_add(&n_syncs, 1) + 1) || fails_by_switch();
    long n = begin();
    cut_power_at(n);
    // A disk takes its time before it gives up, and others ask for more meanwhile.
    if (fails) usleep(5000);
    int done = fails ? -1 : syscall(number, fd);
    if (has_power_plan()) note_sync(fd, done != 0);
    finish(n);
    if (fails) errno = EIO;
    return done;
}

int fsync(int fd) { return sync_with(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_with(SYS_fdatasync, fd); }

int ftruncate64(int fd, off64_t len) {
    if (!counts(fd)) return syscall(SYS_ftruncate, fd, len);
    long n = begin();
    if (has_power_plan()) note_length(fd, len);
    int done = syscall(SYS_ftruncate, fd, len);
    finish(n);
    return done;
}

int ftruncate(int fd, off_t len) { return ftruncate64(fd, len); }

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = REAL("rename", int (*)(const char *, const char *));
    if (!is_below(from)) return real(from, to);
    long n = begin();
    int done = real(from, to);
    finish(n);
    return done;
}

int unlink(const char *path) {
    int (*real)(const char *) = REAL("unlink", int (*)(const char *));
    if (!is_below(path)) return real(path);
    long n = begin();
    int done = real(path);
    finish(n);
    return done;
}
