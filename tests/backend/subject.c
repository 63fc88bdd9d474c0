/* SPDX-License-Identifier: MIT */
/* A process to be stopped and read, without vmitap in it. subject MODE [NUMBER] */
#include "subject.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static struct subject_page* page;
static const char known[] = "known to both";

static void beat(size_t which) { __atomic_fetch_add(&page->beats[which], 1, __ATOMIC_RELAXED); }

static void ready(void) { __atomic_store_n(&page->ready, 1, __ATOMIC_RELEASE); }

/* The first thread computes, the others mostly sleep, as threads do. */
static void* beat_on(void* which) {
  size_t i = (size_t)which;

  for (;;) {
    beat(i);
    if (i) usleep(300);
  }
  return NULL;
}

static void start(void* (*run)(void*), size_t which) {
  pthread_t thread;
  pthread_attr_t small;

  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 128 << 10);
  if (pthread_create(&thread, &small, run, (void*)which)) abort();
  pthread_detach(thread);
  pthread_attr_destroy(&small);
}

static void run_threads(size_t count) {
  for (size_t i = 1; i < count; i++) start(beat_on, i);
  ready();
  beat_on((void*)0);
}

static void* brief(void* which) {
  beat((size_t)which);
  return NULL;
}

static void* spawn_brief(void* which) {
  for (;;) {
    pthread_t thread;

    if (pthread_create(&thread, NULL, brief, which) == 0) {
      __atomic_fetch_add(&page->threads, 1, __ATOMIC_RELAXED);
      pthread_join(thread, NULL);
    }
  }
  return NULL;
}

static void run_churn(size_t count) {
  for (size_t i = 1; i < count; i++) start(spawn_brief, i);
  ready();
  spawn_brief((void*)0);
}

/* The first thread ends, the process does not. */
static void run_leaderless(size_t count) {
  for (size_t i = 1; i <= count; i++) start(beat_on, i);
  ready();
  pthread_exit(NULL);
}

/* One thread sits in vfork until the test says so. */
static void* wait_in_vfork(void* unused) {
  pid_t child;

  (void)unused;
  ready();
  child = vfork();
  if (child == 0) {
    while (!__atomic_load_n(&page->finish, __ATOMIC_ACQUIRE)) usleep(1000);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  return beat_on((void*)2);
}

static void run_vfork(void) {
  start(wait_in_vfork, 0);
  start(beat_on, 1);
  beat_on((void*)3);
}

static void count_signal(int signal) {
  (void)signal;
  __atomic_fetch_add(&page->signals, 1, __ATOMIC_RELAXED);
}

static void handle(int signal) {
  struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};

  sigaction(signal, &action, NULL);
}

/* Counts SIGRTMIN, of which none may get lost, in several threads. */
static void run_signals(size_t count) {
  handle(SIGRTMIN);
  run_threads(count);
}

static void run_timer(void) {
  struct itimerval every = {{0, 1000}, {0, 1000}};

  handle(SIGALRM);
  setitimer(ITIMER_REAL, &every, NULL);
  run_threads(2);
}

static void* exec_again(void* unused) {
  char* arguments[] = {"subject", "exec", NULL};

  (void)unused;
  usleep(500);
  if (!__atomic_load_n(&page->finish, __ATOMIC_ACQUIRE)) execv("/proc/self/exe", arguments);
  return beat_on((void*)1);
}

/* A thread that is not the first runs the program anew, over and over. */
static void run_exec(void) {
  for (size_t i = 4; i < 10; i++) start(beat_on, i);
  start(exec_again, 0);
  ready();
  beat_on((void*)0);
}

static void make_hole(void) {
  char* pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  memset(pages, 'a', 3 * 4096);
  munmap(pages + 4096, 4096);
  page->hole = (uintptr_t)pages + 4096;
}

int main(int count, char** words) {
  const char* mode = count > 1 ? words[1] : "";
  size_t number = count > 2 ? strtoul(words[2], NULL, 10) : 1;

  prctl(PR_SET_PDEATHSIG, SIGKILL);
  page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, SUBJECT_FD, 0);
  if (page == MAP_FAILED) return 2;
  __atomic_fetch_add(&page->runs, 1, __ATOMIC_RELAXED);
  page->known = (uintptr_t)known;
  make_hole();
  if (!strcmp(mode, "threads"))
    run_threads(number);
  else if (!strcmp(mode, "churn"))
    run_churn(number);
  else if (!strcmp(mode, "leaderless"))
    run_leaderless(number);
  else if (!strcmp(mode, "vfork"))
    run_vfork();
  else if (!strcmp(mode, "signals"))
    run_signals(number);
  else if (!strcmp(mode, "timer"))
    run_timer();
  else if (!strcmp(mode, "exec"))
    run_exec();
  return 2;
}
