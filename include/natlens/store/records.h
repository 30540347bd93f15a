// Rows of the database as the program hands them over. Column meanings: docs/schema.md.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "natlens/capture/records.h"
#include "natlens/conntrack/records.h"
#include "natlens/correlate/records.h"
#include "natlens/decode/records.h"
#include "natlens/nat/records.h"
#include "natlens/net/address.h"
#include "natlens/stream/records.h"

namespace natlens::store {

// connection.id of a connection: readable, stable, below 2^53.
inline std::int64_t connection_id(std::int64_t tap_id, std::uint32_t serial) {
  return tap_id * 10'000'000'000 + serial;
}

// One change in a connection's life, packed: what connection.events is unrolled from.
struct EventItem {
  std::int64_t time_ns = 0;  // reference clock
  std::uint32_t frame = 0;   // ordinal; 0 = by a timer
  std::uint32_t timeout_seconds = 0;
  conntrack::EventKind kind = conntrack::EventKind::kNew;
  std::uint8_t state = 0;
  bool has_state = false;
  std::uint32_t status = 0;
};

// Times are in the reference clock. Frames are (file, number), file = file.id.
struct FrameName {
  std::int64_t file = 0;
  std::uint32_t number = 0;
};

struct ConnectionRow {
  std::int64_t id = 0;
  std::int64_t tap = 0;
  std::uint32_t zone = 0;
  Tuple original;
  Tuple reply;
  std::uint8_t state = 0;
  std::uint32_t status = 0;
  std::uint32_t timeout_seconds = 0;
  conntrack::CloseReason close_reason = conntrack::CloseReason::kEnd;
  bool beginning_seen = true;
  Timestamp start;
  Timestamp last;  // last packet
  Timestamp end;   // when the entry ended
  std::array<conntrack::DirectionCounters, 2> counters;
  std::uint32_t invalid_packets = 0;
  std::array<std::uint32_t, 2> silence_ms{};  // conntrack::Closed
  std::array<std::uint32_t, 2> gap_ms{};
  std::array<std::uint32_t, 2> apart_ms{};
  FrameName first_frame;
  FrameName last_frame;
  std::int64_t master = 0;  // connection.id or 0
  std::uint8_t depth = 0;
  capture::FrameDirection frame_direction = capture::FrameDirection::kUnknown;
  std::uint8_t ttl = 0;
  std::uint8_t tos = 0;
  std::uint16_t tcp_flags = 0;
  std::uint32_t ip_bytes = 0;
  std::array<std::uint8_t, 6> src_mac{};
  std::array<std::uint8_t, 6> dst_mac{};
  std::array<stream::SynOptions, 2> syn{};  // by Direction
  std::vector<EventItem> events;
};

// How it is known what carried a connection. Stored by name.
enum class CarrierBasis : std::uint8_t {
  kClear,    // the inner packets are there to be read
  kAligned,  // by lengths and order
};

struct CarrierRow {
  std::int64_t connection = 0;
  std::int64_t carrier = 0;  // connection.id or 0
  conntrack::Direction direction = conntrack::Direction::kOriginal;
  decode::Encapsulation encapsulation = decode::Encapsulation::kNone;
  std::uint64_t key = 0;
  std::uint8_t depth = 0;
  std::uint64_t packets = 0;  // 0 = not counted
  Timestamp first;
  Timestamp last;
  CarrierBasis basis = CarrierBasis::kClear;
  correlate::Confidence confidence = correlate::Confidence::kCertain;
  float bits = 0;  // kAligned
  stream::CarriedSizes sizes;
};

struct InvalidRow {
  std::int64_t tap = 0;
  std::int64_t connection = 0;  // or 0
  FrameName frame;
  Timestamp time;
  Tuple tuple;
  conntrack::InvalidDetail detail;
  FrameName bound_frame;
  bool suspect = false;  // the tap missed frames: the verdict may be the capture's fault
};

// An ICMP error that quotes a packet of a connection.
struct IcmpErrorRow {
  std::int64_t connection = 0;
  FrameName frame;
  Timestamp time;
  std::uint8_t type = 0;
  std::uint8_t code = 0;
};

struct StatementRow {
  std::int64_t tap = 0;
  std::int64_t connection = 0;
  FrameName frame;
  Timestamp time;
  stream::Statement statement;  // its own tap, connection, frame and time are the source's
};

struct NoteRow {
  std::int64_t tap = 0;
  std::int64_t connection = 0;  // or 0
  FrameName frame;
  FrameName other_frame;
  Timestamp time;
  stream::PacketNote note;  // its own tap, connection, frames and time are the source's
};

struct LinkRow {
  correlate::PacketLink link;
  FrameName frame;
  FrameName other_frame;
};

struct FateRow {
  correlate::PacketFate fate;
  FrameName frame;
  FrameName other_frame;
};

// A moment at which a tap's clock was set.
struct ClockStepRow {
  FrameName frame;  // the first one behind it
  Timestamp at;     // reference clock
  std::int64_t step_ns = 0;
  std::int64_t error_ns = 0;
};

struct TapRow {
  std::int64_t id = 0;  // from 1, in order of the command line and discovery
  std::uint16_t source = 0;
  capture::TapInfo info;
  correlate::ClockEstimate clock;
  std::array<std::uint64_t, static_cast<std::size_t>(decode::DecodeStop::kCount)> stops{};
  std::uint64_t copies = 0;  // left out of tracking as copies of another frame
  std::uint64_t ip_packets = 0;
  std::uint64_t connections = 0;
  std::uint64_t invalid_packets = 0;
  std::vector<ClockStepRow> steps;  // in order
};

struct FileRow {
  std::int64_t id = 0;  // from 1
  std::uint16_t source = 0;
  capture::FileInfo info;
};

}  // namespace natlens::store
