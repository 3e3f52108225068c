use crate::authz::Decision;
use sdk_shim_http::{Headers, split_target};
use serde_json::{Map, Value};

/// What the line says beside what the request and the decision say themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Remarks<'a> {
    /// What decided, as in the details of the response.
    pub reason: &'a str,
    /// The AUDIT policy that matched.
    pub audit: Option<&'a str>,
    /// What would have decided, if dry-run policies were enforced.
    pub dry_run: Option<&'a str>,
    /// The client's address.
    pub client: Option<std::net::IpAddr>,
}

/// A decision as a line of JSON. It has no value of a header but the host, no query and no body: credentials stand there.
pub fn record(
    headers: &Headers,
    is_allowed: bool,
    consumer: Option<&str>,
    principal: Option<&str>,
    remarks: Remarks<'_>,
) -> String {
    let text = |name: &str| shown(headers.get(name).unwrap_or_default());
    let (path, _) = split_target(headers.get(":path").unwrap_or_default());
    // What stands before an `@` would be a name and a password.
    let host = headers.get(":authority").unwrap_or_default();
    let host = host.rsplit(|byte| *byte == b'@').next().unwrap_or_default();
    let mut line = Map::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            line.insert(name.to_owned(), Value::String(value));
        }
    };
    add("decision", Some(if is_allowed { "allow" } else { "deny" }.to_owned()));
    add("reason", Some(remarks.reason.to_owned()));
    add("method", Some(text(":method")));
    add("host", Some(shown(host)));
    add("path", Some(shown(path)));
    add("client", remarks.client.map(|address| address.to_string()));
    add("consumer", consumer.map(str::to_owned));
    add("principal", principal.map(|principal| shown(principal.as_bytes())));
    add("audit", remarks.audit.map(str::to_owned));
    add("dry_run", remarks.dry_run.map(str::to_owned));
    Value::Object(line).to_string()
}

impl Decision<'_> {
    /// Whose token the request carries, as `requestPrincipals` have it: issuer and subject.
    pub fn principal(&self) -> Option<String> {
        let claims = self.identity.as_ref()?.claims();
        Some(format!("{}/{}", claims.issuer, claims.subject))
    }
}

/// A text of a bounded length, of printable ASCII only.
pub fn shown(text: &[u8]) -> String {
    const MAX_BYTES: usize = 200;
    text.get(..MAX_BYTES).unwrap_or(text).escape_ascii().to_string()
}
