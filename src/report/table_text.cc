// The aligned table. The first rows wait until their widths are known; then rows stream with
// those widths, so that memory does not grow with the answer.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "natlens/report/table.h"
#include "natlens/report/text.h"

#include "printers.h"

namespace natlens::report {
namespace {

constexpr std::size_t kSampleRows = 1000;
constexpr std::size_t kGap = 2;         // cells between columns
constexpr std::size_t kLeastWidth = 8;  // a clipped column keeps this much
constexpr int kMostDecimals = 3;

struct Column {
  std::string name;
  std::size_t width = 0;
  bool number = true;  // only numbers (and NULL) in the sample, at least one
  bool seen = false;
  int decimals = 0;
};

// Decimals, up to three, that a number needs to be told.
int decimals_of(double value) {
  double scaled = std::abs(value);
  for (int decimals = 0; decimals < kMostDecimals; ++decimals, scaled *= 10) {
    if (std::abs(scaled - std::round(scaled)) < 1e-6 * std::max(1.0, scaled)) return decimals;
  }
  return kMostDecimals;
}

std::string cell_text(const store::Value& value, const Column& column) {
  if (const double* real = std::get_if<double>(&value)) {
    return fmt::format("{:.{}f}", *real, column.decimals);
  }
  return printable(store::to_text(value));
}

class TextPrinter final : public TablePrinter {
 public:
  TextPrinter(const TableStyle& style, Write write) : style_(style), write_(std::move(write)) {}

  void head(std::span<const std::string> columns) override {
    for (const std::string& name : columns) columns_.push_back({printable(name)});
  }

  bool row(std::span<const store::Value> values) override {
    if (sampled_) return write_(line(values));
    sample_.emplace_back(values.begin(), values.end());
    return sample_.size() < kSampleRows || flush_sample();
  }

  void end() override {
    if (!sampled_) flush_sample();
  }

 private:
  bool flush_sample() {
    sampled_ = true;
    measure();
    fit();
    bool wanted = write_(head_line());
    for (const auto& values : sample_) wanted = wanted && write_(line(values));
    sample_.clear();
    return wanted;
  }

  void measure() {
    for (const auto& values : sample_) {
      for (std::size_t i = 0; i < columns_.size(); ++i) note_kind(columns_[i], values[i]);
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      Column& column = columns_[i];
      column.number = column.number && column.seen;
      column.width = display_width(column.name);
      for (const auto& values : sample_) {
        column.width = std::max(column.width, display_width(cell_text(values[i], column)));
      }
    }
  }

  static void note_kind(Column& column, const store::Value& value) {
    if (std::holds_alternative<std::monostate>(value)) return;
    column.seen = true;
    if (std::holds_alternative<std::string>(value)) column.number = false;
    if (const double* real = std::get_if<double>(&value)) {
      column.decimals = std::max(column.decimals, decimals_of(*real));
    }
  }

  // Takes cells from the widest text column until the line fits, or nothing more can be taken.
  void fit() {
    if (style_.max_width == 0) return;
    std::size_t total = columns_.empty() ? 0 : kGap * (columns_.size() - 1);
    for (const Column& column : columns_) total += column.width;
    clipping_ = total > style_.max_width;
    while (total > style_.max_width) {
      Column* widest = nullptr;
      for (Column& column : columns_) {
        if (column.number || column.width <= kLeastWidth) continue;
        if (widest == nullptr || column.width > widest->width) widest = &column;
      }
      if (widest == nullptr) return;
      --widest->width;
      --total;
    }
  }

  std::string head_line() const {
    std::string out = style_.bold_head ? "\033[1m" : "";
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      append(out, columns_[i].name, i);
    }
    return out + (style_.bold_head ? "\033[0m\n" : "\n");
  }

  std::string line(std::span<const store::Value> values) const {
    std::string out;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      append(out, cell_text(values[i], columns_[i]), i);
    }
    const std::size_t end = out.find_last_not_of(' ');
    out.resize(end == std::string::npos ? 0 : end + 1);
    return out + '\n';
  }

  void append(std::string& out, std::string text, std::size_t i) const {
    const Column& column = columns_[i];
    const bool last = i + 1 == columns_.size();
    if (clipping_ && !column.number) text = clip(text, column.width);
    if (column.number) {
      out += pad_left(text, column.width);
    } else {
      out += last ? text : pad_right(text, column.width);
    }
    if (!last) out.append(kGap, ' ');
  }

  TableStyle style_;
  Write write_;
  std::vector<Column> columns_;
  std::vector<std::vector<store::Value>> sample_;
  bool sampled_ = false;
  bool clipping_ = false;
};

}  // namespace

std::unique_ptr<TablePrinter> make_text_printer(const TableStyle& style, Write write) {
  return std::make_unique<TextPrinter>(style, std::move(write));
}

}  // namespace natlens::report
