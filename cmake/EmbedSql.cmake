# cmake -DMODE=schema|catalogue -DBASE=DIR -DFILES="a.sql;b.sql" -DOUTPUT=FILE -P EmbedSql.cmake
#
# Writes SQL texts as C++ raw strings. schema: one constant per file, kTablesSql for tables.sql.
# catalogue: an array of {name, question, sql}, sorted by name; the question is the first line
# of the file, a comment.
cmake_minimum_required(VERSION 3.25)

set(out "// Made from *.sql by cmake/EmbedSql.cmake.\n")
if(MODE STREQUAL "schema")
  string(APPEND out "#include \"schema.h\"\n\nnamespace natlens::store {\n")
else()
  string(APPEND out "#include \"natlens/store/database.h\"\n\nnamespace natlens::store {\nnamespace {\n"
                    "constexpr NamedQuery kCatalogue[] = {\n")
endif()

foreach(path IN LISTS FILES)
  file(READ ${path} text)
  file(RELATIVE_PATH name ${BASE} ${path})
  string(REGEX REPLACE "\\.sql$" "" name "${name}")
  if(MODE STREQUAL "schema")
    string(SUBSTRING ${name} 0 1 first)
    string(SUBSTRING ${name} 1 -1 rest)
    string(TOUPPER ${first} first)
    string(APPEND out "const char k${first}${rest}Sql[] = R\"sql(${text})sql\";\n")
  else()
    if(NOT text MATCHES "^-- ([^\n]+)\n")
      message(FATAL_ERROR "${path}: the first line must be a comment with the question")
    endif()
    string(APPEND out "{\"${name}\", R\"sql(${CMAKE_MATCH_1})sql\",\nR\"sql(${text})sql\"},\n")
  endif()
endforeach()

if(MODE STREQUAL "catalogue")
  string(APPEND out "};\n}  // namespace\n\n"
                    "std::span<const NamedQuery> catalogue() { return kCatalogue; }\n")
endif()
string(APPEND out "\n}  // namespace natlens::store\n")
file(WRITE ${OUTPUT} "${out}")
