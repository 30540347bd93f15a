// Rows as JSON by column, which a browser reads several times as fast as an object per row:
//   {"n":2,"c":{"port":[53,80],"kind":{"d":["snat"],"i":[0,0]}}}
// A column of numbers is an array; one with any text is a dictionary `d` and indexes `i` into
// it. NULL is null, among the indexes too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "natlens/store/database.h"

namespace natlens::report {

// `text` in quotes, for a <script> element: nothing in it can end the element or a line of it,
// and what is not UTF-8 becomes U+FFFD.
void append_page_string(std::string& out, std::string_view text);

class PageColumns {
 public:
  void head(std::span<const std::string> columns);
  // REQUIRES: as many values as columns; a column with text has no numbers.
  void row(std::span<const store::Value> values);
  std::string json() const;

 private:
  struct Column {
    std::string name;
    std::string cells;       // "1,2,null"
    std::string dictionary;  // "\"a\",\"b\""
    std::unordered_map<std::string, std::size_t> places;
  };
  static void append(Column& column, const store::Value& value);

  std::vector<Column> columns_;
  std::uint64_t rows_ = 0;
};

}  // namespace natlens::report
