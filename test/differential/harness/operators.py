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
