#include "filters/header_to_metadata.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include "proxy/base/base64.h"
#include "proxy/base/numbers.h"
#include "proxy/hcm/stream.h"
#include "proxy/route/matcher.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using Stat = HeaderToMetadataStat;

namespace {

constexpr std::size_t kValueBytesMax = 8192;  // and no more become metadata

MetadataValue number_value(double n) {
  MetadataValue v;
  v.kind = MetadataValue::number;
  v.n = n;
  char text[32];
  v.json = std::isnan(n) ? "null" : std::string(text, std::to_chars(text, text + sizeof text, n).ptr);
  return v;
}

bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

std::optional<double> number_of(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  if (text.empty()) return std::nullopt;
  const std::string copy(text);
  char* end = nullptr;
  const double n = std::strtod(copy.c_str(), &end);
  return end == copy.c_str() + copy.size() ? std::optional(n) : std::nullopt;
}

namespace {

class HeaderToMetadata final : public hcm::HttpFilter {
 public:
  HeaderToMetadata(hcm::Stream& stream, const HeaderToMetadataFactory& factory) : HttpFilter(stream), factory_(factory) {}

  FilterStatus on_request_head(http::RequestHead& head, bool) override {
    const auto find = [&](const std::string& name) -> std::optional<std::string_view> {
      if (name.starts_with(':') || name == "host") {
        const auto* v = head.find(name);
        return v == nullptr ? std::nullopt : std::optional(*v);
      }
      return all_of(head.headers, name);
    };
    run(config().request, head, find, kOfRequests);
    return FilterStatus::go_on;
  }
  FilterStatus on_response_head(http::ResponseHead& head, bool) override {
    const auto find = [&](const std::string& name) -> std::optional<std::string_view> {
      if (name == ":status") return decimal(head.status, stream_.arena());
      return all_of(head.headers, name);
    };
    run(config().response, head, find, kOfResponses);
    return FilterStatus::go_on;
  }

 private:
  struct Counts {
    Stat processed, added, not_found;
  };
  static constexpr Counts kOfRequests = {Stat::request_rules_processed, Stat::request_metadata_added,
                                         Stat::request_header_not_found};
  static constexpr Counts kOfResponses = {Stat::response_rules_processed, Stat::response_metadata_added,
                                          Stat::response_header_not_found};

  static std::optional<std::string_view> all_of(const http::HeaderMap& headers, const std::string& name) {
    return headers.find(name) == nullptr ? std::nullopt : std::optional(headers.joined(name));
  }
  /// The nearest of the first route that there is.
  const HeaderToMetadataConfig& config() {
    if (config_ != nullptr) return *config_;
    const auto* o = stream_.override_for(factory_.name);
    const auto* own = o == nullptr ? nullptr : o->as<HeaderToMetadataConfig>();
    config_ = own == nullptr ? &factory_.config() : own;
    return *config_;
  }
  void count(Stat s) {
    if (config_->stats) stream_.thread().cells.add(*config_->stats, s);
  }

  template <class Head, class Find>
  void run(const std::vector<HeaderToMetadataConfig::Rule>& rules, Head& head, Find&& find, const Counts& counts) {
    std::shared_ptr<Metadata> all;
    for (const auto& rule : rules) {
      count(counts.processed);
      std::optional<std::string_view> value;
      if (!rule.cookie)
        value = find(rule.name);
      else if (const auto v = route::cookie_value(head.headers, rule.name); !v.empty())
        value = v;
      if (value) route::apply(rule.removal, head, stream_.format_context());
      const auto& wanted = value ? rule.present : rule.missing;
      if (!wanted) continue;
      if (!value) count(counts.not_found);
      if (write(*wanted, value.value_or(std::string_view{}), all)) count(counts.added);
    }
    if (all != nullptr) stream_.info().dynamic_metadata = std::move(all);
  }

  bool write(const HeaderToMetadataConfig::Value& v, std::string_view found, std::shared_ptr<Metadata>& all) {
    std::string text(v.text.empty() ? found : v.text);
    if (v.text.empty() && v.regex != nullptr) {
      const bool had = !text.empty();
      re2::RE2::GlobalReplace(&text, *v.regex, v.substitution);
      if (had && text.empty()) count(Stat::regex_substitution_failed);
    }
    MetadataValue value;
    if (text.empty() || !make(v, text, value)) return false;
    if (all == nullptr) all = copy_of(stream_.info().dynamic_metadata);
    all->merge(v.name, MetadataValue::of(v.key, std::move(value)));
    return true;
  }

  bool make(const HeaderToMetadataConfig::Value& v, std::string& text, MetadataValue& out) {
    if (text.size() >= kValueBytesMax) {
      count(Stat::header_value_too_long);
      return false;
    }
    if (v.base64) {
      std::string bytes;
      if (!decode_any_base64(text, bytes) || bytes.empty()) {
        count(Stat::base64_decode_failed);
        return false;
      }
      text = std::move(bytes);
    }
    switch (v.type) {
      case HeaderToMetadataConfig::Value::string: out = MetadataValue::of(text); return true;
      case HeaderToMetadataConfig::Value::number: {
        const auto n = number_of(text);
        if (n) out = number_value(*n);
        return n.has_value();
      }
      case HeaderToMetadataConfig::Value::message: return config_->parse_message(text, out);
    }
    return false;
  }

  const HeaderToMetadataFactory& factory_;
  const HeaderToMetadataConfig* config_ = nullptr;
};

}  // namespace

hcm::HttpFilter* HeaderToMetadataFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<HeaderToMetadata>(stream, *this);
}

}  // namespace outrigger::filters
