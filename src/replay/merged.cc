#include "merged.h"

namespace natlens::replay {

Result<std::unique_ptr<MergedFrames>> MergedFrames::open(const std::string& inside,
                                                         const std::string& outside) {
  auto out = std::make_unique<MergedFrames>();
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string& path = i == 0 ? inside : outside;
    if (path.empty()) continue;
    auto spec = capture::parse_source(path);
    if (!spec) return spec.error();
    auto source = capture::Source::open(*spec);
    if (!source) return source.error();
    out->streams_[i].source = std::move(*source);
  }
  return out;
}

const capture::Frame* MergedFrames::next(unsigned& side) {
  const capture::Frame* inner = streams_[0].peek();
  const capture::Frame* outer = streams_[1].peek();
  if (inner == nullptr && outer == nullptr) return nullptr;
  side = inner == nullptr || (outer != nullptr && outer->time < inner->time) ? 1 : 0;
  ++streams_[side].at;
  return side == 0 ? inner : outer;
}

}  // namespace natlens::replay
