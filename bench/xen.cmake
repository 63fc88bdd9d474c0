# SPDX-License-Identifier: MIT
# Run in the dom0 of tests/xen-lab, and one in a guest; run-xen.sh takes them there.
add_executable(xen_pause_cost xen/pause_cost.cpp)
add_executable(xen_transfer xen/transfer.cpp)
foreach(program xen_pause_cost xen_transfer)
  target_link_libraries(${program} PRIVATE vmitap_warnings vmitap_backend_xen PkgConfig::XEN CLI11::CLI11
    nlohmann_json::nlohmann_json fmt::fmt)
  set_target_properties(${program} PROPERTIES CXX_EXTENSIONS ON
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/xen/bench)
endforeach()
add_executable(sink xen/sink.c)
target_link_libraries(sink PRIVATE vmitap_warnings)
target_compile_definitions(sink PRIVATE _GNU_SOURCE)
set_target_properties(sink PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/xen/bench-guest)

add_custom_target(xen_bench DEPENDS xen_pause_cost xen_transfer sink)
