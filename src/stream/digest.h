// Keys and digests that all fingerprints are made of. Both ends of a comparison are computed by
// this code in the same run, so the numbers may change from version to version.
#pragma once

#include <algorithm>
#include <cstdint>

#include "natlens/decode/records.h"
#include "natlens/net/bytes.h"

namespace natlens::stream {

// Keeps fingerprints of different kinds apart.
enum class Salt : std::uint32_t {
  kDatagram = 5,  // 1 to 4: tcp_fingerprint()
  kEcho,
  kError,
  kPrefix,
  kProbe,
  kBlock,
  kQuestion,
  kShape
};

// A key of two words, never 0 (0 means "no fingerprint").
inline std::uint64_t key_of(Salt salt, std::uint64_t first, std::uint32_t second = 0) {
  const std::uint64_t key = mix(first, static_cast<std::uint64_t>(salt) << 32 | second);
  return key != 0 ? key : 1;
}

inline std::uint64_t digest_of(ByteView bytes, std::uint64_t seed = 0) {
  const std::uint64_t digest = content_hash(bytes, seed);
  return digest != 0 ? digest : 1;
}

// A digest of bytes that come piece by piece: the same however they were cut. FNV-1a, whose
// state is one word, for the few bytes that are digested so.
class RunningDigest {
 public:
  void add(ByteView bytes) {
    for (const std::uint8_t byte : bytes) state_ = (state_ ^ byte) * 0x100000001b3U;
  }
  std::uint64_t get(std::uint64_t seed) const {
    const std::uint64_t digest = mix(state_, seed);
    return digest != 0 ? digest : 1;
  }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325U;
};

// Long datagrams are told apart by their first and last bytes: hashing all of a 1400-byte
// payload costs more than the rest of the packet's way.
inline constexpr std::size_t kHeadBytes = 256;
inline constexpr std::size_t kTailBytes = 128;
inline constexpr std::size_t kPrefixBytes = 16;

struct PayloadDigest {
  std::uint64_t digest = 0;  // 0 = cut or empty
  std::uint32_t prefix = 0;  // key of length and first bytes; 0 = those were cut too
  bool cut = false;
};

// `wire_bytes` is the payload's true length, `captured` what is there of it.
inline PayloadDigest digest_payload(ByteView captured,
                                    std::uint32_t wire_bytes,
                                    std::uint32_t extra) {
  PayloadDigest out;
  out.cut = captured.size() < wire_bytes;
  const std::size_t have = std::min<std::size_t>(captured.size(), wire_bytes);
  const std::size_t prefix = std::min<std::size_t>(kPrefixBytes, wire_bytes);
  if (have >= prefix) {
    const std::uint64_t key =
        key_of(Salt::kPrefix, digest_of(captured.first(prefix), extra), wire_bytes);
    out.prefix = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(key >> 32));
  }
  if (out.cut || wire_bytes == 0) return out;
  out.digest = digest_of(captured.first(std::min(have, kHeadBytes)), wire_bytes);
  if (have > kHeadBytes) {
    const std::size_t tail = std::min(kTailBytes, have - kHeadBytes);
    out.digest = digest_of(captured.subspan(have - tail, tail), out.digest);
  }
  return out;
}

// The payload of any transport: what follows its header, or all of an unknown one.
inline ByteView payload_of(const decode::Layer& layer) {
  return layer.transport == decode::TransportKind::kNone ? layer.l4 : layer.payload;
}
inline std::uint32_t payload_bytes_of(const decode::Layer& layer) {
  return layer.transport == decode::TransportKind::kNone ? layer.l4_wire_bytes
                                                         : layer.payload_wire_bytes;
}

}  // namespace natlens::stream
