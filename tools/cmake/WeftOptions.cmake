# Warnings, sanitizers, linker and compiler cache, once for every target.
set(WEFT_SANITIZE "" CACHE STRING "Sanitizers: '', 'address,undefined' or 'thread'")
option(WEFT_PLANTED_BUGS "Compile the switches that plant known bugs (tests only)" ON)

add_library(weft_warnings INTERFACE)
# Designated initializers leave members to their defaults on purpose.
target_compile_options(weft_warnings INTERFACE -Wall -Wextra -Werror -Wshadow -Wno-missing-field-initializers)
# GCC 12 takes std::string and std::optional for uninitialised or overlapping
# where -O2 inlines them; the Dev build, which the tests use, keeps both warnings.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(weft_warnings INTERFACE
    $<$<CONFIG:Release>:-Wno-maybe-uninitialized -Wno-restrict>)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(weft_warnings INTERFACE -Wthread-safety)
endif()

find_program(WEFT_CCACHE ccache)
if(WEFT_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WEFT_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${WEFT_CCACHE})
endif()
find_program(WEFT_MOLD mold)
if(WEFT_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
option(WEFT_FUZZ "Build the fuzz targets with libFuzzer (clang only)" OFF)
if(WEFT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(WEFT_SANITIZE)
  add_compile_options(-fsanitize=${WEFT_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${WEFT_SANITIZE})
  if(WEFT_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio fences make g++ warn under TSan; the fence is right.
    target_compile_options(weft_warnings INTERFACE -Wno-tsan)
  endif()
  if(WEFT_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
include_directories(${CMAKE_SOURCE_DIR})
