// The filter header_to_metadata: headers and cookies of requests and responses become dynamic metadata. Envoy:
// header_to_metadata_filter.
#pragma once
#include <re2/re2.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include "proxy/base/metadata.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/header_mutation.h"
#include "proxy/route/route.h"
#include "proxy/stats/names.h"

namespace outrigger::filters {

/// Below "http_filter_name.<stat_prefix>.".
enum class HeaderToMetadataStat : std::uint16_t {
  base64_decode_failed,
  header_value_too_long,
  regex_substitution_failed,
  request_header_not_found,
  request_metadata_added,
  request_rules_processed,
  response_header_not_found,
  response_metadata_added,
  response_rules_processed
};

inline stats::BlockDef block_def(HeaderToMetadataStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {{Kind::counter, "base64_decode_failed"},
                                              {Kind::counter, "header_value_too_long"},
                                              {Kind::counter, "regex_substitution_failed"},
                                              {Kind::counter, "request_header_not_found"},
                                              {Kind::counter, "request_metadata_added"},
                                              {Kind::counter, "request_rules_processed"},
                                              {Kind::counter, "response_header_not_found"},
                                              {Kind::counter, "response_metadata_added"},
                                              {Kind::counter, "response_rules_processed"}};
  return {kStats, {}};
}

/// Of the filter, or of a route in its place.
struct HeaderToMetadataConfig : route::FilterPart {
  struct Value {
    enum Type : std::uint8_t { string, number, message } type = string;
    bool base64 = false;
    std::string name, key;  // the namespace and what is below it
    std::string text;       // instead of the header's; empty: that
    std::shared_ptr<const re2::RE2> regex;  // null: as it is
    std::string substitution;
  };
  struct Rule {
    std::string name;  // of a header, in lower case, or of a cookie
    bool cookie = false;
    std::optional<Value> present, missing;
    route::HeaderMutationSteps removal;  // of the header; empty: it stays
  };
  std::vector<Rule> request, response;
  std::optional<stats::BlockHandle> stats;  // unset: nothing is counted
  /// A serialized google.protobuf.Value. False: it is something else.
  bool (*parse_message)(std::string_view bytes, MetadataValue& out) = nullptr;
};

/// As a number the way Envoy reads it. Nothing: it is none.
std::optional<double> number_of(std::string_view text);

class HeaderToMetadataFactory final : public hcm::FilterFactory {
 public:
  explicit HeaderToMetadataFactory(std::shared_ptr<const HeaderToMetadataConfig> config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const HeaderToMetadataConfig& config() const noexcept { return *config_; }

 private:
  std::shared_ptr<const HeaderToMetadataConfig> config_;
};

}  // namespace outrigger::filters
