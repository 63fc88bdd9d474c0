# SPDX-License-Identifier: MIT
add_executable(bench_fire fire.cpp fire_guest.c)
target_link_libraries(bench_fire PRIVATE vmitap_warnings vmitap_backend vmitap_ring benchmark::benchmark Threads::Threads)
vmitap_guest(bench_fire)
