// SPDX-License-Identifier: MIT
// A C++ guest: two threads trade, triggers in a template, a lambda and a member function.
//   vmitap capture local:orders --on filled --read 'book,Trader::traded' --mode sync --count 20 -o
//   orders.mcap
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <thread>

#include "vmitap/mark.h"
#include "vmitap/trigger.h"

namespace {

enum class Side : std::uint8_t { buy, sell };

struct Order {
  std::uint64_t id;
  Side side;
  std::int32_t price;
  std::uint32_t quantity;
  bool urgent : 1;
};

struct Book {
  std::array<Order, 4> last;
  std::uint64_t filled;
};

Book book{};
std::mutex book_lock;
VMITAP_MARK(book);

template <class Price>
Price round_to(Price price, Price step) {
  const Price rounded = price / step * step;
  VMITAP_TRIGGER(rounded, price, rounded);
  return rounded;
}

class Trader {
 public:
  explicit Trader(Side side) : side_(side) {}

  void trade(std::uint64_t id) {
    const auto price = round_to(static_cast<std::int32_t>(id * 7919 % 10000), 25);
    const Order order{id, side_, price, static_cast<std::uint32_t>(id % 500), id % 16 == 0};
    const auto enter = [&order] {
      book.last[book.filled++ % book.last.size()] = order;
      VMITAP_TRIGGER(filled, order, book.filled);
    };
    const std::lock_guard lock(book_lock);
    enter();
    ++traded;
    VMITAP_TRIGGER(traded, this->side_, traded);
  }

  static std::uint64_t traded;

 private:
  Side side_;
};

std::uint64_t Trader::traded = 0;
VMITAP_MARK(Trader::traded);

void run(Side side) {
  Trader trader(side);
  for (std::uint64_t id = 1;; ++id) {
    trader.trade(id);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace

int main() {
  std::puts("orders: a guest of two threads; try: vmitap list");
  std::fflush(stdout);
  std::thread buyer(run, Side::buy);
  run(Side::sell);
}
