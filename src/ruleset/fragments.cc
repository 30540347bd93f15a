#include "fragments.h"

#include <algorithm>

#include "natlens/net/bytes.h"

namespace natlens::ruleset {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kIpv6Bytes = 40;
constexpr std::uint8_t kFragmentHeader = 44;

Bytes piece_v4(
    const Bytes& ip, std::size_t header, std::uint32_t begin, std::size_t end, bool more) {
  const auto at = [&](std::size_t n) { return ip.begin() + static_cast<std::ptrdiff_t>(n); };
  Bytes out(ip.begin(), at(header));
  out.insert(out.end(), at(header + begin), at(header + end));
  store_be16(out, 2, static_cast<std::uint32_t>(out.size()));
  store_be16(out, 6, (load_be16(ip, 6) & 0xc000U) | (more ? 0x2000U : 0U) | (begin / 8));
  store_be16(out, 10, 0);
  store_be16(out, 10, checksum(ByteView(out).first(header)));
  return out;
}

Bytes piece_v6(const Bytes& ip,
               std::size_t header,
               std::uint32_t begin,
               std::size_t end,
               bool more,
               std::uint32_t id) {
  const auto at = [&](std::size_t n) { return ip.begin() + static_cast<std::ptrdiff_t>(n); };
  Bytes out(ip.begin(), at(kIpv6Bytes));
  out[6] = kFragmentHeader;
  Bytes fragment(8);
  fragment[0] = ip[6];
  store_be16(fragment, 2, begin | (more ? 1U : 0U));
  store_be16(fragment, 4, id >> 16);
  store_be16(fragment, 6, id);
  out.insert(out.end(), fragment.begin(), fragment.end());
  out.insert(out.end(), at(header + begin), at(header + end));
  store_be16(out, 4, static_cast<std::uint32_t>(out.size() - kIpv6Bytes));
  return out;
}

}  // namespace

void FragmentShapes::add(const decode::Layer& fragment) {
  if (offsets_.size() >= kMost) {
    offsets_.clear();
  }
  auto& offsets = offsets_[{fragment.src, fragment.dst, fragment.ip_id, fragment.protocol}];
  if (offsets.size() < kMostPieces) {
    offsets.push_back(fragment.fragment_offset);
  }
}

std::vector<std::uint32_t> FragmentShapes::take(const decode::Layer& datagram) {
  const auto found =
      offsets_.find({datagram.src, datagram.dst, datagram.ip_id, datagram.protocol});
  if (found == offsets_.end()) {
    return {};
  }
  std::vector<std::uint32_t> offsets = std::move(found->second);
  offsets_.erase(found);
  offsets.push_back(datagram.fragment_offset);
  std::sort(offsets.begin(), offsets.end());
  offsets.erase(std::unique(offsets.begin(), offsets.end()), offsets.end());
  return offsets;
}

std::vector<Bytes> cut(const Bytes& ip,
                       std::size_t payload_at,
                       const std::vector<std::uint32_t>& offsets,
                       std::uint32_t id) {
  std::vector<Bytes> out;
  const bool v6 = (ip[0] >> 4) == 6;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const bool more = i + 1 < offsets.size();
    const std::size_t end = more ? offsets[i + 1] : ip.size() - payload_at;
    if (offsets[i] >= end || payload_at + end > ip.size()) {
      return {};
    }
    out.push_back(v6 ? piece_v6(ip, payload_at, offsets[i], end, more, id)
                     : piece_v4(ip, payload_at, offsets[i], end, more));
  }
  return out;
}

}  // namespace natlens::ruleset
