// A real capture of both sides of a home router, with packets put in or taken out, and what the
// analysis finds in it:
//
//   Scene scene;
//   scene.play(R"(
//     0.0 both tcp 172.20.4.10:50000 > 203.0.113.30:443 S seq 100 #syn
//     0.1 lan  tcp 172.20.4.10:50000 > 203.0.113.30:443 A seq 101 ack 1 len 100
//   )");
//   CHECK(scene.raised("NAT-DROP-OUT", "flow"));
//   CHECK(scene.names("NAT-DROP-OUT", "cause", "lan", "syn"));
//
// Times are seconds from two seconds behind the beginning of the capture, which lasts for ten.
// `both` is a packet that crosses: written as the inside shows it, it is at the outside with
// the external address (`as PORT`: and that port). `lan` and `wan` write what stands there.
// #NAME names the frame.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "natlens/pipeline/analysis.h"
#include "natlens/store/database.h"

#include "support/catch.h"
#include "support/packet.h"
#include "support/temp_dir.h"

namespace natlens::test {

struct SceneFrame {
  std::int64_t time_ns = 0;
  Bytes bytes;
  std::string name;
};

struct FoundFrame {
  std::string role;
  std::string tap;
  std::int64_t frame = 0;  // 0: none
};

struct Found {
  std::int64_t id = 0;
  std::string code;
  std::string variant;
  std::string severity;
  std::string confidence;
  std::int64_t count = 0;
  std::string text;
  nlohmann::json facts;
  std::int64_t explained_by = 0;
  std::vector<FoundFrame> frames;
};

class Scene {
 public:
  // Taps of the inside and the outside.
  explicit Scene(const std::string& set = "01-home-masquerade",
                 const std::string& inside = "lan",
                 const std::string& outside = "wan")
      : names_{inside, outside} {
    const std::string folder = std::string(NATLENS_TEST_DATA "/captures/") + set + "/";
    for (std::size_t t = 0; t < 2; ++t)
      taps_[t] = read(folder + names_[t] + ".pcap", link_types_[t]);
    start_ = taps_[0].front().time_ns + 2'000'000'000;
  }

  static constexpr std::string_view kExternal = "198.51.100.66";

  Scene& play(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      double time = 0;
      std::string where;
      if (!(words >> time >> where)) continue;
      std::string rest;
      std::getline(words, rest);
      line_at(time, where, rest);
    }
    return *this;
  }
  // A DNS question and its answer twice a second: both taps go on showing traffic.
  Scene& goes_on(double until) {
    for (int i = 0; i * 0.5 < until; ++i) {
      const int port = 20'000 + i;
      line_at(i * 0.5, "both",
              fmt::format("udp 172.20.4.12:{} > 203.0.113.31:53 text q{}", port, i));
      line_at(i * 0.5 + 0.01, "both",
              fmt::format("udp 203.0.113.31:53 > 172.20.4.12:{} text a{}", port, i));
    }
    return *this;
  }
  // A whole IP packet at one tap.
  Scene& packet(double time,
                const std::string& tap,
                const Bytes& ip,
                const std::string& name = "") {
    put(tap == names_[0] || tap == "lan" ? 0 : 1, time, ip, name);
    return *this;
  }
  // Takes out the frames for which `unwanted` is true; frames have Ethernet headers.
  Scene& erase(const std::string& tap, const std::function<bool(const SceneFrame&)>& unwanted) {
    auto& frames = taps_[tap == "lan" ? 0 : 1];
    frames.erase(std::remove_if(frames.begin(), frames.end(), unwanted), frames.end());
    return *this;
  }
  std::vector<SceneFrame>& frames(const std::string& tap) {
    return taps_[tap == "lan" ? 0 : 1];
  }
  Scene& set(const std::string& threshold, const std::string& value) {
    REQUIRE(options_.findings.set(threshold, value));
    return *this;
  }
  pipeline::AnalysisOptions& options() { return options_; }

  // ---- answers
  const std::vector<Found>& findings() {
    if (!done_) analyze();
    return found_;
  }
  const Found* find(std::string_view code, std::string_view variant = "") {
    for (const Found& one : findings()) {
      if (one.code == code && (variant.empty() || one.variant == variant)) return &one;
    }
    return nullptr;
  }
  bool raised(std::string_view code, std::string_view variant = "") {
    return find(code, variant) != nullptr;
  }
  // Some finding of the code names this frame (by its name) in this role.
  bool names(std::string_view code,
             std::string_view role,
             const std::string& tap,
             const std::string& name) {
    for (const Found& one : findings()) {
      if (one.code != code) continue;
      for (const FoundFrame& frame : one.frames) {
        if (frame.role == role && frame.tap == tap && frame.frame == number(tap, name))
          return true;
      }
    }
    return false;
  }
  // Some finding of the code says that an image is missing there.
  bool misses(std::string_view code, const std::string& tap) {
    for (const Found& one : findings()) {
      if (one.code != code) continue;
      for (const FoundFrame& frame : one.frames) {
        if (frame.role == "missing-image" && frame.tap == tap) return true;
      }
    }
    return false;
  }
  // The number of a named frame at a tap. REQUIRES: findings() was asked.
  std::int64_t number(const std::string& tap, const std::string& name) const {
    const auto at = numbers_.find({tap, name});
    return at == numbers_.end() ? -1 : at->second;
  }
  // Everything raised, a line each: for the output of a failing test.
  std::string told() {
    std::string out;
    for (const Found& one : findings()) {
      out += fmt::format("{} {} {} {} x{}: {} {}\n", one.severity, one.code, one.variant,
                         one.confidence, one.count, one.text, one.facts.dump());
      for (const FoundFrame& f : one.frames)
        out += fmt::format("    {} {}:{}\n", f.role, f.tap, f.frame);
    }
    return out;
  }
  store::Database& database() {
    findings();
    return *database_;
  }

 private:
  static std::uint32_t le32(const std::string& all, std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, all.data() + at, 4);
    return value;
  }
  static std::vector<SceneFrame> read(const std::string& path, std::uint32_t& link_type) {
    std::ifstream in(path, std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    std::vector<SceneFrame> out;
    REQUIRE(all.size() > 24);
    link_type = le32(all, 20);
    for (std::size_t at = 24; at + 16 <= all.size();) {
      const std::uint32_t captured = le32(all, at + 8);
      SceneFrame frame;
      frame.time_ns = std::int64_t{le32(all, at)} * 1'000'000'000 + le32(all, at + 4) * 1000LL;
      frame.bytes.assign(all.begin() + static_cast<std::ptrdiff_t>(at + 16),
                         all.begin() + static_cast<std::ptrdiff_t>(at + 16 + captured));
      out.push_back(std::move(frame));
      at += 16 + captured;
    }
    REQUIRE(!out.empty());
    return out;
  }

  // The link header of a frame of this tap that goes the same way.
  Bytes link(std::size_t tap, const Bytes& ip) const {
    if (link_types_[tap] != 1) return {};  // raw IP
    const auto same_net = [&](const Bytes& frame, std::size_t at) {
      return std::equal(ip.begin() + 12, ip.begin() + 15,
                        frame.begin() + static_cast<std::ptrdiff_t>(at));
    };
    Bytes any;
    for (const SceneFrame& frame : taps_[tap]) {
      if (frame.bytes.size() <= 34 || frame.bytes[12] != 8 || frame.bytes[13] != 0) continue;
      any.assign(frame.bytes.begin(), frame.bytes.begin() + 14);
      if (same_net(frame.bytes, 26)) break;
    }
    if (ip[0] >> 4 == 6) any[12] = 0x86, any[13] = 0xdd;
    return any;
  }
  void put(std::size_t tap, double time, const Bytes& ip, const std::string& name) {
    SceneFrame frame;
    frame.time_ns = start_ + static_cast<std::int64_t>(time * 1e6) * 1000;
    frame.bytes = link(tap, ip) + ip;
    frame.name = name;
    taps_[tap].push_back(std::move(frame));
  }

  struct Line {
    std::string protocol;
    Endpoint src, dst;
    TcpHeader tcp;
    Bytes payload;
    std::optional<std::uint16_t> as;  // external port
    std::uint16_t id = 0;
    std::uint8_t ttl = 64, tos = 0;
    bool df = true, bad_sum = false, answer = false;
    std::uint16_t echo = 0, sequence = 0;
    std::uint16_t type = 0, code = 0, mtu = 0;
    std::string quote;
    std::uint16_t mss = 0;
    bool wscale = false;
    std::string name;
  };

  static std::uint16_t flags_of(const std::string& letters) {
    std::uint16_t flags = 0;
    for (const char c : letters) {
      const std::size_t bit = std::string_view("FSRPAU").find(c);
      if (bit != std::string_view::npos) flags |= static_cast<std::uint16_t>(1U << bit);
    }
    return flags;
  }

  Line parse(const std::string& text) {
    Line line;
    std::istringstream in(text);
    std::string src, arrow, dst, word;
    in >> line.protocol >> src >> arrow >> dst;
    line.src = parse_endpoint(src).value();
    line.dst = parse_endpoint(dst).value();
    line.id = ++ip_id_;
    line.tcp.seq = line.tcp.ack = 0;
    line.tcp.window = 8192;
    if (line.protocol == "tcp" && in >> word) line.tcp.flags = flags_of(word);
    if ((line.tcp.flags & 2) != 0) line.mss = 1460;
    std::uint32_t n = 0;
    while (in >> word) {
      if (word[0] == '#')
        line.name = word.substr(1);
      else if (word == "seq" && in >> n)
        line.tcp.seq = n, line.sequence = static_cast<std::uint16_t>(n);
      else if (word == "ack" && in >> n)
        line.tcp.ack = n;
      else if (word == "win" && in >> n)
        line.tcp.window = static_cast<std::uint16_t>(n);
      else if (word == "len" && in >> n)
        line.payload = filler(n);
      else if (word == "text" && in >> word)
        line.payload.assign(word.begin(), word.end());
      else if (word == "hex" && in >> word)
        line.payload = hex(word);
      else if (word == "as" && in >> n)
        line.as = static_cast<std::uint16_t>(n);
      else if (word == "id" && in >> n)
        line.id = static_cast<std::uint16_t>(n);
      else if (word == "ttl" && in >> n)
        line.ttl = static_cast<std::uint8_t>(n);
      else if (word == "tos" && in >> n)
        line.tos = static_cast<std::uint8_t>(n);
      else if (word == "mss" && in >> n)
        line.mss = static_cast<std::uint16_t>(n);
      else if (word == "echo" && in >> n)
        line.echo = static_cast<std::uint16_t>(n);
      else if (word == "type" && in >> n)
        line.type = static_cast<std::uint16_t>(n);
      else if (word == "code" && in >> n)
        line.code = static_cast<std::uint16_t>(n);
      else if (word == "mtu" && in >> n)
        line.mtu = static_cast<std::uint16_t>(n);
      else if (word == "answer")
        line.answer = true;
      else if (word == "nodf")
        line.df = false;
      else if (word == "badsum")
        line.bad_sum = true;
      else if (word == "quote")
        std::getline(in, line.quote, ';');
      else
        FAIL("word " + word + " in: " + text);
    }
    return line;
  }

  Bytes transport(const Line& line) {
    if (line.protocol == "tcp") {
      TcpHeader header = line.tcp;
      header.src = line.src.port;
      header.dst = line.dst.port;
      if (line.mss != 0) header.options = hex("02 04") + be16(line.mss);
      return tcp(header, line.payload);
    }
    if (line.protocol == "udp") return udp(line.src.port, line.dst.port, line.payload);
    if (line.quote.empty()) {
      return icmp(line.answer ? 0 : 8, 0, std::uint32_t{line.echo} << 16 | line.sequence,
                  line.payload.empty() ? filler(32) : line.payload);
    }
    const Bytes whole = bytes_of(parse(line.quote));
    return icmp(
        static_cast<std::uint8_t>(line.type), static_cast<std::uint8_t>(line.code), line.mtu,
        {whole.begin(), whole.begin() + std::min<std::ptrdiff_t>(
                                            28, static_cast<std::ptrdiff_t>(whole.size()))});
  }
  Bytes bytes_of(const Line& line) {
    const std::string src = to_string(line.src.address);
    const std::string dst = to_string(line.dst.address);
    Ipv4Header header;
    header.src = src;
    header.dst = dst;
    header.protocol = line.protocol == "tcp" ? 6 : line.protocol == "udp" ? 17 : 1;
    header.ttl = line.ttl;
    header.tos = line.tos;
    header.id = line.id;
    header.fragment = line.df ? 0x4000 : 0;
    Bytes out = with_l4_checksum(ipv4(header, transport(line)));
    if (line.bad_sum)
      out[20 + (line.protocol == "tcp" ? 17 : line.protocol == "udp" ? 7 : 3)] ^= 0x55;
    return out;
  }

  static bool inside(const Address& address) {
    const std::string text = to_string(address);
    return text.starts_with("172.20.4.") || text.starts_with("10.77.3.");
  }

  void line_at(double time, const std::string& where, const std::string& text) {
    Line line = parse(text);
    if (where != "both") {
      put(where == "lan" ? 0 : 1, time, bytes_of(line), line.name);
      return;
    }
    const bool out = inside(line.src.address);
    Line outside = line;
    Endpoint& end = out ? outside.src : outside.dst;
    end.address = Address::parse(kExternal).value();
    if (line.as) end.port = outside.echo = *line.as;
    Line& later = out ? outside : line;
    --later.ttl;
    put(0, time + (out ? 0 : 0.0002), bytes_of(line), line.name);
    put(1, time + (out ? 0.0002 : 0), bytes_of(outside), line.name);
  }

  void analyze() {
    done_ = true;
    for (std::size_t t = 0; t < 2; ++t) {
      std::stable_sort(taps_[t].begin(), taps_[t].end(),
                       [](const auto& a, const auto& b) { return a.time_ns < b.time_ns; });
      const std::string path = folder_.path(names_[t] + ".pcap");
      std::ofstream out(path, std::ios::binary);
      const std::uint32_t head[] = {0xa1b2c3d4, 0x00040002, 0, 0, 262144, link_types_[t]};
      out.write(reinterpret_cast<const char*>(head), sizeof head);
      std::int64_t number = 0;
      for (const SceneFrame& frame : taps_[t]) {
        ++number;
        if (!frame.name.empty()) numbers_[{names_[t], frame.name}] = number;
        const std::uint32_t record[] = {
            static_cast<std::uint32_t>(frame.time_ns / 1'000'000'000),
            static_cast<std::uint32_t>(frame.time_ns % 1'000'000'000 / 1000),
            static_cast<std::uint32_t>(frame.bytes.size()),
            static_cast<std::uint32_t>(frame.bytes.size())};
        out.write(reinterpret_cast<const char*>(record), sizeof record);
        out.write(reinterpret_cast<const char*>(frame.bytes.data()),
                  static_cast<std::streamsize>(frame.bytes.size()));
      }
      options_.sources.push_back({names_[t], {path}, ""});
    }
    options_.output = folder_.path("nat.db");
    options_.command_line = "test";
    const auto analyzed = pipeline::analyze(options_);
    if (!analyzed) FAIL(analyzed.error().message);
    auto opened = store::Database::open(options_.output);
    REQUIRE(opened);
    database_ = std::move(*opened);
    load();
  }

  void load() {
    const auto rows = database_->query("SELECT * FROM finding ORDER BY id");
    const auto frames = database_->query(
        "SELECT f.finding_id, f.role, t.name AS tap, f.frame FROM finding_frame AS f"
        " JOIN tap AS t ON t.id = f.tap_id ORDER BY f.finding_id, f.number");
    REQUIRE(rows);
    REQUIRE(frames);
    for (std::size_t i = 0; i < rows->rows.size(); ++i) {
      found_.push_back({rows->integer(i, "id"),
                        rows->text(i, "code"),
                        rows->text(i, "variant"),
                        rows->text(i, "severity"),
                        rows->text(i, "confidence"),
                        rows->integer(i, "count"),
                        rows->text(i, "text"),
                        nlohmann::json::parse(rows->text(i, "facts")),
                        rows->integer(i, "explained_by"),
                        {}});
    }
    for (std::size_t i = 0; i < frames->rows.size(); ++i) {
      found_[static_cast<std::size_t>(frames->integer(i, "finding_id")) - 1].frames.push_back(
          {frames->text(i, "role"), frames->text(i, "tap"), frames->integer(i, "frame")});
    }
  }

  std::array<std::string, 2> names_;
  std::array<std::vector<SceneFrame>, 2> taps_;
  std::array<std::uint32_t, 2> link_types_{};
  std::int64_t start_ = 0;
  std::uint16_t ip_id_ = 40'000;
  TempDir folder_;
  pipeline::AnalysisOptions options_;
  std::map<std::pair<std::string, std::string>, std::int64_t> numbers_;
  std::unique_ptr<store::Database> database_;
  std::vector<Found> found_;
  bool done_ = false;
};

}  // namespace natlens::test
