// Heads of messages as HTTP/2 fields and back (RFC 9113, 8.3), with the upgrades of HTTP/1 as extended
// CONNECT (RFC 8441). Strings of fields made here live in the head's arena or are static.
#pragma once
#include <vector>
#include "proxy/http/h1_parser.h"
#include "proxy/http/message.h"
#include "proxy/http2/codec.h"

namespace outrigger::http2 {

using Fields = std::vector<Field>;

/// 101 becomes 200.
void response_fields(const http::ResponseHead& head, Fields& out);
/// A request with an upgrade becomes an extended CONNECT.
void request_fields(const http::RequestHead& head, Fields& out);
void trailer_fields(const http::HeaderMap& trailers, Fields& out);

/// Takes one received field.
void add_request_field(http::RequestHead& head, std::string_view name, std::string_view value);
void add_response_field(http::ResponseHead& head, std::string_view name, std::string_view value);
void add_trailer_field(http::HeaderMap& trailers, std::string_view name, std::string_view value);
/// After the last field: crumbs of cookies are joined, Host gives way to :authority, an extended CONNECT
/// becomes an upgrade as in HTTP/1.
void finish_request(http::RequestHead& head, http::Framing& framing);
/// `upgrade`: the request was an upgrade to this protocol; a 2xx answer becomes its 101.
void finish_response(http::ResponseHead& head, std::string_view upgrade);

}  // namespace outrigger::http2
