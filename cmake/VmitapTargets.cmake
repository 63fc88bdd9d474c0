# SPDX-License-Identifier: MIT

# vmitap_library(NAME SOURCES... [PUBLIC deps...] [PRIVATE deps...]): one room of the house.
function(vmitap_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE vmitap_warnings ${arg_PRIVATE})
endfunction()

# vmitap_test(NAME SOURCES... [LIBS...] [LABELS...] [TIMEOUT s]): a GoogleTest program, one ctest entry
# per test. Labels that mean something: "threads" is built under tsan (nothing else is), "long" takes
# over ten seconds and is left out of asan and test-quick, "serial" tests run one at a time.
function(vmitap_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(VMITAP_SANITIZE STREQUAL "thread" AND NOT "threads" IN_LIST arg_LABELS)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE vmitap_warnings ${arg_LIBS} GTest::gtest GTest::gtest_main)
  set(properties TIMEOUT ${arg_TIMEOUT})
  if(arg_LABELS)
    list(APPEND properties LABELS "${arg_LABELS}")
  endif()
  if("serial" IN_LIST arg_LABELS)
    list(APPEND properties RUN_SERIAL TRUE)
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
    PROPERTIES ${properties})
endfunction()

# vmitap_fuzzer(NAME SOURCES... LIBS... CORPUS dir): built where VMITAP_BUILD_FUZZERS is on; ctest runs
# the seed corpus and a few seconds of new inputs.
function(vmitap_fuzzer name)
  cmake_parse_arguments(arg "" "CORPUS" "SOURCES;LIBS" ${ARGN})
  if(NOT VMITAP_BUILD_FUZZERS)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE vmitap_warnings ${arg_LIBS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/corpus/${name})
  add_test(NAME fuzz.${name}
    COMMAND ${name} -max_total_time=5 -timeout=5 -rss_limit_mb=2048 -print_final_stats=1
            ${CMAKE_BINARY_DIR}/corpus/${name} ${arg_CORPUS})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 120)
  add_dependencies(fuzzers ${name})
endfunction()
