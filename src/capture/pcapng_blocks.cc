// draft-ietf-opsawg-pcapng, section 4: one function per block.

#include "pcapng_blocks.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace natlens::capture::pcapng {
namespace {

constexpr std::size_t kMaxTextBytes = 1024;
constexpr std::size_t kMaxNames = 4096;
constexpr std::size_t kMaxAddresses = 16;
constexpr std::size_t kMaxSecretKinds = 16;
// What is kept of a file's secrets; a hostile one could fill the memory with them.
constexpr std::size_t kMaxSecretBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxSecretBlocks = 1024;

// Name resolution record types (section 4.5).
constexpr std::uint16_t kNameIpv4 = 1;
constexpr std::uint16_t kNameIpv6 = 2;

std::string short_text(ByteView bytes) {
  return std::string(text_of(bytes.first(std::min(bytes.size(), kMaxTextBytes))));
}

void set_interface_option(Order order,
                          std::uint16_t code,
                          ByteView value,
                          InterfaceInfo& info,
                          std::uint8_t& resolution,
                          std::int64_t& offset_seconds) {
  const bool room = info.addresses.size() < kMaxAddresses;
  switch (code) {
    case option::kComment:
      info.comment = short_text(value);
      break;
    case option::kIfName:
      info.name = short_text(value);
      break;
    case option::kIfDescription:
      info.description = short_text(value);
      break;
    case option::kIfIpv4:
      if (room && value.size() >= 4) info.addresses.push_back(Address::v4(value.first<4>()));
      break;
    case option::kIfIpv6:
      if (room && value.size() >= 16) info.addresses.push_back(Address::v6(value.first<16>()));
      break;
    case option::kIfTsResolution:
      if (!value.empty()) resolution = value[0];
      break;
    case option::kIfTsOffset:
      if (value.size() >= 8) offset_seconds = static_cast<std::int64_t>(order.u64(value, 0));
      break;
    case option::kIfFilter:
      // The first byte says of which sort the filter is; 0 is a libpcap expression.
      if (value.size() > 1 && value[0] == 0) info.filter = short_text(value.subspan(1));
      break;
    default:
      break;
  }
}

// One record of a name resolution block: an address, then names, each ended by a zero byte.
void read_name_record(std::uint16_t type, ByteView value, FileInfo& info) {
  const std::size_t address_bytes = type == kNameIpv4 ? 4 : type == kNameIpv6 ? 16 : 0;
  if (address_bytes == 0 || value.size() < address_bytes) return;
  const Address address =
      type == kNameIpv4 ? Address::v4(value.first<4>()) : Address::v6(value.first<16>());
  ByteView names = value.subspan(address_bytes);
  while (!names.empty() && info.names.size() < kMaxNames) {
    const auto zero = std::find(names.begin(), names.end(), std::uint8_t{0});
    const auto length = static_cast<std::size_t>(zero - names.begin());
    if (length > 0) info.names.push_back({address, short_text(names.first(length))});
    names = names.subspan(std::min(length + 1, names.size()));
  }
}

std::string secrets_kind(std::uint32_t type) {
  switch (type) {
    case 0x544c534b:
      return "TLS key log";
    case 0x57474b4c:
      return "WireGuard key log";
    case 0x45535053:
      return "ESP associations";
    case 0x5353484b:
      return "SSH key log";
    case 0x5a4e574b:
      return "Zigbee network key";
    case 0x5a41504b:
      return "Zigbee APS key";
    default:
      return fmt::format("type {:#010x}", type);
  }
}

}  // namespace

std::optional<InterfaceBlock> parse_interface(Order order, ByteView body) {
  if (body.size() < 8) return std::nullopt;
  InterfaceBlock block;
  block.info.link_type = order.u16(body, 0);
  block.info.snaplen = order.u32(body, 4);
  std::uint8_t resolution = 6;
  std::int64_t offset_seconds = 0;
  for_each_option(order, body.subspan(8), [&](std::uint16_t code, ByteView value) {
    set_interface_option(order, code, value, block.info, resolution, offset_seconds);
  });
  block.time = TimeUnits(resolution, offset_seconds);
  return block;
}

std::optional<StatisticsBlock> parse_statistics(Order order, ByteView body) {
  if (body.size() < 12) return std::nullopt;
  StatisticsBlock block;
  block.interface = order.u32(body, 0);
  for_each_option(order, body.subspan(12), [&](std::uint16_t code, ByteView value) {
    if (value.size() < 8) return;
    if (code == option::kStatsStart) {
      block.start = order.halves(value, 0);
      block.has_start = true;
    } else if (code == option::kStatsIfDrop || code == option::kStatsOsDrop) {
      // Lost in the interface, and lost after it: both were on the wire and are not in the
      // file.
      if (__builtin_add_overflow(block.drops, order.u64(value, 0), &block.drops)) {
        block.drops = ~std::uint64_t{0};
      }
      block.has_drops = true;
    }
  });
  return block;
}

PacketOptions read_packet_options(Order order,
                                  ByteView list,
                                  std::uint32_t frame,
                                  FileInfo& info) {
  PacketOptions options;
  for_each_option(order, list, [&](std::uint16_t code, ByteView value) {
    if (code == option::kComment) {
      add_comment(info, frame, text_of(value));
    } else if (code == option::kPacketFlags && value.size() >= 4) {
      const std::uint32_t direction = order.u32(value, 0) & 3;
      options.direction = direction == 1   ? FrameDirection::kIn
                          : direction == 2 ? FrameDirection::kOut
                                           : FrameDirection::kUnknown;
    } else if (code == option::kPacketDropCount && value.size() >= 8) {
      options.drops = order.u64(value, 0);
    }
  });
  return options;
}

void read_section_options(Order order, ByteView list, FileInfo& info) {
  for_each_option(order, list, [&](std::uint16_t code, ByteView value) {
    std::string* place = code == option::kSectionHardware      ? &info.hardware
                         : code == option::kSectionOs          ? &info.os
                         : code == option::kSectionApplication ? &info.application
                                                               : nullptr;
    if (place != nullptr && place->empty()) *place = short_text(value);
    if (code == option::kComment) add_comment(info, 0, text_of(value));
  });
}

void read_names(Order order, ByteView body, FileInfo& info) {
  // Records have the shape of options, and end with type 0 as these do.
  for_each_option(order, body, [&](std::uint16_t type, ByteView value) {
    read_name_record(type, value, info);
  });
}

void read_secrets(Order order, ByteView body, FileInfo& info, std::vector<Secrets>& secrets) {
  if (body.size() < 8) return;
  const std::size_t bytes = order.u32(body, 4);
  std::size_t held = 0;
  for (const Secrets& other : secrets) held += other.text.view().size();
  if (bytes <= body.size() - 8 && bytes <= kMaxSecretBytes - held &&
      secrets.size() < kMaxSecretBlocks) {
    secrets.push_back({order.u32(body, 0), SecretBytes(body.subspan(8, bytes))});
  }
  if (info.secrets.size() == kMaxSecretKinds) return;
  std::string kind = secrets_kind(order.u32(body, 0));
  const bool known =
      std::find(info.secrets.begin(), info.secrets.end(), kind) != info.secrets.end();
  if (!known) info.secrets.push_back(std::move(kind));
}

}  // namespace natlens::capture::pcapng
