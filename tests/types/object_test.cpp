// SPDX-License-Identifier: MIT
// Which file the debug information comes from, and what files are refused.
#include "types/object.hpp"

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "types/elf_file.hpp"
#include "types/layout_check.hpp"
#include "types/object_search.hpp"

namespace vmitap::types {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream{path, std::ios::binary | std::ios::trunc} << bytes;
}

class Object : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "vmitap-object-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  static fs::path subject(const std::string& name) { return fs::path{VMITAP_SUBJECTS} / name / "object"; }

  // A copy that may be changed.
  fs::path copy(const std::string& name = "c-gcc-dwarf5") {
    const fs::path path = folder_ / "program";
    fs::copy_file(subject(name), path, fs::copy_options::overwrite_existing);
    return path;
  }
  static void run(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }
  static std::string build_id(const fs::path& path) { return ElfFile::open(path.string())->build_id(); }

  // Splits a program's debug information off, into `debug`.
  static void split(const fs::path& program, const fs::path& debug) {
    fs::create_directories(debug.parent_path());
    run("objcopy --only-keep-debug " + program.string() + " " + debug.string());
    run("strip " + program.string());
  }
  fs::path by_build_id(const std::string& id) {
    return folder_ / "debug" / ".build-id" / id.substr(0, 2) / (id.substr(2) + ".debug");
  }

  Result<std::shared_ptr<const Catalog>> load(const fs::path& path, std::string id = {}) {
    const std::vector<std::string> dirs{(folder_ / "debug").string()};
    return load_object(path.string(), {.debug_dirs = dirs, .build_id = std::move(id), .all_types = false});
  }
  void expect_marks(const fs::path& path) {
    const auto loaded = load(path);
    ASSERT_TRUE(loaded) << loaded.error().operation << ": " << loaded.error().subject << " "
                        << loaded.error().hint;
    EXPECT_EQ((*loaded)->marks.size(), 8u);
    EXPECT_EQ((*loaded)->object, path.string());
    EXPECT_EQ((*loaded)->build_id, build_id(path));
  }
  Error expect_error(const fs::path& path, Errc code, std::string id = {}) {
    const auto loaded = load(path, std::move(id));
    if (loaded) {
      ADD_FAILURE() << path << " was read";
      return {};
    }
    EXPECT_EQ(static_cast<int>(loaded.error().code), static_cast<int>(code))
        << loaded.error().operation << ": " << loaded.error().hint;
    return loaded.error();
  }
  // The program with bytes at an offset replaced.
  void patch(const fs::path& path, std::size_t offset, const std::string& bytes) {
    std::string content = read_file(path);
    ASSERT_LE(offset + bytes.size(), content.size());
    content.replace(offset, bytes.size(), bytes);
    write_file(path, content);
  }

  fs::path folder_;
};

TEST_F(Object, FindsItsDebugFileByBuildId) {
  const fs::path program = copy();
  split(program, by_build_id(build_id(program)));
  expect_marks(program);
}

TEST_F(Object, FollowsADebugLinkBesideTheFile) {
  const fs::path program = copy();
  split(program, folder_ / "program.debug");
  run("objcopy --add-gnu-debuglink=" + (folder_ / "program.debug").string() + " " + program.string());
  expect_marks(program);
}

TEST_F(Object, FollowsADebugLinkIntoTheDebugFolderOfTheFile) {
  const fs::path program = copy();
  split(program, folder_ / ".debug" / "program.debug");
  run("objcopy --add-gnu-debuglink=" + (folder_ / ".debug/program.debug").string() + " " + program.string());
  expect_marks(program);
}

TEST_F(Object, FollowsADebugLinkIntoADebugDirectory) {
  const fs::path program = copy();
  const fs::path debug = folder_ / "debug" / fs::canonical(folder_).relative_path() / "program.debug";
  split(program, debug);
  run("objcopy --add-gnu-debuglink=" + debug.string() + " " + program.string());
  expect_marks(program);
}

TEST_F(Object, FindsItsDebugFileByBuildIdUnderAnyNameBelowADebugDirectory) {
  const fs::path program = copy();
  split(program, folder_ / "debug" / "deep" / "down" / "whatever");
  expect_marks(program);
}

TEST_F(Object, FindsWhatAGuestDoesNotShowByItsBuildId) {
  const std::string id = build_id(subject("c-gcc-module5"));
  const fs::path dir = folder_ / "debug";
  const auto load = [&] {
    const std::vector<std::string> dirs{dir.string()};
    backend::GuestModule module;
    module.path = "tap.ko";
    module.build_id = id;
    return load_module(module, {.debug_dirs = dirs});
  };
  const auto expect_found = [&](const fs::path& path) {
    const auto loaded = load();
    ASSERT_TRUE(loaded) << loaded.error().hint;
    EXPECT_EQ((*loaded)->object, path.string());
    EXPECT_EQ((*loaded)->marks.size(), 8u);
  };
  const auto place = [&](const fs::path& path) {
    fs::create_directories(path.parent_path());
    fs::copy_file(subject("c-gcc-module5"), path);
    return path;
  };
  fs::create_directories(dir);
  fs::copy_file(subject("c-gcc-module4"), dir / "tap.ko");
  const auto missing = load();
  ASSERT_FALSE(missing);
  EXPECT_EQ(static_cast<int>(missing.error().code), static_cast<int>(Errc::no_debug_info));
  EXPECT_EQ(missing.error().subject, "tap.ko");
  EXPECT_NE(missing.error().hint.find(id), std::string::npos) << missing.error().hint;
  EXPECT_NE(missing.error().hint.find(dir.string()), std::string::npos) << missing.error().hint;

  const fs::path deep = place(dir / "kernel" / "net" / "other-name");
  expect_found(deep);
  const fs::path near = place(dir / "module.ko");
  expect_found(near);
  // Its code and its debug information may stand in two files, in any order.
  fs::remove(deep);
  run("objcopy --only-keep-debug " + near.string() + " " + (dir / "a.debug").string());
  run("strip --strip-debug " + near.string());
  expect_found(near);
}

TEST_F(Object, SearchesDebugDirectoriesWithinLimits) {
  const std::string id = build_id(subject("c-gcc-module5"));
  const std::vector<std::string> dirs{(folder_ / "debug").string()};
  fs::create_directories(folder_ / "debug/a/b");
  fs::create_directories(folder_ / "debug/.hidden");
  fs::create_directory_symlink("..", folder_ / "debug/a/up");
  ASSERT_EQ(::mkfifo((folder_ / "debug/fifo").c_str(), 0600), 0);
  fs::copy_file(subject("c-gcc-module5"), folder_ / "debug/.hidden/module.ko");
  const FoundObjects none = find_by_build_id(dirs, id);
  EXPECT_TRUE(none.paths.empty());
  EXPECT_TRUE(none.looked_at_all);
  fs::copy_file(subject("c-gcc-module5"), folder_ / "debug/a/b/module.ko");
  EXPECT_EQ(find_by_build_id(dirs, id).paths.size(), 1u);
  const FoundObjects shallow = find_by_build_id(dirs, id, {.depth = 1});
  EXPECT_TRUE(shallow.paths.empty());
  EXPECT_FALSE(shallow.looked_at_all);
  const FoundObjects few = find_by_build_id(dirs, id, {.entries = 3});
  EXPECT_TRUE(few.paths.empty());
  EXPECT_FALSE(few.looked_at_all);
  EXPECT_TRUE(find_by_build_id(dirs, "").paths.empty());
}

TEST_F(Object, TellsThatADebugFileIsOfAnotherBuild) {
  const fs::path program = copy();
  const fs::path debug = by_build_id(build_id(program));
  split(program, debug);
  fs::copy_file(subject("c-gcc-dwarf4"), debug, fs::copy_options::overwrite_existing);
  const Error error = expect_error(program, Errc::stale_debug_info);
  EXPECT_EQ(error.subject, debug.string());
}

TEST_F(Object, ChecksTheSumOfALinkedFileWhereThereIsNoBuildId) {
  const fs::path program = copy();
  run("objcopy --remove-section=.note.gnu.build-id " + program.string());
  split(program, folder_ / "program.debug");
  run("objcopy --add-gnu-debuglink=" + (folder_ / "program.debug").string() + " " + program.string());
  ASSERT_EQ(build_id(program), "");
  expect_marks(program);
  write_file(folder_ / "program.debug", read_file(folder_ / "program.debug") + '\0');
  expect_error(program, Errc::stale_debug_info);
}

TEST_F(Object, TellsThatThereIsNoDebugInformationAndWhereItLooked) {
  const fs::path program = copy();
  run("strip " + program.string());
  const Error error = expect_error(program, Errc::no_debug_info);
  EXPECT_NE(error.hint.find("-g"), std::string::npos) << error.hint;
  EXPECT_NE(error.hint.find(by_build_id(build_id(program)).string()), std::string::npos) << error.hint;
}

TEST_F(Object, RefusesAFileThatIsNotTheRunningBuild) {
  const fs::path program = copy();
  EXPECT_TRUE(load(program, build_id(program)));
  const Error error = expect_error(program, Errc::stale_debug_info, "0123456789abcdef");
  EXPECT_NE(error.hint.find("0123456789abcdef"), std::string::npos) << error.hint;
}

TEST_F(Object, NamesTheSplitFileThatIsMissing) {
  const fs::path program = copy("c-gcc-split5");
  std::string bytes = read_file(program);
  for (std::size_t at; (at = bytes.find(".dwo")) != std::string::npos;) bytes.replace(at, 4, ".gon");
  write_file(program, bytes);
  const Error error = expect_error(program, Errc::no_debug_info);
  EXPECT_NE(error.hint.find(".gon"), std::string::npos) << error.hint;
}

TEST_F(Object, NamesTheSharedDebugFileThatIsMissing) {
  const fs::path program = copy();
  write_file(folder_ / "link", std::string{"common.debug\0", 13} + std::string(20, '\x5a'));
  run("objcopy --add-section .gnu_debugaltlink=" + (folder_ / "link").string() + " " + program.string());
  const Error error = expect_error(program, Errc::no_debug_info);
  EXPECT_NE(error.hint.find("common.debug"), std::string::npos) << error.hint;
}

TEST_F(Object, ReadsWhatDwzFactoredOut) {
  if (std::system("command -v dwz >/dev/null") != 0) GTEST_SKIP() << "dwz is not installed";
  const fs::path program = copy();
  fs::copy_file(subject("c-gcc-dwarf4"), folder_ / "other");
  const std::string common = (folder_ / "common.debug").string();
  run("cd " + folder_.string() + " && dwz -m common.debug -M common.debug program other");
  ASSERT_TRUE(fs::exists(common));
  expect_marks(program);
  expect_marks(folder_ / "other");
}

TEST_F(Object, AsksForTheProgramWhenGivenItsDebugFile) {
  const fs::path program = copy();
  split(program, folder_ / "program.debug");
  const Error error = expect_error(folder_ / "program.debug", Errc::bad_file);
  EXPECT_NE(error.hint.find("program"), std::string::npos) << error.hint;
}

TEST_F(Object, RefusesWhatIsNoElfFile) {
  EXPECT_EQ(expect_error(folder_ / "missing", Errc::io).sys, ENOENT);
  expect_error(folder_, Errc::bad_file);
  write_file(folder_ / "text", "#!/bin/sh\n");
  expect_error(folder_ / "text", Errc::bad_file);
  write_file(folder_ / "empty", "");
  expect_error(folder_ / "empty", Errc::bad_file);
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  expect_error(folder_ / "fifo", Errc::bad_file);
}

TEST_F(Object, RefusesElfFilesOfOtherKinds) {
  patch(copy(), EI_CLASS, std::string(1, ELFCLASS32));
  expect_error(folder_ / "program", Errc::bad_file);
  patch(copy(), EI_DATA, std::string(1, ELFDATA2MSB));
  expect_error(folder_ / "program", Errc::bad_file);
  patch(copy(), offsetof(Elf64_Ehdr, e_type), std::string(1, ET_REL));
  EXPECT_NE(expect_error(folder_ / "program", Errc::bad_file).hint.find("relocatable"), std::string::npos);
}

TEST_F(Object, TellsThatAnObjectFileIsNoKernelModule) {
  const fs::path module = copy("c-gcc-module5");
  expect_marks(module);
  run("objcopy --rename-section vmitap_sites=.data " + module.string());
  const Error error = expect_error(module, Errc::bad_file);
  EXPECT_NE(error.hint.find("vmitap_sites"), std::string::npos) << error.hint;
}

TEST_F(Object, FindsTheDebugFileOfAKernelModule) {
  const fs::path module = copy("c-gcc-module5");
  const fs::path debug = by_build_id(build_id(module));
  fs::create_directories(debug.parent_path());
  run("objcopy --only-keep-debug " + module.string() + " " + debug.string());
  run("strip --strip-debug " + module.string());
  expect_marks(module);
}

// What a relocation writes and names is the file's to say.
TEST_F(Object, RefusesRelocationsThatLeadOutOfTheirSection) {
  const fs::path module = copy("c-gcc-module5");
  const std::string bytes = read_file(module);
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  std::memcpy(sections.data(), &bytes[header.e_shoff], sections.size() * sizeof sections[0]);
  const char* const names = &bytes[sections[header.e_shstrndx].sh_offset];
  for (const Elf64_Shdr& section : sections) {
    if (std::string_view{names + section.sh_name} != ".rela.debug_info") continue;
    const auto with = [&](std::size_t field, std::uint64_t value) {
      std::string broken = bytes;
      std::memcpy(&broken[section.sh_offset + field], &value, sizeof value);
      write_file(module, broken);
      EXPECT_NE(expect_error(module, Errc::bad_debug_info).hint.find("relocation"), std::string::npos);
    };
    with(offsetof(Elf64_Rela, r_offset), ~0ULL);
    with(offsetof(Elf64_Rela, r_offset), 1ULL << 32);
    with(offsetof(Elf64_Rela, r_info), ELF64_R_INFO(0xffffffffULL, R_X86_64_64));
    with(offsetof(Elf64_Rela, r_info), ELF64_R_INFO(1ULL, R_X86_64_GOTPCREL));
    return;
  }
  FAIL() << "the module has no relocations";
}

TEST_F(Object, RefusesAFileThatWasCutOff) {
  const fs::path program = copy();
  const std::string bytes = read_file(program);
  for (std::size_t parts = 1; parts < 16; ++parts) {
    write_file(program, bytes.substr(0, bytes.size() * parts / 16));
    expect_error(program, Errc::bad_file);
  }
}

TEST_F(Object, RefusesASectionThatPromisesToInflateWithoutEnd) {
  const fs::path program = copy("c-gcc-compressed");
  std::string bytes = read_file(program);
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  int patched = 0;
  for (std::size_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section;
    std::memcpy(&section, &bytes[header.e_shoff + i * sizeof section], sizeof section);
    if ((section.sh_flags & SHF_COMPRESSED) == 0) continue;
    const std::uint64_t huge = 1ULL << 40;
    std::memcpy(&bytes[section.sh_offset + offsetof(Elf64_Chdr, ch_size)], &huge, sizeof huge);
    ++patched;
  }
  ASSERT_GT(patched, 0);
  write_file(program, bytes);
  expect_error(program, Errc::bad_file);
}

// Bytes changed at random, always the same ones: an error or a sound catalog, never anything else.
TEST_F(Object, HoldsUpAgainstDamage) {
  std::mt19937 random{20240607};
  int read = 0;
  for (const char* name :
       {"c-gcc-dwarf5", "c-clang-dwarf4", "cxx-gcc-types5", "cxx-clang-split5", "c-gcc-module5"}) {
    const std::string bytes = read_file(subject(name));
    for (int round = 0; round < 100; ++round) {
      std::string damaged = bytes;
      for (unsigned count = random() % 32 + 1; count > 0; --count)
        damaged[random() % damaged.size()] = static_cast<char>(random());
      write_file(folder_ / "damaged", damaged);
      const auto loaded =
          load_object((folder_ / "damaged").string(), {.debug_dirs = {}, .build_id = {}, .all_types = true});
      if (!loaded) continue;
      ++read;
      EXPECT_TRUE(unsound_types(**loaded).empty());
    }
  }
  EXPECT_GT(read, 0) << "the damage was too great to test anything";
}

}  // namespace
}  // namespace vmitap::types
