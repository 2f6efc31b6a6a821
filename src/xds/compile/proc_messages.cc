#include "xds/compile/proc_messages.h"

#include <google/protobuf/arena.h>
#include <google/protobuf/io/coded_stream.h>
#include <cstddef>
#include <cstdint>
#include <string>

#include "envoy/service/ext_proc/v3/external_processor.pb.h"
#include "proxy/base/wire.h"
#include "xds/compile/convert.h"
#include "xds/compile/metadata.h"

namespace outrigger::xds {

namespace core_v3 = envoy::config::core::v3;
namespace mode_v3 = envoy::extensions::filters::http::ext_proc::v3;
namespace proc_v3 = envoy::service::ext_proc::v3;
using filters::ProcessingMode;
using filters::ProcessorAnswer;
using filters::ProcessorRequest;

namespace {

/// The memory that is enough for most messages.
class FirstBytes {
 public:
  google::protobuf::ArenaOptions options() noexcept {
    google::protobuf::ArenaOptions o;
    o.initial_block = bytes_;
    o.initial_block_size = sizeof bytes_;
    return o;
  }

 private:
  alignas(std::max_align_t) char bytes_[4096];
};

void put_text(std::uint32_t field, std::string_view bytes, std::string& out) {
  if (!bytes.empty()) put_wire_bytes(field, bytes, out);
}

/// Of a field that is a message, or bytes, with its tag.
std::size_t field_size(std::size_t bytes) noexcept {
  return 1 + google::protobuf::io::CodedOutputStream::VarintSize32(static_cast<std::uint32_t>(bytes)) + bytes;
}

/// What put_text() takes.
std::size_t text_size(std::size_t bytes) noexcept { return bytes == 0 ? 0 : field_size(bytes); }

/// The fields of a head, or trailers, that may be shown: a HeaderMap. By hand, as messages lose their memory when they are
/// cleared.
class Fields {
 public:
  Fields(const ProcessorRequest& r, std::string& out) : r_(r), out_(out) { out_.clear(); }
  void add(std::string_view name, std::string_view value) {
    using P = core_v3::HeaderValue;
    if (value.data() == nullptr || (*r_.disallowed && (*r_.disallowed)(name)) || (*r_.allowed && !(*r_.allowed)(name))) return;
    put_wire_head(core_v3::HeaderMap::kHeadersFieldNumber, text_size(name.size()) + text_size(value.size()), out_);
    put_text(P::kKeyFieldNumber, name, out_);
    put_text(P::kRawValueFieldNumber, value, out_);
  }
  void add(const http::HeaderMap& map) {
    for (const auto& e : map) add(e.name, e.value);
  }

 private:
  const ProcessorRequest& r_;
  std::string& out_;
};

void list_fields(const ProcessorRequest& r, std::string& out) {
  Fields fields(r, out);
  if (r.request != nullptr) {
    fields.add(":authority", r.request->authority);
    fields.add(":path", r.request->path);
    fields.add(":method", r.request->method);
    fields.add(":scheme", r.request->scheme);
    fields.add(":protocol", r.request->protocol_upgrade);
    for (const auto& e : r.request->headers)
      if (e.name != "transfer-encoding") fields.add(e.name, e.value);  // of the connection, which Envoy's filters don't see
  } else if (r.response != nullptr) {
    const auto status = std::to_string(r.response->status);
    fields.add(":status", status);
    fields.add(r.response->headers);
  } else {
    fields.add(*r.trailers);
  }
}

/// Of a head or trailers.
void put_fields(std::uint32_t field, const ProcessorRequest& r, std::string& out) {
  thread_local std::string map;
  list_fields(r, map);
  static_assert(proc_v3::HttpHeaders::kHeadersFieldNumber == 1 && proc_v3::HttpTrailers::kTrailersFieldNumber == 1);
  static_assert(proc_v3::HttpHeaders::kEndOfStreamFieldNumber == 3);
  const std::string_view end = r.ends ? std::string_view("\x18\x01") : std::string_view();  // end_of_stream: true
  put_wire_head(field, field_size(map.size()) + end.size(), out);
  put_wire_head(proc_v3::HttpHeaders::kHeadersFieldNumber, map.size(), out);
  out += map;
  out += end;
}

/// Straight into the message: a body may be long.
void put_body(std::uint32_t field, const ProcessorRequest& r, std::string& out) {
  using P = proc_v3::HttpBody;
  const std::size_t size = r.body->size();
  const std::string_view end = r.ends ? std::string_view("\x10\x01") : std::string_view();  // end_of_stream: true
  static_assert(P::kEndOfStreamFieldNumber == 2);
  put_wire_head(field, text_size(size) + end.size(), out);
  if (size > 0) put_wire_head(P::kBodyFieldNumber, size, out);
  for (std::size_t i = 0; i < r.body->runs(); ++i) out += r.body->run(i);
  out += end;
}

mode_v3::ProcessingMode::BodySendMode body_mode(ProcessingMode::Body b) {
  using P = mode_v3::ProcessingMode;
  constexpr P::BodySendMode kModes[] = {P::NONE, P::STREAMED, P::BUFFERED, P::BUFFERED_PARTIAL};
  return kModes[static_cast<int>(b)];
}

void encode(const ProcessorRequest& r, std::string& out) {
  using P = proc_v3::ProcessingRequest;
  constexpr std::uint32_t kFields[] = {P::kRequestHeadersFieldNumber,  P::kResponseHeadersFieldNumber,
                                       P::kRequestBodyFieldNumber,     P::kResponseBodyFieldNumber,
                                       P::kRequestTrailersFieldNumber, P::kResponseTrailersFieldNumber};
  r.body != nullptr ? put_body(kFields[r.kind], r, out) : put_fields(kFields[r.kind], r, out);
  if (r.metadata.fields.empty() && r.attributes.kind != MetadataValue::object && r.mode == nullptr)
    return put_wire_head(P::kMetadataContextFieldNumber, 0, out);
  FirstBytes first;
  google::protobuf::Arena arena(first.options());
  auto& p = *google::protobuf::Arena::CreateMessage<P>(&arena);  // all but that
  auto& metadata = *p.mutable_metadata_context();
  for (const auto& [space, v] : r.metadata.fields) to_struct(v, (*metadata.mutable_filter_metadata())[space]);
  if (r.attributes.kind == MetadataValue::object)
    to_struct(r.attributes, (*p.mutable_attributes())[std::string(filters::kExtProcSpace)]);
  if (r.mode != nullptr) {
    auto& mode = *p.mutable_protocol_config();
    mode.set_request_body_mode(body_mode(r.mode->request.body));
    mode.set_response_body_mode(body_mode(r.mode->response.body));
  }
  p.AppendToString(&out);
}

void read_changes(const proc_v3::HeaderMutation& p, filters::HeaderChanges& out) {
  out.given = true;
  for (const auto& s : p.set_headers())
    if (s.has_header()) out.set.push_back({s.header().key(), s.header().raw_value(), s.append().value()});
  for (const auto& name : p.remove_headers()) out.remove.push_back(name);
}

void read_common(const proc_v3::CommonResponse& p, ProcessorAnswer& out) {
  if (p.has_header_mutation()) read_changes(p.header_mutation(), out.changes);
  out.replaces = p.status() == proc_v3::CommonResponse::CONTINUE_AND_REPLACE;
  out.clear_route = p.clear_route_cache();
  using Mutation = proc_v3::BodyMutation;
  const auto which = p.body_mutation().mutation_case();
  if (which == Mutation::kBody) {
    out.body = ProcessorAnswer::Body::given;
    out.bytes = p.body_mutation().body();
  } else if (which == Mutation::kClearBody && p.body_mutation().clear_body()) {
    out.body = ProcessorAnswer::Body::cleared;
  } else if (p.has_body_mutation()) {
    out.body = ProcessorAnswer::Body::none;
    out.streamed = which == Mutation::kStreamedResponse;
  }
}

void read_immediate(const proc_v3::ImmediateResponse& p, ProcessorAnswer& out) {
  out.status = p.has_status() ? static_cast<std::uint32_t>(p.status().code()) : 0;
  if (p.has_headers()) read_changes(p.headers(), out.changes);
  out.bytes = p.body();
  if (p.has_grpc_status()) out.grpc_status = p.grpc_status().status();
  out.details = p.details();
}

bool decode(std::string_view bytes, filters::ProcessorAnswerTaker& taker) {
  FirstBytes first;
  google::protobuf::Arena arena(first.options());
  auto& p = *google::protobuf::Arena::CreateMessage<proc_v3::ProcessingResponse>(&arena);
  if (!p.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
  using P = proc_v3::ProcessingResponse;
  ProcessorAnswer a;
  if (p.has_override_message_timeout()) a.more_time = to_duration(p.override_message_timeout());
  if (p.has_mode_override()) a.mode = to_processing_mode(p.mode_override());
  if (p.has_dynamic_metadata()) a.metadata = compile_metadata_value(p.dynamic_metadata());
  const auto trailers = [&a](const proc_v3::TrailersResponse& t) {
    if (t.has_header_mutation()) read_changes(t.header_mutation(), a.changes);
  };
  switch (p.response_case()) {
    case P::kRequestHeaders:
      a.kind = a.request_head;
      read_common(p.request_headers().response(), a);
      break;
    case P::kResponseHeaders:
      a.kind = a.response_head;
      read_common(p.response_headers().response(), a);
      break;
    case P::kRequestBody:
      a.kind = a.request_body;
      read_common(p.request_body().response(), a);
      break;
    case P::kResponseBody:
      a.kind = a.response_body;
      read_common(p.response_body().response(), a);
      break;
    case P::kRequestTrailers:
      a.kind = a.request_trailers;
      trailers(p.request_trailers());
      break;
    case P::kResponseTrailers:
      a.kind = a.response_trailers;
      trailers(p.response_trailers());
      break;
    case P::kImmediateResponse:
      a.kind = a.immediate;
      read_immediate(p.immediate_response(), a);
      break;
    case P::RESPONSE_NOT_SET: break;
  }
  taker.take(a);
  return true;
}

}  // namespace

ProcessingMode to_processing_mode(const mode_v3::ProcessingMode& p) {
  using P = mode_v3::ProcessingMode;
  ProcessingMode o;
  const auto send = [&o](P::HeaderSendMode m) {
    o.unknown = o.unknown || !P::HeaderSendMode_IsValid(m);
    return m == P::SEND ? ProcessingMode::Send::send : m == P::SKIP ? ProcessingMode::Send::skip : ProcessingMode::Send::as_usual;
  };
  const auto body = [&o](P::BodySendMode m) {
    using Body = ProcessingMode::Body;
    o.unknown = o.unknown || m < P::NONE || m > P::BUFFERED_PARTIAL;
    return m == P::STREAMED           ? Body::streamed
           : m == P::BUFFERED         ? Body::buffered
           : m == P::BUFFERED_PARTIAL ? Body::buffered_partial
                                      : Body::none;
  };
  o.request = {send(p.request_header_mode()), send(p.request_trailer_mode()), body(p.request_body_mode())};
  o.response = {send(p.response_header_mode()), send(p.response_trailer_mode()), body(p.response_body_mode())};
  return o;
}

const filters::ProcessorMessages& processor_messages() {
  static constexpr filters::ProcessorMessages kMessages{&encode, &decode};
  return kMessages;
}

}  // namespace outrigger::xds
