#include "loader.h"

#include <algorithm>

#include <fmt/format.h>

namespace natlens::report {
namespace {

const store::Value& cell(const store::Table& table, std::size_t row, std::string_view column) {
  static const store::Value kNull;
  const auto found = std::find(table.columns.begin(), table.columns.end(), column);
  if (found == table.columns.end()) return kNull;
  return table.rows[row][static_cast<std::size_t>(found - table.columns.begin())];
}

}  // namespace

std::uint64_t count_at(const store::Table& table, std::size_t row, std::string_view column) {
  return static_cast<std::uint64_t>(table.integer(row, column));
}

double real_at(const store::Table& table, std::size_t row, std::string_view column) {
  const store::Value& value = cell(table, row, column);
  if (const double* real = std::get_if<double>(&value)) return *real;
  return static_cast<double>(table.integer(row, column));
}

bool null_at(const store::Table& table, std::size_t row, std::string_view column) {
  return std::holds_alternative<std::monostate>(cell(table, row, column));
}

Timestamp time_at(const store::Table& table, std::size_t row, std::string_view column) {
  if (null_at(table, row, column)) return Timestamp::none();
  return Timestamp::from_ns(table.integer(row, column));
}

std::string end_text(const store::Table& table,
                     std::size_t row,
                     std::string_view address,
                     std::string_view port) {
  const std::string host = table.text(row, address);
  if (null_at(table, row, port)) return host;
  const bool v6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", table.integer(row, port));
}

std::string protocol_word(const std::string& stored) {
  const bool number = stored.find_first_not_of("0123456789") == std::string::npos;
  return number ? "protocol " + stored : stored;
}

std::string tuple_text(const store::Table& table,
                       std::size_t row,
                       const std::string& protocol,
                       const std::string& prefix) {
  if (protocol.starts_with("icmp")) {
    return fmt::format("{} > {} id {}", table.text(row, prefix + "src"),
                       table.text(row, prefix + "dst"), table.integer(row, prefix + "sport"));
  }
  const bool no_ports =
      table.integer(row, prefix + "sport") == 0 && table.integer(row, prefix + "dport") == 0;
  if (no_ports) {
    return fmt::format("{} > {}", table.text(row, prefix + "src"),
                       table.text(row, prefix + "dst"));
  }
  return fmt::format("{} > {}", end_text(table, row, prefix + "src", prefix + "sport"),
                     end_text(table, row, prefix + "dst", prefix + "dport"));
}

}  // namespace natlens::report
