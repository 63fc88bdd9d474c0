# SPDX-License-Identifier: MIT
# The bytes of a file as what stands between the braces of a C array.
#   cmake -DFROM=FILE -DTO=FILE -P EmbedBytes.cmake
cmake_minimum_required(VERSION 3.25)
file(READ ${FROM} hex HEX)
if(hex STREQUAL "")
  message(FATAL_ERROR "${FROM} is empty")
endif()
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
file(WRITE ${TO} "${bytes}\n")
