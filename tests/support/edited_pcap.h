// A little-endian pcap of Ethernet frames with IPv4, edited by hand: frames taken out, shown
// twice, put behind others, header fields changed with their checksums. Frames keep the numbers
// that they have in the file until it is written.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "natlens/net/bytes.h"

namespace natlens::test {

class EditedPcap {
 public:
  explicit EditedPcap(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    head_ = all.substr(0, 24);
    for (std::size_t at = 24; at + 16 <= all.size();) {
      std::uint32_t captured = 0;
      std::memcpy(&captured, all.data() + at + 8, 4);
      records_.push_back({all.substr(at, 16), all.substr(at + 16, captured), 1, {}});
      at += 16 + captured;
    }
  }
  std::size_t frames() const { return records_.size(); }

  void remove(std::size_t frame) { record(frame).times = 0; }
  void repeat(std::size_t frame) { record(frame).times = 2; }
  // It comes right behind a later one, at the same time.
  void delay(std::size_t frame, std::size_t behind) {
    const Record& late = record(frame);
    record(behind).follower =
        record(behind).head.substr(0, 8) + late.head.substr(8) + late.bytes;
    remove(frame);
  }
  double seconds(std::size_t frame) const {
    std::uint32_t whole = 0;
    std::uint32_t micros = 0;
    std::memcpy(&whole, record(frame).head.data(), 4);
    std::memcpy(&micros, record(frame).head.data() + 4, 4);
    return whole + micros * 1e-6;
  }
  void write(const std::string& path) const {
    std::ofstream out(path, std::ios::binary);
    out << head_;
    for (const Record& r : records_) {
      for (int i = 0; i < r.times; ++i) out << r.head << r.bytes;
      out << r.follower;
    }
  }

  // ---- what a frame holds
  bool is_ip(std::size_t frame) const { return u16(frame, 12) == 0x0800; }
  std::uint8_t protocol(std::size_t frame) const { return u8(frame, 23); }
  bool is_tcp(std::size_t frame) const { return is_ip(frame) && protocol(frame) == 6; }
  bool is_udp(std::size_t frame) const { return is_ip(frame) && protocol(frame) == 17; }
  bool is_syn(std::size_t frame) const { return is_tcp(frame) && (u8(frame, 47) & 2) != 0; }
  std::uint32_t payload_bytes(std::size_t frame) const {
    const std::uint32_t l4 = u16(frame, 16) - 20U;
    return l4 - (protocol(frame) == 6 ? (u8(frame, 46) >> 4) * 4U : 8U);
  }
  std::uint32_t src(std::size_t frame) const { return u32(frame, 26); }
  std::uint32_t dst(std::size_t frame) const { return u32(frame, 30); }
  // The four ends, whoever is source.
  bool same_flow(std::size_t one, std::size_t other) const {
    return protocol(one) == protocol(other) && src(one) == src(other) &&
           dst(one) == dst(other) && u32(one, 34) == u32(other, 34);
  }
  // The one frame with the same packet, whatever a source NAT did; 0 = none, or several.
  std::size_t image(const EditedPcap& there, std::size_t frame) const {
    std::size_t found = 0;
    for (std::size_t n = 1; n <= there.frames(); ++n) {
      if (!there.is_ip(n) || there.protocol(n) != protocol(frame)) continue;
      const bool same = there.u16(n, 18) == u16(frame, 18) &&
                        there.u16(n, 16) == u16(frame, 16) &&
                        (there.dst(n) == dst(frame) || there.src(n) == src(frame)) &&
                        (!is_tcp(frame) || there.u32(n, 38) == u32(frame, 38));
      if (!same) continue;
      if (found != 0) return 0;
      found = n;
    }
    return found;
  }

  // Frame `n` (from 0) of those there that the bytes of this large frame were cut into; 0 =
  // none.
  std::size_t segment(const EditedPcap& there, std::size_t frame, std::size_t n) const {
    for (std::size_t at = 1; at <= there.frames(); ++at) {
      if (!there.is_tcp(at) || there.payload_bytes(at) == 0 || there.dst(at) != dst(frame))
        continue;
      const std::uint32_t offset = there.u32(at, 38) - u32(frame, 38);
      if (offset >= payload_bytes(frame) || offset == 0) continue;
      if (--n == 0) return at;
    }
    return 0;
  }

  // ---- changes
  void set_ttl(std::size_t frame, std::uint8_t ttl) {
    change(frame, 22, static_cast<std::uint16_t>(ttl << 8 | u8(frame, 23)), 24);
  }
  void set_tos(std::size_t frame, std::uint8_t tos) {
    change(frame, 14, static_cast<std::uint16_t>(u8(frame, 14) << 8 | tos), 24);
  }
  void clear_df(std::size_t frame) {
    change(frame, 20, static_cast<std::uint16_t>(u16(frame, 20) & 0xbfffU), 24);
  }
  // Of a SYN whose first option is the MSS, as Linux sends it.
  void set_mss(std::size_t frame, std::uint16_t mss) {
    if (u16(frame, 54) == 0x0204) change(frame, 56, mss, 50);
  }

 private:
  struct Record {
    std::string head;
    std::string bytes;
    int times = 1;
    std::string follower;
  };
  Record& record(std::size_t frame) { return records_.at(frame - 1); }
  const Record& record(std::size_t frame) const { return records_.at(frame - 1); }
  ByteView view(std::size_t frame) const {
    const std::string& bytes = record(frame).bytes;
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  }
  std::uint8_t u8(std::size_t frame, std::size_t at) const { return load_u8(view(frame), at); }
  std::uint16_t u16(std::size_t frame, std::size_t at) const {
    return load_be16(view(frame), at);
  }
  std::uint32_t u32(std::size_t frame, std::size_t at) const {
    return load_be32(view(frame), at);
  }
  void put(std::size_t frame, std::size_t at, std::uint16_t value) {
    record(frame).bytes[at] = static_cast<char>(value >> 8);
    record(frame).bytes[at + 1] = static_cast<char>(value & 0xff);
  }
  // RFC 1624: the checksum at `sum` follows.
  void change(std::size_t frame, std::size_t at, std::uint16_t value, std::size_t sum) {
    std::uint32_t total = static_cast<std::uint16_t>(~u16(frame, sum));
    total += static_cast<std::uint16_t>(~u16(frame, at));
    total += value;
    while (total >> 16 != 0) total = (total & 0xffffU) + (total >> 16);
    put(frame, at, value);
    put(frame, sum, static_cast<std::uint16_t>(~total));
  }

  std::string head_;
  std::vector<Record> records_;
};

}  // namespace natlens::test
