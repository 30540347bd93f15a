// Agreement with the Linux kernel where rules translate: every key of every packet, and every
// packet that came out, byte by byte.
//
// Where the kernel chose a port at random (`random` in the header) its choice is taken, if the
// engine says that it is one by chance and in its range: the engine asks for it as a replay
// with
// --ports-from does. Identification of the router's own answers varies.
#include <map>
#include <set>

#include <fmt/format.h>

#include "natlens/capture/source.h"
#include "natlens/decode/decoder.h"
#include "natlens/report/track_text.h"
#include "natlens/ruleset/parse.h"
#include "natlens/ruleset/router.h"

#include "conntrack_golden.h"
#include "support/catch.h"

namespace natlens::test {
namespace {

using nlohmann::json;

// The router of the goldens (their README).
ruleset::RouterSetup golden_router(const ConntrackGolden& golden) {
  ruleset::RouterSetup setup;
  setup.answers = true;
  setup.interfaces.resize(2);
  setup.interfaces[0].name = "kor0";
  setup.interfaces[1].name = "kor1";
  for (const auto& prefix : golden.header["inside"]) {
    setup.interfaces[0].behind.push_back(*ruleset::parse_prefix(prefix.get<std::string>()));
  }
  setup.interfaces[1].behind = {*ruleset::parse_prefix("0.0.0.0/0"),
                                *ruleset::parse_prefix("::/0")};
  setup.interfaces[0].addresses = {*Address::parse("192.168.255.1"),
                                   *Address::parse("fd00:ffff::1")};
  setup.interfaces[1].addresses = {*Address::parse("198.51.100.1"),
                                   *Address::parse("2001:db8:ff::1")};
  return setup;
}

std::vector<std::uint8_t> bytes_of(const std::string& hex) {
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return out;
}

// Events and the entry numbers in them, as they are; late removals are the kernel's whim.
std::vector<std::string> events_of(const json& row) {
  std::vector<std::string> out;
  for (const auto& e : row.value("ev", json::array())) {
    const auto text = e.get<std::string>();
    if (!text.starts_with("DESTROY") || text.find(" t=") != std::string::npos)
      out.push_back(text);
  }
  return out;
}

// Identification and header checksum of the router's own answers are not compared.
json comparable_out(const json& row) {
  if (!row.contains("out")) return {};
  json out = row["out"];
  for (auto& item : out) {
    if (!item.is_object()) continue;
    auto ip = bytes_of(item["ip"].get<std::string>());
    const bool own = ip.size() > 20 && (ip[0] >> 4) == 4 && ip[1] == 0xc0;
    if (own) {
      ip[4] = ip[5] = ip[10] = ip[11] = 0;
      std::string hex;
      for (const auto byte : ip) hex += fmt::format("{:02x}", byte);
      item["ip"] = hex;
    }
  }
  return out;
}

std::string differences(const json& golden, const json& result, std::map<long, long>& numbers) {
  std::string out;
  for (const char* key :
       {"class", "dir", "state", "f", "ws", "fl", "vtag", "t", "orig", "reply", "status",
        "helper", "master", "seqadj_orig", "seqadj_reply"}) {
    if (golden.contains("orig") || result.contains("orig") || std::string(key) == "class") {
      const json a = golden.value(key, json());
      const json b = result.value(key, json());
      if (a != b) out += fmt::format(" {}: {} but {}", key, a.dump(), b.dump());
    }
  }
  const json a = golden.value("ct", json());
  const json b = result.value("ct", json());
  const bool same =
      a == b ||
      (a.is_number() && b.is_number() &&
       numbers.try_emplace(a.get<long>(), b.get<long>()).first->second == b.get<long>());
  if (!same) out += fmt::format(" ct: {} but {}", a.dump(), b.dump());
  return out;
}

struct Frames {
  explicit Frames(const std::filesystem::path& path) {
    capture::SourceSpec spec;
    spec.files.push_back(path.string());
    auto opened = capture::Source::open(spec);
    REQUIRE(opened);
    source = std::move(*opened);
  }
  template <typename Visit>
  void each(Visit visit) {
    decode::Decoder decoder;
    decode::DecodedFrame decoded;
    for (auto frames = source->next(32); !frames.empty(); frames = source->next(32)) {
      for (const auto& frame : frames) {
        decoder.decode(frame, decoded);
        visit(frame, decoded);
      }
    }
  }
  std::unique_ptr<capture::Source> source;
};

// What the kernel drew for the packet at hand, from the reply tuple that it gave to the entry.
std::optional<std::uint16_t> drawn_port(const json& row) {
  if (!row.contains("reply")) return std::nullopt;
  const auto reply = row["reply"].get<std::string>();
  const auto id = reply.find(",id=");
  const auto at = id != std::string::npos ? id + 4 : reply.rfind(',') + 1;
  if (at == 0) return std::nullopt;
  return static_cast<std::uint16_t>(std::stoul(reply.substr(at)));
}

}  // namespace

TEST_CASE("golden: every packet that rules translate is what the kernel sent",
          "[golden][nat]") {
  std::size_t goldens = 0;
  for (const auto& golden : load_conntrack_goldens()) {
    const auto rules = golden.header["rules"].get<std::string>();
    if (rules.empty()) continue;
    ++goldens;
    DYNAMIC_SECTION(golden.name) {
      const auto parsed = ruleset::parse(rules, golden.name + ".nft");
      INFO((parsed ? "" : parsed.error().message));
      REQUIRE(parsed);
      CHECK(parsed->gaps.empty());
      conntrack::Options options;
      REQUIRE(options.set_sysctl("nf_conntrack_checksum", "1"));
      for (const auto& [key, value] : golden.header["sysctls"].items()) {
        REQUIRE(options.set_sysctl(key, std::to_string(value.get<long>())));
      }
      std::size_t i = 0;
      auto setup = golden_router(golden);
      if (golden.header.value("random", false)) {
        setup.actual_port = [&](const Tuple&, bool) { return drawn_port(golden.packets[i]); };
      }
      report::TrackJsonl track(options, *parsed, std::move(setup));
      std::map<long, long> numbers;
      Frames(golden.capture).each([&](const auto& frame, const auto& decoded) {
        REQUIRE(i < golden.packets.size());
        const json& expected = golden.packets[i];
        const auto result = json::parse(track.line(frame, decoded));
        INFO("packet " << i << ": " << result.dump() << "\nexpected " << expected.dump());
        CHECK(differences(expected, result, numbers) == "");
        CHECK(events_of(expected) == events_of(result));
        if (!golden.header.contains("starts")) {  // random sequences came without what left
          CHECK(comparable_out(expected) == comparable_out(result));
        }
        CHECK_FALSE(result.contains("inconclusive"));
        ++i;
      });
      CHECK(i == golden.packets.size());
    }
  }
  CHECK(goldens == 43);
}

}  // namespace natlens::test
