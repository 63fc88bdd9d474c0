# SPDX-License-Identifier: MIT
# Guest and host are two processes, as in use.
add_executable(end_to_end_guest end_to_end_guest.c)
target_link_libraries(end_to_end_guest PRIVATE vmitap_warnings)
vmitap_guest(end_to_end_guest)
add_executable(bench_end_to_end end_to_end.cpp end_to_end_process.cpp)
target_link_libraries(bench_end_to_end PRIVATE vmitap_warnings vmitap_pipeline vmitap_sink bench_peer
  benchmark::benchmark benchmark::benchmark_main)
add_dependencies(bench_end_to_end end_to_end_guest)
