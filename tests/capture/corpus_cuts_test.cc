// Captures of other projects cut short: files of up to 16 KiB at every length, larger ones
// within 16 bytes of each border between records or blocks, which is where a reader decides
// something. The frames before the cut must be those of the whole file.

#include <filesystem>
#include <fstream>

#include "capture/capture_bytes.h"
#include "support/catch.h"
#include "support/data_dir.h"

namespace natlens::capture::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSmall = 16384;
constexpr std::size_t kAround = 16;

// The frames of some bytes: hashes[n] is that of the first n together.
struct Read {
  std::vector<std::uint64_t> hashes{0};
  std::vector<std::size_t> ends;  // where each frame's record ends, if read one by one
  bool complete = true;
};

Read read_frames(ByteView bytes, std::size_t batch) {
  Read read;
  FileInfo info;
  auto reader = open_capture(memory_input(bytes), &info, {});
  if (!reader) {
    read.complete = false;
    return read;
  }
  std::vector<Frame> frames(batch);
  while (const std::size_t count = (*reader)->read(frames)) {
    for (const Frame& frame : std::span(frames).first(count)) {
      const auto time = static_cast<std::uint64_t>(frame.time.ns());
      const std::uint64_t hash = content_hash(frame.bytes, mix(time, frame.number));
      read.hashes.push_back(mix(read.hashes.back(), hash));
      read.ends.push_back(static_cast<std::size_t>((*reader)->offset()));
    }
  }
  read.complete = info.complete;
  return read;
}

// Where blocks of a pcapng file end, whatever is in them; none of another format.
std::vector<std::size_t> block_ends(ByteView bytes) {
  std::vector<std::size_t> ends;
  bool little = true;
  for (std::size_t at = 0; at + 12 <= bytes.size();) {
    const bool section = load_be32(bytes, at) == 0x0a0d0d0a;
    if (at == 0 && !section) break;
    if (section) little = load_le32(bytes, at + 8) == 0x1a2b3c4d;
    const std::size_t length = little ? load_le32(bytes, at + 4) : load_be32(bytes, at + 4);
    if (length < 12 || length > bytes.size() - at) break;
    at += (length + 3) / 4 * 4;
    ends.push_back(at);
  }
  return ends;
}

std::vector<std::size_t> cuts(ByteView bytes, const Read& whole) {
  std::vector<std::size_t> all;
  if (bytes.size() <= kSmall) {
    for (std::size_t length = 0; length < bytes.size(); ++length) all.push_back(length);
    return all;
  }
  std::vector<std::size_t> borders = block_ends(bytes);
  if (borders.empty()) borders = whole.ends;
  for (const std::size_t border : borders) {
    const std::size_t first = border > kAround ? border - kAround : 0;
    for (std::size_t at = first; at < border + kAround && at < bytes.size(); ++at) {
      if (all.empty() || at > all.back()) all.push_back(at);
    }
  }
  return all;
}

void cut_file(const fs::path& path, std::size_t& count) {
  INFO(path.string());
  std::ifstream in(path, std::ios::binary);
  const Octets bytes{std::istreambuf_iterator<char>(in), {}};
  const Read whole = read_frames(bytes, 1);
  if (whole.hashes.size() == 1) return;  // not a capture
  for (const std::size_t length : cuts(bytes, whole)) {
    ++count;
    const Read part = read_frames(ByteView(bytes).first(length), 64);
    // Of a damaged file it is enough to come back.
    if (!whole.complete) continue;
    // The last frame may be a part.
    const std::size_t sure = part.hashes.size() - std::min<std::size_t>(2, part.hashes.size());
    if (part.hashes.size() <= whole.hashes.size() && part.hashes[sure] == whole.hashes[sure]) {
      continue;
    }
    FAIL("cut at " << length << " of " << bytes.size() << " gives other frames");
  }
}

}  // namespace

TEST_CASE("corpus: cut files give the frames before the cut", "[capture][corpus]") {
  const auto corpus = natlens::test::data_dir("corpus", "cutting the files of the corpus");
  if (!corpus) return;
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(*corpus)) {
    const bool expectation = entry.path().string().find("/expected/") != std::string::npos;
    if (entry.is_regular_file() && !expectation) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::size_t count = 0;
  for (const fs::path& file : files) cut_file(file, count);
  CHECK(count > 500'000);
}

}  // namespace natlens::capture::test
