// Faults of a disk, for a process that is started with this library in LD_PRELOAD. What the disk does is read from the
// file that DISK_FAULT names, each time:
//   eio     every sync fails, as on a disk that reports a medium error
//   meta    the last write of an LMDB commit fails (EIO), the one that names the new root: LMDB then refuses all others
//   metafull  the same with ENOSPC, as on a file system that never writes in place
//   writes  every write to a file fails (EIO), and so does making or truncating one
//   full    the same with ENOSPC
//   stop    the process is stopped (SIGSTOP) inside the next sync, once: the file is removed first
//   absent or anything else: all is well
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
/** An LMDB meta page's data is shorter than this; the smallest page is this long. */
#define PAGE_BYTES 4096
/** Both meta pages lie before this, however large a page is. */
#define META_END 131072

/** Whether the fault is this one now. */
static int is(const char *what) {
  const char *path = getenv("DISK_FAULT");
  char text[16] = {0};
  if (path == NULL) return 0;
  int saved = errno;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
  errno = saved;
  if (fd < 0) return 0;
  ssize_t length = syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  errno = saved;
  return length > 0 && strcmp(text, what) == 0;
}

static int sync_fails(void) {
  if (is("eio")) {
    errno = EIO;
    return 1;
  }
  if (is("stop")) {
    unlink(getenv("DISK_FAULT"));
    raise(SIGSTOP);
  }
  return 0;
}

static int file_fails(void) {
  if (is("writes")) errno = EIO;
  else if (is("full")) errno = ENOSPC;
  else return 0;
  return 1;
}

/** Pipes, sockets and terminals are no disk. */
static int write_fails(int fd) {
  struct stat found;
  if (!file_fails()) return 0;
  int fault = errno;
  int is_file = fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
  errno = fault;
  return is_file;
}

static int pwrite_fails(int fd, size_t bytes, off_t at) {
  if (bytes < PAGE_BYTES && at < META_END && (is("meta") || is("metafull"))) {
    errno = is("metafull") ? ENOSPC : EIO;
    return 1;
  }
  return write_fails(fd);
}

int fdatasync(int fd) { return sync_fails() ? -1 : REAL(fdatasync)(fd); }
int fsync(int fd) { return sync_fails() ? -1 : REAL(fsync)(fd); }

ssize_t write(int fd, const void *from, size_t bytes) { return write_fails(fd) ? -1 : REAL(write)(fd, from, bytes); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
  return write_fails(fd) ? -1 : REAL(writev)(fd, parts, count);
}
ssize_t pwrite(int fd, const void *from, size_t bytes, off_t at) {
  return pwrite_fails(fd, bytes, at) ? -1 : REAL(pwrite)(fd, from, bytes, at);
}
ssize_t pwrite64(int fd, const void *from, size_t bytes, off64_t at) {
  return pwrite_fails(fd, bytes, at) ? -1 : REAL(pwrite64)(fd, from, bytes, at);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  return write_fails(fd) ? -1 : REAL(pwritev)(fd, parts, count, at);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  return write_fails(fd) ? -1 : REAL(pwritev64)(fd, parts, count, at);
}

static int open_fails(int flags) { return (flags & (O_CREAT | O_TRUNC)) != 0 && file_fails(); }

static mode_t mode_of(int flags, va_list rest) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return open_fails(flags) ? -1 : REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return open_fails(flags) ? -1 : REAL(open64)(path, flags, mode);
}

int rename(const char *from, const char *to) { return file_fails() ? -1 : REAL(rename)(from, to); }
