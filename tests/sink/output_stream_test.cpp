// SPDX-License-Identifier: MIT
#include "sink/output_stream.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <thread>

#include "sample.hpp"
#include "sink/open_sink.hpp"

namespace vmitap::sink {
namespace {

using test::Folder;

// A limit on the size of files, as a full disk in miniature.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit lower{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &lower);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST(OutputStream, MakesAFileThatOthersMayReadLessTheUmask) {
  const Folder folder;
  const mode_t before = ::umask(0027);
  ASSERT_TRUE(OutputStream::open(folder.file("new")));
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat(folder.file("new").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST(OutputStream, EmptiesAFileThatItCanOpen) {
  const Folder folder;
  test::write_file(folder.file("old"), "what stood here");
  auto stream = OutputStream::open(folder.file("old"));
  ASSERT_TRUE(stream);
  ASSERT_TRUE(stream->write("new"));
  ASSERT_TRUE(stream->close());
  EXPECT_EQ(test::read_file(folder.file("old")), "new");
}

TEST(OutputStream, LeavesAFileAloneThatAnotherCaptureWrites) {
  const Folder folder;
  auto first = OutputStream::open(folder.file("file"));
  ASSERT_TRUE(first->write("first"));
  const auto second = OutputStream::open(folder.file("file"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::access_denied);
  EXPECT_EQ(test::read_file(folder.file("file")), "first");
  ASSERT_TRUE(first->close());
  EXPECT_TRUE(OutputStream::open(folder.file("file")));
}

TEST(OutputStream, SaysWhyAFileCannotBeOpened) {
  const Folder folder;
  const auto none = OutputStream::open(folder.file("none/file"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::io);
  EXPECT_EQ(none.error().sys, ENOENT);
  EXPECT_EQ(none.error().subject, folder.file("none/file"));
  EXPECT_EQ(OutputStream::open(folder.file(".")).error().sys, EISDIR);
}

TEST(OutputStream, StaysInErrorOnceTheDeviceIsFull) {
  auto stream = OutputStream::open("/dev/full");
  ASSERT_TRUE(stream);
  for (int i = 0; i < 2; ++i) {
    const auto written = stream->write("x");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Errc::io);
    EXPECT_EQ(written.error().sys, ENOSPC);
    EXPECT_EQ(written.error().subject, "/dev/full");
  }
  EXPECT_EQ(stream->close().error().sys, ENOSPC);
  EXPECT_EQ(stream->bytes_written(), 0u);
}

TEST(OutputStream, ABrokenPipeIsAnErrorAndKillsNobody) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(std::signal(SIGPIPE, SIG_DFL) == SIG_ERR, false);
  auto stream = OutputStream::open("/proc/self/fd/" + std::to_string(ends[1]));
  ASSERT_TRUE(stream);
  ::close(ends[0]);
  EXPECT_EQ(stream->write("x").error().sys, EPIPE);
  sigset_t pending;
  ::sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
  ::close(ends[1]);
}

TEST(OutputStream, WaitsForAPipeThatDoesNotBlock) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  auto stream = OutputStream::open("/proc/self/fd/" + std::to_string(ends[1]));
  ASSERT_TRUE(stream);
  ::close(ends[1]);
  // The stream's own description; a shell's job may have left standard output like this.
  for (int fd = 3; fd < 64; ++fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (fd != ends[0] && flags >= 0 && (flags & O_ACCMODE) == O_WRONLY)
      ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  }
  const std::string sent(1'000'000, 'x');
  std::string got;
  std::thread reader([&] {
    char buffer[4096];
    for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
      got.append(buffer, static_cast<std::size_t>(n));
  });
  EXPECT_TRUE(stream->write(sent));
  EXPECT_TRUE(stream->close());
  reader.join();
  EXPECT_EQ(got, sent);
  ::close(ends[0]);
}

class FullDisk : public testing::TestWithParam<Format> {};

TEST_P(FullDisk, KeepsWhatWasWrittenBeforeAndSaysWhy) {
  const Folder folder;
  const auto path = folder.file("capture");
  Result<void> written;
  {
    const FileSizeLimit limit(40'000);
    auto sink = std::move(*open_sink(path, GetParam()));
    ASSERT_TRUE(sink->session(test::session()));
    ASSERT_TRUE(sink->channel(test::stats()));
    ASSERT_TRUE(sink->flush());
    const std::string message = test::stat(1);
    for (int i = 0; written && i < 100'000; ++i) {
      written = sink->record(9, test::kStart, std::as_bytes(std::span(message)));
      if (written) written = sink->flush();
    }
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Errc::io);
    EXPECT_EQ(written.error().sys, EFBIG);
    EXPECT_EQ(written.error().subject, path);
    // It stays in error, whatever is asked of it.
    EXPECT_EQ(sink->record(9, 0, {}).error().sys, EFBIG);
    EXPECT_EQ(sink->loss(test::loss(1)).error().sys, EFBIG);
    EXPECT_EQ(sink->flush().error().sys, EFBIG);
    EXPECT_EQ(sink->close(test::summary()).error().sys, EFBIG);
    EXPECT_EQ(sink->bytes_written(), 40'000u);
  }
  const auto reading = test::read_all(path);
  ASSERT_TRUE(reading);
  EXPECT_FALSE(reading->outcome.complete);
  EXPECT_GT(reading->count("record"), 10u);
  EXPECT_LT(reading->outcome.bytes_left, 1000u);
}

INSTANTIATE_TEST_SUITE_P(Formats, FullDisk, testing::Values(Format::mcap, Format::pb),
                         [](const auto& tested) { return tested.param == Format::mcap ? "Mcap" : "Pb"; });

}  // namespace
}  // namespace vmitap::sink
