// Faults of a disk, for a process that is started with this library in LD_PRELOAD. What a sync does is read from the
// file that DISK_FAULT names, each time:
//   eio    the sync fails, as on a disk that reports a medium error
//   stop   the process is stopped (SIGSTOP) inside the sync, once: the file is removed first
//   absent or anything else: the real sync
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fault(void) {
  const char *path = getenv("DISK_FAULT");
  char text[8] = {0};
  if (path == NULL) return 0;
  int fd = open(path, O_RDONLY);
  if (fd < 0) return 0;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length >= 3 && strncmp(text, "eio", 3) == 0) {
    errno = EIO;
    return -1;
  }
  if (length >= 4 && strncmp(text, "stop", 4) == 0) {
    unlink(path);
    raise(SIGSTOP);
  }
  return 0;
}

int fdatasync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  return fault() != 0 ? -1 : real(fd);
}

int fsync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  return fault() != 0 ? -1 : real(fd);
}
