# SPDX-License-Identifier: MIT
# Fails if a room includes what stands above it (docs/architecture.md, "The house").
#   cmake -DROOT=DIR -P CheckLayering.cmake
cmake_minimum_required(VERSION 3.25)

set(ring_abi "vmitap/(ring_abi|control_abi|xen_abi|device_abi|packet_abi|barrier)\\.h")
set(ring_producer "vmitap/ring_(layout|producer|sync)\\.h")
set(packet_headers "vmitap/packet_headers\\.h")
set(ring_consumer "vmitap/ring_consumer\\.hpp")
set(guest_public "vmitap/(mark|trigger|packet_trigger)\\.h")
set(proto "vmitap/vmitap\\.pb\\.h")

# What each room may include in quotes, besides files of its own folder.
set(allow_ring "${ring_abi}|${packet_headers}|${ring_producer}|${ring_consumer}")
set(allow_guest-trigger "${ring_abi}|${ring_producer}|${guest_public}|vmitap/site\\.h")
set(allow_netfront-hook "${guest_public}|vmitap/packet_abi\\.h|${packet_headers}")
set(allow_host-capture/base "base/.*")
# A backend may be a producer itself: the vif is.
set(allow_host-capture/backend "${ring_abi}|${packet_headers}|${ring_producer}|(base|backend)/.*")
set(allow_host-capture/types "${ring_abi}|${proto}|(base|backend|types)/.*")
set(allow_host-capture/pipeline "${ring_abi}|${ring_consumer}|${proto}|(base|backend|types|pipeline)/.*")
set(allow_host-capture/sink "${ring_abi}|${proto}|(base|backend|types|pipeline|sink)/.*")
set(allow_host-capture/cli "${ring_abi}|${proto}|(base|backend|types|pipeline|sink|cli)/.*")

set(violations "")
foreach(room ring guest-trigger netfront-hook host-capture/base host-capture/backend host-capture/types
        host-capture/pipeline host-capture/sink host-capture/cli)
  file(GLOB_RECURSE sources ${ROOT}/${room}/*.c ${ROOT}/${room}/*.h ${ROOT}/${room}/*.cpp ${ROOT}/${room}/*.hpp)
  foreach(source IN LISTS sources)
    file(RELATIVE_PATH name ${ROOT} ${source})
    file(STRINGS ${source} includes REGEX "^[ \t]*#[ \t]*include[ \t]*[\"<]")
    foreach(line IN LISTS includes)
      string(REGEX REPLACE "^[ \t]*#[ \t]*include[ \t]*[\"<]([^\">]*)[\">].*" "\\1" header "${line}")
      # A system header, or a neighbour named without a folder.
      if(line MATCHES "<" AND NOT header MATCHES "^(vmitap|base|backend|types|pipeline|sink|cli)/")
        continue()
      elseif(NOT header MATCHES "/")
        continue()
      endif()
      if(NOT header MATCHES "^(${allow_${room}})$")
        list(APPEND violations "${name} includes \"${header}\", which ${room}/ may not use")
      elseif(header MATCHES "^backend/(local|xen)/" AND NOT name MATCHES "^host-capture/backend/((local|xen)/|open_guest\\.cpp$)")
        list(APPEND violations "${name} includes \"${header}\": only backend/open_guest.cpp names a concrete backend")
      endif()
    endforeach()
  endforeach()
endforeach()

if(violations)
  list(JOIN violations "\n  " text)
  message(FATAL_ERROR "The house is out of order:\n  ${text}")
endif()
