#include "track_routed.h"

#include <array>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace natlens::report {
namespace {

namespace status = conntrack::status;

struct Bit {
  std::uint32_t bit;
  std::string_view name;
};
constexpr auto kBits = std::to_array<Bit>({{status::kExpected, "EXPECTED"},
                                           {status::kSeenReply, "SEEN_REPLY"},
                                           {status::kAssured, "ASSURED"},
                                           {status::kConfirmed, "CONFIRMED"},
                                           {status::kSrcNat, "SRC_NAT"},
                                           {status::kDstNat, "DST_NAT"},
                                           {status::kSeqAdjust, "SEQ_ADJUST"},
                                           {status::kSrcNatDone, "SRC_NAT_DONE"},
                                           {status::kDstNatDone, "DST_NAT_DONE"},
                                           {status::kDying, "DYING"},
                                           {status::kFixedTimeout, "FIXED_TIMEOUT"},
                                           {status::kHelper, "HELPER"}});

std::string status_text(std::uint32_t bits) {
  std::string out;
  for (const Bit& bit : kBits) {
    if ((bits & bit.bit) != 0) {
      out += out.empty() ? "" : "|";
      out += bit.name;
    }
  }
  return out;
}

// Forwarding alone changes the TTL and the header's checksum.
bool only_forwarded(ByteView before, ByteView after) {
  if (before.size() != after.size() || before.empty()) {
    return false;
  }
  const bool v6 = (before[0] >> 4) == 6;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const bool may_change = v6 ? i == 7 : i == 8 || i == 10 || i == 11;
    if (before[i] != after[i] && !may_change) {
      return false;
    }
  }
  return true;
}

void put_emitted(std::string& out, const ruleset::Emitted& emitted) {
  fmt::format_to(std::back_inserter(out), "{{\"side\":\"{}\",\"ip\":\"",
                 emitted.interface == 0 ? 'A' : 'B');
  for (const std::uint8_t byte : emitted.ip) {
    fmt::format_to(std::back_inserter(out), "{:02x}", byte);
  }
  out += "\"}";
}

}  // namespace

void put_routed_entry(std::string& out,
                      const conntrack::EntryView& entry,
                      const std::string& master) {
  if (entry.connection == 0) {
    return;
  }
  const auto end = std::back_inserter(out);
  fmt::format_to(end, ",\"status\":\"{}\"", status_text(entry.status));
  if (!entry.helper.empty()) {
    fmt::format_to(end, ",\"helper\":\"{}\"", entry.helper);
  }
  if (!master.empty()) {
    fmt::format_to(end, ",\"master\":\"{}\"", master);
  }
  if ((entry.status & status::kSeqAdjust) != 0) {
    static constexpr std::array<std::string_view, 2> kNames{"orig", "reply"};
    for (std::size_t d = 0; d < 2; ++d) {
      const conntrack::SequenceOffsets& side = entry.offsets[d];
      fmt::format_to(end, ",\"seqadj_{}\":[{},{},{}]", kNames[d], side.position, side.before,
                     side.after);
    }
  }
}

void put_routed_packet(std::string& out,
                       const ruleset::Passed& passed,
                       const decode::Layer& layer) {
  const bool through = passed.out.size() == 1 && !passed.out[0].own &&
                       only_forwarded(layer.ip, passed.out[0].ip);
  if (!through) {
    out += ",\"out\":[";
    for (const ruleset::Emitted& emitted : passed.out) {
      out += &emitted == &passed.out.front() ? "" : ",";
      put_emitted(out, emitted);
    }
    out += ']';
  }
  if (passed.fate != ruleset::Fate::kForwarded) {
    out += fmt::format(",\"fate\":\"{}\"", ruleset::to_string(passed.fate));
  }
  if (passed.rule != nullptr) {
    out += fmt::format(",\"rule\":{}",
                       nlohmann::json(ruleset::to_string(passed.rule->place)).dump());
  }
  if (passed.by_chance) {
    out += ",\"by_chance\":true";
  }
  if (passed.doubt != nullptr) {
    out += fmt::format(",\"inconclusive\":{}",
                       nlohmann::json(ruleset::to_string(passed.doubt->place)).dump());
  } else if (passed.doubtful) {
    out += ",\"inconclusive\":true";
  }
}

}  // namespace natlens::report
