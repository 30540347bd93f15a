// From bytes to frames: peels one compression, recognises the format by its content.
#pragma once

#include <memory>
#include <string>

#include "natlens/net/result.h"

#include "byte_input.h"
#include "decompress.h"
#include "format_reader.h"

namespace natlens::capture {

// Reads the file header; frames come from the reader. What is found goes to `info`, which the
// reader keeps using (see FormatReader::report_to). Errors name offset and first bytes, and
// what to do; the caller puts the path in front.
Result<std::unique_ptr<FormatReader>> open_capture(std::unique_ptr<ByteInput> input,
                                                   FileInfo* info,
                                                   const ExpansionLimits& limits = {});

}  // namespace natlens::capture
