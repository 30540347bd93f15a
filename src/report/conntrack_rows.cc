#include "natlens/report/conntrack_rows.h"

#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "natlens/conntrack/records.h"
#include "natlens/report/track_text.h"

namespace natlens::report {
namespace {

namespace status = conntrack::status;

// The columns that are read, in the order of Column.
enum class Column : std::uint8_t {
  kProtocol,
  kSrc,
  kSport,
  kDst,
  kDport,
  kReplySrc,
  kReplySport,
  kReplyDst,
  kReplyDport,
  kIcmpType,
  kIcmpCode,
  kReplyIcmpType,
  kState,
  kFlags,
  kTimeout,
  kTime,
  kEvent,
  kCount
};
constexpr auto kColumnNames = std::to_array<std::string_view>(
    {"protocol", "src", "sport", "dst", "dport", "reply_src", "reply_sport", "reply_dst",
     "reply_dport", "icmp_type", "icmp_code", "reply_icmp_type", "state", "flags", "timeout_s",
     "time_ns", "event"});
static_assert(kColumnNames.size() == static_cast<std::size_t>(Column::kCount));

constexpr std::size_t kAbsent = std::numeric_limits<std::size_t>::max();

class Row {
 public:
  using Places = std::array<std::size_t, kColumnNames.size()>;
  Row(const Places& places, std::span<const store::Value> values)
      : places_(places), values_(values) {}

  std::string text(Column column) const {
    const store::Value* value = find(column);
    return value == nullptr ? "" : store::to_text(*value);
  }
  std::uint16_t number(Column column) const {
    return static_cast<std::uint16_t>(integer(column));
  }
  std::int64_t integer(Column column) const {
    const store::Value* value = find(column);
    const auto* integer = value == nullptr ? nullptr : std::get_if<std::int64_t>(value);
    return integer == nullptr ? 0 : *integer;
  }

 private:
  const store::Value* find(Column column) const {
    const std::size_t place = places_[static_cast<std::size_t>(column)];
    return place == kAbsent ? nullptr : &values_[place];
  }

  const Places& places_;
  std::span<const store::Value> values_;
};

struct Ends {
  Column src, sport, dst, dport, icmp_type;
};
constexpr Ends kOriginal = {Column::kSrc, Column::kSport, Column::kDst, Column::kDport,
                            Column::kIcmpType};
constexpr Ends kReply = {Column::kReplySrc, Column::kReplySport, Column::kReplyDst,
                         Column::kReplyDport, Column::kReplyIcmpType};

std::optional<Tuple> read_tuple(const Row& row, std::uint8_t protocol, const Ends& ends) {
  const auto src = Address::parse(row.text(ends.src));
  const auto dst = Address::parse(row.text(ends.dst));
  if (!src || !dst) return std::nullopt;
  Tuple tuple;
  tuple.src = *src;
  tuple.dst = *dst;
  tuple.protocol = protocol;
  tuple.src_port = row.number(ends.sport);
  tuple.dst_port = row.number(ends.dport);
  if (protocol == protocol::kIcmp || protocol == protocol::kIcmpv6) {
    const unsigned type = row.number(ends.icmp_type);
    tuple.dst_port = static_cast<std::uint16_t>(type << 8 | row.number(Column::kIcmpCode));
  }
  return tuple;
}

std::uint8_t state_number(std::uint8_t protocol, std::string_view name) {
  constexpr std::uint8_t kMostStates = 16;
  for (std::uint8_t state = 0; state < kMostStates; ++state) {
    if (conntrack::state_name(protocol, state) == name) return state;
  }
  return 0;
}

std::optional<ConntrackEntry> read_entry(const Row& row) {
  const auto protocol = protocol_number(row.text(Column::kProtocol));
  if (!protocol) return std::nullopt;
  const auto original = read_tuple(row, *protocol, kOriginal);
  const auto reply = read_tuple(row, *protocol, kReply);
  if (!original || !reply) return std::nullopt;
  ConntrackEntry entry;
  entry.original = *original;
  entry.reply = *reply;
  entry.state = state_number(*protocol, row.text(Column::kState));
  const std::string flags = row.text(Column::kFlags);
  entry.status = status::kConfirmed;
  if (flags != "UNREPLIED") entry.status |= status::kSeenReply;
  if (flags == "ASSURED") entry.status |= status::kAssured;
  entry.timeout_seconds = static_cast<std::uint32_t>(row.integer(Column::kTimeout));
  return entry;
}

// The end of an entry carries the seconds that were left only where the kernel sends them.
std::string event_line(ConntrackEntry entry, const Row& row) {
  using conntrack::EventKind;
  const std::string name = row.text(Column::kEvent);
  const auto kind = name == "NEW"      ? EventKind::kNew
                    : name == "UPDATE" ? EventKind::kUpdate
                                       : EventKind::kDestroy;
  entry.has_state = !row.text(Column::kState).empty();
  if (kind == EventKind::kDestroy && entry.timeout_seconds == 0U) entry.timeout_seconds.reset();
  return conntrack_event_line(kind, Timestamp::from_ns(row.integer(Column::kTime)), entry);
}

class ConntrackPrinter final : public TablePrinter {
 public:
  ConntrackPrinter(ConntrackFormat format, Write write)
      : format_(format), write_(std::move(write)) {}

  void head(std::span<const std::string> columns) override {
    places_.fill(kAbsent);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      for (std::size_t c = 0; c < kColumnNames.size(); ++c) {
        if (columns[i] == kColumnNames[c]) places_[c] = i;
      }
    }
  }

  bool row(std::span<const store::Value> values) override {
    const auto entry = read_entry(Row(places_, values));
    if (!entry) return true;
    return write_(line_of(*entry, Row(places_, values)) + '\n');
  }

  void end() override {}

 private:
  std::string line_of(const ConntrackEntry& entry, const Row& row) const {
    switch (format_) {
      case ConntrackFormat::kSave:
        return conntrack_save_line(entry);
      case ConntrackFormat::kEvents:
        return event_line(entry, row);
      case ConntrackFormat::kList:
        break;
    }
    return conntrack_line(entry);
  }

  ConntrackFormat format_;
  Write write_;
  Row::Places places_{};
};

}  // namespace

std::unique_ptr<TablePrinter> make_conntrack_printer(ConntrackFormat format, Write write) {
  return std::make_unique<ConntrackPrinter>(format, std::move(write));
}

}  // namespace natlens::report
