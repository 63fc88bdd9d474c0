# SPDX-License-Identifier: MIT
add_executable(bench_ring ring.cpp)
target_link_libraries(bench_ring PRIVATE vmitap_warnings vmitap_ring vmitap_concurrentqueue
  benchmark::benchmark benchmark::benchmark_main Threads::Threads)
