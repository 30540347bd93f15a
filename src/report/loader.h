// Runs statements one after the other and keeps the first error, so that the code that uses the
// rows reads straight on; and typed access to the cells.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "natlens/net/timestamp.h"
#include "natlens/store/database.h"

namespace natlens::report {

class Loader {
 public:
  explicit Loader(store::Database& database) : database_(database) {}

  store::Table query(std::string_view sql,
                     std::initializer_list<store::Value> parameters = {}) {
    if (failed()) return {};
    auto table = database_.query(
        sql, std::span<const store::Value>(parameters.begin(), parameters.size()));
    if (table) return std::move(*table);
    error_ = table.error();
    return {};
  }
  bool failed() const { return !error_.message.empty(); }
  const Error& error() const { return error_; }

 private:
  store::Database& database_;
  Error error_;
};

std::uint64_t count_at(const store::Table& table, std::size_t row, std::string_view column);
double real_at(const store::Table& table, std::size_t row, std::string_view column);
bool null_at(const store::Table& table, std::size_t row, std::string_view column);
// NULL is none().
Timestamp time_at(const store::Table& table, std::size_t row, std::string_view column);
// "192.0.2.1:80", "[2001:db8::1]:80"; without the port if `port` is NULL.
std::string end_text(const store::Table& table,
                     std::size_t row,
                     std::string_view address,
                     std::string_view port);
// "tcp"; "protocol 2" where there is no name.
std::string protocol_word(const std::string& stored);
// "192.0.2.1:5 > 203.0.113.1:80"; ICMP and ICMPv6: "192.0.2.1 > 203.0.113.1 id 7"; without
// ports where the protocol has none. Columns are PREFIXsrc, PREFIXsport, PREFIXdst,
// PREFIXdport.
std::string tuple_text(const store::Table& table,
                       std::size_t row,
                       const std::string& protocol,
                       const std::string& prefix);

}  // namespace natlens::report
