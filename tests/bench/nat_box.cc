#include "nat_box.h"

namespace natlens::bench {
namespace {

constexpr std::uint32_t kFirstBackend = 10U << 24U | 9U << 16U | 1U;
constexpr int kTries = 256;  // random ports asked before a server counts as full

}  // namespace

std::size_t WireHash::operator()(const Wire& wire) const {
  const std::uint64_t addresses = static_cast<std::uint64_t>(wire.src) << 32U | wire.dst;
  const std::uint64_t ports = static_cast<std::uint64_t>(wire.src_port) << 32U |
                              static_cast<std::uint64_t>(wire.dst_port) << 8U | wire.protocol;
  return Random(addresses ^ Random(ports).next()).next();
}

bool NatBox::open(const Wire& inside, bool keep, Wire& outside) {
  if (inside_.contains(inside)) return false;
  outside = inside;
  if (backends_ != 0) {
    outside.dst = kFirstBackend + random_.below(backends_);
    return inside_.insert(inside).second;
  }
  outside.src = external_;
  bool found = keep && outside_.insert(outside).second;
  for (int tries = 0; !found && tries < kTries; tries++) {
    outside.src_port = static_cast<std::uint16_t>(random_.between(1024, 65535));
    found = (keep || outside.src_port != inside.src_port) && outside_.insert(outside).second;
  }
  if (found) inside_.insert(inside);
  return found;
}

void NatBox::close(const Wire& inside, const Wire& outside) {
  inside_.erase(inside);
  outside_.erase(outside);
}

}  // namespace natlens::bench
