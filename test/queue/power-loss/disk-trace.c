// Records what a process does to the files below DISK_TRACE_ROOT, for a process that is started with this library in
// LD_PRELOAD: every write with its bytes, every sync, every change of a folder. One file for each process:
// DISK_TRACE_FILE with the process id behind it. disk-trace.ts reads it; disk-image.ts builds from it what a disk may
// hold after a power cut.
//
// A record, little-endian:
//
//   0        1         9          17            25        29             33             33 + p       33 + p + d
//   ├─ kind ─┼─ time ──┼─ inode ──┼─ offset ────┼─ p ─────┼─ d ──────────┼─ path ───────┼─ data ─────┤
//      u8       u64 ns    u64        u64           u32       u32            p bytes        d bytes
//
//   'O' a file was opened, and made if it was not there       'M' a folder was made
//   'W' a write begins (data, offset)                         'D' the synchronous write at this offset is done
//   'T' the file was cut or grown to `offset` bytes           'B' a sync begins    'E' it has succeeded
//   'R' renamed (path → data)     'L' linked (path → data)    'U' a name was removed
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
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))real(#name))
#define FILES_MAX 65536

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *paths[FILES_MAX];
static char synchronous[FILES_MAX];

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

/** The absolute path when it lies below the root, else 0. */
static int below_root(const char *path, char *absolute) {
  const char *root = getenv("DISK_TRACE_ROOT");
  if (root == NULL || path == NULL) return 0;
  if (path[0] == '/') {
    if (strlen(path) >= PATH_MAX) return 0;
    strcpy(absolute, path);
  } else {
    char folder[PATH_MAX / 2];
    if (getcwd(folder, sizeof folder) == NULL) return 0;
    if (snprintf(absolute, PATH_MAX, "%s/%s", folder, path) >= PATH_MAX) return 0;
  }
  return strncmp(absolute, root, strlen(root)) == 0;
}

static void put(int out, const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    ssize_t done = REAL(write)(out, at, length);
    if (done <= 0) abort(); // a trace with a hole would prove nothing
    at += done;
    length -= done;
  }
}

static void record(char kind, uint64_t inode, uint64_t offset, const char *path, const void *data, uint32_t length) {
  static int out = -1;
  static pid_t owner;
  int error = errno;
  pthread_mutex_lock(&lock);
  if (out < 0 || owner != getpid()) {
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s.%d", getenv("DISK_TRACE_FILE"), getpid());
    int (*open_real)(const char *, int, ...) = real("open");
    out = open_real(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    owner = getpid();
    if (out < 0) abort();
  }
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  uint64_t time = (uint64_t)now.tv_sec * 1000000000u + now.tv_nsec;
  uint32_t path_length = strlen(path);
  char head[33];
  head[0] = kind;
  memcpy(head + 1, &time, 8);
  memcpy(head + 9, &inode, 8);
  memcpy(head + 17, &offset, 8);
  memcpy(head + 25, &path_length, 4);
  memcpy(head + 29, &length, 4);
  put(out, head, sizeof head);
  put(out, path, path_length);
  if (length > 0) put(out, data, length);
  pthread_mutex_unlock(&lock);
  errno = error;
}

static uint64_t inode_of(int fd) {
  struct stat found;
  return fstat(fd, &found) == 0 ? found.st_ino : 0;
}

static const char *traced(int fd) { return fd >= 0 && fd < FILES_MAX ? paths[fd] : NULL; }

// — Files are opened and closed

static int opened(int fd, const char *path, int flags) {
  char absolute[PATH_MAX];
  if (fd < 0 || fd >= FILES_MAX || !below_root(path, absolute)) return fd;
  int error = errno;
  free(paths[fd]);
  paths[fd] = strdup(absolute);
  synchronous[fd] = (flags & O_DSYNC) != 0; // O_SYNC includes it
  if ((flags & O_DIRECTORY) == 0) record('O', inode_of(fd), 0, absolute, NULL, 0);
  if (flags & O_TRUNC) record('T', inode_of(fd), 0, absolute, NULL, 0);
  errno = error;
  return fd;
}

static int mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | __O_TMPFILE)) ? va_arg(arguments, int) : 0;
}

#define OPEN(name)                                             \
  int name(const char *path, int flags, ...) {                 \
    va_list arguments;                                         \
    va_start(arguments, flags);                                \
    int mode = mode_of(flags, arguments);                      \
    va_end(arguments);                                         \
    int (*call)(const char *, int, ...) = real(#name);         \
    return opened(call(path, flags, mode), path, flags);       \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                   \
  int name(int folder, const char *path, int flags, ...) {             \
    va_list arguments;                                                 \
    va_start(arguments, flags);                                        \
    int mode = mode_of(flags, arguments);                              \
    va_end(arguments);                                                 \
    int (*call)(int, const char *, int, ...) = real(#name);            \
    return opened(call(folder, path, flags, mode), path, flags);       \
  }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
  if (fd >= 0 && fd < FILES_MAX && paths[fd] != NULL) {
    free(paths[fd]);
    paths[fd] = NULL;
  }
  return REAL(close)(fd);
}

// — They are written

static ssize_t written(int fd, const char *path, off_t offset, ssize_t done) {
  if (synchronous[fd] && done > 0) record('D', inode_of(fd), offset, path, NULL, 0);
  return done;
}

#define PWRITE(name, offset_type)                                                   \
  ssize_t name(int fd, const void *data, size_t length, offset_type offset) {       \
    const char *path = traced(fd);                                                  \
    if (path == NULL) return REAL(name)(fd, data, length, offset);                  \
    record('W', inode_of(fd), offset, path, data, length);                          \
    return written(fd, path, offset, REAL(name)(fd, data, length, offset));         \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

static void record_all(int fd, const char *path, const struct iovec *parts, int count, off_t offset) {
  for (int i = 0; i < count; i++) {
    record('W', inode_of(fd), offset, path, parts[i].iov_base, parts[i].iov_len);
    offset += parts[i].iov_len;
  }
}

#define PWRITEV(name, offset_type)                                                   \
  ssize_t name(int fd, const struct iovec *parts, int count, offset_type offset) {   \
    const char *path = traced(fd);                                                   \
    if (path != NULL) record_all(fd, path, parts, count, offset);                    \
    ssize_t done = REAL(name)(fd, parts, count, offset);                             \
    return path == NULL ? done : written(fd, path, offset, done);                    \
  }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

ssize_t write(int fd, const void *data, size_t length) {
  const char *path = traced(fd);
  if (path == NULL) return REAL(write)(fd, data, length);
  off_t offset = lseek(fd, 0, SEEK_CUR);
  record('W', inode_of(fd), offset, path, data, length);
  return written(fd, path, offset, REAL(write)(fd, data, length));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  const char *path = traced(fd);
  if (path == NULL) return REAL(writev)(fd, parts, count);
  off_t offset = lseek(fd, 0, SEEK_CUR);
  record_all(fd, path, parts, count, offset);
  return written(fd, path, offset, REAL(writev)(fd, parts, count));
}

#define TRUNCATE(name, offset_type)                                            \
  int name(int fd, offset_type length) {                                       \
    if (traced(fd) != NULL) record('T', inode_of(fd), length, traced(fd), NULL, 0); \
    return REAL(name)(fd, length);                                             \
  }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

// — They are synced

#define SYNC(name)                                                             \
  int name(int fd) {                                                           \
    const char *path = traced(fd);                                             \
    if (path != NULL) record('B', inode_of(fd), 0, path, NULL, 0);             \
    int status = REAL(name)(fd);                                               \
    if (path != NULL && status == 0) record('E', inode_of(fd), 0, path, NULL, 0); \
    return status;                                                             \
  }
SYNC(fsync)
SYNC(fdatasync)

// — Folders change

#define TWO_NAMES(name, kind)                                                  \
  int name(const char *from, const char *to) {                                 \
    int status = REAL(name)(from, to);                                         \
    char a[PATH_MAX], b[PATH_MAX];                                             \
    if (status == 0 && below_root(from, a) && below_root(to, b)) record(kind, 0, 0, a, b, strlen(b)); \
    return status;                                                             \
  }
TWO_NAMES(rename, 'R')
TWO_NAMES(link, 'L')

int unlink(const char *path) {
  int status = REAL(unlink)(path);
  char absolute[PATH_MAX];
  if (status == 0 && below_root(path, absolute)) record('U', 0, 0, absolute, NULL, 0);
  return status;
}

int mkdir(const char *path, mode_t mode) {
  int status = REAL(mkdir)(path, mode);
  char absolute[PATH_MAX];
  if (status == 0 && below_root(path, absolute)) record('M', 0, 0, absolute, NULL, 0);
  return status;
}
