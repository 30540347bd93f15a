// The sources' threads, and the thread that tells progress.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "natlens/pipeline/analysis.h"

#include "channel.h"
#include "source_worker.h"

namespace natlens::pipeline {

class SourceThreads {
 public:
  explicit SourceThreads(const AnalysisOptions& options) : options_(options) {}
  ~SourceThreads() { join(); }

  Result<void> open();
  void start();
  void join();

  std::vector<std::unique_ptr<Channel<SourceBatch>>>& channels() { return channels_; }
  const std::vector<std::unique_ptr<SourceWorker>>& workers() const { return workers_; }
  const std::vector<std::size_t>& files() const { return files_; }

 private:
  void report();

  const AnalysisOptions& options_;
  std::vector<std::unique_ptr<Channel<SourceBatch>>> channels_;
  std::vector<std::unique_ptr<SourceWorker>> workers_;
  std::vector<std::size_t> files_;
  std::vector<std::thread> threads_;
  std::thread reporter_;
  std::atomic<bool> done_{false};
  std::uint64_t total_bytes_ = 0;
};

}  // namespace natlens::pipeline
