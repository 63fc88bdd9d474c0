/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * One vocabulary for ordered access to shared memory; a body for userspace (gcc and clang, C11 and
 * C++20) and one for the Linux kernel. Meanings are those of the kernel's memory-barriers.txt:
 *   vmitap_load_acquire / vmitap_store_release   pair with each other
 *   vmitap_load_relaxed / vmitap_store_relaxed   single, untorn access without order
 *   vmitap_fence            full fence (smp_mb)
 *   vmitap_write_fence      stores before it are seen before stores after it (smp_wmb)
 *   vmitap_read_fence       loads before it are done before loads after it (smp_rmb)
 *   vmitap_compiler_fence   orders against interrupts of the same thread or CPU only
 *   vmitap_local_cmpxchg    compare and exchange that is whole against interrupts (signal handlers,
 *                           NMIs) of the same thread or CPU, not against others: no lock prefix
 *   vmitap_cmpxchg_acquire  on a u32, whole against everybody
 *   vmitap_set_bit / vmitap_clear_bit   atomic, and a full fence
 *   vmitap_cpu_relax        in the body of a spin loop
 */
#ifndef VMITAP_BARRIER_H
#define VMITAP_BARRIER_H

#include "vmitap/ring_abi.h"

#ifdef __KERNEL__

#include <asm/barrier.h>
#include <asm/processor.h>
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/compiler.h>

#define vmitap_load_acquire(pointer) smp_load_acquire(pointer)
#define vmitap_store_release(pointer, value) smp_store_release(pointer, value)
#define vmitap_load_relaxed(pointer) READ_ONCE(*(pointer))
#define vmitap_store_relaxed(pointer, value) WRITE_ONCE(*(pointer), value)
#define vmitap_fence() smp_mb()
#define vmitap_write_fence() smp_wmb()
#define vmitap_read_fence() smp_rmb()
#define vmitap_compiler_fence() barrier()
#define vmitap_cpu_relax() cpu_relax()

static inline bool vmitap_local_cmpxchg(vmitap_u64 *pointer, vmitap_u64 *expected, vmitap_u64 desired)
{
	const vmitap_u64 was = cmpxchg64_local(pointer, *expected, desired);
	const bool done = was == *expected;

	*expected = was;
	return done;
}

static inline bool vmitap_cmpxchg_acquire(vmitap_u32 *pointer, vmitap_u32 expected, vmitap_u32 desired)
{
	return cmpxchg_acquire(pointer, expected, desired) == expected;
}

/* Words of the ring are little-endian u64: as unsigned long on the 64-bit little-endian machines that
 * the kernel side is built for. */
static inline void vmitap_set_bit(vmitap_u64 *word, vmitap_u32 bit)
{
	set_bit(bit, (unsigned long *)word);
	smp_mb__after_atomic();
}

static inline void vmitap_clear_bit(vmitap_u64 *word, vmitap_u32 bit)
{
	clear_bit(bit, (unsigned long *)word);
	smp_mb__after_atomic();
}

#else /* userspace */

#include <stdbool.h>

#if defined(__SANITIZE_THREAD__) || defined(VMITAP_TSAN)
#define VMITAP_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define VMITAP_THREAD_SANITIZER 1
#endif
#endif

#define vmitap_load_acquire(pointer) __atomic_load_n(pointer, __ATOMIC_ACQUIRE)
#define vmitap_store_release(pointer, value) __atomic_store_n(pointer, value, __ATOMIC_RELEASE)
#define vmitap_load_relaxed(pointer) __atomic_load_n(pointer, __ATOMIC_RELAXED)
#define vmitap_store_relaxed(pointer, value) __atomic_store_n(pointer, value, __ATOMIC_RELAXED)
#ifdef VMITAP_THREAD_SANITIZER
/* TSan knows no fences and gcc warns of each. No data is handed over by a fence here: every access
 * on both of its sides is atomic. */
static inline void vmitap_fence(void)
{
#if defined(__x86_64__)
	__asm__ volatile("mfence" ::: "memory");
#elif defined(__aarch64__)
	__asm__ volatile("dmb ish" ::: "memory");
#else
#error "no full fence under TSan for this machine"
#endif
}
#define vmitap_write_fence() vmitap_fence()
#define vmitap_read_fence() vmitap_fence()
#else
#define vmitap_fence() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define vmitap_write_fence() __atomic_thread_fence(__ATOMIC_RELEASE)
#define vmitap_read_fence() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#endif
#define vmitap_compiler_fence() __asm__ volatile("" ::: "memory")

#ifdef __cplusplus
#define VMITAP_BIT(bit) (static_cast<vmitap_u64>(1) << (bit))
#else
#define VMITAP_BIT(bit) ((vmitap_u64)1 << (bit))
#endif

static inline void vmitap_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__asm__ volatile("pause" ::: "memory");
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#else
	vmitap_compiler_fence();
#endif
}

static inline bool vmitap_local_cmpxchg(vmitap_u64 *pointer, vmitap_u64 *expected, vmitap_u64 desired)
{
#if defined(__x86_64__) && !defined(VMITAP_THREAD_SANITIZER)
	bool done;

	/* One instruction is whole against interrupts; without the lock prefix it costs a fifth. */
	__asm__ volatile("cmpxchgq %[desired], %[memory]"
			 : [memory] "+m"(*pointer), "+a"(*expected), "=@ccz"(done)
			 : [desired] "r"(desired)
			 : "memory");
	return done;
#else
	return __atomic_compare_exchange_n(pointer, expected, desired, false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED);
#endif
}

static inline bool vmitap_cmpxchg_acquire(vmitap_u32 *pointer, vmitap_u32 expected, vmitap_u32 desired)
{
	return __atomic_compare_exchange_n(pointer, &expected, desired, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static inline void vmitap_set_bit(vmitap_u64 *word, vmitap_u32 bit)
{
	(void)__atomic_fetch_or(word, VMITAP_BIT(bit), __ATOMIC_SEQ_CST);
	vmitap_fence();
}

static inline void vmitap_clear_bit(vmitap_u64 *word, vmitap_u32 bit)
{
	(void)__atomic_fetch_and(word, ~VMITAP_BIT(bit), __ATOMIC_SEQ_CST);
	vmitap_fence();
}

#endif /* __KERNEL__ */

#endif /* VMITAP_BARRIER_H */
