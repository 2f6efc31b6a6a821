// The HTTP filter grpc_json_transcoder.
#include <google/protobuf/descriptor.pb.h>
#include <algorithm>

#include "envoy/extensions/filters/http/grpc_json_transcoder/v3/transcoder.pb.h"
#include "filters/json_transcoder.h"
#include "google/rpc/status.pb.h"
#include "proxy/base/wire.h"
#include "proxy/stats/names.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/json_messages.h"

namespace outrigger::xds {

namespace pb = google::protobuf;
using ConfigV3 = envoy::extensions::filters::http::grpc_json_transcoder::v3::GrpcJsonTranscoder;
using filters::TranscoderConfig;
using filters::TranscoderMethod;

namespace {

/// google.api.HttpRule, which options of methods have as their extension of that number.
struct HttpRule {
  static constexpr int kExtension = 72295728;
  std::string method, path, body, response_body;
  std::vector<HttpRule> more;
};

/// False: it is none.
bool read_rule(std::string_view bytes, HttpRule& rule, unsigned depth = 0) {
  enum Field : std::uint8_t { body = 7, custom = 8, additional_bindings = 11, response_body = 12 };
  static constexpr std::string_view kMethods[] = {"GET", "PUT", "POST", "DELETE", "PATCH"};  // from field 2 on
  constexpr unsigned kDepthMax = 8;
  if (depth > kDepthMax) return false;
  WireReader r(bytes);
  while (r.next()) {
    if (!r.has_bytes()) continue;
    const auto field = r.field();
    if (field >= 2 && field < 2 + std::size(kMethods)) {
      rule.method = kMethods[field - 2];
      rule.path = r.bytes();
    } else if (field == custom) {
      rule.method = wire_bytes(r.bytes(), 1);
      rule.path = wire_bytes(r.bytes(), 2);
    } else if (field == body) {
      rule.body = r.bytes();
    } else if (field == response_body) {
      rule.response_body = r.bytes();
    } else if (field == additional_bindings) {
      if (!read_rule(r.bytes(), rule.more.emplace_back(), depth + 1)) return false;
    }
  }
  return r.ok();
}

class TranscoderCompiler {
 public:
  TranscoderCompiler(const ConfigV3& p, const Path& at, Problems& problems)
      : p_(p), at_(at), problems_(problems), out_(std::make_shared<TranscoderConfig>()) {}

  /// Null: it is wrong, and told.
  std::shared_ptr<const TranscoderConfig> compile() {
    out_->disabled = p_.services().empty();
    if (out_->disabled) return out_;
    put_options();
    auto messages = std::make_unique<DescriptorMessages>(print_options());
    messages_ = messages.get();
    if (!add_descriptors()) return nullptr;
    if (p_.convert_grpc_status() && !add_status()) return nullptr;
    for (int i = 0; i < p_.services_size(); ++i)
      if (!add_service(p_.services(i), at_.at("services", i))) return nullptr;
    out_->messages = std::move(messages);
    return out_;
  }

 private:
  bool fail(const Path& at, const std::string& what) {
    problems_.error(at, "transcoding_filter: " + what);
    return false;
  }

  pb::util::JsonPrintOptions print_options() const {
    const auto& from = p_.print_options();
    pb::util::JsonPrintOptions o;
    o.add_whitespace = from.add_whitespace();
    o.always_print_primitive_fields = from.always_print_primitive_fields();
    o.always_print_enums_as_ints = from.always_print_enums_as_ints();
    o.preserve_proto_field_names = from.preserve_proto_field_names();
    return o;
  }

  void put_options() {
    auto& o = *out_;
    using Unescape = filters::UrlUnescape;
    const auto unescape = p_.url_unescape_spec() == ConfigV3::ALL_CHARACTERS                ? Unescape::all
                          : p_.url_unescape_spec() == ConfigV3::ALL_CHARACTERS_EXCEPT_SLASH ? Unescape::except_slash
                                                                                            : Unescape::except_reserved;
    o.paths = filters::PathMatcher({unescape, p_.query_param_unescape_plus(), p_.match_unregistered_custom_verb()});
    o.ignored.assign(p_.ignored_query_parameters().begin(), p_.ignored_query_parameters().end());
    std::sort(o.ignored.begin(), o.ignored.end());
    o.keep_route = p_.match_incoming_request_route();
    o.ignore_unknown = p_.ignore_unknown_query_parameters();
    o.capture_unknown = p_.capture_unknown_query_parameters();
    const auto& checks = p_.request_validation_options();
    o.reject_unknown_method = checks.reject_unknown_method();
    o.reject_unknown_query = checks.reject_unknown_query_parameters();
    o.reject_collisions = checks.reject_binding_body_field_collisions();
    o.any_case = p_.case_insensitive_enum_parsing();
    o.newlines = p_.print_options().stream_newline_delimited();
    o.events = p_.print_options().stream_sse_style_delimited();
    if (p_.has_max_request_body_size()) o.request_max = p_.max_request_body_size().value();
    if (p_.has_max_response_body_size()) o.response_max = p_.max_response_body_size().value();
  }

  bool add_descriptors() {
    const bool inline_set = p_.descriptor_set_case() == ConfigV3::kProtoDescriptorBin;
    const Path at = at_ / (inline_set ? "proto_descriptor_bin" : "proto_descriptor");
    envoy::config::core::v3::DataSource source;
    source.set_filename(p_.proto_descriptor());
    const auto bytes = inline_set ? Result<std::string>(p_.proto_descriptor_bin()) : read_data_source(source);
    if (!bytes) {
      problems_.error(at, bytes.error().detail);
      return false;
    }
    pb::FileDescriptorSet set;
    if (!set.ParseFromString(*bytes)) return fail(at, "Unable to parse proto descriptor");
    for (const auto& file : set.file())
      if (messages_->add(file) == nullptr) return fail(at, "Unable to build proto descriptor pool");
    return true;
  }

  /// google.rpc.Status, of ours if the set has none.
  bool add_status() {
    for (const auto* own : {pb::Any::descriptor(), google::rpc::Status::descriptor()}) {
      if (messages_->pool().FindMessageTypeByName(own->full_name()) != nullptr) continue;
      pb::FileDescriptorProto file;
      own->file()->CopyTo(&file);
      if (messages_->add(file) == nullptr) return fail(at_, "Unable to build proto descriptor pool");
    }
    out_->status = messages_->type_of(*messages_->pool().FindMessageTypeByName(google::rpc::Status::descriptor()->full_name()));
    return true;
  }

  bool add_service(const std::string& name, const Path& at) {
    const auto* service = messages_->pool().FindServiceByName(name);
    if (service == nullptr) return fail(at, "Could not find '" + name + "' in the proto descriptor");
    for (int i = 0; i < service->method_count(); ++i)
      if (!add_method(*service->method(i), at)) return false;
    return true;
  }

  bool add_method(const pb::MethodDescriptor& m, const Path& at) {
    HttpRule rule;
    std::string bytes;
    bool annotated = false;
    const auto& fields = m.options().unknown_fields();
    for (int i = 0; i < fields.field_count(); ++i) {
      if (fields.field(i).number() != HttpRule::kExtension || fields.field(i).type() != pb::UnknownField::TYPE_LENGTH_DELIMITED)
        continue;
      bytes += fields.field(i).length_delimited();
      annotated = true;
    }
    if (!annotated && p_.auto_mapping()) {
      rule.method = "POST";
      rule.path = '/' + m.service()->full_name() + '/' + m.name();
      rule.body = "*";
    }
    const std::string cannot = "Cannot register '" + m.full_name() + "'";
    if (!read_rule(bytes, rule)) return fail(at, cannot + " to path matcher");
    TranscoderMethod out;
    out.path = '/' + m.service()->full_name() + '/' + m.name();
    out.input = messages_->type_of(*m.input_type());
    out.output = messages_->type_of(*m.output_type());
    out.client_streaming = m.client_streaming();
    out.server_streaming = m.server_streaming();
    std::string why;
    if (!find_http_body(*m.input_type(), rule.body, out.request, why) ||
        !find_http_body(*m.output_type(), rule.response_body, out.response, why))
      return fail(at, cannot + ": " + why);
    if (!out.response.numbers.empty() && !out.response.used)
      return fail(at, cannot + ": Setting \"response_body\" is not supported yet for non-HttpBody fields: " + m.full_name());
    out_->methods.push_back(std::move(out));
    return add_rule(rule) || fail(at, cannot + " to path matcher");
  }

  static bool find_http_body(const pb::Descriptor& message, std::string_view field, TranscoderMethod::HttpBody& out,
                             std::string& why) {
    constexpr std::string_view kHttpBody = "google.api.HttpBody";
    std::vector<std::string_view> names;
    for (auto rest = field == "*" ? std::string_view() : field; !rest.empty();) {
      const auto name = rest.substr(0, rest.find('.'));
      if (!name.empty()) names.push_back(name);
      rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    }
    std::vector<const pb::FieldDescriptor*> path;
    if (!find_field_path(message, names, path, why)) return false;
    const auto* last = path.empty() ? &message : path.back()->message_type();
    out.used = last != nullptr && last->full_name() == kHttpBody;
    for (const auto* f : path) {
      out.numbers.push_back(static_cast<std::uint32_t>(f->number()));
      out.names.push_back(f->name());
    }
    return true;
  }

  /// Of the method that was added last.
  bool add_rule(const HttpRule& rule) {
    if (!rule.method.empty() || !rule.path.empty()) {
      if (!out_->paths.add(rule.method, rule.path, static_cast<std::uint32_t>(out_->rules.size()))) return false;
      out_->rules.push_back({out_->methods.size() - 1, rule.body});
    }
    return std::all_of(rule.more.begin(), rule.more.end(), [this](const HttpRule& r) { return add_rule(r); });
  }

  const ConfigV3& p_;
  const Path& at_;
  Problems& problems_;
  std::shared_ptr<TranscoderConfig> out_;
  DescriptorMessages* messages_ = nullptr;
};

FilterPtr make_transcoder(const ConfigV3& p, const FilterPlace& f, CompileContext& c) {
  auto config = TranscoderCompiler(p, f.config, c.problems).compile();
  if (config == nullptr) return nullptr;
  return std::make_shared<filters::JsonTranscoderFactory>(std::move(config),
                                                          stats::make_block<filters::TranscoderStat>(c.stats, f.stat_prefix));
}

OverridePtr override_transcoder(const ConfigV3& p, const Path& at, Problems& problems, const CompileContext&) {
  return TranscoderCompiler(p, at, problems).compile();
}

}  // namespace

void add_transcoder_filters(FilterKinds& kinds) { kinds.add<make_transcoder, override_transcoder>(); }

}  // namespace outrigger::xds
