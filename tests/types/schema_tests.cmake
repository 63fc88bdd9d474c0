# SPDX-License-Identifier: MIT
# From layouts and expressions to protobuf.
foreach(name schema encode expression witness)
  vmitap_test(${name}_test
    SOURCES ${name}_test.cpp
    LIBS vmitap_types)
endforeach()

foreach(name schema expression)
  vmitap_fuzzer(fuzz_${name}
    SOURCES ${name}_fuzz.cpp
    LIBS vmitap_types fmt::fmt)
endforeach()
