#include "page_packed.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>

#include <zlib.h>

namespace natlens::report {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr int kGzipWindow = 15 + 16;  // the largest window, a gzip header
constexpr int kMemoryLevel = 8;
constexpr std::size_t kPiece = 65536;

// RFC 4648 section 4. Three bytes at a time; of the last ones with padding.
void append_base64(std::string& out, std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < have ? static_cast<std::uint8_t>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= have ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
}

}  // namespace

struct PagePacked::Stream {
  z_stream z{};
};

PagePacked::PagePacked() : stream_(std::make_unique<Stream>()) {
  if (deflateInit2(&stream_->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();  // its only reason
  }
}

PagePacked::~PagePacked() {
  deflateEnd(&stream_->z);
}

void PagePacked::deflate_into(std::string& out, bool end) {
  z_stream& z = stream_->z;
  std::array<char, kPiece> piece;
  do {
    z.next_out = reinterpret_cast<Bytef*>(piece.data());
    z.avail_out = piece.size();
    deflate(&z, end ? Z_FINISH : Z_NO_FLUSH);
    bytes_.append(piece.data(), piece.size() - z.avail_out);
  } while (z.avail_out == 0);
  const std::size_t ready = end ? bytes_.size() : bytes_.size() / 3 * 3;
  append_base64(out, std::string_view(bytes_).substr(0, ready));
  bytes_.erase(0, ready);
}

void PagePacked::add(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const std::string_view part = text.substr(0, kPiece);
    // zlib does not write through next_in; its type is older than const.
    stream_->z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
    stream_->z.avail_in = static_cast<uInt>(part.size());
    deflate_into(out, false);
    text.remove_prefix(part.size());
  }
}

void PagePacked::finish(std::string& out) {
  deflate_into(out, true);
}

}  // namespace natlens::report
