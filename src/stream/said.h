// Parsers of protocols that speak of addresses: one file each (said_*.cc), registered by a row
// in said_table.cc. To add one: its file, its declaration here, its row there.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "natlens/net/address.h"
#include "natlens/net/bytes.h"
#include "natlens/stream/records.h"

namespace natlens::stream {

// What a parser reads: a datagram's payload, or bytes of a stream from where a message begins.
struct Heard {
  ByteView bytes;
  Endpoint src;
  Endpoint dst;
  bool stream = false;  // more may follow in later segments
  bool asked = false;   // the other direction was heard to speak this protocol
};

// Statements of one message; what is beyond its room is dropped.
class Said {
 public:
  Statement& add(StatementKind kind) {
    Statement& statement = statements_[std::min(count_, statements_.size() - 1)];
    statement = Statement{};
    statement.kind = kind;
    count_ = std::min(count_ + 1, statements_.size());
    return statement;
  }
  void clear() { count_ = 0; }
  std::span<Statement> all() { return {statements_.data(), count_}; }

 private:
  std::array<Statement, 24> statements_;
  std::size_t count_ = 0;
};

inline void set_text(Statement& statement, std::string_view text) {
  statement.text_bytes =
      static_cast<std::uint8_t>(std::min(text.size(), statement.text.size()));
  std::copy_n(text.begin(), statement.text_bytes, statement.text.begin());
}
inline void set_number(Statement& statement, std::uint32_t number) {
  statement.number = number;
  statement.has_number = true;
}

// What became of the bytes.
struct Reading {
  enum class Outcome : std::uint8_t {
    kNo,    // not this protocol
    kMore,  // it may be, or is, and the message goes on (streams only)
    kRead   // `bytes` were a message
  };
  Outcome outcome = Outcome::kNo;
  std::size_t bytes = 0;

  static Reading no() { return {}; }
  static Reading more() { return {Outcome::kMore, 0}; }
  static Reading read(std::size_t bytes) { return {Outcome::kRead, bytes}; }
};
// What a message that is not all there means: in a stream that it goes on.
inline Reading unfinished(const Heard& heard) {
  return heard.stream ? Reading::more() : Reading::no();
}

struct SaidRow {
  StatementProtocol protocol;
  bool udp;
  bool tcp;
  bool lasts;  // listened to all along; else to the first packets of each direction only
  std::array<std::uint16_t, 2> ports;  // of either end; {0}: any
  bool (*may_start)(std::uint8_t);     // a message, with this byte
  Reading (*read)(const Heard&, Said&);
  std::uint8_t most_per_connection;  // distinct statements
  std::uint32_t most_per_tap;
};
std::span<const SaidRow> said_rows();

// Which rows a payload leaves, as bits, before anything is parsed: most packets end here.
struct SaidIndex {
  std::array<std::uint16_t, 256> udp_by_byte{};  // by the first byte
  std::array<std::uint16_t, 256> tcp_by_byte{};
  std::array<std::uint16_t, 256> by_port{};  // by a port's low byte: rows that name a port
  std::uint16_t any_port = 0;
  std::uint16_t lasting = 0;
};
const SaidIndex& said_index();
inline bool names_port(const SaidRow& row, std::uint16_t port) {
  return row.ports[0] == 0 || row.ports[0] == port || row.ports[1] == port;
}

Reading read_stun(const Heard&, Said&);
Reading read_pcp(const Heard&, Said&);
Reading read_nat_pmp(const Heard&, Said&);
Reading read_proxy(const Heard&, Said&);
Reading read_socks(const Heard&, Said&);
Reading read_http_connect(const Heard&, Said&);
Reading read_ftp(const Heard&, Said&);
Reading read_sip(const Heard&, Said&);
Reading read_dns(const Heard&, Said&);
Reading read_quic(const Heard&, Said&);

// An address in a message; REQUIRES: 4 or 16 bytes. ::ffff:a.b.c.d is a.b.c.d.
Address address_from(ByteView bytes);

}  // namespace natlens::stream
