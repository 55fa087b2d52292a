# weft_descriptor_set(<name> FUNCTION <namespace::Function> PROTOS a.proto...)
# A library that holds protoc's FileDescriptorSet of the protos, dependencies
# and comments included, and a function that returns it:
# absl::string_view weft::gateway::<Function>().
function(weft_descriptor_set name)
  cmake_parse_arguments(PARSE_ARGV 1 A "" "FUNCTION" "PROTOS")
  set(root ${CMAKE_SOURCE_DIR}/proto)
  set(set_file ${CMAKE_CURRENT_BINARY_DIR}/${name}.pb)
  # protoc writes no dependency file for several inputs, so: any contract.
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${root}/weft/*.proto)
  add_custom_command(OUTPUT ${set_file}
    COMMAND protobuf::protoc -I${root} --include_imports --include_source_info
            --descriptor_set_out=${set_file} ${A_PROTOS}
    DEPENDS ${files} protobuf::protoc
    COMMENT "descriptors ${name}" VERBATIM)
  # The assembler copies the bytes; nothing has to be compiled as an array.
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc @ONLY CONTENT [[
#include "absl/strings/string_view.h"

asm(".section .rodata\n"
    ".global @name@_begin\n"
    "@name@_begin:\n"
    ".incbin \"@set_file@\"\n"
    ".global @name@_end\n"
    "@name@_end:\n"
    ".byte 0\n"
    ".section .text\n");
extern "C" {
extern const char @name@_begin[];
extern const char @name@_end[];
}

namespace weft::gateway {
absl::string_view @A_FUNCTION@() {
  return {@name@_begin, static_cast<size_t>(@name@_end - @name@_begin)};
}
}  // namespace weft::gateway
]])
  set_source_files_properties(${CMAKE_CURRENT_BINARY_DIR}/${name}.cc PROPERTIES
    OBJECT_DEPENDS ${set_file} CXX_COMPILER_LAUNCHER "")
  add_library(${name} STATIC ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
  add_dependencies(${name} weft_google_proto)
endfunction()
