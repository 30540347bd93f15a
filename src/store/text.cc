#include "text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include <arpa/inet.h>

#include "natlens/stream/records.h"

namespace natlens::store {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kReplacement = "\xef\xbf\xbd";

char* put_octet(char* out, unsigned value) {
  if (value >= 100) *out++ = static_cast<char>('0' + value / 100);
  if (value >= 10) *out++ = static_cast<char>('0' + value / 10 % 10);
  *out++ = static_cast<char>('0' + value % 10);
  return out;
}

bool continues(std::string_view text, std::size_t at, unsigned low, unsigned high) {
  if (at >= text.size()) return false;
  const auto byte = static_cast<unsigned char>(text[at]);
  return byte >= low && byte <= high;
}

// Length of the well-formed UTF-8 sequence at `at` (Unicode 15, table 3-7); 0 = not one, or
// NUL.
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead == 0) return 0;
  if (lead < 0x80) return 1;
  const auto tail = [&](std::size_t i) { return continues(text, at + i, 0x80, 0xbf); };
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const unsigned low = lead == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = lead == 0xed ? 0x9f : 0xbf;
    return continues(text, at + 1, low, high) && tail(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const unsigned low = lead == 0xf0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xf4 ? 0x8f : 0xbf;
    return continues(text, at + 1, low, high) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

void format_address(const Address& address, AddressText& out) {
  const auto bytes = address.bytes();
  char* end = out.bytes.data();
  if (address.is_v4()) {
    for (std::size_t i = 0; i < 4; ++i) {
      if (i > 0) *end++ = '.';
      end = put_octet(end, bytes[i]);
    }
  } else if (address.is_v6()) {
    inet_ntop(AF_INET6, bytes.data(), end, static_cast<socklen_t>(out.bytes.size()));
    end += std::strlen(end);
  }
  out.size = static_cast<std::size_t>(end - out.bytes.data());
}

void format_mac(const std::array<std::uint8_t, 6>& mac, MacText& out) {
  out.size = 0;
  if (mac == std::array<std::uint8_t, 6>{}) return;
  for (std::size_t i = 0; i < mac.size(); ++i) {
    if (i > 0) out.bytes[out.size++] = ':';
    out.bytes[out.size++] = kHex[mac[i] >> 4];
    out.bytes[out.size++] = kHex[mac[i] & 15U];
  }
}

void format_syn_options(std::uint16_t flags, SynText& out) {
  namespace syn = stream::syn_option;
  struct Name {
    std::uint16_t flag;
    std::string_view text;
  };
  constexpr auto kNames = std::to_array<Name>({{syn::kWindowScale, "wscale "},
                                               {syn::kSackPermitted, "sack"},
                                               {syn::kTimestamps, "timestamps"},
                                               {syn::kMd5, "md5"},
                                               {syn::kAo, "ao"},
                                               {syn::kMultipath, "mptcp"},
                                               {syn::kFastOpen, "tfo"},
                                               {syn::kOther, "other"}});
  char* end = out.bytes.data();
  const auto put = [&end](std::string_view text) {
    end = std::copy(text.begin(), text.end(), end);
  };
  for (const Name& name : kNames) {
    if ((flags & name.flag) == 0) continue;
    if (end != out.bytes.data()) put(",");
    put(name.text);
    if (name.flag == syn::kWindowScale) end = put_octet(end, flags & syn::kWindowScaleMask);
  }
  if (end == out.bytes.data()) put("none");
  out.size = static_cast<std::size_t>(end - out.bytes.data());
}

TextBuffer& TextBuffer::raw(char c) {
  text_.push_back(c);
  return *this;
}

TextBuffer& TextBuffer::raw(std::string_view text) {
  text_.append(text);
  return *this;
}

TextBuffer& TextBuffer::integer(std::int64_t value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text_.append(digits.data(), end);
  return *this;
}

TextBuffer& TextBuffer::natural(std::uint64_t value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text_.append(digits.data(), end);
  return *this;
}

TextBuffer& TextBuffer::hex8(std::uint8_t value) {
  return raw("0x").raw(kHex[value >> 4]).raw(kHex[value & 15U]);
}

TextBuffer& TextBuffer::hex32(std::uint32_t value) {
  text_.append("0x");
  for (int shift = 28; shift >= 0; shift -= 4) text_.push_back(kHex[(value >> shift) & 15U]);
  return *this;
}

TextBuffer& TextBuffer::tenths(double value) {
  if (!std::isfinite(value) || std::abs(value) > 1e15) return raw('0');
  const std::int64_t tenths = std::llround(value * 10);
  if (tenths < 0) text_.push_back('-');
  const std::int64_t magnitude = tenths < 0 ? -tenths : tenths;
  return integer(magnitude / 10).raw('.').integer(magnitude % 10);
}

TextBuffer& TextBuffer::utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    text_.append(length == 0 ? kReplacement : text.substr(at, length));
    at += length == 0 ? 1 : length;
  }
  return *this;
}

TextBuffer& TextBuffer::json_string(std::string_view text) {
  text_.push_back('"');
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c == 0 || (c >= 0x20 && c != '"' && c != '\\')) continue;
    utf8(text.substr(done, at - done));
    if (c == '"' || c == '\\') {
      raw('\\').raw(static_cast<char>(c));
    } else {
      raw("\\u00").raw(kHex[c >> 4]).raw(kHex[c & 15U]);
    }
    done = at + 1;
  }
  utf8(text.substr(done));
  return raw('"');
}

}  // namespace natlens::store
