# cmake -DPAGE=page.html -DOUTPUT=FILE -P EmbedPage.cmake
#
# Writes the built page as a C++ string; where PAGE is empty, an empty one.
cmake_minimum_required(VERSION 3.25)

set(text "")
if(PAGE)
  # Printable ASCII only: its bundler writes everything else as escapes.
  file(READ ${PAGE} text)
  if(text MATCHES "\\)natlens_page\"")
    message(FATAL_ERROR "${PAGE} has the end of a raw string in it")
  endif()
endif()
file(WRITE ${OUTPUT} "// Made from src/report/page by cmake/EmbedPage.cmake.
#include \"page_template.h\"

namespace natlens::report {

std::string_view page_template() { return R\"natlens_page(${text})natlens_page\"; }

}  // namespace natlens::report
")
