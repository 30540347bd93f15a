// Text made for binding: addresses, MACs and JSON, into buffers that are reused, because a row
// holds up to eight such texts and is written in two microseconds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "natlens/net/address.h"

namespace natlens::store {

// A short text on the stack.
template <std::size_t N>
struct SmallText {
  std::array<char, N> bytes;
  std::size_t size = 0;
  std::string_view view() const { return {bytes.data(), size}; }
};
using AddressText = SmallText<48>;
using MacText = SmallText<17>;
using SynText = SmallText<80>;

// The text of natlens::to_string(Address); empty for an address without family.
void format_address(const Address& address, AddressText& out);
// "02:00:00:00:00:01"; empty for zeros, which stand for "no MAC".
void format_mac(const std::array<std::uint8_t, 6>& mac, MacText& out);

// "wscale 7,sack,timestamps" from stream::syn_option; "none" without any but the MSS.
void format_syn_options(std::uint16_t flags, SynText& out);

// Appends to one string whose memory stays.
class TextBuffer {
 public:
  void clear() { text_.clear(); }
  std::string_view view() const { return text_; }

  TextBuffer& raw(char c);
  TextBuffer& raw(std::string_view text);
  TextBuffer& integer(std::int64_t value);
  TextBuffer& natural(std::uint64_t value);
  TextBuffer& hex8(std::uint8_t value);    // 0x and two digits
  TextBuffer& hex32(std::uint32_t value);  // 0x0123abcd
  TextBuffer& tenths(double value);        // one digit after the point; JSON has no infinity: 0
  // Text from captures may be any bytes: what is not UTF-8, and NUL, becomes U+FFFD.
  TextBuffer& utf8(std::string_view text);
  TextBuffer& json_string(std::string_view text);  // quoted and escaped

 private:
  std::string text_;
};

}  // namespace natlens::store
