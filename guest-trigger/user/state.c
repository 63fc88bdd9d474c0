/* SPDX-License-Identifier: MIT */
#include "state.h"

#include <pthread.h>

static pthread_mutex_t state_mutex = PTHREAD_MUTEX_INITIALIZER;

void vmitap_state_lock(sigset_t *signals)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, signals);
	pthread_mutex_lock(&state_mutex);
}

void vmitap_state_unlock(const sigset_t *signals)
{
	pthread_mutex_unlock(&state_mutex);
	pthread_sigmask(SIG_SETMASK, signals, NULL);
}
