/* What a process does to the files of one folder, for tests of power cuts: loaded before the C library, it
   writes each write, sync and rename into a log, and can refuse writes as a full disk does. C, because only
   below Python and SQLite are both seen.

   DEXKIT_SPY_FOLDER: only files below it; DEXKIT_SPY_LOG: a file outside of it. Linux. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int log_fd = -1;
static long writes = 0, full_from = 0;
static char folder[PATH_MAX];

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* From the so manieth write on the disk is full; 0 for never. */
void spy_full_from(long number)
{
    writes = 0;
    full_from = number;
}

static int inside(const char *path)
{
    if (!folder[0]) {
        const char *named = getenv("DEXKIT_SPY_FOLDER");
        snprintf(folder, sizeof folder, "%s/", named ? named : "/nowhere");
    }
    size_t n = strlen(folder);
    return !strncmp(path, folder, n) || (!strncmp(path, folder, n - 1) && strlen(path) == n - 1);
}

static int path_of(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    if (n < 0)
        return 0;
    path[n] = 0;
    return inside(path) && !strstr(path, "-shm");
}

static void absolute(int at, const char *name, char *path)
{
    if (name[0] == '/')
        snprintf(path, PATH_MAX, "%s", name);
    else {
        char base[PATH_MAX];
        if (at == AT_FDCWD) {
            if (!getcwd(base, sizeof base))
                base[0] = 0;
        } else if (!path_of(at, base))
            base[0] = 0;
        path[0] = 0;
        strncat(path, base, PATH_MAX - 2);
        strncat(path, "/", PATH_MAX - strlen(path) - 1);
        strncat(path, name, PATH_MAX - strlen(path) - 1);
    }
}

/* One record: kind, two lengths, a number, then both texts. */
static void note(char kind, const char *one, const void *two, uint32_t size, uint64_t at)
{
    const char *name = getenv("DEXKIT_SPY_LOG");
    if (!name)
        return;
    REAL(write);
    if (log_fd < 0) {
        int (*open_real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
        log_fd = open_real(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    uint32_t length = (uint32_t)strlen(one);
    char *record = malloc(17 + length + size);
    if (!record)
        abort();
    record[0] = kind;
    memcpy(record + 1, &length, 4);
    memcpy(record + 5, &size, 4);
    memcpy(record + 9, &at, 8);
    memcpy(record + 17, one, length);
    if (size)
        memcpy(record + 17 + length, two, size);
    if (real(log_fd, record, 17 + length + size) < 0)
        abort();
    free(record);
}

static int is_full(void)
{
    writes++;
    if (full_from && writes >= full_from) {
        errno = ENOSPC;
        return 1;
    }
    return 0;
}

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(write);
    char path[PATH_MAX];
    if (fd == log_fd || !path_of(fd, path))
        return real(fd, data, size);
    if (is_full())
        return -1;
    off_t at = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    ssize_t n = real(fd, data, size);
    if (n > 0)
        note('w', path, data, (uint32_t)n, (uint64_t)at);
    return n;
}

#define PWRITE(name, type)                                                                                   \
    ssize_t name(int fd, const void *data, size_t size, type at)                                             \
    {                                                                                                        \
        REAL(name);                                                                                          \
        char path[PATH_MAX];                                                                                 \
        if (!path_of(fd, path))                                                                              \
            return real(fd, data, size, at);                                                                 \
        if (is_full())                                                                                       \
            return -1;                                                                                       \
        ssize_t n = real(fd, data, size, at);                                                                \
        if (n > 0)                                                                                           \
            note('w', path, data, (uint32_t)n, (uint64_t)at);                                                \
        return n;                                                                                            \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNCATE(name, type)                                                                                 \
    int name(int fd, type size)                                                                              \
    {                                                                                                        \
        REAL(name);                                                                                          \
        char path[PATH_MAX];                                                                                 \
        int seen = path_of(fd, path);                                                                        \
        int code = real(fd, size);                                                                           \
        if (!code && seen)                                                                                   \
            note('t', path, "", 0, (uint64_t)size);                                                          \
        return code;                                                                                         \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name)                                                                                           \
    int name(int fd)                                                                                         \
    {                                                                                                        \
        REAL(name);                                                                                          \
        char path[PATH_MAX];                                                                                 \
        int code = real(fd);                                                                                 \
        if (!code && path_of(fd, path))                                                                      \
            note('s', path, "", 0, 0);                                                                       \
        return code;                                                                                         \
    }
SYNC(fsync)
SYNC(fdatasync)

#define OPEN(name)                                                                                           \
    int name(const char *given, int flags, ...)                                                              \
    {                                                                                                        \
        int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name);      \
        __builtin_va_list more;                                                                              \
        __builtin_va_start(more, flags);                                                                     \
        mode_t mode = flags & O_CREAT ? __builtin_va_arg(more, mode_t) : 0;                                  \
        __builtin_va_end(more);                                                                              \
        char path[PATH_MAX];                                                                                 \
        absolute(AT_FDCWD, given, path);                                                                     \
        int watched = inside(path) && !strstr(path, "-shm");                                                 \
        int made = watched && (flags & O_CREAT) && access(path, F_OK);                                       \
        if (made && is_full())                                                                               \
            return -1;                                                                                       \
        int fd = real(given, flags, mode);                                                                   \
        if (fd >= 0 && made)                                                                                 \
            note('c', path, "", 0, 0);                                                                       \
        else if (fd >= 0 && watched && (flags & O_TRUNC))                                                    \
            note('t', path, "", 0, 0);                                                                       \
        return fd;                                                                                           \
    }
OPEN(open)
OPEN(open64)

int rename(const char *from, const char *to)
{
    REAL(rename);
    char one[PATH_MAX], two[PATH_MAX];
    absolute(AT_FDCWD, from, one);
    absolute(AT_FDCWD, to, two);
    int code = real(from, to);
    if (!code && inside(two))
        note('r', one, two, (uint32_t)strlen(two), 0);
    return code;
}

int unlink(const char *name)
{
    REAL(unlink);
    char path[PATH_MAX];
    absolute(AT_FDCWD, name, path);
    int code = real(name);
    if (!code && inside(path) && !strstr(path, "-shm"))
        note('u', path, "", 0, 0);
    return code;
}

int mkdir(const char *name, mode_t mode)
{
    REAL(mkdir);
    char path[PATH_MAX];
    absolute(AT_FDCWD, name, path);
    int code = real(name, mode);
    if (!code && inside(path))
        note('d', path, "", 0, 0);
    return code;
}
