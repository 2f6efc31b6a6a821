"""Log formats of many operators, each as a field of its own."""

# What can be asked about a connection.
CONNECTION = {k: f"%{v}%" for k, v in {
    "protocol": "PROTOCOL", "code": "RESPONSE_CODE", "flags": "RESPONSE_FLAGS", "long": "RESPONSE_FLAGS_LONG",
    "details": "RESPONSE_CODE_DETAILS", "term": "CONNECTION_TERMINATION_DETAILS", "received": "BYTES_RECEIVED", "sent": "BYTES_SENT",
    "cluster": "UPSTREAM_CLUSTER", "raw": "UPSTREAM_CLUSTER_RAW", "host": "UPSTREAM_HOST", "host_name": "UPSTREAM_HOST_NAME",
    "attempts": "UPSTREAM_REQUEST_ATTEMPT_COUNT", "failure": "UPSTREAM_TRANSPORT_FAILURE_REASON",
    "local_close": "DOWNSTREAM_LOCAL_CLOSE_REASON", "down_close": "DOWNSTREAM_DETECTED_CLOSE_TYPE", "up_close": "UPSTREAM_DETECTED_CLOSE_TYPE",
    "up_local_close": "UPSTREAM_LOCAL_CLOSE_REASON", "up_local": "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
    "down_local": "DOWNSTREAM_LOCAL_ADDRESS", "down_remote": "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
    "direct": "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", "sni": "REQUESTED_SERVER_NAME", "route": "ROUTE_NAME", "chain": "FILTER_CHAIN_NAME",
    "type": "ACCESS_LOG_TYPE", "down_wire_rx": "DOWNSTREAM_WIRE_BYTES_RECEIVED", "down_wire_tx": "DOWNSTREAM_WIRE_BYTES_SENT",
    "up_wire_rx": "UPSTREAM_WIRE_BYTES_RECEIVED", "up_wire_tx": "UPSTREAM_WIRE_BYTES_SENT", "up_protocol": "UPSTREAM_PROTOCOL",
    "method": "REQ(:METHOD)", "resp": "RESP(x)", "trailer": "TRAILER(x)", "transport": "DOWNSTREAM_TRANSPORT_FAILURE_REASON",
    "vcluster": "VIRTUAL_CLUSTER_NAME", "request_duration": "REQUEST_DURATION", "response_duration": "RESPONSE_DURATION",
    "tx_duration": "RESPONSE_TX_DURATION", "request_tx": "REQUEST_TX_DURATION", "grpc": "GRPC_STATUS", "body": "LOCAL_REPLY_BODY"}.items()}

# What can be asked about a request, save what is different each time.
HTTP = {**{k: v for k, v in CONNECTION.items() if "DURATION" not in v}, **{k: f"%{v}%" for k, v in {
    "req": "REQ(x-a)", "req_missing": "REQ(x-nope)", "req_else": "REQ(x-nope?x-a)", "req_cut": "REQ(x-a):2", "req_cut_0": "REQ(x-a):0", "req_long": "REQUEST_HEADER(X-A)",
    "method": "REQ(:METHOD)", "path": "REQ(:PATH)", "authority": "REQ(:AUTHORITY)", "scheme": "REQ(:SCHEME)",
    "resp": "RESP(x-r)", "resp_missing": "RESP(x-nope)", "resp_else": "RESP(nope?x-r):3", "resp_long": "RESPONSE_HEADER(x-r)", "status": "RESP(:STATUS)",
    "trailer": "TRAILER(x-t)", "trailer_long": "RESPONSE_TRAILER(x-t?x)", "route": "ROUTE_NAME",
    "path_plain": "PATH", "path_wq": "PATH(WQ)", "path_nq": "PATH(NQ)", "path_orig": "PATH(WQ:ORIG)", "path_now": "PATH(WQ:PATH)", "path_either": "PATH(NQ:ORIG_OR_PATH)", "path_cut": "PATH:3",
    "query": "QUERY_PARAM(q)", "query_missing": "QUERY_PARAM(nope)", "query_cut": "QUERY_PARAM(q):1", "queries": "QUERY_PARAMS", "queries_orig": "QUERY_PARAMS(ORIG)",
    "queries_decoded": "QUERY_PARAMS(DECODED)", "queries_cut": "QUERY_PARAMS:4",
    "req_header_bytes": "REQUEST_HEADERS_BYTES", "resp_header_bytes": "RESPONSE_HEADERS_BYTES", "resp_trailer_bytes": "RESPONSE_TRAILERS_BYTES",
    "down_header_rx": "DOWNSTREAM_HEADER_BYTES_RECEIVED", "down_header_tx": "DOWNSTREAM_HEADER_BYTES_SENT",
    "up_header_rx": "UPSTREAM_HEADER_BYTES_RECEIVED", "up_header_tx": "UPSTREAM_HEADER_BYTES_SENT",
    "down_plain_rx": "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", "down_plain_tx": "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT",
    "up_plain_rx": "UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", "up_plain_tx": "UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT",
    "up_local_no_port": "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "up_local_net": "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(8)", "up_remote": "UPSTREAM_REMOTE_ADDRESS",
    "up_remote_no_port": "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "up_remote_net": "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)", "up_remote_port": "UPSTREAM_REMOTE_PORT",
    "host_name_no_port": "UPSTREAM_HOST_NAME_WITHOUT_PORT", "hosts_attempted": "UPSTREAM_HOSTS_ATTEMPTED", "hosts_attempted_no_port": "UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT",
    "names_attempted": "UPSTREAM_HOST_NAMES_ATTEMPTED", "names_attempted_no_port": "UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT",
    "up_server_name": "UPSTREAM_SERVER_NAME", "up_internal": "UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID", "up_tls": "UPSTREAM_TLS_VERSION",
    "down_direct_local": "DOWNSTREAM_DIRECT_LOCAL_ADDRESS", "down_direct_local_no_port": "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT", "down_direct_local_port": "DOWNSTREAM_DIRECT_LOCAL_PORT",
    "down_local_no_port": "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "down_local_net": "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(8)", "down_local_port": "DOWNSTREAM_LOCAL_PORT",
    "down_remote_net": "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)", "down_remote_bad_net": "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(99)",
    "down_internal": "DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID",
    "sni_first": "REQUESTED_SERVER_NAME(SNI_FIRST)", "sni_host_first": "REQUESTED_SERVER_NAME(HOST_FIRST:ORIG)", "sni_only": "REQUESTED_SERVER_NAME(SNI_ONLY)",
    "details_spaces": "RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)", "metadata": "METADATA(ROUTE:a:b)", "dynamic": "DYNAMIC_METADATA(a)", "state": "FILTER_STATE(a)", "state_plain": "FILTER_STATE(a:PLAIN)",
    "state_typed": "FILTER_STATE(a:TYPED)", "state_field": "FILTER_STATE(a:FIELD:b)", "up_state": "UPSTREAM_FILTER_STATE(a)",
    "grpc": "GRPC_STATUS", "grpc_snake": "GRPC_STATUS(SNAKE_STRING)", "grpc_number": "GRPC_STATUS(NUMBER)", "grpc_number_too": "GRPC_STATUS_NUMBER",
    "environment": "ENVIRONMENT(OUTRIGGER_TEST_NOPE)", "home": "ENVIRONMENT(DIFFERENTIAL):3", "body": "LOCAL_REPLY_BODY", "trace": "TRACE_ID", "span": "SPAN_ID",
    "unique": "UNIQUE_ID", "stream": "STREAM_ID", "custom": "CUSTOM_FLAGS", "type": "ACCESS_LOG_TYPE", "ja3": "TLS_JA3_FINGERPRINT", "ja4": "TLS_JA4_FINGERPRINT",
    "coalesce": 'COALESCE({"operators":[{"command":"REQ","param":"nope"},"PROTOCOL"]})',
    "peer_uri": "DOWNSTREAM_PEER_URI_SAN", "peer_subject": "DOWNSTREAM_PEER_SUBJECT", "local_uri": "DOWNSTREAM_LOCAL_URI_SAN", "tls": "DOWNSTREAM_TLS_VERSION", "cipher": "DOWNSTREAM_TLS_CIPHER",
    "peer_start": "DOWNSTREAM_PEER_CERT_V_START", "up_peer": "UPSTREAM_PEER_SUBJECT", "up_san": "UPSTREAM_LOCAL_URI_SAN",
}.items()}}

# What is a number, different each time, or missing: logged as text, so that digits can be masked.
TIMES = {k: f"%{v}%" for k, v in {
    "duration": "DURATION", "request": "REQUEST_DURATION", "response": "RESPONSE_DURATION", "response_tx": "RESPONSE_TX_DURATION", "request_tx": "REQUEST_TX_DURATION",
    "roundtrip": "ROUNDTRIP_DURATION", "handshake": "DOWNSTREAM_HANDSHAKE_DURATION", "pool": "UPSTREAM_CONNECTION_POOL_READY_DURATION",
    "down": "COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)", "down_rx": "COMMON_DURATION(DS_RX_BEG:DS_RX_END:ns)", "down_tx": "COMMON_DURATION(DS_TX_BEG:DS_TX_END)",
    "up_connect": "COMMON_DURATION(US_CX_BEG:US_CX_END:us)", "up_tls": "COMMON_DURATION(US_CX_END:US_HS_END:us)", "up_tx": "COMMON_DURATION(US_TX_BEG:US_TX_END:ms)",
    "up_rx": "COMMON_DURATION(US_RX_BEG:US_RX_END:us)", "up_body": "COMMON_DURATION(US_RX_BEG:US_RX_BODY_BEG:us)", "up_wait": "COMMON_DURATION(US_TX_END:US_RX_BEG:us)",
    "backwards": "COMMON_DURATION(DS_TX_END:DS_RX_BEG:us)", "same": "COMMON_DURATION(DS_RX_BEG:DS_RX_BEG:us)", "unknown": "COMMON_DURATION(NOPE:DS_TX_END:us)",
    "connection": "CONNECTION_ID", "up_connection": "UPSTREAM_CONNECTION_ID", "up_connections": "UPSTREAM_CONNECTION_IDS_ATTEMPTED",
    "down_port": "DOWNSTREAM_REMOTE_PORT", "direct_port": "DOWNSTREAM_DIRECT_REMOTE_PORT", "up_port": "UPSTREAM_LOCAL_PORT",
    "retransmitted": "BYTES_RETRANSMITTED", "packets": "PACKETS_RETRANSMITTED",
    "start": "START_TIME(%s)", "start_3": "START_TIME(%s.%3f)", "emit": "EMIT_TIME(%s)", "local": "START_TIME_LOCAL(%Y)", "emit_local": "EMIT_TIME_LOCAL(%Y)", "host": "HOSTNAME",
}.items()}
TIMES_TEXT = " ".join(f"{k}={v}" for k, v in TIMES.items())
