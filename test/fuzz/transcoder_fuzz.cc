// What JSON and gRPC bodies become on their way through the filter grpc_json_transcoder. The first byte says how they are cut
// into pieces and which options are on, the first line is the method and the path; what comes out must not depend on the pieces.
#include <google/protobuf/descriptor.pb.h>
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "filters/transcoder_request.h"
#include "filters/transcoder_response.h"
#include "fuzz/check.h"
#include "proxy/base/arena.h"
#include "support/shop.h"
#include "xds/compile/json_messages.h"

namespace {

using namespace outrigger;  // NOLINT: a program of its own
using filters::TranscoderConfig;

std::unique_ptr<TranscoderConfig> make_config(unsigned options) {
  auto config = std::make_unique<TranscoderConfig>();
  auto messages = std::make_unique<xds::DescriptorMessages>(google::protobuf::util::JsonPrintOptions{});
  const auto* file = messages->add(test::shop().file(0));
  check(file != nullptr);
  const auto item = messages->type_of(*file->message_type(0));
  config->messages = std::move(messages);
  config->paths = filters::PathMatcher({filters::UrlUnescape::all, (options & 1) != 0, (options & 2) != 0});
  config->reject_collisions = (options & 4) != 0;
  config->ignore_unknown = (options & 8) != 0;
  config->newlines = (options & 16) != 0;
  const auto add = [&](std::string_view method, std::string_view path, const char* body, bool from_client, bool from_server) {
    check(config->paths.add(method, path, static_cast<std::uint32_t>(config->rules.size())));
    config->rules.push_back({config->methods.size(), body});
    config->methods.push_back({"/s/m", item, item, from_client, from_server, {}, {}});
  };
  add("GET", "/look", "", false, false);
  add("POST", "/look", "*", false, false);
  add("POST", "/part/{id}", "part", false, false);
  add("POST", "/deep/{title=**}", "part.part", false, true);
  add("POST", "/send", "*", true, false);
  return config;
}

/// All that came out; the code alone where it was refused: a text tells how far it was read.
template <class Take>
std::string in_parts(std::string_view bytes, std::size_t part, Take take) {
  std::string out;
  for (;;) {
    const auto piece = bytes.substr(0, part);
    bytes.remove_prefix(piece.size());
    Buffer b;
    b.append(piece);
    const bool end = bytes.empty();
    if (auto refusal = take(b, end, out)) return refusal->code;
    if (end) return out;
  }
}

std::string request(const TranscoderConfig& config, const http::RequestHead& head, std::string_view body, std::size_t part) {
  filters::TranscoderRequest r;
  if (auto error = r.begin(config, head)) return error->text;
  return in_parts(body, part, [&r](Buffer& b, bool end, std::string& out) {
    auto refusal = r.take(b, end, 1 << 20);
    if (!refusal) out += b.to_string();
    return refusal;
  });
}

std::string response(const TranscoderConfig& config, std::size_t method, std::string_view body, std::size_t part) {
  filters::TranscoderResponse r;
  r.begin(config, config.methods[method]);
  return in_parts(body, part, [&r](Buffer& b, bool end, std::string& out) {
    auto refusal = r.take(b, 1 << 20);
    if (!refusal && end) refusal = r.finish();
    if (!refusal) out += std::exchange(r.out, {});
    return refusal;
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static google::protobuf::LogSilencer quiet;  // the library tells what it gave up
  static const std::unique_ptr<TranscoderConfig> configs[] = {make_config(0), make_config(1 | 4), make_config(2 | 8 | 16),
                                                              make_config(31)};
  if (size == 0) return 0;
  const auto& config = *configs[data[0] % std::size(configs)];
  const std::size_t part = data[0] / std::size(configs) % 13 + 1, whole = 1 << 20;
  const std::string_view all{reinterpret_cast<const char*>(data) + 1, size - 1};
  const auto line = all.substr(0, all.find('\n'));
  const auto body = line.size() == all.size() ? std::string_view() : all.substr(line.size() + 1);
  Arena arena;
  http::RequestHead head(arena);
  const auto space = line.find(' ');
  head.method = line.substr(0, space);
  head.path = space == std::string_view::npos ? std::string_view("/look") : line.substr(space + 1);
  check(request(config, head, body, part) == request(config, head, body, whole));
  for (std::size_t m = 0; m < config.methods.size(); ++m)
    check(response(config, m, body, part) == response(config, m, body, whole));
  return 0;
}
