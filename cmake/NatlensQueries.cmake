# natlens_embed_sql(TARGET): compiles the schema (src/store/sql/*.sql) and the catalogue of named
# queries (queries/**/*.sql) into TARGET, so that the program needs no file beside itself. The
# texts become two C++ files in the build folder, made again when a file changes, comes or goes.
function(natlens_embed_sql target)
  set(root ${CMAKE_CURRENT_SOURCE_DIR})
  file(GLOB schema CONFIGURE_DEPENDS ${root}/src/store/sql/*.sql)
  file(GLOB queries CONFIGURE_DEPENDS ${root}/queries/*.sql ${root}/queries/checks/*.sql)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/sql)
  set(script ${root}/cmake/EmbedSql.cmake)
  add_custom_command(
    OUTPUT ${folder}/schema_sql.cc
    COMMAND ${CMAKE_COMMAND} -DMODE=schema -DBASE=${root}/src/store/sql
            -DOUTPUT=${folder}/schema_sql.cc "-DFILES=${schema}" -P ${script}
    DEPENDS ${schema} ${script} VERBATIM)
  add_custom_command(
    OUTPUT ${folder}/catalogue.cc
    COMMAND ${CMAKE_COMMAND} -DMODE=catalogue -DBASE=${root}/queries
            -DOUTPUT=${folder}/catalogue.cc "-DFILES=${queries}" -P ${script}
    DEPENDS ${queries} ${script} VERBATIM)
  target_sources(${target} PRIVATE ${folder}/schema_sql.cc ${folder}/catalogue.cc)
endfunction()
