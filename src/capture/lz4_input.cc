// lz4: the frame format (lz4_Frame_format.md, by LZ4F) and the legacy format of `lz4 -l` and
// old kernels' tools, which the library leaves to its users: a magic, then blocks of a 4-byte
// compressed length and at most 8 MiB of content each. Both may follow each other in one file.

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <lz4.h>
#include <lz4frame.h>

#include "decompress.h"

namespace natlens::capture {
namespace {

constexpr std::uint32_t kFrameMagic = 0x184d2204;
constexpr std::uint32_t kLegacyMagic = 0x184c2102;
constexpr std::uint32_t kSkippableMagic = 0x184d2a50;  // the low four bits are free
constexpr std::size_t kLegacyBlockBytes = std::size_t{1} << 23;

class Lz4Input final : public Decompressor {
 public:
  Lz4Input(std::unique_ptr<ByteInput> compressed, const ExpansionLimits& limits)
      : Decompressor(std::move(compressed), limits) {
    LZ4F_dctx* context = nullptr;
    if (::LZ4F_isError(::LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) == 0) {
      context_.reset(context);
    }
  }

 protected:
  std::size_t decode(std::span<std::uint8_t> out) override;

 private:
  enum class State : std::uint8_t { kBetween, kFrame, kLegacy };
  struct Free {
    void operator()(LZ4F_dctx* context) const { ::LZ4F_freeDecompressionContext(context); }
  };

  bool begin();
  std::size_t decode_frame(std::span<std::uint8_t> out);
  bool fill_legacy_block();

  std::unique_ptr<LZ4F_dctx, Free> context_;
  State state_ = State::kBetween;
  std::vector<std::uint8_t> block_;  // of a legacy stream, decoded
  std::size_t block_used_ = 0;
  std::size_t block_bytes_ = 0;
};

std::size_t Lz4Input::decode(std::span<std::uint8_t> out) {
  for (;;) {
    if (block_used_ < block_bytes_) {
      const std::size_t count = std::min(out.size(), block_bytes_ - block_used_);
      std::copy_n(block_.data() + block_used_, count, out.data());
      block_used_ += count;
      return count;
    }
    if (state_ == State::kBetween && !begin()) return 0;
    if (state_ == State::kFrame) {
      const std::size_t count = decode_frame(out);
      if (count > 0 || !fault_.empty()) return count;
    } else if (state_ == State::kLegacy && !fill_legacy_block()) {
      return 0;
    }
  }
}

// Chooses by the magic. False at the end of the input, or with a fault.
bool Lz4Input::begin() {
  if (!in_.need(1)) return false;
  if (!in_.need(4)) {
    cut_off("lz4");
    return false;
  }
  const std::uint32_t magic = load_le32(in_.view(), 0);
  if (magic == kLegacyMagic) {
    in_.drop(4);
    block_.resize(kLegacyBlockBytes);
    state_ = State::kLegacy;
  } else if (context_ && (magic == kFrameMagic || (magic & 0xfffffff0) == kSkippableMagic)) {
    state_ = State::kFrame;
  } else {
    fault_ = "bytes after the end of the lz4 data are no lz4 data";
  }
  return fault_.empty();
}

// 0 without a fault: the frame is over.
std::size_t Lz4Input::decode_frame(std::span<std::uint8_t> out) {
  for (;;) {
    const bool more = in_.need(1);
    const ByteView have = in_.view();
    std::size_t produced = out.size();
    std::size_t used = have.size();
    const std::size_t status =
        ::LZ4F_decompress(context_.get(), out.data(), &produced, have.data(), &used, nullptr);
    if (::LZ4F_isError(status) != 0) {
      fault_ = fmt::format("lz4 data is damaged ({})", ::LZ4F_getErrorName(status));
      return 0;
    }
    in_.drop(used);
    if (status == 0) state_ = State::kBetween;
    if (produced > 0 || status == 0) return produced;
    if (!more) return cut_off("lz4");
  }
}

bool Lz4Input::fill_legacy_block() {
  if (!in_.need(1)) return false;
  if (!in_.need(4)) {
    cut_off("lz4");
    return false;
  }
  const std::uint32_t length = load_le32(in_.view(), 0);
  if (length == kLegacyMagic || length == kFrameMagic) {
    state_ = State::kBetween;
    return true;
  }
  if (length > static_cast<std::uint32_t>(LZ4_COMPRESSBOUND(kLegacyBlockBytes))) {
    fault_ = "lz4 data is damaged (block length)";
    return false;
  }
  if (!in_.need(4 + std::size_t{length})) {
    cut_off("lz4");
    return false;
  }
  const int decoded =
      ::LZ4_decompress_safe(reinterpret_cast<const char*>(in_.view().data() + 4),
                            reinterpret_cast<char*>(block_.data()), static_cast<int>(length),
                            static_cast<int>(block_.size()));
  if (decoded < 0) {
    fault_ = "lz4 data is damaged (block)";
    return false;
  }
  in_.drop(4 + std::size_t{length});
  block_used_ = 0;
  block_bytes_ = static_cast<std::size_t>(decoded);
  return true;
}

}  // namespace

std::unique_ptr<ByteInput> make_lz4_input(std::unique_ptr<ByteInput> compressed,
                                          const ExpansionLimits& limits) {
  return std::make_unique<Lz4Input>(std::move(compressed), limits);
}

}  // namespace natlens::capture
