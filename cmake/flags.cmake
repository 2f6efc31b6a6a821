# Warnings are errors; hardening in release; sanitizers by preset.
set(OUTRIGGER_WARNINGS -Wall -Wextra -Werror -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # The project is warning-free with g++; clang is here for libFuzzer only.
  set(OUTRIGGER_WARNINGS -Wall -Wextra)
endif()

add_compile_options(-fno-omit-frame-pointer -fstack-protector-strong)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_link_options(-Wl,-z,relro,-z,now -Wl,--as-needed -pie)

if(OUTRIGGER_SANITIZE)
  # g++ 12 sees uninitialised values in instrumented standard headers.
  list(APPEND OUTRIGGER_WARNINGS -Wno-maybe-uninitialized)
  if(OUTRIGGER_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND OUTRIGGER_WARNINGS -Wno-tsan)  # Asio's fences; its queues are guarded by mutexes as well
    # Protobuf's headers add members under this macro, which the system's library does not have. libstdc++ reads the
    # second one in its place.
    add_compile_options(-U__SANITIZE_THREAD__)
    add_compile_definitions(_GLIBCXX_TSAN=1)
  endif()
  add_compile_options(-fsanitize=${OUTRIGGER_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${OUTRIGGER_SANITIZE})
  if(OUTRIGGER_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
  endif()
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-D_FORTIFY_SOURCE=2 -ffunction-sections -fdata-sections)
  add_link_options(-Wl,--gc-sections -Wl,-z,pack-relative-relocs)  # relocations of a tenth of the size
endif()
if(NOT OUTRIGGER_DYNAMIC_DEPS AND NOT OUTRIGGER_SANITIZE)
  add_link_options(-static-libstdc++ -static-libgcc)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # Without these, ccache passes by everything that is compiled with a precompiled header (API objects, unit tests).
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  endif()
endif()
