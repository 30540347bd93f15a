// A bounded channel between two threads whose items are recycled.
//
// The sender takes an empty item with acquire(), fills it and send()s it; the receiver hands it
// back with release(). There are never more than `capacity` items, so a fast sender waits for a
// slow receiver and nothing is allocated once all items have been used.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace natlens::pipeline {

template <typename T>
class Channel {
 public:
  explicit Channel(std::size_t capacity) : capacity_(capacity) {}

  // An item to fill; nullptr once the receiver has gone.
  std::unique_ptr<T> acquire() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return abandoned_ || !free_.empty() || made_ < capacity_; });
    if (abandoned_) return nullptr;
    if (free_.empty()) {
      ++made_;
      return std::make_unique<T>();
    }
    auto item = std::move(free_.back());
    free_.pop_back();
    return item;
  }

  void send(std::unique_ptr<T> item) {
    const std::lock_guard lock(mutex_);
    sent_.push_back(std::move(item));
    changed_.notify_all();
  }

  // No more items will be sent.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  // The oldest item; nullptr when the channel is closed and empty.
  std::unique_ptr<T> receive() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !sent_.empty(); });
    if (sent_.empty()) return nullptr;
    auto item = std::move(sent_.front());
    sent_.pop_front();
    return item;
  }

  void release(std::unique_ptr<T> item) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(item));
    changed_.notify_all();
  }

  // The receiver goes: senders that wait are let go, with nullptr.
  void abandon() {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    changed_.notify_all();
  }

 private:
  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<T>> sent_;
  std::vector<std::unique_ptr<T>> free_;
  std::size_t made_ = 0;
  bool closed_ = false;
  bool abandoned_ = false;
};

}  // namespace natlens::pipeline
