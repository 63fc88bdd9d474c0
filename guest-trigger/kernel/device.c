// SPDX-License-Identifier: GPL-2.0
#include "device.h"

#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "catalog.h"
#include "program.h"

static struct vmitap_program *program_of(const struct file *file)
{
	/* Acquire: with the release in make(). */
	return smp_load_acquire(&file->private_data);
}

static int device_open(struct inode *inode, struct file *file)
{
	file->private_data = NULL; /* the misc device, until then */
	return stream_open(inode, file);
}

static long make(struct file *file, void __user *user)
{
	struct vmitap_device_channel wanted;
	struct vmitap_program *program;

	if (copy_from_user(&wanted, user, sizeof(wanted)))
		return -EFAULT;
	if (program_of(file))
		return -EBUSY;
	program = vmitap_program_open(&wanted);
	if (IS_ERR(program))
		return PTR_ERR(program);
	if (copy_to_user(user, &wanted, sizeof(wanted))) {
		vmitap_program_close(program);
		return -EFAULT;
	}
	if (cmpxchg_release(&file->private_data, NULL, program)) {
		vmitap_program_close(program); /* another thread was quicker */
		return -EBUSY;
	}
	return 0;
}

static long put_catalog(struct vmitap_program *program, const void *copy, u64 size)
{
	long error = 0;

	mutex_lock(&program->lock);
	if (program->leaving)
		error = -ENODEV;
	else
		vmitap_catalog_copy(&program->channel, copy, size);
	mutex_unlock(&program->lock);
	if (!error)
		vmitap_channel_notify(&program->channel);
	return error;
}

/* No lock but the program's for this alone is held over a copy from it: its memory may be a file system's or a debugger's, who
 * take as long as they like. */
static long publish(struct vmitap_program *program, const void __user *user)
{
	struct vmitap_device_catalog catalog;
	void *copy;
	long error;

	if (copy_from_user(&catalog, user, sizeof(catalog)))
		return -EFAULT;
	if (catalog.size > (u64)program->channel.catalog.count * VMITAP_PAGE_SIZE)
		return -E2BIG;
	if (mutex_lock_killable(&program->publishing))
		return -EINTR;
	copy = kvmalloc(catalog.size, GFP_KERNEL_ACCOUNT);
	if (!copy)
		error = -ENOMEM;
	else if (copy_from_user(copy, u64_to_user_ptr(catalog.address), catalog.size))
		error = -EFAULT;
	else
		error = put_catalog(program, copy, catalog.size);
	kvfree(copy);
	mutex_unlock(&program->publishing);
	return error;
}

static bool goes_on(const struct vmitap_program *program)
{
	return !READ_ONCE(program->leaving) && vmitap_channel_present(&program->channel);
}

static long wait_for_host(struct vmitap_program *program, const void __user *user)
{
	const struct vmitap_ring_control *controls = program->channel.host.address + VMITAP_PAGE_SIZE;
	const struct vmitap_ring_control *control;
	struct vmitap_device_wait wait;
	s64 left;
	int error;

	if (copy_from_user(&wait, user, sizeof(wait)))
		return -EFAULT;
	/* The guest header is the program's to write: what counts is how many the host region holds. */
	if (wait.ring >= (program->channel.host.count - 1) * (VMITAP_PAGE_SIZE / sizeof(*control)))
		return -EINVAL;
	control = &controls[wait.ring];
	left = ktime_to_ns(ktime_sub(ns_to_ktime(wait.deadline_ns), ktime_get()));
	/* Acquire: with the release in Consumer::answer_sync (ring_consumer.cpp). */
	error = wait_event_interruptible_hrtimeout(program->changed,
						   vmitap_load_acquire(&control->sync_answered) >= wait.ticket ||
							   !goes_on(program),
						   ns_to_ktime(max_t(s64, left, 0)));
	if (error == -ERESTARTSYS)
		return -EINTR;
	if (vmitap_load_acquire(&control->sync_answered) >= wait.ticket)
		return 0;
	return goes_on(program) ? -ETIMEDOUT : -ENODEV;
}

static long tell_present(struct vmitap_program *program, u32 __user *user)
{
	const bool present = goes_on(program);

	WRITE_ONCE(program->present_told, present);
	return put_user((u32)present, user);
}

static long device_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct vmitap_program *program = program_of(file);
	void __user *user = (void __user *)argument;

	if (command == VMITAP_DEVICE_OPEN)
		return make(file, user);
	if (!program)
		return -ENODEV;
	switch (command) {
	case VMITAP_DEVICE_PUBLISH:
		return publish(program, user);
	case VMITAP_DEVICE_KICK:
		vmitap_channel_notify(&program->channel);
		return 0;
	case VMITAP_DEVICE_WAIT:
		return wait_for_host(program, user);
	case VMITAP_DEVICE_PRESENT:
		return tell_present(program, user);
	}
	return -ENOTTY;
}

static bool is_requested(const struct vmitap_program *program)
{
	return !program->is_asked && vmitap_mailbox_pending(&program->channel);
}

/* Header and body, which stand in a row; VMITAP_MAILBOX_MESSAGE_MAX bytes. */
static void *message_of(struct vmitap_program *program)
{
	return (u8 *)&program->request + offsetof(struct vmitap_request, header);
}

/* Of the request that is taken thereby; 0: the program leaves. */
static ssize_t take_request(struct vmitap_program *program, void *copy)
{
	ssize_t size = -EAGAIN;

	mutex_lock(&program->lock);
	if (program->leaving) {
		size = 0;
	} else if (is_requested(program) && vmitap_mailbox_take(&program->channel, &program->request)) {
		size = program->request.header.size;
		memcpy(copy, message_of(program), size);
		program->is_asked = true;
	}
	mutex_unlock(&program->lock);
	return size;
}

/* Who could not read it may read it again. */
static void put_request_back(struct vmitap_program *program)
{
	mutex_lock(&program->lock);
	program->is_asked = false;
	mutex_unlock(&program->lock);
}

static ssize_t device_read(struct file *file, char __user *user, size_t size, loff_t *position)
{
	struct vmitap_program *program = program_of(file);
	ssize_t result;
	void *copy;

	if (!program)
		return -ENODEV;
	if (size < VMITAP_MAILBOX_MESSAGE_MAX)
		return -EINVAL;
	if (!(file->f_flags & O_NONBLOCK) &&
	    wait_event_interruptible(program->changed, is_requested(program) || READ_ONCE(program->leaving)))
		return -ERESTARTSYS;
	copy = kvmalloc(VMITAP_MAILBOX_MESSAGE_MAX, GFP_KERNEL_ACCOUNT);
	if (!copy)
		return -ENOMEM;
	result = take_request(program, copy);
	if (result > 0 && copy_to_user(user, copy, result)) {
		put_request_back(program);
		result = -EFAULT;
	}
	kvfree(copy);
	return result;
}

static ssize_t device_write(struct file *file, const char __user *user, size_t size, loff_t *position)
{
	struct vmitap_program *program = program_of(file);
	struct vmitap_message *answer;
	ssize_t result = size;

	if (!program)
		return -ENODEV;
	if (size < sizeof(*answer) || size > VMITAP_MAILBOX_MESSAGE_MAX)
		return -EMSGSIZE;
	answer = vmemdup_user(user, size);
	if (IS_ERR(answer))
		return PTR_ERR(answer);
	mutex_lock(&program->lock);
	if (program->leaving)
		result = -ENODEV;
	else if (!program->is_asked)
		result = -EPROTO;
	else if (answer->size != size)
		result = -EMSGSIZE;
	if (result > 0) {
		program->is_asked = false;
		vmitap_mailbox_answer(&program->channel, program->request.sequence, answer, size);
	}
	mutex_unlock(&program->lock);
	kvfree(answer);
	return result;
}

static __poll_t device_poll(struct file *file, poll_table *table)
{
	struct vmitap_program *program = program_of(file);

	if (!program)
		return EPOLLERR;
	poll_wait(file, &program->changed, table);
	if (READ_ONCE(program->leaving))
		return EPOLLHUP;
	return is_requested(program) || goes_on(program) != READ_ONCE(program->present_told) ? EPOLLIN | EPOLLRDNORM : 0;
}

/* The pages stay for as long as somebody maps them, whatever becomes of the channel. */
static int device_mmap(struct file *file, struct vm_area_struct *area)
{
	struct vmitap_program *program = program_of(file);
	struct vmitap_region *region;

	if (!program)
		return -ENODEV;
	if (area->vm_pgoff == VMITAP_DEVICE_GUEST >> PAGE_SHIFT)
		region = &program->channel.guest;
	else if (area->vm_pgoff == VMITAP_DEVICE_HOST >> PAGE_SHIFT)
		region = &program->channel.host;
	else
		return -EINVAL;
	if (!(area->vm_flags & VM_SHARED) || vma_pages(area) != region->count || area->vm_mm != program->mm)
		return -EINVAL;
	if (region->writer == VMITAP_HOST_WRITES) {
		if (area->vm_flags & VM_WRITE)
			return -EACCES;
		area->vm_flags &= ~VM_MAYWRITE;
	}
	area->vm_flags |= VM_DONTCOPY | VM_DONTEXPAND;
	return vm_map_pages_zero(area, region->pages, region->count);
}

/* Each closing of a descriptor; a child's, and that of whoever got it passed, is nothing to us. */
static int device_flush(struct file *file, fl_owner_t owner)
{
	struct vmitap_program *program = program_of(file);

	if (program && program->pid == task_tgid_nr(current))
		vmitap_program_retire(program);
	return 0;
}

static int device_release(struct inode *inode, struct file *file)
{
	struct vmitap_program *program = program_of(file);

	if (program)
		vmitap_program_close(program);
	return 0;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = device_open,
	.flush = device_flush,
	.release = device_release,
	.unlocked_ioctl = device_ioctl,
	.mmap = device_mmap,
	.poll = device_poll,
	.read = device_read,
	.write = device_write,
};

/* Root's, until the administrator says otherwise: a channel pins memory. */
static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vmitap",
	.fops = &operations,
	.mode = 0600,
};

int vmitap_device_start(void)
{
	return misc_register(&device);
}

void vmitap_device_stop(void)
{
	misc_deregister(&device);
}
