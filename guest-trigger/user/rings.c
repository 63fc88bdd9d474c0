/* SPDX-License-Identifier: MIT */
#include "rings.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "channel.h"

bool vmitap_rings_membarrier;

/* Initial-exec: found without a call, and without the allocation that a signal handler must not make. */
static __thread struct vmitap_ring *mine __attribute__((tls_model("initial-exec")));

static pthread_key_t leaving_thread;
/* A word that is 1 here and 0 in a child, also in one of a bare clone(2), which runs no handler of ours. */
static uint32_t *same_process;

static void release(struct vmitap_ring *ring)
{
	/* Cancelled in the middle of a firing (asynchronously) it has not left, and the agent would wait for it. */
	vmitap_store_release(&ring->busy, 0u); /* pairs with vmitap_rings_left() */
	vmitap_producer_release(&ring->producer);
}

static void thread_ends(void *value)
{
	const vmitap_u32 thread = vmitap_producer_owner(&((struct vmitap_ring *)value)->producer);
	/* Pairs with vmitap_channel_add() in channel.c. */
	struct vmitap_channel *channel = vmitap_load_acquire(&vmitap_channels);

	/* The destructor of another key may fire yet; that claims anew, and comes here once more. */
	mine = NULL;
	for (; channel; channel = channel->next)
		for (uint32_t i = 0; i < channel->ring_count; i++)
			if (vmitap_producer_owner(&channel->rings[i].producer) == thread)
				release(&channel->rings[i]);
}

bool vmitap_rings_prepare(void)
{
	uint32_t *word = mmap(NULL, VMITAP_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (word == MAP_FAILED)
		return false;
	if (madvise(word, VMITAP_PAGE_SIZE, MADV_WIPEONFORK) || pthread_key_create(&leaving_thread, thread_ends)) {
		munmap(word, VMITAP_PAGE_SIZE);
		return false;
	}
	*word = 1;
	same_process = word;
	return true;
}

bool vmitap_rings_forked(void)
{
	bool firing = mine && mine->busy;

	mine = NULL;
	pthread_setspecific(leaving_thread, NULL); /* the ring is unmapped before this thread ends */
	vmitap_store_relaxed(same_process, 1u);
	return firing;
}

bool vmitap_rings_alive(void)
{
	return vmitap_load_relaxed(same_process) != 0;
}

/* The ring of this channel that the thread has claimed before, when another host was attached. */
static struct vmitap_ring *claimed(struct vmitap_channel *channel, vmitap_u32 thread)
{
	for (uint32_t i = 0; i < channel->ring_count; i++)
		if (vmitap_producer_owner(&channel->rings[i].producer) == thread)
			return &channel->rings[i];
	return NULL;
}

static struct vmitap_ring *claim(struct vmitap_channel *channel)
{
	vmitap_u32 thread = (vmitap_u32)syscall(SYS_gettid);
	struct vmitap_ring *before = mine, *again = before ? claimed(channel, thread) : NULL;

	if (again) {
		mine = again;
		return again;
	}
	for (uint32_t i = 0; i < channel->ring_count; i++) {
		struct vmitap_ring *ring = &channel->rings[i];

		if (!vmitap_producer_claim(&ring->producer, thread))
			continue;
		/* A signal handler may have fired, and claimed, in between: then that one is the thread's. */
		if (!__atomic_compare_exchange_n(&mine, &before, ring, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			vmitap_producer_release(&ring->producer);
			return before;
		}
		pthread_setspecific(leaving_thread, ring);
		return ring;
	}
	return NULL;
}

struct vmitap_ring *vmitap_rings_mine(struct vmitap_channel *channel)
{
	struct vmitap_ring *ring = mine;

	return ring && ring->channel == channel ? ring : claim(channel);
}

void vmitap_rings_reap(struct vmitap_channel *channel)
{
	pid_t pid = getpid();

	for (uint32_t i = 0; i < channel->ring_count; i++) {
		struct vmitap_ring *ring = &channel->rings[i];
		vmitap_u32 owner = vmitap_producer_owner(&ring->producer);

		if (owner && syscall(SYS_tgkill, pid, owner, 0) && errno == ESRCH)
			release(ring);
	}
}

void vmitap_rings_register(void)
{
	bool registered = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;

	/* For the fence of a host that goes to sleep. */
	syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0);
	vmitap_store_relaxed(&vmitap_rings_membarrier, registered);
}

void vmitap_rings_look(void)
{
	/* Pairs with vmitap_rings_enter(): a thread seen idle below finds the plan that stands now. */
	if (vmitap_load_relaxed(&vmitap_rings_membarrier))
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	else
		vmitap_fence();
	for (struct vmitap_channel *channel = vmitap_channels; channel; channel = channel->next) {
		for (uint32_t i = 0; i < channel->ring_count; i++) {
			struct vmitap_ring *ring = &channel->rings[i];

			ring->passes_seen = vmitap_load_acquire(&ring->passes);
			ring->busy_seen = vmitap_load_acquire(&ring->busy) != 0;
		}
	}
}

bool vmitap_rings_left(void)
{
	bool left = true;

	for (struct vmitap_channel *channel = vmitap_channels; channel; channel = channel->next) {
		for (uint32_t i = 0; i < channel->ring_count; i++) {
			struct vmitap_ring *ring = &channel->rings[i];

			/* Pairs with vmitap_rings_leave(). */
			ring->busy_seen = ring->busy_seen && vmitap_load_acquire(&ring->busy) &&
					  vmitap_load_acquire(&ring->passes) == ring->passes_seen;
			left &= !ring->busy_seen;
		}
	}
	return left;
}
