// natlens decode: the layers of every frame, in file order.
#include <memory>
#include <string>
#include <vector>

#include "natlens/capture/source.h"
#include "natlens/decode/decoder.h"
#include "natlens/report/decode_text.h"

#include "command.h"
#include "options.h"
#include "reading.h"
#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::string_view kFooter = R"(
Examples:
  natlens decode lan.pcap
  natlens decode router.pcapng --format jsonl | head -n 1)";

struct DecodeOptions {
  std::string file;
  std::string format = "text";
  std::vector<std::string> keys;
  bool reassemble = false;
  bool numbers = true;
};

Result<Exit> decode_frames(const DecodeOptions& options) {
  auto keys = load_keys(options.keys);
  if (!keys) return keys.error();
  const auto source = open_source(options.file);
  if (!source) return source.error();
  decode::DecoderOptions decoding;
  decoding.reassemble = options.reassemble;
  decoding.keys = std::move(*keys);
  std::vector<decode::Decoder> decoders;  // by tap
  decode::DecodedFrame decoded;
  Output out;
  std::string text;
  const bool jsonl = options.format == "jsonl";
  const bool done = each_frame(**source, [&](const capture::Frame& frame) {
    while (decoders.size() <= frame.tap) decoders.emplace_back(decoding);
    learn(decoders[frame.tap], **source, frame);
    decoders[frame.tap].decode(frame, decoded);
    text.clear();
    if (jsonl) {
      report::append_decode_jsonl(text, frame, decoded, {has_interfaces(**source, frame)});
    } else {
      report::append_decode_text(text, frame, decoded);
    }
    return out.write(text);
  });
  return finish_reading(**source, done, out);
}

}  // namespace

Command add_decode(CLI::App& program) {
  auto options = std::make_shared<DecodeOptions>();
  CLI::App* app = program.add_subcommand("decode", "Print the layers of every frame");
  add_capture_file(*app, options->file);
  app->add_option("--format", options->format,
                  "One line per layer, or one JSON object per frame")
      ->check(one_of({"text", "jsonl"}))
      ->capture_default_str();
  app->add_flag("--reassemble", options->reassemble,
                "Put IP fragments together before reading on");
  add_keys(*app, options->keys);
  app->add_flag("-n", options->numbers, "Print numbers, not names (always so)");
  app->footer(std::string(kFooter));
  return {app, [options] { return decode_frames(*options); }};
}

}  // namespace natlens::cli
