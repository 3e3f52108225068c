use sdk_shim_testing::{CalloutScript, Message, TestHost};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A request, and what the proxy knows beside it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request: pseudo-headers first, names in lower case.
    pub request: Message,
    /// What the upstream answers.
    pub response: Message,
    /// The client's address: `source.address`, which authz and canary believe.
    pub client: IpAddr,
    /// The time since 1970-01-01 UTC. It stands still.
    pub now: Duration,
    /// `HTTP/1.1` or `HTTP/2`.
    pub protocol: String,
    /// The endpoint that answers. By default the one of the affinity cookie, else 10.0.0.1:8080.
    pub endpoint: Option<SocketAddr>,
    /// More properties of the request, by their path joined with dots: `connection.mtls`, `xds.route_name`.
    pub properties: BTreeMap<String, Vec<u8>>,
    /// What services that filters ask (keys of tokens, external checks) answer. What is not here cannot be reached.
    pub answers: Vec<Answer>,
}

/// What a cluster answers to HTTP callouts.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The name of the cluster.
    pub cluster: String,
    /// The answer.
    pub response: Message,
}

impl Exchange {
    /// With a response 200, from a client at 192.0.2.10, at noon of 2026-01-01.
    pub fn of(request: Message) -> Self {
        Self {
            request,
            response: Message::response(200),
            client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10)),
            now: Duration::from_secs(1_767_268_800),
            protocol: "HTTP/1.1".to_owned(),
            endpoint: None,
            properties: BTreeMap::new(),
            answers: Vec::new(),
        }
    }

    /// Prepares a host for this exchange, whose background tasks stay as they are. Filter state of filters before this one is
    /// `state`.
    pub(crate) fn prepare(&self, host: &mut TestHost, state: &BTreeMap<String, Vec<u8>>) {
        let scheme = self.request.header(":scheme").unwrap_or(b"http");
        let endpoint = self.endpoint.map_or_else(|| DEFAULT_ENDPOINT.to_owned(), |it| it.to_string());
        let known = [
            ("source.address", SocketAddr::new(self.client, 40_000).to_string()),
            ("destination.address", "10.0.0.2:8443".to_owned()),
            ("upstream.address", endpoint),
            ("request.protocol", self.protocol.clone()),
            ("request.scheme", String::from_utf8_lossy(scheme).into_owned()),
            ("request.method", self.text(":method")),
            ("request.host", self.text(":authority")),
            ("request.path", self.text(":path")),
            ("response.code_details", "via_upstream".to_owned()),
        ];
        host.properties = known.map(|(path, value)| (path.to_owned(), value.into_bytes())).into();
        host.properties
            .insert("response.code".to_owned(), u64::from(self.response.status()).to_le_bytes().into());
        host.properties.extend(self.properties.clone());
        host.filter_state.clone_from(state);
        host.logs.clear();
        host.calls.clear();
        host.grpc_calls.clear();
        host.now = self.now;
        host.script = self
            .answers
            .iter()
            .map(|answer| CalloutScript::new(&answer.cluster, answer.response.clone()))
            .collect();
        // Nobody waits for what does not come.
        host.patience = Some(Duration::from_secs(120));
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.request.header(name).unwrap_or_default()).into_owned()
    }
}

pub(crate) const DEFAULT_ENDPOINT: &str = "10.0.0.1:8080";
