// Byte by byte, so that nothing is kept: a phase says what the next byte must be, and steps
// over what is of no interest here (names, passwords, headers). Bytes that do not fit end it:
// then nothing was said to a proxy, and the stream counts from its first byte.
#include "preamble.h"

#include <array>
#include <string_view>

namespace natlens::stream {
namespace {

constexpr std::uint16_t kMostBytes = 8192;   // of a CONNECT with its headers
constexpr std::uint16_t kLongestLine = 107;  // PROXY, with its end
constexpr std::uint8_t kSkip = 255;          // phase: stepping over left_ bytes
constexpr std::uint8_t kName = 254;          // phase: an address that is a name: its length
constexpr std::uint8_t kLast = 253;          // phase: behind the end

std::string_view literal(Preamble::Kind kind) {
  switch (kind) {
    case Preamble::Kind::kConnect:
      return "CONNECT ";
    case Preamble::Kind::kProxy1:
      return "PROXY ";
    case Preamble::Kind::kProxy2:
      return {"\r\n\r\n\0\r\nQUIT\n", 12};
    case Preamble::Kind::kConnectAnswer:
      return "HTTP/1.";
    default:
      return "";
  }
}

}  // namespace

bool Preamble::no() {
  kind_ = Kind::kNone;
  return false;
}

// Over `count` bytes to phase `then`; true if that is the end and there is nothing to step
// over.
bool Preamble::skip(unsigned count, std::uint8_t then) {
  if (count == 0) {
    phase_ = then;
    return then == kLast;
  }
  seen_ = then;
  phase_ = kSkip;
  left_ = static_cast<std::uint16_t>(count);
  return false;
}

bool Preamble::start(std::uint8_t byte, Kind asked) {
  const auto answer = [&](Kind kind, std::uint8_t first) {
    kind_ = byte == first ? kind : Kind::kNone;
  };
  switch (asked) {
    case Kind::kSocks5:
      answer(Kind::kSocks5Answer, 5);
      break;
    case Kind::kSocks4:
      answer(Kind::kSocks4Answer, 0);
      break;
    case Kind::kConnect:
      answer(Kind::kConnectAnswer, 'H');
      break;
    case Kind::kNone:
      kind_ = byte == 5      ? Kind::kSocks5
              : byte == 4    ? Kind::kSocks4
              : byte == 'C'  ? Kind::kConnect
              : byte == 'P'  ? Kind::kProxy1
              : byte == '\r' ? Kind::kProxy2
                             : Kind::kNone;
      break;
    default:
      kind_ = Kind::kNone;
  }
  seen_ = 1;  // of a literal
  return false;
}

bool Preamble::feed(std::uint8_t byte, Kind asked) {
  ++bytes_;
  if (bytes_ > kMostBytes) return no();
  if (kind_ == Kind::kUnknown) return start(byte, asked);
  if (phase_ != kSkip) {
    done_ = step(byte);
  } else if (--left_ == 0) {
    phase_ = seen_;
    done_ = phase_ == kLast;
  }
  return done_;
}

bool Preamble::step(std::uint8_t byte) {
  switch (kind_) {
    case Kind::kSocks5:
    case Kind::kSocks5Answer:
      return socks5(byte);
    case Kind::kSocks4:
      return socks4(byte);
    case Kind::kSocks4Answer:
      return socks4_answer(byte);
    case Kind::kProxy2:
      return proxy2(byte);
    default:
      return text(byte);
  }
}

bool Preamble::address(std::uint8_t type) {
  if (type == 1) return skip(4 + 2, kLast);
  if (type == 4) return skip(16 + 2, kLast);
  if (type != 3) return no();
  phase_ = kName;
  return false;
}

// 05 n methods; [01 n user n password]; 05 command 00 address. The answer: 05 method;
// [01 status]; 05 result 00 address.
bool Preamble::socks5(std::uint8_t byte) {
  const bool asks = kind_ == Kind::kSocks5;
  switch (phase_) {
    case 0:  // how many methods, or the one chosen
      if (asks ? byte == 0 : byte == 255) return no();
      return skip(asks ? byte : 0, 1);
    case 1:
      if (byte == 1) {
        phase_ = 2;
      } else if (byte == 5) {
        phase_ = 4;
      } else {
        return no();
      }
      return false;
    case 2:  // the user's length, or the status
      return skip(asks ? byte : 0, asks ? 3 : 1);
    case 3:  // the password's
      return skip(byte, 1);
    case 4:  // command, or result
      phase_ = 5;
      return asks ? (byte < 1 || byte > 3 ? no() : false) : (byte > 8 ? no() : false);
    case 5:
      phase_ = 6;
      return byte != 0 ? no() : false;
    case 6:
      return address(byte);
    default:
      return skip(byte + 2U, kLast);  // kName
  }
}

// 04 command port address user 00, and with address 0.0.0.x a name 00 (4a).
bool Preamble::socks4(std::uint8_t byte) {
  switch (phase_) {
    case 0:
      if (byte != 1 && byte != 2) return no();
      return skip(2, 1);
    case 1:  // address; seen_ counts zeros at its beginning once skip() is through with it
      left_ = byte == 0 ? 1 : 0;
      phase_ = 2;
      return false;
    case 2:
    case 3:
      if (left_ == phase_ - 1 && byte == 0) ++left_;
      ++phase_;
      return false;
    case 4:
      phase_ = left_ == 3 && byte != 0 ? 5 : 6;
      return false;
    case 5:  // user, and a name follows
      if (byte == 0) phase_ = 6;
      return false;
    default:
      return byte == 0;
  }
}

// 00 result port address.
bool Preamble::socks4_answer(std::uint8_t byte) {
  if (byte < 90 || byte > 93) return no();
  return skip(6, kLast);
}

bool Preamble::proxy2(std::uint8_t byte) {
  const std::string_view signature = literal(kind_);
  if (phase_ == 0) {
    if (byte != static_cast<std::uint8_t>(signature[seen_])) return no();
    if (++seen_ == signature.size()) return skip(2, 1);  // version, command, family
    return false;
  }
  if (phase_ == 1) {
    left_ = static_cast<std::uint16_t>(byte << 8U);
    phase_ = 2;
    return false;
  }
  return skip(left_ + byte, kLast);
}

// A line that begins with the literal, and for HTTP the header lines behind it.
bool Preamble::text(std::uint8_t byte) {
  const std::string_view word = literal(kind_);
  if (phase_ == 0) {
    if (byte != static_cast<std::uint8_t>(word[seen_])) return no();
    if (++seen_ == word.size()) phase_ = 1;
    return false;
  }
  if (byte == '\n') {
    if (kind_ == Kind::kProxy1 || phase_ == 2) return true;
    phase_ = 2;  // an empty line ends it
  } else if (byte != '\r') {
    phase_ = 1;
  }
  return kind_ == Kind::kProxy1 && bytes_ >= kLongestLine ? no() : false;
}

}  // namespace natlens::stream
