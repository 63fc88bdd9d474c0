# SPDX-License-Identifier: MIT

# vmitap_guest(target [STATIC]): makes the program or shared object a guest. Its marks and triggers can be
# seen from outside, and it keeps the debug information and the build id by which vmitap knows their types.
function(vmitap_guest target)
  cmake_parse_arguments(arg "STATIC" "" "" ${ARGN})
  if(arg_STATIC)
    target_link_libraries(${target} PRIVATE vmitap-guest::vmitap-guest-static)
  else()
    target_link_libraries(${target} PRIVATE vmitap-guest::vmitap-guest)
  endif()
  target_compile_options(${target} PRIVATE -g)
  target_link_options(${target} PRIVATE -Wl,--build-id)
endfunction()
