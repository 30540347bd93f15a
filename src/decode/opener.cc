#include "opener.h"

namespace natlens::decode {

void Opener::add(const KeyRing& keys) {
  ring_ = keys;
  update();
}

std::uint8_t* Opener::room() {
  if (level_ == buffers_.size()) return nullptr;
  auto& buffer = buffers_[level_];
  if (buffer == nullptr) buffer = std::make_unique<std::uint8_t[]>(kHeadroom + kMostBytes);
  return buffer.get() + kHeadroom;
}

}  // namespace natlens::decode
