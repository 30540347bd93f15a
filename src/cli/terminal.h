// The ends of the program: standard output for data, standard error for everything else, and
// the two signals that end a long run early.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "natlens/net/result.h"
#include "natlens/report/table.h"

#include "command.h"

namespace natlens::cli {

// Buffered standard output. A reader that has gone (EPIPE, `natlens show ... | head`) is no
// error: what is written afterwards is dropped and write() says so.
class Output {
 public:
  Output();
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  bool write(std::string_view text);  // false: nobody reads any more
  report::Write writer() {
    return [this](std::string_view text) { return write(text); };
  }
  // Flushes. Returns `exit`, or an error if output was lost (disk full).
  Result<Exit> finish(Exit exit);

 private:
  bool failed_ = false;
  int error_ = 0;
};

// Width in cells and bold heads if standard output is a terminal (and NO_COLOR is not set).
report::TableStyle terminal_style();
// The same of standard error.
report::TableStyle error_style();

// On standard error. If nobody can be told (closed, full, its reader gone), nothing changes:
// the exit code still says how it went.
void say(std::string_view text);
// "natlens: warning: ..." on standard error.
void warn(std::string_view text);

// A bar on standard error, if that is a terminal; else nothing is ever printed.
class Progress {
 public:
  Progress();
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::uint64_t done, std::uint64_t total);  // bytes; total 0 = unknown
  void clear();

 private:
  bool enabled_;
  bool drawn_ = false;
};

// From here on the first SIGINT or SIGTERM sets the flag, and a second one kills.
const std::atomic<bool>& stop_on_signal();
// SIGPIPE is not to kill: a reader of standard error that goes away must not end an analysis.
void ignore_broken_pipes();
// What was closed by the caller (`2>&-`) is opened such that using it fails: else the next file
// opened would get the number, and messages would be written into it.
void occupy_standard_files();

}  // namespace natlens::cli
