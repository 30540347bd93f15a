// What is written reads back, here and in the format's own terms.

#include "natlens/capture/writer.h"

#include <filesystem>
#include <fstream>

#include "natlens/capture/source.h"

#include "capture/capture_bytes.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace natlens::capture::test {
namespace {

using natlens::test::TempDir;

Octets content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("writer: pcap with nanoseconds", "[capture][writer]") {
  TempDir dir;
  const std::string path = dir.path("out.pcap");
  auto writer = PcapWriter::create(path, 101, 96);
  REQUIRE(writer);
  const Octets data = payload(5, 1);
  REQUIRE((*writer)->write(Timestamp::from_ns(1'700'000'000'000'000'001), data));
  REQUIRE((*writer)->write(Timestamp::from_ns(2), data, 1500));
  REQUIRE((*writer)->write(Timestamp::none(), {}, 3));
  REQUIRE((*writer)->write(Timestamp::max(), data, 2));
  REQUIRE((*writer)->close());
  PcapBytes expected(false, {.magic = 0xa1b23c4d, .snaplen = 96, .network = 101});
  expected.record(1'700'000'000, 1, data)
      .record(0, 2, data, 1500)
      .record(0, 0, {}, 3)
      .record(0xffffffff, 999'999'999, data, 5);  // 2262 is beyond the format's last second
  CHECK(content(path) == expected.bytes);
}

TEST_CASE("writer: pcapng with several interfaces", "[capture][writer]") {
  TempDir dir;
  const std::string path = dir.path("out.pcapng");
  auto writer = PcapngWriter::create(path, "natlens");
  REQUIRE(writer);
  PcapngWriter& out = **writer;
  const auto lan = out.add_interface({1, 0, "lan", "the inside", "tcp"});
  REQUIRE(lan);
  REQUIRE(
      out.write({*lan, Timestamp::from_ns(5), payload(7, 1), 0, FrameDirection::kIn, "hello"}));
  const auto wan = out.add_interface({113, 96, "", "", ""});
  REQUIRE(wan);
  REQUIRE(out.write({*wan, Timestamp::from_ns(0x123456789abcdef0), payload(8, 2), 99}));
  REQUIRE(out.write({*lan, Timestamp::from_ns(6), {}, 4, FrameDirection::kOut, ""}));
  REQUIRE(out.write_drops(*wan, Timestamp::from_ns(9), 42));
  REQUIRE(out.close());
  const Octets bytes = content(path);
  const Reading reading = read_bytes(bytes);
  CHECK(reading.info.application == "natlens");
  CHECK(reading.info.notes.empty());
  CHECK(reading.info.comments == std::vector<std::string>{"frame 1: hello"});
  REQUIRE(reading.frames.size() == 3);
  CHECK(reading.times() == std::vector<std::int64_t>{5, 0x123456789abcdef0, 6});
  CHECK(reading.frames[0].bytes == payload(7, 1));
  CHECK(reading.frames[0].frame.direction == FrameDirection::kIn);
  CHECK(reading.frames[1].bytes == payload(8, 2));
  CHECK(reading.frames[1].frame.wire_bytes == 99);
  CHECK(reading.frames[1].frame.interface == 1);
  CHECK(reading.frames[1].frame.link_type == 113);
  CHECK(reading.frames[2].frame.direction == FrameDirection::kOut);
  CHECK(reading.frames[2].frame.wire_bytes == 4);
  REQUIRE(reading.interfaces.size() == 2);
  CHECK(reading.interfaces[0].name == "lan");
  CHECK(reading.interfaces[0].description == "the inside");
  CHECK(reading.interfaces[0].filter == "tcp");
  CHECK(reading.interfaces[1].snaplen == 96);
  CHECK(reading.interfaces[1].drops_reported == 42);
  // Block lengths chain to the end, each told twice.
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::uint32_t length = load_le32(bytes, at + 4);
    REQUIRE(length % 4 == 0);
    REQUIRE(load_le32(bytes, at + length - 4) == length);
    at += length;
  }
}

TEST_CASE("writer: more than the buffer", "[capture][writer]") {
  TempDir dir;
  const std::string path = dir.path("big.pcap");
  auto writer = PcapWriter::create(path, 1);
  REQUIRE(writer);
  for (std::uint32_t i = 0; i < 500; ++i) {
    REQUIRE(
        (*writer)->write(Timestamp::from_ns(i), payload(i * 7, static_cast<std::uint8_t>(i))));
  }
  REQUIRE((*writer)->write(Timestamp::from_ns(501), payload(262144, 1)));
  REQUIRE((*writer)->close());
  const Reading reading = read_bytes(content(path), 64);
  REQUIRE(reading.frames.size() == 501);
  for (std::uint32_t i = 0; i < 500; ++i) {
    REQUIRE(reading.frames[i].bytes == payload(i * 7, static_cast<std::uint8_t>(i)));
  }
  CHECK(reading.frames[500].bytes == payload(262144, 1));
}

TEST_CASE("writer: errors name the path and the reason", "[capture][writer]") {
  const auto missing = PcapWriter::create("/nonexistent/out.pcap", 1);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message ==
        "/nonexistent/out.pcap: cannot create: No such file or directory");
  if (!std::filesystem::exists("/dev/full")) {
    WARN("NOT RUN: a full disk, without /dev/full");
    return;
  }
  const std::string full = "/dev/full: cannot write: No space left on device";
  auto writer = PcapWriter::create("/dev/full", 1);
  REQUIRE(writer);
  REQUIRE((*writer)->write(Timestamp::from_ns(1), payload(10, 0)));  // still in the buffer
  const auto flushed = (*writer)->flush();
  REQUIRE_FALSE(flushed);
  CHECK(flushed.error().message == full);
  CHECK((*writer)->write(Timestamp::from_ns(1), payload(10, 0)).error().message == full);
  CHECK((*writer)->close().error().message == full);
  auto ng = PcapngWriter::create("/dev/full", "");
  REQUIRE(ng);
  CHECK((*ng)->close().error().message == full);
}

}  // namespace
}  // namespace natlens::capture::test
