// Promises about who reaches whom: no-leak, connects, isolated, tunnelled.
#include <algorithm>

#include <fmt/format.h>

#include "kinds.h"

namespace natlens::verify {
namespace {

std::int64_t integer(const store::Value& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  return number == nullptr ? 0 : *number;
}

// Connections of a tap, in order.
constexpr std::string_view kConnections =
    "SELECT id, protocol, src, sport, dst, dport, first_file_id, first_frame, start_ns, ttl,"
    " original_packets, reply_packets, depth, state, close_reason FROM connection"
    " WHERE tap_id = ?1 ORDER BY id";

struct Seen {
  Sight sight;
  std::string state;
  bool inside_something = false;  // carried by another connection
};

Seen seen_of(std::span<const store::Value> row, std::int64_t tap) {
  Seen seen;
  Sight& s = seen.sight;
  s.tap = tap;
  s.connection = integer(row[0]);
  s.tuple.protocol = protocol_number(store::to_text(row[1])).value_or(0);
  s.tuple.src = Address::parse(store::to_text(row[2])).value_or(Address());
  s.tuple.src_port = static_cast<std::uint16_t>(integer(row[3]));
  s.tuple.dst = Address::parse(store::to_text(row[4])).value_or(Address());
  s.tuple.dst_port = static_cast<std::uint16_t>(integer(row[5]));
  s.file = integer(row[6]);
  s.frame = static_cast<std::uint32_t>(integer(row[7]));
  s.start_ns = integer(row[8]);
  s.ttl = static_cast<std::uint16_t>(integer(row[9]));
  s.packets = static_cast<std::uint32_t>(integer(row[10]));
  s.replies = static_cast<std::uint32_t>(integer(row[11]));
  seen.inside_something = integer(row[12]) > 0;
  seen.state = store::to_text(row[13]);
  s.untracked = store::to_text(row[14]) == "untracked";
  return seen;
}

Result<void> each_seen(const Context& c, std::int64_t tap, const auto& use) {
  const std::array<store::Value, 1> parameters{tap};
  return c.scene.database.each(
      kConnections, parameters, [](std::span<const std::string>) {},
      [&](std::span<const store::Value> row) {
        use(seen_of(row, tap));
        return true;
      });
}

}  // namespace

// A connection that a private source opens on the outside; what is answered there is no leak.
Judged judge_no_leak(const Context& c, const Assertion& a, Outcome& o) {
  auto tap = tap_value(c, a, "tap");
  if (!tap) return tap.error();
  const Value* prefixes = a.find("prefixes");
  std::vector<std::int64_t> taps;
  if (*tap != nullptr) {
    taps.push_back((*tap)->id);
  } else {
    for (const Flow& flow : c.scene.flows) {
      const bool nat = flow.kind == Kind::kSnat || flow.kind == Kind::kDnat;
      const std::int64_t outer = flow.outside().tap;
      if (nat && std::find(taps.begin(), taps.end(), outer) == taps.end())
        taps.push_back(outer);
    }
  }
  o.unit = "connections";
  o.needs = "traffic that leaves by that tap";
  for (const std::int64_t id : taps) {
    auto done = each_seen(c, id, [&](const Seen& seen) {
      const Tuple& tuple = seen.sight.tuple;
      if (seen.inside_something || tuple.dst.is_multicast()) return;
      ++o.subjects;
      const bool leaks = prefixes != nullptr
                             ? prefixes->addresses.contains(tuple.src)
                             : tuple.src.is_private() && !tuple.dst.is_private();
      if (!leaks) return;
      Counterexample e = example_of(c, seen.sight);
      e.expected = "no private source";
      e.got = fmt::format("source {}, {} packets", to_string(tuple.src), seen.sight.packets);
      e.violation = "leak";
      if (seen.sight.untracked) {
        e.why = "no entry: a packet that tracking refuses (INVALID) is not translated";
      }
      for (const Flow& flow : c.scene.flows) {
        if (flow.left.connection != seen.sight.connection) continue;
        e.frames.insert(e.frames.begin(), c.scene.frame_of(flow.entered));
        break;
      }
      o.finding = "LEAK-PRIVATE-SOURCE";
      violate(c, o, std::move(e));
    });
    if (!done) return done;
  }
  return {};
}

Judged judge_connects(const Context& c, const Assertion& a, Outcome& o) {
  const Value* expect = a.find("expect");
  const std::string wanted = expect == nullptr ? "established" : expect->text;
  auto tap = tap_value(c, a, "tap");
  if (!tap) return tap.error();
  o.needs = "a TCP connection from there to there";
  o.unit = "connections";
  for (const Tap& one : c.scene.taps) {
    if (*tap != nullptr && one.id != (*tap)->id) continue;
    auto done = each_seen(c, one.id, [&](const Seen& seen) {
      const Sight& s = seen.sight;
      if (s.tuple.protocol != protocol::kTcp || s.untracked || !in_scope(c, a, s)) return;
      ++o.subjects;
      const bool opening = seen.state == "SYN_SENT" || seen.state == "SYN_SENT2" ||
                           seen.state == "SYN_RECV" || seen.state.empty();
      const bool refused = seen.state == "CLOSE" && s.replies <= 1 && s.packets <= 2;
      const std::string got = s.replies == 0 ? "silent"
                              : refused      ? "refused"
                              : opening      ? "silent"
                                             : "established";
      if (got == wanted) return;
      Counterexample e = example_of(c, s);
      e.expected = wanted;
      e.got = got;
      e.violation = "not-" + wanted;
      violate(c, o, std::move(e));
    });
    if (!done) return done;
  }
  return {};
}

// `from` and `to` are taps, or addresses.
Judged judge_isolated(const Context& c, const Assertion& a, Outcome& o) {
  const Value* to = a.find("to");
  o.needs = "traffic of the isolated side";
  const auto arrives = [&](const Sight& s) {
    if (to == nullptr) return true;
    if (to->addresses.tap.empty()) return to->addresses.contains(s.tuple.dst);
    const Tap* tap = tap_of(c, to->addresses.tap);
    return tap != nullptr && tap->id == s.tap;
  };
  for (const Flow& flow : c.scene.flows) {
    if (!in_scope(c, a, flow.entered)) continue;
    ++o.subjects;
    if (!arrives(flow.left)) continue;
    Counterexample e = example_of(c, flow);
    e.expected = "nothing of it there";
    e.got = "seen at " + c.scene.tap_name(flow.left.tap);
    e.violation = "not-isolated";
    violate(c, o, std::move(e));
  }
  for (const Alone& alone : c.scene.alone) o.subjects += in_scope(c, a, alone.sight) ? 1 : 0;
  return {};
}

// What leaves to `to` outside a tunnel, at the tap `outside` or anywhere.
Judged judge_tunnelled(const Context& c, const Assertion& a, Outcome& o) {
  const Value* kinds = a.find("tunnel");
  const auto carriers = c.scene.database.query(
      "SELECT DISTINCT coalesce(carrier_id, 0), kind, connection_id FROM encapsulation");
  if (!carriers) return carriers.error();
  std::vector<std::int64_t> carrying;
  for (const auto& row : carriers->rows) {
    const std::string kind = store::to_text(row[1]);
    const bool counts = kinds == nullptr || std::find(kinds->words.begin(), kinds->words.end(),
                                                      kind) != kinds->words.end();
    if (!counts) continue;
    carrying.push_back(integer(row[0]));
    ++o.subjects;
  }
  std::sort(carrying.begin(), carrying.end());
  o.unit = "connections";
  o.needs = "traffic while the tunnel is up";
  if (o.subjects == 0) {
    o.message = "no tunnel was seen up";
    return {};
  }
  auto outside = tap_value(c, a, "outside");
  if (!outside) return outside.error();
  for (const Tap& tap : c.scene.taps) {
    if (*outside != nullptr && tap.id != (*outside)->id) continue;
    auto done = each_seen(c, tap.id, [&](const Seen& seen) {
      const Tuple& tuple = seen.sight.tuple;
      const bool carrier =
          std::binary_search(carrying.begin(), carrying.end(), seen.sight.connection);
      if (seen.inside_something || carrier || tuple.dst.is_multicast() ||
          !in_scope(c, a, seen.sight) || (tuple.src.is_private() && tuple.dst.is_private())) {
        return;
      }
      ++o.subjects;
      Counterexample e = example_of(c, seen.sight);
      e.expected = "inside the tunnel";
      e.got = "beside it, at " + tap.name;
      e.violation = "beside-tunnel";
      o.finding = "VPN-LEAK";
      violate(c, o, std::move(e));
    });
    if (!done) return done;
  }
  return {};
}

}  // namespace natlens::verify
