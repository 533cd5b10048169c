//! Events of API Gateway, as its documentation shows them, for the functions behind it.

use serde_json::{Value, json};

/// A request of the HTTP API (payload format 2.0): `route` as the template has it, and what stands for the parameter in its path.
pub fn http_event(route: &str, parameter: (&str, &str), headers: &Value, body: &str) -> Value {
    let (method, path) = route.split_once(' ').unwrap();
    let path = path.replace(&format!("{{{}}}", parameter.0), parameter.1);
    json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "id",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": "id",
            "routeKey": route,
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390_u64,
        },
        "body": body,
        "pathParameters": { parameter.0: parameter.1 },
        "isBase64Encoded": false,
    })
}

/// An event of the WebSocket API by its type: `CONNECT`, `MESSAGE` or `DISCONNECT`.
pub fn socket_event(event_type: &str, connection: &str) -> Value {
    let route = match event_type {
        "CONNECT" => "$connect",
        "DISCONNECT" => "$disconnect",
        _ => "$default",
    };
    let mut event = json!({
        "requestContext": {
            "routeKey": route,
            "eventType": event_type,
            "extendedRequestId": "ZjZ8-FDQoAMFXJg=",
            "requestTime": "25/Nov/2026:21:22:12 +0000",
            "messageDirection": "IN",
            "stage": "live",
            "connectedAt": 1_764_019_332_211_u64,
            "requestTimeEpoch": 1_764_019_332_213_u64,
            "identity": { "userAgent": "agent", "sourceIp": "192.0.2.1" },
            "requestId": "ZjZ8-FDQoAMFXJg=",
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "connectionId": connection,
            "apiId": "id",
        },
        "isBase64Encoded": false,
    });
    let context = &mut event["requestContext"];
    if event_type == "MESSAGE" {
        context["messageId"] = json!("ZjZ8-deWoAMCJSg=");
    }
    if event_type == "DISCONNECT" {
        context["disconnectStatusCode"] = json!(1001);
        context["disconnectReason"] = json!("Going away");
    }
    event
}
