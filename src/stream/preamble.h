// What is said to a proxy, or by one, before the bytes begin that it passes on: SOCKS 4, 4a and
// 5 (RFC 1928, 1929), HTTP CONNECT (RFC 9110 9.3.6), the PROXY protocol 1 and 2. See
// preamble.cc.
#pragma once

#include <cstdint>

namespace natlens::stream {

// One direction of one stream, from its first byte on. 8 bytes.
class Preamble {
 public:
  enum class Kind : std::uint8_t {
    kUnknown,  // no byte yet
    kNone,     // none, or none that could be read to its end
    kSocks5,
    kSocks4,
    kConnect,
    kProxy1,
    kProxy2,
    kSocks5Answer,
    kSocks4Answer,
    kConnectAnswer,
    kCount
  };

  // Takes the next byte. `asked` is what the other direction began with, where this one
  // answers; kNone where this one opened the connection. True: this was the last byte.
  bool feed(std::uint8_t byte, Kind asked);
  bool undecided() const { return kind_ != Kind::kNone && !done_; }
  void give_up() { kind_ = Kind::kNone; }
  Kind kind() const { return kind_; }
  std::uint16_t bytes() const { return bytes_; }  // taken up to now

 private:
  bool start(std::uint8_t byte, Kind asked);
  bool step(std::uint8_t byte);
  bool socks5(std::uint8_t byte);
  bool socks4(std::uint8_t byte);
  bool socks4_answer(std::uint8_t byte);
  bool proxy2(std::uint8_t byte);
  bool text(std::uint8_t byte);
  bool address(std::uint8_t type);
  bool skip(unsigned count, std::uint8_t then);
  bool no();

  Kind kind_ = Kind::kUnknown;
  std::uint8_t phase_ = 0;
  std::uint8_t seen_ = 0;  // by kind: bytes of a literal, line ends, zeros
  bool done_ = false;
  std::uint16_t left_ = 0;  // bytes to step over before the next phase
  std::uint16_t bytes_ = 0;
};

}  // namespace natlens::stream
