// Small parts shared by the printers of decoded frames.
#pragma once

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "natlens/decode/records.h"
#include "natlens/net/address.h"
#include "natlens/net/bytes.h"

namespace natlens::report {

// Writes one JSON object into a string: members in the order of the calls, closed by the
// destructor.
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  ~JsonObject() { out_ += '}'; }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  std::string& key(std::string_view name) {
    fmt::format_to(std::back_inserter(out_), "{}\"{}\":", first_ ? "" : ",", name);
    first_ = false;
    return out_;
  }
  void number(std::string_view name, std::uint64_t value) {
    key(name) += fmt::to_string(value);
  }
  // REQUIRES: nothing in `value` needs escaping.
  void text(std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(key(name)), "\"{}\"", value);
  }

 private:
  std::string& out_;
  bool first_ = true;
};

// True if the bytes behind an ICMP or ICMPv6 header's checksum are an id and a sequence number.
inline bool has_icmp_id(const decode::Layer& layer) {
  const std::uint8_t type = layer.icmp.type;
  if (layer.protocol == protocol::kIcmpv6) return type == 128 || type == 129;
  return type == 8 || type == 0 || (type >= 13 && type <= 18);
}

// The bytes that offsets count from: the frame's, or those of the datagram that a layer was put
// together from, or of the packet that was decrypted, for everything inside it. Feed it the
// layers in order.
class OffsetBase {
 public:
  explicit OffsetBase(ByteView frame) : base_(frame) {}
  ByteView from(std::size_t offset) const {
    return base_.subspan(std::min(offset, base_.size()));
  }
  void enter(const decode::Layer& layer) {
    if (layer.decrypted) base_ = layer.ip;
    if (layer.reassembled)
      base_ = layer.ip.last(std::min(layer.ip.size(), layer.l4.size() + layer.l4_offset));
  }

 private:
  ByteView base_;
};

// One header between layers, or after the last: {"p":"vlan","id":7,"off":14}. `bytes` start at
// it.
void append_via_json(std::string& out, const decode::Via& via, ByteView bytes);

}  // namespace natlens::report
