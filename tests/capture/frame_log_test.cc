// The frames of a live capture in files, and when it has had enough.

#include "natlens/capture/frame_log.h"

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <vector>

#include "natlens/capture/live.h"
#include "natlens/capture/source.h"

#include "support/catch.h"
#include "support/temp_dir.h"

namespace natlens::capture::test {
namespace {

using namespace std::chrono_literals;
using natlens::test::TempDir;

constexpr Timestamp kBegin = Timestamp::from_ns(1'700'000'000'000'000'000);  // 2023-11-14 22:13:20

// Names tell local time.
struct InUtc {
  InUtc() {
    setenv("TZ", "UTC", 1);
    tzset();
  }
};

Frame frame(Nanoseconds after, const std::vector<std::uint8_t>& bytes) {
  Frame out;
  out.time = kBegin + after;
  out.bytes = ByteView(bytes.data(), bytes.size());
  out.wire_bytes = static_cast<std::uint32_t>(bytes.size());
  return out;
}

std::vector<std::string> names(const FrameLog& log) {
  std::vector<std::string> out;
  for (const FileInfo& file : log.files())
    out.push_back(std::filesystem::path(file.path).filename().string());
  return out;
}

TEST_CASE("frame log: files of a ring are named as dumpcap names them", "[capture][live]") {
  const InUtc utc;
  CHECK(ring_name("trace.pcapng", 1, kBegin) == "trace_00001_20231114221320.pcapng");
  CHECK(ring_name("/tmp/a.b/trace", 123, kBegin) == "/tmp/a.b/trace_00123_20231114221320");
  CHECK(ring_name(".hidden", 7, kBegin) == ".hidden_00007_20231114221320");
  CHECK(ring_name("a.tar.pcapng", 123456, kBegin) == "a.tar_123456_20231114221320.pcapng");
}

TEST_CASE("frame log: one file for all interfaces, which reads back", "[capture][live]") {
  const TempDir folder;
  const std::string path = folder.path("all.pcapng");
  FrameLog log({path});
  const std::uint32_t lan = log.add_interface({.link_type = 1, .name = "eth1"});
  REQUIRE(log.start(kBegin));
  const std::uint32_t wan = log.add_interface({.link_type = 1, .name = "eth0"});
  const std::vector<std::uint8_t> bytes(60, 7);
  std::vector<Frame> first{frame(0s, bytes), frame(1s, bytes)};
  std::vector<Frame> second{frame(2s, bytes)};
  log.write(lan, first);
  log.write(wan, second);
  CHECK(first[1].number == 2);
  CHECK(second[0].number == 3);
  CHECK(second[0].ordinal == 3);
  log.set_drops(wan, 5);
  REQUIRE(log.close());
  auto source = Source::open({"t", {path}, ""});
  REQUIRE(source);
  std::size_t frames = 0;
  for (auto got = (*source)->next(8); !got.empty(); got = (*source)->next(8))
    frames += got.size();
  CHECK(frames == 3);
  REQUIRE((*source)->taps().size() == 2);
  CHECK((*source)->taps()[1].name == "t/eth0");
  CHECK((*source)->taps()[1].dropped == 5);
}

TEST_CASE("frame log: a full file is followed by another, and the oldest goes",
          "[capture][live]") {
  const InUtc utc;
  const TempDir folder;
  FrameLogOptions options{folder.path("r.pcapng")};
  options.file_bytes = 1000;
  options.most_files = 2;
  FrameLog log(options);
  const std::uint32_t lan = log.add_interface({.name = "eth1"});
  REQUIRE(log.start(kBegin));
  const std::vector<std::uint8_t> bytes(400, 1);
  std::vector<Frame> frames;
  for (int i = 0; i < 7; ++i) frames.push_back(frame(std::chrono::seconds(i), bytes));
  log.write(lan, frames);
  REQUIRE(log.close());
  CHECK(names(log) == std::vector<std::string>{"r_00001_20231114221320.pcapng",
                                               "r_00002_20231114221322.pcapng",
                                               "r_00003_20231114221324.pcapng",
                                               "r_00004_20231114221326.pcapng"});
  const auto files = log.files();
  CHECK_FALSE(std::filesystem::exists(files[0].path));
  CHECK_FALSE(std::filesystem::exists(files[1].path));
  CHECK(std::filesystem::exists(files[2].path));
  CHECK(std::filesystem::exists(files[3].path));
  // Numbers are those of the file, ordinals go on.
  CHECK(frames[2].file == 1);
  CHECK(frames[2].number == 1);
  CHECK(frames[2].ordinal == 3);
  CHECK(files[1].first_ordinal == 3);
  CHECK(files[1].frames == 2);
}

TEST_CASE("frame log: a file may be full by time", "[capture][live]") {
  const TempDir folder;
  FrameLogOptions options{folder.path("r.pcapng")};
  options.file_time = 10s;
  FrameLog log(options);
  const std::uint32_t lan = log.add_interface({.name = "eth1"});
  REQUIRE(log.start(kBegin));
  const std::vector<std::uint8_t> bytes(60, 1);
  std::vector<Frame> frames{frame(0s, bytes), frame(9s, bytes), frame(10s, bytes),
                            frame(19s, bytes), frame(45s, bytes)};
  log.write(lan, frames);
  REQUIRE(log.close());
  CHECK(names(log).size() == 3);
  CHECK(frames[1].file == 0);
  CHECK(frames[2].file == 1);
  CHECK(frames[4].file == 2);
}

TEST_CASE("frame log: what cannot be written is told, and frames have numbers all the same",
          "[capture][live]") {
  FrameLog nowhere({"/nonexistent/folder/x.pcapng"});
  CHECK_FALSE(nowhere.start(kBegin));
  FrameLog full({"/dev/full"});
  const std::uint32_t lan = full.add_interface({.name = "eth1"});
  REQUIRE(full.start(kBegin));
  const std::vector<std::uint8_t> bytes(200'000, 1);
  std::vector<Frame> frames{frame(0s, bytes), frame(1s, bytes), frame(2s, bytes)};
  full.write(lan, frames);
  CHECK(full.failed());
  CHECK(frames[2].ordinal == 3);
  const auto closed = full.close();
  REQUIRE_FALSE(closed);
  CHECK(closed.error().message.find("/dev/full") != std::string::npos);
}

TEST_CASE("limits: so many frames, of all taps", "[capture][live]") {
  LiveLimits limits(3, 0s);
  limits.start();
  CHECK(limits.take());
  CHECK(limits.take());
  CHECK_FALSE(limits.over());
  CHECK(limits.take());
  CHECK(limits.over());
  CHECK_FALSE(limits.take());
  LiveLimits none(0, 0s);
  none.start();
  for (int i = 0; i < 100; ++i) CHECK(none.take());
  CHECK_FALSE(none.over());
  none.end();
  CHECK(none.over());
  LiveLimits brief(0, 1ns);
  CHECK_FALSE(brief.over());  // its time has not begun
  brief.start();
  CHECK(brief.over());
}

TEST_CASE("live taps: NAME=INTERFACE", "[capture][live]") {
  const auto both = parse_live("lan=eth1");
  REQUIRE(both);
  CHECK(both->name == "lan");
  CHECK(both->interface == "eth1");
  const auto plain = parse_live("eth1");
  REQUIRE(plain);
  CHECK(plain->name.empty());
  CHECK_FALSE(parse_live(""));
  CHECK_FALSE(parse_live("lan="));
  CHECK_FALSE(parse_live("=eth0"));
}

}  // namespace
}  // namespace natlens::capture::test
