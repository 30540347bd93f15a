// A capture that goes on, by hand-made sources: time is that of the packets, so that a day takes
// seconds. Two taps of a source NAT, whose clients ask (UDP) or open a connection (TCP) at even
// distances.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "natlens/pipeline/analysis.h"
#include "natlens/store/database.h"

#include "support/catch.h"
#include "support/packet.h"
#include "support/temp_dir.h"

using namespace natlens;
using test::Bytes;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Plan {
  std::uint32_t connections = 100;
  Nanoseconds apart = std::chrono::milliseconds(500);
};

// One side of the NAT. Packets are made when they are asked for.
class Side final : public capture::Source {
 public:
  Side(const Plan& plan, bool inside, std::function<void(std::uint32_t)> reached)
      : plan_(plan), inside_(inside), reached_(std::move(reached)) {
    capture::TapInfo tap;
    tap.name = inside ? "lan" : "wan";
    tap.link_type = 1;
    taps_.push_back(tap);
    files_.emplace_back();
    files_.front().path = tap.name;
    files_.front().first_ordinal = 1;
  }

  std::span<const capture::Frame> next(std::size_t) override {
    if (begun_ == plan_.connections) return {};
    if (packet_ == packets_of(begun_)) {
      packet_ = 0;
      reached_(++begun_);
      if (begun_ == plan_.connections) return {};
    }
    make();
    ++packet_;
    return {&frame_, 1};
  }
  void set_jumps(std::uint16_t, std::vector<capture::ClockJump>) override {}
  const std::vector<capture::FileInfo>& files() const override { return files_; }
  const std::vector<capture::TapInfo>& taps() const override { return taps_; }
  std::span<const capture::Secrets> secrets() const override { return {}; }
  std::uint64_t total_bytes() const override { return 0; }
  std::uint64_t bytes_read() const override { return 0; }

 private:
  static bool is_tcp(std::uint32_t number) { return number % 4 == 3; }
  static std::size_t packets_of(std::uint32_t number) { return is_tcp(number) ? 8 : 2; }

  // Ports come again after a while, as those of real clients do.
  void make() {
    const std::uint32_t n = begun_;
    const auto port = static_cast<std::uint16_t>(1024 + n % 60000);
    const auto client_port = inside_ ? port : static_cast<std::uint16_t>(60000 - n % 58000);
    const std::string_view client = inside_ ? "10.0.0.2" : "203.0.113.1";
    const std::string_view server = "198.51.100.9";
    const bool reply = answers();
    test::Ipv4Header ip;
    ip.protocol = is_tcp(n) ? 6 : 17;
    ip.src = reply ? server : client;
    ip.dst = reply ? client : server;
    ip.id = static_cast<std::uint16_t>(n * 8 + packet_);
    ip.ttl = inside_ != reply ? 64 : 63;
    const auto src = reply ? std::uint16_t{53} : client_port;
    const auto dst = reply ? client_port : std::uint16_t{53};
    const Bytes body = is_tcp(n) ? segment(src, dst) : test::udp(src, dst, words());
    bytes_ = test::eth(0x0800, test::with_l4_checksum(test::ipv4(ip, body)));
    capture::TapInfo& tap = taps_.front();
    frame_ = test::frame_of(bytes_);
    frame_.time = Timestamp::from_ns(1'700'000'000 * kSecond +
                                     std::int64_t{n} * plan_.apart.count() +
                                     static_cast<std::int64_t>(packet_) * 1'000'000 +
                                     (inside_ != reply ? 0 : 20'000));
    frame_.number = frame_.ordinal = static_cast<std::uint32_t>(++tap.frames);
    if (!tap.first.has_value()) tap.first = frame_.time;
    tap.last = frame_.time;
  }
  bool answers() const {
    // SYN, SYN+ACK, ACK, data, ACK, FIN, FIN, ACK.
    constexpr bool kTcp[] = {false, true, false, false, true, false, true, false};
    return is_tcp(begun_) ? kTcp[packet_] : packet_ == 1;
  }
  Bytes words() const {
    Bytes out = test::be32(begun_ * 2654435761U);
    for (std::uint32_t i = 0; i < 6; ++i) {
      for (const std::uint8_t byte : test::be32((begun_ + i) * 40503U + packet_))
        out.push_back(byte);
    }
    return out;
  }
  Bytes segment(std::uint16_t src, std::uint16_t dst) const {
    const std::uint32_t mine = begun_ * 2654435761U;
    const std::uint32_t theirs = begun_ * 2246822519U;
    constexpr std::uint16_t kFlags[] = {0x02, 0x12, 0x10, 0x18, 0x10, 0x11, 0x11, 0x10};
    constexpr std::uint32_t kSeq[] = {0, 0, 1, 1, 1, 29, 1, 30};
    constexpr std::uint32_t kAck[] = {0, 1, 1, 1, 29, 1, 30, 2};
    test::TcpHeader header;
    header.src = src;
    header.dst = dst;
    header.seq = (answers() ? theirs : mine) + kSeq[packet_];
    header.ack = packet_ == 0 ? 0 : (answers() ? mine : theirs) + kAck[packet_];
    header.flags = kFlags[packet_];
    header.window = 60000;
    return test::tcp(header, packet_ == 3 ? words() : Bytes());
  }

  const Plan plan_;
  const bool inside_;
  const std::function<void(std::uint32_t)> reached_;
  std::vector<capture::TapInfo> taps_;
  std::vector<capture::FileInfo> files_;
  std::uint32_t begun_ = 0;
  std::size_t packet_ = 0;
  Bytes bytes_;
  capture::Frame frame_;
};

pipeline::AnalysisOptions live(const Plan& plan,
                               const std::string& database,
                               std::function<void(std::uint32_t)> reached) {
  pipeline::AnalysisOptions options;
  options.sources = {{"lan", {}, ""}, {"wan", {}, ""}};
  options.open = [plan, reached = std::move(reached)](const capture::SourceSpec& spec)
      -> Result<std::unique_ptr<capture::Source>> {
    const bool inside = spec.name == "lan";
    return std::unique_ptr<capture::Source>(std::make_unique<Side>(
        plan, inside, inside ? reached : [](std::uint32_t) {}));
  };
  options.live.emplace();
  options.live->tell = [](std::string_view) {};
  options.output = database;
  options.force = true;
  return options;
}

std::int64_t ask(const std::string& path, const std::string& sql) {
  auto database = store::Database::open(path);
  if (!database) FAIL(database.error().message);
  const auto table = (*database)->query(sql);
  if (!table) FAIL(table.error().message);
  return std::get<std::int64_t>(table->rows.at(0).at(0));
}

std::size_t resident_kib() {
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

}  // namespace

TEST_CASE("live: all is there at the end, as analyze would have it", "[pipeline][live]") {
  const test::TempDir folder;
  const std::string path = folder.path("nat.db");
  const auto summary = pipeline::analyze(live({}, path, [](std::uint32_t) {}));
  if (!summary) FAIL(summary.error().message);
  CHECK(summary->connections == 200);
  CHECK(summary->translations == 100);
  CHECK(ask(path, "SELECT count(*) FROM connection") == 200);
  CHECK(ask(path, "SELECT count(*) FROM translations WHERE kind = 'snat'") == 100);
  CHECK(ask(path, "SELECT sum(translations) FROM mapping") == 100);
  CHECK(ask(path, "SELECT count(*) FROM tap WHERE offset_ns = 0 AND clock_error_ns IS NULL") ==
        1);
  CHECK(ask(path, "SELECT value + 0 FROM meta WHERE key = 'complete'") == 1);
}

TEST_CASE("live: who reads meanwhile sees what is open, and its translation",
          "[pipeline][live]") {
  const test::TempDir folder;
  const std::string path = folder.path("nat.db");
  std::int64_t most_open = 0;
  std::int64_t most_translations = 0;
  const auto look = [&](std::uint32_t reached) {
    if (reached % 1000 != 0) return;
    most_open = std::max(
        most_open, ask(path, "SELECT count(*) FROM connection WHERE close_reason = 'end'"));
    most_translations = std::max(
        most_translations,
        ask(path, "SELECT count(*) FROM translation AS t JOIN connection AS c"
                  " ON c.id = t.inside_connection_id WHERE c.close_reason = 'end'"));
  };
  const auto summary =
      pipeline::analyze(live({20'000, std::chrono::milliseconds(50)}, path, look));
  if (!summary) FAIL(summary.error().message);
  // TCP entries wait two minutes behind their end, UDP ones half a minute.
  CHECK(most_open > 500);
  CHECK(most_translations > 250);
  CHECK(ask(path, "SELECT count(*) FROM translation") == 20'000);
  CHECK(ask(path, "SELECT count(*) - count(DISTINCT inside_connection_id) FROM translation") ==
        0);
}

// NATLENS_LONG=1: a day of 86,400 seconds and millions of packets; else some hours.
TEST_CASE("live: memory and the database stay as they are", "[pipeline][live]") {
  const bool whole = std::getenv("NATLENS_LONG") != nullptr;
  Plan plan{30'000, std::chrono::milliseconds(100)};
  if (whole) plan = {1'728'000, std::chrono::milliseconds(50)};
  const test::TempDir folder;
  const std::string path = folder.path("nat.db");
  std::vector<std::size_t> resident;
  std::vector<std::uintmax_t> bytes;
  auto options = live(plan, path, [&](std::uint32_t reached) {
    if (reached % (plan.connections / 20) != 0) return;
    resident.push_back(resident_kib());
    bytes.push_back(std::filesystem::file_size(path));
  });
  options.live->keep = std::chrono::minutes(5);
  const auto summary = pipeline::analyze(options);
  if (!summary) FAIL(summary.error().message);
  REQUIRE(resident.size() == 20);
  std::string text;
  for (std::size_t i = 0; i < resident.size(); ++i) {
    text += fmt::format("{} KiB, database {} KiB\n", resident[i], bytes[i] / 1024);
  }
  INFO(text);
  if (whole) fmt::print("{}", text);
  CHECK(summary->connections == 2 * std::uint64_t{plan.connections});
  // What the first quarter needed is enough for the rest.
  const auto quarter = resident.begin() + 5;
  const std::size_t before = *std::max_element(resident.begin(), quarter);
  const std::size_t after = *std::max_element(quarter, resident.end());
  CHECK(after < before + before / 8 + 4096);
  CHECK(bytes.back() < bytes[8] + bytes[8] / 8);
  // Five minutes of connections, and those whose entry has not timed out.
  CHECK(ask(path, "SELECT count(*) FROM connection") <
        2 * 450 * kSecond / plan.apart.count());
  CHECK(ask(path, "SELECT count(*) FROM translation AS t LEFT JOIN connection AS c"
                  " ON c.id = t.inside_connection_id WHERE c.id IS NULL") == 0);
}
