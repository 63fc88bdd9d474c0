// SPDX-License-Identifier: MIT
#include "backend/local/window_reader.hpp"

namespace vmitap::backend::local {

WindowReader::~WindowReader() {
  over_ = true;
  asked_.release();
  thread_.join();
}

bool WindowReader::read(std::span<ReadRequest> requests, std::chrono::nanoseconds patience) {
  requests_ = requests;
  asked_.release();
  return done_.try_acquire_for(patience);
}

void WindowReader::finish() { done_.acquire(); }

void WindowReader::run() {
  for (;;) {
    asked_.acquire();
    if (over_) return;
    reader_.read(requests_);
    done_.release();
  }
}

}  // namespace vmitap::backend::local
