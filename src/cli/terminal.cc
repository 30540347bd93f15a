#include "terminal.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "natlens/report/text.h"

namespace natlens::cli {
namespace {

constexpr std::size_t kBarCells = 30;

bool color_wanted(int fd) {
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org
  const char* term = std::getenv("TERM");
  const bool refused = no_color != nullptr && *no_color != '\0';
  const bool dumb = term != nullptr && std::string_view(term) == "dumb";
  return isatty(fd) == 1 && !refused && !dumb;
}

std::size_t width_of(int fd) {
  winsize size{};
  if (isatty(fd) != 1 || ioctl(fd, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

std::atomic<bool> stop_flag = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

void on_signal(int /*signal*/) {
  stop_flag.store(true);
}

}  // namespace

Output::Output() = default;

Output::~Output() {
  std::fflush(stdout);
}

bool Output::write(std::string_view text) {
  if (failed_) return false;
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size()) return true;
  error_ = errno;
  failed_ = true;
  return false;
}

Result<Exit> Output::finish(Exit exit) {
  if (!failed_ && std::fflush(stdout) != 0) {
    error_ = errno;
    failed_ = true;
  }
  if (failed_ && error_ != EPIPE) {
    return Error{
        fmt::format("standard output: {}; the output is not whole", std::strerror(error_))};
  }
  return exit;
}

report::TableStyle terminal_style() {
  return {width_of(STDOUT_FILENO), color_wanted(STDOUT_FILENO)};
}

report::TableStyle error_style() {
  return {width_of(STDERR_FILENO), color_wanted(STDERR_FILENO)};
}

void say(std::string_view text) {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stderr));
}

void warn(std::string_view text) {
  say(fmt::format("natlens: warning: {}\n", report::printable(text)));
}

Progress::Progress() : enabled_(isatty(STDERR_FILENO) == 1) {}

void Progress::update(std::uint64_t done, std::uint64_t total) {
  if (!enabled_) return;
  constexpr double kMegabyte = 1e6;
  const std::string megabytes = fmt::format("{:.1f} MB", static_cast<double>(done) / kMegabyte);
  if (total == 0) {
    say(fmt::format("\r\033[Kreading  {}", megabytes));
  } else {
    const std::size_t filled =
        static_cast<std::size_t>(std::min(done, total) * std::uint64_t{kBarCells} / total);
    say(fmt::format("\r\033[Kreading  [{:<{}}] {:3}%  {}", std::string(filled, '#'), kBarCells,
                    std::min(done, total) * 100 / total, megabytes));
  }
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::clear() {
  if (!drawn_) return;
  say("\r\033[K");
  std::fflush(stderr);
  drawn_ = false;
}

const std::atomic<bool>& stop_on_signal() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return stop_flag;
}

void ignore_broken_pipes() {
  std::signal(SIGPIPE, SIG_IGN);
}

void occupy_standard_files() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) != -1) continue;
    // The lowest free number is this one; each is opened for what it is not used for.
    static_cast<void>(open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
}

}  // namespace natlens::cli
