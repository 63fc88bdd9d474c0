# SPDX-License-Identifier: MIT
# Runs in the dom0 of tests/xen-lab; run-xen.sh takes it there.
add_executable(xen_pause_cost xen/pause_cost.cpp)
target_link_libraries(xen_pause_cost PRIVATE vmitap_warnings vmitap_backend_xen PkgConfig::XEN CLI11::CLI11
  nlohmann_json::nlohmann_json fmt::fmt)
set_target_properties(xen_pause_cost PROPERTIES CXX_EXTENSIONS ON
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/xen/bench)
