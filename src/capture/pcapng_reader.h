// pcapng files. See pcapng_format.h and pcapng_blocks.h for the format, pcapng_reader.cc for
// the walk over blocks.
#pragma once

#include <memory>

#include "natlens/net/result.h"

#include "block_reader.h"
#include "format_reader.h"

namespace natlens::capture {

// Whether a section header begins here. REQUIRES: at least 4 bytes.
bool has_pcapng_magic(ByteView bytes);

// REQUIRES: has_pcapng_magic() for the first four bytes. Errors: the section header is cut or
// has no byte order.
Result<std::unique_ptr<FormatReader>> open_pcapng(std::unique_ptr<BlockReader> blocks,
                                                  FileInfo* info);

}  // namespace natlens::capture
