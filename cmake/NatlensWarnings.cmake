# Warnings and sanitizers for every target of ours.
add_library(natlens_flags INTERFACE)
target_compile_options(natlens_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wimplicit-fallthrough)
if(NATLENS_WERROR)
  target_compile_options(natlens_flags INTERFACE -Werror)
endif()
if(NATLENS_SANITIZE)
  target_compile_options(natlens_flags INTERFACE -fsanitize=${NATLENS_SANITIZE}
                         -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(natlens_flags INTERFACE -fsanitize=${NATLENS_SANITIZE})
endif()
if(NATLENS_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
    message(FATAL_ERROR "NATLENS_FUZZ needs Clang: cmake --preset fuzz")
  endif()
  target_compile_options(natlens_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
