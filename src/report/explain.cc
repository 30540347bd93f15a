// The page of one frame. The capture is read again up to the frame, because the database keeps
// no row per packet (explain_replay.h); the connection leads back to the database for what
// became of it at the other taps. A capture that is gone leaves what the table `invalid` kept.
#include "natlens/report/explain.h"

#include <charconv>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "natlens/net/address.h"
#include "natlens/report/text.h"
#include "natlens/report/trace.h"
#include "natlens/store/records.h"

#include "blocks.h"
#include "explain_place.h"
#include "explain_replay.h"
#include "explain_words.h"
#include "loader.h"
#include "packet_remarks.h"

namespace natlens::report {
namespace {

using conntrack::PacketClass;
namespace status = conntrack::status;

// ---- connection tracking
std::string state_text(const conntrack::EntryView& entry) {
  std::string out(conntrack::state_name(entry.protocol, entry.state));
  const std::string_view flag = (entry.status & status::kAssured) != 0     ? "ASSURED"
                                : (entry.status & status::kSeenReply) == 0 ? "UNREPLIED"
                                                                           : "";
  if (!out.empty() && !flag.empty()) out += ' ';
  out += flag;
  return out.empty() ? "answered" : out;
}

// Why a packet that belongs to a connection has its class.
std::string class_words(const ReplayedPacket& packet) {
  const bool answered = (packet.before.status & status::kSeenReply) != 0;
  const bool reply = packet.verdict.direction == conntrack::Direction::kReply;
  switch (packet.verdict.packet_class) {
    case PacketClass::kNew:
      if (packet.verdict.replaced)
        return "it opens a connection in place of one that had ended";
      if (packet.verdict.opened)
        return "no connection had its addresses and ports: it opens one";
      return "its connection has not been answered yet";
    case PacketClass::kEstablished:
      if (reply && !answered) return "it is the first answer to its connection";
      return "its connection has seen packets both ways";
    case PacketClass::kRelated:
      return packet.verdict.opened ? "another connection's helper announced it"
                                   : "it is an ICMP error about a packet of this connection";
    case PacketClass::kUntracked:
      return "exempt from tracking: IPv6 neighbour discovery, multicast listeners, or "
             "--notrack";
    case PacketClass::kNone:
    default:
      return "tracking did not see it";
  }
}

std::string class_line(const ReplayedPacket& packet) {
  const auto packet_class = packet.verdict.packet_class;
  if (packet_class == PacketClass::kInvalid) {
    const auto reason = conntrack::to_string(packet.verdict.invalid.reason);
    return fmt::format("INVALID ({}): {}\n", reason, invalid_words(reason));
  }
  const bool belongs = packet_class == PacketClass::kNew ||
                       packet_class == PacketClass::kEstablished ||
                       packet_class == PacketClass::kRelated;
  const bool reply = packet.verdict.direction == conntrack::Direction::kReply;
  return fmt::format("{}{}: {}\n", conntrack::to_string(packet_class),
                     !belongs ? ""
                     : reply  ? ", reply direction"
                              : ", original direction",
                     class_words(packet));
}

std::string arithmetic_lines(const Arithmetic& arithmetic, bool suspect) {
  std::string out;
  if (const auto text = arithmetic_text(arithmetic); !text.empty()) {
    out += fmt::format("  {}\n", text);
  }
  if (suspect) {
    out += "  suspect: this tap had missed packets of the connection before\n";
  }
  if (const auto advice = invalid_advice(arithmetic.reason); !advice.empty()) {
    out += fmt::format("  {}\n", advice);
  }
  return out;
}

std::string entry_lines(const ReplayedPacket& packet, std::int64_t tap) {
  const auto& entry = packet.after.connection != 0 ? packet.after : packet.before;
  if (entry.connection == 0) {
    const bool invalid = packet.verdict.packet_class == PacketClass::kInvalid;
    return invalid ? "  no connection has its addresses and ports\n" : "";
  }
  std::string out = fmt::format(
      "  connection {}: {}{}\n", store::connection_id(tap, entry.connection),
      to_string(entry.original),
      packet.opened_by.empty() ? "" : fmt::format(", opened by {}", packet.opened_by));
  if (packet.verdict.opened || packet.before.connection == 0) {
    return out + fmt::format("  {} after it, for {} s\n", state_text(packet.after),
                             packet.after.timeout_seconds);
  }
  if (packet.after.connection == 0) {
    return out +
           fmt::format("  {} before it; it ended the connection\n", state_text(packet.before));
  }
  const std::string before = state_text(packet.before);
  const std::string after = state_text(packet.after);
  return out +
         (before == after ? fmt::format("  {} before and after it", after)
                          : fmt::format("  {} before it, {} after it", before, after)) +
         fmt::format(", {} s left\n", packet.after.remaining_seconds);
}

// ---- translations
std::string hop_lines(const TraceHop& hop, const Trace& trace) {
  const TraceConnection& first = trace.connections[hop.first];
  const TraceConnection& second = trace.connections[hop.second];
  std::string out = fmt::format("  {} {} -> {} {}: {}, {} ({:.1f} bits)\n",
                                printable(first.tap), first.original, printable(second.tap),
                                second.original, hop.kind, hop.confidence, hop.bits);
  for (const std::string& change : hop.changes) out += fmt::format("    {}\n", change);
  for (const TraceEvidence& evidence : hop.evidence) {
    out += fmt::format("    {:5.1f} bits  {}: {}\n", evidence.bits, evidence.field,
                       printable(evidence.note));
  }
  return out;
}

Result<std::string> translations_text(store::Database& database, std::int64_t connection) {
  TraceTarget target;
  target.id = connection;
  const auto answer = find_traces(database, target, 1);
  if (!answer) return answer.error();
  std::string out = fmt::format("\ntranslations of connection {}\n", connection);
  const std::size_t head = out.size();
  for (const Trace& trace : answer->traces) {
    for (const TraceHop& hop : trace.hops) out += hop_lines(hop, trace);
    if (!trace.hops.empty() || trace.connections.empty()) continue;
    const TraceConnection& alone = trace.connections.front();
    out += fmt::format("  none{}\n",
                       alone.unpaired.empty() ? "" : ": " + reason_sentence(alone.unpaired));
    for (const std::string& candidate : alone.candidates) {
      out += fmt::format("    candidate {}\n", candidate);
    }
  }
  if (out.size() == head) out += "  none\n";
  return out;
}

// ---- the page
class Explainer {
 public:
  Explainer(store::Database& database,
            const conntrack::Options& options,
            std::shared_ptr<const decode::KeyRing> keys)
      : database_(database), loader_(database), options_(options), keys_(std::move(keys)) {}

  Result<Explanation> explain(const ExplainTarget& target) {
    Explanation page;
    auto place = find_frame(loader_, target, page.missing);
    if (loader_.failed()) return loader_.error();
    if (!place) return page;
    place->request.keys = keys_;
    if (place->live) {
      return without_capture(
          *place, "it was captured live, and frames were not written (capture -w FILE does)");
    }
    const auto seen = tap_of_frame(place->request);
    if (!seen) return without_capture(*place, seen.error().message);
    if (!*seen) {
      return without_capture(*place, place->request.file + " has no such frame any more");
    }
    const PlacedTap tap = find_tap(loader_, *place, **seen, page.missing);
    if (loader_.failed()) return loader_.error();
    if (tap.id == 0) return page;
    const auto frame = replay_frame(place->request, (*seen)->index, options_);
    if (!frame) return frame.error();
    if (!*frame) return without_capture(*place, place->request.file + " has changed");
    return of_frame(*place, tap, **frame);
  }

 private:
  Result<Explanation> of_frame(const FramePlace& place,
                               const PlacedTap& tap,
                               const ReplayedFrame& frame) {
    Explanation page;
    page.text = fmt::format(
        "frame {} of {}, tap {}, {}\n{}", place.request.number, place.request.file,
        printable(tap.name),
        frame.time.has_value() ? format_moment(frame.time) + " UTC" : "without time",
        indented(frame.decoded));
    if (frame.packets.empty()) {
      page.text +=
          frame.copy ? "\nNONE: a copy of a packet that the tap showed just before; it is not "
                       "tracked twice\n"
          : frame.waits_for_fragments
              ? "\nNONE: a fragment; its datagram is tracked when it is whole\n"
              : "\nNONE: no IP packet that could be tracked\n";
    }
    for (const ReplayedPacket& packet : frame.packets) {
      page.text += '\n' + class_line(packet);
      if (packet.verdict.packet_class == PacketClass::kInvalid) {
        const auto& detail = packet.verdict.invalid;
        page.text +=
            arithmetic_lines({std::string(conntrack::to_string(detail.reason)), detail.value,
                              detail.bound, detail.excess, packet.bound_frame},
                             kept_as_suspect(place));
      }
      page.text += entry_lines(packet, tap.id);
      const std::uint32_t serial =
          packet.after.connection != 0 ? packet.after.connection : packet.before.connection;
      if (serial == 0) continue;
      const std::int64_t id = store::connection_id(tap.id, serial);
      if (auto strange = not_as_stored(id, packet); !strange.empty()) return Error{strange};
      const auto translations = translations_text(database_, id);
      if (!translations) return translations.error();
      page.text += *translations;
    }
    page.text += fate_text(place);
    if (loader_.failed()) return loader_.error();
    return page;
  }

  std::string fate_text(const FramePlace& place) {
    const auto remarks = frame_remarks(loader_, place.file, place.request.number);
    std::string out;
    for (const std::string& remark : remarks) out += fmt::format("  {}\n", printable(remark));
    return out.empty() ? "" : "\nthe way between the taps\n" + out;
  }

  store::Table invalid_row(const FramePlace& place) {
    return loader_.query(
        "SELECT i.*, f.path AS bound_path FROM invalid i LEFT JOIN file f ON f.id = "
        "i.bound_file_id WHERE i.file_id = ?1 AND i.frame = ?2 ORDER BY i.id",
        {place.file, std::int64_t{place.request.number}});
  }

  bool kept_as_suspect(const FramePlace& place) {
    const store::Table row = invalid_row(place);
    return !row.rows.empty() && row.integer(0, "suspect") != 0;
  }

  // A connection that the analysis numbered otherwise: the file has changed since.
  std::string not_as_stored(std::int64_t id, const ReplayedPacket& packet) {
    const store::Table row =
        loader_.query("SELECT src, dst, sport FROM connection WHERE id = ?1", {id});
    const Tuple& tuple =
        packet.after.connection != 0 ? packet.after.original : packet.before.original;
    if (!row.rows.empty() && row.text(0, "src") == to_string(tuple.src) &&
        row.text(0, "dst") == to_string(tuple.dst)) {
      return "";
    }
    return "the captures are not those that were analyzed, or were tracked with other "
           "settings: "
           "analyze them again";
  }

  Result<Explanation> without_capture(const FramePlace& place, const std::string& why) {
    const store::Table rows = invalid_row(place);
    if (loader_.failed()) return loader_.error();
    if (rows.rows.empty()) {
      return Error{
          fmt::format("{}: cannot read frame {} again, and the database keeps only the "
                      "INVALID ones: {}",
                      place.request.file, place.request.number, why)};
    }
    Explanation page;
    page.text = fmt::format("frame {} of {}, {} UTC, from the database alone: {}\n",
                            place.request.number, place.request.file,
                            format_moment(time_at(rows, 0, "time_ns")), why);
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      const std::string reason = rows.text(i, "reason");
      const std::string bound =
          null_at(rows, i, "bound_frame")
              ? ""
              : fmt::format("{}:{}", base_name(rows.text(i, "bound_path")),
                            rows.integer(i, "bound_frame"));
      page.text += fmt::format("\n{} {}\nINVALID ({}): {}\n", rows.text(i, "protocol"),
                               tuple_text(rows, i, rows.text(i, "protocol"), ""), reason,
                               invalid_words(reason));
      page.text +=
          arithmetic_lines({reason, number_at(rows, i, "value"), number_at(rows, i, "bound"),
                            number_at(rows, i, "excess"), bound},
                           rows.integer(i, "suspect") != 0);
      if (null_at(rows, i, "connection_id")) continue;
      const auto translations = translations_text(database_, rows.integer(i, "connection_id"));
      if (!translations) return translations.error();
      page.text += *translations;
    }
    return page;
  }

  static std::string base_name(const std::string& path) {
    return std::filesystem::path(path).filename().string();
  }
  static std::uint32_t number_at(const store::Table& table,
                                 std::size_t row,
                                 const char* column) {
    return static_cast<std::uint32_t>(table.integer(row, column));
  }

  store::Database& database_;
  Loader loader_;
  const conntrack::Options& options_;
  const std::shared_ptr<const decode::KeyRing> keys_;
};

}  // namespace

Result<ExplainTarget> parse_explain_target(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  ExplainTarget target;
  if (colon != std::string_view::npos && colon > 0) {
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), target.frame);
    if (error == std::errc() && end == digits.data() + digits.size()) {
      target.place = text.substr(0, colon);
      return target;
    }
  }
  return Error{fmt::format("'{}' names no frame; write TAP:FRAME or FILE:FRAME, as lan:37",
                           printable(text))};
}

Result<Explanation> explain_frame(store::Database& database,
                                  const ExplainTarget& target,
                                  const conntrack::Options& options,
                                  std::shared_ptr<const decode::KeyRing> keys) {
  return Explainer(database, options, std::move(keys)).explain(target);
}

}  // namespace natlens::report
