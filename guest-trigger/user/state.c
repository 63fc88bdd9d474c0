/* SPDX-License-Identifier: MIT */
#include "state.h"

#include <pthread.h>

static pthread_mutex_t state_mutex = PTHREAD_MUTEX_INITIALIZER;
static int holder_cancel; /* the holder's cancellation state as it was before */

void vmitap_state_lock(sigset_t *signals)
{
	sigset_t all;
	int cancel;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, signals);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_mutex_lock(&state_mutex);
	holder_cancel = cancel;
}

void vmitap_state_unlock(const sigset_t *signals)
{
	int cancel = holder_cancel;

	pthread_mutex_unlock(&state_mutex);
	pthread_setcancelstate(cancel, NULL);
	pthread_sigmask(SIG_SETMASK, signals, NULL);
}
