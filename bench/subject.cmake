# SPDX-License-Identifier: MIT
# The struct that encode and end_to_end have in common, as protobuf's own code has it.
add_library(bench_peer STATIC peer.proto)
protobuf_generate(TARGET bench_peer LANGUAGE cpp)
target_include_directories(bench_peer SYSTEM PUBLIC ${CMAKE_CURRENT_BINARY_DIR})
target_link_libraries(bench_peer PUBLIC protobuf::libprotobuf)
