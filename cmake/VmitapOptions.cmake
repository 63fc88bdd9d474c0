# SPDX-License-Identifier: MIT
option(VMITAP_BUILD_TESTS "Build the tests" ON)
option(VMITAP_BUILD_BENCH "Build the benchmarks" ON)
option(VMITAP_BUILD_FUZZERS "Build the libFuzzer targets (needs clang)" OFF)
set(VMITAP_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them: address,undefined or thread")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

find_program(VMITAP_CCACHE ccache)
if(VMITAP_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${VMITAP_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${VMITAP_CCACHE})
endif()

# -Wrestrict of gcc 12 sees overlaps in std::string's operator+ that are not there (GCC bug 105651).
add_library(vmitap_warnings INTERFACE)
target_compile_options(vmitap_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wundef -Wformat=2 -Wvla -Werror
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<COMPILE_LANGUAGE:CXX>:-Wconversion -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast>
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>)

if(VMITAP_SANITIZE STREQUAL "thread")
  add_compile_definitions(VMITAP_TSAN) # compilers do not agree on how to ask
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>) # it sees no fences: moodycamel's queues have some
endif()
if(VMITAP_SANITIZE)
  add_compile_options(-fsanitize=${VMITAP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${VMITAP_SANITIZE})
endif()
if(VMITAP_BUILD_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_custom_target(fuzzers)
endif()
