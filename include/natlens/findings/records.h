// What diagnosis reads and what it says. The picture of a capture is handed back by the store
// when everything else is written: all of it while it is small, else what is out of the
// ordinary with as much of the rest. Findings name frames, and say so in words.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/capture/records.h"
#include "natlens/conntrack/records.h"
#include "natlens/correlate/records.h"
#include "natlens/nat/records.h"
#include "natlens/net/address.h"
#include "natlens/net/timestamp.h"
#include "natlens/stream/records.h"

namespace natlens::findings {

inline constexpr std::uint32_t kNone = 0xffffffffU;  // no index

struct FrameRef {
  std::int64_t file = 0;        // file.id; 0 = none
  std::uint32_t number = 0;     // as Wireshark shows it
  std::int64_t tap = 0;         // tap.id
  Timestamp time;               // reference clock, as all times here
  std::int64_t connection = 0;  // connection.id or 0

  bool named() const { return file != 0; }
};

struct Tap {
  std::int64_t id = 0;
  std::string name;
  std::string filter;
  std::int32_t link_type = 0;
  std::uint32_t snaplen = 0;
  Timestamp first = Timestamp::none();
  Timestamp last = Timestamp::none();
  std::uint64_t frames = 0;
  std::uint64_t dropped = 0;
  std::uint64_t ip_packets = 0;
  std::uint64_t connections = 0;
  std::uint64_t stop_snap = 0;
  std::int64_t offset_ns = 0;
  double drift_ppm = 0;
  std::int64_t clock_error_ns = 0;
  std::uint64_t clock_matches = 0;
  std::string clock_basis;
  std::uint64_t notes_of_disorder = 0;
};

// A row of `connection`, and where its own rows begin in the picture's lists.
struct Connection {
  std::int64_t id = 0;
  std::int64_t tap = 0;
  std::uint32_t zone = 0;
  Tuple original;  // ICMP: as nf_conntrack_tuple, id in src_port
  std::uint8_t state = 0;
  std::uint32_t status = 0;
  std::uint32_t timeout_s = 0;
  std::string close_reason;
  bool beginning_seen = true;
  Timestamp start;
  Timestamp last;
  Timestamp end;
  std::array<conntrack::DirectionCounters, 2> counters;  // by Direction
  std::uint32_t invalid_packets = 0;
  FrameRef first_frame;
  FrameRef last_frame;
  std::int64_t master = 0;
  std::uint8_t depth = 0;
  std::uint8_t ttl = 0;
  std::uint8_t tos = 0;
  std::uint16_t tcp_flags = 0;
  std::uint32_t ip_bytes = 0;
  std::array<std::uint8_t, 6> src_mac{};
  std::array<std::uint8_t, 6> dst_mac{};
  std::array<std::uint32_t, 2> silence_ms{};
  std::array<std::uint32_t, 2> mss{};  // 0 = none seen
  std::array<std::string, 2> tcp_options;
  std::string unpaired;  // why it has no partner; "" = paired, or not looked for

  std::uint64_t packets() const { return counters[0].packets + counters[1].packets; }
  bool answered() const { return counters[0].packets != 0 && counters[1].packets != 0; }
};

// A row of `translation` with its packet accounts. Directions are those of the inside
// connection.
struct Translation {
  std::int64_t id = 0;
  std::uint32_t inside = kNone;  // index into Picture::connections
  std::uint32_t outside = kNone;
  std::int64_t nat = 0;
  correlate::TranslationKind kind = correlate::TranslationKind::kRouted;
  correlate::Confidence confidence = correlate::Confidence::kLikely;
  correlate::FirstSeen entered = correlate::FirstSeen::kUnknown;
  bool reversed = false;
  Timestamp start;
  Timestamp end;
  std::array<correlate::PacketAccount, 2> packets;
  std::array<std::int64_t, 2> sequence_shift{};
};

struct Fate {
  std::int64_t translation = 0;
  std::uint8_t direction = 0;
  correlate::Fate fate = correlate::Fate::kOnlyHere;
  FrameRef frame;
  FrameRef other;
  std::uint32_t payload_bytes = 0;
  std::string note;
};

struct Note {
  std::int64_t id = 0;
  std::uint32_t connection = kNone;
  FrameRef frame;
  FrameRef other;
  stream::PacketNote packet;  // its own tap, connection, frames and time are not set
};

struct Invalid {
  std::uint32_t connection = kNone;
  FrameRef frame;
  Tuple tuple;
  std::string reason;
  std::uint32_t value = 0;
  std::uint32_t bound = 0;
  std::uint32_t excess = 0;
  FrameRef bound_frame;
};

struct Behaviour {
  std::int64_t nat = 0;
  std::uint8_t protocol = 0;
  std::string property;
  std::string value;  // "" = undetermined
  std::string confidence;
  std::uint64_t evidence_for = 0;
  std::uint64_t evidence_against = 0;
  std::vector<std::int64_t> examples;  // translation.id
  std::vector<std::int64_t> counter_examples;
  std::string detail;
};

struct Nat {
  std::int64_t id = 0;
  std::int64_t inside_tap = 0;
  std::int64_t outside_tap = 0;
  nat::Relation relation = nat::Relation::kUnrelated;
  std::uint64_t translations = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(correlate::TranslationKind::kCount)>
      by_kind{};
  std::vector<Address> external_addresses;
};

struct Mapping {
  std::int64_t id = 0;
  std::int64_t nat = 0;
  correlate::TranslationKind kind = correlate::TranslationKind::kSnat;
  std::uint8_t protocol = 0;
  Endpoint internal;
  Endpoint external;
  Timestamp first;
  Timestamp last;
};

// What carried an inner connection: a row of `encapsulation`.
struct Carrier {
  std::uint32_t inner = kNone;
  std::uint32_t carrier = kNone;
  std::uint8_t direction = 0;
  std::string kind;
  std::uint64_t key = 0;
  std::uint8_t depth = 0;
  std::uint64_t packets = 0;
  Timestamp first;
  Timestamp last;
  bool aligned = false;
};

// A row of `tunnelled`.
struct Tunnelled {
  std::uint32_t inner = kNone;
  std::uint8_t direction = 0;
  std::string kind;
  std::string confidence;
  std::uint64_t packets = 0;
  std::uint64_t linked = 0;
  std::uint64_t unsure = 0;
  std::uint64_t unseen = 0;
  std::uint64_t lost = 0;
};

struct Statement {
  std::uint32_t connection = kNone;
  FrameRef frame;
  std::string protocol;
  std::string speaker;  // original, reply
  std::string says;
  Endpoint named;
  Endpoint whose;
  std::int64_t number = 0;
  std::string text;
};

// Lists are in the order of their tables unless said.
struct Rows {
  std::vector<Tap> taps;
  std::vector<Connection> connections;  // by start, then id
  std::vector<Translation> translations;
  std::vector<Fate> fates;       // by translation, then time
  std::vector<Note> notes;       // by time
  std::vector<Invalid> invalid;  // by time
  std::vector<Nat> nats;
  std::vector<Behaviour> behaviours;
  std::vector<Mapping> mappings;
  std::vector<Carrier> carriers;
  std::vector<Tunnelled> tunnelled;
  std::vector<Statement> statements;
  bool complete = true;  // false: the capture was too large, healthy connections are left out
};

enum class Severity : std::uint8_t { kInfo, kWarning, kError };
inline std::string_view to_string(Severity severity) {
  constexpr auto names = std::to_array<std::string_view>({"info", "warning", "error"});
  return names[static_cast<std::size_t>(severity)];
}
// certain: both sides seen, the rule is exact; likely: one indirect step; possible: one tap
// only, or a signature.
enum class Confidence : std::uint8_t { kPossible, kLikely, kCertain };
inline std::string_view to_string(Confidence confidence) {
  constexpr auto names = std::to_array<std::string_view>({"possible", "likely", "certain"});
  return names[static_cast<std::size_t>(confidence)];
}
enum class Role : std::uint8_t { kCause, kMissingImage, kEffect, kExample, kControl };
inline std::string_view to_string(Role role) {
  constexpr auto names = std::to_array<std::string_view>(
      {"cause", "missing-image", "effect", "example", "control"});
  return names[static_cast<std::size_t>(role)];
}
enum class Subject : std::uint8_t {
  kConnection,
  kTranslation,
  kMapping,
  kNat,
  kTap,
  kTunnel  // id: connection.id of a carrier
};
inline std::string_view to_string(Subject subject) {
  constexpr auto names = std::to_array<std::string_view>(
      {"connection", "translation", "mapping", "nat", "tap", "tunnel"});
  return names[static_cast<std::size_t>(subject)];
}

struct Evidence {
  Role role = Role::kExample;
  FrameRef frame;  // kMissingImage: no file and number, but the tap and the time
};

inline constexpr std::size_t kMostFrames = 10;

// A row of `finding` with its frames.
struct Finding {
  std::int64_t id = 0;
  std::string_view code;  // static text of the catalogue
  Severity severity = Severity::kInfo;
  Confidence confidence = Confidence::kLikely;
  Subject subject = Subject::kConnection;
  std::int64_t subject_id = 0;
  std::string variant;
  Timestamp first;
  Timestamp last;
  std::uint64_t count = 0;
  std::string facts;  // a JSON object
  std::string text;
  std::vector<Evidence> frames;  // at most kMostFrames
  std::int64_t explained_by = 0;
  std::vector<std::int64_t> explains;
};

}  // namespace natlens::findings
