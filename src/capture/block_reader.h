// A window of fixed size that slides over an input. Records are parsed where they lie in it:
// what is left of a cut record moves to the front, and the next block is read behind it.
// Nothing is allocated after construction, and no record can make the window larger.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "natlens/net/bytes.h"

#include "byte_input.h"

namespace natlens::capture {

// No capture program writes longer packets (tcpdump's MAXIMUM_SNAPLEN, Wireshark's
// WTAP_MAX_PACKET_SIZE_STANDARD); a longer record is damage.
inline constexpr std::uint32_t kMaxCapturedBytes = 262144;
// The longest piece that ensure() may be asked for: a whole packet with its headers and room
// for options.
inline constexpr std::size_t kMaxRecordBytes = kMaxCapturedBytes + 65536;
inline constexpr std::size_t kReadBytes = 262144;

class BlockReader {
 public:
  explicit BlockReader(std::unique_ptr<ByteInput> input)
      : input_(std::move(input)),
        buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(kCapacity)) {}

  // What is there without reading. Views of it live until the next ensure().
  ByteView buffered() const { return {buffer_.get() + begin_, end_ - begin_}; }

  // Reads until `count` bytes are there; fewer come back only at the end of the input. Never
  // reads on when enough is there: a live pipe must not wait. REQUIRES: count <=
  // kMaxRecordBytes.
  ByteView ensure(std::size_t count) {
    if (debt_ == 0 && end_ - begin_ >= count) return buffered();
    return refill(count);
  }

  // Moves on, also beyond what is buffered: the rest is then skipped by the next ensure(), so
  // that frames handed out before stay where they are.
  void consume(std::uint64_t count) {
    offset_ += count;
    const std::size_t here = end_ - begin_;
    if (count <= here) {
      begin_ += static_cast<std::size_t>(count);
    } else {
      debt_ += count - here;
      begin_ = end_;
    }
  }

  // Bytes from the start of the decompressed file. After skipping over the end it is clipped to
  // it by the next ensure().
  std::uint64_t offset() const { return offset_; }
  std::uint64_t raw_bytes() const { return input_->raw_bytes(); }
  const std::string& fault() const { return input_->fault(); }
  // The input ended before all was there that consume() went over.
  bool overran() const { return overran_; }

 private:
  static constexpr std::size_t kCapacity = kMaxRecordBytes + kReadBytes;

  ByteView refill(std::size_t count);
  bool pay_debt();

  std::unique_ptr<ByteInput> input_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t debt_ = 0;  // bytes still to be skipped, already part of offset_
  bool ended_ = false;
  bool overran_ = false;
};

}  // namespace natlens::capture
