# natlens_embed_page(TARGET): compiles the page of `natlens report`, which scripts/page builds from
# src/report/page with Node.js, into TARGET. Where it was not built the program has none, and its
# `report` says how to get it.
function(natlens_embed_page target)
  set(root ${CMAKE_CURRENT_SOURCE_DIR})
  set(script ${root}/cmake/EmbedPage.cmake)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/page_template.cc)
  file(GLOB page CONFIGURE_DEPENDS ${root}/build/page/page.html)
  if(NOT page)
    message(STATUS "the page of `natlens report` is not built (scripts/page)")
  endif()
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DPAGE=${page} -DOUTPUT=${output} -P ${script}
    DEPENDS ${page} ${script} VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
