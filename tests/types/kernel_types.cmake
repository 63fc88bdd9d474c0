# SPDX-License-Identifier: MIT
# The types and symbols that a kernel tells of itself.
if(VMITAP_SANITIZE STREQUAL "thread")
  return()
endif()
vmitap_test(expression_kernel_test SOURCES expression_kernel_test.cpp LIBS vmitap_types fmt::fmt)
vmitap_test(kernel_symbols_test SOURCES kernel_symbols_test.cpp LIBS vmitap_types fmt::fmt)

if(VMITAP_BUILD_FUZZERS)
  set(symbol_seeds ${CMAKE_CURRENT_BINARY_DIR}/kernel_symbols_seeds)
  file(MAKE_DIRECTORY ${symbol_seeds})
  add_custom_command(OUTPUT ${symbol_seeds}/four
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/kernel_symbols_seed.py ${symbol_seeds}/four
    DEPENDS kernel_symbols_seed.py VERBATIM)
  add_custom_target(kernel_symbols_seeds ALL DEPENDS ${symbol_seeds}/four)
  vmitap_fuzzer(fuzz_kernel_symbols SOURCES kernel_symbols_fuzz.cpp LIBS vmitap_types fmt::fmt
    CORPUS ${symbol_seeds})
  add_dependencies(fuzz_kernel_symbols kernel_symbols_seeds)
endif()

find_program(VMITAP_PAHOLE pahole)
if(NOT VMITAP_PAHOLE)
  return()
endif()
set(btf_dir ${CMAKE_CURRENT_BINARY_DIR}/btf)
set(btf_subject ${btf_dir}/subject)
file(MAKE_DIRECTORY ${btf_dir})
add_custom_command(OUTPUT ${btf_subject}.btf
  COMMAND ${CMAKE_C_COMPILER} -g -shared -fPIC ${CMAKE_CURRENT_SOURCE_DIR}/btf_subject.c -o ${btf_subject}
  COMMAND ${VMITAP_PAHOLE} -J --btf_gen_floats ${btf_subject}
  COMMAND ${CMAKE_OBJCOPY} --dump-section .BTF=${btf_subject}.btf ${btf_subject}
  DEPENDS btf_subject.c dwarf_subject.h VERBATIM COMMENT "Encoding BTF to test with")
add_custom_target(btf_subject ALL DEPENDS ${btf_subject}.btf)

vmitap_test(btf_test SOURCES btf_test.cpp LIBS vmitap_types)
add_dependencies(btf_test btf_subject)
target_compile_definitions(btf_test PRIVATE VMITAP_BTF_SUBJECT="${btf_subject}")

if(VMITAP_BUILD_FUZZERS)
  file(MAKE_DIRECTORY ${btf_dir}/seeds)
  add_custom_command(OUTPUT ${btf_dir}/seeds/subject
    COMMAND ${CMAKE_COMMAND} -E copy ${btf_subject}.btf ${btf_dir}/seeds/subject
    DEPENDS ${btf_subject}.btf VERBATIM)
  add_custom_target(btf_seeds ALL DEPENDS ${btf_dir}/seeds/subject)
  vmitap_fuzzer(fuzz_btf SOURCES btf_fuzz.cpp LIBS vmitap_types CORPUS ${btf_dir}/seeds)
  add_dependencies(fuzz_btf btf_seeds)
endif()
