// The table that `natlens capture` draws on a terminal, again and again in the same place.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "natlens/report/live.h"

namespace natlens::cli {

// Draws on standard error, if that is a terminal; else nothing is ever drawn.
class LiveTable {
 public:
  explicit LiveTable(std::string database);
  ~LiveTable() { stop(); }
  LiveTable(const LiveTable&) = delete;
  LiveTable& operator=(const LiveTable&) = delete;

  // Reads the database from here on, which may not be there yet.
  void start();
  void stop();  // takes the table away
  // A line that stays, above the table.
  void warn(std::string_view message);

 private:
  void run();
  void clear();

  const std::string path_;
  const bool enabled_;
  std::atomic<bool> going_{false};
  std::thread thread_;
  std::mutex mutex_;  // of what is drawn
  std::size_t lines_ = 0;
};

}  // namespace natlens::cli
