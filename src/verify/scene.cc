#include "scene.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace natlens::verify {
namespace {

constexpr std::array<std::string_view, 11> kKinds{"bridged", "routed",  "snat",  "dnat",
                                                  "twice",   "hairpin", "nat64", "nat46",
                                                  "npt",     "proxy",   "tunnel"};

constexpr std::size_t kSideColumns = 21;

// Columns of one side of a translation: `c` is its connection.
std::string side_columns(std::string_view side, std::string_view c) {
  std::string out;
  for (const char* column :
       {"tap_id", "connection_id", "protocol", "src", "sport", "dst", "dport"})
    out += fmt::format(", t.{}_{}", side, column);
  for (const char* column :
       {"icmp_type", "icmp_code", "first_file_id", "first_frame", "start_ns", "last_ns",
        "tcp_flags", "ttl", "ip_bytes", "original_packets", "reply_packets", "close_reason",
        "beginning_seen", "master_id"})
    out += fmt::format(", {}.{}", c, column);
  return out;
}

std::string flows_query() {
  return "SELECT t.translation_id, t.kind, t.opened_from, t.start_ns, t.end_ns" +
         side_columns("inside", "i") + side_columns("outside", "o") +
         " FROM translation_tuples AS t JOIN connection AS i ON i.id = t.inside_connection_id"
         " JOIN connection AS o ON o.id = t.outside_connection_id"
         " WHERE t.kind <> 'tunnel' ORDER BY t.translation_id";
}

constexpr std::string_view kAlone =
    "SELECT u.reason = 'nothing_in_common', c.tap_id, c.id, c.protocol, c.src, c.sport, c.dst,"
    " c.dport, c.icmp_type, c.icmp_code, c.first_file_id, c.first_frame, c.start_ns, c.last_ns,"
    " c.tcp_flags, c.ttl, c.ip_bytes, c.original_packets, c.reply_packets, c.close_reason,"
    " c.beginning_seen, c.master_id FROM unpaired AS u JOIN connection AS c"
    " ON c.id = u.connection_id ORDER BY c.id";

using Row = std::span<const store::Value>;

std::int64_t number(const store::Value& value) {
  const auto* integer = std::get_if<std::int64_t>(&value);
  return integer == nullptr ? 0 : *integer;
}
std::string_view word(const store::Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

Sight read_sight(Row row) {
  Sight s;
  s.tap = number(row[0]);
  s.connection = number(row[1]);
  s.tuple.protocol = protocol_number(word(row[2])).value_or(0);
  s.tuple.src = Address::parse(word(row[3])).value_or(Address());
  s.tuple.src_port = static_cast<std::uint16_t>(number(row[4]));
  s.tuple.dst = Address::parse(word(row[5])).value_or(Address());
  s.tuple.dst_port = static_cast<std::uint16_t>(number(row[6]));
  if (s.tuple.protocol == protocol::kIcmp || s.tuple.protocol == protocol::kIcmpv6) {
    s.tuple.dst_port =
        static_cast<std::uint16_t>(number(row[7]) << 8 | (number(row[8]) & 0xff));
  }
  s.file = number(row[9]);
  s.frame = static_cast<std::uint32_t>(number(row[10]));
  s.start_ns = number(row[11]);
  s.last_ns = number(row[12]);
  s.tcp_flags = static_cast<std::uint16_t>(number(row[13]));
  s.ttl = static_cast<std::uint16_t>(number(row[14]));
  s.bytes = static_cast<std::uint32_t>(number(row[15]));
  s.packets = static_cast<std::uint32_t>(number(row[16]));
  s.replies = static_cast<std::uint32_t>(number(row[17]));
  s.untracked = word(row[18]) == "untracked";
  s.beginning_seen = number(row[19]) != 0;
  s.expected = number(row[20]) != 0;
  return s;
}

Result<void> load_taps(store::Database& database, Scene& scene) {
  const auto taps = database.query(
      "SELECT id, name, interface, first_ns, last_ns, frames FROM tap ORDER BY id");
  if (!taps) return taps.error();
  for (const auto& row : taps->rows) {
    scene.taps.push_back({number(row[0]), std::string(word(row[1])), std::string(word(row[2])),
                          number(row[3]), number(row[4]),
                          static_cast<std::uint64_t>(number(row[5]))});
  }
  const auto files = database.query("SELECT id, path FROM file ORDER BY id");
  if (!files) return files.error();
  for (const auto& row : files->rows) {
    scene.files.emplace_back(number(row[0]), std::string(word(row[1])));
  }
  return {};
}

}  // namespace

bool Flow::changed() const {
  const Tuple& a = entered.tuple;
  const Tuple& b = left.tuple;
  return a.src != b.src || a.dst != b.dst || a.src_port != b.src_port ||
         a.dst_port != b.dst_port;
}

Result<Scene> Scene::load(store::Database& database, const std::string& called) {
  Scene scene{database, called, {}, {}, {}, {}};
  if (auto done = load_taps(database, scene); !done) return done.error();
  const auto nothing = [](std::span<const std::string>) {};
  auto done = database.each(flows_query(), {}, nothing, [&](Row row) {
    Flow flow;
    flow.translation = number(row[0]);
    const auto kind = std::find(kKinds.begin(), kKinds.end(), word(row[1]));
    flow.kind = static_cast<Kind>(kind - kKinds.begin());
    flow.entered_inside = word(row[2]) != "outside";
    flow.start_ns = number(row[3]);
    flow.end_ns = number(row[4]);
    flow.entered = read_sight(row.subspan(5, kSideColumns));
    flow.left = read_sight(row.subspan(5 + kSideColumns, kSideColumns));
    if (!flow.entered_inside) std::swap(flow.entered, flow.left);
    scene.flows.push_back(flow);
    return true;
  });
  if (!done) return done.error();
  done = database.each(kAlone, {}, nothing, [&](Row row) {
    scene.alone.push_back({read_sight(row.subspan(1)), number(row[0]) != 0});
    return true;
  });
  if (!done) return done.error();
  return scene;
}

const Tap* Scene::tap(std::string_view wanted) const {
  const auto found =
      std::find_if(taps.begin(), taps.end(), [&](const Tap& t) { return t.name == wanted; });
  return found == taps.end() ? nullptr : &*found;
}

const std::string& Scene::tap_name(std::int64_t id) const {
  static const std::string kNone = "?";
  const auto found =
      std::find_if(taps.begin(), taps.end(), [&](const Tap& t) { return t.id == id; });
  return found == taps.end() ? kNone : found->name;
}

FrameRef Scene::frame_of(const Sight& sight) const {
  FrameRef ref;
  ref.tap = tap_name(sight.tap);
  const auto file = std::find_if(files.begin(), files.end(),
                                 [&](const auto& f) { return f.first == sight.file; });
  if (file != files.end()) ref.file = file->second;
  ref.frame = sight.frame;
  ref.time_ns = sight.start_ns;
  ref.note = fmt::format("source {} (TTL {})", source_text(sight.tuple), sight.ttl);
  return ref;
}

bool has_ports(std::uint8_t protocol) {
  return protocol == protocol::kTcp || protocol == protocol::kUdp ||
         protocol == protocol::kUdpLite || protocol == protocol::kSctp ||
         protocol == protocol::kDccp;
}

std::string source_text(const Tuple& tuple) {
  if (has_ports(tuple.protocol)) return to_string(Endpoint{tuple.src, tuple.src_port});
  return to_string(tuple.src);
}

std::string destination_text(const Tuple& tuple) {
  if (has_ports(tuple.protocol)) return to_string(Endpoint{tuple.dst, tuple.dst_port});
  return to_string(tuple.dst);
}

std::string flow_text(const Tuple& tuple) {
  const bool icmp = tuple.protocol == protocol::kIcmp || tuple.protocol == protocol::kIcmpv6;
  return fmt::format("{} {} -> {}{}", protocol_name(tuple.protocol), source_text(tuple),
                     destination_text(tuple),
                     icmp ? fmt::format(" id {}", tuple.src_port) : "");
}

std::string prefix_text(const Address& address) {
  const auto bytes = address.bytes();
  if (address.is_v4()) {
    std::array<std::uint8_t, 4> masked{bytes[0], bytes[1], bytes[2], 0};
    return to_string(Address::v4(masked)) + "/24";
  }
  std::array<std::uint8_t, 16> masked{};
  std::copy_n(bytes.begin(), std::min<std::size_t>(8, bytes.size()), masked.begin());
  return to_string(Address::v6(masked)) + "/64";
}

}  // namespace natlens::verify
