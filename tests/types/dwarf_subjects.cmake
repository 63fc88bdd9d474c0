# SPDX-License-Identifier: MIT
# The same sources in the forms of DWARF that compilers write.
if(VMITAP_SANITIZE STREQUAL "thread")
  return()
endif()
find_program(VMITAP_GCC gcc)
find_program(VMITAP_GXX g++)
find_program(VMITAP_CLANG clang)
find_program(VMITAP_CLANGXX clang++)

set(subject_includes -I${CMAKE_CURRENT_SOURCE_DIR}/../../guest-trigger/include -I${CMAKE_CURRENT_SOURCE_DIR}/../../ring/include)
file(GLOB guest_headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/../../guest-trigger/include/vmitap/*)
set(subject_dir ${CMAKE_CURRENT_BINARY_DIR}/subjects)
file(MAKE_DIRECTORY ${subject_dir})
set(subject_files "")

# subject(NAME COMPILER SOURCES FLAGS...): subjects/NAME/object, in a folder of its own for what the compiler
# leaves beside it (.dwo). Without the guest library: nothing runs them.
function(subject name compiler sources)
  if(NOT compiler)
    return()
  endif()
  set(paths ${sources})
  list(TRANSFORM paths PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  set(shared -shared -fPIC)
  if("-no-pie" IN_LIST ARGN OR "-pie" IN_LIST ARGN)
    set(shared -Wl,--unresolved-symbols=ignore-all)
  endif()
  file(MAKE_DIRECTORY ${subject_dir}/${name})
  add_custom_command(OUTPUT ${subject_dir}/${name}/object
    COMMAND ${compiler} ${shared} ${subject_includes} -Wl,--build-id ${ARGN} ${paths} -o object
    DEPENDS ${sources} ${guest_headers} dwarf_subject.h dwarf_subject.hpp
    WORKING_DIRECTORY ${subject_dir}/${name}
    VERBATIM COMMAND_EXPAND_LISTS COMMENT "Compiling ${name} for its debug information")
  list(APPEND subject_files ${subject_dir}/${name}/object)
  set(subject_files ${subject_files} PARENT_SCOPE)
endfunction()

set(c_sources dwarf_subject.c dwarf_subject_other.c)
set(cxx_sources dwarf_subject.cpp dwarf_subject_other.cpp)
# subjects(NAME FLAGS...): both languages with gcc.
macro(gcc_subjects name)
  subject(c-gcc-${name} "${VMITAP_GCC}" "${c_sources}" ${ARGN})
  subject(cxx-gcc-${name} "${VMITAP_GXX}" "${cxx_sources}" -std=c++17 ${ARGN})
endmacro()
macro(clang_subjects name)
  subject(c-clang-${name} "${VMITAP_CLANG}" "${c_sources}" ${ARGN})
  subject(cxx-clang-${name} "${VMITAP_CLANGXX}" "${cxx_sources}" -std=c++17 ${ARGN})
endmacro()

gcc_subjects(dwarf5 -gdwarf-5)
gcc_subjects(dwarf4 -gdwarf-4)
gcc_subjects(dwarf3 -gdwarf-3 -gstrict-dwarf)
gcc_subjects(optimized -g -O2)
gcc_subjects(lto -g -O2 -flto)
gcc_subjects(types5 -gdwarf-5 -fdebug-types-section)
gcc_subjects(types4 -gdwarf-4 -fdebug-types-section)
gcc_subjects(split5 -gdwarf-5 -gsplit-dwarf)
gcc_subjects(split4 -gdwarf-4 -gsplit-dwarf)
gcc_subjects(compressed -g -gz)
gcc_subjects(compressed_gnu -gdwarf-4 -gz=zlib-gnu)
clang_subjects(dwarf5 -gdwarf-5)
clang_subjects(dwarf4 -gdwarf-4)
clang_subjects(optimized -g -O2)
clang_subjects(types4 -gdwarf-4 -fdebug-types-section)
clang_subjects(types5 -gdwarf-5 -fdebug-types-section)
clang_subjects(split5 -gdwarf-5 -gsplit-dwarf)
clang_subjects(split4 -gdwarf-4 -gsplit-dwarf)
subject(c-gcc-executable "${VMITAP_GCC}" "${c_sources};dwarf_subject_main.c" -g -no-pie -fno-pie)
subject(c-gcc-pie "${VMITAP_GCC}" "${c_sources};dwarf_subject_main.c" -g -pie -fPIE)

# module_subject(NAME COMPILER FLAGS...): as subject(), but linked as a kernel module is: into a relocatable object.
function(module_subject name compiler)
  if(NOT compiler)
    return()
  endif()
  set(objects "")
  set(compile "")
  foreach(source IN LISTS c_sources)
    list(APPEND compile COMMAND ${compiler} ${subject_includes} -fdata-sections -fno-pic -c ${ARGN}
         ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${source}.o)
    list(APPEND objects ${source}.o)
  endforeach()
  file(MAKE_DIRECTORY ${subject_dir}/${name})
  add_custom_command(OUTPUT ${subject_dir}/${name}/object
    ${compile}
    COMMAND ${CMAKE_LINKER} -r --build-id=sha1 -T ${CMAKE_CURRENT_SOURCE_DIR}/dwarf_subject_module.lds
            ${objects} -o object
    DEPENDS ${c_sources} ${guest_headers} dwarf_subject.h dwarf_subject_module.lds
    WORKING_DIRECTORY ${subject_dir}/${name}
    VERBATIM COMMAND_EXPAND_LISTS COMMENT "Compiling ${name} for its debug information")
  list(APPEND subject_files ${subject_dir}/${name}/object)
  set(subject_files ${subject_files} PARENT_SCOPE)
endfunction()

module_subject(c-gcc-module5 "${VMITAP_GCC}" -gdwarf-5 -O2)
module_subject(c-gcc-module4 "${VMITAP_GCC}" -gdwarf-4)
module_subject(c-gcc-module_compressed "${VMITAP_GCC}" -g -gz)
module_subject(c-clang-module5 "${VMITAP_CLANG}" -gdwarf-5)

add_custom_target(dwarf_subjects ALL DEPENDS ${subject_files})

# The names of the subjects in one language, as C++ string literals.
function(subject_names language result)
  set(names "")
  foreach(file IN LISTS subject_files)
    get_filename_component(folder ${file} DIRECTORY)
    get_filename_component(name ${folder} NAME)
    if(name MATCHES "^${language}-")
      list(APPEND names "\"${name}\"")
    endif()
  endforeach()
  list(JOIN names "," names)
  set(${result} "${names}" PARENT_SCOPE)
endfunction()

foreach(language c cxx)
  vmitap_test(dwarf_${language}_test
    SOURCES dwarf_${language}_test.cpp
    LIBS vmitap_types)
  add_dependencies(dwarf_${language}_test dwarf_subjects)
  subject_names(${language} names)
  string(TOUPPER ${language} upper)
  target_compile_definitions(dwarf_${language}_test PRIVATE
    VMITAP_SUBJECTS="${subject_dir}" VMITAP_${upper}_SUBJECTS=${names})
endforeach()

# Tests that need files like these, whatever is in them.
foreach(name catalog_proto_test module_loader_test object_test)
  vmitap_test(${name}
    SOURCES ${name}.cpp
    LIBS vmitap_types)
  add_dependencies(${name} dwarf_subjects)
  target_compile_definitions(${name} PRIVATE VMITAP_SUBJECTS="${subject_dir}")
endforeach()
