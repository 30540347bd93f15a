// Classic pcap, by hand-built bytes.

#include "capture/capture_bytes.h"
#include "support/catch.h"

namespace natlens::capture::test {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Variant {
  const char* name;
  std::uint32_t magic;
  bool big_endian;
  std::int64_t fraction_ns;
  const char* format;
};

TEST_CASE("pcap: both byte orders and both resolutions", "[capture][pcap]") {
  const auto variant = GENERATE(Variant{"us le", 0xa1b2c3d4, false, 1000, "pcap us"},
                                Variant{"us be", 0xa1b2c3d4, true, 1000, "pcap us, big-endian"},
                                Variant{"ns le", 0xa1b23c4d, false, 1, "pcap ns"},
                                Variant{"ns be", 0xa1b23c4d, true, 1, "pcap ns, big-endian"});
  INFO(variant.name);
  PcapBytes file(variant.big_endian, {.magic = variant.magic, .snaplen = 96, .network = 113});
  file.record(1'700'000'000, 999'999, payload(5, 1))
      .record(1'700'000'001, 0, payload(60, 9), 1514);
  const Reading reading = read_bytes(file.bytes);
  CHECK(reading.info.format == variant.format);
  CHECK(reading.info.complete);
  CHECK(reading.info.notes.empty());
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[0].bytes == payload(5, 1));
  CHECK(reading.frames[0].frame.time.ns() ==
        1'700'000'000 * kSecond + 999'999 * variant.fraction_ns);
  CHECK(reading.frames[0].frame.wire_bytes == 5);
  CHECK(reading.frames[0].frame.number == 1);
  CHECK(reading.frames[0].frame.link_type == 113);
  CHECK(reading.frames[1].bytes == payload(60, 9));
  CHECK(reading.frames[1].frame.wire_bytes == 1514);
  CHECK(reading.frames[1].frame.number == 2);
  REQUIRE(reading.interfaces.size() == 1);
  CHECK(reading.interfaces[0].snaplen == 96);
}

TEST_CASE("pcap: seconds are unsigned, to 2106", "[capture][pcap]") {
  PcapBytes file;
  file.record(0xffffffff, 1, payload(4, 0));
  CHECK(read_bytes(file.bytes).times() ==
        std::vector<std::int64_t>{0xffffffffLL * kSecond + 1000});
}

TEST_CASE("pcap: the FCS bits are no part of the link type", "[capture][pcap]") {
  PcapBytes file(false, {.network = 0x24000001});
  file.record(1, 0, payload(4, 0));
  CHECK(read_bytes(file.bytes).frames.at(0).frame.link_type == 1);
}

TEST_CASE("pcap: modified records tell interface and direction", "[capture][pcap]") {
  const bool big_endian = GENERATE(false, true);
  PcapBytes file(big_endian, {.magic = 0xa1b2cd34});
  file.modified(1, 2, payload(20, 0), 7, 0).modified(1, 3, payload(21, 0), 7, 4);
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[0].bytes == payload(20, 0));
  CHECK(reading.frames[0].frame.direction == FrameDirection::kIn);
  CHECK(reading.frames[1].frame.direction == FrameDirection::kOut);
  CHECK(reading.interfaces.at(0).ifindex == 7);
  CHECK(reading.info.format ==
        (big_endian ? "pcap us, modified, big-endian" : "pcap us, modified"));
}

TEST_CASE("pcap: the other record size is tried if the records do not chain",
          "[capture][pcap]") {
  PcapBytes modified_records(false, {.magic = 0xa1b2c3d4});
  PcapBytes plain_records(false, {.magic = 0xa1b2cd34});
  PcapBytes nokia_records;
  for (std::uint8_t i = 0; i < 4; ++i) {
    const Octets data = payload(40U + i, i);
    modified_records.modified(100U + i, 0, data, 3, 4);
    plain_records.record(100U + i, 0, data);
    nokia_records.u32(100U + i).u32(0).u32(40U + i).u32(40U + i).u32(0xabcdef01).raw(data);
  }
  for (const PcapBytes* file : {&modified_records, &plain_records, &nokia_records}) {
    const Reading reading = read_bytes(file->bytes);
    REQUIRE(reading.frames.size() == 4);
    for (std::uint8_t i = 0; i < 4; ++i) CHECK(reading.frames[i].bytes == payload(40U + i, i));
    CHECK(reading.info.complete);
  }
}

TEST_CASE("pcap: AIX has its own link types, and nanoseconds", "[capture][pcap]") {
  struct Case {
    std::uint16_t minor;
    std::uint32_t type;
    LinkType link_type;
    std::int64_t ns;
  };
  const auto c = GENERATE(Case{2, 6, 1, 5'000'123'456}, Case{2, 24, 0, 5'000'123'456},
                          Case{2, 1, 1, 5'123'456'000}, Case{4, 6, 6, 5'123'456'000});
  PcapBytes file(true, {.minor = c.minor, .network = c.type});
  file.u32(5).u32(123'456).u32(10).u32(10).raw(payload(10, 0));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 1);
  CHECK(reading.frames[0].frame.link_type == c.link_type);
  CHECK(reading.times() == std::vector<std::int64_t>{c.ns});
}

TEST_CASE("pcap: old versions swap the two lengths", "[capture][pcap]") {
  struct Case {
    std::uint16_t minor;
    std::uint32_t first;  // as the file has them
    std::uint32_t second;
    std::uint32_t captured;
  };
  const auto c = GENERATE(Case{2, 100, 10, 10},  // before 2.3: original first
                          Case{3, 100, 10, 10},  // 2.3: captured > original, so swapped
                          Case{3, 10, 100, 10},  // 2.3: as it should be
                          Case{4, 10, 100, 10});
  PcapBytes file(false, {.minor = c.minor});
  file.u32(5).u32(0).u32(c.first).u32(c.second).raw(payload(c.captured, 0));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 1);
  CHECK(reading.frames[0].bytes.size() == c.captured);
  CHECK(reading.frames[0].frame.wire_bytes == 100);
}

TEST_CASE("pcap: captured above original keeps what was captured, and says so",
          "[capture][pcap]") {
  PcapBytes file;
  file.record(1, 0, payload(60, 0), 40).record(2, 0, payload(60, 0), 40);
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[0].bytes.size() == 60);
  CHECK(reading.frames[0].frame.wire_bytes == 60);
  REQUIRE(reading.info.notes.size() == 1);  // once, not per frame
  CHECK(reading.info.notes[0].offset == 24);
  CHECK(reading.info.notes[0].text == "captured length is above the original length (frame 1)");
  CHECK(reading.info.complete);
}

TEST_CASE("pcap: a fraction of a second or more carries over", "[capture][pcap]") {
  PcapBytes file;
  file.record(10, 2'500'000, payload(4, 0));
  const Reading reading = read_bytes(file.bytes);
  CHECK(reading.times() == std::vector<std::int64_t>{12'500'000'000});
  CHECK(reading.notes() ==
        "fraction of the time stamp is a second or more; carried over (frame 1)\n");
}

TEST_CASE("pcap: an empty record is legal", "[capture][pcap]") {
  PcapBytes file;
  file.record(1, 0, {}, 90).record(2, 0, payload(4, 0));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[0].bytes.empty());
  CHECK(reading.frames[0].frame.wire_bytes == 90);
  CHECK(reading.info.notes.empty());
}

TEST_CASE("pcap: packets above the snaplen are read if records go on", "[capture][pcap]") {
  PcapBytes file(false, {.snaplen = 68});
  file.record(1, 0, payload(100, 0)).record(2, 0, payload(60, 0)).record(3, 0, payload(70, 0));
  const Reading reading = read_bytes(file.bytes);
  CHECK(reading.frames.size() == 3);
  CHECK(reading.info.complete);
  CHECK(reading.notes() == "captured length is above the snaplen of the file (frame 1)\n");
}

TEST_CASE("pcap: snaplen 0 or absurd means none", "[capture][pcap]") {
  const auto snaplen = GENERATE(0U, 0x7fffffffU, 0xffffffffU);
  PcapBytes file(false, {.snaplen = snaplen});
  file.record(1, 0, payload(262144, 0)).record(2, 0, payload(9, 0));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[0].bytes.size() == 262144);
  CHECK(reading.interfaces[0].snaplen == 0);
  CHECK(reading.info.notes.empty());
}

TEST_CASE("pcap: a hostile length is passed over to the next good record", "[capture][pcap]") {
  const auto hostile = GENERATE(262145U, 0x7fffffffU, 0xffffffffU);
  PcapBytes file;
  file.record(1000, 0, payload(60, 0));
  const std::size_t bad_at = file.bytes.size();
  file.u32(1001).u32(0).u32(hostile).u32(hostile).raw(payload(333, 0));
  const std::size_t good_at = file.bytes.size();
  file.record(1002, 5, payload(61, 1)).record(1003, 6, payload(62, 2));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 3);
  CHECK(reading.frames[1].bytes == payload(61, 1));
  CHECK(reading.frames[1].frame.number == 2);
  CHECK(reading.frames[2].bytes == payload(62, 2));
  REQUIRE(reading.info.notes.size() == 1);
  CHECK(reading.info.notes[0].offset == bad_at);
  CHECK(
      reading.info.notes[0].text ==
      fmt::format(
          "record of {} bytes, above any packet; {} bytes skipped to the next plausible record",
          hostile, good_at - bad_at));
  CHECK_FALSE(reading.info.notes[0].fatal);
  CHECK_FALSE(reading.info.complete);
}

TEST_CASE("pcap: a record from another day is no place to go on", "[capture][pcap]") {
  PcapBytes file;
  file.record(1000, 0, payload(60, 0)).u32(1001).u32(0).u32(0xffffffff).u32(60);
  file.record(200'000, 0, payload(61, 1)).record(200'001, 0, payload(62, 2));
  const Reading reading = read_bytes(file.bytes);
  CHECK(reading.frames.size() == 1);
  REQUIRE(reading.info.notes.size() == 1);
  CHECK(reading.info.notes[0].fatal);
  CHECK(reading.info.notes[0].text.find("no plausible record in the") != std::string::npos);
}

TEST_CASE("pcap: zeros and noise after damage are not taken for records", "[capture][pcap]") {
  PcapBytes file;
  file.record(1000, 0, payload(60, 0)).u32(1001).u32(0).u32(0xffffffff).u32(60);
  file.raw(Octets(700'000, 0));
  const Reading reading = read_bytes(file.bytes);
  CHECK(reading.frames.size() == 1);
  CHECK_FALSE(reading.info.complete);
}

TEST_CASE("pcap: two files one after another are read as one", "[capture][pcap]") {
  PcapBytes file;
  file.record(1, 0, payload(10, 0));
  PcapBytes second(true, {.magic = 0xa1b23c4d, .network = 101});
  second.record(2, 7, payload(11, 1));
  file.raw(second.bytes);
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[1].bytes == payload(11, 1));
  CHECK(reading.frames[1].frame.time.ns() == 2 * kSecond + 7);
  CHECK(reading.frames[1].frame.link_type == 101);
  CHECK(reading.frames[1].frame.number == 2);
  CHECK(reading.notes() == "another pcap file begins here; its frames are read on\n");
  CHECK(reading.info.complete);
}

PcapBytes small_file() {
  PcapBytes file;
  file.record(1, 0, payload(5, 0))
      .record(2, 0, {}, 7)
      .record(3, 0, payload(30, 9))
      .record(4, 0, payload(1, 3));
  return file;
}

TEST_CASE("pcap: cut at every length", "[capture][pcap]") {
  const PcapBytes file = small_file();
  const std::vector<std::size_t> ends = {24 + 21, 24 + 37, 24 + 83, 24 + 100};
  for (std::size_t length = 0; length < file.bytes.size(); ++length) {
    INFO("cut at " << length);
    const Reading reading = read_bytes(ByteView(file.bytes).first(length));
    if (length < 24) {
      CHECK_FALSE(reading.error.empty());
      continue;
    }
    const auto whole = static_cast<std::size_t>(std::count_if(
        ends.begin(), ends.end(), [&](std::size_t end) { return end <= length; }));
    const std::size_t border = whole == 0 ? 24 : ends[whole - 1];
    const bool partial = length > border + 16;
    REQUIRE(reading.frames.size() == whole + (partial ? 1 : 0));
    CHECK(reading.info.complete == (length == border));
    CHECK(reading.info.bytes == length);
    if (!partial) continue;
    const ReadFrame& last = reading.frames.back();
    CHECK(last.frame.cut);
    CHECK(last.bytes.size() == length - border - 16);
    CHECK(last.frame.wire_bytes == (whole == 0 ? 5 : 30));
  }
}

TEST_CASE("pcap: pieces and batches of any size give the same frames", "[capture][pcap]") {
  PcapBytes file = small_file();
  for (std::uint8_t i = 0; i < 40; ++i) file.record(5, i, payload(17U * i % 900, i));
  const Reading whole = read_bytes(file.bytes);
  REQUIRE(whole.frames.size() == 44);
  for (const std::size_t piece : {1U, 7U, 24U, 1000U}) {
    for (const std::size_t batch : {1U, 3U, 64U}) {
      const Reading reading = read_pieces(file.bytes, piece, batch);
      REQUIRE(reading.frames.size() == whole.frames.size());
      for (std::size_t i = 0; i < whole.frames.size(); ++i) {
        CHECK(reading.frames[i].bytes == whole.frames[i].bytes);
        CHECK(reading.frames[i].frame.number == i + 1);
      }
      CHECK(reading.notes() == whole.notes());
    }
  }
}

TEST_CASE("pcap: more than one buffer, frames across its borders", "[capture][pcap]") {
  PcapBytes file;
  std::size_t total = 0;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    const std::size_t size = 1 + i * 7919 % 3000;
    total += size;
    file.record(i, 0, payload(size, static_cast<std::uint8_t>(i)));
  }
  REQUIRE(total > 2'000'000);
  const Reading reading = read_bytes(file.bytes, 64);
  REQUIRE(reading.frames.size() == 2000);
  for (std::uint32_t i = 0; i < 2000; ++i) {
    REQUIRE(reading.frames[i].bytes ==
            payload(1 + i * 7919 % 3000, static_cast<std::uint8_t>(i)));
  }
}

}  // namespace
}  // namespace natlens::capture::test
