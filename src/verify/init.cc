#include "init.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "behaviours.h"
#include "kinds.h"

namespace natlens::verify {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

struct NatPair {
  std::set<std::string> inside;                 // prefixes of inside sources
  std::set<std::string> pool;                   // external addresses
  std::map<std::string, std::string> forwards;  // "tcp listen" -> target
  std::uint64_t source = 0;
};

std::map<std::pair<std::int64_t, std::int64_t>, NatPair> nat_pairs(const Scene& scene) {
  constexpr std::size_t kMost = 64;
  std::map<std::pair<std::int64_t, std::int64_t>, NatPair> pairs;
  for (const Flow& flow : scene.flows) {
    if (flow.entered.tap == flow.left.tap) continue;
    const Tuple& before = flow.entered.tuple;
    const Tuple& after = flow.left.tuple;
    NatPair& pair = pairs[{flow.inside().tap, flow.outside().tap}];
    if (flow.kind == Kind::kSnat && flow.entered_inside) {
      if (pair.inside.size() < kMost) pair.inside.insert(prefix_text(before.src));
      if (pair.pool.size() < kMost) pair.pool.insert(to_string(after.src));
      ++pair.source;
    }
    const bool forwarded = (flow.kind == Kind::kDnat || flow.kind == Kind::kTwice) &&
                           !flow.entered_inside && has_ports(before.protocol);
    if (forwarded && pair.forwards.size() < kMost) {
      pair.forwards[protocol_name(before.protocol) + " " + destination_text(before)] =
          destination_text(after);
    }
  }
  std::erase_if(
      pairs, [](const auto& p) { return p.second.source == 0 && p.second.forwards.empty(); });
  return pairs;
}

std::string list_of(const std::set<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + quoted(word);
  return "[" + out + "]";
}

std::string assertion(std::string_view id, std::string_view kind, const std::string& rest) {
  return fmt::format("\n[[assert]]\nid   = {}\nkind = \"{}\"\n{}", quoted(id), kind, rest);
}

// Classes that were decided; undetermined ones as comments with what would decide them.
std::string behaviours(const std::vector<BehaviourRow>& rows) {
  struct Kept {
    std::string_view property;
    std::string_view kind;
  };
  std::string out;
  std::set<std::string> seen;
  for (const BehaviourRow& row : rows) {
    for (const Kept& kept : {Kept{"mapping", "mapping"}, Kept{"filtering", "filtering"},
                             Kept{"pooling", "pooling"}, Kept{"port_preservation", "ports"},
                             Kept{"hairpinning", "hairpin"}}) {
      if (row.property != kept.property) continue;
      std::string id =
          fmt::format("{}{}{}", row.protocol, row.protocol.empty() ? "" : "-", kept.kind);
      if (!seen.insert(id).second) continue;
      if (row.value.empty()) {
        out += fmt::format("\n# {}: undetermined; send {}\n", id, row.needs);
        continue;
      }
      const auto comma = kept.kind == "pooling" ? std::string::npos : row.value.find(',');
      out += assertion(
          id, kept.kind,
          (row.protocol.empty() ? "" : fmt::format("proto = \"{}\"\n", row.protocol)) +
              fmt::format("is   = [{}]\n", quoted(plain_word(row.value.substr(0, comma)))));
    }
    if (row.property != "timeout" || row.value.empty()) continue;
    const Interval interval = interval_of(row.value);
    const std::string id = row.protocol + "-lives";
    if (!seen.insert(id).second) continue;
    if (interval.low > 0) {
      out += assertion(id, "survives",
                       fmt::format("class = \"{}\"\nat-least = \"{:.0f}s\"  # seen: {}\n",
                                   row.protocol, interval.low, row.value));
    }
  }
  return out;
}

}  // namespace

Result<std::string> write_policy(const Scene& scene) {
  const auto rows = load_behaviours(scene.database, "");
  if (!rows) return rows.error();
  const auto pairs = nat_pairs(scene);
  std::string out = fmt::format(
      "# What this capture showed, as promises. Keep what is meant, correct what is not.\n"
      "version = 1\n\n[names]\n");
  std::string asserts;
  std::size_t number = 0;
  for (const auto& [taps, pair] : pairs) {
    const std::string suffix = ++number == 1 ? "" : fmt::format("-{}", number);
    const std::string where = fmt::format("# between {} and {}\n", scene.tap_name(taps.first),
                                          scene.tap_name(taps.second));
    if (pair.source > 0) {
      out += fmt::format("inside{} = {}\npool{} = {}\n", suffix, list_of(pair.inside), suffix,
                         list_of(pair.pool));
      asserts += assertion(
          "leaves-by-pool" + suffix, "translate",
          fmt::format("from = \"inside{0}\"\nas   = \"pool{0}\"\n{1}", suffix, where));
      asserts += assertion("no-private-source" + suffix, "no-leak",
                           fmt::format("tap  = {}\n", quoted(scene.tap_name(taps.second))));
    }
    for (const auto& [listen, target] : pair.forwards) {
      const auto space = listen.find(' ');
      std::string id = "forward-" + plain_word(listen) + suffix;
      std::replace(id.begin(), id.end(), ':', '-');
      asserts += assertion(
          id, "forward",
          fmt::format("proto = \"{}\"\nlisten = {}\ntarget = {}\n", listen.substr(0, space),
                      quoted(listen.substr(space + 1)), quoted(target)));
    }
  }
  if (pairs.empty()) out += "# no translation was seen\n";
  asserts += assertion("nothing-else-published", "no-forward", "");
  asserts += assertion("nothing-lost", "loss", "max  = \"0.1%\"\n");
  return out + asserts + behaviours(*rows);
}

std::string policy_text(const Policy& policy) {
  std::string out = policy.file + "\n";
  for (const auto& [name, set] : policy.names) {
    out += fmt::format("  name {} = {}\n", name, to_text(set));
  }
  for (const auto& [name, tap] : policy.taps) out += fmt::format("  tap {} = {}\n", name, tap);
  for (const Assertion& a : policy.assertions) {
    out += fmt::format("  {} {}, line {}\n", a.kind, a.id, a.place.line);
    for (const auto& [key, value] : a.values) {
      if (key == "id" || key == "kind") continue;
      const bool ends = !value.addresses.ranges.empty() || value.addresses.any ||
                        !value.addresses.tap.empty();
      std::string text = ends ? to_text(value.addresses) : value.text;
      if (ends && !value.ports.ranges.empty()) text += " port " + to_text(value.ports);
      if (value.words.size() > 1) text = fmt::format("{}", fmt::join(value.words, ", "));
      out += fmt::format("    {} = {}\n", key, text);
    }
  }
  for (const Waiver& waiver : policy.waivers) {
    out += fmt::format("  waiver of {} until {}: {}\n",
                       waiver.code.empty() ? waiver.assertion : waiver.code, waiver.until,
                       waiver.reason);
  }
  return out;
}

}  // namespace natlens::verify
