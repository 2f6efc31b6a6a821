#include "filters/compressor.h"

#include <algorithm>
#include <array>
#include <utility>

#include "filters/encoding_choice.h"
#include "proxy/base/numbers.h"
#include "proxy/hcm/stream.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using http::HeaderMap;
using http::Name;
using stats::Kind;

stats::BlockDef block_def(CompressionStat) {
  static constexpr stats::StatDef kStats[] = {{Kind::counter, "compressed"},
                                              {Kind::counter, "not_compressed"},
                                              {Kind::counter, "total_uncompressed_bytes"},
                                              {Kind::counter, "total_compressed_bytes"},
                                              {Kind::counter, "content_length_too_small"}};
  return {kStats, {}};
}

stats::BlockDef block_def(CompressionChoiceStat) {
  static constexpr stats::StatDef kStats[] = {
      {Kind::counter, "no_accept_header"},       {Kind::counter, "header_identity"},
      {Kind::counter, "header_compressor_used"}, {Kind::counter, "header_compressor_overshadowed"},
      {Kind::counter, "header_wildcard"},        {Kind::counter, "header_not_valid"},
      {Kind::counter, "not_compressed_etag"}};
  return {kStats, {}};
}

namespace {

constexpr std::string_view kTypes[] = {"text/html",
                                       "text/plain",
                                       "text/css",
                                       "application/javascript",
                                       "text/javascript",
                                       "text/x-javascript",
                                       "text/ecmascript",
                                       "application/x-javascript",
                                       "text/js",
                                       "text/jscript",
                                       "text/x-js",
                                       "application/ecmascript",
                                       "text/xml",
                                       "application/x-json",
                                       "application/xml",
                                       "application/json",
                                       "image/svg+xml",
                                       "application/xhtml+xml",
                                       "application/grpc-web",
                                       "application/grpc-web+proto"};

bool is_upgrade(const HeaderMap& h) {
  return h.has(Name::upgrade) && any_token(h.get(Name::connection), [](auto t) { return iequals(t, "upgrade"); });
}

/// A message of such a type is worth compressing.
bool has_type(const CompressionDirection& d, const HeaderMap& h) {
  const auto* field = h.find(Name::content_type);
  if (field == nullptr) return true;
  const auto type = trimmed(field->value.substr(0, field->value.find(';')));
  const auto same = [&](const auto& known) { return iequals(known, type); };
  if (!d.type_matchers.empty())
    return std::any_of(d.type_matchers.begin(), d.type_matchers.end(), [&](const auto& m) { return m.match(type); });
  if (!d.types.empty()) return std::any_of(d.types.begin(), d.types.end(), same);
  return std::any_of(std::begin(kTypes), std::end(kTypes), same);
}

void add_vary(HeaderMap& h) {
  constexpr std::string_view kAccept = "Accept-Encoding";
  const auto* vary = h.find(Name::vary);
  if (vary == nullptr) return h.add(Name::vary, kAccept);
  if (!any_token(vary->value, [&](auto t) { return t == kAccept; })) h.set(Name::vary, h.arena().cat(vary->value, ", ", kAccept));
}

class CompressorFilter;

/// The compressors of one chain, and what was chosen for the response. Found among the request's filter state, by where its key
/// lies.
struct Chain : http::FilterState::Entry {
  static constexpr std::string_view kKey = "compressors";
  Chain() { key = kKey; }
  static Chain& of(http::FilterState& state, Arena& arena) {
    for (const auto* e = state.first; e != nullptr; e = e->next)
      if (e->key.data() == kKey.data()) return const_cast<Chain&>(static_cast<const Chain&>(*e));
    auto* made = arena.make<Chain>();
    state.add(*made);
    return *made;
  }
  std::array<const CompressorFactory*, kOffersMax> members{};
  std::size_t count = 0;
  std::optional<EncodingChoice> choice;
};

class CompressorFilter final : public hcm::HttpFilter {
 public:
  CompressorFilter(hcm::Stream& stream, const CompressorFactory& factory)
      : HttpFilter(stream),
        factory_(factory),
        config_(factory.config()),
        chain_(Chain::of(stream.info().filter_state, stream.arena())) {
    if (chain_.count < chain_.members.size()) chain_.members[chain_.count++] = &factory;
  }

  FilterStatus on_request_head(http::RequestHead& head, bool end_stream) override {
    auto& h = head.headers;
    if (const auto* accept = h.find(Name::accept_encoding)) accept_encoding_ = accept->value;
    has_accept_ = h.has(Name::accept_encoding);
    const auto* own = route_config();
    const bool removes =
        own != nullptr && own->remove_accept_encoding ? *own->remove_accept_encoding : config_.remove_accept_encoding;
    if (removes && responses_enabled()) h.remove(Name::accept_encoding);
    const auto& d = config_.request;
    const bool able = !end_stream && config_.compress_requests && enabled(d) && !is_upgrade(h) && is_long_enough(d, h) &&
                      has_type(d, h) && !h.has(Name::content_encoding) && is_plain(h);
    begin(able, d, h, request_);
    return FilterStatus::go_on;
  }

  FilterStatus on_request_body(Buffer& body, bool end_stream) override {
    return pass(request_, config_.request, body, end_stream);
  }
  FilterStatus on_request_trailers(HeaderMap&) override {
    Buffer rest;
    if (request_ == nullptr) return FilterStatus::go_on;
    pass(request_, config_.request, rest, true);
    if (!rest.empty()) stream_.inject_request_body(*this, rest);
    return FilterStatus::go_on;
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool end_stream) override {
    auto& h = head.headers;
    const auto& d = config_.response;
    if (config_.status_header && !end_stream) {
      tell_and_begin(head);
      return FilterStatus::go_on;
    }
    const bool wanted = responses_enabled() && is_long_enough(d, h);
    const bool able = wanted && !is_upgrade(h) && has_type(d, h) && may_transform(h.get(Name::cache_control)) &&
                      is_etag_allowed(h) && !h.has(Name::content_encoding) && is_code_allowed(head);
    const bool accepted = !end_stream && wanted && is_accepted(h);
    if (begin(accepted && able && is_plain(h), d, h, response_)) mend_etag(h);
    if (able) add_vary(h);
    return FilterStatus::go_on;
  }

  FilterStatus on_response_body(Buffer& body, bool end_stream) override {
    return pass(response_, config_.response, body, end_stream);
  }
  FilterStatus on_response_trailers(HeaderMap&) override {
    Buffer rest;
    if (response_ == nullptr) return FilterStatus::go_on;
    pass(response_, config_.response, rest, true);
    if (!rest.empty()) stream_.inject_response_body(*this, rest, false);
    return FilterStatus::go_on;
  }

 private:
  const CompressorOverride* route_config() {
    const auto* o = stream_.override_for(factory_.name);
    return o == nullptr ? nullptr : o->as<CompressorOverride>();
  }
  const compression::CompressorLibrary& library() {
    const auto* own = route_config();
    return own != nullptr && own->library != nullptr ? *own->library : *config_.library;
  }
  bool enabled(const CompressionDirection& d) { return d.enabled.in(*stream_.thread().runtime); }
  bool responses_enabled() {
    const auto* own = route_config();
    return own != nullptr && own->response_enabled ? *own->response_enabled : enabled(config_.response);
  }
  void count(stats::BlockHandle block, auto stat, std::uint64_t by = 1) { stream_.thread().cells.add(block, stat, by); }

  bool is_long_enough(const CompressionDirection& d, const HeaderMap& h) {
    const auto* length = h.find(Name::content_length);
    if (length == nullptr) return true;
    const auto n = to_number<std::uint64_t>(length->value);
    if (n && *n >= d.length_min) return true;
    count(d.stats, CompressionStat::content_length_too_small);
    return false;
  }
  /// Its coding for the transfer does not compress it.
  bool is_plain(const HeaderMap& h) {
    return !any_token(h.get(Name::transfer_encoding), [&](auto t) {
      for (const std::string_view known : {"gzip", "br", "deflate", "compress", "zstd"})
        if (iequals(t, known)) return true;
      return iequals(t, library().encoding());
    });
  }
  bool is_etag_allowed(const HeaderMap& h) {
    if (!config_.disable_on_etag || config_.weaken_etag || !h.has(Name::etag)) return true;
    count(config_.choice_stats, CompressionChoiceStat::not_compressed_etag);
    return false;
  }
  bool is_code_allowed(const http::ResponseHead& head) const {
    const auto& codes = config_.uncompressible_codes;
    return std::find(codes.begin(), codes.end(), head.status) == codes.end();
  }
  void mend_etag(HeaderMap& h) {
    const auto* etag = h.find(Name::etag);
    if (etag == nullptr) return;
    const auto value = etag->value;
    if (value.size() >= 2 && lower(value[0]) == 'w' && value[1] == '/') return;
    if (config_.weaken_etag)
      h.set(Name::etag, h.arena().cat("W/", value));
    else
      h.remove(Name::etag);
  }

  /// Is this the filter whose coding the client gets?
  bool is_accepted(const HeaderMap& h) {
    using Stat = CompressionChoiceStat;
    if (!has_accept_) {
      count(config_.choice_stats, Stat::no_accept_header);
      return false;
    }
    if (!chain_.choice) chain_.choice = choose(h);
    const auto& choice = *chain_.choice;
    const bool ours = iequals(library().encoding(), choice.encoding);
    switch (choice.why) {
      case EncodingChoice::named:
        count(config_.choice_stats, ours ? Stat::header_compressor_used : Stat::header_compressor_overshadowed);
        break;
      case EncodingChoice::identity: count(config_.choice_stats, Stat::header_identity); break;
      case EncodingChoice::wildcard: count(config_.choice_stats, Stat::header_wildcard); break;
      case EncodingChoice::not_valid: count(config_.choice_stats, Stat::header_not_valid); break;
    }
    return ours;
  }
  /// Of the others only what their own configs say is known here, as by Envoy.
  EncodingChoice choose(const HeaderMap& h) {
    std::array<EncodingOffer, kOffersMax> offers;
    std::size_t n = 0;
    for (std::size_t i = 0; i < chain_.count; ++i) {
      const auto& member = *chain_.members[i];
      const auto& config = member.config();
      if (!has_type(config.response, h)) continue;
      offers[n++] = {&member == &factory_ ? library().encoding() : config.library->encoding(), config.choose_first};
    }
    return choose_encoding(accept_encoding_, {offers.data(), n});
  }

  /// True: the message will be compressed, and its head says so.
  bool begin(bool able, const CompressionDirection& d, HeaderMap& h, compression::CompressorPtr& coder) {
    if (able) coder = library().make(stream_.arena());
    if (coder == nullptr) {
      count(d.stats, CompressionStat::not_compressed);
      return false;
    }
    h.remove(Name::content_length);
    h.set(Name::content_encoding, library().encoding());
    count(d.stats, CompressionStat::compressed);
    return true;
  }

  /// With x-envoy-compression-status: what is looked at first is another order.
  void tell_and_begin(http::ResponseHead& head) {
    auto& h = head.headers;
    const auto& d = config_.response;
    const bool open = responses_enabled() && !is_upgrade(h) && may_transform(h.get(Name::cache_control)) &&
                      !h.has(Name::content_encoding) && is_plain(h);
    const auto refusal = open ? refusal_of(head) : std::string_view{};
    if (!refusal.empty()) h.add(kStatus, h.arena().cat(library().encoding(), ";", refusal));
    if (open && refusal.empty()) add_vary(h);
    const auto length = h.get(Name::content_length);
    if (!begin(open && refusal.empty() && is_accepted(h), d, h, response_)) return;
    mend_etag(h);
    h.add(kStatus, h.arena().cat(library().encoding(), ";Compressed;OriginalLength=", length));
  }
  std::string_view refusal_of(const http::ResponseHead& head) {
    const auto& h = head.headers;
    if (!is_long_enough(config_.response, h)) {
      count(config_.response.stats, CompressionStat::content_length_too_small);  // Envoy looks twice
      return "ContentLengthTooSmall";
    }
    if (!has_type(config_.response, h)) return "ContentTypeNotAllowed";
    if (!is_etag_allowed(h)) return "EtagNotAllowed";
    return is_code_allowed(head) ? std::string_view{} : "StatusCodeNotAllowed";
  }

  FilterStatus pass(compression::CompressorPtr& coder, const CompressionDirection& d, Buffer& body, bool end_stream) {
    if (coder == nullptr) return FilterStatus::go_on;
    count(d.stats, CompressionStat::total_uncompressed_bytes, body.size());
    coder->compress(body, end_stream);
    count(d.stats, CompressionStat::total_compressed_bytes, body.size());
    if (end_stream) coder = nullptr;
    return body.empty() && !end_stream ? FilterStatus::stop : FilterStatus::go_on;
  }

  static constexpr std::string_view kStatus = "x-envoy-compression-status";
  const CompressorFactory& factory_;
  const CompressorConfig& config_;
  Chain& chain_;
  compression::CompressorPtr request_, response_;
  std::string_view accept_encoding_;
  bool has_accept_ = false;
};

}  // namespace

hcm::HttpFilter* CompressorFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<CompressorFilter>(stream, *this);
}

}  // namespace outrigger::filters
