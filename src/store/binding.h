// How the values of records are bound to columns.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "natlens/store/records.h"

#include "statement.h"

namespace natlens::store {

inline bool is_icmp(std::uint8_t protocol) {
  return protocol == protocol::kIcmp || protocol == protocol::kIcmpv6;
}

inline double in_tenths(double bits) {
  return std::isfinite(bits) ? std::round(bits * 10) / 10 : 0;
}

inline std::int64_t as_integer(std::uint64_t value) {
  return static_cast<std::int64_t>(
      std::min<std::uint64_t>(value, std::numeric_limits<std::int64_t>::max()));
}

inline Statement& bind_time(Statement& to, Timestamp time) {
  return to.integer_or_null(time.has_value(), time.ns());
}

// A time that a NOT NULL column holds: none() cannot come from tracking, and would be 0.
inline Statement& bind_moment(Statement& to, Timestamp time) {
  return to.integer(time.has_value() ? time.ns() : 0);
}

inline Statement& bind_frame(Statement& to, const FrameName& frame) {
  return to.integer_or_null(frame.file != 0, frame.file)
      .integer_or_null(frame.file != 0, frame.number);
}

inline Statement& bind_reference(Statement& to, std::int64_t id) {
  return to.integer_or_null(id != 0, id);
}

inline std::int64_t id_of(correlate::ConnectionRef connection) {
  return connection_id(std::int64_t{connection.tap} + 1, connection.serial);
}

}  // namespace natlens::store
