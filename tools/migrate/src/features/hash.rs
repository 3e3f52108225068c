use crate::nginx;
use crate::reader::Reader;
use serde_json::{Value, json};

/// `upstream-hash-by`: what requests are hashed by, as Envoy's `hash_policy`.
pub(crate) fn hash_policies(reader: &mut Reader<'_>) -> Vec<Value> {
    let Some(text) = reader.text("upstream-hash-by") else { return Vec::new() };
    let mut policies = Vec::new();
    for name in nginx::variables(text) {
        let header = |name: &str| json!({"header": {"header_name": name}});
        let policy = match name {
            // Envoy hashes by the path with the query; nginx' $uri has none.
            "request_uri" | "uri" => header(":path"),
            "host" | "http_host" | "best_http_host" => header(":authority"),
            "request_method" => header(":method"),
            "remote_addr" | "binary_remote_addr" | "the_real_ip" => {
                json!({"connection_properties": {"source_ip": true}})
            }
            _ => match name.split_once('_') {
                Some(("http", header_name)) => header(&header_name.replace('_', "-")),
                Some(("cookie", cookie)) => json!({"cookie": {"name": cookie}}),
                Some(("arg", parameter)) => json!({"query_parameter": {"name": parameter}}),
                _ => {
                    reader.not_carried(
                        "upstream-hash-by",
                        format!("nothing here is ${name}: hash by a header instead"),
                    );
                    return Vec::new();
                }
            },
        };
        if name == "uri" {
            reader.note("upstream-hash-by", "the query is hashed, too");
        }
        policies.push(policy);
    }
    if policies.is_empty() {
        reader.not_carried("upstream-hash-by", "a text without a variable sends everything to one endpoint");
    }
    policies
}
