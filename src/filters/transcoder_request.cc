#include "filters/transcoder_request.h"

#include <algorithm>

#include "filters/grpc.h"
#include "proxy/base/wire.h"

namespace outrigger::filters {

namespace {

constexpr std::string_view kInvalid = "INVALID_ARGUMENT";
constexpr std::size_t kPieceMax = 1024 * 1024;  // of a streamed HttpBody

TranscoderRefusal bad_request(TranscodeError e) { return {400, std::move(e.text), std::string(e.code)}; }

TranscoderRefusal too_large() {
  return {413, "Request rejected because the transcoder's internal buffer size exceeds the configured limit.",
          "request_buffer_size_limit_reached"};
}

void put_frame(std::string_view message, Buffer& out) {
  GrpcFrameHead::append(out, 0, static_cast<std::uint32_t>(message.size()));
  out.append(message);
}

std::string unknown_parameters(const std::vector<std::pair<std::string, std::string>>& all) {
  std::string params;
  for (auto first = all.begin(); first != all.end(); ++first) {
    const auto same = [first](const auto& p) { return p.first == first->first; };
    if (std::any_of(all.begin(), first, same)) continue;
    std::string values, entry;
    for (auto p = first; p != all.end(); ++p)
      if (same(*p)) put_wire_bytes(1, p->second, values);
    put_wire_bytes(1, first->first, entry);
    put_wire_bytes(2, values, entry);
    put_wire_bytes(1, entry, params);
  }
  std::string any;
  put_wire_bytes(1, "type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.UnknownQueryParams", any);
  put_wire_bytes(2, params, any);
  return any;
}

}  // namespace

MaybeTranscodeError TranscoderRequest::begin(const TranscoderConfig& config, const http::RequestHead& head) {
  config_ = &config;
  const auto mark = head.path.find('?');
  const auto path = head.path.substr(0, mark);
  std::vector<PathMatcher::Binding> bound;
  const auto target = config.paths.find(head.method, path, &bound);
  if (!target) return TranscodeError{"NOT_FOUND", "Could not resolve " + std::string(path) + " to a method."};
  const auto& rule = config.rules[*target];
  method_ = &config.methods[rule.method];
  if (rule.body != "*") body_field_ = rule.body;
  if (mark != std::string_view::npos) config.paths.bind_query(head.path.substr(mark + 1), config.ignored, bound);
  auto error = bind(bound);
  if (error) method_ = nullptr;
  return error;
}

MaybeTranscodeError TranscoderRequest::bind(std::vector<PathMatcher::Binding>& bound) {
  constexpr std::size_t kUnknownMax = 1000;
  std::string why;
  for (auto& b : bound) {
    JsonBinding to;
    if (!config_->messages->resolve(method_->input, b.field_path, to.path, why)) {
      if (config_->capture_unknown) {
        std::string name;
        for (const auto part : b.field_path) (name += name.empty() ? "" : ".") += part;
        if (unknown_.size() < kUnknownMax) unknown_.emplace_back(std::move(name), std::move(b.value));
      } else if (!config_->ignore_unknown) {
        return TranscodeError{kInvalid, why};
      }
      continue;
    }
    to.value = std::move(b.value);
    if (!in_http_body(to)) bindings_.push_back(std::move(to));
  }
  return {};
}

/// Those fields come from the body as it is.
bool TranscoderRequest::in_http_body(const JsonBinding& b) const noexcept {
  const auto& names = method_->request.names;
  if (!method_->request.used || names.size() > b.path.size()) return false;
  return std::equal(names.begin(), names.end(), b.path.begin(),
                    [](const auto& name, const JsonField& f) { return name == f.name; });
}

MaybeTranscodeError TranscoderRequest::make_message(std::string_view json, std::string& out) {
  const bool streams = method_->client_streaming;
  if (bindings_.empty() && body_field_.empty())
    return config_->messages->to_binary(method_->input, json, config_->any_case && !streams, out);
  JsonWeaver weaver(bindings_, config_->reject_collisions && !streams);
  std::string woven;
  const bool whole = weaver.weave(json, body_field_, woven);
  auto error =
      config_->messages->to_binary(method_->input, whole ? std::string_view(woven) : json, config_->any_case && !streams, out);
  if (whole && !error && weaver.collision().empty()) return {};
  if (auto syntax = config_->messages->check_syntax(json)) return syntax;
  if (!weaver.collision().empty()) return TranscodeError{kInvalid, weaver.collision()};
  return error ? error : TranscodeError{kInvalid, "Unexpected token."};
}

MaybeRefusal TranscoderRequest::put_message(std::string_view json, Buffer& out) {
  std::string message;
  if (auto error = make_message(json, message)) return bad_request(std::move(*error));
  put_frame(message, out);
  bindings_.clear();
  return {};
}

MaybeRefusal TranscoderRequest::begin_http_body(std::string_view content_type) {
  content_type_ = content_type;
  if (bindings_.empty() && body_field_.empty()) return {};
  if (auto error = make_message("{}", first_)) return bad_request(std::move(*error));
  return {};
}

MaybeRefusal TranscoderRequest::take(Buffer& body, bool end_stream, std::size_t bytes_max) {
  Buffer out;
  MaybeRefusal refusal;
  if (method_->request.used) {
    data_.append(std::move(body));
    const bool streams = method_->client_streaming;
    if (!streams && data_.size() > bytes_max) return too_large();
    while ((streams || end_stream) && (!sent_ || !data_.empty())) {
      Buffer piece;
      piece.move_from(data_, streams ? std::min(data_.size(), kPieceMax) : data_.size());
      put_http_body(std::move(piece), out);
    }
  } else if (method_->client_streaming) {
    if (array_.pending() + body.size() > bytes_max) return too_large();
    for (std::size_t i = 0; i < body.runs(); ++i) array_.append(body.run(i));
    refusal = take_elements(end_stream, out);
  } else {
    if (json_.size() + body.size() > bytes_max) return too_large();
    for (std::size_t i = 0; i < body.runs(); ++i) json_ += body.run(i);
    if (end_stream) refusal = put_message(json_.empty() ? "{}" : std::string_view(json_), out);
    if (end_stream) json_.clear();
  }
  body = std::move(out);
  return refusal;
}

MaybeRefusal TranscoderRequest::take_elements(bool end_stream, Buffer& out) {
  const auto wrong = [](std::string text) { return bad_request({kInvalid, std::move(text)}); };
  const auto syntax = [&](std::string_view json, std::string otherwise) {
    auto error = config_->messages->check_syntax(json);
    return error ? bad_request(std::move(*error)) : wrong(std::move(otherwise));
  };
  for (std::string_view element;;) {
    switch (array_.next(element)) {
      case JsonArray::Next::element:
        if (auto refusal = put_message(element, out)) return refusal;
        continue;
      case JsonArray::Next::end: return {};
      case JsonArray::Next::object: return wrong("Expected an array instead of an object");
      case JsonArray::Next::scalar: return syntax(array_.rest(), "Expected an array instead of a scalar value.");
      case JsonArray::Next::wrong: return syntax('[' + std::string(array_.rest()), "Unexpected token.");
      case JsonArray::Next::more: break;
    }
    if (!end_stream) return {};
    if (!array_.begun()) return wrong("Expected an array instead of an object");  // nothing came, which stands for {}
    return syntax('[' + std::string(array_.rest()), "Unexpected end of string.");
  }
}

/// What the message has before the data: fields bound to the path and the query, then those of the HttpBody.
std::string TranscoderRequest::http_body_head(std::size_t data_bytes) {
  constexpr std::uint32_t kContentType = 1, kData = 2, kExtensions = 3;
  std::string head;
  if (!content_type_.empty()) put_wire_bytes(kContentType, content_type_, head);
  if (!unknown_.empty()) put_wire_bytes(kExtensions, unknown_parameters(unknown_), head);
  put_wire_head(kData, data_bytes, head);
  const auto& numbers = method_->request.numbers;
  for (auto n = numbers.rbegin(); n != numbers.rend(); ++n) {
    std::string outer;
    put_wire_head(*n, head.size() + data_bytes, outer);
    head.insert(0, outer);
  }
  content_type_.clear();
  return head;
}

void TranscoderRequest::put_http_body(Buffer data, Buffer& out) {
  const auto head = http_body_head(data.size());
  GrpcFrameHead::append(out, 0, static_cast<std::uint32_t>(first_.size() + head.size() + data.size()));
  out.append(first_);
  out.append(head);
  out.append(std::move(data));
  first_.clear();
  sent_ = true;
}

}  // namespace outrigger::filters
