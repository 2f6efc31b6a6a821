#include "xds/compile/secret_text.h"

#include <openssl/crypto.h>

namespace outrigger::xds {

namespace {

/// What nobody holds any more leaves no copy behind.
std::shared_ptr<const std::string> shared_text(const std::string& text) {
  return {new std::string(text), [](std::string* s) {
            OPENSSL_cleanse(s->data(), s->size());
            delete s;
          }};
}

class Replace final : public Secret::User {
 public:
  Replace(const Secret& secret, std::weak_ptr<filters::SecretText> text) : secret_(secret), text_(std::move(text)) {}
  bool gone() const override { return text_.expired(); }
  bool prepare(std::string&) override { return true; }
  void apply() override {
    if (const auto text = text_.lock()) text->set(shared_text(secret_.text()));
  }

 private:
  const Secret& secret_;  // owns this
  std::weak_ptr<filters::SecretText> text_;
};

}  // namespace

filters::SecretTextPtr compile_secret_text(const tls_v3::SdsSecretConfig& config, const Path& at, Problems& problems,
                                           const CompileContext& c) {
  if (c.secrets == nullptr) {
    problems.error(at, "there is nothing here that secrets could come from");
    return nullptr;
  }
  auto out = std::make_shared<filters::SecretText>();
  if (!config.has_sds_config()) {
    const auto* s = c.secrets->find_static(config.name(), tls_v3::Secret::kGenericSecret, at, problems);
    const auto* text = s == nullptr ? nullptr : c.secrets->text_of(*s, at, problems);
    if (text == nullptr) return nullptr;
    out->set(shared_text(*text));
    return out;
  }
  const auto secret = c.secrets->subscribe(config, tls_v3::Secret::kGenericSecret, at, problems);
  if (secret == nullptr) return nullptr;
  if (secret->arrived()) out->set(shared_text(secret->text()));
  secret->add_user(std::make_unique<Replace>(*secret, out));
  return out;
}

}  // namespace outrigger::xds
