// Prints what decode made of a frame: for programs one JSON object per line, for people one
// line per layer. The keys are those of docs/decode.md.
#pragma once

#include <string>

#include "natlens/capture/records.h"
#include "natlens/decode/records.h"

namespace natlens::report {

struct DecodePrintOptions {
  bool interface = false;  // print "if": the capture is a pcapng
};

// Appends {"k":1,"ts":"1.000000000","cap":60,"len":60,...,"layers":[...]} and a line feed.
// REQUIRES: `decoded` is of `frame`, whose bytes (and the decoder's, where a layer is
// reassembled) are still there.
void append_decode_jsonl(std::string& out,
                         const capture::Frame& frame,
                         const decode::DecodedFrame& decoded,
                         const DecodePrintOptions& options = {});

// Appends a line per layer, further ones indented, and one for a frame without layers:
//   1 0.000000000 eth | ipv4 10.0.0.2 > 192.0.2.9 ttl 64 id 7 len 60 | tcp 40000 > 443 S seq
//   1000 len 0
//       gre key 7 | ipv4 ...
void append_decode_text(std::string& out,
                        const capture::Frame& frame,
                        const decode::DecodedFrame& decoded);

}  // namespace natlens::report
