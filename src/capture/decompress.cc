// gzip (RFC 1952, by zlib) and zstd (RFC 8878, by libzstd), and what all decoders share.

#include "decompress.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

namespace natlens::capture {
namespace {

constexpr std::size_t kWindowBytes = 131072;

class GzipInput final : public Decompressor {
 public:
  GzipInput(std::unique_ptr<ByteInput> compressed, const ExpansionLimits& limits)
      : Decompressor(std::move(compressed), limits) {
    constexpr int kGzipOnly = 16;
    usable_ = ::inflateInit2(&stream_, MAX_WBITS + kGzipOnly) == Z_OK;
  }
  ~GzipInput() override {
    if (usable_) ::inflateEnd(&stream_);
  }

 protected:
  std::size_t decode(std::span<std::uint8_t> out) override;

 private:
  bool next_member();

  z_stream stream_{};
  bool usable_ = false;
  bool inside_ = true;  // a member
};

std::size_t GzipInput::decode(std::span<std::uint8_t> out) {
  if (!usable_) {
    fault_ = "out of memory for gzip";
    return 0;
  }
  stream_.next_out = out.data();
  stream_.avail_out = static_cast<uInt>(out.size());
  while (stream_.avail_out == out.size()) {
    if (!inside_ && !next_member()) return 0;
    if (!in_.need(1)) return cut_off("gzip");
    const ByteView have = in_.view();
    stream_.next_in = const_cast<Bytef*>(have.data());  // zlib's API; it does not write
    stream_.avail_in = static_cast<uInt>(have.size());
    const int status = ::inflate(&stream_, Z_NO_FLUSH);
    in_.drop(have.size() - stream_.avail_in);
    if (status == Z_STREAM_END) {
      inside_ = false;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      fault_ = fmt::format("gzip data is damaged ({})",
                           stream_.msg != nullptr ? stream_.msg : "unknown reason");
      break;
    }
  }
  return out.size() - stream_.avail_out;
}

// After a member: another one, the end, or zeros that some tools pad with.
bool GzipInput::next_member() {
  while (in_.need(1) && in_.view()[0] == 0) in_.drop(1);
  if (!in_.need(1)) return false;
  if (!in_.need(2) || in_.view()[0] != 0x1f || in_.view()[1] != 0x8b) {
    fault_ = "bytes after the end of the gzip data are no gzip data";
    return false;
  }
  inside_ = ::inflateReset(&stream_) == Z_OK;
  return inside_;
}

class ZstdInput final : public Decompressor {
 public:
  ZstdInput(std::unique_ptr<ByteInput> compressed, const ExpansionLimits& limits)
      : Decompressor(std::move(compressed), limits), stream_(::ZSTD_createDStream()) {}

 protected:
  std::size_t decode(std::span<std::uint8_t> out) override;

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ::ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream_;
  bool inside_ = false;  // a frame
};

std::size_t ZstdInput::decode(std::span<std::uint8_t> out) {
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  while (output.pos == 0) {
    // Output that did not fit last time comes before new input.
    const bool more = in_.need(1);
    if (!more && !inside_) return 0;
    const ByteView have = in_.view();
    ZSTD_inBuffer input{have.data(), have.size(), 0};
    const std::size_t status = ::ZSTD_decompressStream(stream_.get(), &output, &input);
    in_.drop(input.pos);
    if (::ZSTD_isError(status) != 0) {
      fault_ = fmt::format("zstd data is damaged ({})", ::ZSTD_getErrorName(status));
      break;
    }
    inside_ = status != 0;
    if (!more && output.pos == 0) return inside_ ? cut_off("zstd") : 0;
  }
  return output.pos;
}

}  // namespace

Compression detect_compression(ByteView first) {
  if (first.size() < 4) return Compression::kNone;
  const std::uint32_t word = load_le32(first, 0);
  if ((word & 0xffff) == 0x8b1f) return Compression::kGzip;
  // A skippable frame (RFC 8878, 3.1.2) has the same form in zstd and lz4; zstd reads it.
  if (word == 0xfd2fb528 || (word & 0xfffffff0) == 0x184d2a50) return Compression::kZstd;
  if (word == 0x184d2204 || word == 0x184c2102) return Compression::kLz4;
  return Compression::kNone;
}

const char* to_string(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return "gzip";
    case Compression::kZstd:
      return "zstd";
    case Compression::kLz4:
      return "lz4";
    case Compression::kNone:
      break;
  }
  return "";
}

std::unique_ptr<ByteInput> decompress(Compression compression,
                                      std::unique_ptr<ByteInput> compressed,
                                      const ExpansionLimits& limits) {
  switch (compression) {
    case Compression::kGzip:
      return std::make_unique<GzipInput>(std::move(compressed), limits);
    case Compression::kZstd:
      return std::make_unique<ZstdInput>(std::move(compressed), limits);
    case Compression::kLz4:
      return make_lz4_input(std::move(compressed), limits);
    case Compression::kNone:
      break;
  }
  return compressed;
}

CompressedWindow::CompressedWindow(std::unique_ptr<ByteInput> input)
    : input_(std::move(input)), buffer_(kWindowBytes) {}

bool CompressedWindow::need(std::size_t count) {
  if (end_ - begin_ >= count) return true;
  if (begin_ > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (buffer_.size() < count) buffer_.resize(count);
  while (end_ < count) {
    const std::size_t got = input_->read({buffer_.data() + end_, buffer_.size() - end_});
    if (got == 0) return false;
    end_ += got;
  }
  return true;
}

std::size_t Decompressor::read(std::span<std::uint8_t> out) {
  if (ended_) return 0;
  std::size_t count = decode(out);
  given_ += count;
  const std::uint64_t taken = in_.raw_bytes();
  const bool bomb = given_ > limits_.total_bytes ||
                    (given_ > limits_.free_bytes && given_ / limits_.ratio > taken);
  if (bomb) {
    fault_ = fmt::format("{} compressed bytes expand to more than {}; not read further", taken,
                         given_);
    count = 0;
  }
  ended_ = count == 0;
  return count;
}

std::size_t Decompressor::cut_off(const char* format) {
  fault_ = in_.fault().empty() ? fmt::format("{} data is cut off", format) : in_.fault();
  return 0;
}

}  // namespace natlens::capture
