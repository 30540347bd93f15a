// Prints rows of the database as an aligned table, CSV, JSON or JSON lines, a row at a time.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "natlens/store/database.h"

namespace natlens::report {

enum class TableFormat : std::uint8_t { kTable, kCsv, kJson, kJsonl };
inline constexpr auto kTableFormatNames =
    std::to_array<std::string_view>({"table", "csv", "json", "jsonl"});
std::optional<TableFormat> parse_table_format(std::string_view name);

// Takes text; false: nobody reads any more, so that printing may stop.
using Write = std::function<bool(std::string_view)>;

struct TableStyle {
  std::size_t max_width =
      0;  // cells of the terminal; longer text columns are clipped; 0 = none
  bool bold_head = false;
};

// REQUIRES: head() once, then row() for each row with as many values, then end() once.
class TablePrinter {
 public:
  virtual ~TablePrinter() = default;
  virtual void head(std::span<const std::string> columns) = 0;
  virtual bool row(std::span<const store::Value> values) = 0;  // false: stop
  virtual void end() = 0;
};

// table: numbers to the right, everything else to the left, widths by the first 1000 rows; a
// later row that is longer only moves itself. NULL is empty. csv: RFC 4180 with a head line;
// NULL is empty, an empty text is "". json: an array of objects. jsonl: an object a line.
// Integers stay integers, whatever their size; NaN and infinity are null.
std::unique_ptr<TablePrinter> make_printer(TableFormat format,
                                           const TableStyle& style,
                                           Write write);

// A whole table by a fresh printer.
void print_table(const store::Table& table, TablePrinter& printer);
std::string table_text(const store::Table& table,
                       TableFormat format = TableFormat::kTable,
                       const TableStyle& style = {});

}  // namespace natlens::report
