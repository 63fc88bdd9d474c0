# SPDX-License-Identifier: MIT
# The struct's layout is read from the program's own DWARF, so it has some whatever the preset.
add_library(bench_encode_peer STATIC encode_peer.proto)
protobuf_generate(TARGET bench_encode_peer LANGUAGE cpp)
target_include_directories(bench_encode_peer SYSTEM PUBLIC ${CMAKE_CURRENT_BINARY_DIR})
target_link_libraries(bench_encode_peer PUBLIC protobuf::libprotobuf)

add_executable(bench_encode encode.cpp encode_reflection.cpp encode_subject.c)
set_source_files_properties(encode_subject.c PROPERTIES COMPILE_OPTIONS -g)
target_link_libraries(bench_encode PRIVATE vmitap_warnings vmitap_types bench_encode_peer benchmark::benchmark)
