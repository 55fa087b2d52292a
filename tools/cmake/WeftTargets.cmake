# The three functions every folder uses. One folder, one target weft::<name>,
# sources listed by hand.
include(Catch)

# weft_proto_library(<name> PROTOS a.proto... [DEPS weft::other_proto...])
# Messages only: libs/rpc calls and serves by descriptor, so no gRPC stubs are
# generated. Paths are relative to proto/; generated code stays in the build tree.
function(weft_proto_library name)
  cmake_parse_arguments(PARSE_ARGV 1 A "" "" "PROTOS;DEPS")
  set(root ${CMAKE_SOURCE_DIR}/proto)
  set(out ${CMAKE_BINARY_DIR}/gen)
  set(srcs)
  foreach(p IN LISTS A_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" b ${p})
    get_filename_component(d ${out}/${b} DIRECTORY)
    file(MAKE_DIRECTORY ${d})
    add_custom_command(OUTPUT ${out}/${b}.pb.cc ${out}/${b}.pb.h
      COMMAND protobuf::protoc -I${root} --cpp_out=${out} --dependency_out=${out}/${b}.d ${p}
      DEPENDS ${root}/${p} protobuf::protoc DEPFILE ${out}/${b}.d
      COMMENT "protoc ${p}" VERBATIM)
    list(APPEND srcs ${out}/${b}.pb.cc)
  endforeach()
  add_library(weft_${name} STATIC ${srcs})
  add_library(weft::${name} ALIAS weft_${name})
  target_include_directories(weft_${name} SYSTEM PUBLIC ${out})
  target_link_libraries(weft_${name} PUBLIC protobuf::libprotobuf ${A_DEPS})
  target_compile_options(weft_${name} PRIVATE -g0)
endfunction()

# weft_library(<name> SOURCES a.cc... [DEPS public...] [PRIVATE private...])
function(weft_library name)
  cmake_parse_arguments(PARSE_ARGV 1 A "" "" "SOURCES;DEPS;PRIVATE")
  add_library(weft_${name} STATIC ${A_SOURCES})
  add_library(weft::${name} ALIAS weft_${name})
  target_link_libraries(weft_${name} PUBLIC ${A_DEPS} PRIVATE weft_warnings ${A_PRIVATE})
endfunction()

# weft_executable(<name> SOURCES main.cc DEPS ...)
# Allocates with jemalloc, but for sanitizer builds, which bring their own.
function(weft_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 A "" "OUTPUT" "SOURCES;DEPS")
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE weft_warnings ${A_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  if(NOT WEFT_SANITIZE)
    target_link_libraries(${name} PRIVATE weft_allocator)
  endif()
  if(WEFT_SANITIZE MATCHES "thread")
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tools/sanitizers/tsan_c11threads.cc)
  endif()
endfunction()

# weft_test(<name> SOURCES a_test.cc... DEPS ... [LABELS ...] [TIMEOUT s])
# One ctest test per TEST_CASE, named <name>.<sentence>. Paths:
# libs/testing/paths.h.
function(weft_test name)
  cmake_parse_arguments(PARSE_ARGV 1 A "SERIAL" "TIMEOUT" "SOURCES;DEPS;LABELS")
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 120)
  endif()
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE Catch2::Catch2WithMain weft_warnings weft::test_paths ${A_DEPS})
  if(WEFT_SANITIZE MATCHES "thread")
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tools/sanitizers/tsan_c11threads.cc)
  endif()
  set(props TIMEOUT ${A_TIMEOUT})
  if(A_LABELS)
    list(APPEND props LABELS "${A_LABELS}")
  endif()
  if(A_SERIAL)
    list(APPEND props RUN_SERIAL TRUE)
  endif()
  catch_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST PROPERTIES ${props})
endfunction()
