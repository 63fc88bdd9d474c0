# SPDX-License-Identifier: MIT
if(NOT VMITAP_BUILD_FUZZERS)
  return()
endif()
set(seeds ${CMAKE_CURRENT_BINARY_DIR}/fuzz_object_seeds)
file(MAKE_DIRECTORY ${seeds})
set(seed_files "")
foreach(flags "-gdwarf-5" "-gdwarf-4" "-gdwarf-3" "-gdwarf-5;-gz" "-gdwarf-4;-fdebug-types-section")
  string(MAKE_C_IDENTIFIER "seed${flags}" name)
  add_custom_command(OUTPUT ${seeds}/${name}
    COMMAND ${CMAKE_C_COMPILER} ${flags} -fPIC -shared -nostdlib ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_object_seed.c
            -o ${seeds}/${name}
    DEPENDS fuzz_object_seed.c VERBATIM COMMAND_EXPAND_LISTS)
  list(APPEND seed_files ${seeds}/${name})
endforeach()
# As a kernel module is: not linked.
add_custom_command(OUTPUT ${seeds}/module
  COMMAND ${CMAKE_C_COMPILER} -g -DSITES=\"vmitap_sites\" -fno-pic -c ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_object_seed.c
          -o ${seeds}/module
  DEPENDS fuzz_object_seed.c VERBATIM)
list(APPEND seed_files ${seeds}/module)
add_custom_target(fuzz_object_seeds ALL DEPENDS ${seed_files})
vmitap_fuzzer(fuzz_object
  SOURCES fuzz_object.cpp
  LIBS vmitap_types
  CORPUS ${seeds})
