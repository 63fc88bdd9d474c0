// SPDX-License-Identifier: MIT
#include "backend/local/proc.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <memory>
#include <string_view>

#include "base/handle.hpp"

namespace vmitap::backend::local {
namespace {

template <class T>
std::optional<T> number(std::string_view text) {
  while (!text.empty() && (text[0] == ' ' || text[0] == '\t')) text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

std::optional<ProcessStatus> parse_status(const std::optional<std::string>& file) {
  if (!file) return std::nullopt;
  ProcessStatus status;
  std::string_view rest = *file;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const std::size_t colon = line.find(':');
    if (colon == line.npos) continue;
    const std::string_view key = line.substr(0, colon);
    const std::string_view value = line.substr(colon + 1);
    if (key == "State" && value.size() > 1) status.state = value[1];
    if (key == "Tgid") status.thread_group = number<pid_t>(value).value_or(0);
    if (key == "PPid") status.parent = number<pid_t>(value).value_or(0);
    if (key == "TracerPid") status.tracer = number<pid_t>(value).value_or(0);
    if (key == "Uid") status.uid = number<uid_t>(value).value_or(0);
    if (key == "Threads") status.threads = number<std::uint32_t>(value).value_or(0);
    if (key == "NSpid") {
      status.innermost_pid = number<pid_t>(value.substr(value.find_last_of('\t') + 1)).value_or(0);
    }
  }
  return status;
}

// The fields of /proc/PID/stat from the third on (the second, the program's name, may hold anything).
std::vector<std::string_view> stat_fields(std::string_view stat) {
  std::vector<std::string_view> fields;
  const std::size_t end_of_name = stat.rfind(')');
  if (end_of_name == stat.npos) return fields;
  stat.remove_prefix(end_of_name + 1);
  while (!stat.empty()) {
    const std::size_t start = stat.find_first_not_of(" \n");
    if (start == stat.npos) break;
    stat.remove_prefix(start);
    fields.push_back(stat.substr(0, stat.find_first_of(" \n")));
    stat.remove_prefix(fields.back().size());
  }
  return fields;
}

// Numbered from 1 as in proc(5).
std::optional<std::uint64_t> stat_field(const std::vector<std::string_view>& fields, std::size_t which) {
  return which - 3 < fields.size() ? number<std::uint64_t>(fields[which - 3]) : std::nullopt;
}

}  // namespace

std::optional<std::string> read_proc_file(const std::string& path, std::size_t limit) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string text;
  std::array<char, 4096> piece;
  while (text.size() < limit) {
    const ssize_t got = ::read(file.get(), piece.data(), std::min(piece.size(), limit - text.size()));
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::optional<std::string> read_link(const std::string& path) {
  std::array<char, 4096> target;
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  if (length < 0) return std::nullopt;
  return std::string(target.data(), static_cast<std::size_t>(length));
}

std::optional<ProcessStatus> process_status(pid_t pid) {
  return parse_status(read_proc_file(fmt::format("/proc/{}/status", pid)));
}

std::optional<ProcessStatus> thread_status(pid_t pid, pid_t tid) {
  return parse_status(read_proc_file(fmt::format("/proc/{}/task/{}/status", pid, tid)));
}

std::optional<ProgramImage> program_image(pid_t pid) {
  const auto stat = read_proc_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) return std::nullopt;
  const auto fields = stat_fields(*stat);
  ProgramImage image;
  image.program = read_link(fmt::format("/proc/{}/task/{}/exe", pid, living_thread(pid))).value_or("");
  image.start_time = stat_field(fields, 22).value_or(0);
  image.start_stack = stat_field(fields, 28).value_or(0);
  return image;
}

std::optional<int> zombie_status(pid_t pid) {
  const auto stat = read_proc_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) return std::nullopt;
  const auto fields = stat_fields(*stat);
  if (fields.empty() || (fields[0] != "Z" && fields[0] != "X")) return std::nullopt;
  const auto status = stat_field(fields, 52);
  return status ? std::optional(static_cast<int>(*status)) : std::nullopt;
}

pid_t living_thread(pid_t pid) {
  const auto first = process_status(pid);
  if (!first || (first->state != 'Z' && first->state != 'X')) return pid;
  const std::unique_ptr<DIR, int (*)(DIR*)> tasks(::opendir(fmt::format("/proc/{}/task", pid).c_str()),
                                                  ::closedir);
  while (const dirent* entry = tasks ? ::readdir(tasks.get()) : nullptr) {
    const auto tid = number<pid_t>(entry->d_name);
    if (!tid || *tid == pid) continue;
    const auto status = thread_status(pid, *tid);
    if (status && status->state != 'Z' && status->state != 'X') return *tid;
  }
  return pid;
}

}  // namespace vmitap::backend::local
