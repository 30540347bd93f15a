#include "retrack.h"

#include <algorithm>

namespace natlens::report {

std::span<const conntrack::Packet> Retracker::decode(const capture::Frame& frame) {
  // What is no key was told when the capture was analysed.
  (void)decoder_.learn(source_.secrets(), "");
  decoder_.decode(frame, decoded_);
  if (frame.time.has_value()) time_ = std::max(time_, frame.time);
  packets_.clear();
  copy_ = copies_.is_copy(decoded_, frame, frame.time.has_value() ? frame.time : time_);
  if (copy_) return {};
  const auto layers = decoded_.layers();
  for (std::size_t i = 0; i < layers.size(); ++i) {
    // A fragment that waits for the others has no connection yet.
    if (layers[i].quoted || layers[i].fragment) break;
    conntrack::Packet packet;
    packet.layer = &layers[i];
    if (i + 1 < layers.size() && layers[i + 1].quoted) packet.quoted = &layers[i + 1];
    packet.zone = layers[i].zone;
    packet.frame = frame.ordinal;
    packet.time = frame.time.has_value() ? frame.time : time_;
    packets_.push_back(packet);
  }
  return packets_;
}

}  // namespace natlens::report
