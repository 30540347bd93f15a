// The working state of one frame, shared by all parsers of this folder.
//
// A parser is a function Step(Context&): it reads at the cursor, moves it, and returns the
// parser of what follows. Decoder::decode runs steps until one returns kFinished. So nesting
// costs no stack, and work is bounded: every step either ends, adds a Via (at most kMaxVia) or
// a Layer (at most kMaxLayers).
#pragma once

#include <algorithm>
#include <cstdint>
#include <new>

#include "natlens/capture/records.h"
#include "natlens/decode/decoder.h"
#include "natlens/decode/records.h"
#include "natlens/net/address.h"
#include "natlens/net/bytes.h"

namespace natlens::decode {

class FlowMemory;
class Opener;
class Reassembler;
struct Context;

struct Step {
  Step (*run)(Context&) = nullptr;
};
inline constexpr Layer kEmptyLayer{};
inline constexpr Step kFinished{};

// Where a parser reads: `captured` bytes may be read, `wire` is how much was sent from here to
// the end of what encloses it, so captured <= wire. Reading between the two is a cut capture,
// beyond `wire` a contradiction. (No ByteView inside: it would be stored in halves and read as
// a whole, a stall.)
struct Cursor {
  const std::uint8_t* data = nullptr;
  std::uint32_t captured = 0;
  std::uint32_t wire = 0;
  std::uint32_t offset = 0;  // of data[0], from the start of the frame or reassembled datagram

  ByteView bytes() const { return {data, captured}; }
  std::uint8_t u8(std::size_t i) const { return load_u8(bytes(), i); }
  std::uint16_t be16(std::size_t i) const { return load_be16(bytes(), i); }
  std::uint32_t be32(std::size_t i) const { return load_be32(bytes(), i); }
  std::uint64_t be64(std::size_t i) const { return load_be64(bytes(), i); }
  std::uint32_t be24(std::size_t i) const {
    return be32(i - 1) & 0xffffffU;
  }  // REQUIRES: i > 0

  // REQUIRES: n <= wire. What is not captured is passed over too.
  void skip(std::size_t n) {
    const auto here = static_cast<std::uint32_t>(std::min<std::size_t>(n, captured));
    data += here;
    captured -= here;
    wire -= static_cast<std::uint32_t>(n);
    offset += static_cast<std::uint32_t>(n);
  }
  // Keeps the first n bytes; the rest (padding, trailers) belongs to nobody inside.
  void limit(std::size_t n) {
    if (n >= wire) return;
    wire = static_cast<std::uint32_t>(n);
    captured = std::min(captured, wire);
  }
  bool cut() const { return captured < wire; }
};

struct Context {
  DecodedFrame& out;
  Reassembler* reassembler;  // null: every frame by itself
  FlowMemory& flows;
  Opener* opener;  // null: no keys
  Timestamp time;
  Cursor at;
  std::uint32_t zone = 0;     // of the next layer
  std::uint8_t via_mark = 0;  // via that belong to the next layer start here
  bool quoted = false;        // inside an ICMP error
  bool open_esp_null = false;
  bool partial = false;     // inside a first fragment: lengths speak of the whole datagram
  bool plain_text = false;  // the next layer comes out of an encrypted tunnel

  // Ends decoding with a reason; the first reason stays. A quote is short by nature, and so is
  // a first fragment: only what the capture cut is told there.
  Step stop(DecodeStop why, Encapsulation in) {
    if ((quoted || partial) && why == DecodeStop::kMalformed) return kFinished;
    note(why, in);
    return kFinished;
  }
  // The same for what does not end decoding (a length field beyond the frame).
  void note(DecodeStop why, Encapsulation in) {
    if (out.stop != DecodeStop::kNone) return;
    out.stop = why;
    out.stop_in = in;
    out.stop_offset = at.offset;
  }
  // True if n bytes can be read. Else the reason is set: return kFinished.
  bool need(std::size_t n, Encapsulation in) {
    if (n <= at.captured) [[likely]]
      return true;
    stop(n <= at.wire ? DecodeStop::kSnap : DecodeStop::kMalformed, in);
    return false;
  }
  // Adds a Via at the cursor, or ends with kDepth and gives null.
  Via* add_via(Encapsulation kind) {
    if (out.via_count == kMaxVia) {
      stop(DecodeStop::kDepth, kind);
      return nullptr;
    }
    Via& via = out.via_storage[out.via_count++];
    via = Via{};
    via.kind = kind;
    via.offset = at.offset;
    return &via;
  }
  // Adds a Layer that owns the Via since the last one, or ends with kDepth and gives null.
  Layer* add_layer(Encapsulation kind) {
    if (out.layer_count == kMaxLayers) {
      stop(DecodeStop::kDepth, kind);
      return nullptr;
    }
    Layer& layer = out.layer_storage[out.layer_count++];
    layer = kEmptyLayer;
    layer.via_begin = via_mark;
    layer.via_end = via_mark = out.via_count;
    layer.quoted = quoted;
    layer.decrypted = plain_text;
    plain_text = false;
    layer.zone = zone;
    layer.offset = at.offset;
    return &layer;
  }
  Layer& layer() { return out.layer_storage[out.layer_count - 1U]; }  // REQUIRES: there is one

  // What both directions share goes into the zone of all layers inside.
  void enter_zone(Encapsulation kind, std::uint64_t key) {
    zone = static_cast<std::uint32_t>(
        mix(key, std::uint64_t{zone} << 8 | static_cast<std::uint8_t>(kind)));
    if (zone == 0) zone = 1;
  }
  // For keys of one direction: the unordered pair of addresses of the layer outside, if there
  // is one.
  void enter_zone_of_outer_pair(Encapsulation kind);
  // Reads on in what was decrypted. REQUIRES: it is in the opener's room.
  void enter_plain_text(const std::uint8_t* data, std::size_t bytes);
};

// Writes an address in place: a temporary would be stored in pieces and read back as a whole,
// which stalls the processor.
inline void set_v4(Address& address, std::span<const std::uint8_t, 4> bytes) {
  ::new (static_cast<void*>(&address)) Address(Address::v4(bytes));
}
inline void set_v6(Address& address, std::span<const std::uint8_t, 16> bytes) {
  ::new (static_cast<void*>(&address)) Address(Address::v6(bytes));
}

// Parsers, each in the file named. They expect the cursor at the first byte of their header.
Step ethernet(Context&);      // link_ethernet.cc
Step ipv4(Context&);          // ipv4.cc
Step ipv6(Context&);          // ipv6.cc
Step ip_by_nibble(Context&);  // link_raw.cc: IPv4 or IPv6 by the first four bits

// Parsers by number, each from its table in tables.cc; a Step that ends where the number is
// unknown.
Step by_link_type(Context&, capture::LinkType);
Step by_ethertype(Context&, std::uint16_t);
// What follows an IP header (or its extension headers): transport and encapsulations.
Step by_ip_protocol(Context&, std::uint8_t);

}  // namespace natlens::decode
