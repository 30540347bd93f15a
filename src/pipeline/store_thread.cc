#include "store_thread.h"

#include <chrono>
#include <ctime>

#include <pthread.h>

namespace natlens::pipeline {
namespace {

constexpr std::size_t kBlockRows = 512;

double thread_cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

void write_rows(store::Writer& writer, const RowBlock& block) {
  for (const auto& row : block.taps) writer.tap(row);
  for (std::size_t i = 0; i < block.connection_count; ++i)
    writer.connection(block.connections[i]);
  for (const auto& row : block.carriers) writer.carrier(row);
  for (const auto& row : block.invalid) writer.invalid(row);
  for (const auto& row : block.statements) writer.statement(row);
  for (const auto& row : block.notes) writer.note(row);
  for (const auto& row : block.translations) writer.translation(row);
  for (const auto& row : block.icmp_errors) writer.icmp_error(row);
  for (const auto& row : block.fates) writer.fate(row);
  for (const auto& row : block.sequence_changes) writer.sequence_change(row);
  for (const auto& row : block.links) writer.link(row);
  for (const auto& row : block.candidates) writer.candidate(row);
  for (const auto& row : block.tunnelled) writer.tunnelled(row);
  for (const auto& row : block.unpaired) writer.unpaired(row);
}

}  // namespace

StoreThread::StoreThread(store::Writer& writer, std::size_t blocks)
    : writer_(writer), channel_(blocks), block_(channel_.acquire()), thread_([this] { run(); }) {}

StoreThread::~StoreThread() {
  if (thread_.joinable()) {
    channel_.close();
    thread_.join();
  }
}

void StoreThread::offer() {
  if (block_->rows() >= kBlockRows) hand_over();
}

void StoreThread::hand_over() {
  channel_.send(std::move(block_));
  block_ = channel_.acquire();
  block_->clear();
}

Result<void> StoreThread::finish() {
  channel_.send(std::move(block_));
  channel_.close();
  thread_.join();
  return outcome_;
}

void StoreThread::run() {
  pthread_setname_np(pthread_self(), "store");
  auto next_flush = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (auto block = channel_.receive()) {
    if (outcome_) write_rows(writer_, *block);
    const bool commit = block->commit;
    channel_.release(std::move(block));
    const auto now = std::chrono::steady_clock::now();
    if (!commit && now < next_flush) continue;
    next_flush = now + std::chrono::seconds(1);
    if (outcome_) outcome_ = writer_.flush();
    if (!outcome_) failed_.store(true, std::memory_order_relaxed);
  }
  if (outcome_) outcome_ = writer_.flush();
  cpu_seconds_ = thread_cpu_seconds();
}

}  // namespace natlens::pipeline
