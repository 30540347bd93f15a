#include "blocks.h"

#include <array>

namespace natlens::report {
namespace {

struct Reason {
  std::string_view stored;
  std::string_view sentence;
};

constexpr auto kReasons = std::to_array<Reason>(
    {{"nothing_in_common", "no packet was recognised anywhere else"},
     {"too_little", "something agrees elsewhere, but too little to be sure"},
     {"ambiguous", "several partners fit equally well"},
     {"not_overlapping", "no other tap was capturing at that time"}});

}  // namespace

std::string indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    out += line.empty() ? "" : "  ";
    out += line;
    out += '\n';
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

std::string reason_sentence(const std::string& stored) {
  for (const Reason& reason : kReasons) {
    if (reason.stored == stored) return std::string(reason.sentence);
  }
  return stored;
}

}  // namespace natlens::report
