/* SPDX-License-Identifier: MIT */
/* A guest with one trigger and one mark. Exits with status 3 at SIGUSR1, runs another program at SIGUSR2. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <vmitap/mark.h>
#include <vmitap/trigger.h>

static struct { volatile unsigned long first, second; /* always changed together */ } together;
VMITAP_MARK(together);

static volatile sig_atomic_t wanted;

static void want(int signal) { wanted = signal; }

static void* change(void* unused) {
  (void)unused;
  for (;;) {
    together.first++;
    together.second++;
    VMITAP_TRIGGER(changed, together.first);
    usleep(100);
  }
  return NULL;
}

/* Before the guest library's: whoever finds this guest may signal it at once. */
__attribute__((constructor(101))) static void heed_signals(void) {
  signal(SIGUSR1, want);
  signal(SIGUSR2, want);
}

int main(void) {
  char* arguments[] = {"/bin/sleep", "1000", NULL};
  pthread_t thread;

  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (pthread_create(&thread, NULL, change, NULL)) return 2;
  while (!wanted) usleep(1000);
  if (wanted == SIGUSR2) execv(arguments[0], arguments);
  exit(3);
}
