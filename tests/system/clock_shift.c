/* Copyright 2026 Swarm Stack maintainers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded into a process, moves its wall clock by what the file CLOCK_SHIFT holds: nanoseconds
 * as a 64-bit integer in the machine's byte order, read at every look at the clock. The monotonic
 * clock stays. Waits until a wall-clock time follow the moved clock as they do with a real one: a
 * jump back makes them longer, a jump forward ends them. Condition variables wake up without a
 * reason meanwhile, as they may.
 *
 *     cc -shared -fPIC -O2 -o clock_shift.so clock_shift.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define SLICE_NS (50 * 1000000LL) /* how late a jump is noticed by who waits */
#define WALL_MIN_S 1000000000 /* a time above it is of the wall clock, one below it monotonic */

static volatile int64_t *shift_ns;
static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_mutex_lock)(pthread_mutex_t *, const struct timespec *);
static int (*real_sem_wait)(sem_t *, const struct timespec *);
static int (*real_cond_wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int (*real_cond_clockwait)(
  pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);

static void find_real(void)
{
  /* Without its version, an old function of this name could be found. */
  real_cond_wait = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
  if (!real_cond_wait)
    real_cond_wait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  real_cond_clockwait = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
  real_mutex_lock = dlsym(RTLD_NEXT, "pthread_mutex_timedlock");
  real_sem_wait = dlsym(RTLD_NEXT, "sem_timedwait");
  real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
}

__attribute__((constructor)) static void prepare(void)
{
  find_real();
  const char *path = getenv("CLOCK_SHIFT");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0)
    return;
  void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (page != MAP_FAILED)
    shift_ns = page;
}

static int64_t in_ns(const struct timespec *when)
{
  return (int64_t)when->tv_sec * SECOND + when->tv_nsec;
}

static struct timespec from_ns(int64_t ns)
{
  return (struct timespec){.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
}

static int64_t real_ns(void)
{
  struct timespec now;
  if (!real_gettime) /* another library's constructor runs before ours */
    find_real();
  real_gettime(CLOCK_REALTIME, &now);
  return in_ns(&now);
}

static int passed(const struct timespec *end)
{
  return real_ns() + *shift_ns >= in_ns(end);
}

/* By the kernel's clock: the end of a slice, or of the wait if that comes first. */
static struct timespec slice(const struct timespec *end)
{
  int64_t last = in_ns(end) - *shift_ns, next = real_ns() + SLICE_NS;
  return from_ns(last < next ? last : next);
}

static int is_wall(const struct timespec *end)
{
  return shift_ns && end->tv_sec >= WALL_MIN_S;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
  if (!real_gettime)
    find_real();
  int failed = real_gettime(clock, now);
  if (!failed && shift_ns && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    *now = from_ns(in_ns(now) + *shift_ns);
  return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
  struct timespec fine;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &fine);
  now->tv_sec = fine.tv_sec;
  now->tv_usec = fine.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *now)
{
  struct timespec fine;
  clock_gettime(CLOCK_REALTIME, &fine);
  if (now)
    *now = fine.tv_sec;
  return fine.tv_sec;
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict end)
{
  if (!is_wall(end))
    return real_sem_wait(semaphore, end);
  for (;;) {
    struct timespec next = slice(end);
    if (real_sem_wait(semaphore, &next) == 0)
      return 0;
    if (errno != ETIMEDOUT || passed(end))
      return -1;
  }
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict end)
{
  if (!is_wall(end))
    return real_mutex_lock(mutex, end);
  for (;;) {
    struct timespec next = slice(end);
    int failed = real_mutex_lock(mutex, &next);
    if (failed != ETIMEDOUT || passed(end))
      return failed;
  }
}

int pthread_cond_timedwait(
  pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
  const struct timespec *restrict end)
{
  if (!is_wall(end))
    return real_cond_wait(condition, mutex, end);
  struct timespec next = slice(end);
  int failed = real_cond_wait(condition, mutex, &next);
  return failed == ETIMEDOUT && !passed(end) ? 0 : failed;
}

int pthread_cond_clockwait(
  pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, clockid_t clock,
  const struct timespec *restrict end)
{
  if (clock != CLOCK_REALTIME || !is_wall(end))
    return real_cond_clockwait(condition, mutex, clock, end);
  struct timespec next = slice(end);
  int failed = real_cond_clockwait(condition, mutex, clock, &next);
  return failed == ETIMEDOUT && !passed(end) ? 0 : failed;
}
