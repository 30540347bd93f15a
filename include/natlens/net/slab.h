// Records by 32-bit number, in chunks that never move: growing copies nothing and references
// stay valid. Freed numbers are used again, the last one first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace natlens {

inline constexpr std::uint32_t kNoSlot = UINT32_MAX;  // never the number of a record

// Asks for a cache line. GCC 12 takes a function that does nothing but prefetch for one without
// effect and drops the calls of it; the empty asm is an effect.
inline void prefetch_line(const void* address) {
  __builtin_prefetch(address);
  asm volatile("");
}

template <typename T>
class Slab {
 public:
  // The number of a default-constructed record.
  std::uint32_t take() {
    if (free_.empty()) {
      if (size_ % kChunk == 0) chunks_.push_back(std::make_unique<T[]>(kChunk));
      return size_++;
    }
    const std::uint32_t number = free_.back();
    free_.pop_back();
    (*this)[number] = T{};
    return number;
  }
  void give(std::uint32_t number) { free_.push_back(number); }

  T& operator[](std::uint32_t number) { return chunks_[number / kChunk][number % kChunk]; }
  const T& operator[](std::uint32_t number) const {
    return chunks_[number / kChunk][number % kChunk];
  }
  std::size_t used() const { return size_ - free_.size(); }
  std::size_t bytes() const {
    return chunks_.size() * kChunk * sizeof(T) + free_.capacity() * sizeof(std::uint32_t);
  }

 private:
  static constexpr std::uint32_t kChunk = 1024;
  std::vector<std::unique_ptr<T[]>> chunks_;
  std::vector<std::uint32_t> free_;
  std::uint32_t size_ = 0;
};

}  // namespace natlens
