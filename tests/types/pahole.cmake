# SPDX-License-Identifier: MIT
# Layouts of real code as pahole reads them, compared with ours: compilers, and versions of DWARF.
find_package(Python3 COMPONENTS Interpreter)
find_program(VMITAP_PAHOLE pahole)
find_program(VMITAP_GCC gcc)
find_program(VMITAP_GXX g++)
find_program(VMITAP_CLANG clang)
find_program(VMITAP_CLANGXX clang++)
if(NOT Python3_FOUND OR NOT VMITAP_PAHOLE OR VMITAP_SANITIZE STREQUAL "thread")
  return()
endif()

add_executable(pahole_dump pahole_dump.cpp)
target_link_libraries(pahole_dump PRIVATE vmitap_warnings vmitap_types nlohmann_json::nlohmann_json fmt::fmt)

set(pahole_files "")
# pahole_subject(NAME COMPILER SOURCE FLAGS...): what the headers declare, used or not.
function(pahole_subject name compiler source)
  if(NOT compiler)
    return()
  endif()
  set(file ${CMAKE_CURRENT_BINARY_DIR}/pahole-${name}.so)
  add_custom_command(OUTPUT ${file}
    COMMAND ${compiler} ${ARGN} -shared -fPIC ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${file}
    DEPENDS ${source} VERBATIM COMMENT "Compiling ${source} for pahole: ${name}")
  set(pahole_files ${pahole_files} ${file} PARENT_SCOPE)
endfunction()

pkg_check_modules(LWIP lwip)
foreach(source glibc linux lwip)
  if(source STREQUAL "lwip" AND NOT LWIP_FOUND)
    continue()
  endif()
  set(all -fno-eliminate-unused-debug-types ${LWIP_CFLAGS})
  pahole_subject(${source}-gcc "${VMITAP_GCC}" pahole_${source}.c -g ${all})
  pahole_subject(${source}-gcc-dwarf4 "${VMITAP_GCC}" pahole_${source}.c -gdwarf-4 ${all})
  pahole_subject(${source}-gcc-dwarf3 "${VMITAP_GCC}" pahole_${source}.c -gdwarf-3 ${all})
  pahole_subject(${source}-clang "${VMITAP_CLANG}" pahole_${source}.c -g ${all})
endforeach()
pahole_subject(cxx-gcc "${VMITAP_GXX}" pahole_cxx.cpp -g -std=c++20)
pahole_subject(cxx-clang "${VMITAP_CLANGXX}" pahole_cxx.cpp -g -std=c++20)

add_custom_target(pahole_subjects ALL DEPENDS ${pahole_files})
add_test(NAME Pahole.AgreesOnEveryMemberOfRealCode
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/pahole_test.py
          $<TARGET_FILE:pahole_dump> ${VMITAP_PAHOLE} 300 ${pahole_files})
set_tests_properties(Pahole.AgreesOnEveryMemberOfRealCode PROPERTIES TIMEOUT 120)
