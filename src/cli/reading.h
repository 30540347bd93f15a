// One capture read frame by frame, as `decode` and `track` do.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "natlens/capture/source.h"
#include "natlens/decode/decoder.h"
#include "natlens/net/result.h"

#include "command.h"
#include "terminal.h"

namespace natlens::cli {

// FILE, the first argument, with or without -r.
void add_capture_file(CLI::App& app, std::string& file);

Result<std::unique_ptr<capture::Source>> open_source(const std::string& argument);

// Every frame in file order until `use` returns false. True: all were read.
bool each_frame(capture::Source& source, const std::function<bool(const capture::Frame&)>& use);

// True if the frame's file tells interfaces (pcapng).
bool has_interfaces(const capture::Source& source, const capture::Frame& frame);

// The keys among the secrets that the frame's file held up to it; tells those that are none.
void learn(decode::Decoder& decoder,
           const capture::Source& source,
           const capture::Frame& frame);

// Flushes; if all was read, tells what in the files could not be, and that nothing was there.
Result<Exit> finish_reading(const capture::Source& source, bool all, Output& out);

}  // namespace natlens::cli
