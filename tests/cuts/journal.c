/* Copyright 2026 Swarm Stack maintainers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Writes down every change that this process makes to files below one folder, in its order and
 * with its data, as long as it is told to:
 *
 *     cc -shared -fPIC -O2 -pthread -o journal.so journal.c -ldl
 *     LD_PRELOAD=./journal.so python ...        journal_start(root, file); ...; journal_stop()
 *
 * A record: kind, mode, lengths of two paths and of the data, offset; then paths and data. One
 * lock around each call and its record: the order of the records is that of the changes. What
 * was refused by the system is not written down. Shared mappings are not seen; sqlite uses one
 * for the index of its write-ahead log only, which it makes anew after a loss of power.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    CREATE = 1, WRITE, SIZE, SYNC, RENAME, LINK, SYMLINK, UNLINK, MKDIR, RMDIR, MODE, NOTE
};

struct head {
    uint8_t kind;
    uint32_t mode, path_bytes, other_bytes, data_bytes;
    uint64_t offset;
} __attribute__((packed));

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static char root[PATH_MAX];
static size_t root_bytes;
static int journal = -1;

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static void die(const char *why) {
    fprintf(stderr, "journal: %s: %s\n", why, strerror(errno));
    _exit(70);
}

static void put(const void *from, size_t bytes) {
    static ssize_t (*real_write)(int, const void *, size_t);
    if (!real_write) real_write = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    const char *at = from;
    while (bytes) {
        ssize_t done = real_write(journal, at, bytes);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) die("cannot be written");
        at += done;
        bytes -= done;
    }
}

static void record(enum kind kind, uint32_t mode, const char *path, const char *other,
                   uint64_t offset, const void *data, size_t bytes) {
    int saved = errno;
    struct head head = {kind, mode, strlen(path), other ? strlen(other) : 0, bytes, offset};
    put(&head, sizeof head);
    put(path, head.path_bytes);
    if (other) put(other, head.other_bytes);
    if (bytes) put(data, bytes);
    errno = saved;
}

static int below_root(const char *path) {
    return !strncmp(path, root, root_bytes) &&
           (path[root_bytes] == '/' || path[root_bytes] == 0);
}

/* The name of an open file, if it is below the root and still has one. */
static int name_of(int fd, char *path) {
    char link[64];
    int saved = errno;
    struct stat now;
    if (journal < 0 || fd == journal) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t bytes = readlink(link, path, PATH_MAX - 1);
    int found = 0;
    if (bytes > 0) {
        path[bytes] = 0;
        found = below_root(path) && (fstat(fd, &now) == 0 && now.st_nlink > 0);
    }
    errno = saved;
    return found;
}

/* An absolute path; parts are not resolved, so the root must be given as it is used. */
static int absolute(int folder, const char *path, char *out) {
    char base[PATH_MAX];
    if (journal < 0) return 0;
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
    } else {
        int saved = errno;
        if (folder == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            ssize_t bytes = readlink(link, base, sizeof base - 1);
            if (bytes < 0) return 0;
            base[bytes] = 0;
        }
        errno = saved;
        if (strlen(base) + strlen(path) + 2 > PATH_MAX) return 0;
        strcpy(out, base);
        strcat(out, "/");
        strcat(out, path);
    }
    return below_root(out);
}

int journal_start(const char *folder, const char *file) {
    pthread_mutex_lock(&lock);
    if (strlen(folder) >= sizeof root) return -1;
    strcpy(root, folder);
    root_bytes = strlen(root);
    journal = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    pthread_mutex_unlock(&lock);
    return journal < 0 ? -1 : 0;
}

void journal_note(const char *text) {
    pthread_mutex_lock(&lock);
    if (journal >= 0) record(NOTE, 0, root, 0, 0, text, strlen(text));
    pthread_mutex_unlock(&lock);
}

void journal_stop(void) {
    pthread_mutex_lock(&lock);
    if (journal >= 0) close(journal);
    journal = -1;
    pthread_mutex_unlock(&lock);
}

/* ---- opening */

static int opened(int (*really)(int, const char *, int, mode_t), int folder, const char *path,
                  int flags, mode_t mode) {
    char name[PATH_MAX];
    struct stat before, now;
    if (journal < 0 || !(flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE)
        return really(folder, path, flags, mode);
    pthread_mutex_lock(&lock);
    int saved = errno;
    int was_there = fstatat(folder, path, &before, 0) == 0;
    errno = saved;
    int fd = really(folder, path, flags, mode);
    if (fd >= 0 && name_of(fd, name) && fstat(fd, &now) == 0) {
        if (!was_there)
            record(CREATE, now.st_mode & 07777, name, 0, 0, 0, 0);
        else if ((flags & O_TRUNC) && before.st_size)
            record(SIZE, 0, name, 0, 0, 0, 0);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

static int really_open(int folder, const char *path, int flags, mode_t mode) {
    REAL(openat);
    return real(folder, path, flags | O_LARGEFILE, mode);
}

#define MODE_OF(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *path, int flags, ...) {
    MODE_OF(flags)
    return opened(really_open, AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE_OF(flags)
    return opened(really_open, AT_FDCWD, path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
    MODE_OF(flags)
    return opened(really_open, folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
    MODE_OF(flags)
    return opened(really_open, folder, path, flags, mode);
}
int __open_2(const char *path, int flags) {
    return opened(really_open, AT_FDCWD, path, flags, 0);
}
int __open64_2(const char *path, int flags) {
    return opened(really_open, AT_FDCWD, path, flags, 0);
}
int __openat_2(int folder, const char *path, int flags) {
    return opened(really_open, folder, path, flags, 0);
}
int __openat64_2(int folder, const char *path, int flags) {
    return opened(really_open, folder, path, flags, 0);
}
int creat(const char *path, mode_t mode) {
    return opened(really_open, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) {
    return creat(path, mode);
}

/* ---- writing */

static uint64_t place_of(int fd) {
    struct stat now;
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_APPEND) && fstat(fd, &now) == 0) return now.st_size;
    off_t at = lseek(fd, 0, SEEK_CUR);
    return at < 0 ? 0 : at;
}

ssize_t write(int fd, const void *data, size_t bytes) {
    REAL(write);
    char name[PATH_MAX];
    if (journal < 0) return real(fd, data, bytes);
    pthread_mutex_lock(&lock);
    int known = name_of(fd, name);
    uint64_t at = known ? place_of(fd) : 0;
    ssize_t done = real(fd, data, bytes);
    if (known && done > 0) record(WRITE, 0, name, 0, at, data, done);
    pthread_mutex_unlock(&lock);
    return done;
}

static ssize_t wrote_at(ssize_t done, int fd, const void *data, uint64_t at) {
    char name[PATH_MAX];
    if (done > 0 && name_of(fd, name)) record(WRITE, 0, name, 0, at, data, done);
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at) {
    REAL(pwrite);
    pthread_mutex_lock(&lock);
    ssize_t done = wrote_at(real(fd, data, bytes, at), fd, data, at);
    pthread_mutex_unlock(&lock);
    return done;
}
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t at) {
    REAL(pwrite64);
    pthread_mutex_lock(&lock);
    ssize_t done = wrote_at(real(fd, data, bytes, at), fd, data, at);
    pthread_mutex_unlock(&lock);
    return done;
}

static void wrote_parts(const char *name, const struct iovec *parts, int count, uint64_t at,
                        ssize_t done) {
    for (int i = 0; i < count && done > 0; i++) {
        size_t bytes = parts[i].iov_len < (size_t)done ? parts[i].iov_len : (size_t)done;
        if (bytes) record(WRITE, 0, name, 0, at, parts[i].iov_base, bytes);
        at += bytes;
        done -= bytes;
    }
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    char name[PATH_MAX];
    if (journal < 0) return real(fd, parts, count);
    pthread_mutex_lock(&lock);
    int known = name_of(fd, name);
    uint64_t at = known ? place_of(fd) : 0;
    ssize_t done = real(fd, parts, count);
    if (known) wrote_parts(name, parts, count, at, done);
    pthread_mutex_unlock(&lock);
    return done;
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    REAL(pwritev);
    char name[PATH_MAX];
    pthread_mutex_lock(&lock);
    ssize_t done = real(fd, parts, count, at);
    if (name_of(fd, name)) wrote_parts(name, parts, count, at, done);
    pthread_mutex_unlock(&lock);
    return done;
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    return pwritev(fd, parts, count, at);
}

/* What the kernel copied is read back from the file that it went to. */
static void copied(int fd, uint64_t at, ssize_t done) {
    char name[PATH_MAX], block[65536];
    if (done <= 0 || !name_of(fd, name)) return;
    int saved = errno;
    int reader = really_open(AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0);
    if (reader < 0) die("a copy cannot be read back");
    while (done > 0) {
        size_t wanted = done < (ssize_t)sizeof block ? (size_t)done : sizeof block;
        ssize_t bytes = pread(reader, block, wanted, at);
        if (bytes <= 0) die("a copy cannot be read back");
        record(WRITE, 0, name, 0, at, block, bytes);
        at += bytes;
        done -= bytes;
    }
    close(reader);
    errno = saved;
}

ssize_t sendfile(int out, int in, off_t *from, size_t bytes) {
    REAL(sendfile);
    pthread_mutex_lock(&lock);
    uint64_t at = journal < 0 ? 0 : place_of(out);
    ssize_t done = real(out, in, from, bytes);
    copied(out, at, done);
    pthread_mutex_unlock(&lock);
    return done;
}
ssize_t sendfile64(int out, int in, off64_t *from, size_t bytes) {
    return sendfile(out, in, from, bytes);
}
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t bytes,
                        unsigned flags) {
    REAL(copy_file_range);
    pthread_mutex_lock(&lock);
    uint64_t at = journal < 0 ? 0 : to ? (uint64_t)*to : place_of(out);
    ssize_t done = real(in, from, out, to, bytes, flags);
    copied(out, at, done);
    pthread_mutex_unlock(&lock);
    return done;
}

/* ---- sizes, modes, syncing */

static int sized(int result, int fd, uint64_t size) {
    char name[PATH_MAX];
    if (result == 0 && name_of(fd, name)) record(SIZE, 0, name, 0, size, 0, 0);
    return result;
}

int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    pthread_mutex_lock(&lock);
    int result = sized(real(fd, size), fd, size);
    pthread_mutex_unlock(&lock);
    return result;
}
int ftruncate64(int fd, off64_t size) {
    return ftruncate(fd, size);
}
int truncate(const char *path, off_t size) {
    REAL(truncate);
    char name[PATH_MAX];
    pthread_mutex_lock(&lock);
    int result = real(path, size);
    if (result == 0 && absolute(AT_FDCWD, path, name)) record(SIZE, 0, name, 0, size, 0, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int truncate64(const char *path, off64_t size) {
    return truncate(path, size);
}

static int room_taken(int result, int fd) {
    struct stat now;
    if (result == 0 && fstat(fd, &now) == 0) sized(0, fd, now.st_size);
    return result;
}

int posix_fallocate(int fd, off_t at, off_t bytes) {
    REAL(posix_fallocate);
    pthread_mutex_lock(&lock);
    int result = room_taken(real(fd, at, bytes), fd);
    pthread_mutex_unlock(&lock);
    return result;
}
int posix_fallocate64(int fd, off64_t at, off64_t bytes) {
    return posix_fallocate(fd, at, bytes);
}

static int synced(int result, int fd) {
    char name[PATH_MAX];
    if (result == 0 && name_of(fd, name)) record(SYNC, 0, name, 0, 0, 0, 0);
    return result;
}

int fsync(int fd) {
    REAL(fsync);
    pthread_mutex_lock(&lock);
    int result = synced(real(fd), fd);
    pthread_mutex_unlock(&lock);
    return result;
}
int fdatasync(int fd) {
    REAL(fdatasync);
    pthread_mutex_lock(&lock);
    int result = synced(real(fd), fd);
    pthread_mutex_unlock(&lock);
    return result;
}

int fchmod(int fd, mode_t mode) {
    REAL(fchmod);
    char name[PATH_MAX];
    pthread_mutex_lock(&lock);
    int result = real(fd, mode);
    if (result == 0 && name_of(fd, name)) record(MODE, mode & 07777, name, 0, 0, 0, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int chmod(const char *path, mode_t mode) {
    REAL(chmod);
    char name[PATH_MAX];
    pthread_mutex_lock(&lock);
    int result = real(path, mode);
    if (result == 0 && absolute(AT_FDCWD, path, name))
        record(MODE, mode & 07777, name, 0, 0, 0, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

/* ---- names */

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    static int (*real)(int, const char *, int, const char *, unsigned);
    char name[PATH_MAX], other[PATH_MAX];
    if (!real) real = (int (*)(int, const char *, int, const char *, unsigned))
        dlsym(RTLD_NEXT, "renameat2");
    pthread_mutex_lock(&lock);
    int known = absolute(from_folder, from, name);
    int result = real(from_folder, from, to_folder, to, flags);
    if (result == 0 && absolute(to_folder, to, other)) {
        if (!known) { errno = EXDEV; die("a file came from outside"); }
        record(RENAME, 0, name, other, 0, 0, 0);
    } else if (result == 0 && known) {
        errno = EXDEV;
        die("a file went outside");
    }
    pthread_mutex_unlock(&lock);
    return result;
}
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return renameat2(from_folder, from, to_folder, to, 0);
}
int rename(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    REAL(linkat);
    char name[PATH_MAX], other[PATH_MAX];
    pthread_mutex_lock(&lock);
    int result = real(from_folder, from, to_folder, to, flags);
    if (result == 0 && absolute(from_folder, from, name) && absolute(to_folder, to, other))
        record(LINK, 0, name, other, 0, 0, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int link(const char *from, const char *to) {
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int symlinkat(const char *text, int folder, const char *path) {
    REAL(symlinkat);
    char name[PATH_MAX];
    pthread_mutex_lock(&lock);
    int result = real(text, folder, path);
    if (result == 0 && absolute(folder, path, name))
        record(SYMLINK, 0, name, 0, 0, text, strlen(text));
    pthread_mutex_unlock(&lock);
    return result;
}
int symlink(const char *text, const char *path) {
    return symlinkat(text, AT_FDCWD, path);
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    char name[PATH_MAX];
    pthread_mutex_lock(&lock);
    int known = absolute(folder, path, name);
    int result = real(folder, path, flags);
    if (result == 0 && known)
        record(flags & AT_REMOVEDIR ? RMDIR : UNLINK, 0, name, 0, 0, 0, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int unlink(const char *path) {
    return unlinkat(AT_FDCWD, path, 0);
}
int rmdir(const char *path) {
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdirat(int folder, const char *path, mode_t mode) {
    REAL(mkdirat);
    char name[PATH_MAX];
    pthread_mutex_lock(&lock);
    int result = real(folder, path, mode);
    if (result == 0 && absolute(folder, path, name)) record(MKDIR, mode & 07777, name, 0, 0, 0, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int mkdir(const char *path, mode_t mode) {
    return mkdirat(AT_FDCWD, path, mode);
}
