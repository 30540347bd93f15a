// Streams of gzip, zstd and lz4 as inputs. A stream that is cut or damaged gives all that was
// decoded before, then ends with a fault. Members, frames and legacy streams one after another
// are one input. Memory is bounded by the formats' windows (zstd: 128 MiB at most), time by
// ExpansionLimits.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "byte_input.h"

namespace natlens::capture {

enum class Compression : std::uint8_t { kNone, kGzip, kZstd, kLz4 };

// Of the first bytes of a file (6 are enough).
Compression detect_compression(ByteView first);
const char* to_string(Compression compression);  // "gzip", "zstd", "lz4"; "" for kNone

// A stream may give `free_bytes`, and above that `ratio` times what it takes in, and never more
// than `total_bytes`. Captures of equal payloads really reach 1000 to 1; only a bomb goes
// beyond.
struct ExpansionLimits {
  std::uint64_t free_bytes = std::uint64_t{1} << 30;
  std::uint64_t ratio = 4096;
  std::uint64_t total_bytes = std::uint64_t{1} << 42;
};

// REQUIRES: compression != kNone.
std::unique_ptr<ByteInput> decompress(Compression compression,
                                      std::unique_ptr<ByteInput> compressed,
                                      const ExpansionLimits& limits = {});

// Shared by the decoders below: what was read of the compressed input and not used yet.
class CompressedWindow {
 public:
  explicit CompressedWindow(std::unique_ptr<ByteInput> input);

  ByteView view() const { return {buffer_.data() + begin_, end_ - begin_}; }
  void drop(std::size_t count) { begin_ += count; }
  // Reads until `count` bytes are there. False: the input ended before.
  bool need(std::size_t count);
  std::uint64_t raw_bytes() const { return input_->raw_bytes(); }
  const std::string& fault() const { return input_->fault(); }

 private:
  std::unique_ptr<ByteInput> input_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// A decoder gives bytes until it cannot; this class bounds it and tells why it ended.
class Decompressor : public ByteInput {
 public:
  Decompressor(std::unique_ptr<ByteInput> compressed, const ExpansionLimits& limits)
      : in_(std::move(compressed)), limits_(limits) {}

  std::size_t read(std::span<std::uint8_t> out) final;
  std::uint64_t raw_bytes() const final { return in_.raw_bytes(); }

 protected:
  // Some bytes, or 0 at the end, with fault_ set if it is not a clean one.
  virtual std::size_t decode(std::span<std::uint8_t> out) = 0;
  // The compressed input ended in the middle.
  std::size_t cut_off(const char* format);

  CompressedWindow in_;

 private:
  ExpansionLimits limits_;
  std::uint64_t given_ = 0;
  bool ended_ = false;
};

std::unique_ptr<ByteInput> make_lz4_input(std::unique_ptr<ByteInput> compressed,
                                          const ExpansionLimits& limits);

}  // namespace natlens::capture
