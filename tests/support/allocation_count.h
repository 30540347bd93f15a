// Counts the allocations of the whole test program.
#pragma once

#include <cstddef>

namespace natlens::test {

// Calls of operator new so far, in all forms but the over-aligned ones.
std::size_t allocation_count();

}  // namespace natlens::test
