#include "live_table.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "natlens/store/database.h"

#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr auto kEvery = std::chrono::seconds(2);
constexpr auto kStep = std::chrono::milliseconds(100);  // that stop() may have to wait

}  // namespace

LiveTable::LiveTable(std::string database)
    : path_(std::move(database)), enabled_(isatty(STDERR_FILENO) == 1) {}

void LiveTable::start() {
  if (!enabled_) return;
  going_ = true;
  thread_ = std::thread([this] { run(); });
}

void LiveTable::stop() {
  going_ = false;
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  clear();
}

void LiveTable::warn(std::string_view message) {
  const std::lock_guard lock(mutex_);
  clear();
  cli::warn(message);
}

void LiveTable::clear() {
  if (lines_ != 0) say(fmt::format("\033[{}A\033[J", lines_));
  lines_ = 0;
}

void LiveTable::run() {
  report::LiveView view;
  std::unique_ptr<store::Database> database;
  auto next = std::chrono::steady_clock::now() + kEvery;
  while (going_) {
    std::this_thread::sleep_for(kStep);
    if (std::chrono::steady_clock::now() < next) continue;
    next += kEvery;
    if (!database) {
      auto opened = store::Database::open(path_);
      if (!opened) continue;
      database = std::move(*opened);
    }
    const auto text = view.text(*database, error_style());
    if (!text) continue;  // locked for a moment; the next one will tell
    const std::lock_guard lock(mutex_);
    clear();
    say(*text);
    lines_ = static_cast<std::size_t>(std::count(text->begin(), text->end(), '\n'));
    std::fflush(stderr);
  }
}

}  // namespace natlens::cli
