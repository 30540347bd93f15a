// The picture of a capture for diagnosis. The connections that it holds are first written down
// in a temporary table; every other statement joins with that, so what is read is bounded
// whatever the database holds.
#include "picture.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "file_writer.h"
#include "schema.h"

namespace natlens::store {
namespace {

// What is out of the ordinary, and as many others.
constexpr const char* kChosen = R"(
INSERT OR IGNORE INTO temp.chosen SELECT connection_id FROM packet_note
 WHERE connection_id IS NOT NULL GROUP BY connection_id LIMIT {0};
INSERT OR IGNORE INTO temp.chosen SELECT connection_id FROM unpaired LIMIT {0};
INSERT OR IGNORE INTO temp.chosen SELECT connection_id FROM invalid
 WHERE connection_id IS NOT NULL LIMIT {0};
INSERT OR IGNORE INTO temp.chosen SELECT connection_id FROM packet_fate LIMIT {0};
INSERT OR IGNORE INTO temp.chosen SELECT connection_id FROM tunnelled LIMIT {0};
INSERT OR IGNORE INTO temp.chosen SELECT inside_connection_id FROM translation
 WHERE id IN (SELECT translation_id FROM packet_account LIMIT {0});
INSERT OR IGNORE INTO temp.chosen SELECT inside_connection_id FROM translation LIMIT {0} / 2;)";

// The same of a capture that goes on: the newest. {1}: what ended before is not looked at.
constexpr const char* kChosenNewest = R"(
INSERT OR IGNORE INTO temp.chosen SELECT connection_id FROM packet_note
 WHERE connection_id IS NOT NULL ORDER BY id DESC LIMIT {0};
INSERT OR IGNORE INTO temp.chosen SELECT u.connection_id FROM connection AS c
  JOIN unpaired AS u ON u.connection_id = c.id
 WHERE c.close_reason <> 'end' AND c.end_ns >= {1} ORDER BY c.end_ns DESC LIMIT {0};
INSERT OR IGNORE INTO temp.chosen SELECT connection_id FROM invalid
 WHERE connection_id IS NOT NULL ORDER BY id DESC LIMIT {0};
INSERT OR IGNORE INTO temp.chosen SELECT connection_id FROM packet_fate ORDER BY id DESC LIMIT {0};
INSERT OR IGNORE INTO temp.chosen SELECT connection_id FROM tunnelled ORDER BY id DESC LIMIT {0};
INSERT OR IGNORE INTO temp.chosen SELECT inside_connection_id FROM translation
 WHERE id IN (SELECT translation_id FROM packet_account ORDER BY translation_id DESC LIMIT {0});
INSERT OR IGNORE INTO temp.chosen SELECT inside_connection_id FROM translation
 ORDER BY id DESC LIMIT {0} / 2;)";

// ... and the partners of all of them.
constexpr const char* kPartners = R"(
INSERT OR IGNORE INTO temp.chosen SELECT t.outside_connection_id FROM translation AS t
  JOIN temp.chosen AS c ON c.id = t.inside_connection_id;
INSERT OR IGNORE INTO temp.chosen SELECT t.inside_connection_id FROM translation AS t
  JOIN temp.chosen AS c ON c.id = t.outside_connection_id;)";

}  // namespace

std::array<std::uint8_t, 6> parse_mac(std::string_view text) {
  std::array<std::uint8_t, 6> out{};
  for (std::size_t i = 0; i < out.size() && i * 3 + 1 < text.size(); ++i) {
    const auto digit = [&](char c) {
      return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    };
    out[i] = static_cast<std::uint8_t>(digit(text[i * 3]) << 4 | digit(text[i * 3 + 1]));
  }
  return out;
}

bool PictureReader::run(const char* sql) {
  return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

bool PictureReader::each(std::string_view sql, const Use& use) {
  const Statement select(db_, sql);
  if (!select.prepared()) return false;
  int result = sqlite3_step(select.get());
  for (; result == SQLITE_ROW; result = sqlite3_step(select.get())) {
    Columns columns(select.get());
    use(columns);
  }
  return result == SQLITE_DONE;
}

std::uint32_t PictureReader::index_of(std::int64_t connection) const {
  const auto found = index_.find(connection);
  return found == index_.end() ? findings::kNone : found->second;
}

bool PictureReader::choose(std::size_t most) {
  std::int64_t all = 0;
  if (!each(fmt::format("SELECT count(*) FROM (SELECT 1 FROM connection LIMIT {})", most + 1),
            [&](Columns& column) { all = column.integer(); })) {
    return false;
  }
  if (!run("CREATE TEMP TABLE chosen (id INTEGER PRIMARY KEY)")) return false;
  rows_.complete = std::cmp_less_equal(all, most);
  if (rows_.complete) return run("INSERT INTO temp.chosen SELECT id FROM connection");
  const char* const chosen = newest_since_ != 0 ? kChosenNewest : kChosen;
  return run(fmt::format(fmt::runtime(chosen), most, newest_since_).c_str()) && run(kPartners);
}

bool PictureReader::read_taps() {
  return each(
      "SELECT id, name, filter, link_type, snaplen, first_ns, last_ns, frames, dropped,"
      " ip_packets, connections, stop_snap, offset_ns, drift_ppm, clock_error_ns,"
      " clock_matches, clock_basis FROM tap ORDER BY id",
      [&](Columns& column) {
        findings::Tap tap;
        tap.id = column.integer();
        tap.name = column.text();
        tap.filter = column.text();
        tap.link_type = column.number<std::int32_t>();
        tap.snaplen = column.number<std::uint32_t>();
        tap.first = column.time();
        tap.last = column.time();
        tap.frames = column.number<std::uint64_t>();
        tap.dropped = column.number<std::uint64_t>();
        tap.ip_packets = column.number<std::uint64_t>();
        tap.connections = column.number<std::uint64_t>();
        tap.stop_snap = column.number<std::uint64_t>();
        tap.offset_ns = column.integer();
        tap.drift_ppm = column.real();
        tap.clock_error_ns = column.integer();
        tap.clock_matches = column.number<std::uint64_t>();
        tap.clock_basis = column.text();
        rows_.taps.push_back(std::move(tap));
      });
}

bool PictureReader::read_connections() {
  const bool read = each(
      "SELECT c.id, c.tap_id, c.zone, c.protocol, c.src, c.sport, c.dst, c.dport, c.icmp_type,"
      " c.icmp_code, c.state, c.status, c.timeout_s, c.close_reason, c.beginning_seen,"
      " c.start_ns, c.last_ns, c.end_ns, c.original_packets, c.original_bytes,"
      " c.reply_packets, c.reply_bytes, c.invalid_packets, c.first_file_id, c.first_frame,"
      " c.last_file_id, c.last_frame, c.master_id, c.depth, c.ttl, c.tos, c.tcp_flags,"
      " c.ip_bytes, c.src_mac, c.dst_mac, c.original_silence_ms, c.reply_silence_ms,"
      " c.original_mss, c.original_tcp_options, c.reply_mss, c.reply_tcp_options, u.reason"
      " FROM temp.chosen AS w JOIN connection AS c ON c.id = w.id"
      " LEFT JOIN unpaired AS u ON u.connection_id = c.id",
      [&](Columns& column) {
        findings::Connection& c = rows_.connections.emplace_back();
        c.id = column.integer();
        c.tap = column.integer();
        c.zone = column.number<std::uint32_t>();
        c.original = column.tuple();
        const auto type = column.number<std::uint16_t>();
        const auto code = column.number<std::uint16_t>();
        if (type != 0 || code != 0)
          c.original.dst_port = static_cast<std::uint16_t>(type << 8 | code);
        const std::string_view state = column.text();
        for (std::uint8_t s = 1; s < 16 && !state.empty(); ++s) {
          if (conntrack::state_name(c.original.protocol, s) != state) continue;
          c.state = s;
          break;
        }
        c.status = column.number<std::uint32_t>();
        c.timeout_s = column.number<std::uint32_t>();
        c.close_reason = column.text();
        c.beginning_seen = column.integer() != 0;
        c.start = column.time();
        c.last = column.time();
        c.end = column.time();
        for (auto& counters : c.counters) {
          counters.packets = column.number<std::uint64_t>();
          counters.bytes = column.number<std::uint64_t>();
        }
        c.invalid_packets = column.number<std::uint32_t>();
        c.first_frame = read_frame(column);
        c.last_frame = read_frame(column);
        for (findings::FrameRef* ref : {&c.first_frame, &c.last_frame}) {
          ref->tap = c.tap;
          ref->connection = c.id;
        }
        c.first_frame.time = c.start;
        c.last_frame.time = c.last;
        c.master = column.integer();
        c.depth = column.number<std::uint8_t>();
        c.ttl = column.number<std::uint8_t>();
        c.tos = column.number<std::uint8_t>();
        c.tcp_flags = column.number<std::uint16_t>();
        c.ip_bytes = column.number<std::uint32_t>();
        c.src_mac = parse_mac(column.text());
        c.dst_mac = parse_mac(column.text());
        for (auto& ms : c.silence_ms) ms = column.number<std::uint32_t>();
        for (std::size_t d = 0; d < 2; ++d) {
          c.mss[d] = column.number<std::uint32_t>();
          c.tcp_options[d] = column.text();
        }
        c.unpaired = column.text();
      });
  std::sort(rows_.connections.begin(), rows_.connections.end(),
            [](const auto& a, const auto& b) {
              return a.start != b.start ? a.start < b.start : a.id < b.id;
            });
  for (std::uint32_t i = 0; i < rows_.connections.size(); ++i) {
    index_.emplace(rows_.connections[i].id, i);
  }
  return read;
}

bool PictureReader::read(std::size_t most) {
  return choose(most) && read_taps() && read_connections() && read_translations() &&
         read_accounts() && read_fates() && read_notes() && read_invalid() && read_nats() &&
         read_behaviours() && read_mappings() && read_carriers() && read_tunnelled() &&
         read_statements() && run("DROP TABLE temp.chosen");
}

Result<void> FileWriter::picture(std::size_t most, findings::Rows& rows) {
  if (auto flushed = flush(); !flushed) return flushed;
  if (!begin() || !run(kIndexesSql)) return outcome();
  if (auto flushed = flush(); !flushed) return flushed;
  if (!PictureReader(db_.get(), newest_since_, rows).read(most)) fail();
  return outcome();
}

}  // namespace natlens::store
