// pcapng, by hand-built bytes.

#include "natlens/capture/source.h"

#include "capture/capture_bytes.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace natlens::capture::test {
namespace {

TEST_CASE("pcapng: enhanced packets in both byte orders", "[capture][pcapng]") {
  const bool big_endian = GENERATE(false, true);
  NgBytes file(big_endian);
  file.section().named("eth0").interface(101, 96);
  file.packet(0, 1'700'000'000'000'001, payload(61, 1)).packet(1, 2, payload(33, 2), 1500);
  const Reading reading = read_bytes(file.bytes);
  CHECK(reading.info.format == "pcapng");
  CHECK(reading.info.notes.empty());
  CHECK(reading.info.complete);
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[0].bytes == payload(61, 1));
  CHECK(reading.frames[0].frame.time.ns() == 1'700'000'000'000'001'000);
  CHECK(reading.frames[0].frame.wire_bytes == 61);
  CHECK(reading.frames[0].frame.link_type == 1);
  CHECK(reading.frames[1].frame.interface == 1);
  CHECK(reading.frames[1].frame.link_type == 101);
  CHECK(reading.frames[1].frame.wire_bytes == 1500);
  CHECK(reading.frames[1].frame.number == 2);
  CHECK(reading.leading_interfaces == 2);
  CHECK(reading.interfaces.at(0).name == "eth0");
  CHECK(reading.interfaces.at(1).snaplen == 96);
}

TEST_CASE("pcapng: sections begin anew, in their own byte order", "[capture][pcapng]") {
  NgBytes file(false);
  file.section().named("a").named("b").packet(1, 1, payload(8, 0));
  NgBytes second(true);
  second.section().named("c", 113).packet(0, 2, payload(9, 0));
  NgBytes third(false);
  third.section().named("b").packet(0, 3, payload(10, 0));
  file.append(second).append(third);
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 3);
  CHECK(reading.times() == std::vector<std::int64_t>{1000, 2000, 3000});
  CHECK(reading.frames[0].frame.interface == 1);
  CHECK(reading.frames[1].frame.interface == 2);
  CHECK(reading.frames[1].frame.link_type == 113);
  CHECK(reading.frames[2].frame.interface == 3);
  REQUIRE(reading.interfaces.size() == 4);
  CHECK(reading.interfaces[2].index == 0);  // within its section
  CHECK(reading.leading_interfaces == 2);
}

TEST_CASE("pcapng: each interface has its own resolution and offset", "[capture][pcapng]") {
  NgBytes file;
  file.section()
      .interface(1, 0, Options().add(9, Octets{9}).bytes)
      .interface(1, 0, Options().add(9, Octets{0x8a}).add_u64(14, 100).end().bytes)
      .interface(1, 0, Options().add_u64(14, static_cast<std::uint64_t>(-3)).bytes)
      .interface(1, 0, Options().add(9, Octets{20}).bytes);
  file.packet(0, 5, payload(4, 0))
      .packet(1, 1024 + 512, payload(4, 0))
      .packet(2, 1, payload(4, 0))
      .packet(3, 1, payload(4, 0));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 4);
  CHECK(reading.times() ==
        std::vector<std::int64_t>{5, 101'500'000'000, -2'999'999'000, Timestamp::none().ns()});
  CHECK(reading.notes() ==
        "interface with an impossible time resolution; its frames have no time\n");
}

TEST_CASE("pcapng: a time beyond 64 bits of nanoseconds is none", "[capture][pcapng]") {
  NgBytes file;
  file.section().interface().packet(0, ~0ULL, payload(4, 0));
  const Reading reading = read_bytes(file.bytes);
  CHECK_FALSE(reading.frames.at(0).frame.time.has_value());
  CHECK(reading.notes() == "time stamp outside of the years 1677 to 2262; taken for none\n");
}

TEST_CASE("pcapng: simple packets have no time and end by three bounds", "[capture][pcapng]") {
  NgBytes file;
  file.section().interface(1, 16);
  file.simple(10, payload(10, 0)).simple(100, payload(16, 1)).simple(100, payload(8, 2));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 3);
  CHECK(reading.frames[0].bytes == payload(10, 0));  // original
  CHECK(reading.frames[1].bytes == payload(16, 1));  // snaplen
  CHECK(reading.frames[2].bytes == payload(8, 2));   // block
  CHECK(reading.frames[1].frame.wire_bytes == 100);
  for (const ReadFrame& read : reading.frames) CHECK_FALSE(read.frame.time.has_value());
}

TEST_CASE("pcapng: the obsolete packet block, with its drops", "[capture][pcapng]") {
  NgBytes file;
  file.section().interface().interface();
  file.old_packet(1, 3, 7, payload(21, 4)).old_packet(1, 0xffff, 8, payload(22, 4));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[0].bytes == payload(21, 4));
  CHECK(reading.frames[0].frame.interface == 1);
  CHECK(reading.times() == std::vector<std::int64_t>{7000, 8000});
  CHECK(reading.interfaces.at(1).drops_counted == 3);  // 0xffff means unknown
}

TEST_CASE("pcapng: flags tell the direction, other options comment and drops",
          "[capture][pcapng]") {
  const bool big_endian = GENERATE(false, true);
  NgBytes file(big_endian);
  const auto options = [&] { return Options(big_endian); };
  file.section().interface();
  file.packet(0, 1, payload(5, 0), 0, options().add_u32(2, 0xffff0001).end().bytes)
      .packet(0, 2, payload(6, 0), 0, options().add(1, "odd").add_u32(2, 2).bytes)
      .packet(0, 3, payload(7, 0), 0, options().add_u64(4, 12).add(5, Octets(8, 1)).end().bytes)
      .packet(0, 4, payload(8, 0), 0, options().add_u32(2, 0x1e4).bytes);
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 4);
  CHECK(reading.frames[0].frame.direction == FrameDirection::kIn);
  CHECK(reading.frames[1].frame.direction == FrameDirection::kOut);
  CHECK(reading.frames[2].frame.direction == FrameDirection::kUnknown);
  CHECK(reading.frames[3].frame.direction == FrameDirection::kUnknown);
  CHECK(reading.info.comments == std::vector<std::string>{"frame 2: odd"});
  CHECK(reading.interfaces.at(0).drops_counted == 12);
}

TEST_CASE("pcapng: an option list that overruns is read up to there", "[capture][pcapng]") {
  NgBytes file;
  file.section().interface();
  const Octets options = Options().add_u32(2, 1).u16(1).u16(60000).text("hi").pad4().bytes;
  file.packet(0, 1, payload(5, 0), 0, options).packet(0, 2, payload(5, 1));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[0].frame.direction == FrameDirection::kIn);
  CHECK(reading.info.comments.empty());
}

TEST_CASE("pcapng: what sections and interfaces say of themselves", "[capture][pcapng]") {
  NgBytes file;
  file.section(Options()
                   .add(1, "first")
                   .add(2, "cpu")
                   .add(3, "linux")
                   .add(4, "dumpcap")
                   .add(1, "second")
                   .end()
                   .bytes);
  file.interface(1, 128,
                 Options()
                     .add(1, "uplink")
                     .add(2, "eth0")
                     .add(3, "the uplink")
                     .add(4, Octets{192, 0, 2, 1, 255, 255, 255, 0})
                     .add(5,
                          [] {
                            Octets v6(17, 0);
                            v6[0] = 0x20;
                            v6[1] = 0x01;
                            v6[2] = 0x0d;
                            v6[3] = 0xb8;
                            v6[15] = 1;
                            v6[16] = 64;
                            return v6;
                          }())
                     .add(11, std::string_view("\0tcp port 80", 12))
                     .bytes);
  file.interface(1, 0, Options().add(11, std::string_view("\1\6\0\0\0", 5)).bytes);
  const Reading reading = read_bytes(file.bytes);
  CHECK(reading.info.comments == std::vector<std::string>{"first", "second"});
  CHECK(reading.info.hardware == "cpu");
  CHECK(reading.info.os == "linux");
  CHECK(reading.info.application == "dumpcap");
  REQUIRE(reading.interfaces.size() == 2);
  const InterfaceInfo& eth0 = reading.interfaces[0];
  CHECK(eth0.comment == "uplink");
  CHECK(eth0.description == "the uplink");
  CHECK(eth0.filter == "tcp port 80");
  REQUIRE(eth0.addresses.size() == 2);
  CHECK(to_string(eth0.addresses[0]) == "192.0.2.1");
  CHECK(to_string(eth0.addresses[1]) == "2001:db8::1");
  CHECK(reading.interfaces[1].filter.empty());  // BPF code, not text
}

TEST_CASE("pcapng: interface statistics", "[capture][pcapng]") {
  const bool big_endian = GENERATE(false, true);
  NgBytes file(big_endian);
  const auto statistics = [&](std::uint32_t interface, std::uint64_t ifdrop,
                              std::uint64_t osdrop) {
    const Octets options = Options(big_endian)
                               .add(2, Builder(big_endian).u32(1).u32(2).bytes)
                               .add_u64(4, 1000)
                               .add_u64(5, ifdrop)
                               .add_u64(7, osdrop)
                               .end()
                               .bytes;
    file.block(5, file.body().u32(interface).u64(0).raw(options).bytes);
  };
  file.section().interface().interface();
  statistics(1, 3, 4);
  statistics(1, 30, 4);
  statistics(9, 1, 1);  // not declared
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.interfaces.size() == 2);
  CHECK(reading.interfaces[0].drops_reported == 0);
  CHECK(reading.interfaces[1].drops_reported == 34);
  CHECK(reading.interfaces[1].has_stats_start);
  CHECK(reading.interfaces[1].stats_start == (1ULL << 32 | 2));
}

TEST_CASE("pcapng: names, secrets, custom and unknown blocks", "[capture][pcapng]") {
  NgBytes file;
  file.section().interface();
  const Octets names = Options()
                           .add(1, std::string_view("\xc0\x00\x02\x07gw\0router.example\0", 22))
                           .add(3, Octets(9, 1))
                           .add(2,
                                [] {
                                  Octets v6(16, 0);
                                  v6[15] = 1;
                                  v6.push_back('l');
                                  return v6;
                                }())
                           .end()
                           .bytes;
  file.block(4, names);
  file.block(10, file.body().u32(0x544c534b).u32(6).text("SECRET").bytes);
  file.block(10, file.body().u32(0x57474b4c).u32(6).text("SECRET").bytes);
  file.block(10, file.body().u32(0x544c534b).u32(6).text("SECRET").bytes);
  file.block(0xbad, Octets(20, 1)).block(0x40000bad, Octets(20, 1)).block(9, Octets(400, 'x'));
  file.block(0x80000001, Octets(4, 1)).block(0x12345678, {});
  file.packet(0, 1, payload(12, 3));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 1);
  CHECK(reading.frames[0].frame.number == 1);  // other blocks are not counted
  CHECK(reading.info.notes.empty());
  REQUIRE(reading.info.names.size() == 3);
  CHECK(to_string(reading.info.names[0].address) == "192.0.2.7");
  CHECK(reading.info.names[0].name == "gw");
  CHECK(reading.info.names[1].name == "router.example");
  CHECK(to_string(reading.info.names[2].address) == "::1");
  CHECK(reading.info.names[2].name == "l");
  CHECK(reading.info.secrets == std::vector<std::string>{"TLS key log", "WireGuard key log"});
}

TEST_CASE("pcapng: secrets are there for the frames behind them, and no earlier",
          "[capture][pcapng]") {
  const natlens::test::TempDir folder;
  SourceSpec spec;
  for (const std::string_view text : {"one", "two"}) {
    NgBytes file;
    file.section().interface().packet(0, 1, payload(12, 3)).packet(0, 2, payload(12, 3));
    file.block(10, file.body().u32(0x57474b4c).u32(3).text(text).bytes);
    file.block(10, file.body().u32(0x57474b4c).u32(9999).text(text).bytes);  // not all there
    file.packet(0, 3, payload(12, 3));
    spec.files.push_back(folder.file(std::string(text), file.bytes));
  }
  const auto source = Source::open(spec);
  REQUIRE(source);
  std::vector<std::size_t> known;
  for (auto frames = (*source)->next(64); !frames.empty(); frames = (*source)->next(64)) {
    for (std::size_t i = 0; i < frames.size(); ++i)
      known.push_back((*source)->secrets().size());
  }
  CHECK(known == std::vector<std::size_t>{0, 0, 1, 1, 1, 2});
  REQUIRE((*source)->secrets().size() == 2);
  CHECK((*source)->secrets()[1].type == 0x57474b4c);
  CHECK((*source)->secrets()[1].text.view() == "two");
}

TEST_CASE("pcapng: a packet of an undeclared interface is counted, not read",
          "[capture][pcapng]") {
  NgBytes file;
  file.section()
      .interface()
      .packet(0, 1, payload(4, 0))
      .packet(5, 2, payload(4, 0))
      .packet(0, 3, payload(4, 1));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[1].frame.number == 3);
  CHECK(reading.notes() ==
        "packet of an interface that is not declared; counted, not decoded\n");
}

TEST_CASE("pcapng: a block longer than the buffer is passed over", "[capture][pcapng]") {
  NgBytes file;
  file.section().interface().packet(0, 1, payload(4, 0));
  file.block(0xbad, Octets(3'000'000, 7)).packet(0, 2, payload(5, 1));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[1].bytes == payload(5, 1));
  CHECK(reading.info.notes.empty());
  CHECK(reading.info.bytes == file.bytes.size());
}

TEST_CASE("pcapng: a packet longer than any is cut to the longest", "[capture][pcapng]") {
  NgBytes file;
  file.section().interface().packet(0, 1, payload(500'000, 0)).packet(0, 2, payload(5, 1));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[0].bytes == payload(262144, 0));
  CHECK(reading.frames[0].frame.wire_bytes == 500'000);
  CHECK(reading.frames[1].bytes == payload(5, 1));
  CHECK(reading.notes() == "captured length does not fit; the frame is cut\n");
}

TEST_CASE("pcapng: a captured length above its block is cut to it", "[capture][pcapng]") {
  NgBytes file;
  file.section().interface();
  file.block(
      6, file.body().u32(0).u32(0).u32(1).u32(0xffffffff).u32(60).raw(payload(20, 0)).bytes);
  file.packet(0, 2, payload(5, 1));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[0].bytes == payload(20, 0));
  CHECK(reading.frames[0].frame.wire_bytes == 60);
}

TEST_CASE("pcapng: a hostile block length is passed over to the next good block",
          "[capture][pcapng]") {
  const auto length = GENERATE(0U, 8U, 11U, 0x7fffffffU, 0xfffffffcU);
  NgBytes file;
  file.section().interface().packet(0, 1, payload(4, 0));
  const std::size_t bad_at = file.bytes.size();
  file.u32(6).u32(length).raw(Octets(80, 0x11));
  const std::size_t good_at = file.bytes.size();
  file.packet(0, 2, payload(5, 1)).packet(0, 3, payload(6, 2));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 3);
  CHECK(reading.frames[1].bytes == payload(5, 1));
  REQUIRE(reading.info.notes.size() == 1);
  CHECK(reading.info.notes[0].offset == bad_at);
  CHECK(reading.info.notes[0].text ==
        fmt::format(
            "block of type 0x6 with a length of {}; {} bytes skipped to the next good block",
            length, good_at - bad_at));
  CHECK_FALSE(reading.info.complete);
}

TEST_CASE("pcapng: the next section is a place to go on after damage", "[capture][pcapng]") {
  NgBytes file;
  file.section().interface().packet(0, 1, payload(4, 0)).u32(6).u32(0xfffffff0).u32(1);
  NgBytes second(true);
  second.section().interface().packet(0, 2, payload(5, 1));
  file.append(second);
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[1].frame.interface == 1);
}

TEST_CASE("pcapng: damage to the end is told, and ends the file", "[capture][pcapng]") {
  NgBytes file;
  file.section()
      .interface()
      .packet(0, 1, payload(4, 0))
      .u32(6)
      .u32(3)
      .raw(Octets(500'000, 0xee));
  const Reading reading = read_bytes(file.bytes);
  CHECK(reading.frames.size() == 1);
  REQUIRE(reading.info.notes.size() == 1);
  CHECK(reading.info.notes[0].fatal);
  CHECK(reading.info.notes[0].text ==
        "block of type 0x6 with a length of 3, and no good block after it");
}

TEST_CASE("pcapng: two lengths that differ, the first one right", "[capture][pcapng]") {
  NgBytes file;
  file.section().interface().packet(0, 1, payload(4, 0));
  file.bytes[file.bytes.size() - 4] ^= 0x40;
  file.packet(0, 2, payload(5, 1));
  const Reading reading = read_bytes(file.bytes);
  CHECK(reading.frames.size() == 2);
  CHECK(reading.notes() == "the two lengths of a block differ; the first one is right\n");
  CHECK(reading.info.complete);
}

TEST_CASE("pcapng: two lengths that differ, the first one wrong", "[capture][pcapng]") {
  NgBytes file;
  file.section().interface();
  const std::size_t bad_at = file.bytes.size();
  file.packet(0, 1, payload(40, 0)).packet(0, 2, payload(5, 1)).packet(0, 3, payload(6, 1));
  file.bytes[bad_at + 4] = static_cast<std::uint8_t>(file.bytes[bad_at + 4] + 20);
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[0].bytes == payload(5, 1));
  CHECK(reading.notes() ==
        "block with two different lengths; 72 bytes skipped to the next good block\n");
}

TEST_CASE("pcapng: lengths that are no multiple of 4, padded all the same",
          "[capture][pcapng]") {
  const bool counted_at_end = GENERATE(false, true);
  NgBytes file;
  file.section().interface();
  const Octets data = payload(6, 0);
  // type, length 38, body of 26 bytes; the writer pads to 40 before or after the second length
  file.u32(6).u32(38).u32(0).u32(0).u32(9).u32(6).u32(6).raw(data);
  if (counted_at_end) {
    file.u32(38).pad4();
  } else {
    file.pad4().u32(38);
  }
  file.packet(0, 10, payload(5, 1));
  const Reading reading = read_bytes(file.bytes);
  REQUIRE(reading.frames.size() == 2);
  CHECK(reading.frames[0].bytes == data);
  CHECK(reading.frames[1].bytes == payload(5, 1));
  CHECK(reading.notes() == "block length is no multiple of 4\n");
}

NgBytes small_file() {
  NgBytes file;
  file.section(Options().add(4, "me").end().bytes)
      .named("eth0")
      .packet(0, 1, payload(5, 0))
      .packet(0, 2, payload(30, 1), 100, Options().add_u32(2, 1).bytes)
      .simple(9, payload(9, 2))
      .packet(0, 3, payload(1, 3));
  return file;
}

TEST_CASE("pcapng: cut at every length", "[capture][pcapng]") {
  const NgBytes file = small_file();
  const Reading whole = read_bytes(file.bytes);
  REQUIRE(whole.frames.size() == 4);
  // Where each block ends.
  std::vector<std::size_t> borders = {0};
  while (borders.back() < file.bytes.size()) {
    borders.push_back(borders.back() + load_le32(file.bytes, borders.back() + 4));
  }
  REQUIRE(borders.size() == 7);
  for (std::size_t length = 0; length < file.bytes.size(); ++length) {
    INFO("cut at " << length);
    const Reading reading = read_bytes(ByteView(file.bytes).first(length));
    if (length < 12) {
      CHECK_FALSE(reading.error.empty());
      continue;
    }
    const auto blocks = static_cast<std::size_t>(
        std::upper_bound(borders.begin(), borders.end(), length) - borders.begin() - 1);
    const std::size_t frames = blocks < 2 ? 0 : blocks - 2;
    REQUIRE(reading.frames.size() >= frames);
    REQUIRE(reading.frames.size() <= frames + 1);
    for (std::size_t i = 0; i < frames; ++i) {
      CHECK(reading.frames[i].bytes == whole.frames[i].bytes);
      CHECK_FALSE(reading.frames[i].frame.cut);
    }
    if (reading.frames.size() > frames) {
      const ReadFrame& last = reading.frames.back();
      CHECK(last.frame.cut);
      CHECK(last.frame.time == whole.frames[frames].frame.time);
      CHECK(last.frame.wire_bytes == whole.frames[frames].frame.wire_bytes);
      CHECK_FALSE(last.bytes.empty());
      CHECK(
          std::equal(last.bytes.begin(), last.bytes.end(), whole.frames[frames].bytes.begin()));
    }
    CHECK(reading.info.complete == (length == borders[blocks]));
    CHECK(reading.info.bytes == length);
  }
}

TEST_CASE("pcapng: pieces and batches of any size give the same frames", "[capture][pcapng]") {
  NgBytes file = small_file();
  for (std::uint8_t i = 0; i < 40; ++i) {
    file.packet(0, i, payload(17U * i % 900, i)).block(0xbad, Octets(i, i));
  }
  NgBytes second(true);
  second.section().named("x").packet(0, 77, payload(7, 7));
  file.append(second);
  const Reading whole = read_bytes(file.bytes);
  REQUIRE(whole.frames.size() == 45);
  for (const std::size_t piece : {1U, 7U, 100U}) {
    for (const std::size_t batch : {1U, 3U, 64U}) {
      const Reading reading = read_pieces(file.bytes, piece, batch);
      REQUIRE(reading.frames.size() == whole.frames.size());
      for (std::size_t i = 0; i < whole.frames.size(); ++i) {
        CHECK(reading.frames[i].bytes == whole.frames[i].bytes);
        CHECK(reading.frames[i].frame.interface == whole.frames[i].frame.interface);
      }
      CHECK(reading.leading_interfaces == 1);
    }
  }
}

TEST_CASE("pcapng: interfaces beyond the bound are not declared", "[capture][pcapng]") {
  NgBytes file;
  file.section();
  for (int i = 0; i < 65540; ++i) file.interface();
  file.packet(65535, 1, payload(4, 0)).packet(65536, 1, payload(4, 0));
  const Reading reading = read_bytes(file.bytes);
  CHECK(reading.frames.size() == 1);
  CHECK(reading.interfaces.size() == 65536);
  CHECK(reading.notes().find("more than 65536 interfaces") == 0);
}

TEST_CASE("pcapng: comments and notes are bounded", "[capture][pcapng]") {
  NgBytes file;
  file.section().interface();
  for (int i = 0; i < 300; ++i) {
    file.packet(0, 1, payload(4, 0), 0, Options().add(1, std::string(5000, 'c')).bytes);
    file.u32(6).u32(2);  // damage
  }
  file.packet(0, 1, payload(4, 0));
  const Reading reading = read_bytes(file.bytes);
  CHECK(reading.frames.size() == 301);
  CHECK(reading.info.comments.size() == 256);
  for (const std::string& comment : reading.info.comments) CHECK(comment.size() < 1100);
  CHECK(reading.info.notes.size() == 16);
  CHECK(reading.info.notes_dropped == 284);
}

}  // namespace
}  // namespace natlens::capture::test
