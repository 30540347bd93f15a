// What the formats share: bounded reports.

#include "format_reader.h"

#include <utility>

#include <fmt/format.h>

namespace natlens::capture {
namespace {

constexpr std::size_t kMaxNotes = 16;
constexpr std::size_t kMaxComments = 256;
constexpr std::size_t kMaxCommentBytes = 1024;

}  // namespace

void add_note(FileInfo& info, std::uint64_t offset, std::string text, bool fatal) {
  if (fatal) info.complete = false;
  // The reason why reading stopped is worth more than the sixteenth oddity before it.
  if (info.notes.size() == kMaxNotes && fatal) {
    info.notes.pop_back();
    ++info.notes_dropped;
  }
  if (info.notes.size() == kMaxNotes) {
    ++info.notes_dropped;
    return;
  }
  info.notes.push_back({offset, std::move(text), fatal});
}

void add_comment(FileInfo& info, std::uint32_t frame, std::string_view text) {
  if (info.comments.size() == kMaxComments) return;
  const std::string_view kept = text.substr(0, kMaxCommentBytes);
  info.comments.push_back(frame == 0 ? std::string(kept)
                                     : fmt::format("frame {}: {}", frame, kept));
}

}  // namespace natlens::capture
