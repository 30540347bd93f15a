// CSV and JSON, and the choice between the printers. See table_text.cc for the aligned one.
#include "natlens/report/table.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "printers.h"

namespace natlens::report {
namespace {

// RFC 4180: quoted if it holds a quote, a comma or a line end. An empty text is quoted too, so
// that it differs from NULL.
std::string csv_field(std::string_view text) {
  if (!text.empty() && text.find_first_of("\",\r\n") == std::string_view::npos) {
    return std::string(text);
  }
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

class CsvPrinter final : public TablePrinter {
 public:
  explicit CsvPrinter(Write write) : write_(std::move(write)) {}

  void head(std::span<const std::string> columns) override {
    std::string out;
    for (const std::string& name : columns) {
      if (!out.empty()) out += ',';
      out += csv_field(name);
    }
    write_(out + "\r\n");
  }

  bool row(std::span<const store::Value> values) override {
    std::string out;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out += ',';
      const bool null = std::holds_alternative<std::monostate>(values[i]);
      if (!null) out += csv_field(store::to_text(values[i]));
    }
    return write_(out + "\r\n");
  }

  void end() override {}

 private:
  Write write_;
};

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

struct JsonValue {
  std::string operator()(std::monostate) const { return "null"; }
  std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
  std::string operator()(double value) const {
    return std::isfinite(value) ? fmt::format("{}", value) : "null";
  }
  std::string operator()(const std::string& value) const { return json_text(value); }
};

class JsonPrinter final : public TablePrinter {
 public:
  JsonPrinter(bool lines, Write write) : lines_(lines), write_(std::move(write)) {}

  void head(std::span<const std::string> columns) override {
    for (const std::string& name : columns) keys_.push_back(json_text(name));
  }

  bool row(std::span<const store::Value> values) override {
    std::string out = lines_ ? "{" : first_ ? "[\n  {" : ",\n  {";
    first_ = false;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out += ", ";
      out += keys_[i] + ": " + std::visit(JsonValue{}, values[i]);
    }
    return write_(out + (lines_ ? "}\n" : "}"));
  }

  void end() override {
    if (!lines_) write_(first_ ? "[]\n" : "\n]\n");
  }

 private:
  bool lines_;
  bool first_ = true;
  Write write_;
  std::vector<std::string> keys_;
};

}  // namespace

std::unique_ptr<TablePrinter> make_csv_printer(Write write) {
  return std::make_unique<CsvPrinter>(std::move(write));
}

std::unique_ptr<TablePrinter> make_json_printer(bool lines, Write write) {
  return std::make_unique<JsonPrinter>(lines, std::move(write));
}

std::optional<TableFormat> parse_table_format(std::string_view name) {
  const auto found = std::find(kTableFormatNames.begin(), kTableFormatNames.end(), name);
  if (found == kTableFormatNames.end()) return std::nullopt;
  return static_cast<TableFormat>(found - kTableFormatNames.begin());
}

std::unique_ptr<TablePrinter> make_printer(TableFormat format,
                                           const TableStyle& style,
                                           Write write) {
  switch (format) {
    case TableFormat::kCsv:
      return make_csv_printer(std::move(write));
    case TableFormat::kJson:
      return make_json_printer(false, std::move(write));
    case TableFormat::kJsonl:
      return make_json_printer(true, std::move(write));
    case TableFormat::kTable:
      break;
  }
  return make_text_printer(style, std::move(write));
}

void print_table(const store::Table& table, TablePrinter& printer) {
  printer.head(table.columns);
  for (const auto& values : table.rows) {
    if (!printer.row(values)) break;
  }
  printer.end();
}

std::string table_text(const store::Table& table, TableFormat format, const TableStyle& style) {
  std::string out;
  const auto printer = make_printer(format, style, [&out](std::string_view text) {
    out += text;
    return true;
  });
  print_table(table, *printer);
  return out;
}

}  // namespace natlens::report
