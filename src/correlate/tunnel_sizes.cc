#include "tunnel_sizes.h"

#include <algorithm>
#include <array>

namespace natlens::correlate {
namespace {

using decode::Encapsulation;

// Sorted by kind, so that those of one protocol are a span. In it, the likeliest first.
constexpr auto kRules = std::to_array<SizeRule>({
    // Type, receiver, counter; zeroes up to 16 or the MTU; tag (the WireGuard paper, 5.4.6).
    // SPI, sequence, IV; padding, its length, next header; integrity value (RFC 4303).
    {Encapsulation::kEsp, 2, 4, 32},   // GCM and ChaCha20 with 16 bytes (RFC 4106, RFC 7634)
    {Encapsulation::kEsp, 2, 4, 28},   // ... with 12; CTR with 12
    {Encapsulation::kEsp, 2, 4, 24},   // ... with 8; NULL with 16
    {Encapsulation::kEsp, 2, 4, 20},   // NULL with 12
    {Encapsulation::kEsp, 2, 16, 36},  // CBC with SHA-1
    {Encapsulation::kEsp, 2, 16, 40},  // ... SHA-256
    {Encapsulation::kEsp, 2, 16, 48},  // ... SHA-384
    {Encapsulation::kEsp, 2, 16, 56},  // ... SHA-512
    {Encapsulation::kEsp, 2, 8, 28},   // 3DES with SHA-1
    // Type, receiver, counter; zeroes up to 16 or the MTU; tag (the WireGuard paper, 5.4.6).
    {Encapsulation::kWireguard, 0, 16, 32, 0, true},
    // Opcode (and peer id), packet id, tag; then with one byte that tells of compression.
    {Encapsulation::kOpenvpn, 0, 1, 24, 16},
    {Encapsulation::kOpenvpn, 0, 1, 25, 16},
    {Encapsulation::kOpenvpn, 0, 1, 21, 16},
    {Encapsulation::kOpenvpn, 0, 1, 22, 16},
    {Encapsulation::kOpenvpn, 0, 1, 28, 16},  // packet id of eight bytes
    // ... with an Ethernet header inside.
    {Encapsulation::kOpenvpn, 14, 1, 24, 2},
    {Encapsulation::kOpenvpn, 14, 1, 25, 2},
    // CBC: opcode and peer id, HMAC, IV; packet id and at least one byte of padding inside.
    {Encapsulation::kOpenvpn, 5, 16, 40, 16},
    {Encapsulation::kOpenvpn, 6, 16, 40, 16},
    {Encapsulation::kOpenvpn, 5, 16, 52, 16},
    {Encapsulation::kOpenvpn, 6, 16, 52, 16},
    {Encapsulation::kOpenvpn, 5, 16, 84, 16},
    {Encapsulation::kOpenvpn, 5, 16, 37, 16},
    {Encapsulation::kOpenvpn, 6, 16, 37, 16},
});

}  // namespace

std::span<const SizeRule> size_rules(Encapsulation kind) {
  const auto [first, last] =
      std::equal_range(kRules.begin(), kRules.end(), SizeRule{.kind = kind},
                       [](const SizeRule& a, const SizeRule& b) { return a.kind < b.kind; });
  return {first, last};
}

}  // namespace natlens::correlate
