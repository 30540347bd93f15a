// See block_reader.h.

#include "block_reader.h"

#include <algorithm>
#include <cstring>

namespace natlens::capture {

ByteView BlockReader::refill(std::size_t count) {
  assert(count <= kMaxRecordBytes);
  if (debt_ > 0 && !pay_debt()) return {};
  if (ended_) return buffered();  // nothing will come: do not move the rest again and again
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  while (end_ < count && !ended_) {
    const std::size_t room = std::min(kReadBytes, kCapacity - end_);
    const std::size_t got = input_->read({buffer_.get() + end_, room});
    end_ += got;
    ended_ = got == 0;
  }
  return buffered();
}

bool BlockReader::pay_debt() {
  begin_ = 0;
  end_ = 0;
  while (debt_ > 0 && !ended_) {
    const std::size_t got = input_->read({buffer_.get(), kReadBytes});
    ended_ = got == 0;
    const std::size_t used = static_cast<std::size_t>(std::min<std::uint64_t>(debt_, got));
    debt_ -= used;
    begin_ = used;
    end_ = got;
  }
  offset_ -= debt_;
  overran_ = debt_ > 0;
  debt_ = 0;
  return !overran_;
}

}  // namespace natlens::capture
