/* Stands between the program under test and the C library, and lets its disk and its wall clock go
   wrong, and the machine's load be, as the files of a folder say. Everybody else who inherits it is left alone: scripts, too. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char *folder;

__attribute__((constructor)) static void look_around(void) {
    const char *name = getenv("SHIM_PROGRAM");
    if (name && strncmp(name, program_invocation_short_name, strlen(name)) == 0)
        folder = getenv("SHIM_FOLDER");
}

/* The number in a file, else 0. Nothing here may go through a function that is replaced below. */
static long number(const char *name) {
    char path[4096], text[32];
    long value = 0;
    int before = errno;
    if (!folder)
        return 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    long file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (file >= 0) {
        long length = syscall(SYS_read, file, text, sizeof text - 1);
        syscall(SYS_close, file);
        if (length > 0) {
            text[length] = 0;
            value = strtol(text, NULL, 10);
        }
    }
    errno = before;
    return value;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int answer = (int)syscall(SYS_clock_gettime, clock, time);
    if (answer == 0 && clock == CLOCK_REALTIME)
        time->tv_sec += number("clock");
    return answer;
}

/* Whether changing this file goes wrong. Pipes, sockets and devices are no files here. */
static int refused(int file) {
    struct stat found;
    long error = number("errno");
    if (error == 0 || fstat(file, &found) != 0 || !S_ISREG(found.st_mode))
        return 0;
    errno = (int)error;
    return 1;
}

/* What files of a folder called `state` cannot do. */
static int lacks(const char *what, int file) {
    char link[64], path[4096];
    long error = number(what);
    if (error == 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    long length = syscall(SYS_readlink, link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    if (!strstr(path, "/state"))
        return 0;
    errno = (int)error;
    return 1;
}

int flock(int file, int operation) {
    return lacks("locks", file) ? -1 : (int)syscall(SYS_flock, file, operation);
}

static int control(int file, int command, void *argument) {
    int locks = command == F_SETLK || command == F_SETLKW || command == F_GETLK;
    if (locks && lacks("locks", file))
        return -1;
    return (int)syscall(SYS_fcntl, file, command, argument);
}

#define CONTROL(name)                                                                              \
    int name(int file, int command, ...) {                                                         \
        va_list rest;                                                                              \
        va_start(rest, command);                                                                   \
        void *argument = va_arg(rest, void *);                                                     \
        va_end(rest);                                                                              \
        return control(file, command, argument);                                                   \
    }

CONTROL(fcntl)
CONTROL(fcntl64)

void *mmap64(void *at, size_t length, int rights, int flags, int file, off64_t place) {
    if (file >= 0 && (flags & MAP_SHARED) && lacks("mmap", file))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, length, rights, flags, file, place);
}

void *mmap(void *at, size_t length, int rights, int flags, int file, off_t place) {
    return mmap64(at, length, rights, flags, file, place);
}

ssize_t write(int file, const void *bytes, size_t length) {
    return refused(file) ? -1 : syscall(SYS_write, file, bytes, length);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t place) {
    return refused(file) ? -1 : syscall(SYS_pwrite64, file, bytes, length, place);
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t place) {
    return pwrite64(file, bytes, length, place);
}

int ftruncate64(int file, off64_t length) {
    return refused(file) ? -1 : (int)syscall(SYS_ftruncate, file, length);
}

int ftruncate(int file, off_t length) { return ftruncate64(file, length); }

static int sync_slowly(long call, int file) {
    if (refused(file))
        return -1;
    long pause = number("sync");
    struct timespec time = {pause / 1000, pause % 1000 * 1000000};
    nanosleep(&time, NULL);
    return (int)syscall(call, file);
}

int fsync(int file) { return sync_slowly(SYS_fsync, file); }

int fdatasync(int file) { return sync_slowly(SYS_fdatasync, file); }

/* The load that the test has set; whoever looks finds the next one, and takes it for all who look later. */
static int open_load(void) {
    char next[4096], load[4096];
    snprintf(next, sizeof next, "%s/next-load", folder);
    snprintf(load, sizeof load, "%s/load", folder);
    syscall(SYS_renameat2, AT_FDCWD, next, AT_FDCWD, load, 0);
    return (int)syscall(SYS_openat, AT_FDCWD, load, O_RDONLY | O_CLOEXEC, 0);
}

static int open_at(const char *path, int flags, mode_t mode) {
    if (folder && strcmp(path, "/proc/loadavg") == 0) {
        int file = open_load();
        if (file >= 0)
            return file;
    }
    /* A file system that is read-only opens nothing for writing; a full one does. */
    if ((flags & O_ACCMODE) != O_RDONLY && strncmp(path, "/dev/", 5) != 0 &&
        number("errno") == EROFS) {
        errno = EROFS;
        return -1;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#define WITH_MODE(flags, mode)                                                                     \
    mode_t mode = 0;                                                                               \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                         \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode = va_arg(rest, mode_t);                                                               \
        va_end(rest);                                                                              \
    }

int open(const char *path, int flags, ...) {
    WITH_MODE(flags, mode)
    return open_at(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    WITH_MODE(flags, mode)
    return open_at(path, flags, mode);
}
