#include "page_columns.h"

#include <cassert>
#include <cmath>
#include <iterator>
#include <variant>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace natlens::report {
namespace {

constexpr std::string_view kLineSeparator = "\xe2\x80\xa8";       // U+2028
constexpr std::string_view kParagraphSeparator = "\xe2\x80\xa9";  // U+2029

std::string real_text(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "null";
}

}  // namespace

void append_page_string(std::string& out, std::string_view text) {
  const std::string json = nlohmann::json(std::string(text))
                               .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string_view rest = std::string_view(json).substr(i);
    const bool line = rest.starts_with(kLineSeparator);
    if (json[i] == '<' || json[i] == '>' || json[i] == '&') {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(json[i]));
    } else if (line || rest.starts_with(kParagraphSeparator)) {
      out += line ? "\\u2028" : "\\u2029";
      i += kLineSeparator.size() - 1;
    } else {
      out += json[i];
    }
  }
}

void PageColumns::head(std::span<const std::string> columns) {
  columns_.clear();
  for (const std::string& name : columns) columns_.push_back({name, {}, {}, {}});
}

void PageColumns::append(Column& column, const store::Value& value) {
  if (!column.cells.empty()) column.cells += ',';
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    column.cells += fmt::to_string(*number);
  } else if (const auto* real = std::get_if<double>(&value)) {
    column.cells += real_text(*real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    const auto [place, added] = column.places.try_emplace(*text, column.places.size());
    if (added) {
      if (!column.dictionary.empty()) column.dictionary += ',';
      append_page_string(column.dictionary, *text);
    }
    column.cells += fmt::to_string(place->second);
  } else {
    column.cells += "null";
  }
}

void PageColumns::row(std::span<const store::Value> values) {
  assert(values.size() == columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) append(columns_[i], values[i]);
  ++rows_;
}

std::string PageColumns::json() const {
  std::string out = fmt::format("{{\"n\":{},\"c\":{{", rows_);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const Column& column = columns_[i];
    if (i > 0) out += ',';
    append_page_string(out, column.name);
    if (column.places.empty()) {
      out += fmt::format(":[{}]", column.cells);
    } else {
      out += fmt::format(":{{\"d\":[{}],\"i\":[{}]}}", column.dictionary, column.cells);
    }
  }
  return out + "}}";
}

}  // namespace natlens::report
