// proxy_protocol: takes a PROXY header off the connection and believes it.
#pragma once
#include <bitset>
#include <string>
#include <vector>
#include "proxy/listener/filter.h"
#include "proxy/stats/names.h"

namespace outrigger::listener {

struct ProxyProtocolConfig {
  enum class Text : std::uint8_t { sanitized, base64 };
  struct Rule {
    std::uint8_t type = 0;
    std::string name, key;  // of the metadata
    Text text = Text::sanitized;
  };
  std::vector<Rule> rules;
  bool rules_to_state = false;      // their texts go to the connection's filter state, not to its metadata
  std::bitset<256> passed_through;  // TLVs kept for upstreams
  bool allow_without = false, allow_v1 = true, allow_v2 = true;
  stats::BlockHandle legacy, general, v1, v2;
};

class ProxyProtocol final : public Filter {
 public:
  explicit ProxyProtocol(ProxyProtocolConfig config) : config_(std::move(config)) {}
  Verdict on_accept(const Candidate&) const override { return Verdict::wait; }
  std::unique_ptr<Inspector> inspector() const override;

 private:
  ProxyProtocolConfig config_;
};

}  // namespace outrigger::listener
