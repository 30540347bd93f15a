// How it works: headers are appended in order with their checksum fields zero; sums are taken
// over the finished bytes and written back (RFC 1071, RFC 9293, RFC 768, RFC 792).
#include "frame.h"

#include <cstddef>
#include <cstring>

namespace natlens::bench {
namespace {

constexpr std::size_t kEthernetBytes = 14;
constexpr std::size_t kIpBytes = 20;

class Appender {
 public:
  explicit Appender(std::vector<std::uint8_t>& out) : out_(out) {}
  void u8(std::uint8_t value) { out_.push_back(value); }
  void u16(std::uint32_t value) {
    u8(static_cast<std::uint8_t>(value >> 8U));
    u8(static_cast<std::uint8_t>(value));
  }
  void u32(std::uint32_t value) {
    u16(value >> 16U);
    u16(value & 0xFFFFU);
  }
  void bytes(std::span<const std::uint8_t> data) {
    out_.insert(out_.end(), data.begin(), data.end());
  }

 private:
  std::vector<std::uint8_t>& out_;
};

// Sum of big-endian 16-bit words, not folded.
std::uint64_t sum_words(std::span<const std::uint8_t> data) {
  std::uint64_t sum = 0;
  std::size_t at = 0;
  for (; at + 4 <= data.size(); at += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, data.data() + at, sizeof word);
    sum +=
        __builtin_bswap32(word);  // two words at once; the carry between them folds back later
  }
  if (at + 2 <= data.size()) {
    sum += static_cast<std::uint64_t>(data[at] << 8U | data[at + 1]);
    at += 2;
  }
  if (at < data.size()) sum += static_cast<std::uint64_t>(data[at]) << 8U;
  return sum;
}

std::uint16_t fold(std::uint64_t sum) {
  while (sum >> 16U != 0) sum = (sum & 0xFFFFU) + (sum >> 16U);
  return static_cast<std::uint16_t>(sum);
}

void put(std::vector<std::uint8_t>& frame, std::size_t at, std::uint16_t value) {
  frame[at] = static_cast<std::uint8_t>(value >> 8U);
  frame[at + 1] = static_cast<std::uint8_t>(value);
}

// A locally administered MAC address that names the IP address of its host.
void append_mac(Appender& out, std::uint32_t address) {
  out.u16(0x0200);
  out.u32(address);
}

void append_tcp(Appender& out, const Packet& packet) {
  const bool syn = (packet.tcp_flags & kSyn) != 0;
  out.u16(packet.src_port);
  out.u16(packet.dst_port);
  out.u32(packet.seq);
  out.u32(packet.ack);
  out.u8(syn ? 0xA0 : 0x80);  // 40 or 32 bytes of header
  out.u8(packet.tcp_flags);
  out.u16((packet.tcp_flags & kRst) != 0 ? 0 : 64240);
  out.u32(0);  // checksum, urgent pointer
  if (syn) {   // maximum segment size 1460, SACK permitted
    out.u32(0x020405B4);
    out.u16(0x0402);
  } else {
    out.u16(0x0101);
  }
  out.u16(0x080A);
  out.u32(packet.ts_value);
  out.u32(packet.ts_echo);
  if (syn) out.u32(0x01030307);  // window scale 7
}

void append_transport(Appender& out, const Packet& packet) {
  if (packet.protocol == kTcp) {
    append_tcp(out, packet);
  } else if (packet.protocol == kUdp) {
    out.u16(packet.src_port);
    out.u16(packet.dst_port);
    out.u16(static_cast<std::uint32_t>(packet.payload.size() + 8));
    out.u16(0);
  } else {
    out.u16(packet.echo_reply ? 0x0000 : 0x0800);
    out.u16(0);
    out.u16(packet.src_port);
    out.u16(packet.icmp_seq);
  }
  out.bytes(packet.payload);
}

std::size_t checksum_offset(std::uint8_t protocol) {
  if (protocol == kTcp) return 16;
  return protocol == kUdp ? 6 : 2;
}

void fill_checksums(const Packet& packet, std::vector<std::uint8_t>& frame) {
  const std::span<const std::uint8_t> ip = std::span(frame).subspan(kEthernetBytes);
  const std::span<const std::uint8_t> transport = ip.subspan(kIpBytes);
  std::uint64_t pseudo = 0;
  if (packet.protocol != kIcmp) {
    pseudo = sum_words(ip.subspan(12, 8)) + packet.protocol + transport.size();
  }
  std::uint16_t value = packet.offloaded
                            ? fold(pseudo)
                            : static_cast<std::uint16_t>(~fold(pseudo + sum_words(transport)));
  if (packet.protocol == kUdp && value == 0) value = 0xFFFF;  // RFC 768: zero means none
  put(frame, kEthernetBytes + kIpBytes + checksum_offset(packet.protocol), value);
  put(frame, kEthernetBytes + 10,
      static_cast<std::uint16_t>(~fold(sum_words(ip.first(kIpBytes)))));
}

}  // namespace

void build_frame(const Packet& packet, std::vector<std::uint8_t>& frame) {
  frame.clear();
  Appender out(frame);
  append_mac(out, packet.dst);
  append_mac(out, packet.src);
  out.u16(0x0800);
  out.u16(0x4500);
  out.u16(0);  // total length
  out.u16(packet.ip_id);
  out.u16(0x4000);  // don't fragment
  out.u8(packet.ttl);
  out.u8(packet.protocol);
  out.u16(0);
  out.u32(packet.src);
  out.u32(packet.dst);
  append_transport(out, packet);
  put(frame, kEthernetBytes + 2, static_cast<std::uint16_t>(frame.size() - kEthernetBytes));
  fill_checksums(packet, frame);
}

}  // namespace natlens::bench
