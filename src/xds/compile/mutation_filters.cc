// The HTTP filter header_mutation.
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "filters/header_mutation.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/format.h"
#include "xds/compile/matchers.h"

namespace outrigger::xds {

namespace mutation_v3 = envoy::extensions::filters::http::header_mutation::v3;

namespace {

void compile_query_mutation(const envoy::config::core::v3::KeyValueMutation& p, const format::FormatOptions& options,
                            const Path& at, Problems& problems, std::vector<filters::QueryMutation>& into) {
  filters::QueryMutation o;
  const Path append = at / "append", record = append / "record";
  if (p.has_append() && !p.remove().empty()) return problems.error(at, "Only one of 'append'/'remove can be specified.");
  if (!p.has_append() && p.remove().empty()) return problems.error(at, "One of 'append'/'remove' must be specified.");
  if (!p.has_append()) {
    o.remove = true;
    o.key = p.remove();
    into.push_back(std::move(o));
    return;
  }
  if (p.append().has_entry()) problems.error(append / "entry", "not used: say it with record");
  if (!p.append().has_record()) return problems.error(append, "No record specified for append mutation.");
  const auto& value = p.append().record().value();
  if (value.kind_case() != google::protobuf::Value::kStringValue)
    return problems.error(record / "value", "Only string value is allowed for record value.");
  auto f = format::TextFormat::compile(value.string_value(), options);
  if (!f) return problems.error(record / "value", f.error().detail);
  o.value = std::move(*f);
  o.key = p.append().record().key();
  o.action = static_cast<route::HeaderAdd::Action>(p.append().action());
  into.push_back(std::move(o));
}

filters::HeaderMutationConfig compile_mutations(const mutation_v3::Mutations& p, const Path& at, Problems& problems) {
  filters::HeaderMutationConfig o;
  format::FormatOptions options;
  compile_formatters(p.formatters(), at, problems, options);
  compile_header_mutation_steps(p.request_mutations(), at, "request_mutations", problems, o.request, options);
  compile_header_mutation_steps(p.response_mutations(), at, "response_mutations", problems, o.response, options);
  compile_header_mutation_steps(p.request_trailers_mutations(), at, "request_trailers_mutations", problems, o.request_trailers,
                                options);
  compile_header_mutation_steps(p.response_trailers_mutations(), at, "response_trailers_mutations", problems,
                                o.response_trailers, options);
  for (int i = 0; i < p.query_parameter_mutations_size(); ++i)
    compile_query_mutation(p.query_parameter_mutations(i), options, at.at("query_parameter_mutations", i), problems, o.query);
  return o;
}

FilterPtr make_mutation(const mutation_v3::HeaderMutation& p, const FilterPlace& f, CompileContext& c) {
  return std::make_shared<filters::HeaderMutationFactory>(compile_mutations(p.mutations(), f.config / "mutations", c.problems),
                                                          p.most_specific_header_mutations_wins());
}

OverridePtr mutation_override(const mutation_v3::HeaderMutationPerRoute& p, const Path& at, Problems& problems,
                              const CompileContext&) {
  return std::make_shared<const filters::HeaderMutationConfig>(compile_mutations(p.mutations(), at / "mutations", problems));
}

}  // namespace

void add_mutation_filters(FilterKinds& kinds) { kinds.add<make_mutation, mutation_override>(); }

}  // namespace outrigger::xds
