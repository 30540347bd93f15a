// Sources: order of files, taps and their names, selection, and what is said of bad files.

#include "natlens/capture/source.h"

#include <filesystem>

#include <unistd.h>

#include "capture/capture_bytes.h"
#include "capture/pack.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace natlens::capture::test {
namespace {

using natlens::test::TempDir;
using Names = std::vector<std::string>;

struct SourceReading {
  std::string error;
  std::vector<Frame> frames;              // their bytes are not valid any more
  std::vector<std::uint8_t> first_bytes;  // of each frame
  std::vector<FileInfo> files;
  std::vector<TapInfo> taps;

  Names tap_names() const {
    Names names;
    for (const TapInfo& tap : taps) names.push_back(tap.name);
    return names;
  }
  const TapInfo& tap(const std::string& name) const {
    for (const TapInfo& tap : taps) {
      if (tap.name == name) return tap;
    }
    throw std::runtime_error("no tap " + name);
  }
};

SourceReading read_source(const std::string& argument, std::size_t batch = 8) {
  SourceReading reading;
  auto spec = parse_source(argument);
  if (!spec) throw std::runtime_error(spec.error().message);
  auto source = Source::open(*spec);
  if (!source) {
    reading.error = source.error().message;
    return reading;
  }
  for (auto frames = (*source)->next(batch); !frames.empty(); frames = (*source)->next(batch)) {
    for (const Frame& frame : frames) {
      reading.frames.push_back(frame);
      reading.first_bytes.push_back(frame.bytes.empty() ? 0 : frame.bytes[0]);
    }
  }
  CHECK((*source)->next(batch).empty());
  CHECK((*source)->total_bytes() == (*source)->bytes_read());
  reading.files = (*source)->files();
  reading.taps = (*source)->taps();
  return reading;
}

Octets sll2_frame(std::uint32_t ifindex, std::uint8_t packet_type) {
  return Builder(true)
      .u16(0x0800)
      .u16(0)
      .u32(ifindex)
      .u16(1)
      .u8(packet_type)
      .u8(6)
      .raw(Octets(48, 0))
      .bytes;
}

TEST_CASE("source: a classic file is one tap, called as the file", "[capture][source]") {
  TempDir dir;
  PcapBytes file;
  file.record(5, 0, payload(20, 1)).record(3, 0, payload(21, 2)).record(9, 0, payload(22, 3));
  const std::string path = dir.file("lan.pcap", file.bytes);
  const SourceReading reading = read_source(path);
  REQUIRE(reading.tap_names() == Names{"lan"});
  CHECK(reading.taps[0].frames == 3);
  CHECK(reading.taps[0].first.ns() == 3'000'000'000);
  CHECK(reading.taps[0].last.ns() == 9'000'000'000);
  CHECK(reading.taps[0].snaplen == 65535);
  REQUIRE(reading.files.size() == 1);
  CHECK(reading.files[0].path == path);
  CHECK(reading.files[0].frames == 3);
  CHECK(reading.files[0].bytes == file.bytes.size());
  CHECK(reading.files[0].first.ns() == 3'000'000'000);
  CHECK(reading.files[0].last.ns() == 9'000'000'000);
  CHECK(reading.files[0].first_ordinal == 1);
  CHECK(read_source("inside=" + path).tap_names() == Names{"inside"});
}

TEST_CASE("source: what a clock was set by is taken off from its frame on",
          "[capture][source]") {
  TempDir dir;
  PcapBytes file;
  for (const std::uint32_t second : {10, 11, 13, 14}) file.record(second, 0, payload(20, 1));
  auto source = Source::open(*parse_source(dir.file("lan.pcap", file.bytes)));
  REQUIRE(source);
  (*source)->set_jumps(0, {{3, 1'500'000'000}, {4, 1'000'000'000}});
  std::vector<std::int64_t> times;
  for (auto frames = (*source)->next(2); !frames.empty(); frames = (*source)->next(2)) {
    for (const Frame& frame : frames) times.push_back(frame.time.ns() / 100'000'000);
  }
  CHECK(times == std::vector<std::int64_t>{100, 110, 115, 130});
  CHECK((*source)->taps()[0].last == Timestamp::from_ns(13'000'000'000));
  CHECK((*source)->files()[0].last == Timestamp::from_ns(14'000'000'000));
}

TEST_CASE("source: tap names of files with several suffixes", "[capture][source]") {
  TempDir dir;
  PcapBytes file;
  file.record(5, 0, payload(20, 1));
  for (const auto& [name, tap] : {std::pair{"a.b.pcap.gz", "a.b"}, std::pair{"plain", "plain"},
                                  std::pair{".pcap", ".pcap"}, std::pair{"x.zst", "x"}}) {
    CHECK(read_source(dir.file(name, file.bytes)).tap_names() == Names{tap});
  }
}

TEST_CASE("source: files are read in the order of their first frames", "[capture][source]") {
  TempDir dir;
  PcapBytes late;
  late.record(200, 0, payload(4, 20)).record(201, 0, payload(4, 21));
  PcapBytes early(true);
  early.record(100, 0, payload(4, 10))
      .record(300, 0, payload(4, 11))
      .record(301, 0, payload(4, 12));
  PcapBytes empty;
  NgBytes untimed;
  untimed.section().interface().simple(4, payload(4, 30));
  const std::string argument =
      "lan=" + dir.file("late", late.bytes) + "," + dir.file("none", empty.bytes) + "," +
      dir.file("untimed", untimed.bytes) + "," + dir.file("early.gz", gzip(early.bytes));
  for (const std::size_t batch : {1U, 2U, 64U}) {
    const SourceReading reading = read_source(argument, batch);
    CHECK(reading.first_bytes == Octets{10, 11, 12, 20, 21, 30});
    REQUIRE(reading.frames.size() == 6);
    std::vector<std::uint32_t> numbers;
    std::vector<std::uint32_t> ordinals;
    for (const Frame& frame : reading.frames) {
      numbers.push_back(frame.number);
      ordinals.push_back(frame.ordinal);
      CHECK(reading.files[frame.file].first_ordinal + frame.number - 1 == frame.ordinal);
    }
    CHECK(numbers == std::vector<std::uint32_t>{1, 2, 3, 1, 2, 1});
    CHECK(ordinals == std::vector<std::uint32_t>{1, 2, 3, 4, 5, 6});
    CHECK(reading.tap_names() == Names{"lan"});
    REQUIRE(reading.files.size() == 4);
    CHECK(reading.files[0].path.ends_with("early.gz"));
    CHECK(reading.files[1].path.ends_with("late"));
    CHECK(reading.files[2].path.ends_with("none"));
    CHECK(reading.files[3].path.ends_with("untimed"));
    CHECK(reading.files[0].format == "pcap us, big-endian, gzip");
  }
}

TEST_CASE("source: interfaces of a pcapng are taps, those without frames are not",
          "[capture][source]") {
  TempDir dir;
  NgBytes file;
  file.section().named("lan0").named("idle").named("wan0", 101).interface();
  file.packet(2, 5, payload(4, 0))
      .packet(0, 6, payload(4, 0))
      .packet(3, 7, payload(4, 0))
      .packet(2, 8, payload(4, 0));
  const std::string path = dir.file("both.pcapng", file.bytes);
  const SourceReading reading = read_source(path);
  CHECK(reading.tap_names() == Names{"both/wan0", "both/lan0", "both/3"});
  CHECK(reading.taps[0].link_type == 101);
  CHECK(reading.taps[0].interface == "wan0");
  CHECK(reading.taps[0].frames == 2);
  CHECK(reading.frames[1].tap == 1);
  CHECK(read_source("gw=" + path).tap_names() == Names{"gw/wan0", "gw/lan0", "gw/3"});
}

TEST_CASE("source: the only interface has the source's name; a later one does not",
          "[capture][source]") {
  TempDir dir;
  NgBytes file;
  file.section()
      .named("eth0")
      .packet(0, 5, payload(4, 0))
      .named("eth1")
      .packet(1, 6, payload(4, 0));
  const SourceReading reading = read_source(dir.file("d.pcapng", file.bytes));
  CHECK(reading.tap_names() == Names{"d", "d/eth1"});
  CHECK(reading.taps[0].interface == "eth0");
}

TEST_CASE("source: the same interface in several files and sections is one tap",
          "[capture][source]") {
  TempDir dir;
  NgBytes one;
  one.section()
      .named("eth0")
      .named("eth1")
      .packet(0, 1, payload(4, 0))
      .packet(1, 2, payload(4, 0));
  NgBytes two;
  two.section()
      .named("eth1")
      .named("eth0")
      .packet(0, 3, payload(4, 0))
      .packet(1, 4, payload(4, 0));
  two.section().named("eth0").packet(0, 5, payload(4, 0));
  const SourceReading reading =
      read_source("x=" + dir.file("2", two.bytes) + "," + dir.file("1", one.bytes));
  CHECK(reading.tap_names() == Names{"x/eth0", "x/eth1"});
  CHECK(reading.taps[0].frames == 3);
  CHECK(reading.taps[1].frames == 2);
}

TEST_CASE("source: two hosts' interfaces of one name stay apart", "[capture][source]") {
  TempDir dir;
  NgBytes merged;  // as mergecap writes it
  merged.section()
      .named("eth0")
      .named("eth0")
      .packet(1, 1, payload(4, 0))
      .packet(0, 2, payload(4, 0));
  const SourceReading reading = read_source(dir.file("m.pcapng", merged.bytes));
  CHECK(reading.tap_names() == Names{"m/eth0#2", "m/eth0"});
}

TEST_CASE("source: files with different single interfaces name both", "[capture][source]") {
  TempDir dir;
  NgBytes one;
  one.section().named("eth0").packet(0, 1, payload(4, 0));
  NgBytes two;
  two.section().named("eth1").packet(0, 2, payload(4, 0));
  const SourceReading reading =
      read_source("x=" + dir.file("1", one.bytes) + "," + dir.file("2", two.bytes));
  CHECK(reading.tap_names() == Names{"x/eth0", "x/eth1"});
}

TEST_CASE("source: an SLL2 capture is a tap for each ifindex", "[capture][source]") {
  TempDir dir;
  PcapBytes file(false, {.network = 276});
  file.record(1, 0, sll2_frame(3, 0))
      .record(2, 0, sll2_frame(2, 4))
      .record(3, 0, sll2_frame(3, 4));
  file.record(4, 0, payload(10, 0));  // too short to tell
  const std::string path = dir.file("any.pcap", file.bytes);
  const SourceReading reading = read_source(path);
  CHECK(reading.tap_names() == Names{"any/if3", "any/if2", "any/0"});
  CHECK(reading.tap("any/if3").ifindex == 3);
  CHECK(reading.tap("any/if3").frames == 2);
  CHECK(reading.tap("any/if3").interface == "if3");
  CHECK(reading.frames[0].direction == FrameDirection::kIn);
  CHECK(reading.frames[1].direction == FrameDirection::kOut);
}

TEST_CASE("source: one interface selected, by name, index or ifindex", "[capture][source]") {
  TempDir dir;
  NgBytes both;
  both.section().named("lan0").named("wan0");
  both.packet(0, 1, payload(4, 1))
      .packet(1, 2, payload(4, 2))
      .packet(0, 3, payload(4, 3))
      .packet(1, 4, payload(4, 4));
  const std::string ng = dir.file("both.pcapng", both.bytes);
  PcapBytes any(false, {.network = 276});
  any.record(1, 0, sll2_frame(3, 0))
      .record(2, 0, sll2_frame(12, 4))
      .record(3, 0, sll2_frame(3, 4));
  const std::string cooked = dir.file("any.pcap", any.bytes);
  struct Case {
    std::string argument;
    std::string tap;
    std::vector<std::uint32_t> numbers;
  };
  for (const Case& c :
       {Case{"w=" + ng + "%wan0", "w", {2, 4}}, Case{"w=" + ng + "%1", "w", {2, 4}},
        Case{ng + "%lan0", "both/lan0", {1, 3}}, Case{"c=" + cooked + "%3", "c", {1, 3}},
        Case{"c=" + cooked + "%if12", "c", {2}}}) {
    INFO(c.argument);
    const SourceReading reading = read_source(c.argument);
    CHECK(reading.tap_names() == Names{c.tap});
    std::vector<std::uint32_t> numbers;
    for (const Frame& frame : reading.frames) {
      numbers.push_back(frame.number);
      CHECK(frame.ordinal == frame.number);
      CHECK(frame.tap == 0);
    }
    CHECK(numbers == c.numbers);
    CHECK(reading.files[0].frames == (c.argument.find("both") != std::string::npos ? 4 : 3));
  }
  CHECK(read_source("w=" + ng + "%dmz0").error ==
        ng + ": no frame of interface 'dmz0'; there are: lan0, wan0");
  CHECK(read_source("w=" + cooked + "%4").error ==
        cooked + ": no frame of interface '4'; there are: if12, if3");
}

TEST_CASE("source: drop counters of a ring buffer go on, those of other captures add up",
          "[capture][source]") {
  TempDir dir;
  const auto file = [](std::uint64_t time, std::uint32_t start, std::uint64_t drops) {
    NgBytes bytes;
    bytes.section().named("eth0").packet(0, time, payload(4, 0));
    const Octets options =
        Options().add(2, Builder().u32(0).u32(start).bytes).add_u64(5, drops).bytes;
    bytes.block(5, bytes.body().u32(0).u64(0).raw(options).bytes);
    return bytes.bytes;
  };
  const std::string argument = "x=" + dir.file("1", file(1, 77, 5)) + "," +
                               dir.file("2", file(2, 77, 9)) + "," +
                               dir.file("3", file(3, 88, 4));
  const SourceReading reading = read_source(argument);
  CHECK(reading.tap_names() == Names{"x"});
  CHECK(reading.taps[0].dropped == 9 + 4);
}

TEST_CASE("source: drops told with the packets are counted", "[capture][source]") {
  TempDir dir;
  NgBytes file;
  file.section().named("a").named("b");
  for (int i = 0; i < 3; ++i) {
    file.packet(0, 1, payload(4, 0), 0, Options().add_u64(4, 2).bytes)
        .old_packet(1, 5, 1, payload(4, 0));
  }
  const SourceReading reading = read_source(dir.file("d", file.bytes), 1);
  CHECK(reading.tap("d/a").dropped == 6);
  CHECK(reading.tap("d/b").dropped == 15);
}

TEST_CASE("source: what the file says of an interface reaches the tap", "[capture][source]") {
  TempDir dir;
  NgBytes file;
  file.section().interface(1, 77,
                           Options()
                               .add(1, "note")
                               .add(2, "eth\x1b[31m")
                               .add(3, "uplink")
                               .add(4, Octets{192, 0, 2, 1, 255, 255, 255, 0})
                               .add(11, std::string_view("\0udp", 4))
                               .bytes);
  file.packet(0, 1, payload(4, 0));
  const SourceReading reading = read_source(dir.file("d", file.bytes));
  REQUIRE(reading.taps.size() == 1);
  const TapInfo& tap = reading.taps[0];
  CHECK(tap.interface == "eth?[31m");  // names go to terminals
  CHECK(tap.snaplen == 77);
  CHECK(tap.filter == "udp");
  CHECK(tap.comment == "note");
  CHECK(tap.description == "uplink");
  REQUIRE(tap.addresses.size() == 1);
  CHECK(to_string(tap.addresses[0]) == "192.0.2.1");
}

TEST_CASE("source: made-up interfaces cannot make more than 1024 taps", "[capture][source]") {
  TempDir dir;
  PcapBytes file(false, {.network = 276});
  for (std::uint32_t i = 0; i < 3000; ++i) file.record(i, 0, sll2_frame(i * 7919, 0));
  const SourceReading reading = read_source(dir.file("any", file.bytes));
  CHECK(reading.frames.size() == 3000);
  REQUIRE(reading.taps.size() == 1024);
  CHECK(reading.taps.back().name == "any/more");
  CHECK(reading.taps.back().frames == 3000 - 1023);
}

TEST_CASE("source: files that cannot be read are errors that say what to do",
          "[capture][source]") {
  TempDir dir;
  std::filesystem::create_directory(dir.path("folder"));
  struct Case {
    std::string path;
    std::string message;
  };
  const std::vector<Case> cases = {
      {dir.path("folder"), ": is a directory; name the capture files in it"},
      {dir.file("empty", {}),
       ": offset 0: empty file; was the capture stopped before it was written?"},
      {dir.file("elf", Octets{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0}),
       ": offset 0: not a capture (first bytes 7f 45 4c 46 02 01 01 00); pcap and pcapng are "
       "read, also "
       "compressed by gzip, zstd or lz4"},
      {dir.file("two", Octets{'h', 'i'}),
       ": offset 0: not a capture (first bytes 68 69); pcap and pcapng are read, also "
       "compressed by "
       "gzip, zstd or lz4"},
      {dir.file("snoop", Builder().text("snoop").raw(Octets(20, 0)).bytes),
       ": offset 0: snoop files are not read (first bytes 73 6e 6f 6f 70 00 00 00); convert "
       "it: editcap "
       "-F pcapng FILE NEW.pcapng"},
      {dir.file("xz", Builder().u8(0xfd).text("7zXZ").raw(Octets(9, 0)).bytes),
       ": offset 0: xz files are not read (first bytes fd 37 7a 58 5a 00 00 00); decompress "
       "it: xz -dc "
       "FILE | natlens ... NAME=-"},
      {dir.file("bz2", Builder().text("BZh91AY&SY").bytes),
       ": offset 0: bzip2 files are not read (first bytes 42 5a 68 39 31 41 59 26); decompress "
       "it: bzip2 "
       "-dc FILE | natlens ... NAME=-"},
      {dir.file("short", Builder().u32(0xa1b2c3d4).u32(0).bytes),
       ": offset 8: cut off inside the file header: 8 of 24 bytes are there"},
      {dir.file("ng", Builder().u32(0x0a0d0d0a).u32(28).u32(7).bytes),
       ": offset 8: pcapng section header without a byte order (07 00 00 00); the file is "
       "damaged"},
  };
  for (const Case& c : cases) {
    INFO(c.path);
    CHECK(read_source("x=" + c.path).error == c.path + c.message);
  }
}

TEST_CASE("source: a file without permission", "[capture][source]") {
  if (::geteuid() == 0) {
    WARN("NOT RUN: permissions do not bind root");
    return;
  }
  TempDir dir;
  const std::string path = dir.file("secret", {});
  std::filesystem::permissions(path, std::filesystem::perms::none);
  CHECK(read_source(path).error == path + ": cannot open: Permission denied");
}

TEST_CASE("source: bad files among good ones are told, and the good ones read",
          "[capture][source]") {
  TempDir dir;
  PcapBytes good;
  good.record(1, 0, payload(4, 1));
  const std::string bad = dir.file("bad", Octets(30, 'x'));
  const SourceReading reading = read_source("x=" + bad + "," + dir.file("good", good.bytes));
  CHECK(reading.error.empty());
  CHECK(reading.frames.size() == 1);
  REQUIRE(reading.files.size() == 2);
  CHECK(reading.files[0].path.ends_with("good"));
  CHECK(reading.files[1].path == bad);
  CHECK_FALSE(reading.files[1].complete);
  REQUIRE(reading.files[1].notes.size() == 1);
  CHECK(reading.files[1].notes[0].fatal);
  CHECK(reading.files[1].notes[0].text.find(bad + ": offset 0: not a capture") == 0);
  const std::string empty = dir.file("empty", {});
  const SourceReading none = read_source("x=" + bad + "," + empty);
  CHECK(none.error.find("none of 2 files can be read: " + bad) == 0);
  CHECK(none.error.find("; " + empty + ": offset 0: empty file") != std::string::npos);
}

// Gives `bytes` as standard input while it lives.
class StandardInput {
 public:
  explicit StandardInput(const Octets& bytes) : saved_(::dup(STDIN_FILENO)) {
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    if (::write(ends[1], bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("write");
    }
    ::close(ends[1]);
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
  }
  ~StandardInput() {
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;

 private:
  int saved_;
};

std::vector<std::uint8_t> first_bytes_of(Source& source) {
  std::vector<std::uint8_t> bytes;
  for (auto frames = source.next(8); !frames.empty(); frames = source.next(8)) {
    for (const Frame& frame : frames) bytes.push_back(frame.bytes[0]);
  }
  return bytes;
}

TEST_CASE("source: standard input, alone and among files", "[capture][source]") {
  TempDir dir;
  PcapBytes piped;
  piped.record(50, 0, payload(4, 50)).record(51, 0, payload(4, 51));
  PcapBytes early;
  early.record(10, 0, payload(4, 10));
  PcapBytes late;
  late.record(90, 0, payload(4, 90));
  {
    StandardInput input(gzip(piped.bytes));
    auto source = Source::open(*parse_source("-"));
    REQUIRE(source);
    CHECK(first_bytes_of(**source) == Octets{50, 51});
    CHECK((*source)->taps().at(0).name == "stdin");
    CHECK((*source)->total_bytes() == 0);
  }
  StandardInput input(piped.bytes);
  auto source = Source::open(*parse_source("x=" + dir.file("late", late.bytes) + ",-," +
                                           dir.file("early", early.bytes)));
  REQUIRE(source);
  CHECK(first_bytes_of(**source) == Octets{10, 50, 51, 90});
  CHECK((*source)->taps().size() == 1);
}

TEST_CASE("source: a selected interface that a pipe does not have is told at the end",
          "[capture][source]") {
  NgBytes file;
  file.section().named("eth0").packet(0, 1, payload(4, 1));
  StandardInput input(file.bytes);
  auto source = Source::open(*parse_source("x=-%eth1"));
  REQUIRE(source);
  CHECK(first_bytes_of(**source).empty());
  CHECK((*source)->taps().empty());
  REQUIRE((*source)->files().at(0).notes.size() == 1);
  CHECK((*source)->files()[0].notes[0].text == "no frame of interface 'eth1'; there are: eth0");
}

TEST_CASE("source: opening a live pipe waits for its header only", "[capture][source]") {
  PcapBytes header;
  StandardInput input(header.bytes);
  auto source = Source::open(*parse_source("-"));
  REQUIRE(source);
  CHECK((*source)->next(1).empty());
}

}  // namespace
}  // namespace natlens::capture::test
