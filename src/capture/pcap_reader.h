// Classic pcap files. See pcap_format.h for the format, pcap_reader.cc for how damage is
// passed.
#pragma once

#include <memory>

#include "natlens/net/result.h"

#include "block_reader.h"
#include "format_reader.h"

namespace natlens::capture {

// REQUIRES: at least 4 bytes can be read and has_pcap_magic() holds for them. Errors: the file
// header is cut.
Result<std::unique_ptr<FormatReader>> open_pcap(std::unique_ptr<BlockReader> blocks,
                                                FileInfo* info);

}  // namespace natlens::capture
