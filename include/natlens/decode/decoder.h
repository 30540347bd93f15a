// Bytes -> layers. A Decoder belongs to one tap and keeps, bounded, what earlier frames of that
// tap taught: which endpoints speak which tunnel protocol, fragments under way, and the
// sessions of encrypted tunnels that given keys opened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "natlens/capture/records.h"
#include "natlens/decode/keys.h"
#include "natlens/decode/records.h"

namespace natlens::decode {

struct DecoderOptions {
  bool reassemble = true;  // IPv4/IPv6 fragments, before anything reads the transport
  std::size_t fragment_bytes =
      4 << 20;  // at most held in reassembly, per tap (kernel: ipfrag_high_thresh)
  bool open_esp_null = false;  // read ESP with the NULL cipher, by its trailers
  std::shared_ptr<const KeyRing> keys =
      nullptr;  // to decrypt with; none: what is closed stays closed
};

struct DecoderStats {
  std::uint64_t frames = 0;
  std::uint64_t stops[static_cast<std::size_t>(DecodeStop::kCount)] = {};
  std::uint64_t fragments_expired = 0;  // timed out or pushed out of the bounded store
};

class Decoder {
 public:
  explicit Decoder(const DecoderOptions& options = {});
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  // Layers of one frame into `out`, by frame.link_type. Never fails, never allocates once warm,
  // never reads past frame.bytes. The answer depends on this tap's frames up to this one only.
  // Views in `out` live as long as frame.bytes; those of a `reassembled` or `decrypted` layer
  // and of layers inside it (`own_bytes` is set) until the next decode() of this Decoder.
  void decode(const capture::Frame& frame, DecodedFrame& out);
  // Adds the keys among a source's secrets, of which it has met those before. For the frames
  // from the next one on. Errors name `file`; the keys read up to there are kept. Does nothing
  // where there are no new ones.
  Result<void> learn(std::span<const capture::Secrets> secrets, std::string_view file);
  const DecoderStats& stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The tuple of a layer as conntrack keys it (ICMP and GRE as nf_conntrack_tuple). GRE version
// 1: src_port 0, dst_port = call id. Without ports (fragments, short headers) ports are 0.
Tuple tuple_of(const Layer& layer);

// Computes what the transport checksum field says, over the captured bytes; kUnknown if cut.
ChecksumState verify_l4_checksum(const Layer& layer);

std::string_view to_string(DecodeStop stop);     // "snap", "malformed"...
std::string_view to_string(Encapsulation kind);  // "vlan", "vxlan"... as in docs/decode.md

}  // namespace natlens::decode
