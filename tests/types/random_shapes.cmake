# SPDX-License-Identifier: MIT
# Random struct shapes, the compilers being the oracle.
if(VMITAP_SANITIZE STREQUAL "thread")
  return()
endif()
add_executable(random_check random_check.cpp)
target_link_libraries(random_check PRIVATE vmitap_warnings vmitap_types)

set(random_compilers "")
foreach(compiler gcc clang g++ clang++)
  string(MAKE_C_IDENTIFIER "VMITAP_${compiler}" variable)
  find_program(${variable} ${compiler})
  if(${variable})
    list(APPEND random_compilers ${${variable}})
  endif()
endforeach()
add_test(NAME RandomShapes.HoldWhatTheCompilerReads
  COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/random_test.py
          $<TARGET_FILE:random_check> $<TARGET_FILE:protobuf::protoc> ${CMAKE_CURRENT_BINARY_DIR}/random ${random_compilers})
set_tests_properties(RandomShapes.HoldWhatTheCompilerReads PROPERTIES TIMEOUT 600 LABELS "long")
