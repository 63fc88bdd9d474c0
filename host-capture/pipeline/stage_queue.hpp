// SPDX-License-Identifier: MIT
// How the stages hand batches on: a lock-free queue of owned batches, and one back for the empty ones.
// The pool is bounded, so that a slow stage makes the one before it wait and not the memory grow.
#pragma once

#include <concurrentqueue/blockingconcurrentqueue.h>

#include <cstddef>
#include <memory>

namespace vmitap::pipeline {

// A thread that has to wait sleeps almost at once: the stages are more than many machines have cores, and one
// that spins keeps the guest, or the stage before it, from running.
struct StageQueueTraits : moodycamel::ConcurrentQueueDefaultTraits {
  static constexpr int MAX_SEMA_SPINS = 64;
};

template <class T>
class StageQueue {
 public:
  explicit StageQueue(std::size_t pool) {
    for (std::size_t i = 0; i < pool; ++i) free_.enqueue(give_back_, std::make_unique<T>());
  }

  // The stage before: an empty batch, as soon as there is one.
  std::unique_ptr<T> take_empty() {
    std::unique_ptr<T> batch;
    free_.wait_dequeue(batch);
    return batch;
  }
  template <class Duration>
  std::unique_ptr<T> take_empty_for(Duration timeout) {
    std::unique_ptr<T> batch;
    free_.wait_dequeue_timed(batch, timeout);
    return batch;
  }
  void pass(std::unique_ptr<T> batch) noexcept { filled_.enqueue(pass_, std::move(batch)); }

  // The stage behind.
  std::unique_ptr<T> receive() {
    std::unique_ptr<T> batch;
    filled_.wait_dequeue(batch);
    return batch;
  }
  void give_back(std::unique_ptr<T> batch) noexcept {
    batch->clear();
    free_.enqueue(give_back_, std::move(batch));
  }

 private:
  using Queue = moodycamel::BlockingConcurrentQueue<std::unique_ptr<T>, StageQueueTraits>;
  Queue filled_, free_;
  // One producer each, which has all its memory from the start: no batch is lost for want of it.
  moodycamel::ProducerToken pass_{filled_}, give_back_{free_};
};

}  // namespace vmitap::pipeline
