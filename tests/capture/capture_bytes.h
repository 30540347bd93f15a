// Capture files built byte by byte, and what reading them gives, for the tests of this folder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "natlens/capture/records.h"
#include "natlens/net/timestamp.h"

#include "open_capture.h"

namespace natlens::capture::test {

using Octets = std::vector<std::uint8_t>;

// Appends numbers in one byte order.
class Builder {
 public:
  explicit Builder(bool big_endian = false) : big_endian_(big_endian) {}

  Builder& u8(std::uint8_t value) {
    bytes.push_back(value);
    return *this;
  }
  Builder& u16(std::uint16_t value) { return number(value, 2); }
  Builder& u32(std::uint32_t value) { return number(value, 4); }
  Builder& u64(std::uint64_t value) { return number(value, 8); }
  Builder& raw(std::span<const std::uint8_t> more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
    return *this;
  }
  Builder& text(std::string_view more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
    return *this;
  }
  Builder& pad4() {
    while (bytes.size() % 4 != 0) bytes.push_back(0);
    return *this;
  }
  bool big_endian() const { return big_endian_; }

  Octets bytes;

 private:
  Builder& number(std::uint64_t value, int width) {
    for (int i = 0; i < width; ++i) {
      const int shift = 8 * (big_endian_ ? width - 1 - i : i);
      bytes.push_back(static_cast<std::uint8_t>(value >> shift));
    }
    return *this;
  }
  bool big_endian_;
};

// `size` bytes that tell which packet they are of.
inline Octets payload(std::size_t size, std::uint8_t first) {
  Octets bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(first + i);
  return bytes;
}

// ---- classic pcap

struct PcapHead {
  std::uint32_t magic = 0xa1b2c3d4;
  std::uint16_t major = 2;
  std::uint16_t minor = 4;
  std::uint32_t snaplen = 65535;
  std::uint32_t network = 1;
};

class PcapBytes : public Builder {
 public:
  explicit PcapBytes(bool big_endian = false, const PcapHead& head = {}) : Builder(big_endian) {
    header(head);
  }
  PcapBytes& header(const PcapHead& head) {
    u32(head.magic)
        .u16(head.major)
        .u16(head.minor)
        .u32(0)
        .u32(0)
        .u32(head.snaplen)
        .u32(head.network);
    return *this;
  }
  PcapBytes& record(std::uint32_t seconds, std::uint32_t fraction, const Octets& data) {
    return record(seconds, fraction, data, static_cast<std::uint32_t>(data.size()));
  }
  PcapBytes& record(std::uint32_t seconds,
                    std::uint32_t fraction,
                    const Octets& data,
                    std::uint32_t original) {
    u32(seconds)
        .u32(fraction)
        .u32(static_cast<std::uint32_t>(data.size()))
        .u32(original)
        .raw(data);
    return *this;
  }
  // Kuznetsov's record.
  PcapBytes& modified(std::uint32_t seconds,
                      std::uint32_t fraction,
                      const Octets& data,
                      std::uint32_t ifindex,
                      std::uint8_t packet_type) {
    const auto size = static_cast<std::uint32_t>(data.size());
    u32(seconds).u32(fraction).u32(size).u32(size);
    u32(ifindex).u16(0x0800).u8(packet_type).u8(0).raw(data);
    return *this;
  }
};

// ---- pcapng

// An option list; an empty one takes no bytes.
class Options : public Builder {
 public:
  using Builder::Builder;
  Options& add(std::uint16_t code, const Octets& value) {
    u16(code).u16(static_cast<std::uint16_t>(value.size())).raw(value).pad4();
    return *this;
  }
  Options& add(std::uint16_t code, std::string_view value) {
    return add(code, Octets(value.begin(), value.end()));
  }
  Options& add_u64(std::uint16_t code, std::uint64_t value) {
    return add(code, Builder(big_endian()).u64(value).bytes);
  }
  Options& add_u32(std::uint16_t code, std::uint32_t value) {
    return add(code, Builder(big_endian()).u32(value).bytes);
  }
  Options& end() {
    u32(0);
    return *this;
  }
};

class NgBytes : public Builder {
 public:
  using Builder::Builder;

  NgBytes& block(std::uint32_t type, const Octets& body) {
    const auto length = static_cast<std::uint32_t>(12 + (body.size() + 3) / 4 * 4);
    u32(type).u32(length).raw(body).pad4().u32(length);
    return *this;
  }
  NgBytes& section(const Octets& options = {}) {
    return block(0x0a0d0d0a,
                 body().u32(0x1a2b3c4d).u16(1).u16(0).u64(~0ULL).raw(options).bytes);
  }
  NgBytes& interface(std::uint16_t link = 1,
                     std::uint32_t snaplen = 0,
                     const Octets& options = {}) {
    return block(1, body().u16(link).u16(0).u32(snaplen).raw(options).bytes);
  }
  NgBytes& named(std::string_view name, std::uint16_t link = 1) {
    return interface(link, 0, Options(big_endian()).add(2, name).bytes);
  }
  NgBytes& packet(std::uint32_t interface,
                  std::uint64_t units,
                  const Octets& data,
                  std::uint32_t original = 0,
                  const Octets& options = {}) {
    const auto size = static_cast<std::uint32_t>(data.size());
    return block(6, body()
                        .u32(interface)
                        .u32(static_cast<std::uint32_t>(units >> 32))
                        .u32(static_cast<std::uint32_t>(units))
                        .u32(size)
                        .u32(std::max(original, size))
                        .raw(data)
                        .pad4()
                        .raw(options)
                        .bytes);
  }
  NgBytes& simple(std::uint32_t original, const Octets& data) {
    return block(3, body().u32(original).raw(data).bytes);
  }
  NgBytes& old_packet(std::uint16_t interface,
                      std::uint16_t drops,
                      std::uint64_t units,
                      const Octets& data) {
    const auto size = static_cast<std::uint32_t>(data.size());
    return block(2, body()
                        .u16(interface)
                        .u16(drops)
                        .u32(static_cast<std::uint32_t>(units >> 32))
                        .u32(static_cast<std::uint32_t>(units))
                        .u32(size)
                        .u32(size)
                        .raw(data)
                        .bytes);
  }
  // The next numbers are of the other byte order: a new section.
  NgBytes& append(const NgBytes& other) {
    raw(other.bytes);
    return *this;
  }
  Builder body() const { return Builder(big_endian()); }
};

// ---- reading

struct ReadFrame {
  Octets bytes;
  Frame frame;            // its `bytes` are not valid any more
  std::uint64_t end = 0;  // where the reader stood after the batch; for batches of 1, after it
};

struct Reading {
  std::string error;  // the file could not be opened
  std::vector<ReadFrame> frames;
  std::vector<InterfaceInfo> interfaces;
  FileInfo info;
  std::size_t leading_interfaces = 0;

  std::vector<std::int64_t> times() const {
    std::vector<std::int64_t> all;
    for (const ReadFrame& read : frames) all.push_back(read.frame.time.ns());
    return all;
  }
  // All notes in one text, to look for words in.
  std::string notes() const {
    std::string all;
    for (const FileNote& note : info.notes) all += note.text + "\n";
    return all;
  }
};

// Gives a file in pieces, as a pipe may.
class PieceInput final : public ByteInput {
 public:
  PieceInput(ByteView bytes, std::size_t piece) : bytes_(bytes), piece_(piece) {}
  std::size_t read(std::span<std::uint8_t> out) override {
    const std::size_t count = std::min({out.size(), piece_, bytes_.size() - done_});
    std::copy_n(bytes_.data() + done_, count, out.data());
    done_ += count;
    return count;
  }
  std::uint64_t raw_bytes() const override { return done_; }

 private:
  ByteView bytes_;
  std::size_t piece_;
  std::size_t done_ = 0;
};

inline Reading read_input(std::unique_ptr<ByteInput> input,
                          std::size_t batch = 8,
                          const ExpansionLimits& limits = {}) {
  Reading reading;
  auto reader = open_capture(std::move(input), &reading.info, limits);
  if (!reader) {
    reading.error = reader.error().message;
    return reading;
  }
  std::vector<Frame> frames(batch);
  while (const std::size_t count = (*reader)->read(frames)) {
    for (std::size_t i = 0; i < count; ++i) {
      reading.frames.push_back({Octets(frames[i].bytes.begin(), frames[i].bytes.end()),
                                frames[i], (*reader)->offset()});
    }
  }
  reading.interfaces = (*reader)->interfaces();
  reading.leading_interfaces = (*reader)->leading_interfaces();
  reading.info.bytes = (*reader)->offset();
  return reading;
}

inline Reading read_bytes(ByteView bytes, std::size_t batch = 8) {
  return read_input(memory_input(bytes), batch);
}

inline Reading read_pieces(ByteView bytes, std::size_t piece, std::size_t batch = 8) {
  return read_input(std::make_unique<PieceInput>(bytes, piece), batch);
}

}  // namespace natlens::capture::test
