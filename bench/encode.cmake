# SPDX-License-Identifier: MIT
# The struct's layout is read from the program's own DWARF, so it has some whatever the preset.
add_executable(bench_encode encode.cpp encode_reflection.cpp subject.c)
set_source_files_properties(subject.c PROPERTIES COMPILE_OPTIONS -g)
target_link_libraries(bench_encode PRIVATE vmitap_warnings vmitap_types bench_peer benchmark::benchmark)
