#include "connections.h"

namespace natlens::correlate {

std::uint32_t ConnectionTable::open(std::uint16_t tap, std::uint32_t serial) {
  if (const std::uint32_t known = find(tap, serial); known != kNoSlot) return known;
  const std::uint32_t slot = slab_.take();
  index_.insert(tap, serial, slot);
  slab_[slot].tap = tap;
  slab_[slot].serial = serial;
  return slot;
}

void ConnectionTable::release(std::uint32_t slot) {
  Connection& connection = slab_[slot];
  index_.erase(connection.tap, connection.serial);
  if (connection.has_numbers) numbers_.erase(slot);
  connection.serial = 0;  // nobody's: who remembers the slot must see that it has gone
  slab_.give(slot);
}

}  // namespace natlens::correlate
