/* SPDX-License-Identifier: MIT */
#include "module.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct search {
	uint64_t address;
	unsigned seen;
	struct vmitap_module_entry *found;
};

/* elf(5), "Notes": name and descriptor are padded to 4 bytes; the name of a build id is "GNU". */
static void read_build_id(struct vmitap_module *wire, const unsigned char *notes, size_t size)
{
	ElfW(Nhdr) note;

	while (size >= sizeof(note)) {
		size_t name, descriptor;

		memcpy(&note, notes, sizeof(note));
		name = ((size_t)note.n_namesz + 3) & ~(size_t)3;
		descriptor = ((size_t)note.n_descsz + 3) & ~(size_t)3;
		if (name > size - sizeof(note) || descriptor > size - sizeof(note) - name)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    memcmp(notes + sizeof(note), "GNU", 4) == 0 && note.n_descsz <= VMITAP_BUILD_ID_MAX) {
			memcpy(wire->build_id, notes + sizeof(note) + name, note.n_descsz);
			wire->build_id_size = note.n_descsz;
			return;
		}
		notes += sizeof(note) + name + descriptor;
		size -= sizeof(note) + name + descriptor;
	}
}

static char *read_path(const char *name, bool is_program)
{
	char target[PATH_MAX];
	ssize_t length;
	char *path;

	if (!is_program) {
		path = realpath(name, NULL);
		return path ? path : strdup(name);
	}
	length = readlink("/proc/self/exe", target, sizeof(target));
	return strndup(target, length > 0 ? (size_t)length : 0);
}

static void read_segments(struct vmitap_module_entry *module, const struct dl_phdr_info *info)
{
	const unsigned char *notes;

	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uint64_t start = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type == PT_LOAD) {
			uint64_t end = start + segment->p_memsz;

			if (start < module->wire.start)
				module->wire.start = start;
			if (end > module->wire.end)
				module->wire.end = end;
			if ((segment->p_flags & PF_R) && module->segment_count < VMITAP_MODULE_SEGMENTS_MAX) {
				module->segments[module->segment_count].start = start;
				module->segments[module->segment_count].end = end;
				module->segment_count++;
			}
		} else if (segment->p_type == PT_NOTE && !module->wire.build_id_size) {
			notes = (const unsigned char *)(uintptr_t)start;
			read_build_id(&module->wire, notes, segment->p_memsz);
		}
	}
}

static int look_at(struct dl_phdr_info *info, size_t size, void *context)
{
	struct search *search = context;
	bool is_program = search->seen++ == 0; /* dl_iterate_phdr(3): the first is the main program */
	bool holds = false;
	struct vmitap_module_entry *module;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_LOAD &&
		    search->address - (info->dlpi_addr + segment->p_vaddr) < segment->p_memsz)
			holds = true;
	}
	if (!holds)
		return 0;
	module = calloc(1, sizeof(*module));
	if (!module)
		return 1;
	module->is_program = is_program;
	module->wire.start = UINT64_MAX;
	module->wire.load_bias = info->dlpi_addr;
	read_segments(module, info);
	module->path = read_path(info->dlpi_name, is_program);
	if (!module->path) {
		free(module);
		return 1;
	}
	search->found = module;
	return 1;
}

struct vmitap_module_entry *vmitap_module_read(uint64_t address)
{
	struct search search = { .address = address };

	dl_iterate_phdr(look_at, &search);
	return search.found;
}

void vmitap_module_free(struct vmitap_module_entry *module)
{
	free(module->path);
	free(module);
}

bool vmitap_module_readable(const struct vmitap_module_entry *module, uint64_t address, uint64_t size)
{
	for (unsigned i = 0; i < module->segment_count; i++) {
		uint64_t start = module->segments[i].start, end = module->segments[i].end;

		if (address >= start && address < end && size <= end - address)
			return true;
	}
	return false;
}
