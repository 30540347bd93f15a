// Columns of a row that is read, from left to right.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <sqlite3.h>

#include "natlens/net/address.h"
#include "natlens/net/timestamp.h"

namespace natlens::store {

class Columns {
 public:
  explicit Columns(sqlite3_stmt* row) : row_(row) {}
  std::int64_t integer() { return sqlite3_column_int64(row_, next_++); }
  template <typename T>
  T number() {
    return static_cast<T>(integer());
  }
  double real() { return sqlite3_column_double(row_, next_++); }
  bool null() const { return sqlite3_column_type(row_, next_) == SQLITE_NULL; }
  std::string_view text() {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(row_, next_));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row_, next_++));
    return bytes == nullptr ? std::string_view() : std::string_view(bytes, size);
  }
  std::uint16_t port() { return number<std::uint16_t>(); }
  Timestamp time() {
    const bool none = null();
    const std::int64_t ns = integer();
    return none ? Timestamp::none() : Timestamp::from_ns(ns);
  }
  Address address() { return Address::parse(text()).value_or(Address()); }
  Tuple tuple() {
    Tuple t;
    t.protocol = protocol_number(text()).value_or(0);
    t.src = address();
    t.src_port = port();
    t.dst = address();
    t.dst_port = port();
    return t;
  }

 private:
  sqlite3_stmt* row_;
  int next_ = 0;
};

template <typename Enum, std::size_t N>
Enum named(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return Enum{};
}

}  // namespace natlens::store
